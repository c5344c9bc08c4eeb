//! The reading side of a channel: the batch that the reader is working through.
//!
//! - Owns: the batch in flight, what was put back, and what was not reported yet.
//! - Lock order: it is the data of the read side's lock, which comes before the write side's.
//! - May block: nothing here; no method takes a lock.
//! - Invariant: while `in_flight`, the running request of the write side is in this buffer, and
//!   `unsettled` is what was taken of it and not reported.

use crate::error::Error;
use crate::state::batch::{Batch, Load, Weighed};
use crate::state::{Pull, READ_MAX, ReadableState};

/// What the reader's lock guards.
///
/// A batch is in flight until the reader has taken its chunks one by one. So it stays here and not
/// in the reader's handle: a `destroy` by another thread can give back what was not taken.
pub(super) struct ReadSide<T> {
    pub(super) state: ReadableState<T, Error>,
    /// The running request of the write side is in the buffer.
    pub(super) in_flight: bool,
    /// What the reader has taken and not yet reported to the write side.
    pub(super) unsettled: Load,
    /// How much of that is worth taking the write side's lock for.
    pub(super) report_at: usize,
    /// What is at the front of the buffer and not in flight: put back by the reader, or claimed for
    /// a read that is longer than the mark.
    owned: Load,
    /// The state has asked for more, and has got nothing yet.
    pulling: bool,
    /// The error that follows the data. It is returned when the data was read.
    failure: Option<Error>,
}

impl<T> ReadSide<T> {
    pub(super) const fn new(state: ReadableState<T, Error>) -> Self {
        Self {
            state,
            in_flight: false,
            unsettled: Load::NONE,
            report_at: 0,
            owned: Load::NONE,
            pulling: false,
            failure: None,
        }
    }

    /// Takes the oldest chunk.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        // A read of the empty state has effects: it asks for more, or takes the end. Those belong
        // to `next_batch`, which can act on them.
        if self.state.is_buffer_empty() {
            return None;
        }
        let (taken, _) = self.state.next();
        let Weighed { chunk, weight } = taken?;
        self.took(Load::of(weight));
        Some(chunk)
    }

    /// How much a read of `wanted` is to take: before the end, what is left is enough. The end
    /// itself is read by a call that finds nothing, so that the last chunk can still be put back.
    pub(super) fn what_there_is_of(&self, wanted: usize) -> usize {
        let left = self.state.load().weight;
        if self.state.is_last() && left > 0 && wanted <= READ_MAX {
            wanted.min(left)
        } else {
            wanted
        }
    }

    /// Counts what the reader has taken.
    #[inline]
    pub(super) fn took(&mut self, load: Load) {
        // What is owned lies at the front, so it goes first. It has left the mark before, and must
        // not be reported to the writer a second time.
        let own = load.within(self.owned);
        self.owned -= own;
        if self.in_flight {
            self.unsettled += load.without(own);
        }
    }

    /// Drops the chunks that weigh nothing, as a read by the byte does.
    pub(super) fn pass_over_weightless(&mut self) -> Batch<T> {
        let passed_over = self.state.pass_over_weightless();
        self.took(passed_over.load());
        passed_over
    }

    /// Puts a chunk back, which is then the reader's own.
    pub(super) fn unshift(&mut self, chunk: T) -> Result<(), T> {
        let before = self.state.load();
        // The pressure concerns only sources.
        self.state.unshift(chunk)?;
        self.owned += self.state.load().without(before);
        Ok(())
    }

    /// Takes everything that is buffered out of flight: the reader holds it for one long read.
    pub(super) fn claim(&mut self) {
        self.owned = self.state.load();
        self.unsettled = Load::NONE;
        self.in_flight = false;
    }

    /// Returns whether nothing of the batch in flight is left.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.in_flight && self.state.is_buffer_empty()
    }

    /// Returns whether the state asks for more.
    #[inline]
    pub(super) fn wants_more(&mut self) -> bool {
        // Kept until something is put in: the state gives out a pull once, and the queue may be
        // empty then.
        self.pulling = self.pulling || self.state.next_pull() == Some(Pull::More);
        self.pulling
    }

    /// Gives the state a batch, which is in flight from now on.
    pub(super) fn put(&mut self, batch: &mut Batch<T>) {
        self.pulling = false;
        self.in_flight = true;
        // The pressure concerns only sources that push without a request.
        self.state.push_batch(batch);
    }

    /// Gives the state the end.
    pub(super) fn put_end(&mut self) {
        self.pulling = false;
        self.state.push_end();
    }

    /// Keeps an error until the data before it was read: the reader may still put its last chunk
    /// back.
    pub(super) fn put_failure(&mut self, cause: Option<Error>) {
        self.pulling = false;
        // Not `destroy` here: it would take along what is still buffered or put back.
        self.failure = Some(cause.unwrap_or_else(Error::closed));
    }

    /// Tears the reading side down, and returns what was not taken.
    pub(super) fn destroy(&mut self, cause: Option<Error>) -> Batch<T> {
        self.pulling = false;
        self.in_flight = false;
        // Reported by the caller, or of no more use.
        self.unsettled = Load::NONE;
        self.owned = Load::NONE;
        self.state.destroy(cause);
        self.release();
        self.state.take_buffer()
    }

    /// How the stream has ended: well, or with an error. `None` while there may be more to read.
    pub(super) fn outcome(&mut self) -> Option<Result<(), Error>> {
        if let Some(failure) = self.failure.clone() {
            // If something is left, it was too short for the read that asked. A shorter read still
            // gets it.
            if self.state.is_buffer_empty() {
                drop(self.destroy(Some(failure.clone())));
            }
            return Some(Err(failure));
        }
        if self.state.is_last() && self.state.is_buffer_empty() {
            // A read past the last chunk moves the state to its end.
            let _ = self.state.next();
            self.release();
        }
        if self.state.is_ended() {
            return Some(Ok(()));
        }
        let ended = self.state.is_destroyed();
        ended.then(|| Err(self.state.errored().cloned().unwrap_or_else(Error::closed)))
    }

    /// Confirms the release at once: behind this state there is only the channel, and no source.
    fn release(&mut self) {
        if self.state.next_pull() == Some(Pull::Release) {
            let _ = self.state.released();
        }
    }
}
