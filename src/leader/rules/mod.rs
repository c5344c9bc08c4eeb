//! The rules of a rota: who is served next, and by whom. They wait for nothing and know no time.
//!
//! They are two halves, the [guests](Tasks) and the [posts](Roles) of the threads, that meet where a
//! thread takes a guest or gives it back.

mod roles;
mod tasks;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use roles::{Call, Recheck, Roles, ThreadRole};
pub(crate) use tasks::{Back, Claimed, Entered, Millis, Tasks};

pub use tasks::Key;

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
    pub(crate) tasks: Tasks<G>,
    pub(crate) roles: Roles,
    /// What the leader waits for, since it has last asked.
    planned: LeaderPlan,
}

/// A guest that is about to be attended to, and in which round.
#[derive(Debug)]
pub(crate) struct Round<G> {
    pub(crate) taken: Claimed<G>,
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
    Again(Round<G>),
    /// The guest is not served any more.
    LetGo(G),
}

/// What whoever leads does when nobody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaderPlan {
    /// There is somebody now.
    Serve,
    /// Watch, for so long.
    Poller(Option<Deadline>),
    /// The same with nobody to be watched: if nobody comes, leave.
    WatchNobody,
}

/// When a wait ends, and when it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    due: Millis,
    now: Millis,
}

impl Deadline {
    /// How long the wait is.
    pub(crate) const fn wait(self) -> Duration {
        Duration::from_millis(self.due.saturating_sub(self.now))
    }
}

impl<G> Rules<G> {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: Tasks::new(),
            roles: Roles::new(),
            planned: LeaderPlan::Serve,
        }
    }

    /// Gives a thread that has no post something to do.
    pub(crate) fn assign(&mut self) -> ThreadRole {
        self.roles.assign(self.tasks.are_waiting())
    }

    /// Takes who is next for who leads. It may not lead any more from then on.
    pub(crate) fn serve(&mut self) -> Option<Round<G>> {
        let taken = self.tasks.take()?;
        let is_timed = self.roles.is_eager();
        let round = self.roles.begin(self.tasks.are_waiting());
        Some(Round {
            taken,
            round,
            is_timed,
        })
    }

    /// Takes who is next for a thread that does not lead.
    pub(crate) fn help(&mut self) -> Option<Round<G>> {
        let taken = self.tasks.take()?;
        Some(Round {
            taken,
            round: self.roles.begin_after(0),
            is_timed: true,
        })
    }

    /// Takes back a guest that is idle again.
    pub(crate) fn settle(
        &mut self,
        key: Key,
        task: G,
        until: Option<Millis>,
        round: u64,
        was_long: bool,
    ) -> Settled<G> {
        match self.tasks.give_back(key, task, until) {
            Back::Kept => Settled::Done {
                leads: self.roles.finish(round, was_long),
            },
            Back::Again(taken) => Settled::Again(Round {
                taken,
                is_timed: self.roles.is_eager(),
                round: self.roles.begin_after(round),
            }),
            Back::LetGo(task) => Settled::LetGo(task),
        }
    }

    /// Forgets a guest that has gone. Says whether the thread still leads.
    pub(crate) fn gone(&mut self, key: Key, round: u64, was_long: bool) -> bool {
        self.tasks.gone(key);
        self.roles.finish(round, was_long)
    }

    /// Says what whoever leads does when nobody waits. `now` is asked only if somebody is patient for
    /// a limited time.
    pub(crate) fn plan(&mut self, now: impl FnOnce() -> Millis) -> LeaderPlan {
        self.planned = match self.tasks.next_sweep() {
            None if self.tasks.len() == 0 => LeaderPlan::WatchNobody,
            None => LeaderPlan::Poller(None),
            Some(due) => {
                let now = now();
                if due <= now {
                    self.tasks.sweep(now);
                    return LeaderPlan::Serve;
                }
                LeaderPlan::Poller(Some(Deadline { due, now }))
            }
        };
        self.planned
    }

    /// Says whether whoever watches is to be woken: for those that wait, or for a deadline that is
    /// earlier than when he comes back.
    pub(crate) fn is_to_be_woken(&self) -> bool {
        let planned = match self.planned {
            LeaderPlan::Poller(deadline) => deadline.map(|deadline| deadline.due),
            LeaderPlan::Serve | LeaderPlan::WatchNobody => None,
        };
        let earlier = |due| planned.is_none_or(|planned| due < planned);
        self.roles.are_watching()
            && (self.tasks.are_waiting() || self.tasks.next_sweep().is_some_and(earlier))
    }

    /// Says whether the leader waits for tasks of which none is left. It does not leave before it is
    /// woken: it went into that wait with no end to it.
    pub(crate) fn is_leader_left_over(&self) -> bool {
        self.roles.are_watching()
            && self.tasks.len() == 0
            && matches!(self.planned, LeaderPlan::Poller(_))
    }
}
