//! The channel between two threads: the only thing here that blocks.
//!
//! A writer's chunks go into a [`WritableState`] under one lock. The reader takes everything that
//! is queued in one go and hands it out, from a [`ReadableState`] under a lock of its own that
//! no other thread wants, so that most reads cost no more than that. There is one condvar for each
//! direction. Before a thread parks it spins for a moment on a flag beside the lock, not on the
//! lock: with a mark of a few chunks the threads take turns, and a park with its wake costs more
//! than the work.
//!
//! ```text
//!    write ──▶ ┌──────── back ────────┐   the whole queue    ┌─────── front ───────┐ ──▶ next
//!              │ WritableState: queue │ ───────────────────▶ │ ReadableState: what │     read
//!  wait_drain  │ + what is in flight  │ ◀─────────────────── │ is in flight        │ ◀── unshift
//!              └──────────────────────┘   progress, done     └─────────────────────┘
//!                       drained                  filled
//! ```
//!
//! Locks are taken front first, and user code (a chunk's `Drop`, a waker) runs under neither.

mod backoff;
mod broadcast;
mod budget;
mod close;
mod consume;
mod inline;
pub(crate) mod mark;
mod probe;
mod read;
mod read_side;
mod write;
mod write_side;

use std::hint;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::state::{Batching, ReadableState, WritableState};
use crate::threads::sync::{
    AtomicBool, Condvar, Mutex, MutexGuard, Ordering, Padded, TryMutex, TryMutexGuard,
};
use crate::threads::waits::{For, Waiting};
use mark::Strategy;

