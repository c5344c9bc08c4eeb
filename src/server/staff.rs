//! Who takes the connections that were let in: a thread each, or a rota.

use std::io;
use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind};
use crate::server::connection::{Connection, Reins};
use crate::server::event::ServerEvent;
use crate::server::handle::Control;

/// What the door gives connections to.
pub(super) trait Staff {
    /// Says whether somebody is there for the connection that is given next.
    fn claim(&self) -> bool;

    /// Starts a thread for it.
    fn start(&mut self) -> io::Result<()>;

    /// Gives a connection to who was claimed or started for it.
    fn give(&mut self, connection: Connection, reins: Reins);

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

/// Counts how a connection has ended, and tells of it if that was not well. It is open no more.
pub(super) fn settle(control: &Control, outcome: Result<(), Error>, peer: String, reins: &Reins) {
    let tally = &control.tally;
    match outcome {
        Ok(()) => {
            tally.finished.fetch_add(1, Ordering::SeqCst);
        }
        Err(mut error) => {
            let cause = reins.cause();
            match cause {
                Some(cause) if error.kind() == ErrorKind::Cancelled => {
                    tally.aborted.fetch_add(1, Ordering::SeqCst);
                    // That a call was woken is no news; why, is.
                    if error.is_echo() {
                        error = cause;
                    }
                }
                _ => {
                    tally.failed.fetch_add(1, Ordering::SeqCst);
                }
            }
            control.report(&ServerEvent::Failed { peer, error });
        }
    }
    tally.open.fetch_sub(1, Ordering::SeqCst);
}
