//! A peer that takes no bytes for the time of the write timeout.

use std::os::fd::AsFd;

use super::{Ready, Waker};
use crate::error::{Error, ErrorKind};
use crate::os::timeouts::Timeouts;

/// Decides whether a write has timed out.
///
/// Poll reports a socket as writable only when a third of its buffer is free. A slow peer may have taken
/// less than that when the timeout comes, so the write is tried once more before it fails.
#[derive(Debug, Default)]
pub(crate) struct WriteStall(Option<Error>);

impl WriteStall {
    /// The peer has taken bytes.
    #[cfg(any(target_os = "linux", feature = "http", test))]
    pub(crate) fn is_over(&mut self) {
        self.0 = None;
    }

    /// Waits until the write is worth another try, and fails if the last try after a timeout was in vain.
    ///
    /// The wait ends when the socket is writable, with a wake, or after the timeout.
    pub(crate) fn wait(
        &mut self,
        limits: &Timeouts,
        waker: &Waker,
        fd: impl AsFd,
    ) -> Result<(), Error> {
        self.wait_with(|| limits.wait(waker, fd, Ready::ToWrite))
    }

    /// As [`wait`](Self::wait), by any wait that fails with [`ErrorKind::TimedOut`] when it is too long.
    pub(crate) fn wait_with(
        &mut self,
        wait: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(late) = self.0.take() {
            return Err(late);
        }
        match wait() {
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                self.0 = Some(error);
                Ok(())
            }
            result => result,
        }
    }
}
