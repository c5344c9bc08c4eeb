//! How a thread waits: spin once, then park; and whether another thread could end the wait.
//!
//! - Owns: nothing shared; a [`Backoff`] is local to one wait.
//! - Lock order: `park` gives up the lock that it is passed, and takes it again.
//! - May block: `park`, until it is notified or its deadline has passed.
//! - Invariant: a wait without a deadline parks only if the process has another thread.

use super::{Unmet, Wait};
use crate::error::Error;
use crate::threads::sync::{Condvar, MutexGuard, other_threads};

/// How a thread waits: it spins once, and then parks until it is woken or its time is up.
pub(super) struct Backoff {
    spun: bool,
    wait: Wait,
}

impl Backoff {
    pub(super) fn new(wait: Wait) -> Result<Self, Unmet> {
        match wait {
            // Before the caller has counted itself anywhere, so there is nothing to undo.
            Wait::No => Err(Unmet::Full),
            wait => Ok(Self { spun: false, wait }),
        }
    }

    pub(super) fn spins(&mut self) -> bool {
        // Once in a wait: a thread whose spin was in vain waits for longer than a spin can cover,
        // and would take the processor from the thread it waits for.
        !std::mem::replace(&mut self.spun, true)
    }

    /// Fails if the process has no other thread, so that nothing could wake this one. It is checked
    /// before each park until there is one, and then `may_park` is true.
    #[inline]
    pub(super) fn check(&self, may_park: &mut bool) -> Result<(), Unmet> {
        // A wait with a deadline ends by itself. And once there was another thread that stays the
        // answer: the list of threads is a file, too slow to be read for each park.
        if !*may_park && matches!(self.wait, Wait::Forever) {
            *may_park = other_threads(|_| true);
            if !*may_park {
                return Err(Unmet::Deadlock);
            }
        }
        Ok(())
    }

    /// Parks. Returns whether it was woken, even spuriously, before the deadline.
    pub(super) fn park<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        // The lock is given up only when this thread is in the queue of the condvar. So a
        // notification after any later hold of the lock reaches it.
        match self.wait {
            Wait::Until(deadline) => !condvar.wait_until(guard, deadline).timed_out(),
            // `new` has refused `Wait::No`.
            Wait::No | Wait::Forever => {
                condvar.wait(guard);
                true
            }
        }
    }
}

impl Unmet {
    /// The error of a call that has waited for `waited_for`.
    #[cold]
    pub(super) fn into_error(self, waited_for: &str) -> Error {
        match self {
            Self::Deadlock => Error::deadlock(waited_for),
            Self::Full | Self::TimedOut | Self::NotWritable => Error::timed_out(waited_for),
        }
    }
}
