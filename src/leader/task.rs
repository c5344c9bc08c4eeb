//! What a rota serves, and what it is told.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::threads::sync::{AtomicU64, Ordering};

/// A connection on the rota: it has a thread only while something is to be done for it.
///
/// Whatever it holds while it is idle, it holds for as long as its peer likes: so it had better
/// hold no buffer.
pub trait Task: Send {
    /// What is watched while it is idle. Always the same, for as long as the guest lives.
    fn fd(&self) -> BorrowedFd<'_>;

    /// When its patience is over if nothing comes at all. It is asked when it is let in, and when it
    /// has not given way.
    fn until(&self) -> Option<Instant> {
        None
    }

    /// Sees to what has come, and whatever follows it at once, on the thread that it is called on
    /// and has to itself.
    ///
    /// It may come for nothing: then a read would wait, and the guest is still idle. Whatever takes
    /// its time begins with [`Turn::promote_follower`], for until then nobody else may be served: a read of
    /// what is not there yet, a write that the kernel refuses, a wait for another thread. A guest
    /// whose parts have moved to other threads stays here until they have come back.
    ///
    /// A panic is the end of the guest, and nobody else's.
    fn attend(&mut self, turn: &Turn, why: Why) -> Next;

    /// Whether it gives way to a new guest for which there is no room, while it is idle. Asked under
    /// a lock, so it only looks.
    fn yields(&self) -> Option<Yields> {
        None
    }

    /// Gives way: it is dropped next. False if something has come to it meanwhile; then it stays,
    /// and is attended to. It does not wait.
    fn give_way(&mut self) -> bool {
        true
    }
}

/// When an idle guest gives way to a new one. The least of all goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Yields {
    /// At any time. It is idle since then, and loses nothing.
    Idle(Instant),
    /// From then on, if there is no other.
    From(Instant),
}

/// Why a guest is attended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Something may have come: bytes, the end, or an error.
    Ready,
    /// Its patience was over, and nothing has come.
    TimedOut,
    /// The server stops. It is told once, and may be idle again if it has to finish something.
    Stopping,
}

/// What becomes of a guest that was attended to.
#[derive(Debug)]
pub enum Next {
    /// It would have to wait for the next thing to come, until then at the latest.
    ///
    /// Only what comes anew is noticed. So its last read has to have found less than there was room
    /// for, or nothing at all; or else what is left lies there until more comes. An end that came
    /// together with the last bytes is noticed all the same.
    Idle {
        /// When its patience is over, if ever.
        until: Option<Instant>,
    },
    /// It is over, well or not: the guest is dropped.
    Gone(Result<(), Error>),
}

/// The duty of whoever attends to a guest: to see to it that somebody watches the others.
///
/// A clone is of the same duty, for parts that move to other threads; one that outlives the call it
/// was made for does nothing.
#[derive(Clone)]
pub struct Turn {
    seat: Option<Arc<ThreadSlot>>,
    round: u64,
}

/// What one thread of a rota has of it.
struct ThreadSlot {
    roles: Arc<dyn PromoteFollower>,
    /// The last round of this thread that has stepped down.
    stepped: AtomicU64,
}

/// What hands the watch over to another thread.
pub(super) trait PromoteFollower: Send + Sync {
    /// Does so, if it is held by whoever attends in this round.
    fn promote_follower(&self, round: u64);
}

impl Turn {
    /// That of a thread which has but one guest.
    #[cfg(loom)]
    #[must_use]
    pub const fn none() -> Self {
        let seat = None;
        Self { seat, round: 0 }
    }

    /// That of a thread on the rota.
    pub(super) fn new(roles: Arc<dyn PromoteFollower>) -> Self {
        let stepped = AtomicU64::new(0);
        Self {
            seat: Some(Arc::new(ThreadSlot { roles, stepped })),
            round: 0,
        }
    }

    /// Takes it up for another round, whose number is higher than any before.
    pub(super) const fn begin(&mut self, round: u64) {
        self.round = round;
    }

    /// Has another thread watch the other guests from now on: to be called right before anything
    /// that may block. Does not wait, costs a wake of a thread the first time, and nothing when it
    /// was done already.
    pub fn promote_follower(&self) {
        let Some(seat) = &self.seat else { return };
        // The thread itself sees what it has stored. One of its parts elsewhere that does not see
        // it yet asks for what is done.
        if seat.stepped.fetch_max(self.round, Ordering::Relaxed) < self.round {
            seat.roles.promote_follower(self.round);
        }
    }

    /// Says whether that was done in this round.
    pub(super) fn has_stepped_down(&self) -> bool {
        let seat = self.seat.as_ref();
        seat.is_some_and(|seat| seat.stepped.load(Ordering::Relaxed) >= self.round)
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("round", &self.round)
            .finish_non_exhaustive()
    }
}
