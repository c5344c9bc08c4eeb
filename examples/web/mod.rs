//! What every one of these servers needs: to be stopped by a signal, and to tell what it does.

use std::io::ErrorKind as Io;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use highwater::http::{Request, Response, Server};
use highwater::net::{ServerEvent, ServerHandle};
use highwater::{Error, ErrorKind};

use crate::shell::{self, Interrupted, complain};

/// Serves until a signal comes. At the first one what is being answered may finish; at the second
/// it is broken off. `what` is served.
pub(crate) fn run(
    server: Server,
    what: &str,
    answer: impl Fn(Request, Response) -> Result<(), Error> + Send + Sync + 'static,
) -> Result<Option<Interrupted>, Error> {
    let running = server.on_event(tell).spawn(answer)?;
    let first = Arc::new(OnceLock::new());
    let handle = running.handle().clone();
    let seen = Arc::clone(&first);
    let signals = shell::on_signal(move |signal| match seen.set(signal) {
        Ok(()) => stop(&handle),
        Err(again) => handle.abort(again),
    })?;
    if let Some(addr) = running.local_addr() {
        complain(format_args!("serving {what} at http://{addr}/"));
    }
    let counts = running.join();
    signals.close();
    let counts = counts?;
    if counts.aborted > 0 {
        let cut = counts.aborted;
        complain(format_args!("{cut} connections had not finished in time"));
    }
    Ok(first.get().copied())
}

fn stop(server: &ServerHandle) {
    server.stop();
    let open = server.counts().open;
    if open > 0 {
        complain(format_args!("waiting for {open} connections"));
    }
}

/// What went wrong with a connection: it is the end of no other one.
fn tell(event: &ServerEvent) {
    complain(format_args!("{event}"));
}

/// Tells the error, with what to try, and makes the exit status of it or of the signal.
pub(crate) fn exit_code(outcome: Result<Option<Interrupted>, Error>) -> ExitCode {
    let error = match outcome {
        Ok(signal) => {
            return signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(signal.status()));
        }
        Err(error) => error,
    };
    complain(format_args!("{error:#}"));
    if let Some(hint) = hint(&error) {
        complain(format_args!("  {hint}"));
    }
    ExitCode::FAILURE
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::Io(Io::AddrInUse) => {
            "somebody listens there already; see --listen, or take port 0"
        }
        ErrorKind::Io(Io::PermissionDenied) => {
            "ports below 1024 need a right that you may not have"
        }
        ErrorKind::Io(Io::NotFound) => "is the folder there?",
        _ => return None,
    })
}
