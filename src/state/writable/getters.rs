//! The getters of a writable, which may be called at any time.

use super::{Phase, Running, WritableState};
use crate::state::Marks;
use crate::state::batch::Load;

impl<T, E> WritableState<T, E> {
    /// What is queued and in flight, in the unit of the marks: Node's `writableLength`.
    #[inline]
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty queue"
    )]
    pub const fn len(&self) -> usize {
        self.measure(self.queue.load())
            .saturating_add(self.measure(self.in_hand()))
            .saturating_add(self.abandoned)
    }

    /// What this load counts for against the marks.
    #[inline]
    pub(super) const fn measure(&self, load: Load) -> usize {
        if self.charges_weightless {
            load.charge()
        } else {
            load.weight
        }
    }

    /// What is queued and what the sink is writing, except what a destroy has given back.
    #[inline]
    pub(crate) fn load(&self) -> Load {
        let mut load = self.queue.load();
        load += self.in_hand();
        load
    }

    /// What the sink was given and has not written yet.
    #[inline]
    pub(crate) const fn in_hand(&self) -> Load {
        match self.running {
            Running::Write(left) => left,
            _ => Load::NONE,
        }
    }

    /// The marks that were given.
    #[must_use]
    pub const fn marks(&self) -> Marks {
        self.marks
    }

    /// Returns whether a writer has to wait and may not go on yet: Node's `writableNeedDrain`.
    #[inline]
    #[must_use]
    pub const fn needs_drain(&self) -> bool {
        self.need_drain
    }

    /// How many corks are in: Node's `writableCorked`.
    #[must_use]
    pub const fn corked(&self) -> usize {
        self.corked
    }

    /// Returns whether `end` was called: Node's `writableEnded`.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns whether everything was written and the sink has finished: Node's `writableFinished`.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Returns whether the stream was torn down, which a finished one is too: Node's `destroyed`.
    #[must_use]
    pub const fn is_destroyed(&self) -> bool {
        !matches!(self.phase, Phase::Open | Phase::Ending | Phase::Finishing)
    }

    /// Returns whether the sink was released: Node's `closed`.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Returns whether a write would be taken: Node's `writable`.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Returns whether a request runs.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        !matches!(self.running, Running::Nothing)
    }

    /// Returns whether [`next_request`](Self::next_request) would give one.
    #[inline]
    #[must_use]
    pub fn is_request_due(&self) -> bool {
        if self.is_running() {
            return false;
        }
        match self.phase {
            Phase::Open | Phase::Ending if !self.queue.is_empty() => self.corked == 0,
            Phase::Ending | Phase::Finished | Phase::Destroyed | Phase::Failed => true,
            Phase::Open | Phase::Finishing | Phase::Closed => false,
        }
    }

    /// Returns whether chunks wait for the sink to ask.
    #[inline]
    #[must_use]
    pub fn is_queue_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The first error, if the stream has failed: Node's `errored`.
    #[must_use]
    pub const fn errored(&self) -> Option<&E> {
        self.errored.as_ref()
    }
}
