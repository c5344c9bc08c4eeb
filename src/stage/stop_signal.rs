//! A stop that stays in force, for waits on crossbeam channels.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::cancel::Interrupt;
use crate::error::Error;

/// Ends the waits of one thread on crossbeam channels, from any thread: the wait of now, and every later
/// one at once.
///
/// A channel of one token. The thread that waits is the only one that takes the token out, and puts it
/// back: so a stop is never lost, and never more than one token is held.
#[derive(Debug)]
pub(crate) struct StopSignal {
    set: Sender<()>,
    is_set: Receiver<()>,
}

impl StopSignal {
    pub(crate) fn new() -> Self {
        let (set, is_set) = bounded(1);
        Self { set, is_set }
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        let set = self.set.clone();
        // A channel that is full was stopped before.
        Interrupt::new(move || {
            let _ = set.try_send(());
        })
    }

    /// The channel for `select!`. What is received must be followed by [`taken`](Self::taken).
    pub(crate) const fn receiver(&self) -> &Receiver<()> {
        &self.is_set
    }

    /// Puts the token back that `select!` has taken out, and returns the error of the wait.
    pub(crate) fn taken(&self) -> Error {
        let _ = self.set.try_send(());
        Error::interrupted()
    }

    /// Waits for `within`, and returns. A stop ends the wait before, and is an error.
    pub(crate) fn rest(&self, within: Duration) -> Result<(), Error> {
        match self.is_set.recv_timeout(within) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            // This owns a sender, so the channel is never disconnected.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(self.taken()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::StopSignal;

    #[test]
    fn a_stop_ends_every_later_wait() {
        let stop = StopSignal::new();
        assert!(stop.rest(Duration::ZERO).is_ok());
        let interrupt = stop.interrupt();
        interrupt.wake();
        interrupt.wake();
        assert!(stop.rest(Duration::MAX).is_err());
        assert!(stop.receiver().try_recv().is_ok());
        assert!(stop.receiver().is_empty());
        let _ = stop.taken();
        assert!(stop.rest(Duration::MAX).is_err());
    }
}
