//! Copies one source to any number of files and sockets at once, and takes its hash on the way.
//!
//! ```text
//! cargo run --release --example tee -- Cargo.lock target/one.copy target/two.copy
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

use highwater::{Bytes, CancelToken, Error, IntoSink, Sink, Source, fs, net, pipeline};

use asked::asked;
use hash::hashed;
use shell::complain;

const HELP: &str = "\
Copies SRC to every DST at once, and writes its SHA-256 to standard output, as sha256sum does.

usage: tee [options] SRC DST [DST...]

SRC is a file, or - for standard input. DST is a file, tcp://HOST:PORT or unix:PATH. The slowest of
them paces all; a failure of one is a failure of the whole, and says which.

options
  --append    writes behind what is in a file
  --progress  shows a bar, if standard error is a terminal
  --report    says at the end what each stage did, and which one held the others up
  --help

exit status: 0 if every DST has everything, 1 after an error, 2 for a wrong call, 130 after Ctrl-C,
143 after SIGTERM";

/// What the command line asks for.
#[derive(Default)]
struct Options {
    append: bool,
    progress: bool,
    report: bool,
    from: String,
    to: Vec<String>,
}

/// For how long a peer that has got everything may be silent before its socket is closed.
const SILENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let token = CancelToken::new();
    let outcome = shell::cancel_on_signal(&token)
        .map_err(Error::from)
        .and_then(|signals| {
            let outcome = tee(&options, &token);
            signals.close();
            outcome
        });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    complain(format_args!("{error:#}"));
    shell::signal_status(&error).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options::default();
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("append") => options.append = true,
            Long("progress") => options.progress = true,
            Long("report") => options.report = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(place.string()?),
            other => return Err(other.unexpected()),
        }
    }
    if places.len() < 2 {
        return Err(format!("SRC and a DST are wanted, {} given", places.len()).into());
    }
    options.from = places.remove(0);
    options.to = places;
    Ok(Some(options))
}

fn tee(options: &Options, token: &CancelToken) -> Result<(), Error> {
    // The source first: if it is not there, no destination is touched.
    let source = match options.from.as_str() {
        "-" => fs::stdin()?,
        path => fs::read(path)?,
    };
    let bar = shell::bar(options.progress, source.len_hint());
    let (tell, hash) = mpsc::channel();
    let mut sinks = options.to.iter().map(|place| open(place, options, token));
    let last = sinks.next_back().transpose()?;
    let mut begun = hashed(pipeline(source).cancel_with(token), tell);
    for sink in sinks {
        begun = begun.tee(sink?);
    }
    let moved = bar.clone();
    let outcome = begun
        .progress_every(Duration::from_millis(50), move |progress| {
            moved.set_position(progress.bytes);
        })
        .to(last.ok_or_else(|| Error::other("no destination"))?)
        .run();
    bar.finish_and_clear();
    let report = outcome?;
    if options.report {
        complain(format_args!("\n{report}"));
    }
    if let Ok(hash) = hash.recv() {
        writeln!(stdout(), "{hash}  {}", options.from)?;
    }
    Ok(())
}

fn open(
    place: &str,
    options: &Options,
    token: &CancelToken,
) -> Result<Box<dyn Sink<Bytes>>, Error> {
    let socket = match (place.strip_prefix("tcp://"), place.strip_prefix("unix:")) {
        (Some(host), _) => net::connect(host).cancel_with(token).open()?,
        (None, Some(path)) => net::connect_unix(path).cancel_with(token).open()?,
        (None, None) if options.append => return Ok(Box::new(fs::append(place)?)),
        (None, None) => return Ok(Box::new(fs::create(place)?)),
    };
    Ok(Box::new(socket.into_sink().linger(SILENCE)))
}
