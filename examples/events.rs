//! A stream of events (server-sent events): what is posted, every page that is open shows.
//!
//! ```text
//! cargo run --release --example events
//! curl -N http://127.0.0.1:8080/events
//! curl -d hello http://127.0.0.1:8080/events
//! ```

mod shell;
mod web;

use std::ffi::OsStr;
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use highwater::http::files::Prepared;
use highwater::http::{Limits, Method, Request, Response, Sent, StatusCode};
use highwater::stream::BranchPolicy;
use highwater::{Broadcast, Bytes, Error, ErrorKind, HighWaterMark, Writable, broadcast};

use shell::Interrupted;
use shell::cli::{COUNT, Cli, Unit};
use shell::number;
use web::Logged;

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>events</title>
<h1>events</h1><form><input autofocus><button>post</button></form><ol></ol><script>
const add = text => document.querySelector('ol').append(Object.assign(document.createElement('li'), {textContent: text}))
const source = new EventSource('/events')
source.onmessage = event => add(event.data)
source.addEventListener('missed', event => add('(missed ' + event.data + ')'))
document.forms[0].onsubmit = event => {
  const input = document.querySelector('input')
  fetch('/events', {method: 'POST', body: input.value}); input.value = ''; event.preventDefault()
}
</script>
";

/// The longest event, in bytes.
const LONGEST: usize = 64 * 1024;

/// What the command line asks for.
#[derive(Default)]
struct Options {
    common: web::Common,
    behind: usize,
    quiet: Duration,
}

fn main() -> ExitCode {
    let finish = |options, others: Vec<_>| match others.first() {
        Some(other) => Err(format!("unexpected argument {other:?}")),
        None => Ok(options),
    };
    cli().run(finish, |options| web::exit_code(serve(&options)))
}

fn cli() -> Cli<Options> {
    let summary = "A stream of events over HTTP/1.1, which browsers read with EventSource.";
    let cli = Cli::<Options>::new(summary, "[options]")
        .about(
            "  GET  /        a page that shows the events
  GET  /events  the events, for as long as the client listens
  POST /events  makes its body, a text of any lines, an event",
        )
        .value(
            "--behind",
            COUNT,
            "a client may be this many events behind; then it misses the oldest, and gets an event with \
             their count",
            |it, behind| it.behind = behind,
        )
        .default("64")
        .value(
            "--quiet",
            QUIET,
            "after this time without an event a comment is sent, so that a client that has gone is noticed",
            |it, quiet| it.quiet = quiet,
        )
        .default("15");
    web::with_common(cli, "1000", |it| &mut it.common)
}

const QUIET: Unit<Duration> = Unit::new("SECONDS", quiet);

/// A time that is long enough to be waited for, so that not all that is sent is comments.
fn quiet(text: &OsStr) -> Result<Duration, String> {
    let text = text.to_string_lossy();
    match number::seconds(&text)? {
        time if time < SHORTEST => Err(format!(
            "`{text}` is too short: {} at least",
            SHORTEST.as_secs_f64()
        )),
        time => Ok(time),
    }
}

const SHORTEST: Duration = Duration::from_millis(10);

/// Serves until a signal comes, and gives back which.
fn serve(options: &Options) -> Result<Option<Interrupted>, Error> {
    let stage = Stage {
        events: Mutex::new(broadcast(HighWaterMark::items(options.behind)).keep_open()),
        policy: BranchPolicy::DropOldest(options.behind),
        quiet: options.quiet,
    };
    let limits = Limits::default().body_bytes(LONGEST as u64);
    let server = options.common.bind()?.limits(limits);
    let respond = move |request: Request, response: Response| stage.respond(request, response);
    options.common.run(server, "events", respond)
}

/// Where events come from, and the clients that listen.
struct Stage {
    events: Mutex<Broadcast<Arc<str>>>,
    policy: BranchPolicy,
    quiet: Duration,
}

impl Stage {
    fn respond(&self, request: Request, mut response: Response) -> Result<Logged, Error> {
        let method = request.method();
        match (method, request.path()) {
            (&Method::GET | &Method::HEAD, "/") => {
                response.header("content-type", "text/html; charset=utf-8")?;
                text(response, StatusCode::OK, PAGE)
            }
            (&Method::GET | &Method::HEAD, "/events") => self.listen(&request, response),
            (&Method::POST, "/events") => self.post(request, response),
            (_, "/") => {
                let prepared = Prepared::unsupported_method(method, "GET, HEAD, OPTIONS");
                web::send(prepared, method, response)
            }
            (_, "/events" | "*") => {
                let prepared = Prepared::unsupported_method(method, "GET, HEAD, OPTIONS, POST");
                web::send(prepared, method, response)
            }
            _ => text(
                response,
                StatusCode::NOT_FOUND,
                "not here, but / and /events\n",
            ),
        }
    }

    fn post(&self, mut request: Request, response: Response) -> Result<Logged, Error> {
        let body = request.body().to_bytes(LONGEST)?;
        let Ok(event) = std::str::from_utf8(&body) else {
            let message = "an event is text, in UTF-8\n";
            return text(response, StatusCode::BAD_REQUEST, message);
        };
        let event = Arc::from(event);
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // It never waits: a client that is too far behind misses something.
        events.write(event)?;
        drop(events);
        text(response, StatusCode::NO_CONTENT, "")
    }

    /// Sends what comes, until the client has gone.
    fn listen(&self, request: &Request, mut response: Response) -> Result<Logged, Error> {
        response.header("content-type", "text/event-stream")?;
        response.header("cache-control", "no-store")?;
        if request.method() == Method::HEAD {
            return end(response.writable(HighWaterMark::bytes(0)));
        }
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut branch = events.subscribe(self.policy);
        drop(events);
        branch.cancel_with(request.stopping());
        let mut out = response.writable(HighWaterMark::bytes(16 * 1024));
        write!(out, ": here you are\n\n")?;
        let mut missed = 0;
        loop {
            out.flush()?;
            match branch.next_timeout(self.quiet) {
                Ok(Some(event)) => {
                    let so_far = branch.dropped().chunks;
                    if so_far > missed {
                        write!(out, "event: missed\ndata: {}\n\n", so_far - missed)?;
                        missed = so_far;
                    }
                    for line in lines(&event) {
                        writeln!(out, "data: {line}")?;
                    }
                    writeln!(out)?;
                }
                Ok(None) => return end(out),
                Err(error) if error.kind() == ErrorKind::TimedOut => write!(out, ":\n\n")?,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The lines of a text, of which there is one at least, and one behind a last line end.
///
/// A client takes CR, LF and both together for the end of a line (HTML, section 9.2.6), so that a CR
/// which was sent on would end the line of `data`, and what stands behind it could be any field.
fn lines(mut text: &str) -> impl Iterator<Item = &str> {
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let Some(end) = text.find(['\r', '\n']) else {
            is_over = true;
            return Some(text);
        };
        let (line, rest) = text.split_at(end);
        text = rest.strip_prefix("\r\n").unwrap_or_else(|| &rest[1..]);
        Some(line)
    })
}

/// Ends a stream of events.
fn end(out: Writable<Bytes, Sent>) -> Result<Logged, Error> {
    let bytes = out.finish()?.bytes();
    let status = StatusCode::OK;
    Ok(Logged { status, bytes })
}

fn text(response: Response, status: StatusCode, text: &'static str) -> Result<Logged, Error> {
    response.status(status).send(text)?;
    let bytes = text.len() as u64;
    Ok(Logged { status, bytes })
}
