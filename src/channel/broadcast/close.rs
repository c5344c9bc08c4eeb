//! How a fan-out ends, and how one branch ends.
//!
//! - Owns: nothing; it takes what the branches have pending out of them.
//! - Lock order: the pending batches in the order of the branches, then the core. Tokens, errors
//!   and drops of chunks come after the unlock.
//! - May block: nothing here waits, except for the locks.
//! - Invariant: the first cause stays. Every end wakes all parked threads after the state has
//!   changed.

use std::mem;
use std::sync::Arc;

use super::{BranchBatch, BranchEnd, Core, Fanout};
use crate::cancel::Cancel;
use crate::error::Error;
use crate::state::batch::Batch;
use crate::threads::sync::TryMutexGuard;

impl<T> Fanout<T> {
    /// The writer will write no more.
    pub(crate) fn end(&self) {
        let mut core = self.core();
        let _ = core.state.end();
        // Branches wait for the end as for a chunk, and it is no chunk that would wake them.
        self.wake_all(core);
    }

    /// Ends the stream with an error, after its data. Returns the first cause, to which `error` is
    /// attached if it is another one.
    pub(crate) fn fail(&self, error: Error) -> Error {
        let mut core = self.core();
        if !core.state.is_writable() {
            let Some(cause) = core.cause() else {
                return error;
            };
            drop(core);
            cause.attach(error);
            return cause;
        }
        let _ = core.state.fail(error.clone());
        self.wake_all(core);
        error
    }

    /// Tears everything down at once, and returns what some branch had not read.
    pub(crate) fn destroy(&self, error: Error) -> Batch<T> {
        self.tear_down(&error, |_, batch| batch)
    }

    /// Does what [`destroy`](Self::destroy) does. `keep` is called under the locks with what is
    /// given back, and may store it: after the unlock the writer may ask for it at once.
    fn tear_down(
        &self,
        error: &Error,
        keep: impl Fn(&mut Core<T>, Batch<T>) -> Batch<T>,
    ) -> Batch<T> {
        // A round is in vain only if a branch was added during it, so this ends when no thread
        // subscribes.
        loop {
            if let Some(given_back) = self.try_tear_down(error, &keep) {
                return given_back;
            }
        }
    }

    /// `None` if a branch was added meanwhile, which may have something pending: try again.
    fn try_tear_down(
        &self,
        error: &Error,
        keep: impl Fn(&mut Core<T>, Batch<T>) -> Batch<T>,
    ) -> Option<Batch<T>> {
        let branches = self.core().branches();
        // In the order in which they were added, as everywhere: two teardowns cannot deadlock.
        // The list was read under an earlier hold of the core, so it is checked again below.
        let mut guards: Vec<_> = branches.iter().map(|branch| branch.pending()).collect();
        let mut core = self.core();
        // A branch that was added in between is not locked, and its batch would be lost.
        let last = |branches: &[Arc<BranchEnd<T>>]| branches.last().map(|branch| branch.id);
        if last(&branches) < last(&core.branches()) {
            return None;
        }
        let first = core.state.errored().cloned();
        // The first end stays: a second one only adds its error.
        if core.state.is_over() {
            drop((core, guards));
            if let Some(first) = first {
                first.attach(error.clone());
            }
            return Some(Batch::new());
        }
        let first = first.unwrap_or_else(|| error.clone());
        let mut given_back = Self::ahead_of_queue(&branches, &mut guards, &core);
        given_back.append(&mut core.state.destroy(first.clone()));
        let all = guards.iter_mut();
        // What branches still hold goes too: a read after this is to return the error and no chunk.
        let in_hand: Vec<_> = all.map(|pending| mem::take(&mut pending.batch)).collect();
        let let_go = core.state.take_let_go();
        // Under the lock: a writer that is woken may call `take_undelivered` at once.
        let given_back = keep(&mut core, given_back);
        let aborts = core.take_aborts();
        drop(guards);
        // After the change, under no lock but the one that the wake gives up. Tokens and `Drop`
        // follow, because both may come back to this fan-out.
        self.wake_all(core);
        first.attach(error.clone());
        aborts.run();
        drop((in_hand, let_go));
        Some(given_back)
    }

