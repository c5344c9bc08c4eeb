//! How long the calls of a connected socket may wait.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::{Ready, Waker};
use crate::error::{Error, ErrorKind};

/// How long the calls of a connected socket may wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeouts {
    pub(crate) read: Option<Duration>,
    pub(crate) write: Option<Duration>,
    /// The end of its lifetime: every call fails from then on.
    pub(crate) end: Option<Instant>,
    #[cfg(feature = "net")]
    pub(crate) linger: Option<Duration>,
}

impl Timeouts {
    /// One idle timeout for reads and writes.
    #[cfg(any(target_os = "linux", test))]
    pub(crate) fn idle_for(idle: Option<Duration>) -> Self {
        Self {
            read: idle,
            write: idle,
            ..Self::default()
        }
    }

    /// Fails once the lifetime is over. Reads the clock only if there is one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.end {
            Some(end) if end <= Instant::now() => Err(Self::over()),
            _ => Ok(()),
        }
    }

    fn over() -> Error {
        Error::new(ErrorKind::TimedOut, "the lifetime of the socket is over")
    }

    /// Waits until a socket is ready. The wait ends with that, with a wake, or after the timeout.
    pub(crate) fn wait(&self, waker: &Waker, fd: impl AsFd, ready: Ready) -> Result<(), Error> {
        let idle = match ready {
            Ready::ToRead => self.read,
            _ => self.write,
        };
        match self.left() {
            Some(left) if idle.is_none_or(|idle| left <= idle) => waker
                .wait(fd, ready, Some(left))
                .map_err(|error| match error.kind() {
                    ErrorKind::TimedOut => Self::over(),
                    _ => error,
                }),
            _ => waker.wait(fd, ready, idle),
        }
    }

    /// The shorter of the two idle timeouts.
    #[cfg(feature = "net")]
    pub(crate) fn idle(&self) -> Option<Duration> {
        [self.read, self.write].into_iter().flatten().min()
    }

    /// How much of the lifetime is left, if there is one.
    pub(crate) fn left(&self) -> Option<Duration> {
        let end = self.end?;
        Some(end.saturating_duration_since(Instant::now()))
    }
}
