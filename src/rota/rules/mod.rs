//! The rules of a rota: who is served next, and by whom. They wait for nothing and know no time.
//!
//! They are two halves, the [guests](Guests) and the [posts](Posts) of the threads, that meet where a
//! thread takes a guest or gives it back.

mod guests;
mod posts;
#[cfg(test)]
mod tests;

pub(crate) use guests::{Back, Entered, Guests, Millis, Taken};
pub(crate) use posts::{Call, Look, Posts, Role};

pub use guests::Key;

/// All that is decided in a rota.
///
/// # Invariants
///
/// Between calls:
///
/// 1. If somebody watches, nobody waits in the queue: whoever has put somebody there wakes him.
/// 2. If somebody watches, he comes back when it has to be looked for those whose patience is over,
///    or he is woken.
#[derive(Debug)]
pub(crate) struct Rules<G> {
    pub(crate) guests: Guests<G>,
    pub(crate) posts: Posts,
    /// When whoever watches comes back by himself, if ever.
    planned: Option<Millis>,
}

/// A guest that is about to be attended to, and in which round.
#[derive(Debug)]
pub(crate) struct Visit<G> {
    pub(crate) taken: Taken<G>,
    pub(crate) round: u64,
    /// It is worth to take the time of it.
    pub(crate) is_timed: bool,
}

/// What comes after a visit.
#[derive(Debug)]
pub(crate) enum Settled<G> {
    /// The thread still leads, or is free.
    Done { leads: bool },
    /// There is more of the same.
    Again(Visit<G>),
    /// The guest is not served any more.
    LetGo(G),
}

/// What whoever leads does when nobody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// There is somebody now.
    Serve,
    /// Watch, for so long.
    Watch(Option<Millis>),
    /// The same with nobody to be watched: if nobody comes, leave.
    WatchNobody,
}

impl<G> Rules<G> {
    pub(crate) const fn new() -> Self {
        Self {
            guests: Guests::new(),
            posts: Posts::new(),
            planned: None,
        }
    }

    /// Gives a thread that has no post something to do.
    pub(crate) fn assign(&mut self) -> Role {
        self.posts.assign(self.guests.are_waiting())
    }

    /// Takes who is next for who leads. It may not lead any more from then on.
    pub(crate) fn serve(&mut self) -> Option<Visit<G>> {
        let taken = self.guests.take()?;
        let is_timed = self.posts.is_eager();
        let round = self.posts.begin(self.guests.are_waiting());
        Some(Visit {
            taken,
            round,
            is_timed,
        })
    }

    /// Takes who is next for a thread that does not lead.
    pub(crate) fn help(&mut self) -> Option<Visit<G>> {
        let taken = self.guests.take()?;
        Some(Visit {
            taken,
            round: self.posts.begin_after(0),
            is_timed: true,
        })
    }

    /// Takes back a guest that is idle again.
    pub(crate) fn settle(
        &mut self,
        key: Key,
        guest: G,
        until: Option<Millis>,
        round: u64,
        was_long: bool,
    ) -> Settled<G> {
        match self.guests.give_back(key, guest, until) {
            Back::Kept => Settled::Done {
                leads: self.posts.finish(round, was_long),
            },
            Back::Again(taken) => Settled::Again(Visit {
                taken,
                is_timed: self.posts.is_eager(),
                round: self.posts.begin_after(round),
            }),
            Back::LetGo(guest) => Settled::LetGo(guest),
        }
    }

    /// Forgets a guest that has gone. Says whether the thread still leads.
    pub(crate) fn gone(&mut self, key: Key, round: u64, was_long: bool) -> bool {
        self.guests.gone(key);
        self.posts.finish(round, was_long)
    }

    /// Says what whoever leads does when nobody waits. `now` is asked only if somebody is patient for
    /// a limited time.
    pub(crate) fn plan(&mut self, now: impl FnOnce() -> Millis) -> Plan {
        self.planned = None;
        if let Some(due) = self.guests.next_sweep() {
            let now = now();
            if due <= now {
                self.guests.sweep(now);
                return Plan::Serve;
            }
            self.planned = Some(due);
            return Plan::Watch(Some(due - now));
        }
        if self.guests.len() == 0 {
            Plan::WatchNobody
        } else {
            Plan::Watch(None)
        }
    }

    /// Says whether whoever watches is to be woken: for those that wait, or for a deadline that is
    /// earlier than when he comes back.
    pub(crate) fn is_to_be_woken(&self) -> bool {
        let earlier = |due| self.planned.is_none_or(|planned| due < planned);
        self.posts.are_watching()
            && (self.guests.are_waiting() || self.guests.next_sweep().is_some_and(earlier))
    }
}
