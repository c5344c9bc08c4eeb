//! What every one of these tools needs of a shell: signals, a bar, a word on standard error, and an
//! exit status.

#![allow(
    dead_code,
    unused_imports,
    reason = "each tool uses a part of what is here"
)]

mod bar;
mod signals;

use std::fmt;
use std::io::{self, IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use highwater::{Error, ErrorKind};
use signal_hook::consts::SIGPIPE;

pub(crate) use bar::bar;
pub(crate) use signals::{Interrupted, cancel_on_signal, on_signal, signal_status};

/// The exit status if the reader of standard output has gone: that of a program which SIGPIPE ends.
pub(crate) const UNREAD: u8 = 128 + SIGPIPE as u8;

/// Writes a line to standard error. One that has gone is no reason to stop, nor to panic.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let tool = env!("CARGO_CRATE_NAME");
    let _ = writeln!(stderr(), "{tool}: {line}");
}

/// Writes to standard output. Not with `print`, which panics if its reader has gone.
pub(crate) fn say(text: &[u8]) -> Result<(), Error> {
    let mut stdout = stdout().lock();
    stdout
        .write_all(text)
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::from(error).during("write to", "stdout"))
}

/// Says that standard input is a terminal, where a tool is about to read it: it would look as if it
/// hung.
pub(crate) fn mention_terminal() {
    if stdin().is_terminal() {
        complain(format_args!(
            "reading standard input from the terminal; Ctrl-D on a line of its own ends it"
        ));
    }
}

/// Tells an error, with what to try where that is known, and makes the exit status of it. Of a
/// reader that has had enough, as `head` has, there is nothing to be told.
pub(crate) fn end(error: &Error, hint: Option<String>) -> ExitCode {
    if !is_unread(error) {
        complain(format_args!("{error:#}"));
        for other in error.others() {
            complain(format_args!("  and then: {other:#}"));
        }
        if let Some(hint) = hint {
            complain(format_args!("  {hint}"));
        }
    }
    status(error)
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
