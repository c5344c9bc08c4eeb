//! Branches that are cut off, and the streams that read them.
//!
//! - Owns: [`Aborts`], the tokens of the streams that are to be aborted.
//! - Lock order: the pending batches in the order of the branches, then the core. Aborts run under
//!   no lock, because each takes the locks of its own stream.
//! - May block: `park_and_count`, until a wake, the deadline, or the time of a branch.
//! - Invariant: a branch that is cut off has settled what its reader has taken.

use std::time::{Duration, Instant};

use super::{BranchEnd, Core, Fanout, Wait};
use crate::cancel::CancelToken;
use crate::error::Error;
use crate::state::batch::Batch;
use crate::threads::sync::MutexGuard;

/// Streams whose branches were torn down, each with the cause.
#[derive(Default)]
pub(super) struct Aborts(Vec<(CancelToken, Error)>);

impl Aborts {
    /// Aborts them. Must be called under no lock: each takes its own.
    pub(super) fn run(self) {
        for (stream, cause) in self.0 {
            stream.abort_as(cause);
        }
    }
}

impl<T> Core<T> {
    /// Takes the streams whose branches are gone, to be aborted.
    #[cold]
    pub(super) fn take_aborts(&mut self) -> Aborts {
        let Self { slots, state, .. } = self;
        let gone = slots.iter_mut().filter_map(|slot| {
            let cause = state.gone(slot.branch.id)?;
            Some((slot.read_for.take()?, cause))
        });
        Aborts(gone.collect())
    }
}

impl<T> Fanout<T> {
    /// A branch is read for a stream, which is aborted if the branch is torn down.
    pub(crate) fn aborts(&self, branch: &BranchEnd<T>, stream: &CancelToken) {
        let mut core = self.core();
        let slot = (core.slots.iter_mut()).find(|slot| slot.branch.id == branch.id);
        if let Some(slot) = slot {
            // Set under the hold that looks for a cut: a branch that is cut later finds it.
            slot.read_for = Some(stream.clone());
        }
        // It may be gone already.
        let aborts = core.take_aborts();
        drop(core);
        aborts.run();
    }

    /// Parks until a wake, the deadline of `wait`, or the time limit of a branch, and counts the
    /// time against the branches that the writer waits for. Returns whether the deadline of `wait`
    /// has not passed. `writer_parked` is set by the caller, under the lock that the wait gives up.
    #[cold]
    pub(super) fn park_and_count<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        wait: Wait,
    ) -> (MutexGuard<'a, Core<T>>, bool) {
        let began = Instant::now();
        // For this park only: a branch that catches up meanwhile gets all its time back.
        let patience = core.state.patience();
        let cut_at = patience.and_then(|left| began.checked_add(left));
        let own = match wait {
            Wait::Until(deadline) => Some(deadline),
            Wait::No | Wait::Forever => None,
        };
        match own.into_iter().chain(cut_at).min() {
            Some(deadline) => {
                self.drained.wait_until(&mut core, deadline);
            }
            None => self.drained.wait(&mut core),
        }
        // Under the same hold: from here on a wake would find no thread on the condvar.
        core.writer_parked = false;
        let waited = began.elapsed();
        // By the clock, and not by what the condvar answers: the time that was up may have been
        // that of a branch.
        let in_time = own.is_none_or(|deadline| Instant::now() < deadline);
        // Asked again under the lock: the branch may have read at the last moment.
        if core.state.patience().is_some_and(|left| waited >= left) {
            core = self.cut_off(core, waited);
        } else {
            // No event has to wake a writer: it is this thread, and it checks its condition next.
            let _ = core.state.waited(waited);
        }
        (core, in_time)
    }

    /// Cuts off the branches whose time is up, and drops what they have pending. What they have not
    /// reported yet is counted first: their errors contain how much was read, and it may be enough
    /// for the writer to go on.
    ///
    /// The core is unlocked in between, so the caller checks its condition again.
    #[cold]
    fn cut_off<'a>(
        &'a self,
        core: MutexGuard<'a, Core<T>>,
        waited: Duration,
    ) -> MutexGuard<'a, Core<T>> {
        let branches = core.branches();
        // The pending batches come first in the order of locks. What changes in between is counted
        // below.
        drop(core);
        // In the order in which they were added, as everywhere: two threads cannot deadlock.
        let mut guards: Vec<_> = branches.iter().map(|branch| branch.pending()).collect();
        let mut core = self.core();
        for (branch, pending) in branches.iter().zip(&mut guards) {
            let _ = Self::settle(branch, pending, &mut core);
        }
        let (cut_off, _) = core.state.waited(waited);
        let of_those = branches.iter().zip(&mut guards);
        let of_those = of_those.filter(|(branch, _)| cut_off.contains(&branch.id));
        let in_hand: Vec<Batch<T>> = of_those
            .map(|(_, pending)| std::mem::take(&mut pending.batch))
            .collect();
        let let_go = core.state.take_let_go();
        let aborts = core.take_aborts();
        drop(guards);
        // With a mark of 0, a branch that is cut off may be parked.
        self.wake_all(core);
        drop((in_hand, let_go));
        aborts.run();
        self.core()
    }
}
