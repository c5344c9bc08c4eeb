//! The channel between two threads: a writer waits here for room, and a reader for chunks.
//!
//! - Owns: the write side owns the queue and all bookkeeping; the read side owns the batch in
//!   flight.
//! - Lock order: the read side before the write side. The other order only with `try_lock`.
//! - May block: `wait_drained` and `wait_filled`, and for a limit `sleep_until` and `rest_until`,
//!   all on a condvar of the write side's lock. No lock is held while user code runs (a chunk's
//!   `Drop`, a waker, a sink).
//! - Invariants: those of [`WriteSide`]; a thread parks only after it has checked, under the write
//!   side's lock, the condition that it waits for.
//!
//! A writer's chunks go into a [`WritableState`] under the write side's lock. The reader takes
//! everything that is queued at once, and returns it chunk by chunk from a [`ReadableState`] under
//! the read side's lock. Only the reader takes that lock often, so most reads cost one uncontended
//! lock. Before a thread parks it spins briefly on a flag beside the lock, not on the lock: with a
//! mark of a few chunks the threads take turns, and a park with its wake costs more than the work.
//!
//! ```text
//!    write ──▶ ┌───── write side ─────┐   the whole queue    ┌───── read side ─────┐ ──▶ next
//!              │ WritableState: queue │ ───────────────────▶ │ ReadableState: what │     read
//!  wait_drain  │ + what is in flight  │ ◀─────────────────── │ is in flight        │ ◀── unshift
//!              └──────────────────────┘   progress, done     └─────────────────────┘
//!                       drained                  filled
//! ```

mod backoff;
mod broadcast;
mod budget;
mod close;
mod consume;
mod finish;
mod flag;
mod inline;
pub(crate) mod mark;
mod probe;
mod read;
mod read_side;
mod stats;
mod write;
mod write_side;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::state::{Batching, ReadableState, WritableState};
use crate::threads::sync::{Condvar, Mutex, MutexGuard, Padded, TryMutex, TryMutexGuard};
use crate::threads::waits::{For, Waiting};
use mark::Strategy;

use backoff::Backoff;
pub(crate) use broadcast::{BranchEnd, Fanout};
pub use budget::Budget;
use budget::Charge;
use flag::{Flag, READER_PAUSES, WRITER_PAUSES};
pub(crate) use inline::{NoSink, Ran, RunInline};
pub(crate) use probe::{Probe, Sample};
pub(crate) use read::ReadAmount;
use read_side::ReadSide;
pub(crate) use stats::ChannelStats;
use write_side::{Consumer, EndCause, Reader, WriteSide};

/// For how long a call may block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// Until then.
    Until(Instant),
    /// Until something happens.
    Forever,
}

impl Wait {
    /// A timeout too long to be represented is a wait without end.
    pub(crate) fn at_most(timeout: Duration) -> Self {
        Instant::now()
            .checked_add(timeout)
            .map_or(Self::Forever, Self::Until)
    }
}

/// Why a wait ended without what was waited for.
enum Unmet {
    /// The call was not to wait.
    Full,
    TimedOut,
    /// The stream takes no more.
    NotWritable,
    /// Nothing could ever end the wait.
    Deadlock,
}

/// See the module's docs.
pub(crate) struct Channel<T> {
    // Apart, so that the reader works through its batch under a lock that no writer wants.
    read_side: Padded<TryMutex<ReadSide<T>>>,
    write_side: Padded<Mutex<WriteSide<T>>>,
    /// Signalled when `admits()`, `!needs_drain()`, `!is_writable()` or `is_closed()` of the write
    /// side may have become true, or more of it was confirmed.
    // One condvar for all that a writer may wait for (room, a flush, the close), so it is always
    // notified with `notify_all`.
    drained: Condvar,
    /// Signalled when `is_filled()` of the write side may have become true.
    // One thread at most waits here: the one that reads, or that of a sink.
    filled: Condvar,
    /// Raised when `drained` was signalled, and no writer has found the buffer full since.
    drained_flag: Flag,
    /// Raised when `filled` was signalled, and the reader has not taken what was there since.
    filled_flag: Flag,
    /// The marks are 0: a chunk is admitted only while the reader waits for it.
    is_rendezvous: bool,
    strategy: Strategy<T>,
    /// Where its chunks are charged, if there is a budget.
    charge_point: Option<Charge<T>>,
}

