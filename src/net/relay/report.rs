//! The report of a relay: what each direction has moved, and how it has ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;
use crate::pipeline::report::{Amount, Seconds};

/// The report of a relay. Its [`Display`](fmt::Display) is a line for each direction, for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Relayed {
    /// From the first socket to the second.
    pub a_to_b: Direction,
    /// From the second socket to the first.
    pub b_to_a: Direction,
    /// How long the relay ran.
    pub elapsed: Duration,
}

/// The report of one direction of a relay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Direction {
    /// The name of the socket that was read.
    pub from: String,
    /// The name of the socket that was written to.
    pub to: String,
    /// How many bytes were read.
    pub read: u64,
    /// How many of them were confirmed: the kernel has taken them for the other side. After a failure
    /// the peer may not have received all of these, as with every socket.
    pub confirmed: u64,
    /// How it ended.
    pub ended: DirectionEnd,
}

/// How one direction of a relay has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DirectionEnd {
    /// Everything up to the end was written, and the end was passed on.
    End,
    /// The token was stopped. What had been read was written, and the end was passed on.
    Stopped,
    /// The side that was read failed, such as by a reset. What had been read was written, if the other
    /// side took it in time, and then the other side was reset.
    ReadFailed(Error),
    /// The side that was written to took no more.
    WriteFailed(Error),
    /// It had not failed, and was ended with the rest.
    BrokenOff,
}

impl Relayed {
    /// How many bytes were confirmed, in both directions together.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.a_to_b.confirmed + self.b_to_a.confirmed
    }

    /// Whether [`CancelToken::stop`](crate::CancelToken::stop) has ended the relay before the end of both
    /// sides.
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

/// Why a relay failed, its report, and the bytes that it still held.
#[derive(Clone)]
#[non_exhaustive]
pub struct RelayFailure {
    /// The first cause.
    pub error: Error,
    /// The report up to the failure. In each direction, what was read is what was confirmed plus what is
    /// undelivered.
    pub report: Relayed,
    /// The bytes that were read from the first socket and not taken by the second.
    pub undelivered_to_b: Bytes,
    /// The bytes that were read from the second socket and not taken by the first.
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
