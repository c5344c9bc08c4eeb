//! What the lock of a fan-out guards: its state, and a slot for each branch.
//!
//! - Owns: the state machine, the slots, and what an abort has taken from the branches.
//! - Lock order: it is the data of the core's lock, which comes after those of the pending batches.
//! - May block: nothing here; no method takes a lock.
//! - Invariant: `hungry` is the number of slots with `is_hungry`.

use std::sync::Arc;

use super::BranchEnd;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::state::batch::Batch;
use crate::state::{BranchId, FanoutState};

/// What the core's lock guards. Nothing here waits.
pub(super) struct Core<T> {
    pub(super) state: FanoutState<T, Error>,
    pub(super) slots: Vec<BranchSlot<T>>,
    /// A token's `stop` has ended the stream.
    pub(super) stopped: bool,
    /// The writer is the sink of a stream that is torn down: it does not wait any more.
    pub(super) interrupted: bool,
    // A flag: a broadcast has one writer.
    pub(super) writer_parked: bool,
    pub(super) parked_readers: usize,
    /// How many branches have found nothing, and were not signalled since.
    // The sum of the slots with `is_hungry`: a write reads one number instead of every slot.
    pub(super) hungry: usize,
    /// The process had another thread when a thread was going to park.
    pub(super) may_park: bool,
    /// The branch that nothing reads has been reported.
    pub(super) reported_unread: bool,
    /// What an abort has taken from the branches.
    pub(super) undelivered: Batch<T>,
    /// The most that any branch had to read.
    pub(super) peak: usize,
}

/// What the core keeps of a branch.
pub(super) struct BranchSlot<T> {
    pub(super) branch: Arc<BranchEnd<T>>,
    /// The branch is the source of a stream that is torn down: it does not wait any more.
    pub(super) interrupted: bool,
    /// It has found nothing, and was not signalled since.
    pub(super) is_hungry: bool,
    /// The stream that it is read for, to be aborted when the branch is torn down.
    pub(super) read_for: Option<CancelToken>,
}

impl<T> Core<T> {
    /// Returns whether a write is to be made now.
    pub(super) fn admits(&self) -> bool {
        // The interrupt is a part of each condition that the writer waits for. One that was woken
        // for it and did not find it there would park again.
        self.state.admits() && !self.interrupted
    }

    /// Returns whether a write would be taken now or later.
    pub(super) fn is_writable(&self) -> bool {
        self.state.is_writable() && !self.interrupted
    }

    pub(super) fn branches(&self) -> Vec<Arc<BranchEnd<T>>> {
        let slots = self.slots.iter();
        slots.map(|slot| Arc::clone(&slot.branch)).collect()
    }

    pub(super) fn is_interrupted(&self, id: BranchId) -> bool {
        let slot = self.slots.iter().find(|slot| slot.branch.id == id);
        slot.is_some_and(|slot| slot.interrupted)
    }

    /// Returns whether a branch's wait is over: because of a chunk, or the end, or an interrupt.
    pub(super) fn is_filled(&self, id: BranchId) -> bool {
        // The same for a branch.
        self.state.is_filled(id) || self.is_interrupted(id)
    }

    /// A branch has found nothing. Called under the lock, before the branch spins or parks, so a
    /// writer that adds a chunk after this finds `hungry` above 0.
    pub(super) fn found_nothing(&mut self, branch: &BranchEnd<T>) {
        let slot = (self.slots.iter_mut()).find(|slot| slot.branch.id == branch.id);
        if let Some(slot) = slot {
            // Counted once until it is signalled, however often it finds nothing. The flag is
            // lowered under the lock: a write after this raises it again.
            if !std::mem::replace(&mut slot.is_hungry, true) {
                branch.filled_flag.lower();
                self.hungry += 1;
            }
        }
    }

    pub(super) fn remove(&mut self, branch: &BranchEnd<T>) {
        let place = self
            .slots
            .iter()
            .position(|slot| slot.branch.id == branch.id);
        if let Some(place) = place {
            let slot = self.slots.remove(place);
            // It waits no more, and `hungry` must not stay above the number of those that do.
            self.hungry -= usize::from(slot.is_hungry);
        }
    }

    /// Signals every branch that has found nothing.
    pub(super) fn signal(&mut self) {
        if self.hungry > 0 {
            // All at once: a branch that still finds nothing counts itself again before it parks.
            self.hungry = 0;
            for slot in &mut self.slots {
                if std::mem::take(&mut slot.is_hungry) {
                    slot.branch.filled_flag.raise();
                }
            }
        }
    }

    /// Why no more is taken. `None` if the writer has ended the stream, or nothing has.
    pub(super) fn cause(&self) -> Option<Error> {
        if let Some(cause) = self.state.errored() {
            return Some(cause.clone());
        }
        if self.interrupted {
            return Some(Error::interrupted());
        }
        self.stopped
            .then(|| Error::new(ErrorKind::Cancelled, "stopped"))
    }
}
