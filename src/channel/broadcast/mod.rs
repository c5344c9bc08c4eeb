//! The channel between a writer and many branches.
//!
//! What is written goes into a [`FanoutState`] under one lock, the core. A branch that paces takes
//! all that is queued for it in one go and hands it out from under a lock of its own, its hand,
//! which no other thread wants; so it needs the core a few times a batch and not once a chunk. One that
//! does not pace takes a chunk at a time, for whether it is cut off, or misses something, is decided
//! by how far it has really read.
//!
//! ```text
//!               ┌────── core ──────┐         ┌─ hand ─┐
//!    write ──▶  │ FanoutState:     │ ──────▶ │ copies │ ──▶ next
//!               │ queue, branches  │         └────────┘
//!  wait_drain   │                  │         ┌─ hand ─┐
//!               │                  │ ──────▶ │        │ ──▶ next
//!               └──────────────────┘         └────────┘
//!                drained      filled
//! ```
//!
//! Locks are taken hands first, in the order in which the branches came, and the core last. A
//! chunk's `Drop` runs under none of them. Its `Clone` runs under the core: outside of it there
//! would have to be an allocation for each chunk, which costs more than what is here all in all, and
//! chunks that are made to be shared, such as `Bytes` or an `Arc`, are cloned in less time than a
//! lock is taken. The last branch to take a chunk gets it without. If a `clone` panics, it does so
//! in the call that wanted the copy, and nothing of the fan-out has changed.

mod close;
mod cuts;
mod read;
mod unread;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, ThreadId};

use super::mark::{HighWaterMark, Strategy, Unit};
use super::{Backoff, Flag, READER_PAUSES, Unmet, WRITER_PAUSES, Wait};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::state::batch::{Batch, Load};
use crate::state::{BranchId, BranchPolicy, Event, Events, FanoutState};
use crate::threads::sync::{Condvar, Mutex, MutexGuard, Padded, TryMutex, TryMutexGuard};
use crate::threads::waits::{For, Waiting};

/// See the module's docs.
pub(crate) struct Fanout<T> {
    core: Padded<Mutex<Core<T>>>,
    /// Signalled when `admits()`, `!is_writable()` or `is_over()` of the state, or `interrupted`,
    /// may have become true.
    drained: Condvar,
    /// Signalled when `is_filled()` of any branch may have become true.
    filled: Condvar,
    /// Up when `drained` was signalled and the writer has not found the buffer full since.
    drained_flag: Flag,
    is_rendezvous: bool,
    strategy: Strategy<T>,
}

/// What the lock guards. Everything here is decided under it, and nothing waits.
struct Core<T> {
    state: FanoutState<T, Error>,
    slots: Vec<BranchSlot<T>>,
    /// A token's `stop` has ended the stream, and not the writer.
    stopped: bool,
    /// The writer is the sink of a stream that is torn down: it waits no more.
    interrupted: bool,
    writer_parked: bool,
    parked_readers: usize,
    /// How many branches have found nothing, and were not told of anything since.
    hungry: usize,
    /// There was another thread when one was about to park.
    may_park: bool,
    /// A branch that nothing reads has been told of.
    reported_unread: bool,
    /// What an abort has taken from the branches.
    undelivered: Batch<T>,
    /// The most that any branch had to read.
    peak: usize,
}

/// A branch, as the core knows it.
struct BranchSlot<T> {
    branch: Arc<BranchEnd<T>>,
    /// The branch is the source of a stream that is torn down: it waits no more.
    interrupted: bool,
    /// It has found nothing, and was not told of anything since.
    is_hungry: bool,
    /// The stream that it is read for, to be aborted when the branch is torn down.
    read_for: Option<CancelToken>,
}

/// A branch's own end.
pub(crate) struct BranchEnd<T> {
    id: BranchId,
    policy: BranchPolicy,
    pending: Padded<TryMutex<BranchBatch<T>>>,
    /// Down while it is hungry. Each branch has its own: one that finds nothing would hide from the
    /// others that there was something for them.
    filled_flag: Flag,
    /// It was asked for a chunk, at some time.
    asked: AtomicBool,
    /// The thread that has made it.
    made_by: ThreadId,
}

/// What a branch has taken and not yet handed out.
struct BranchBatch<T> {
    batch: Batch<T>,
    /// What was handed out and not yet reported to the core.
    chunks: usize,
    load: Load,
    /// How much of that is worth the core's lock.
    settle_at: usize,
}