impl<T> Channel<T> {
    pub(crate) fn new(strategy: Strategy<T>) -> Self {
        let (marks, weigh) = (strategy.marks(), strategy.weigher());
        // Every written chunk is delivered, even one that weighs nothing.
        let read_side = ReadableState::new(marks, weigh, strategy.reads()).keeping_weightless();
        let write_side = WritableState::new(marks, weigh, Batching::All).charging_weightless();
        Self {
            read_side: Padded(TryMutex::new(ReadSide::new(read_side))),
            write_side: Padded(Mutex::new(WriteSide::new(write_side))),
            drained: Condvar::new(),
            filled: Condvar::new(),
            drained_flag: Flag::new(),
            filled_flag: Flag::new(),
            is_rendezvous: marks.high() == 0,
            strategy,
            charge_point: None,
        }
    }

    /// Makes one whose chunks are charged to a budget, if there is one, and if they are bytes.
    pub(crate) fn within(strategy: Strategy<T>, budget: Option<&Budget>) -> Arc<Self>
    where
        T: Send + 'static,
    {
        let Some(budget) = budget else {
            return Arc::new(Self::new(strategy));
        };
        Arc::new_cyclic(|own: &Weak<Self>| Self {
            charge_point: Charge::of(budget, own.clone()),
            ..Self::new(strategy)
        })
    }

    /// The program's own threads use both ends, and no thread of the library uses either. So a wait
    /// first checks that there is another thread.
    pub(crate) fn between_threads(&self) {
        self.write_side().may_park = false;
    }

    /// The marks, and the unit in which its chunks are weighed.
    pub(crate) const fn strategy(&self) -> Strategy<T> {
        self.strategy
    }

