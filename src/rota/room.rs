//! Room for a new guest: one that is idle gives way.

use std::time::Instant;

use crate::rota::guest::Yields;
use crate::rota::watch::Watch;
use crate::rota::{Host, Rota};
use crate::worker::guard;

/// Whether a guest has given way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// One has, and its host was told that it has gone.
    Made,
    /// None does before then.
    At(Instant),
    /// None does. The host is told when that may have changed.
    None,
}

impl<W: Watch, H: Host> Rota<W, H> {
    /// Has one guest give way that is idle: the one that loses least. Does not wait.
    pub fn make_room(&self) -> Room {
        loop {
            let now = Instant::now();
            let is_due = |yields: Yields| match yields {
                Yields::Idle(_) => true,
                Yields::From(time) => time <= now,
            };
            let mut rules = self.rules.lock();
            let first = rules
                .guests
                .take_first(|member| member.guest.yields(), is_due);
            let (key, mut member) = match first {
                Ok(first) => first,
                Err(Some(Yields::From(time))) => return Room::At(time),
                Err(_) => return Room::None,
            };
            drop(rules);
            // What panics is let go as well.
            if guard(|| Ok(member.guest.give_way())).unwrap_or(true) {
                self.see_off(key, *member, Ok(()));
                self.rules.lock().guests.gone(key);
                return Room::Made;
            }
            // What has come was perhaps not noticed so far. Who leads sees to it now.
            self.rules.lock().guests.came(key, false);
            self.enter(key, member);
        }
    }
}
