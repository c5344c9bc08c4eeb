//! What a branch of a fan-out takes, reads and waits for.

use core::time::Duration;

use super::{Answer, BranchId, BranchPolicy, Cut, FanoutState};
use crate::state::batch::{Batch, Load, Weighed};
use crate::state::{Event, Events};

impl<T, E: Clone + From<Cut>> FanoutState<T, E> {
    /// Gives a branch what there is for it, behind what is in `out`: all there is, if it paces,
    /// which then stays with it until it is [settled](Self::settle); and one chunk otherwise, which
    /// counts as read. For a branch with a cap has to be known to the chunk how far it has read.
    ///
    /// If a chunk's `clone` panics, those before it are in `out`, and nothing is lost.
    pub fn take(&mut self, id: BranchId, out: &mut Batch<T>) -> (Answer<E>, Events)
    where
        T: Clone,
    {
        if let Some(error) = self.gone(id) {
            return (Answer::Gone(error), Events::NONE);
        }
        let Some(index) = self.index(id) else {
            return (Answer::End, Events::NONE);
        };
        let written = self.place();
        let branch = &mut self.branches[index];
        branch.is_waiting = false;
        if !branch.has_queued(written) {
            return (self.end_of(index), Events::NONE);
        }
        if branch.paces() {
            self.take_queued(index, BATCH_MAX, out);
            self.check();
            return (Answer::Chunks, Events::NONE);
        }
        if let Some(Weighed { chunk, weight }) = branch.aside.pop() {
            out.push(chunk, weight);
            branch.read_aside(weight);
        } else {
            self.take_queued(index, 1, out);
            self.branches[index].read_all();
        }
        let events = self.settled();
        self.check();
        (Answer::Chunks, events)
    }

    /// Moves up to `most` chunks of the queue to a branch.
    fn take_queued(&mut self, index: usize, most: usize, out: &mut Batch<T>)
    where
        T: Clone,
    {
        let next = self.next_number();
        let others = self.branches.iter().enumerate();
        let others = others.filter(|(other, _)| *other != index);
        let wanted_from = others.map(|(_, other)| other.wants()).min();
        let wanted_from = wanted_from.unwrap_or(u64::MAX);
        let branch = &mut self.branches[index];
        let mut left = most.min((next - branch.taken) as usize);
        // No other branch takes these.
        while left > 0 && branch.taken == self.first && self.first < wanted_from {
            let Some(Weighed { chunk, weight }) = self.queue.pop_front() else {
                break;
            };
            self.first += 1;
            branch.took(weight);
            out.push(chunk, weight);
            left -= 1;
        }
        if left > 0 {
            let from = (branch.taken - self.first) as usize;
            for Weighed { chunk, weight } in self.queue.range(from..from + left) {
                out.push(chunk.clone(), *weight);
                branch.took(*weight);
            }
        }
    }

    /// What a branch gets that has nothing to take.
    fn end_of(&self, index: usize) -> Answer<E> {
        if self.branches[index].last.is_some() {
            return Answer::End;
        }
        if !self.ended {
            return Answer::Nothing;
        }
        match self.failure.clone() {
            Some(failure) => Answer::Gone(failure),
            None => Answer::End,
        }
    }

    /// Counts this many chunks of what a branch holds as read, and what they
    /// [count for](Load).
    pub fn settle(&mut self, id: BranchId, chunks: usize, load: Load) -> Events {
        let written = self.place();
        let Some(index) = self.index(id) else {
            return Events::NONE;
        };
        let branch = &mut self.branches[index];
        branch.read(chunks, load);
        if branch.lag(written) <= self.marks.low {
            branch.waited = Duration::ZERO;
        }
        let events = self.settled();
        self.check();
        events
    }

    /// Notes that a branch has nothing to take and waits. At a mark of 0 a write waits for just
    /// that.
    pub fn begin_wait(&mut self, id: BranchId) -> Events {
        let Some(index) = self.index(id) else {
            return Events::NONE;
        };
        let branch = &mut self.branches[index];
        branch.is_waiting = true;
        branch.waited = Duration::ZERO;
        if self.marks.high == 0 && self.admits() {
            return Event::Drain.into();
        }
        Events::NONE
    }

    /// Notes that a branch does not wait any more.
    pub fn end_wait(&mut self, id: BranchId) {
        if let Some(index) = self.index(id) {
            self.branches[index].is_waiting = false;
        }
    }

    /// Counts a wait of the writer against the branches that it waited for. Those that have used up
    /// their time are cut off, and named: what they hold is to be dropped.
    pub fn waited(&mut self, time: Duration) -> (Vec<BranchId>, Events) {
        let mut cut_off = Vec::new();
        let mut index = 0;
        while let Some(branch) = self.branches.get(index) {
            if let BranchPolicy::Disconnect(after) = branch.policy {
                if self.holds_up(branch) {
                    let waited = branch.waited.saturating_add(time);
                    if waited >= after {
                        cut_off.push(branch.id);
                        let cut = Cut::Slow {
                            after,
                            offset: branch.offset,
                            unit: self.unit,
                        };
                        self.cut(index, cut);
                        continue;
                    }
                    self.branches[index].waited = waited;
                }
            }
            index += 1;
        }
        let events = self.settled();
        self.check();
        (cut_off, events)
    }
}

/// How many chunks a branch is given at a time. More of them gain little, and the others wait while
/// they are cloned.
const BATCH_MAX: usize = 32;
