//! The server that the clients are let loose on, and what it understood of them.

use std::fmt::Write;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::{io, thread};

use bytes::Bytes;
use highwater::http::{HeaderMap, Request, Response, Server, StatusCode};
use highwater::mark::READ_BYTES;
use highwater::net::RunningServer;
use highwater::{Error, HighWaterMark};
use sha2::{Digest, Sha256};

use crate::support::pattern;

/// What `/large` answers, and what is uploaded: many times what waits on the way.
pub(crate) static LARGE: LazyLock<Bytes> = LazyLock::new(|| pattern(3 << 20).into());

const MARK_BYTES: usize = 64 * 1024;

pub(crate) struct Site {
    pub(crate) server: RunningServer,
    told: Arc<Mutex<Vec<Error>>>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let server = Server::bind("127.0.0.1:0")
            .unwrap()
            .on_event(move |event| tell.lock().unwrap().push(event.error().clone()))
            .spawn(answer)
            .unwrap();
        Self { server, told }
    }

    pub(crate) fn host(&self) -> String {
        self.server.local_addr().unwrap().to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    /// Stops it. Gives the number of connections that there were, and what went wrong with them.
    pub(crate) fn ended(self) -> (u64, Vec<String>) {
        let counts = self.server.stop().unwrap();
        assert_eq!(counts.open, 0, "{counts:?}");
        let told = self.told.lock().unwrap();
        assert_eq!(counts.failed, told.len() as u64, "{counts:?} {told:?}");
        assert_eq!(counts.finished + counts.failed, counts.accepted);
        (
            counts.accepted,
            told.iter().map(|error| format!("{error:#}")).collect(),
        )
    }
}

fn answer(mut request: Request, mut response: Response) -> Result<(), Error> {
    match request.path() {
        "/told" => {
            let said = understood(&mut request)?;
            response.send(said)
        }
        "/large" => large(response),
        "/refused" => response.status(StatusCode::FORBIDDEN).send("no\n"),
        "/hinted" => {
            let mut links = HeaderMap::new();
            links.insert("link", "</a.css>; rel=preload".parse().unwrap());
            response.inform(StatusCode::EARLY_HINTS, &links)?;
            response.send("page\n")
        }
        // Whoever reads them must see that they are not whole.
        "/cut" => cut(response),
        "/cut-length" => cut(response.length(1 << 20)),
        "/upgraded" => {
            let (read, written) = response.upgrade(request, "echo", mark())?.split();
            read.pipe_to(written)
        }
        path => {
            response.header("content-type", "text/plain")?;
            let path = format!("{path}\n");
            response.send(path)
        }
    }
}

fn mark() -> HighWaterMark<highwater::mark::InBytes> {
    HighWaterMark::bytes(MARK_BYTES)
}

/// What came, in a line: method, version, how long the body was said to be and is, its hash, and
/// the trailer `x-sum`.
pub(crate) fn understood(request: &mut Request) -> Result<String, Error> {
    let mut said = format!("{} {:?}", request.method(), request.version());
    let body = request.body();
    match body.length() {
        Some(length) => write!(said, " {length}").map_err(io::Error::other)?,
        None => said.push_str(" chunked"),
    }
    let mut hash = Sha256::new();
    let mut bytes = 0;
    for chunk in &mut *body {
        let chunk = chunk?;
        assert!(chunk.len() <= READ_BYTES, "{} bytes at once", chunk.len());
        bytes += chunk.len();
        hash.update(&chunk);
    }
    let sum = body.trailers().and_then(|trailers| trailers.get("x-sum"));
    let sum = sum.map_or("none", |sum| sum.to_str().unwrap_or("?"));
    let hash = hex(hash);
    write!(said, " {bytes} {hash} {sum}").map_err(io::Error::other)?;
    Ok(said)
}

pub(crate) fn hex(hash: Sha256) -> String {
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn hash_of(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// The line for a body in chunks.
pub(crate) fn told_in_chunks(method: &str, body: &[u8], sum: &str) -> String {
    let hash = hash_of(body);
    format!("{method} HTTP/1.1 chunked {} {hash} {sum}", body.len())
}

/// The line for a body whose length was said.
pub(crate) fn told_with_length(method: &str, body: &[u8]) -> String {
    let (length, hash) = (body.len(), hash_of(body));
    format!("{method} HTTP/1.1 {length} {length} {hash} none")
}

/// Writes as much as there is room for, and then the hash behind it.
fn large(mut response: Response) -> Result<(), Error> {
    let trailers = response.trailers();
    let mut out = response.writable(mark());
    for start in (0..LARGE.len()).step_by(READ_BYTES) {
        let end = LARGE.len().min(start + READ_BYTES);
        out.write(LARGE.slice(start..end))?;
        assert!(out.len() <= MARK_BYTES + READ_BYTES, "{} wait", out.len());
    }
    trailers.set("x-sum", hash_of(&LARGE))?;
    out.finish().map(drop)
}

/// Sends something, and no end.
fn cut(response: Response) -> Result<(), Error> {
    let mut out = response.writable(mark());
    out.write(LARGE.slice(..1000))?;
    out.flush()?;
    Err(Error::other("broken off"))
}

/// Says whether a program runs with these arguments; if not, what is skipped.
pub(crate) fn has(program: &str, args: &[&str]) -> bool {
    let tried = Command::new(program).args(args).output();
    let has = tried.is_ok_and(|tried| tried.status.success());
    if !has {
        eprintln!("SKIPPED: there is no {program} that does {args:?}");
    }
    has
}

/// Runs a client that is given `input`. It has to do well, and to end by itself.
#[track_caller]
pub(crate) fn run(command: &mut Command, input: &'static [u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that is refused takes no more of it.
    let fed = thread::spawn(move || {
        let _ = io::Write::write_all(&mut stdin, input);
    });
    let output = child.wait_with_output().unwrap();
    fed.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}
