//! Room for a new guest: one that is idle gives way.

use std::time::Instant;

use super::poller::Poller;
use super::task::Yields;
use super::{LeaderFollowers, Owner};
use crate::threads::worker::guard;

/// Whether a guest has given way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vacancy {
    /// One has, and its host was told that it has gone.
    Made,
    /// None does before then.
    At(Instant),
    /// None does. The host is told when that may have changed.
    None,
}

impl<W: Poller, H: Owner> LeaderFollowers<W, H> {
    /// Has one guest give way that is idle: the one that loses least. Does not wait.
    pub fn make_room(&self) -> Vacancy {
        loop {
            let now = Instant::now();
            let is_due = |yields: Yields| match yields {
                Yields::Idle(_) => true,
                Yields::From(time) => time <= now,
            };
            let mut rules = self.rules.lock();
            let first = rules
                .tasks
                .take_first(|member| member.task.yields(), is_due);
            let (key, mut member) = match first {
                Ok(first) => first,
                Err(Some(Yields::From(time))) => return Vacancy::At(time),
                Err(_) => return Vacancy::None,
            };
            drop(rules);
            // What panics is let go as well.
            if guard(|| Ok(member.task.give_way())).unwrap_or(true) {
                self.dismiss(key, *member, Ok(()));
                self.forget(key);
                return Vacancy::Made;
            }
            // What has come was perhaps not noticed so far. Who leads sees to it now.
            self.rules.lock().tasks.came(key, false);
            self.enter(key, member);
        }
    }
}