use backoff::Backoff;
pub(crate) use broadcast::{BranchEnd, Fanout};
pub use budget::Budget;
use budget::Charge;
pub(crate) use inline::{NoSink, Ran, RunInline};
pub(crate) use probe::{Probe, Sample};
pub(crate) use read::ReadAmount;
use read_side::ReadSide;
pub(crate) use write_side::ChannelStats;
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
    read_side: Padded<TryMutex<ReadSide<T>>>,
    write_side: Padded<Mutex<WriteSide<T>>>,
    /// Signalled when `admits()`, `!needs_drain()`, `!is_writable()` or `is_closed()` of the back
    /// may have become true, or more of it was confirmed.
    drained: Condvar,
    /// Signalled when `is_filled()` of the back may have become true.
    filled: Condvar,
    /// Up when `drained` was signalled and nobody has found the buffer full since.
    drained_flag: Flag,
    /// Up when `filled` was signalled and the reader has not taken what was there since.
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
        // What is written is an item, whatever it weighs.
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

    /// Both its ends are in the hands of a program. No thread of the library's is at either.
    pub(crate) fn between_threads(&self) {
        self.write_side().may_park = false;
    }

    /// With what marks, and in what, its chunks are measured.
    pub(crate) const fn strategy(&self) -> Strategy<T> {
        self.strategy
    }

    fn read_side(&self) -> TryMutexGuard<'_, ReadSide<T>> {
        self.read_side.0.lock()
    }

    fn write_side(&self) -> MutexGuard<'_, WriteSide<T>> {
        self.write_side.0.lock()
    }

    /// Lets the reader look again, and wakes it if it sleeps.
    ///
    /// The wake comes after the lock, so that the reader does not wake up only to wait for the lock.
    /// No wake is lost: whether the reader sleeps is read under the lock, and a reader looks for a
    /// request under the same lock before it sleeps ([`wait_filled`](Self::wait_filled)).
    ///
    /// What the calling thread is to run itself, with [`take_due`](Self::take_due), wakes nobody.
    #[inline]
    fn wake_reader(&self, write_side: MutexGuard<'_, WriteSide<T>>) {
        if write_side.is_due_inline() {
            return;
        }
        let parked = write_side.reader.is_asleep();
        drop(write_side);
        self.filled_flag.raise();
        if parked {
            self.filled.notify_one();
        }
    }

    /// Lets writers look again, and wakes those that sleep.
    #[inline]
    fn wake_writers(&self, write_side: MutexGuard<'_, WriteSide<T>>) {
        let parked = write_side.parked_writers > 0;
        drop(write_side);
        self.drained_flag.raise();
        if parked {
            self.drained.notify_all();
        }
    }

    /// Lets both sides look again: something has ended.
    fn wake_all(&self, write_side: MutexGuard<'_, WriteSide<T>>) {
        drop(write_side);
        self.filled_flag.raise();
        self.drained_flag.raise();
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Waits, on the writers' condvar, until `met`.
    ///
    /// What ends the wait is in `met`, which must look at whether the stream still lives.
    fn wait_drained<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        wait: Wait,
        met: impl Fn(&WriteSide<T>) -> bool,
    ) -> Result<MutexGuard<'a, WriteSide<T>>, Unmet> {
        let mut backoff = Backoff::new(wait)?;
        while !met(&write_side) {
            if backoff.spins() {
                self.drained_flag.lower();
                drop(write_side);
                let waited = self.drained_flag.spin(WRITER_PAUSES);
                write_side = self.write_side();
                write_side.blocked(waited);
                continue;
            }
            backoff.check(&mut write_side.may_park)?;
            write_side.parked_writers += 1;
            write_side.stats.blocked.begin();
            let waiting = Waiting::begin(write_side.writers_for);
            let in_time = backoff.park(&self.drained, &mut write_side);
            drop(waiting);
            write_side.stats.blocked.end();
            write_side.parked_writers -= 1;
            // The last look is at the state and not at the clock: what came in time counts.
            if !in_time && !met(&write_side) {
                return Err(Unmet::TimedOut);
            }
        }
        Ok(write_side)
    }

    /// Waits, on the reader's condvar, until a request is due, or none ever will be.
    fn wait_filled<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, WriteSide<T>>, Unmet> {
        let mut backoff = Backoff::new(wait)?;
        write_side.reader = Reader::Waiting;
        // A rendezvous waits for just this.
        if write_side.state.marks().high() == 0 {
            self.drained_flag.raise();
            if write_side.parked_writers > 0 {
                self.drained.notify_all();
            }
        }
        let mut outcome = Ok(());
        while !write_side.is_filled() {
            if backoff.spins() {
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
        write_side.reader = Reader::Away;
        outcome.map(|()| write_side)
    }

    /// Returns what a wait of its writers is to the pipeline that their thread works for: none of what
    /// its meter counts, if the tally of the channel says it. By itself it is one for something outside.
    pub(crate) fn writers_wait_for(&self, what: Option<For>) {
        self.write_side().writers_for = what;
    }

    /// Says the same of its reader.
    pub(crate) fn reader_waits_for(&self, what: Option<For>) {
        self.write_side().reader_for = what;
    }

    /// Says in an error how far the stream had come.
    pub(crate) fn locate(&self, error: Error, offset: u64) -> Error {
        error.at_unit(offset, self.strategy.unit())
    }

    /// What the channel has seen so far.
    pub(crate) fn stats(&self) -> ChannelStats {
        self.write_side().stats
    }

    /// Returns whether it was torn down, or is over.
    pub(crate) fn is_destroyed(&self) -> bool {
        self.write_side().state.is_destroyed()
    }

    /// Looks at the channel without waiting for anything but its lock.
    pub(crate) fn with_state<R>(
        &self,
        read: impl FnOnce(&WritableState<T, Error>, &ChannelStats) -> R,
    ) -> R {
        let write_side = self.write_side();
        read(&write_side.state, &write_side.stats)
    }
}

/// What a thread spins on before it parks: a hint, beside the lock and not under it.
///
/// It is lowered under the lock, by whoever finds that there is nothing to be had, and raised
/// after the lock, by whoever has changed that. So a raise may come late and be for nothing,
/// which costs a look; but after the last change it is up.
struct Flag(Padded<AtomicBool>);

impl Flag {
    fn new() -> Self {
        Self(Padded(AtomicBool::new(true)))
    }

    #[inline]
    fn raise(&self) {
        self.0.0.store(true, Ordering::Release);
    }

    #[inline]
    fn lower(&self) {
        self.0.0.store(false, Ordering::Relaxed);
    }

    #[inline]
    fn is_up(&self) -> bool {
        self.0.0.load(Ordering::Acquire)
    }

    /// Spins until the flag is up, or for a microsecond or two. Says for how long it has given the
    /// processor away, which is a wait like another.
    ///
    /// It looks ever more seldom, up to `pauses` apart. Then it gives the processor away a few
    /// times, for when the other side is waiting for it. A longer spin gains nothing when that has
    /// a processor of its own, and when it has none every look is in its way.
    fn spin(&self, pauses: u32) -> Duration {
        const PAUSES: u32 = 79;
        const YIELDS: u32 = 4;
        if cfg!(loom) {
            // A spin is over at once there: it is the parks that are to be explored.
            return Duration::ZERO;
        }
        let (mut spent, mut next) = (0, 1);
        while spent < PAUSES {
            if self.is_up() {
                return Duration::ZERO;
            }
            for _ in 0..next {
                hint::spin_loop();
            }
            spent += next;
            next = (2 * next).min(pauses);
        }
        if self.is_up() {
            return Duration::ZERO;
        }
        let began = Instant::now();
        for _ in 0..YIELDS {
            thread::yield_now();
            if self.is_up() {
                break;
            }
        }
        began.elapsed()
    }
}

/// A writer that waits for the drain goes on as soon as it comes.
const WRITER_PAUSES: u32 = 4;

/// A reader looks less often: while it does not, a writer that is ahead puts more than one chunk
/// in, and they are taken together.
const READER_PAUSES: u32 = 16;