impl<T> BranchBatch<T> {
    /// Hands out the oldest chunk.
    #[inline]
    fn pop(&mut self) -> Option<T> {
        let first = self.batch.pop()?;
        self.chunks += 1;
        self.load += Load::of(first.weight);
        Some(first.chunk)
    }
}

impl<T> BranchEnd<T> {
    pub(crate) const fn id(&self) -> BranchId {
        self.id
    }

    pub(crate) const fn policy(&self) -> BranchPolicy {
        self.policy
    }

    fn pending(&self) -> TryMutexGuard<'_, BranchBatch<T>> {
        self.pending.0.lock()
    }
}

impl<T> Core<T> {
    /// Returns whether a write is to be made now.
    fn admits(&self) -> bool {
        self.state.admits() && !self.interrupted
    }

    /// Returns whether a write would be taken at some time.
    fn is_writable(&self) -> bool {
        self.state.is_writable() && !self.interrupted
    }

    fn branches(&self) -> Vec<Arc<BranchEnd<T>>> {
        let slots = self.slots.iter();
        slots.map(|slot| Arc::clone(&slot.branch)).collect()
    }

    fn is_interrupted(&self, id: BranchId) -> bool {
        let slot = self.slots.iter().find(|slot| slot.branch.id == id);
        slot.is_some_and(|slot| slot.interrupted)
    }

    /// Returns whether a branch has something to find here, be it that all is over.
    fn is_filled(&self, id: BranchId) -> bool {
        self.state.is_filled(id) || self.is_interrupted(id)
    }

    /// A branch has looked, and there was nothing for it.
    fn found_nothing(&mut self, branch: &BranchEnd<T>) {
        let slot = (self.slots.iter_mut()).find(|slot| slot.branch.id == branch.id);
        if let Some(slot) = slot {
            if !std::mem::replace(&mut slot.is_hungry, true) {
                branch.filled_flag.lower();
                self.hungry += 1;
            }
        }
    }

    fn remove(&mut self, branch: &BranchEnd<T>) {
        let place = self
            .slots
            .iter()
            .position(|slot| slot.branch.id == branch.id);
        if let Some(place) = place {
            let slot = self.slots.remove(place);
            self.hungry -= usize::from(slot.is_hungry);
        }
    }

    /// There is something for everybody who has found nothing.
    fn tell(&mut self) {
        if self.hungry > 0 {
            self.hungry = 0;
            for slot in &mut self.slots {
                if std::mem::take(&mut slot.is_hungry) {
                    slot.branch.filled_flag.raise();
                }
            }
        }
    }

