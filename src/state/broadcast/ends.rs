//! How a fan-out ends, and how a branch of it does before that.

use super::{BranchId, Cut, FanoutState, Phase};
use crate::state::Events;
use crate::state::batch::{Batch, Weighed};

impl<T, E: Clone + From<Cut>> FanoutState<T, E> {
    /// Takes a branch out. `why` is the error of the fan-out if it was the last one, and the
    /// fan-out was to be read further.
    pub fn leave(&mut self, id: BranchId, why: E) -> Events {
        self.cut.retain(|(cut, _)| *cut != id);
        if let Some(index) = self.index(id) {
            self.remove(index, why);
        }
        let events = self.settled();
        self.check();
        events
    }

    /// Ends a branch: it gets what was written up to now, and then an end of its own. The writer
    /// waits for it no more, and it keeps what it has still to read for itself.
    pub fn stop(&mut self, id: BranchId) -> Events
    where
        T: Clone,
    {
        if self.phase == Phase::Open {
            if let Some(index) = self.index(id) {
                if self.branches[index].last.is_none() {
                    self.set_aside(index);
                    self.branches[index].last = Some(self.place());
                    self.trim();
                }
            }
        }
        let events = self.settled();
        self.check();
        events
    }

    /// Cuts a branch off, with an error for it.
    pub fn abort(&mut self, id: BranchId, error: E) -> Events {
        if !self.is_over() {
            if let Some(index) = self.index(id) {
                self.cut.push((id, error.clone()));
                self.remove(index, error);
            }
        }
        let events = self.settled();
        self.check();
        events
    }

    pub(super) fn cut(&mut self, index: usize, cut: Cut) {
        let error = E::from(cut);
        self.cut.push((self.branches[index].id, error.clone()));
        self.remove(index, error);
    }

    pub(super) fn remove(&mut self, index: usize, why: E) {
        let mut branch = self.branches.remove(index);
        self.complete |= self.ended && branch.is_done(self.place());
        self.let_go.append(&mut branch.aside);
        self.trim();
        if !self.branches.is_empty() || self.keeps_open {
            return;
        }
        let unread = match self.phase {
            Phase::Open => true,
            Phase::Ending => !self.complete,
            Phase::Finished | Phase::Destroyed => false,
        };
        if unread {
            self.tear_down(why);
        }
    }

    /// Ends the stream: nothing more will be written. May be called again.
    pub fn end(&mut self) -> Events {
        self.ended = true;
        if self.phase == Phase::Open {
            self.phase = Phase::Ending;
            self.need_drain = false;
        }
        let events = self.settled();
        self.check();
        events
    }

    /// Ends with an error, which every branch gets after the data. After an end it does nothing.
    pub fn fail(&mut self, error: E) -> Events {
        if self.phase == Phase::Open {
            self.failure = Some(error);
        }
        self.end()
    }

    /// Tears everything down at once, and gives back what was queued: what some branch had still to
    /// take. What branches hold stays with them. On a fan-out that is over it does nothing.
    #[must_use = "these chunks were taken and not read"]
    pub fn destroy(&mut self, error: E) -> Batch<T> {
        if self.is_over() {
            return Batch::new();
        }
        let given_back = self.tear_down(error);
        self.check();
        given_back
    }

    pub(super) fn tear_down(&mut self, error: E) -> Batch<T> {
        self.phase = Phase::Destroyed;
        self.ended = true;
        self.need_drain = false;
        // An error that was on its way came first.
        self.errored = Some(self.failure.take().unwrap_or(error));
        let mut queued = Batch::new();
        for Weighed { chunk, weight } in self.queue.drain(..) {
            self.first += 1;
            queued.push(chunk, weight);
        }
        let place = self.place();
        for branch in &mut self.branches {
            self.let_go.append(&mut branch.let_go(place));
        }
        queued
    }
}
