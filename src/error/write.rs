//! The error of a write, which has the chunk.

use std::error::Error as StdError;
use std::fmt;

use super::{Error, ErrorKind};

/// A write that was not taken, with its chunk.
#[derive(Clone)]
#[non_exhaustive]
pub enum WriteError<T> {
    /// There is no room, and the call was made without waiting.
    Full(T),
    /// The time limit was reached before there was room.
    TimedOut(T),
    /// There is no room, and the wait for it would never end: the process has no other thread to
    /// make any.
    Deadlock(T),
    /// `end` was called before.
    Ended(T),
    /// The stream is gone; this is why.
    Closed(T, Error),
}

impl<T> WriteError<T> {
    /// Gives the chunk back.
    #[must_use]
    pub fn into_chunk(self) -> T {
        match self {
            Self::Full(chunk) | Self::TimedOut(chunk) | Self::Deadlock(chunk) => chunk,
            Self::Ended(chunk) | Self::Closed(chunk, _) => chunk,
        }
    }

    /// Gives the chunk back, and the reason apart.
    #[must_use]
    pub fn into_parts(self) -> (T, Error) {
        match self {
            Self::Full(chunk) => (
                chunk,
                Error::new(
                    ErrorKind::WouldBlock,
                    "the buffer is at its high-water mark",
                ),
            ),
            Self::TimedOut(chunk) => (chunk, Error::timed_out("room in the buffer")),
            Self::Deadlock(chunk) => (chunk, Error::deadlock("room in the buffer")),
            Self::Ended(chunk) => (chunk, Error::ended()),
            Self::Closed(chunk, cause) => (chunk, cause),
        }
    }

    /// The same reason with another chunk; returns the old one too.
    pub(crate) fn split(self) -> (T, WriteError<()>) {
        match self {
            Self::Full(chunk) => (chunk, WriteError::Full(())),
            Self::TimedOut(chunk) => (chunk, WriteError::TimedOut(())),
            Self::Deadlock(chunk) => (chunk, WriteError::Deadlock(())),
            Self::Ended(chunk) => (chunk, WriteError::Ended(())),
            Self::Closed(chunk, cause) => (chunk, WriteError::Closed((), cause)),
        }
    }

    /// Returns whether the buffer was full.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Returns whether the stream is gone.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(..))
    }

    /// The first cause, if the stream is gone.
    #[must_use]
    pub const fn cause(&self) -> Option<&Error> {
        match self {
            Self::Closed(_, cause) => Some(cause),
            _ => None,
        }
    }
}

impl WriteError<()> {
    /// Adds a chunk to the reason.
    pub(crate) fn with<T>(self, chunk: T) -> WriteError<T> {
        match self {
            Self::Full(()) => WriteError::Full(chunk),
            Self::TimedOut(()) => WriteError::TimedOut(chunk),
            Self::Deadlock(()) => WriteError::Deadlock(chunk),
            Self::Ended(()) => WriteError::Ended(chunk),
            Self::Closed((), cause) => WriteError::Closed(chunk, cause),
        }
    }
}

impl<T> fmt::Debug for WriteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::TimedOut(_) => "TimedOut(..)",
            Self::Deadlock(_) => "Deadlock(..)",
            Self::Ended(_) => "Ended(..)",
            Self::Closed(_, cause) => return write!(f, "Closed(.., {cause:?})"),
        })
    }
}

impl<T> fmt::Display for WriteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "writing to a full buffer",
            Self::TimedOut(_) => "timed out waiting for room in the buffer",
            Self::Deadlock(_) => "waiting for room in the buffer without another thread",
            Self::Ended(_) => "write after end",
            Self::Closed(..) => "writing to a closed stream",
        })
    }
}

impl<T> StdError for WriteError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause().map(|cause| cause as &(dyn StdError + 'static))
    }
}

impl<T> From<WriteError<T>> for Error {
    fn from(error: WriteError<T>) -> Self {
        error.into_parts().1
    }
}
