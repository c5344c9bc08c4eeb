//! What a server prints to standard error: a line for each request, and what goes wrong.
//!
//! A server does not wait for the reader of its log: a line for which there is no room is left out,
//! and the next line gives the count of those.

use std::fmt;
use std::io::{Write, stderr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use highwater::http::{Method, Request, StatusCode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Prints a line, under the name of the tool.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    put(&format!("{}: {line}", env!("CARGO_CRATE_NAME")));
}

/// Writes a line, if there is room for it. A pipe has room for a page of memory, or none.
fn put(line: &str) {
    static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
    const LONGEST: usize = 3000;

    let mut stderr = stderr().lock();
    if !has_room(&stderr) {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let mut text = match LEFT_OUT.swap(0, Ordering::Relaxed) {
        0 => String::new(),
        count => {
            let tool = env!("CARGO_CRATE_NAME");
            format!("{tool}: {count} lines are missing here: there was no room for them\n")
        }
    }
    .into_bytes();
    text.extend_from_slice(&line.as_bytes()[..line.len().min(LONGEST)]);
    text.push(b'\n');
    // Standard error that has gone is no reason to stop, nor to panic.
    let _ = stderr.write_all(&text);
}

/// Whether a write would not wait. One that fails does not either.
fn has_room(stderr: &impl AsFd) -> bool {
    let mut wanted = [PollFd::new(stderr, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut wanted, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

/// The line of a request, in the common log format of web servers, before there is a response.
pub(crate) struct Entry {
    host: String,
    request: String,
    has_no_body: bool,
}

impl Entry {
    pub(crate) fn of(request: &Request) -> Self {
        let host = request.peer_addr();
        let target = request.uri().path_and_query();
        let target = target.map_or("*", |target| target.as_str());
        let (method, version) = (request.method(), request.version());
        Self {
            host: host.map_or_else(|| "-".to_owned(), |addr| addr.ip().to_string()),
            request: plain(&format!("{method} {target} {version:?}")),
            has_no_body: method == Method::HEAD,
        }
    }

    /// Prints the line, now that the response has been sent.
    pub(crate) fn print(&self, logged: &Logged) {
        let Self { host, request, .. } = self;
        let status = logged.status.as_u16();
        let time = time();
        let bytes = match logged.bytes {
            0 => "-".to_owned(),
            _ if self.has_no_body => "-".to_owned(),
            bytes => bytes.to_string(),
        };
        put(&format!(
            "{host} - - [{time}] \"{request}\" {status} {bytes}"
        ));
    }
}

/// What the log shows of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) status: StatusCode,
    /// How long the body was.
    pub(crate) bytes: u64,
}

/// The time, as logs write it: `28/Nov/2026:13:01:00 +0000`.
fn time() -> String {
    // Such as `Sat, 28 Nov 2026 13:01:00 GMT`.
    let text = httpdate::fmt_http_date(SystemTime::now());
    let part = |range| text.get(range).unwrap_or_default();
    let (day, month, year) = (part(5..7), part(8..11), part(12..16));
    format!("{day}/{month}/{year}:{} +0000", part(17..25))
}

/// Text of a client, with escapes for what is no plain character or would end the line or a quote.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => plain.extend(['\\', char::from(byte)]),
            b' '..=b'~' => plain.push(char::from(byte)),
            _ => plain.push_str(&format!("\\x{byte:02X}")),
        }
    }
    plain
}
