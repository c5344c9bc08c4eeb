//! Room for a new task: an idle one is evicted.
//!
//! Called by the acceptor. The task is chosen under the pool's lock and is then owned by this thread,
//! so no other one runs it meanwhile; its own code runs, and it is dropped, without the lock.

use std::time::Instant;

use super::poller::Poller;
use super::task::Evictable;
use super::{LeaderFollowers, Owner};
use crate::threads::worker::guard;

/// Whether a task was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// One was, and the owner has been told that it has ended.
    Done,
    /// None can be before then.
    At(Instant),
    /// None can be. [`Owner::may_evict`] is called when that may have changed.
    None,
}

impl<P: Poller, O: Owner> LeaderFollowers<P, O> {
    /// Evicts the idle task that loses least. Does not wait.
    pub fn evict(&self) -> Eviction {
        loop {
            let now = Instant::now();
            let is_due = |evictable: Evictable| match evictable {
                Evictable::Idle(_) => true,
                Evictable::From(time) => time <= now,
            };
            let mut rules = self.rules.lock();
            // Chosen and taken under one hold: a task that is chosen is idle, and no other thread
            // may run it before it is taken.
            let first = rules
                .tasks
                .take_first(|entry| entry.task.evictable(), is_due);
            let (key, mut entry) = match first {
                Ok(first) => first,
                Err(Some(Evictable::From(time))) => return Eviction::At(time),
                Err(_) => return Eviction::None,
            };
            // `evict` and the drop are code of the task.
            drop(rules);
            // One that panics is dropped as well.
            if guard(|| Ok(entry.task.evict())).unwrap_or(true) {
                self.end_task(key, *entry, Ok(()));
                self.forget(key);
                return Eviction::Done;
            }
            // The poller may have reported what has come while the task was taken: so it runs.
            self.rules.lock().tasks.ready(key, false);
            self.enter(key, entry);
        }
    }
}
