//! How a fan-out ends, and how a branch does.

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
        self.wake_all(core);
    }

    /// Ends the stream with an error, behind its data. The first cause comes back, to which
    /// `error` is attached if it is another one.
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

    /// Tears everything down at once, and gives back what some branch had still to read.
    pub(crate) fn destroy(&self, error: Error) -> Batch<T> {
        self.tear_down(&error, |_, batch| batch)
    }

    /// Does what [`destroy`](Self::destroy) does. `keep` is shown, under the locks, what is given
    /// back, and may keep it: once they are free the writer may already ask for it.
    fn tear_down(
        &self,
        error: &Error,
        keep: impl Fn(&mut Core<T>, Batch<T>) -> Batch<T>,
    ) -> Batch<T> {
        loop {
            if let Some(given_back) = self.try_tear_down(error, &keep) {
                return given_back;
            }
        }
    }

    /// `None` if a branch has come meanwhile, which may have something in hand.
    fn try_tear_down(
        &self,
        error: &Error,
        keep: impl Fn(&mut Core<T>, Batch<T>) -> Batch<T>,
    ) -> Option<Batch<T>> {
        let branches = self.core().branches();
        // In the order in which they came, which is everybody's order.
        let mut guards: Vec<_> = branches.iter().map(|branch| branch.pending()).collect();
        let mut core = self.core();
        let last = |branches: &[Arc<BranchEnd<T>>]| branches.last().map(|branch| branch.id);
        if last(&branches) < last(&core.branches()) {
            return None;
        }
        let first = core.state.errored().cloned();
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
        let in_hand: Vec<_> = all.map(|pending| mem::take(&mut pending.batch)).collect();
        let let_go = core.state.take_let_go();
        let given_back = keep(&mut core, given_back);
        let aborts = core.take_aborts();
        drop(guards);
        self.wake_all(core);
        first.attach(error.clone());
        aborts.tell();
        drop((in_hand, let_go));
        Some(given_back)
    }

    /// Takes what the branch that is furthest behind has in hand, and is not in the queue any more.
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

    /// The writer went away without ending the stream.
    pub(crate) fn abandon(&self) {
        let _ = self.fail(Error::premature_close());
    }

    /// Makes the writer come back out of every wait, now and later.
    pub(crate) fn interrupt(&self) {
        let mut core = self.core();
        core.interrupted = true;
        self.wake_all(core);
    }

    /// Returns whether the writer is the sink of a stream that was torn down.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.core().interrupted
    }

    /// Makes a branch come back out of every wait, now and later.
    pub(crate) fn interrupt_branch(&self, branch: &BranchEnd<T>) {
        let mut core = self.core();
        for slot in &mut core.slots {
            slot.interrupted |= slot.branch.id == branch.id;
        }
        self.wake_all(core);
    }

    /// A branch goes away, and lets go what it has not read. What it is told from now on comes
    /// back: an error that came before this one, or this one.
    pub(crate) fn leave(&self, branch: &BranchEnd<T>, why: Error) -> Error {
        let in_hand = mem::take(&mut branch.pending().batch);
        let mut core = self.core();
        let before = core.state.gone(branch.id);
        core.remove(branch);
        let events = core.state.leave(branch.id, why.clone());
        let let_go = core.state.take_let_go();
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
        self.wake_all(core);
        aborts.tell();
        drop((in_hand, let_go));
    }
}

impl<T: Clone> Fanout<T> {
    /// A branch gets what was written up to now, and then an end of its own.
    pub(crate) fn stop_branch(&self, branch: &BranchEnd<T>) {
        let mut core = self.core();
        let _ = core.state.stop(branch.id);
        let let_go = core.state.take_let_go();
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
        core.stopped = true;
        let _ = core.state.end();
        self.wake_all(core);
    }

    fn abort(&self, cause: &Error) {
        // For whoever asks for what was not delivered.
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
