//! Counts and filters the lines of files and of standard input.
//!
//! ```text
//! cargo run --release --example lines -- --count --matching bytes Cargo.toml
//! ```

mod shell;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::fs::FileSource;
use highwater::{CancelToken, DEFAULT_BYTES, Error, ErrorKind, Source, fs, lines, pipeline};
use memchr::memmem::Finder;
use signal_hook::consts::SIGPIPE;

use shell::complain;

const HELP: &str = "\
Writes the lines of each FILE, or of standard input, and holds a few hundred kilobytes of them.

usage: lines [options] [FILE...]

A FILE of - is standard input. Lines end with \\n or \\r\\n, and are written with \\n.

options
  --matching TEXT  only lines that contain TEXT
  --count          how many lines there are in all, and not the lines
  --max BYTES      the longest that a line may be; a longer one is an error [1048576]
  --progress       shows a bar, if standard error is a terminal
  --help

exit status: 0 if there was such a line, 1 if there was none, 2 after an error or for a wrong call,
130 after Ctrl-C, 143 after SIGTERM, 141 if nobody reads standard output any more";

/// What the command line asks for.
struct Options {
    matching: Vec<u8>,
    count: bool,
    max: usize,
    progress: bool,
    files: Vec<OsString>,
}

const NONE_FOUND: u8 = 1;
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let options = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return said(format_args!("{HELP}"), 0),
        Err(error) => {
            complain(format_args!("{error} (see --help)"));
            return ExitCode::from(FAILED);
        }
    };
    let token = CancelToken::new();
    let signals = match shell::cancel_on_signal(&token) {
        Ok(signals) => signals,
        Err(error) => {
            complain(format_args!("failed to handle signals: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    let found = Arc::new(AtomicU64::new(0));
    let mut failed = None;
    for file in &options.files {
        if let Err(error) = filter(file, &options, &found, &token) {
            let code = exit_code(&error);
            // Of a reader that has had enough, as `head` has, there is nothing to be said.
            if code != 128 + SIGPIPE as u8 {
                tell(file, &error);
            }
            failed = Some(code);
            if code != FAILED {
                break;
            }
        }
    }
    signals.close();
    let found = found.load(Ordering::Relaxed);
    let code = failed.unwrap_or(if found == 0 { NONE_FOUND } else { 0 });
    if options.count && code <= FAILED {
        return said(format_args!("{found}"), code);
    }
    ExitCode::from(code)
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options {
        matching: Vec::new(),
        count: false,
        max: lines::MAX_BYTES,
        progress: false,
        files: Vec::new(),
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("matching") => options.matching = args.value()?.into_encoded_bytes(),
            Long("count") => options.count = true,
            Long("max") => options.max = args.value()?.parse()?,
            Long("progress") => options.progress = true,
            Long("help") | Short('h') => return Ok(None),
            Value(file) => options.files.push(file),
            other => return Err(other.unexpected()),
        }
    }
    if options.files.is_empty() {
        options.files.push("-".into());
    }
    Ok(Some(options))
}

/// Takes one file through the pipeline.
fn filter(
    file: &OsString,
    options: &Options,
    found: &Arc<AtomicU64>,
    token: &CancelToken,
) -> Result<(), Error> {
    let source = open(file)?;
    let bar = shell::bar(options.progress, source.len_hint());
    let text = Finder::new(&options.matching).into_owned();
    let (found, count_only) = (Arc::clone(found), options.count);
    let (moving, weighed) = (bar.clone(), lines::mark(DEFAULT_BYTES));
    let outcome = pipeline(source)
        .cancel_with(token)
        .inspect(move |chunk| moving.inc(chunk.len() as u64))
        .through_with(lines::lines().max_bytes(options.max), weighed)
        .filter(move |line| text.find(line).is_some())
        .filter(move |_| {
            found.fetch_add(1, Ordering::Relaxed);
            !count_only
        })
        .through(lines::append_end("\n"))
        .to(fs::stdout()?)
        .run();
    bar.finish_and_clear();
    outcome?;
    Ok(())
}

fn open(file: &OsString) -> Result<FileSource, Error> {
    if file == "-" {
        fs::stdin()
    } else {
        fs::read(Path::new(file))
    }
}

fn exit_code(error: &Error) -> u8 {
    match (shell::signal_status(error), error.kind()) {
        (Some(status), _) => status,
        // Only one who reads from us can do that: files and pipes that we read cannot.
        (None, ErrorKind::Io(io::ErrorKind::BrokenPipe)) => 128 + SIGPIPE as u8,
        _ => FAILED,
    }
}

/// Writes a line to standard output. Not with `println`, which panics if nobody reads it.
fn said(line: fmt::Arguments<'_>, code: u8) -> ExitCode {
    match writeln!(stdout(), "{line}") {
        Ok(()) => ExitCode::from(code),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::from(128 + SIGPIPE as u8)
        }
        Err(error) => {
            complain(format_args!("failed to write to `stdout`: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Says what is wrong with a file, if the error does not name it itself.
fn tell(file: &OsString, error: &Error) {
    let name = file.to_string_lossy().into_owned();
    if error.stage() == Some(&name) || file == "-" {
        complain(format_args!("{error:#}"));
    } else {
        complain(format_args!("{name}: {error:#}"));
    }
}
