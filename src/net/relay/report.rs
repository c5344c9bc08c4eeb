//! What a relay has moved, and how each direction has ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;
use crate::pipeline::report::{Amount, Seconds};

/// What a relay has done. Its [`Display`](fmt::Display) is a line for each direction, for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Relayed {
    /// From the first socket to the second.
    pub a_to_b: Direction,
    /// From the second socket to the first.
    pub b_to_a: Direction,
    /// For how long it ran.
    pub elapsed: Duration,
}

/// What one direction of a relay has done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Direction {
    /// The socket that was read.
    pub from: String,
    /// The socket that was written to.
    pub to: String,
    /// How many bytes were read.
    pub read: u64,
    /// How many of them the other side has confirmed: its system has taken them. After a failure
    /// the peer need not have got all of those, as with every socket.
    pub confirmed: u64,
    /// How it ended.
    pub ended: DirectionEnd,
}

/// How one direction of a relay has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DirectionEnd {
    /// Everything up to the end went out, and the end was passed on.
    End,
    /// A token's `stop` closed the tap. What had been read went out, and the end was passed on.
    Stopped,
    /// The side that was read failed, as with a reset. What had been read went out, unless that
    /// could not be waited for; then the other side was reset.
    ReadFailed(Error),
    /// The side that was written to took no more.
    WriteFailed(Error),
    /// It went well, and was broken off with the rest.
    BrokenOff,
}

impl Relayed {
    /// How many bytes were confirmed, both ways together.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.a_to_b.confirmed + self.b_to_a.confirmed
    }

    /// Says whether a token's `stop` has ended it before the end of both sides.
    #[must_use]
    pub const fn was_stopped(&self) -> bool {
        matches!(self.a_to_b.ended, DirectionEnd::Stopped)
            || matches!(self.b_to_a.ended, DirectionEnd::Stopped)
    }
}

impl fmt::Display for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.a_to_b)?;
        writeln!(f, "{}", self.b_to_a)?;
        let (bytes, elapsed) = (Amount::bytes(self.bytes()), Seconds(self.elapsed));
        write!(f, "{bytes} in {elapsed}")
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            to,
            read,
            confirmed,
            ended,
        } = self;
        write!(f, "{from} to {to}: ")?;
        if confirmed != read {
            write!(f, "{confirmed} of ")?;
        }
        write!(f, "{}", Amount::bytes(*read).exact())?;
        write!(f, ", {ended}")
    }
}

impl fmt::Display for DirectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("ended"),
            Self::Stopped => f.write_str("stopped"),
            Self::ReadFailed(error) | Self::WriteFailed(error) => write!(f, "{error:#}"),
            Self::BrokenOff => f.write_str("broken off"),
        }
    }
}

/// Why a relay failed, how far it had come, and what it still held.
#[derive(Clone)]
#[non_exhaustive]
pub struct RelayFailure {
    /// The first cause.
    pub error: Error,
    /// What was done by then. In each direction, what was read is what was confirmed and what is
    /// undelivered.
    pub report: Relayed,
    /// What was read from the first socket and not taken by the second, to the byte.
    pub undelivered_to_b: Bytes,
    /// What was read from the second socket and not taken by the first, to the byte.
    pub undelivered_to_a: Bytes,
}

impl From<RelayFailure> for Error {
    fn from(failure: RelayFailure) -> Self {
        failure.error
    }
}

impl fmt::Debug for RelayFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayFailure")
            .field("error", &self.error)
            .field("report", &self.report)
            .field("undelivered_to_b", &self.undelivered_to_b.len())
            .field("undelivered_to_a", &self.undelivered_to_a.len())
            .finish()
    }
}

impl fmt::Display for RelayFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for RelayFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