    fn read_side(&self) -> TryMutexGuard<'_, ReadSide<T>> {
        self.read_side.0.lock()
    }

    fn write_side(&self) -> MutexGuard<'_, WriteSide<T>> {
        self.write_side.0.lock()
    }

    /// Makes the reader check again, and wakes it if it is parked.
    ///
    /// It is notified after the unlock, so that it does not wake up only to wait for the lock. No
    /// wake is lost: `is_asleep` is read here under the lock, after the change; the reader checks
    /// for a request under the same lock before it parks ([`wait_filled`](Self::wait_filled)).
    ///
    /// A request that the calling thread is to run itself, with [`take_due`](Self::take_due), wakes
    /// no thread.
    #[inline]
    fn wake_reader(&self, write_side: MutexGuard<'_, WriteSide<T>>) {
        if write_side.is_due_inline() {
            return;
        }
        let parked = write_side.reader.is_asleep();
        // The flag is raised after the unlock: a reader that spins takes the lock as soon as it
        // sees the flag, and would find it held.
        drop(write_side);
        self.filled_flag.raise();
        if parked {
            self.filled.notify_one();
        }
    }

    /// Makes writers check again, and wakes those that are parked.
    ///
    /// No wake is lost, for the reason given at [`wake_reader`](Self::wake_reader):
    /// `parked_writers` is read under the lock under which a writer checks its condition and counts
    /// itself as parked ([`wait_drained`](Self::wait_drained)). All are woken: they may wait for
    /// different things.
    #[inline]
    fn wake_writers(&self, write_side: MutexGuard<'_, WriteSide<T>>) {
        let parked = write_side.parked_writers > 0;
        drop(write_side);
        self.drained_flag.raise();
        if parked {
            // Not `notify_one`: it might wake a writer that waits for more than this, and another
            // one that could go on would stay parked.
            self.drained.notify_all();
        }
    }

    /// Makes both sides check again, because something has ended.
    ///
    /// It notifies without checking whether threads are parked, because it is rare.
    fn wake_all(&self, write_side: MutexGuard<'_, WriteSide<T>>) {
        // No count is read: a thread that is not parked yet checks its condition under the lock
        // first, and finds the end. Both condvars: writers wait for room or for the close, the
        // reader for a chunk, and an end is the last event for each of them.
        drop(write_side);
        self.filled_flag.raise();
        self.drained_flag.raise();
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Waits, on the writers' condvar, until `met`.
    ///
    /// `met` must also return true when the stream can make no more progress; nothing else ends a
    /// wait without a deadline.
    ///
    /// A wake cannot be missed: from `met` to the park the lock is held, and the condvar gives it
    /// up only when the thread is in its queue. A thread that changes the state does so under the
    /// lock, so it runs before `met`, or finds `parked_writers` above 0
    /// ([`wake_writers`](Self::wake_writers)). The spin holds no lock, so after it `met` is called
    /// again.
    fn wait_drained<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        wait: Wait,
        met: impl Fn(&WriteSide<T>) -> bool,
    ) -> Result<MutexGuard<'a, WriteSide<T>>, Unmet> {
        let mut backoff = Backoff::new(wait)?;
        // In a loop: one notification wakes all writers, and the first of them to get the lock may
        // take the room that the others were woken for.
        while !met(&write_side) {
            if backoff.spins() {
                // Under the lock: a raise that follows a later change cannot be lowered here.
                self.drained_flag.lower();
                drop(write_side);
                let waited = self.drained_flag.spin(WRITER_PAUSES);
                write_side = self.write_side();
                write_side.blocked(waited);
                // The lock was free during the spin, so what `met` has found before is out of date.
                continue;
            }
            // Before this thread counts itself: with an error there is nothing to take back.
            backoff.check(&mut write_side.may_park)?;
            // A count and not a flag: the first writer to wake would clear a flag for those that
            // are still parked, and `wake_writers` would pass over them.
            write_side.parked_writers += 1;
            write_side.stats.blocked.begin();
            // It locks the meter of its stage, which comes after every other lock: nothing is
            // called under it.
            let waiting = Waiting::begin(write_side.writers_for);
            let in_time = backoff.park(&self.drained, &mut write_side);
            drop(waiting);
            write_side.stats.blocked.end();
            write_side.parked_writers -= 1;
            // The state decides, not the clock: what came in time counts.
            if !in_time && !met(&write_side) {
                return Err(Unmet::TimedOut);
            }
        }
        Ok(write_side)
    }

    /// Waits, on the reader's condvar, until a request is due, or none ever will be.
    ///
    /// A wake cannot be missed: `is_filled` is checked and `Reader::Parked` is set under the lock
    /// that the park gives up, and [`wake_reader`](Self::wake_reader) reads the reader's state
    /// under that lock.
    fn wait_filled<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, WriteSide<T>>, Unmet> {
        // A read that does not wait fails here, before a rendezvous takes it for a reader that
        // waits.
        let mut backoff = Backoff::new(wait)?;
        // For the whole wait, with its spin: at a mark of 0 a writer puts its chunk in at any
        // moment of it, because `admits` checks for this under the lock.
        write_side.reader = Reader::Waiting;
        // With a mark of 0, a writer waits for just this in `wait_drained`, and may be parked
        // already: nothing else would wake it, and both would wait. Notified under the lock, which
        // this wait still needs; that happens only at a mark of 0.
        if write_side.state.marks().high() == 0 {
            self.drained_flag.raise();
            if write_side.parked_writers > 0 {
                self.drained.notify_all();
            }
        }
        let mut outcome = Ok(());
        while !write_side.is_filled() {
            if backoff.spins() {
                // Under the lock, as in `wait_drained`.
                self.filled_flag.lower();
                drop(write_side);
                let waited = self.filled_flag.spin(READER_PAUSES);
                write_side = self.write_side();
                write_side.starved(waited);
                continue;
            }
            if let Err(deadlock) = backoff.check(&mut write_side.may_park) {
                outcome = Err(deadlock);
                break;
            }
            // Under the hold that has found nothing, and up to the park: `wake_reader` sends no
            // notification to a reader that is not marked as asleep.
            write_side.reader = Reader::Parked;
            write_side.stats.starved.begin();
            let waiting = Waiting::begin(write_side.reader_for);
            let in_time = backoff.park(&self.filled, &mut write_side);
            drop(waiting);
            write_side.stats.starved.end();
            write_side.reader = Reader::Waiting;
            if !in_time && !write_side.is_filled() {
                outcome = Err(Unmet::TimedOut);
                break;
            }
        }
        // On every way out, also after a failure: at a mark of 0 a writer must not give its chunk
        // to a reader that has stopped waiting.
        write_side.reader = Reader::Away;
        outcome.map(|()| write_side)
    }

    /// Sets how a wait of its writers is counted by the pipeline that their thread works for.
    /// `None` if the pipeline reads it from this channel's own counts. By default it is a wait for
    /// something outside.
    pub(crate) fn writers_wait_for(&self, what: Option<For>) {
        self.write_side().writers_for = what;
    }

    /// Sets the same for its reader.
    pub(crate) fn reader_waits_for(&self, what: Option<For>) {
        self.write_side().reader_for = what;
    }

    /// Adds to an error the offset that the stream had reached.
    pub(crate) fn locate(&self, error: Error, offset: u64) -> Error {
        error.at_unit(offset, self.strategy.unit())
    }

    /// What the channel has counted so far.
    pub(crate) fn stats(&self) -> ChannelStats {
        self.write_side().stats
    }

    /// Returns whether it was torn down, or is over.
    pub(crate) fn is_destroyed(&self) -> bool {
        self.write_side().state.is_destroyed()
    }

    /// Reads the channel's state. Waits for nothing but its lock.
    pub(crate) fn with_state<R>(
        &self,
        read: impl FnOnce(&WritableState<T, Error>, &ChannelStats) -> R,
    ) -> R {
        let write_side = self.write_side();
        read(&write_side.state, &write_side.stats)
    }
}
