//! The reading side of a join: the batch that the reader has in hand.

use crate::chunk::Weighed;
use crate::error::Error;
use crate::state::{Pull, ReadableState};

/// What the reader's lock guards.
///
/// A batch that the reader has taken is in flight until its chunks are, one by one, handed to the
/// reader. So it stays here and not in the reader's handle: a `destroy` from the other side can
/// give back what was not handed over.
pub(super) struct Front<T> {
    pub(super) state: ReadableState<T, Error>,
    /// Weight at the front of the buffer that is no longer in flight: put back by the reader, or
    /// claimed for a read that is longer than the mark.
    pub(super) owned: usize,
    /// What was handed over and not yet reported to the back.
    pub(super) unsettled: usize,
    /// The buffer is the running request of the back.
    pub(super) in_flight: bool,
    /// The state has asked for more, and was not answered yet.
    pulling: bool,
}

impl<T> Front<T> {
    pub(super) const fn new(state: ReadableState<T, Error>) -> Self {
        Self { state, owned: 0, unsettled: 0, in_flight: false, pulling: false }
    }

    /// Takes the oldest chunk.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.state.is_buffer_empty() {
            return None;
        }
        let (taken, _) = self.state.next();
        let Weighed { chunk, weight } = taken?;
        self.took(weight);
        Some(chunk)
    }

    /// Counts what the reader has taken.
    #[inline]
    pub(super) fn took(&mut self, weight: usize) {
        let own = weight.min(self.owned);
        self.owned -= own;
        self.unsettled += weight - own;
    }

    /// Takes everything that is buffered out of flight: the reader holds it for one long read.
    pub(super) fn claim(&mut self) {
        let in_flight = self.state.len() - self.owned;
        self.unsettled += in_flight;
        self.owned += in_flight;
    }

    /// Says whether the state asks for more.
    #[inline]
    pub(super) fn wants_more(&mut self) -> bool {
        self.pulling = self.pulling || self.state.next_pull() == Some(Pull::More);
        self.pulling
    }

    pub(super) const fn answered(&mut self) {
        self.pulling = false;
    }
}
