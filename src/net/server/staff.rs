//! Who takes the connections that were let in: a thread each, or a rota.

use std::io;
use std::sync::atomic::Ordering;

use super::connection::{Connection, StopHandle};
use super::event::ServerEvent;
use super::handle::Control;
use super::reporter::Ending;
use crate::error::{Error, ErrorKind};
use crate::leader::Vacancy;

/// What the door gives connections to.
pub(super) trait Staff {
    /// Says whether somebody is there for the connection that is given next.
    fn claim(&self) -> bool;

    /// Starts a thread for it.
    fn start(&mut self) -> io::Result<()>;

    /// Gives a connection to who was claimed or started for it.
    fn give(&mut self, connection: Connection, stop_handle: StopHandle);

    /// Says whether connections that are idle can give way to new ones.
    fn has_room_to_make(&self) -> bool {
        false
    }

    /// Has a connection that is idle give way. It has ended then. Does not wait.
    fn make_room(&self) -> Vacancy {
        Vacancy::None
    }

    /// Says whether there is something to be tended.
    fn has_any(&self) -> bool;

    /// Sees to threads that have left. Called now and then.
    fn tend(&mut self);

    /// Has the connections that are open come to an end. Does not wait.
    fn stop(&self);

    /// Ends the connections that are open. Does not wait.
    fn abort(&self);

    /// Waits until every thread has left. No connection is open.
    fn join(self: Box<Self>);
}

/// Counts how a connection has ended, and tells of it if that was not well and is not told so far. It
/// is open no more.
pub(super) fn settle(
    control: &Control,
    outcome: Result<(), Error>,
    peer: String,
    stop_handle: &StopHandle,
) {
    let tally = &control.tally;
    let (ending, told) = (stop_handle.reporter().ending(), outcome.err());
    let cause = stop_handle.cause();
    // Not even behind the last answer.
    let is_panic = |error: &Error| error.kind() == ErrorKind::Panicked;
    let ending = if told.as_ref().is_some_and(is_panic) {
        Ending::Untold
    } else {
        ending
    };
    let was_aborted = |error: &Error| cause.is_some() && error.kind() == ErrorKind::Cancelled;
    let count = match (&told, ending) {
        // What was let go behind its last answer was not broken off by that.
        (None, Ending::Untold) | (_, Ending::Finished) => &tally.finished,
        (Some(error), Ending::Untold) if was_aborted(error) => &tally.aborted,
        (Some(error), Ending::Untold) if is_break_of(error, &peer) => &tally.disconnected,
        (Some(_), Ending::Untold) | (_, Ending::Failed) => &tally.failed,
        (_, Ending::Refused) => &tally.refused,
        (_, Ending::Disconnected) => &tally.disconnected,
    };
    count.fetch_add(1, Ordering::SeqCst);
    if let (Some(mut error), Ending::Untold) = (told, ending) {
        let request = None;
        control.report(&if is_break_of(&error, &peer) {
            ServerEvent::Disconnected {
                peer,
                request,
                error,
            }
        } else {
            if let Some(cause) = cause.filter(|_| error.is_echo()) {
                // That a call was woken is no news; why, is.
                error = cause;
            }
            ServerEvent::Failed {
                peer,
                request,
                error,
            }
        });
    }
    tally.open.fetch_sub(1, Ordering::SeqCst);
}

/// Says whether an error is that the peer of a connection has broken it, or was too slow.
pub(crate) fn is_break_of(error: &Error, peer: &str) -> bool {
    let is_break = matches!(
        error.kind(),
        ErrorKind::Io(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            | ErrorKind::TimedOut
    );
    is_break && error.stage() == Some(peer)
}
