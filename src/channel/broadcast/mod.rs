//! The channel between a writer and many branches.
//!
//! - Owns: the core owns the queue, the branches and the counts. Each branch owns its pending
//!   batch.
//! - Lock order: the pending batches first, in the order in which the branches were added, and the
//!   core last.
//! - May block: `wait_drained` (writer) and `wait_filled` (branch), on a condvar of the core's
//!   lock.
//! - Invariants: those of [`FanoutState`]; `hungry` is the number of slots with `is_hungry`. A
//!   thread parks only after it has checked, under the core's lock, the condition that it waits
//!   for.
//!
//! A branch that paces the writer takes all that is queued for it at once, into its pending batch,
//! and returns it chunk by chunk. Only the branch takes that lock often, so it needs the core a few
//! times a batch and not once a chunk. A branch that does not pace takes one chunk at a time,
//! because whether it is cut off, or misses something, depends on how far it has really read.
//!
//! ```text
//!               ┌────── core ──────┐         ┌ pending ┐
//!    write ──▶  │ FanoutState:     │ ──────▶ │ copies  │ ──▶ next
//!               │ queue, branches  │         └─────────┘
//!  wait_drain   │                  │         ┌ pending ┐
//!               │                  │ ──────▶ │         │ ──▶ next
//!               └──────────────────┘         └─────────┘
//!                drained      filled
//! ```
//!
//! A chunk's `Drop` runs under no lock. Its `Clone` runs under the core: outside of it each chunk
//! would need an allocation, which costs more than all the rest, and chunks that are made to be
//! shared, such as `Bytes` or an `Arc`, are cloned faster than a lock is taken. The last branch to
//! take a chunk gets the original. If a `clone` panics, it does so in the call that needed the
//! copy, and the fan-out is unchanged.

mod close;
mod cuts;
mod read;
mod slots;
mod unread;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, ThreadId};

use super::mark::{HighWaterMark, Strategy, Unit};
use super::{Backoff, Flag, READER_PAUSES, Unmet, WRITER_PAUSES, Wait};
use crate::error::Error;
use crate::state::batch::{Batch, Load};
use crate::state::{BranchId, BranchPolicy, Event, Events, FanoutState};
use crate::threads::sync::{Condvar, Mutex, MutexGuard, Padded, TryMutex, TryMutexGuard};
use crate::threads::waits::{For, Waiting};
use slots::{BranchSlot, Core};

/// See the module's docs.
pub(crate) struct Fanout<T> {
    core: Padded<Mutex<Core<T>>>,
    /// Signalled when `admits()`, `!is_writable()` or `is_over()` of the state, or `interrupted`,
    /// may have become true.
    drained: Condvar,
    /// Signalled when `is_filled()` of any branch may have become true.
    filled: Condvar,
    /// Raised when `drained` was signalled, and the writer has not found the buffer full since.
    drained_flag: Flag,
    is_rendezvous: bool,
    strategy: Strategy<T>,
}

/// A branch's own end.
pub(crate) struct BranchEnd<T> {
    id: BranchId,
    policy: BranchPolicy,
    pending: Padded<TryMutex<BranchBatch<T>>>,
    /// Down while it is hungry. Each branch has its own: with one flag for all, a branch that finds
    /// nothing would lower it for the others too.
    filled_flag: Flag,
    /// A chunk was requested from it at some time.
    // std's, and not the one that a model watches: only a warning depends on it.
    asked: AtomicBool,
    /// The thread that added it.
    made_by: ThreadId,
}

/// What a branch has taken from the core, and its reader not yet from the branch.
struct BranchBatch<T> {
    batch: Batch<T>,
    /// What the reader has taken and the branch not yet reported to the core.
    chunks: usize,
    load: Load,
    /// How much of that is worth taking the core's lock for.
    settle_at: usize,
}

impl<T> BranchBatch<T> {
    /// Takes the oldest chunk.
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
        // No wake: one more branch gives neither the writer nor a branch anything to go on with.
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

    /// Makes the branches check again that have found nothing, and wakes those that are parked.
    /// They are notified after the unlock, so that they do not wake up only to wait for the lock.
    ///
    /// No wake is lost: `hungry` and `parked_readers` are read under the lock, after the change; a
    /// branch checks and counts itself under the same lock before it parks
    /// ([`wait_filled`](Self::wait_filled)).
    #[inline]
    fn wake_readers(&self, mut core: MutexGuard<'_, Core<T>>) {
        // A branch that waits, or is about to, has counted itself under this lock: nothing is
        // missed.
        if core.hungry == 0 {
            return;
        }
        // Before the unlock, because `is_hungry` is data of the lock. Afterwards a branch may have
        // found nothing again, and that is for the next chunk.
        core.signal();
        let parked = core.parked_readers > 0;
        drop(core);
        if parked {
            // All of them: each parked branch had nothing to read, and now there is something for
            // each.
            self.filled.notify_all();
        }
    }