    /// Takes the pending chunks of the branch that is furthest behind that are not in the queue any
    /// more.
    fn ahead_of_queue(
        branches: &[Arc<BranchEnd<T>>],
        guards: &mut [TryMutexGuard<'_, BranchBatch<T>>],
        core: &Core<T>,
    ) -> Batch<T> {
        let mut ahead = Batch::new();
        let starts = branches.iter().zip(guards.iter_mut());
        let starts = starts.filter_map(|(branch, pending)| {
            let taken = core.state.taken(branch.id)?;
            Some((taken - pending.batch.len() as u64, pending))
        });
        if let Some((start, pending)) = starts.min_by_key(|(start, _)| *start) {
            for _ in start..core.state.first_number() {
                let Some(first) = pending.batch.pop() else {
                    break;
                };
                ahead.push(first.chunk, first.weight);
            }
        }
        ahead
    }

    /// The writer was dropped without ending the stream.
    pub(crate) fn abandon(&self) {
        let _ = self.fail(Error::premature_close());
    }

    /// Ends every wait of the writer, now and later. Set under the lock, before the wake: the
    /// writer's condition includes it.
    pub(crate) fn interrupt(&self) {
        let mut core = self.core();
        core.interrupted = true;
        self.wake_all(core);
    }

    /// Returns whether the writer is the sink of a stream that was torn down.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.core().interrupted
    }

    /// Ends every wait of a branch, now and later. Set under the lock, before the wake: `is_filled`
    /// includes it.
    pub(crate) fn interrupt_branch(&self, branch: &BranchEnd<T>) {
        let mut core = self.core();
        for slot in &mut core.slots {
            slot.interrupted |= slot.branch.id == branch.id;
        }
        self.wake_all(core);
    }

    /// Removes a branch and drops what it has not read. Returns the error that the branch reports
    /// from now on: an earlier one, or `why`.
    pub(crate) fn leave(&self, branch: &BranchEnd<T>, why: Error) -> Error {
        // One lock after the other: this is the call of its reader, so nothing is taken in between.
        let in_hand = mem::take(&mut branch.pending().batch);
        let mut core = self.core();
        let before = core.state.gone(branch.id);
        core.remove(branch);
        let events = core.state.leave(branch.id, why.clone());
        let let_go = core.state.take_let_go();
        // The writer only: it may have waited for this branch, and no branch waits for another.
        self.wake_writer(core, events);
        drop((in_hand, let_go));
        before.unwrap_or(why)
    }

    /// Cuts a branch off, with an error for it.
    pub(crate) fn abort_branch(&self, branch: &BranchEnd<T>, cause: Error) {
        let mut pending = branch.pending();
        let mut core = self.core();
        let in_hand = mem::take(&mut pending.batch);
        let _ = core.state.abort(branch.id, cause);
        let let_go = core.state.take_let_go();
        let aborts = core.take_aborts();
        drop(pending);
        // Both: the branch may be parked, and the writer may wait for that branch alone.
        self.wake_all(core);
        aborts.run();
        drop((in_hand, let_go));
    }
}

impl<T: Clone> Fanout<T> {
    /// Ends one branch after what was written up to now.
    pub(crate) fn stop_branch(&self, branch: &BranchEnd<T>) {
        let mut core = self.core();
        let _ = core.state.stop(branch.id);
        let let_go = core.state.take_let_go();
        // Both, as in `abort_branch`: a stopped branch has its end, and the writer waits for it no
        // more.
        self.wake_all(core);
        drop(let_go);
    }
}

impl<T: Send> Cancel for Fanout<T> {
    fn stop(&self) {
        let mut core = self.core();
        if !core.state.is_writable() {
            return;
        }
        // Both before the wake: the writer finds the end with its cause.
        core.stopped = true;
        let _ = core.state.end();
        self.wake_all(core);
    }

    fn abort(&self, cause: &Error) {
        // Kept for `take_undelivered`.
        let rest = self.tear_down(cause, |core, mut batch| {
            core.undelivered.append(&mut batch);
            batch
        });
        debug_assert!(rest.is_empty());
    }

    fn was_stopped(&self) -> bool {
        self.core().stopped
    }
}
