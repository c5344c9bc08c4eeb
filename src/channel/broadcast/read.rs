//! The calls of a branch's reader.
//!
//! - Owns: the branch's pending batch, under its own lock.
//! - Lock order: the pending batch before the core.
//! - May block: `next`, in `wait_filled`, without the lock of the pending batch.
//! - Invariant: what the reader has taken is reported to the core once, by `settle`.

use std::mem;
use std::sync::atomic::Ordering;

use super::{BranchBatch, BranchEnd, Core, Fanout, READER_PAUSES, Unmet, Wait};
use crate::error::{Error, ErrorKind};
use crate::state::{Answer, Events};
use crate::threads::sync::TryMutexGuard;

impl<T: Clone> Fanout<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or at the deadline.
    #[inline]
    pub(crate) fn next(&self, branch: &BranchEnd<T>, wait: Wait) -> Result<Option<T>, Error> {
        let mut pending = branch.pending();
        match pending.pop() {
            Some(chunk) => {
                if pending.batch.is_empty() || pending.load.charge() >= pending.settle_at {
                    self.report(branch, pending);
                }
                Ok(Some(chunk))
            }
            None => {
                drop(pending);
                self.next_batch(branch, wait).transpose()
            }
        }
    }

    /// Reports what the reader has taken, and takes the next batch when this one is used up.
    fn report(&self, branch: &BranchEnd<T>, mut pending: TryMutexGuard<'_, BranchBatch<T>>) {
        let mut core = self.core();
        let mut events = Self::settle(branch, &mut pending, &mut core);
        if pending.batch.is_empty() {
            // Only chunks are handled here: an end or an error is for the call that finds no chunk.
            let (answer, taken) = core.state.take(branch.id, &mut pending.batch);
            // The last chunk of a stopped branch may be what `wait_over` waits for.
            events = events.union(taken);
            if matches!(answer, Answer::Nothing) {
                core.found_nothing(branch);
            }
            pending.settle_at = core.state.settle_at(branch.id);
        }
        // Before the core is given up and the writer woken: a teardown begins with this lock.
        drop(pending);
        self.wake_writer(core, events);
    }

    fn next_batch(&self, branch: &BranchEnd<T>, wait: Wait) -> Option<Result<T, Error>> {
        // At a mark of 0 nothing is written before `begin_wait`, in `wait_filled`.
        let mut spins = !matches!(wait, Wait::No) && !self.is_rendezvous;
        // `Relaxed`: it publishes nothing. `waits_for_unread` reads it under the lock of the core,
        // which this thread takes next; a writer that misses it looks again within a second.
        branch.asked.store(true, Ordering::Relaxed);
        loop {
            // Nothing was there at the last check: spin before taking the core's lock, which the
            // writer needs to add something.
            if mem::take(&mut spins) && !branch.filled_flag.is_up() {
                branch.filled_flag.spin(READER_PAUSES);
            }
            let mut pending = branch.pending();
            let mut core = self.core();
            // Before the take: what is taken now would be lost with the stream that reads here.
            if core.is_interrupted(branch.id) {
                return Some(Err(Error::interrupted()));
            }
            let (answer, mut events) = core.state.take(branch.id, &mut pending.batch);
            let outcome = match answer {
                Answer::Chunks => {
                    let first = pending.pop();
                    // Reported with the take. A writer may wait for just this chunk, and the reader
                    // need not come back for another one.
                    events = events.union(Self::settle(branch, &mut pending, &mut core));
                    first.map(Ok)
                }
                Answer::End => None,
                Answer::Gone(error) => Some(Err(error)),
                Answer::Nothing => {
                    // A wait must not hold this lock: a destroy needs it. The core stays locked, so
                    // nothing is added between the check above and the one in `wait_filled`.
                    drop(pending);
                    match self.wait_filled(core, branch, wait) {
                        Ok(_) => continue,
                        Err(unmet) => return Some(Err(nothing_came(unmet))),
                    }
                }
            };
            drop(pending);
            // After both locks: the writer takes the core as soon as it wakes.
            self.wake_writer(core, events);
            return outcome;
        }
    }
}

impl<T> Fanout<T> {
    /// Reports to the core what a branch's reader has taken.
    pub(super) fn settle(
        branch: &BranchEnd<T>,
        pending: &mut BranchBatch<T>,
        core: &mut Core<T>,
    ) -> Events {
        let (chunks, load) = (mem::take(&mut pending.chunks), mem::take(&mut pending.load));
        let events = core.state.settle(branch.id, chunks, load);
        pending.settle_at = core.state.settle_at(branch.id);
        events
    }
}

#[cold]
fn nothing_came(unmet: Unmet) -> Error {
    match unmet {
        Unmet::Full => Error::new(ErrorKind::WouldBlock, "no chunk is buffered"),
        unmet => unmet.into_error("a chunk"),
    }
}