    /// Makes the writer check again if there are events, and wakes it if it is parked.
    /// `writer_parked` is read under the lock under which the writer checks and sets it, so no wake
    /// is lost.
    #[inline]
    fn wake_writer(&self, core: MutexGuard<'_, Core<T>>, events: Events) {
        // A flag is enough: there is one writer, and each of its calls that wait needs it for
        // itself (`&mut`).
        let parked = core.writer_parked;
        drop(core);
        // Without an event nothing has changed that a writer waits for. So a caller that drops an
        // event of the state loses a wake.
        if events.is_empty() {
            return;
        }
        self.drained_flag.raise();
        if parked {
            self.drained.notify_all();
        }
    }

    /// Makes the writer and all branches check again, because something has ended. It notifies
    /// without checking whether threads are parked: it is rare.
    fn wake_all(&self, mut core: MutexGuard<'_, Core<T>>) {
        // A branch that is not parked yet, or a writer, checks under the lock first, and finds the
        // end. A cut concerns both sides too: the branch gets its error, and the writer may have
        // waited for that branch alone.
        core.signal();
        drop(core);
        self.drained_flag.raise();
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Waits, on the writer's condvar, until `met`.
    ///
    /// `met` must also return true when the stream can make no more progress. Branches whose time
    /// is up are cut off meanwhile.
    ///
    /// A wake cannot be missed: `met` is checked and `writer_parked` is set under the lock that the
    /// park gives up, and [`wake_writer`](Self::wake_writer) reads it under that lock.
    fn wait_drained<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        wait: Wait,
        met: impl Fn(&Core<T>) -> bool,
    ) -> Result<MutexGuard<'a, Core<T>>, Unmet> {
        let mut backoff = Backoff::new(wait)?;
        while !met(&core) {
            if backoff.spins() {
                // Under the lock: a raise that follows a later change cannot be lowered here.
                self.drained_flag.lower();
                drop(core);
                self.drained_flag.spin(WRITER_PAUSES);
                core = self.core();
                // The lock was free during the spin: `met` is out of date.
                continue;
            }
            let in_time;
            let _waiting = Waiting::begin(For::Outside);
            let is_bounded = core.state.patience().is_some();
            // Where the time of a branch runs, the wait ends by itself: then there is no deadlock
            // to look for.
            if !is_bounded {
                backoff.check(&mut core.may_park)?;
                if matches!(wait, Wait::Forever) && core.waits_for_unread() {
                    core = self.park_for_unread(core)?;
                    // It returns at the latest after a second, with or without a wake.
                    continue;
                }
            }
            // Under the hold in which `met` was false, up to the park: `wake_writer` and
            // `wait_filled` notify no writer that is not marked.
            core.writer_parked = true;
            if !is_bounded {
                in_time = backoff.park(&self.drained, &mut core);
                core.writer_parked = false;
            } else {
                // It clears `writer_parked` itself, before it gives the lock up to cut branches
                // off.
                (core, in_time) = self.park_and_count(core, wait);
            }
            // The state decides, not the clock: what came in time counts.
            if !in_time && !met(&core) {
                return Err(Unmet::TimedOut);
            }
        }
        Ok(core)
    }

    /// Waits, on the branches' condvar, until there is something for this one, or never will be.
    ///
    /// A wake cannot be missed: `is_filled` is checked, and the branch is counted as hungry and
    /// parked, under the lock that the park gives up.
    fn wait_filled<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        branch: &BranchEnd<T>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, Core<T>>, Unmet> {
        let mut backoff = Backoff::new(wait)?;
        let id = branch.id;
        // With a mark of 0, the writer waits for just this, and may be parked already.
        // The other side is `wait_drained`: there `admits` asks for every branch that paces to
        // wait. The last of them to come wakes the writer, or both would wait.
        if core.state.begin_wait(id).contains(Event::Drain) {
            self.drained_flag.raise();
            if core.writer_parked {
                self.drained.notify_all();
            }
        }
        let mut outcome = Ok(());
        while !core.is_filled(id) {
            if backoff.spins() {
                core.found_nothing(branch);
                drop(core);
                branch.filled_flag.spin(READER_PAUSES);
                core = self.core();
                continue;
            }
            if let Err(deadlock) = backoff.check(&mut core.may_park) {
                outcome = Err(deadlock);
                break;
            }
            // Again: a wake during the spin has signalled every branch, also one that it has
            // brought nothing. Not counted, this one would be passed over by `wake_readers`.
            core.found_nothing(branch);
            // A count, because all branches park on one condvar.
            core.parked_readers += 1;
            let waiting = Waiting::begin(For::Outside);
            let in_time = backoff.park(&self.filled, &mut core);
            drop(waiting);
            core.parked_readers -= 1;
            if !in_time && !core.is_filled(id) {
                outcome = Err(Unmet::TimedOut);
                break;
            }
        }
        // On every way out: at a mark of 0 no chunk may be written for a branch that has stopped
        // waiting.
        core.state.end_wait(id);
        outcome.map(|()| core)
    }

    /// Reads the state. Waits for nothing but its lock.
    pub(crate) fn with_state<R>(&self, read: impl FnOnce(&FanoutState<T, Error>) -> R) -> R {
        read(&self.core().state)
    }

    /// The most that any branch had to read.
    pub(crate) fn peak(&self) -> usize {
        self.core().peak
    }
}
