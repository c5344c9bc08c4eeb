//! Sends what one URL gives to another one, with a client that others wrote.
//!
//! ```text
//! cargo run --release --example transfer -- http://127.0.0.1:8080/big http://127.0.0.1:8081/big
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/hash.rs"]
mod hash;
mod shell;

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use highwater::{CancelToken, Error, HighWaterMark, ReadSource, pipeline};
use ureq::{Agent, SendBody};

use asked::asked;
use hash::hashed;
use shell::complain;

const HELP: &str = "\
Gets FROM and puts it to TO, both http:// URLs, and writes its SHA-256 to standard output.

usage: transfer [options] FROM TO

Nothing is kept but what is on the way: FROM is read as fast as TO takes it.

options
  --high BYTES     what is on the way at most [1048576]
  --limit BYTES    no more than so many in a second
  --progress       shows a bar, if standard error is a terminal
  --help

exit status: 0 if TO has said that it has it, 1 after an error, 2 for a wrong call, 130 after
Ctrl-C, 143 after SIGTERM";

/// What the command line asks for.
struct Options {
    high: usize,
    limit: Option<u64>,
    progress: bool,
    from: String,
    to: String,
}

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let token = CancelToken::new();
    let outcome = shell::cancel_on_signal(&token)
        .map_err(Error::from)
        .and_then(|signals| {
            let outcome = transfer(&options, &token);
            signals.close();
            outcome
        });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    complain(format_args!("{error:#}"));
    let signal = token.cause().and_then(|cause| shell::signal_status(&cause));
    signal.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut high, mut limit, mut progress) = (1 << 20, None, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("high") => high = args.value()?.parse()?,
            Long("limit") => limit = Some(args.value()?.parse()?),
            Long("progress") => progress = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(place.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let [from, to] = <[String; 2]>::try_from(places)
        .map_err(|places| format!("FROM and TO are wanted, {} given", places.len()))?;
    Ok(Some(Options {
        high,
        limit,
        progress,
        from,
        to,
    }))
}

fn transfer(options: &Options, token: &CancelToken) -> Result<(), Error> {
    let agent = Agent::from(
        Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .build(),
    );
    let answer = agent.get(&options.from).call();
    let answer = answer.map_err(|error| told(error, "get", &options.from))?;
    let length = answer.body().content_length();
    let bar = shell::bar(options.progress, length);
    let moved = bar.clone();
    let source = ReadSource::new(answer.into_body().into_reader(), options.from.clone());
    let (tell, hash) = mpsc::channel();
    let mut begun = hashed(pipeline(source), tell)
        .high_water_mark(HighWaterMark::bytes(options.high))
        .cancel_with(token)
        .progress_every(Duration::from_millis(50), move |progress| {
            moved.set_position(progress.bytes);
        });
    if let Some(limit) = options.limit {
        begun = begun.limit(limit);
    }
    let mut readable = begun.readable();
    let mut request = agent.put(&options.to);
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    let outcome = request.send(SendBody::from_reader(&mut readable));
    bar.finish_and_clear();
    // What has broken the reading is the cause, and that the sending broke off its echo.
    if let Some(cause) = readable.error() {
        return Err(cause);
    }
    outcome.map_err(|error| told(error, "put", &options.to))?;
    let hash = hash.recv().map_err(Error::other)?;
    writeln!(stdout(), "{hash}  {}", options.to)?;
    Ok(())
}

fn told(error: ureq::Error, what: &'static str, url: &str) -> Error {
    Error::other(error).during(what, url)
}
