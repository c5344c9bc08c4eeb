//! The getters of a fan-out, which may be called at any time; and what it drops.

use core::time::Duration;

use super::branch::{BranchState, Position};
use super::{BranchId, BranchPolicy, Cut, Dropped, FanoutState, Phase};
use crate::state::batch::Batch;
use crate::state::{Marks, Pressure};

impl<T, E: Clone + From<Cut>> FanoutState<T, E> {
    /// What counts against the marks: what the slowest branch that paces has still to read.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty queue"
    )]
    pub fn len(&self) -> usize {
        let pacing = self.branches.iter().filter(|branch| branch.paces());
        let lags = pacing.map(|branch| branch.lag(self.place()));
        lags.max().unwrap_or(0)
    }

    /// What the branch that is furthest behind has still to read, whether it paces or not.
    #[must_use]
    pub fn held(&self) -> usize {
        let lags = self.branches.iter().map(|branch| branch.lag(self.place()));
        lags.max().unwrap_or(0)
    }

    /// What a branch has still to read.
    #[must_use]
    pub fn lag(&self, id: BranchId) -> usize {
        self.branch(id).map_or(0, |branch| branch.lag(self.place()))
    }

    /// What a branch has missed.
    #[must_use]
    pub fn dropped(&self, id: BranchId) -> Dropped {
        self.branch(id)
            .map_or_else(Dropped::default, |branch| branch.dropped)
    }

    /// How many branches there are that were not cut off.
    #[must_use]
    pub fn branches(&self) -> usize {
        self.branches.len()
    }

    /// How many branches were cut off, and have not left.
    #[must_use]
    pub fn cut_off(&self) -> usize {
        self.cut.len()
    }

    /// The marks that were given.
    #[must_use]
    pub const fn marks(&self) -> Marks {
        self.marks
    }

    /// What a write would return: whether the one after it waits.
    pub(super) fn pressure(&self) -> Pressure {
        let len = self.len();
        let is_rendezvous = self.marks.high == 0 && self.is_paced();
        if is_rendezvous || (len >= self.marks.high && len > 0) {
            Pressure::Reached
        } else {
            Pressure::Below
        }
    }

    /// Returns whether a writer has to wait and may not go on yet.
    #[must_use]
    pub const fn needs_drain(&self) -> bool {
        self.need_drain
    }

    /// Returns whether a write should be made now. At a mark of 0 that is when every branch that
    /// paces waits for it.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.phase == Phase::Open
            && !self.need_drain
            && (self.marks.high > 0
                || (self.branches.iter()).all(|branch| branch.is_waiting || !branch.paces()))
    }

    /// Returns whether a branch would get anything but
    /// [`Answer::Nothing`](super::Answer::Nothing).
    #[must_use]
    pub fn is_filled(&self, id: BranchId) -> bool {
        let written = self.place();
        let has_more =
            |branch: &BranchState<T>| branch.has_queued(written) || branch.last.is_some();
        self.ended || self.branch(id).is_none_or(has_more)
    }

    /// How much a branch may read before it is worth settling: what brings the drain, if a writer
    /// waits for one, and otherwise half the way there.
    #[must_use]
    pub fn settle_at(&self, id: BranchId) -> usize {
        if self.need_drain {
            self.lag(id).saturating_sub(self.marks.low)
        } else {
            (self.marks.high - self.marks.low) / 2
        }
    }

    /// How many chunks were ever queued, except those that no branch took.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.first + self.queue.len() as u64
    }

    pub(super) fn place(&self) -> Position {
        Position {
            number: self.next_number(),
            charge: self.written,
        }
    }

    /// The number of the oldest chunk in the queue.
    #[must_use]
    pub const fn first_number(&self) -> u64 {
        self.first
    }

    /// The number of the chunk that a branch takes next.
    #[must_use]
    pub fn taken(&self, id: BranchId) -> Option<u64> {
        self.branch(id).map(|branch| branch.taken)
    }

    /// For how long the writer may wait before a branch is cut off for it.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let left = |branch: &BranchState<T>| match branch.policy {
            BranchPolicy::Disconnect(after) if self.holds_up(branch) => {
                Some(after.saturating_sub(branch.waited))
            }
            _ => None,
        };
        self.branches.iter().filter_map(left).min()
    }

    pub(super) fn holds_up(&self, branch: &BranchState<T>) -> bool {
        match self.phase {
            Phase::Open if self.marks.high == 0 => branch.paces() && !branch.is_waiting,
            Phase::Open => {
                self.need_drain && branch.paces() && branch.lag(self.place()) > self.marks.low
            }
            Phase::Ending => !branch.is_done(self.place()),
            Phase::Finished | Phase::Destroyed => false,
        }
    }

    /// Returns whether a writer that waits does so for this branch.
    #[must_use]
    pub fn waits_for(&self, id: BranchId) -> bool {
        self.branch(id).is_some_and(|branch| self.holds_up(branch))
    }

    fn is_paced(&self) -> bool {
        self.branches.iter().any(BranchState::paces)
    }

    /// Returns whether a write would be taken.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Returns whether nothing more will be written.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns whether every branch has read everything, and that was all.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished) && self.failure.is_none()
    }

    /// Returns whether it was torn down.
    #[must_use]
    pub const fn is_destroyed(&self) -> bool {
        matches!(self.phase, Phase::Destroyed)
    }

    /// Returns whether the stream is over, well or with an error.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Destroyed)
    }

    /// The first error, if there is one: of a destroy, or one that travels behind the data.
    #[must_use]
    pub fn errored(&self) -> Option<&E> {
        self.errored.as_ref().or(self.failure.as_ref())
    }

    /// The error of a branch, if it was cut off, or everything was torn down.
    #[must_use]
    pub fn gone(&self, id: BranchId) -> Option<E> {
        let cut = self.cut.iter().find(|(cut, _)| *cut == id);
        let cut = cut.map(|(_, error)| error);
        cut.or(self.errored.as_ref()).cloned()
    }

    /// The error of a branch, or that of everything, even one that is still behind the data.
    #[must_use]
    pub fn errored_for(&self, id: BranchId) -> Option<E> {
        self.gone(id).or_else(|| self.failure.clone())
    }

    /// Returns whether a branch has an end of its own.
    #[must_use]
    pub fn is_stopped(&self, id: BranchId) -> bool {
        self.branch(id).is_some_and(|branch| branch.last.is_some())
    }

    /// Takes the chunks that no branch will read any more, to be dropped where a user's code may
    /// run.
    pub fn take_let_go(&mut self) -> Batch<T> {
        std::mem::take(&mut self.let_go)
    }

    pub(super) fn index(&self, id: BranchId) -> Option<usize> {
        self.branches.iter().position(|branch| branch.id == id)
    }

    fn branch(&self, id: BranchId) -> Option<&BranchState<T>> {
        self.branches.iter().find(|branch| branch.id == id)
    }
}
