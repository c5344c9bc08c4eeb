//! A task of the pool, and what it is given when it runs.
//!
//! A task is owned by the pool while it is idle, and by one thread while it runs. A [`Turn`] belongs
//! to that run. Promoting a follower takes the pool's lock, which no task may hold, and does not
//! wait for the follower.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::threads::sync::{AtomicU64, Ordering};

/// A connection in the pool: it has a thread only while it runs.
///
/// What it holds while it is idle, it holds for as long as its peer likes: so it should hold no
/// buffer.
pub trait Task: Send {
    /// The descriptor that is polled while the task is idle. It is the same for as long as the task
    /// lives. A task without one runs once, as soon as a thread is free, and has to end with that.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// When the task is to run at the latest if nothing comes. Asked when it is admitted, and when it
    /// could not be evicted.
    fn until(&self) -> Option<Instant> {
        None
    }

    /// Handles what has come, and what follows it at once, on a thread that does nothing else
    /// meanwhile.
    ///
    /// There may be nothing: then a read would block, and the task is still idle. Before a call that
    /// may block, the task calls [`Turn::promote_follower`], for until then no other task may be
    /// served: a read of what is not there yet, a write that the kernel refuses, a wait for another
    /// thread. A task that has moved parts of itself to other threads runs until they are back.
    ///
    /// A panic ends the task, and no other one.
    fn run(&mut self, turn: &Turn, reason: RunReason) -> Next;

    /// Whether the task can be evicted for a new one, while it is idle. Called under the pool's lock,
    /// so it only looks.
    fn evictable(&self) -> Option<Evictable> {
        None
    }

    /// Prepares the task to be evicted: it is dropped next. Returns false if something has come
    /// meanwhile; then it stays, and runs. Does not wait.
    fn evict(&mut self) -> bool {
        true
    }
}

/// When an idle task can be evicted. The least of all goes first.
#[cfg_attr(
    not(any(feature = "http", loom)),
    expect(dead_code, reason = "only an HTTP connection is idle")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evictable {
    /// At any time. It is idle since then, and loses nothing.
    Idle(Instant),
    /// From then on, if there is no other.
    From(Instant),
}

/// Why a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunReason {
    /// Something may have come: bytes, the end, or an error.
    Ready,
    /// Its deadline has passed, and nothing has come.
    TimedOut,
    /// The server stops. Given once; the task may be idle again if it has something to finish.
    Stopping,
}

/// What becomes of a task that has run.
#[derive(Debug)]
pub enum Next {
    /// It waits for the next thing to come, until then at the latest.
    ///
    /// Only what comes anew is noticed. So its last read has to have found less than there was room
    /// for, or nothing at all; or else what is left stays there until more comes. An end that came
    /// together with the last bytes is noticed all the same.
    Idle {
        /// The deadline, if there is one.
        until: Option<Instant>,
    },
    /// It has ended, well or not: the task is dropped.
    Done(Result<(), Error>),
}

/// One run of a task. Its thread may be the leader, and must not block while it is.
///
/// A clone belongs to the same run, for parts that move to other threads. After the run it does
/// nothing.
#[derive(Clone)]
pub struct Turn {
    thread: Option<Arc<ThreadTurn>>,
    round: u64,
}

/// What all turns of one thread share.
struct ThreadTurn {
    pool: Arc<dyn PromoteFollower>,
    /// The last round of this thread in which a follower was promoted.
    promoted: AtomicU64,
}

/// Promotes a follower.
pub(super) trait PromoteFollower: Send + Sync {
    /// Does so, if the thread in this round leads.
    fn promote_follower(&self, round: u64);
}

impl Turn {
    /// Of a thread that has only one task.
    #[cfg(loom)]
    #[must_use]
    pub const fn none() -> Self {
        let thread = None;
        Self { thread, round: 0 }
    }

    /// Of a thread of a pool.
    pub(super) fn new(pool: Arc<dyn PromoteFollower>) -> Self {
        let promoted = AtomicU64::new(0);
        Self {
            thread: Some(Arc::new(ThreadTurn { pool, promoted })),
            round: 0,
        }
    }

    /// Begins a round, whose number is higher than any before.
    pub(super) const fn begin(&mut self, round: u64) {
        self.round = round;
    }

    /// Has another thread lead from now on: to be called right before anything that may block. Does
    /// not wait. The first call of a run wakes a thread; further ones cost nothing.
    pub fn promote_follower(&self) {
        let Some(thread) = &self.thread else { return };
        // Relaxed is enough: the thread itself sees what it has stored, and a clone on another thread
        // that does not see it yet takes the pool's lock and finds that this round leads no more.
        if thread.promoted.fetch_max(self.round, Ordering::Relaxed) < self.round {
            thread.pool.promote_follower(self.round);
        }
    }

    /// Whether that was done in this round.
    pub(super) fn has_promoted(&self) -> bool {
        let thread = self.thread.as_ref();
        thread.is_some_and(|thread| thread.promoted.load(Ordering::Relaxed) >= self.round)
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("round", &self.round)
            .finish_non_exhaustive()
    }
}
