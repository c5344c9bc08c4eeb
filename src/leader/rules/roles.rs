//! The role of each thread: leader, follower, running a task without leading, or idle.
//!
//! Pure, under the pool's lock. Who owns what: the leader alone may poll; a thread that runs a task
//! owns that task; the follower owns the right to take over. A role is given by `assign`, `begin`,
//! `check` and `take_call`, and given back by `finish`, `promote_follower` and the `leave` methods.
//! No clock: a round is long if the follower sees the same number at two checks.

use super::tasks::Millis;

/// The threads of a pool.
///
/// ```text
///              assign                       begin
///   Vacant ----------------> Polling <----------------> Running(round)
///     ^                        | ^           finish         |   |
///     |  leader_leaves,        | |                          |   |
///     |  give_up               | |   check (the follower    |   |
///     +------------------------+ |   takes over)            |   |
///     |                          +--------------------------+   |
///     |            promote_follower, or begin with others queued|
///     +---------------------------------------------------------+
/// ```
///
/// # Invariants
///
/// Between calls:
///
/// 1. At most one thread leads: the one that polls, or the one in the round that `leader` names.
/// 2. `threads` counts all threads, with those that are being started. Each of them leads, or runs a
///    task, or is the follower, or is one of `idle`, or is one of `coming`.
/// 3. `called` of the `coming` are idle threads that have not noticed the call yet.
#[derive(Debug)]
pub(crate) struct Roles {
    leader: Leader,
    follower: Follower,
    idle: usize,
    called: usize,
    coming: usize,
    threads: usize,
    /// The number of the last round.
    // No number is given out twice: a thread that comes back late is not taken for the leader.
    round: u64,
    /// For how many more rounds others are expected to block.
    blocking: u8,
    /// No thread could be started, and none is started before then.
    refused_until: Millis,
    is_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leader {
    Vacant,
    Polling,
    /// The leader runs a task. If it does not come back, the follower takes over.
    Running(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follower {
    None,
    /// It checks the leader every so often: it has seen the round `seen` at its last check, and no
    /// new one for `quiet` checks.
    Checking {
        seen: u64,
        quiet: u8,
    },
    /// It waits to be woken.
    Parked,
}

/// The role of a thread that had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadRole {
    Lead,
    /// Take a task from the queue, without leading.
    Help,
    Follow,
    Idle,
    Leave,
}

/// What the follower does after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Lead,
    /// Check again after a tick.
    Again,
    /// Check again when woken.
    Park,
    Leave,
}

/// How to get the thread that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    WakeFollower,
    WakeIdle,
    Start,
}

/// A takeover costs the other tasks about a tick of waiting. This many promotions cost as much, so for
/// this many rounds after a long one the leader is replaced at once if others wait.
const BLOCKING_ROUNDS: u8 = 64;

/// After this many checks without a new round the follower parks.
const QUIET_CHECKS: u8 = 8;

/// For how long no thread is started after one could not be.
const REFUSED: Millis = 100;

impl Roles {
    pub(crate) const fn new() -> Self {
        Self {
            leader: Leader::Vacant,
            follower: Follower::None,
            idle: 0,
            called: 0,
            coming: 0,
            threads: 0,
            round: 0,
            blocking: 0,
            refused_until: 0,
            is_closed: false,
        }
    }

    /// How many threads there are.
    pub(crate) const fn threads(&self) -> usize {
        self.threads
    }

    /// Whether the leader polls, or is about to.
    pub(crate) fn is_polling(&self) -> bool {
        self.leader == Leader::Polling
    }

    /// A thread that was started or called has come.
    pub(crate) const fn arrive(&mut self) {
        self.coming -= 1;
    }

    /// Gives a role to a thread that has none.
    pub(crate) fn assign(&mut self, are_queued: bool) -> ThreadRole {
        if self.is_closed {
            // Counted out under the lock, as on every way out: `join` waits for this count.
            self.threads -= 1;
            return ThreadRole::Leave;
        }
        // Before the queue: without a leader nothing is polled.
        if self.leader == Leader::Vacant {
            self.leader = Leader::Polling;
            ThreadRole::Lead
        } else if are_queued && self.blocking > 0 {
            ThreadRole::Help
        } else if self.follower == Follower::None {
            self.follower = Follower::CHECKING;
            ThreadRole::Follow
        } else {
            self.idle += 1;
            ThreadRole::Idle
        }
    }

    /// Begins a round of the leader. It keeps the lead, unless rounds have been long and others wait.
    pub(crate) fn begin(&mut self, are_queued: bool) -> u64 {
        self.round += 1;
        // Given up ahead of the round, where a takeover would cost the others a tick. With an empty
        // queue there is no task that could be delayed.
        self.leader = if self.blocking > 0 && are_queued {
            Leader::Vacant
        } else {
            Leader::Running(self.round)
        };
        self.round
    }

    /// Begins a round of a thread that may lead since the round `before`.
    pub(crate) fn begin_after(&mut self, before: u64) -> u64 {
        self.round += 1;
        // By the number, and not because some thread leads: this one may have been replaced. A
        // thread that never led passes 0, which no round has.
        if self.leader == Leader::Running(before) {
            self.leader = Leader::Running(self.round);
        }
        self.round
    }

    /// Whether a round was long a short while ago.
    pub(crate) const fn has_blocked_recently(&self) -> bool {
        self.blocking > 0
    }

    /// Ends a round. Returns whether the thread has kept the lead; it is to poll then.
    pub(crate) fn finish(&mut self, round: u64, was_long: bool) -> bool {
        self.blocking = if was_long {
            BLOCKING_ROUNDS
        } else {
            self.blocking.saturating_sub(1)
        };
        // By the number: the follower may have taken over meanwhile, and with both of them as
        // leaders two threads would poll.
        let keeps = self.leader == Leader::Running(round);
        if keeps {
            self.leader = Leader::Polling;
        }
        keeps
    }

