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
#[expect(dead_code, reason = "a bar is for one stream, and here are many")]
mod shell;
mod web;

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use highwater::http::{Limits, Method, Request, Response, Server, StatusCode};
use highwater::{BranchPolicy, Broadcast, Bytes, Error, ErrorKind, HighWaterMark, broadcast, net};

use asked::asked;
use shell::Interrupted;

const HELP: &str = "\
A stream of events over HTTP/1.1, which browsers know as EventSource.

usage: events [options]

  GET  /        a page that shows the events
  GET  /events  the events, for as long as one listens
  POST /events  makes its body, a line of text, an event

options
  --listen HOST:PORT  where [127.0.0.1:8080]; port 0 takes a free one
  --connections N     so many listeners at once; others wait to be accepted [1000]
  --behind N          a listener may be so many events behind; then it misses the oldest, and is
                      told how many [64]
  --quiet SECONDS     after so long without an event a comment is sent, so that a listener who has
                      gone is noticed [15]
  --help

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM";

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
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("listen") => options.listen = args.value()?.string()?,
            Long("connections") => options.connections = args.value()?.parse_with(number::count)?,
            Long("behind") => options.behind = args.value()?.parse_with(number::count)?,
            Long("quiet") => options.quiet = args.value()?.parse_with(number::seconds)?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

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
    web::run(Server::on(door).limits(limits), "events", answer)
}

/// Where events come from, and who listens.
struct Stage {
    events: Mutex<Broadcast<Arc<str>>>,
    policy: BranchPolicy,
    quiet: Duration,
}

impl Stage {
    fn answer(&self, request: Request, mut response: Response) -> Result<(), Error> {
        match (request.method(), request.path()) {
            (&Method::GET, "/") => {
                response.header("content-type", "text/html; charset=utf-8")?;
                response.send(PAGE)
            }
            (&Method::GET, "/events") => self.listen(&request, response),
            (&Method::POST, "/events") => self.post(request, response),
            _ => response.status(StatusCode::NOT_FOUND).send("not here\n"),
        }
    }

    fn post(&self, mut request: Request, response: Response) -> Result<(), Error> {
        let body = request.body().to_bytes(LONGEST)?;
        let Ok(text) = std::str::from_utf8(&body) else {
            return response
                .status(StatusCode::BAD_REQUEST)
                .send("an event is text, in UTF-8\n");
        };
        let event = Arc::from(text);
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // It never waits: whoever is too far behind misses something.
        events.write(event)?;
        drop(events);
        response.status(StatusCode::NO_CONTENT).send(Bytes::new())
    }

    /// Sends what comes, until whoever listens has gone.
    fn listen(&self, request: &Request, mut response: Response) -> Result<(), Error> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut branch = events.subscribe(self.policy);
        drop(events);
        branch.cancel_with(request.stopping());
        response.header("content-type", "text/event-stream")?;
        response.header("cache-control", "no-store")?;
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
                    for line in event.lines() {
                        writeln!(out, "data: {line}")?;
                    }
                    writeln!(out)?;
                }
                Ok(None) => return out.finish().map(drop),
                Err(error) if error.kind() == ErrorKind::TimedOut => write!(out, ":\n\n")?,
                Err(error) => return Err(error),
            }
        }
    }
}
