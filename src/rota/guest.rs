//! What a rota serves, and what it is told.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;

/// A connection on the rota: it has a thread only while something is to be done for it.
///
/// Whatever it holds while it is idle, it holds for as long as its peer likes: so it had better
/// hold no buffer.
pub(crate) trait Guest: Send {
    /// What is watched while it is idle. Always the same, for as long as the guest lives.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Sees to what has come, and whatever follows it at once, on the thread that it is called on
    /// and has to itself.
    ///
    /// It may come for nothing: then a read would wait, and the guest is still idle. Whatever takes
    /// its time begins with [`Duty::step_down`], for until then nobody else may be served: a read of
    /// what is not there yet, a write that the kernel refuses, a wait for another thread. A guest
    /// whose parts have moved to other threads stays here until they have come back.
    ///
    /// A panic is the end of the guest, and nobody else's.
    fn attend(&mut self, duty: &Duty, why: Why) -> Stay;
}

/// Why a guest is attended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Something may have come: bytes, the end, or an error.
    Ready,
    /// Its patience was over, and nothing has come.
    TimedOut,
    /// The server stops. It is told once, and may be idle again if it has to finish something.
    Stopping,
}

/// What becomes of a guest that was attended to.
#[derive(Debug)]
pub(crate) enum Stay {
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
pub(crate) struct Duty {
    posts: Option<Arc<dyn StepDown>>,
    round: u64,
}

/// What hands the watch over to another thread.
pub(crate) trait StepDown: Send + Sync {
    /// Does so, if it is held by whoever attends in this round.
    fn step_down(&self, round: u64);
}

impl Duty {
    /// That of a thread which has but one guest.
    pub(crate) const fn none() -> Self {
        let posts = None;
        Self { posts, round: 0 }
    }

    /// That of a thread on the rota, which counts its rounds.
    pub(crate) const fn new(posts: Arc<dyn StepDown>) -> Self {
        Self {
            posts: Some(posts),
            round: 0,
        }
    }

    /// Takes it up for another round.
    pub(crate) const fn begin(&mut self, round: u64) {
        self.round = round;
    }

    /// Has another thread watch the other guests from now on: to be called right before anything
    /// that may block. Does not wait, costs a wake of a thread the first time, and nothing when it
    /// was done already.
    pub(crate) fn step_down(&self) {
        if let Some(posts) = &self.posts {
            posts.step_down(self.round);
        }
    }
}

impl fmt::Debug for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duty")
            .field("round", &self.round)
            .finish_non_exhaustive()
    }
}