    /// Gives up the lead, if the thread in this round has it. Returns whether it had.
    pub(crate) fn promote_follower(&mut self, round: u64) -> bool {
        let leads = self.leader == Leader::Running(round);
        if leads {
            // Not handed to a thread: the next one that looks takes it, in `assign` or `check`, and
            // the caller calls one.
            self.leader = Leader::Vacant;
        }
        leads
    }

    /// The thread that polls gives up the lead.
    pub(crate) const fn give_up(&mut self) {
        self.leader = Leader::Vacant;
    }

    /// A thread has panicked, whatever its role was: all are to leave.
    #[cfg(not(loom))]
    pub(crate) const fn lose(&mut self) {
        self.is_closed = true;
        self.leader = Leader::Vacant;
        // It may have been counted out before it panicked.
        self.threads = self.threads.saturating_sub(1);
    }

    /// The thread that polls leaves, for there is no task.
    pub(crate) const fn leader_leaves(&mut self) {
        self.leader = Leader::Vacant;
        self.threads -= 1;
    }

    /// A check of the follower. `is_late` means that it was parked for so long that it may leave,
    /// unless there is a task without a leader.
    pub(crate) fn check(&mut self, is_late: bool, has_tasks: bool) -> Check {
        let Follower::Checking { seen, quiet } = self.follower else {
            return self.check_parked(is_late, has_tasks);
        };
        match self.leader {
            _ if self.is_closed => self.follower_leaves(),
            Leader::Vacant => self.take_over(),
            // Seen at the check before, a tick ago: that round is long. A round that has begun
            // since has a higher number, and gets a whole tick.
            Leader::Running(round) if round <= seen => {
                self.blocking = BLOCKING_ROUNDS;
                self.take_over()
            }
            // No round has begun for a while. `call` wakes this thread when one does.
            Leader::Polling if seen == self.round && quiet >= QUIET_CHECKS => {
                self.follower = Follower::Parked;
                Check::Park
            }
            _ => {
                let quiet = if seen == self.round { quiet + 1 } else { 0 };
                let seen = self.round;
                self.follower = Follower::Checking { seen, quiet };
                Check::Again
            }
        }
    }

    fn check_parked(&mut self, is_late: bool, has_tasks: bool) -> Check {
        match self.leader {
            _ if self.is_closed => self.follower_leaves(),
            // Before the time: a lead that was given up when the time ran out waits for this
            // thread. Without a task there is nothing to lead for.
            Leader::Vacant if has_tasks => self.take_over(),
            _ if is_late => self.follower_leaves(),
            _ => Check::Park,
        }
    }

    const fn take_over(&mut self) -> Check {
        self.follower = Follower::None;
        self.leader = Leader::Polling;
        Check::Lead
    }

    const fn follower_leaves(&mut self) -> Check {
        self.follower = Follower::None;
        self.threads -= 1;
        Check::Leave
    }

    /// Takes a call to an idle thread. Returns whether there was one.
    pub(crate) const fn take_call(&mut self) -> bool {
        // A count: which of the idle threads takes a call does not matter.
        let was_called = self.called > 0;
        if was_called {
            self.called -= 1;
        }
        was_called
    }

    /// An idle thread that was not called leaves.
    pub(crate) const fn idle_thread_leaves(&mut self) {
        self.idle -= 1;
        self.threads -= 1;
    }

    /// Whether a thread is missing: a leader, or a follower that checks while the leader runs a task.
    pub(crate) fn is_short(&self) -> bool {
        match self.leader {
            Leader::Vacant => true,
            Leader::Polling => false,
            // A parked follower does not count: it does not check the leader.
            Leader::Running(_) => !matches!(self.follower, Follower::Checking { .. }),
        }
    }

    /// Decides how to get the missing thread, if one is missing and none is coming.
    pub(crate) fn call(&mut self, now: Millis) -> Option<Call> {
        if self.is_closed || !self.is_short() {
            return None;
        }
        // Before those that are coming: the follower is there already.
        if self.follower != Follower::None {
            if self.follower == Follower::Parked {
                // Changed here, and not when it wakes: a round that begins until then would call it
                // again.
                self.follower = Follower::CHECKING;
            }
            return Some(Call::WakeFollower);
        }
        // It takes the role that is missing when it arrives.
        if self.coming > 0 {
            return None;
        }
        if self.idle > 0 {
            // Moved at once: the same thread is not called twice.
            self.idle -= 1;
            self.called += 1;
            self.coming += 1;
            return Some(Call::WakeIdle);
        }
        if now < self.refused_until {
            return None;
        }
        // Counted before it is started: a `join` in between would find no thread and return.
        self.threads += 1;
        self.coming += 1;
        Some(Call::Start)
    }

    /// Counts the first thread as coming, if there is none. Returns whether it is to be started.
    pub(crate) const fn call_first(&mut self) -> bool {
        let is_first = self.threads == 0 && !self.is_closed;
        if is_first {
            self.threads += 1;
            self.coming += 1;
        }
        is_first
    }

    /// The thread that was to be started could not be.
    pub(crate) const fn refused(&mut self, now: Millis) {
        self.threads -= 1;
        self.coming -= 1;
        self.refused_until = now.saturating_add(REFUSED);
    }

    /// All threads are to leave.
    pub(crate) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether all threads are to leave.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }
}

impl Follower {
    // Below every round, so that a first check finds none of them long.
    const CHECKING: Self = Self::Checking { seen: 0, quiet: 0 };
}
