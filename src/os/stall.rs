//! A peer that takes nothing.

use std::os::fd::AsFd;

use super::{Ready, Waker};
use crate::error::{Error, ErrorKind};
use crate::os::timeouts::Timeouts;

/// Whether a peer is late to take what is written to it.
///
/// A socket is ready when a third of its buffer is free. A slow peer may have taken less than that
/// by the time that it is late, so it is tried once more.
#[derive(Debug, Default)]
pub(crate) struct WriteStall(Option<Error>);

impl WriteStall {
    /// It has taken something.
    #[cfg(any(target_os = "linux", feature = "http", test))]
    pub(crate) fn is_over(&mut self) {
        self.0 = None;
    }

    /// Waits until it takes more, or is worth another try.
    ///
    /// The wait ends then, with a wake, or by the limits.
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
            outcome => outcome,
        }
    }
}