    /// Why no more is taken, unless it is that the writer has said so.
    fn cause(&self) -> Option<Error> {
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

impl<T> Fanout<T> {
    pub(crate) fn new<U: Unit<T>>(mark: &HighWaterMark<U>) -> Self {
        let strategy: Strategy<T> = mark.strategy();
        Self {
            core: Padded(Mutex::new(Core {
                state: FanoutState::new(strategy.marks(), strategy.unit()),
                slots: Vec::new(),
                stopped: false,
                interrupted: false,
                writer_parked: false,
                parked_readers: 0,
                hungry: 0,
                may_park: false,
                reported_unread: false,
                undelivered: Batch::new(),
                peak: 0,
            })),
            drained: Condvar::new(),
            filled: Condvar::new(),
            drained_flag: Flag::new(),
            is_rendezvous: strategy.marks().high() == 0,
            strategy,
        }
    }

    fn core(&self) -> MutexGuard<'_, Core<T>> {
        self.core.0.lock()
    }

    /// Adds a branch.
    pub(crate) fn subscribe(&self, policy: BranchPolicy) -> Arc<BranchEnd<T>> {
        let mut core = self.core();
        let branch = Arc::new(BranchEnd {
            id: core.state.subscribe(policy),
            policy,
            pending: Padded(TryMutex::new(BranchBatch {
                batch: Batch::new(),
                chunks: 0,
                load: Load::NONE,
                settle_at: 0,
            })),
            filled_flag: Flag::new(),
            asked: AtomicBool::new(false),
            made_by: thread::current().id(),
        });
        core.slots.push(BranchSlot {
            branch: Arc::clone(&branch),
            interrupted: false,
            is_hungry: false,
            read_for: None,
        });
        branch
    }

    pub(crate) fn keep_open(&self) {
        self.core().state.keep_open();
    }

    /// Lets branches look again that have found nothing, and wakes those that sleep. After the lock,
    /// so that they do not wake up only to wait for it; whether any sleeps was read under the lock,
    /// so no wake is lost.
    #[inline]
    fn wake_readers(&self, mut core: MutexGuard<'_, Core<T>>) {
        if core.hungry == 0 {
            return;
        }
        core.tell();
        let parked = core.parked_readers > 0;
        drop(core);
        if parked {
            // All of them: whoever sleeps has nothing to read, and now there is something for each.
            self.filled.notify_all();
        }
    }

    /// Lets the writer look again if anything has happened, and wakes it if it sleeps.
    #[inline]
    fn wake_writer(&self, core: MutexGuard<'_, Core<T>>, events: Events) {
        let parked = core.writer_parked;
        drop(core);
        if events.is_empty() {
            return;
        }
        self.drained_flag.raise();
        if parked {
            self.drained.notify_all();
        }
    }

    /// Lets everybody look again: something has ended.
    fn wake_all(&self, mut core: MutexGuard<'_, Core<T>>) {
        core.tell();
        drop(core);
        self.drained_flag.raise();
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Waits, on the writer's condvar, until `met`.
    ///
    /// What ends the wait is in `met`, which must look at whether the stream still lives. Branches
    /// whose time is up are cut off on the way.
    fn wait_drained<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        wait: Wait,
        met: impl Fn(&Core<T>) -> bool,
    ) -> Result<MutexGuard<'a, Core<T>>, Unmet> {
        let mut patience = Backoff::new(wait)?;
        while !met(&core) {
            if patience.spins() {
                self.drained_flag.lower();
                drop(core);
                self.drained_flag.spin(WRITER_PAUSES);
                core = self.core();
                continue;
            }
            let in_time;
            let _waiting = Waiting::begin(For::Outside);
            let is_bounded = core.state.patience().is_some();
            if !is_bounded {
                patience.check(&mut core.may_park)?;
                if matches!(wait, Wait::Forever) && core.waits_for_unread() {
                    core = self.park_for_unread(core)?;
                    continue;
                }
            }
            core.writer_parked = true;
            if !is_bounded {
                in_time = patience.park(&self.drained, &mut core);
                core.writer_parked = false;
            } else {
                (core, in_time) = self.park_and_count(core, wait);
            }
            // The last look is at the state and not at the clock: what came in time counts.
            if !in_time && !met(&core) {
                return Err(Unmet::TimedOut);
            }
        }
        Ok(core)
    }

    /// Waits, on the branches' condvar, until there is something for this one, or never will be.
    fn wait_filled<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        branch: &BranchEnd<T>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, Core<T>>, Unmet> {
        let mut patience = Backoff::new(wait)?;
        let id = branch.id;
        // A rendezvous waits for just this.
        if core.state.begin_wait(id).contains(Event::Drain) {
            self.drained_flag.raise();
            if core.writer_parked {
                self.drained.notify_all();
            }
        }
        let mut outcome = Ok(());
        while !core.is_filled(id) {
            if patience.spins() {
                core.found_nothing(branch);
                drop(core);
                branch.filled_flag.spin(READER_PAUSES);
                core = self.core();
                continue;
            }
            if let Err(deadlock) = patience.check(&mut core.may_park) {
                outcome = Err(deadlock);
                break;
            }
            core.found_nothing(branch);
            core.parked_readers += 1;
            let waiting = Waiting::begin(For::Outside);
            let in_time = patience.park(&self.filled, &mut core);
            drop(waiting);
            core.parked_readers -= 1;
            if !in_time && !core.is_filled(id) {
                outcome = Err(Unmet::TimedOut);
                break;
            }
        }
        core.state.end_wait(id);
        outcome.map(|()| core)
    }

    /// Looks at the state without waiting for anything but its lock.
    pub(crate) fn with_state<R>(&self, read: impl FnOnce(&FanoutState<T, Error>) -> R) -> R {
        read(&self.core().state)
    }

    /// The most that any branch had to read.
    pub(crate) fn peak(&self) -> usize {
        self.core().peak
    }
}
