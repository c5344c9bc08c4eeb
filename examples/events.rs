//! A stream of events (server-sent events): what anybody posts, every page that is open shows.
//!
//! ```text
//! cargo run --release --example events
//! curl -N http://127.0.0.1:8080/events
//! curl -d hello http://127.0.0.1:8080/events
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/number.rs"]
mod number;
mod shell;
mod web;

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use highwater::http::files::Prepared;
use highwater::http::{Limits, Method, Request, Response, Sent, Server, StatusCode};
use highwater::{
    BranchPolicy, Broadcast, Bytes, Error, ErrorKind, HighWaterMark, Writable, broadcast, net,
};

use asked::asked;
use number::given;
use shell::Interrupted;
use web::Answered;

const HELP: &str = "\
A stream of events over HTTP/1.1, which browsers know as EventSource.

usage: events [options]

  GET  /        a page that shows the events
  GET  /events  the events, for as long as one listens
  POST /events  makes its body, a text of any lines, an event

options
  --listen HOST:PORT  where, or a port of this machine alone [127.0.0.1:8080]; 0 takes a free one
  --connections N     so many listeners at once; others wait to be accepted [1000]
  --behind N          a listener may be so many events behind; then it misses the oldest, and is
                      told how many [64]
  --quiet SECONDS     after so long without an event a comment is sent, so that a listener who has
                      gone is noticed [15]
  --no-log            no line on standard error for each request
  --help, --version

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM, 129 after
SIGHUP";

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
struct Options {
    listen: String,
    connections: usize,
    behind: usize,
    quiet: Duration,
    logged: bool,
}

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    web::exit_code(serve(&options))
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options {
        listen: "127.0.0.1:8080".to_owned(),
        connections: 1000,
        behind: 64,
        quiet: Duration::from_secs(15),
        logged: true,
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("listen") => options.listen = given(&mut args, "--listen", web::place)?,
            Long("connections") => {
                options.connections = given(&mut args, "--connections", number::count)?;
            }
            Long("behind") => options.behind = given(&mut args, "--behind", number::count)?,
            Long("quiet") => options.quiet = given(&mut args, "--quiet", a_while)?,
            Long("no-log") => options.logged = false,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

/// A time that is long enough to be waited for, so that not all that is sent is comments.
fn a_while(text: &str) -> Result<Duration, String> {
    match number::seconds(text)? {
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
    let door = net::Server::bind(options.listen.as_str())?
        .connections(options.connections)
        .grace(Duration::from_secs(5));
    let limits = Limits::default().body_bytes(LONGEST as u64);
    let stage = Stage {
        events: Mutex::new(broadcast(HighWaterMark::items(options.behind)).keep_open()),
        policy: BranchPolicy::DropOldest(options.behind),
        quiet: options.quiet,
    };
    let answer = move |request: Request, response: Response| stage.answer(request, response);
    let server = Server::on(door).limits(limits);
    web::run(server, "events", options.logged, answer)
}

/// Where events come from, and who listens.
struct Stage {
    events: Mutex<Broadcast<Arc<str>>>,
    policy: BranchPolicy,
    quiet: Duration,
}

impl Stage {
    fn answer(&self, request: Request, mut response: Response) -> Result<Answered, Error> {
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

    fn post(&self, mut request: Request, response: Response) -> Result<Answered, Error> {
        let body = request.body().to_bytes(LONGEST)?;
        let Ok(event) = std::str::from_utf8(&body) else {
            let said = "an event is text, in UTF-8\n";
            return text(response, StatusCode::BAD_REQUEST, said);
        };
        let event = Arc::from(event);
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // It never waits: a listener that is too far behind misses something.
        events.write(event)?;
        drop(events);
        text(response, StatusCode::NO_CONTENT, "")
    }

    /// Sends what comes, until whoever listens has gone.
    fn listen(&self, request: &Request, mut response: Response) -> Result<Answered, Error> {
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
fn end(out: Writable<Bytes, Sent>) -> Result<Answered, Error> {
    let bytes = out.finish()?.bytes();
    let status = StatusCode::OK;
    Ok(Answered { status, bytes })
}

fn text(response: Response, status: StatusCode, text: &'static str) -> Result<Answered, Error> {
    response.status(status).send(text)?;
    let bytes = text.len() as u64;
    Ok(Answered { status, bytes })
}
