//! The join between two threads: the only thing here that blocks.
//!
//! A writer's chunks go into a [`WritableState`] under one lock. The reader takes everything that
//! is queued in one go and hands it out, from a [`ReadableState`] under a lock of its own that
//! nobody else wants, so that most reads cost no more than that. There is one condvar for each
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

mod back;
mod budget;
mod desk;
mod fanout;
mod front;
mod life;
mod reader;
mod sink;
mod writer;

use std::hint;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::chunk::Batch;
use crate::error::Error;
use crate::mark::Gauge;
use crate::state::{Batching, ReadableState, Reads, WritableState};
use crate::sync::{
    AtomicBool, Condvar, Mutex, MutexGuard, Ordering, Padded, TryMutex, TryMutexGuard,
};

use back::Back;
pub(crate) use back::Tally;
pub use budget::Budget;
use budget::Door;
pub(crate) use desk::{Attendance, Desk, Held, Seat, Served};
pub(crate) use fanout::{Fanout, Outlet};
use front::Front;
pub(crate) use reader::Amount;

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

/// What a sink's thread gets.
pub(crate) enum Taken<T> {
    /// Chunks to write; [`Join::settle`] as they are written, then [`Join::complete`].
    Batch(Batch<T>),
    /// Nothing more will come.
    End,
    /// Nothing: see [`Join::nudge`].
    Nudge,
    /// The stream was destroyed, with the error that its data was followed by, if any.
    Gone(Option<Error>),
}

/// What came of waking the reader.
enum Woken {
    /// It will look.
    Told,
    /// There was no need to: see [`Desk::serve`].
    Served(Served),
}

/// Why a wait ended without what was waited for.
enum Unmet {
    /// The call was not to wait.
    Full,
    TimedOut,
    /// The stream takes no more.
    NotWritable,
}

/// See the module's docs.
pub(crate) struct Join<T> {
    front: Padded<TryMutex<Front<T>>>,
    back: Padded<Mutex<Back<T>>>,
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
    gauge: Gauge<T>,
    /// Where its chunks are charged, if there is a budget.
    door: Option<Door<T>>,
    /// Who takes what is due to a sink from the thread that has made it due.
    desk: Option<Arc<dyn Desk<T>>>,
}

impl<T> Join<T> {
    pub(crate) fn new(gauge: Gauge<T>) -> Self {
        let (marks, weigh) = (gauge.marks(), gauge.weigher());
        let reads = if gauge.drops_weightless() {
            Reads::Bytes
        } else {
            Reads::Items
        };
        Self {
            front: Padded(TryMutex::new(Front::new(ReadableState::new(
                marks, weigh, reads,
            )))),
            back: Padded(Mutex::new(Back::new(WritableState::new(
                marks,
                weigh,
                Batching::All,
            )))),
            drained: Condvar::new(),
            filled: Condvar::new(),
            drained_flag: Flag::new(),
            filled_flag: Flag::new(),
            is_rendezvous: marks.high() == 0,
            gauge,
            door: None,
            desk: None,
        }
    }

    /// Makes one whose chunks are charged to a budget, if there is one, and if they are bytes.
    pub(crate) fn within(gauge: Gauge<T>, budget: Option<&Budget>) -> Arc<Self>
    where
        T: Send + 'static,
    {
        let Some(budget) = budget else {
            return Arc::new(Self::new(gauge));
        };
        Arc::new_cyclic(|own: &Weak<Self>| Self {
            door: Door::of(budget, own.clone()),
            ..Self::new(gauge)
        })
    }

    /// With what marks, and in what, its chunks are measured.
    pub(crate) const fn gauge(&self) -> Gauge<T> {
        self.gauge
    }

