//! The rules of a stream and nothing else: three state machines that own their queues.
//!
//! Nothing in this module blocks, locks, spawns, reads a clock or touches a file or a socket.
//! A method takes what happened and returns what follows; its caller does the waiting.
//! The machines that run inside every stream are these, so a test, a fuzzer and a program that
//! embeds one see the same rules.
//!
//! ```text
//!             write, end, destroy                    push, push_end
//!   a writer ────────────────────▶ WritableState    ReadableState ◀──────────────── a source
//!            ◀────────────────────      │                 │        ────────────────▶
//!             Pressure, Events          │                 │         Request::Pull
//!                                       ▼                 ▼
//!                     Request::{Write, Final, Release}   read, next, unshift
//!                          completed by a sink            called by a reader
//! ```
//!
//! With `low = 0` both react to each operation as `node:stream` of Node v20 does (its streams as
//! `fs` makes them: one request at a time, released only while none runs). Above 0 there is
//! hysteresis: a writer that has to wait may go on when the length has fallen to `low`.
//!
//! [`FanoutState`] is a queue that many branches read, each at its own place. [`RelayState`] is one
//! direction of a relay between two sockets.
//!
//! # Examples
//!
//! A writable with no thread at all; the caller plays the sink.
//!
//! ```
//! use highwater::state::{Batching, Event, Marks, Misuse, Pressure, SinkRequest, WritableState};
//!
//! let mut state: WritableState<&str, Misuse> =
//!     WritableState::new(Marks::new(4, 0)?, |text| text.len(), Batching::All);
//!
//! assert_eq!(state.write("ab"), Ok(Pressure::Below));
//! assert!(matches!(state.next_request(), Some(SinkRequest::Write(batch)) if batch.len() == 1));
//! // The sink has not completed it: "ab" still counts.
//! assert_eq!(state.write("cd"), Ok(Pressure::Reached));
//! assert_eq!(state.len(), 4);
//!
//! assert!(state.complete().is_empty());
//! assert!(matches!(state.next_request(), Some(SinkRequest::Write(batch)) if batch.weight() == 2));
//! assert!(state.complete().contains(Event::Drain));
//! # Ok::<(), highwater::state::InvalidMarks>(())
//! ```

pub(crate) mod batch;
mod broadcast;
mod readable;
mod relay;
mod writable;

use std::error::Error;
use std::fmt;

pub use batch::{Batch, Load, Weighed};
pub use broadcast::{Answer, BranchId, BranchPolicy, Cut, Dropped, FanoutState};
pub use readable::{OutOfRange, Pull, READ_MAX, ReadableState, Reads};
pub use relay::{EndKind, RelayState};
pub use writable::{Batching, Refused, SinkRequest, WritableState};

/// The level at which a writer is asked to wait, and the level at which it may go on.
///
/// # Invariants
///
/// `low < high`, or both are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    high: usize,
    low: usize,
}

impl Marks {
    /// Makes a pair of marks, in the unit in which the chunks are weighed.
    ///
    /// # Errors
    ///
    /// [`InvalidMarks`] unless `low < high` or both are 0. With `low == high` a writer would be
    /// woken for every chunk; with `low > high`, while it must wait.
    pub const fn new(high: usize, low: usize) -> Result<Self, InvalidMarks> {
        if low < high || (low == 0 && high == 0) {
            Ok(Self { high, low })
        } else {
            Err(InvalidMarks { high, low })
        }
    }

    /// Makes a pair with `low` at half of `high`, which is always valid.
    #[must_use]
    pub const fn with_half(high: usize) -> Self {
        Self {
            high,
            low: high / 2,
        }
    }

    /// The level at which a writer must wait.
    #[must_use]
    pub const fn high(self) -> usize {
        self.high
    }

    /// The level at which a writer that waits may go on.
    #[must_use]
    pub const fn low(self) -> usize {
        self.low
    }
}

/// Marks that make no sense: `low` is neither below `high` nor 0 with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMarks {
    /// The high-water mark that was asked for.
    pub high: usize,
    /// The low-water mark that was asked for.
    pub low: usize,
}

impl fmt::Display for InvalidMarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { high, low } = self;
        write!(
            f,
            "low-water mark {low} is not below high-water mark {high} (both may be 0)"
        )
    }
}

impl Error for InvalidMarks {}

/// Whether the next write has to wait: Node's return value of `write()`, as an enum.
///
/// Either way the chunk was taken. Ignoring it is safe, and no lint asks for it: the next write
/// waits by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// There is room: Node's `true`.
    Below,
    /// The high-water mark is reached, and the next write would wait: Node's `false`.
    Reached,
}

impl Pressure {
    /// Returns whether the next write would wait.
    #[must_use]
    pub const fn reached(self) -> bool {
        matches!(self, Self::Reached)
    }
}

/// An operation that a stream does not allow any more, under Node's code for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misuse {
    /// A write after `end`: Node's `ERR_STREAM_WRITE_AFTER_END`.
    WriteAfterEnd,
    /// A push after the end was pushed: Node's `ERR_STREAM_PUSH_AFTER_EOF`.
    PushAfterEnd,
    /// An unshift after the end was seen: Node's `ERR_STREAM_UNSHIFT_AFTER_END_EVENT`.
    UnshiftAfterEnd,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WriteAfterEnd => "write after end",
            Self::PushAfterEnd => "push after the end of the source",
            Self::UnshiftAfterEnd => "unshift after the end was read",
        })
    }
}

impl Error for Misuse {}

/// Something that a stream reports to its user, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A writer that had to wait may go on.
    Drain,
    /// Everything was written and the sink has finished.
    Finish,
    /// Everything was read.
    End,
    /// The stream has failed, with its error.
    Error,
    /// The source or the sink was released. Nothing follows.
    Close,
}

impl Event {
    /// Every event, in the order in which those of one step are reported.
    const IN_ORDER: [Self; 5] = [
        Self::Drain,
        Self::Finish,
        Self::End,
        Self::Error,
        Self::Close,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The events of one step: a set, read in the order in which Node emits them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a drain that is ignored leaves a writer waiting"]
pub struct Events(u8);

impl Events {
    /// No event.
    pub const NONE: Self = Self(0);

    /// Returns whether nothing happened.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether `event` is among them.
    #[must_use]
    pub const fn contains(self, event: Event) -> bool {
        self.0 & event.bit() != 0
    }

    /// Those of both.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reads them in order.
    pub fn iter(self) -> impl Iterator<Item = Event> {
        Event::IN_ORDER
            .into_iter()
            .filter(move |event| self.contains(*event))
    }

    fn add(&mut self, event: Event) {
        self.0 |= event.bit();
    }
}

impl From<Event> for Events {
    fn from(event: Event) -> Self {
        Self(event.bit())
    }
}
