//! What every one of these tools needs of a shell: a command line, signals, a bar, standard streams,
//! and an exit status.

#![allow(
    dead_code,
    unused_imports,
    reason = "each tool uses a part of what is here"
)]

mod bar;
pub(crate) mod cli;
pub(crate) mod hash;
pub(crate) mod number;
pub(crate) mod place;
mod signals;

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write, stderr, stdin};
use std::os::fd::AsFd;
use std::process::ExitCode;

use highwater::fs::{self, FileSink};
use highwater::{Batch, Bytes, CancelToken, Error, ErrorKind, Sink};
use signal_hook::consts::SIGPIPE;

pub(crate) use bar::bar;
pub(crate) use signals::{Interrupted, on_signal, signal_status};

/// The exit status if the reader of standard output has gone: that of a program which SIGPIPE ends.
pub(crate) const UNREAD: u8 = 128 + SIGPIPE as u8;

/// Writes a line to standard error, under the name of the tool.
pub(crate) fn note(line: fmt::Arguments<'_>) {
    write_stderr(format!("{}: {line}\n", env!("CARGO_CRATE_NAME")));
}

/// Writes text to standard error, and waits for room also if that is set not to block. If nothing
/// reads it any more, that is no reason to stop, nor to panic.
pub(crate) fn write_stderr(text: String) {
    let _ = match stderr().as_fd().try_clone_to_owned() {
        Ok(owned) => write_all(FileSink::from(File::from(owned)), text.into()),
        // Without a descriptor it cannot wait, but the text may be the reason for that.
        Err(_) => stderr().write_all(text.as_bytes()).map_err(Error::from),
    };
}

/// Writes to standard output, and waits for room also if that is set not to block.
pub(crate) fn write_stdout(text: &[u8]) -> Result<(), Error> {
    write_all(fs::stdout()?, Bytes::copy_from_slice(text))
        .map_err(|error| error.during("write to", "stdout"))
}

/// Writes on this thread: where none can be started, that is what is to be printed.
fn write_all(mut sink: FileSink, text: Bytes) -> Result<(), Error> {
    let mut batch = Batch::new();
    let weight = text.len();
    batch.push(text, weight);
    while !batch.is_empty() {
        sink.write(&mut batch)?;
    }
    sink.finish()
}

/// Tells that standard input is a terminal, where a tool is about to read it: without that it would
/// look as if it hung.
pub(crate) fn note_terminal() {
    if stdin().is_terminal() {
        note(format_args!(
            "reading standard input from the terminal; Ctrl-D on a line of its own ends it"
        ));
    }
}

/// Works under a token that the first Ctrl-C aborts, and so does SIGTERM or a closed terminal. The
/// error is that signals cannot be handled.
pub(crate) fn under_signals<R>(work: impl FnOnce(&CancelToken) -> R) -> Result<R, Error> {
    let token = CancelToken::new();
    let aborted = token.clone();
    let handle = on_signal(move |signal| aborted.abort(signal)).map_err(|error| {
        let kind = ErrorKind::Io(error.kind());
        Error::new(kind, format!("failed to handle signals: {error}"))
    })?;
    let done = work(&token);
    handle.close();
    Ok(done)
}

/// Prints an error, with what to try where that is clear, and makes the exit status of it. If the
/// reader of standard output needs no more, as `head`, nothing is printed.
pub(crate) fn failure(error: &Error, hint: Option<String>) -> ExitCode {
    if !is_unread(error) {
        note(format_args!("{error:#}"));
        for other in error.others() {
            note(format_args!("  and then: {other:#}"));
        }
        if let Some(hint) = hint.or_else(|| self::hint(error).map(str::to_owned)) {
            note(format_args!("  {hint}"));
        }
    }
    status(error)
}

/// What to try, where that is the same in every tool.
pub(crate) fn hint(error: &Error) -> Option<&'static str> {
    use std::io::ErrorKind as Io;

    Some(match error.kind() {
        ErrorKind::Io(Io::ConnectionRefused) => "does a server run there, and is that its port?",
        ErrorKind::Io(Io::StorageFull) => "make room, then try again",
        ErrorKind::Io(Io::AddrInUse) => {
            "a server listens there already: take another port, or remove a socket that is left over"
        }
        ErrorKind::Io(Io::PermissionDenied) if error.operation() == Some("listen on") => {
            "ports below 1024 need a right that you may not have"
        }
        _ => return None,
    })
}

/// The exit status of an error: of a signal 128 and its number, also where that is of a pipe that
/// is not read any more; else 1.
pub(crate) fn status(error: &Error) -> ExitCode {
    let unread = is_unread(error).then_some(UNREAD);
    let status = signal_status(error).or(unread);
    status.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Whether the reader of standard output has gone.
pub(crate) fn is_unread(error: &Error) -> bool {
    const NAMES: [&str; 4] = ["stdout", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    let is_broken = error.kind() == ErrorKind::Io(io::ErrorKind::BrokenPipe);
    is_broken && error.stage().is_some_and(|stage| NAMES.contains(&stage))
}