    fn front(&self) -> TryMutexGuard<'_, Front<T>> {
        self.front.0.lock()
    }

    fn back(&self) -> MutexGuard<'_, Back<T>> {
        self.back.0.lock()
    }

    /// Lets the reader look again, and wakes it if it sleeps. After the lock, so that it does not
    /// wake up only to wait for it; whether it sleeps was read under the lock, so no wake is lost.
    ///
    /// Where there is a desk, what is due may be seen to here instead.
    #[inline]
    fn wake_reader(&self, mut back: MutexGuard<'_, Back<T>>) -> Woken {
        if let Some(desk) = &self.desk {
            if let Some(taken) = back.take_here() {
                return self.serve(&**desk, back, taken);
            }
        }
        let parked = back.reader_parked;
        drop(back);
        self.filled_flag.raise();
        if parked {
            self.filled.notify_one();
        }
        Woken::Told
    }

    /// Sees to something at the desk. Not inline: a channel has no desk, and is to stay small.
    #[inline(never)]
    fn serve(&self, desk: &dyn Desk<T>, back: MutexGuard<'_, Back<T>>, taken: Taken<T>) -> Woken {
        drop(back);
        Woken::Served(desk.serve(self, taken))
    }

    /// Lets writers look again, and wakes those that sleep.
    #[inline]
    fn wake_writers(&self, back: MutexGuard<'_, Back<T>>) {
        let parked = back.parked_writers > 0;
        drop(back);
        self.drained_flag.raise();
        if parked {
            self.drained.notify_all();
        }
    }

    /// Lets both sides look again: something has ended.
    fn wake_all(&self, mut back: MutexGuard<'_, Back<T>>) {
        let desk = self.desk.as_ref();
        let due = desk.and_then(|desk| Some((desk, back.take_here()?)));
        drop(back);
        self.filled_flag.raise();
        self.drained_flag.raise();
        self.filled.notify_all();
        self.drained.notify_all();
        if let Some((desk, taken)) = due {
            desk.serve(self, taken);
        }
    }

    /// Waits, on the writers' condvar, until `met`.
    ///
    /// What ends the wait is in `met`, which must look at whether the stream still lives.
    fn wait_drained<'a>(
        &'a self,
        mut back: MutexGuard<'a, Back<T>>,
        wait: Wait,
        met: impl Fn(&Back<T>) -> bool,
    ) -> Result<MutexGuard<'a, Back<T>>, Unmet> {
        let mut patience = Patience::new(wait)?;
        while !met(&back) {
            if patience.spins() {
                self.drained_flag.lower();
                drop(back);
                let waited = self.drained_flag.spin(WRITER_PAUSES);
                back = self.back();
                back.tally.blocked.add(waited);
                continue;
            }
            back.parked_writers += 1;
            back.tally.blocked.begin();
            let in_time = patience.park(&self.drained, &mut back);
            back.tally.blocked.end();
            back.parked_writers -= 1;
            // The last look is at the state and not at the clock: what came in time counts.
            if !in_time && !met(&back) {
                return Err(Unmet::TimedOut);
            }
        }
        Ok(back)
    }

    /// Waits, on the reader's condvar, until a request is due, or none ever will be.
    fn wait_filled<'a>(
        &'a self,
        mut back: MutexGuard<'a, Back<T>>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, Back<T>>, Unmet> {
        let mut patience = Patience::new(wait)?;
        back.reader_waits = true;
        // A rendezvous waits for just this.
        if back.state.marks().high() == 0 {
            self.drained_flag.raise();
            if back.parked_writers > 0 {
                self.drained.notify_all();
            }
        }
        let mut outcome = Ok(());
        while !back.is_filled() {
            if patience.spins() {
                self.filled_flag.lower();
                drop(back);
                let waited = self.filled_flag.spin(READER_PAUSES);
                back = self.back();
                back.tally.starved.add(waited);
                continue;
            }
            back.reader_parked = true;
            back.tally.starved.begin();
            let in_time = patience.park(&self.filled, &mut back);
            back.tally.starved.end();
            back.reader_parked = false;
            if !in_time && !back.is_filled() {
                outcome = Err(Unmet::TimedOut);
                break;
            }
        }
        back.reader_waits = false;
        outcome.map(|()| back)
    }

    /// Says in an error how far the stream had come.
    pub(crate) fn locate(&self, error: Error, offset: u64) -> Error {
        error.at_unit(offset, self.gauge.unit())
    }

    /// What the join has seen so far.
    pub(crate) fn tally(&self) -> Tally {
        self.back().tally
    }

    /// Says whether it was torn down, or is over.
    pub(crate) fn is_destroyed(&self) -> bool {
        self.back().state.is_destroyed()
    }

    /// Looks at the join without waiting for anything but its lock.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&WritableState<T, Error>, &Tally) -> R) -> R {
        let back = self.back();
        look(&back.state, &back.tally)
    }
}

/// What of a join can be watched from outside, whatever flows through it.
pub(crate) trait Watch: Send + Sync {
    fn watch(&self) -> Watched;
}

/// A join at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) len: usize,
    pub(crate) high: usize,
    pub(crate) tally: Tally,
}

impl<T: Send> Watch for Join<T> {
    fn watch(&self) -> Watched {
        self.look(|state, tally| Watched {
            len: state.len(),
            high: state.marks().high(),
            tally: *tally,
        })
    }
}

/// How a thread waits: it spins once, and then parks until it is woken or its time is up.
struct Patience {
    spun: bool,
    wait: Wait,
}

impl Patience {
    fn new(wait: Wait) -> Result<Self, Unmet> {
        match wait {
            Wait::No => Err(Unmet::Full),
            wait => Ok(Self { spun: false, wait }),
        }
    }

    fn spins(&mut self) -> bool {
        !std::mem::replace(&mut self.spun, true)
    }

    /// Says whether it was woken, be it for nothing, before its time was up.
    fn park<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.wait {
            Wait::Until(deadline) => !condvar.wait_until(guard, deadline).timed_out(),
            Wait::No | Wait::Forever => {
                condvar.wait(guard);
                true
            }
        }
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
