//! The getters of a readable, which may be called at any time.

use super::{Phase, ReadableState};
use crate::state::batch::Load;

impl<T, E> ReadableState<T, E> {
    /// What is buffered, in the unit of the marks: Node's `readableLength`.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty buffer"
    )]
    pub const fn len(&self) -> usize {
        self.measure(self.buffer.load())
    }

    /// What this load counts for against the marks.
    #[inline]
    pub(super) const fn measure(&self, load: Load) -> usize {
        if self.keeps_weightless {
            load.charge()
        } else {
            load.weight
        }
    }

    /// What is buffered.
    pub(crate) const fn load(&self) -> Load {
        self.buffer.load()
    }

    /// Returns whether no chunk is buffered.
    #[inline]
    #[must_use]
    pub fn is_buffer_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The high-water mark as it is now: Node's `readableHighWaterMark`.
    #[must_use]
    pub const fn high(&self) -> usize {
        self.high
    }

    /// Returns whether the end was read: Node's `readableEnded`.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.end_read
    }

    /// Returns whether the source has ended, even if chunks are still buffered.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self.phase, Phase::Last)
    }

    /// Returns whether the stream was torn down, which one that was read to its end is too: Node's
    /// `destroyed`.
    #[must_use]
    pub const fn is_destroyed(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Destroyed | Phase::Closed)
    }

    /// Returns whether the source was released: Node's `closed`.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Returns whether a read may still get something: Node's `readable`.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Last)
    }

    /// The first error, if the stream has failed: Node's `errored`.
    #[must_use]
    pub const fn errored(&self) -> Option<&E> {
        self.errored.as_ref()
    }
}
