//! How a connection has ended: counted once, and reported unless it ended well.

use std::io;
use std::sync::atomic::Ordering;

use super::connection::StopHandle;
use super::event::ServerEvent;
use super::handle::Control;
use super::reporter::Ending;
use crate::error::{Error, ErrorKind};

/// Counts how a connection has ended, and reports it if that was not well and was not reported so far.
/// It is open no more.
pub(super) fn settle(
    control: &Control,
    outcome: Result<(), Error>,
    peer: String,
    stop_handle: &StopHandle,
) {
    let stats = &control.stats;
    let (ending, failure) = (stop_handle.reporter().ending(), outcome.err());
    let cause = stop_handle.cause();
    // A panic is a failure even behind the last response.
    let is_panic = |error: &Error| error.kind() == ErrorKind::Panicked;
    let ending = if failure.as_ref().is_some_and(is_panic) {
        Ending::Unreported
    } else {
        ending
    };
    let was_aborted = |error: &Error| cause.is_some() && error.kind() == ErrorKind::Cancelled;
    let count = match (&failure, ending) {
        // An idle connection that is closed behind its last response has not failed.
        (None, Ending::Unreported) | (_, Ending::Finished) => &stats.finished,
        (Some(error), Ending::Unreported) if was_aborted(error) => &stats.aborted,
        (Some(error), Ending::Unreported) if is_break_of(error, &peer) => &stats.disconnected,
        (Some(_), Ending::Unreported) | (_, Ending::Failed) => &stats.failed,
        (_, Ending::Refused) => &stats.refused,
        (_, Ending::Disconnected) => &stats.disconnected,
    };
    count.fetch_add(1, Ordering::SeqCst);
    if let (Some(mut error), Ending::Unreported) = (failure, ending) {
        let request = None;
        stop_handle
            .reporter()
            .report(&if is_break_of(&error, &peer) {
                ServerEvent::Disconnected {
                    peer,
                    request,
                    error,
                }
            } else {
                if let Some(cause) = cause.filter(|_| error.is_echo()) {
                    // A call that was woken reports only that; the cause is why.
                    error = cause;
                }
                ServerEvent::Failed {
                    peer,
                    request,
                    error,
                }
            });
    }
    stats.open.fetch_sub(1, Ordering::SeqCst);
}

/// Whether an error means that the client has reset the connection, or was too slow.
pub(crate) fn is_break_of(error: &Error, peer: &str) -> bool {
    let is_break = matches!(
        error.kind(),
        ErrorKind::Io(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            | ErrorKind::TimedOut
    );
    is_break && error.stage() == Some(peer)
}
