//! A writer that waits for branches which no thread has read yet.
//!
//! Usually their threads have not started yet. But a program that wants to read them when
//! everything is written, on the thread that writes, waits for itself. If the process has no other
//! thread, the write fails. If it has, a warning is reported once, after a second.
//!
//! - Owns: nothing; `reported_unread` is in the core.
//! - Lock order: only the core. The warning is reported without it, because a hook may take locks.
//! - May block: `park_for_unread`, for a second at most.
//! - Invariant: the caller checks its condition again after it.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::{Core, Fanout, Unmet};
use crate::error::{Error, ErrorKind, report};
use crate::threads::sync::{MutexGuard, other_threads};

/// How long a writer waits for a branch that nothing has read, before that is reported.
const UNREAD: Duration = Duration::from_secs(1);

impl<T> Core<T> {
    /// Returns whether nothing has read any of the branches that the writer waits for.
    pub(super) fn waits_for_unread(&self) -> bool {
        if cfg!(loom) {
            // A model has neither such threads nor time.
            return false;
        }
        let holding = self.slots.iter();
        let mut holding = holding
            .filter(|slot| self.state.waits_for(slot.branch.id))
            .peekable();
        // `Relaxed`: the store pairs with nothing. One that is missed is made before its branch
        // takes this lock, so the next look, a second later, sees it.
        holding.peek().is_some()
            && holding
                .all(|slot| slot.read_for.is_none() && !slot.branch.asked.load(Ordering::Relaxed))
    }

    /// Returns whether a branch that the writer waits for was added by this thread, which may
    /// intend to read it later.
    fn waits_for_own(&self) -> bool {
        let own = thread::current().id();
        let mut slots = self.slots.iter();
        slots.any(|slot| slot.branch.made_by == own && self.state.waits_for(slot.branch.id))
    }
}

impl<T> Fanout<T> {
    /// Parks until it is woken, or it is time to check again whether any branch is read.
    ///
    /// A wake is not missed: the caller has checked its condition under the lock that the wait
    /// gives up, and `writer_parked` is set under it.
    #[cold]
    pub(super) fn park_for_unread<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
    ) -> Result<MutexGuard<'a, Core<T>>, Unmet> {
        // The threads of a pipeline that ends in this broadcast feed it, and read no branch of it.
        if !other_threads(|name| !is_stage(name)) {
            return Err(Unmet::Deadlock);
        }
        // A branch that reads now wakes this thread, as in any other wait.
        core.writer_parked = true;
        let look_again = Instant::now() + UNREAD;
        let timed_out = self.drained.wait_until(&mut core, look_again).timed_out();
        core.writer_parked = false;
        if timed_out && !core.reported_unread && core.waits_for_unread() && core.waits_for_own() {
            core.reported_unread = true;
            // A hook of the program is called, and may use this broadcast.
            drop(core);
            report(&unread(), "it goes on when the branch is read");
            core = self.core();
        }
        Ok(core)
    }
}

/// Returns whether a thread of that name runs a stage of a pipeline. The operating system keeps 15
/// bytes of it.
fn is_stage(name: &str) -> bool {
    let Some(stage) = name.strip_prefix("highwater-") else {
        return false;
    };
    stage.bytes().all(|byte| byte.is_ascii_digit())
        || ["par_m", "gzip-", "child"]
            .iter()
            .any(|part| stage.starts_with(part))
}

fn unread() -> Error {
    Error::new(
        ErrorKind::Deadlock,
        "a broadcast waits for a branch that nothing reads: each branch is to be read by another \
         thread while the broadcast is written",
    )
}
