//! What a Leader/Followers pool decides: which task runs next, and on which thread.
//!
//! Pure: no lock, no clock, no I/O. Every method is called under the pool's one lock, and returns at
//! once; what it returns is carried out by the caller, most of it after the lock is released.
//! Two halves meet here: the [tasks](Tasks) and the [roles](Roles) of the threads, where a thread
//! takes a task or gives it back. The numbered invariants hold between calls.
//! A property test (`tests.rs`) runs random schedules; `tests/model/leader.rs` explores the pool.

mod roles;
mod tasks;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use roles::{Call, Check, Roles, ThreadRole};
pub(crate) use tasks::{Admitted, Claimed, Millis, Returned, Tasks};

pub use tasks::Key;

/// All that is decided in a pool.
///
/// # Invariants
///
/// 1. If the leader polls, no task waits in the queue: a call that queues a task wakes the leader.
/// 2. If the leader polls, its wait ends no later than the next sweep is due, or it is woken.
/// 3. If the leader polls without end and no task is left, a thread is there that wakes it when it
///    leaves.
#[derive(Debug)]
pub(crate) struct Rules<T> {
    pub(crate) tasks: Tasks<T>,
    pub(crate) roles: Roles,
    /// What the leader does since it last asked.
    // Kept for the threads that bring something while it polls: by it they see whether its wait
    // ends in time.
    plan: LeaderPlan,
}

/// A task that is about to run, and the number of the round.
#[derive(Debug)]
pub(crate) struct Round<T> {
    pub(crate) claimed: Claimed<T>,
    pub(crate) number: u64,
    /// How long it takes is worth measuring.
    pub(crate) is_timed: bool,
}

/// What follows a round.
#[derive(Debug)]
pub(crate) enum Settled<T> {
    /// The thread still leads, or is free.
    Done { leads: bool },
    /// The same task runs again at once.
    Again(Round<T>),
    /// The pool was aborted: the task ends.
    Dismissed(T),
}

/// What the leader does when no task waits in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaderPlan {
    /// A task waits now.
    Run,
    /// Poll, until the deadline if there is one.
    Poll(Option<Deadline>),
    /// Poll although there is no task: if none is admitted for a while, leave.
    PollEmpty,
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

impl<T> Rules<T> {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: Tasks::new(),
            roles: Roles::new(),
            plan: LeaderPlan::Run,
        }
    }

    /// Gives a role to a thread that has none.
    pub(crate) fn assign(&mut self) -> ThreadRole {
        self.roles.assign(self.tasks.are_queued())
    }

    /// Takes the next task for the leader, which may not lead any more from then on.
    pub(crate) fn lead(&mut self) -> Option<Round<T>> {
        let claimed = self.tasks.take()?;
        let is_timed = self.roles.has_blocked_recently();
        // After the take: what counts is whether others wait beside this one.
        let number = self.roles.begin(self.tasks.are_queued());
        Some(Round {
            claimed,
            number,
            is_timed,
        })
    }

    /// Takes the next task for a thread that does not lead.
    pub(crate) fn help(&mut self) -> Option<Round<T>> {
        let claimed = self.tasks.take()?;
        Some(Round {
            claimed,
            // No round has the number 0: this thread has no lead to keep.
            number: self.roles.begin_after(0),
            is_timed: true,
        })
    }

    /// Takes back a task that is idle again.
    pub(crate) fn settle(
        &mut self,
        key: Key,
        task: T,
        until: Option<Millis>,
        round: u64,
        was_long: bool,
    ) -> Settled<T> {
        match self.tasks.give_back(key, task, until) {
            Returned::Idle => Settled::Done {
                leads: self.roles.finish(round, was_long),
            },
            Returned::Again(claimed) => Settled::Again(Round {
                claimed,
                is_timed: self.roles.has_blocked_recently(),
                // A new number, so that the follower does not take two short runs for one long
                // round. A thread that leads goes on to lead.
                number: self.roles.begin_after(round),
            }),
            Returned::Dismissed(task) => Settled::Dismissed(task),
        }
    }

    /// Forgets a task that has ended. Returns whether the thread that ran it still leads.
    pub(crate) fn end(&mut self, key: Key, round: u64, was_long: bool) -> bool {
        self.tasks.forget(key);
        self.roles.finish(round, was_long)
    }

    /// Decides what the leader does when no task waits. `now` is called only if a task has a
    /// deadline.
    pub(crate) fn plan(&mut self, now: impl FnOnce() -> Millis) -> LeaderPlan {
        self.plan = match self.tasks.next_sweep() {
            // With a limit: a pool that nothing is given to any more keeps no thread.
            None if self.tasks.len() == 0 => LeaderPlan::PollEmpty,
            None => LeaderPlan::Poll(None),
            Some(due) => {
                let now = now();
                // What is due is queued now. If nothing was, because `due` was that of a task that
                // has run since, the next plan has a later one.
                if due <= now {
                    self.tasks.sweep(now);
                    return LeaderPlan::Run;
                }
                LeaderPlan::Poll(Some(Deadline { due, now }))
            }
        };
        self.plan
    }

    /// Whether the leader has to be woken: for a task in the queue, or for a deadline that is
    /// earlier than the end of its wait.
    pub(crate) fn must_wake_leader(&self) -> bool {
        let planned = match self.plan {
            LeaderPlan::Poll(deadline) => deadline.map(|deadline| deadline.due),
            // Such a wait was planned without a deadline, so any is earlier.
            LeaderPlan::Run | LeaderPlan::PollEmpty => None,
        };
        let is_earlier = |due| planned.is_none_or(|planned| due < planned);
        // A leader that runs a task plans anew after it. One that polls is seen here under the
        // lock, and a wake reaches its wait even before that begins.
        self.roles.is_polling()
            && (self.tasks.are_queued() || self.tasks.next_sweep().is_some_and(is_earlier))
    }

    /// Whether the leader polls for tasks of which none is left. Nothing ends that wait but a wake,
    /// and without it the leader would never leave.
    pub(crate) fn polls_in_vain(&self) -> bool {
        // Not `PollEmpty`, which ends by itself.
        self.roles.is_polling() && self.tasks.len() == 0 && matches!(self.plan, LeaderPlan::Poll(_))
    }
}
