//! How long a connected socket waits.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::{Ready, Waker};
use crate::error::{Error, ErrorKind};

/// How long a connected socket waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeouts {
    pub(crate) read: Option<Duration>,
    pub(crate) write: Option<Duration>,
    /// When its life is over.
    pub(crate) end: Option<Instant>,
    pub(crate) linger: Option<Duration>,
}

impl Timeouts {
    /// Those of what only has to move a byte now and then.
    #[cfg(any(target_os = "linux", test))]
    pub(crate) fn idle_for(idle: Option<Duration>) -> Self {
        Self {
            read: idle,
            write: idle,
            ..Self::default()
        }
    }

    /// Says no when the life of the socket is over. Looks at the clock only if that can be.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.end {
            Some(end) if end <= Instant::now() => Err(Self::over()),
            _ => Ok(()),
        }
    }

    fn over() -> Error {
        Error::new(ErrorKind::TimedOut, "the lifetime of the socket is over")
    }

    /// Waits until a socket is ready. The wait ends then, with a wake, or when the time is up.
    pub(crate) fn wait(&self, waker: &Waker, fd: impl AsFd, ready: Ready) -> Result<(), Error> {
        let idle = match ready {
            Ready::ToRead => self.read,
            Ready::ToWrite | Ready::Either => self.write,
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

    /// How long it may go without moving a byte either way.
    pub(crate) fn idle(&self) -> Option<Duration> {
        [self.read, self.write].into_iter().flatten().min()
    }

    /// How long the socket lives from now on, if there is an end to it.
    pub(crate) fn left(&self) -> Option<Duration> {
        let end = self.end?;
        Some(end.saturating_duration_since(Instant::now()))
    }
}
