//! How a thread waits, and whether anything could ever end that.

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
            Wait::No => Err(Unmet::Full),
            wait => Ok(Self { spun: false, wait }),
        }
    }

    pub(super) fn spins(&mut self) -> bool {
        !std::mem::replace(&mut self.spun, true)
    }

    /// Refuses to park where there is no other thread in the process, so that nothing would ever
    /// wake this one. That is looked up until there is one, and then `may_park` is true.
    #[inline]
    pub(super) fn check(&self, may_park: &mut bool) -> Result<(), Unmet> {
        if !*may_park && matches!(self.wait, Wait::Forever) {
            *may_park = other_threads(|_| true);
            if !*may_park {
                return Err(Unmet::Deadlock);
            }
        }
        Ok(())
    }

    /// Returns whether it was woken, be it for nothing, before its time was up.
    pub(super) fn park<T>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.wait {
            Wait::Until(deadline) => !condvar.wait_until(guard, deadline).timed_out(),
            Wait::No | Wait::Forever => {
                condvar.wait(guard);
                true
            }
        }
    }
}

impl Unmet {
    /// What a call comes back with that has waited for something.
    #[cold]
    pub(super) fn into_error(self, waited_for: &str) -> Error {
        match self {
            Self::Deadlock => Error::deadlock(waited_for),
            Self::Full | Self::TimedOut | Self::NotWritable => Error::timed_out(waited_for),
        }
    }
}
