//! Which thread does what: who watches, who stands by, and who rests.

use super::tasks::Millis;

/// The threads of a rota.
///
/// ```text
///               lead                      begin
///   Vacant ------------> Watching <---------------------> Attending(round)
///     ^                     |             finish             |
///     |                     | leave                          | step_down, or to others that wait
///     +---------------------+--------------------------------+
///                             Watching <----- look ----------+   (by who stands by)
/// ```
///
/// # Invariants
///
/// Between calls:
///
/// 1. At most one thread holds the watch: who watches, or attends in the round that `post` names.
/// 2. `threads` is how many there are, with those that are being started. Each of them holds the
///    watch, or attends, or stands by, or is one of `idle_threads`, or is one of `coming`.
/// 3. `called` of the `coming` rest still, and have not noticed.
#[derive(Debug)]
pub(crate) struct Roles {
    post: Post,
    follower: Follower,
    idle_threads: usize,
    called: usize,
    coming: usize,
    threads: usize,
    /// How many rounds there were; the number of the last one.
    round: u64,
    /// For how many rounds more it is known that they may be long.
    eager: u8,
    /// No thread was to be had, and none is asked for before then.
    refused_until: Millis,
    is_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Post {
    Vacant,
    Watching,
    Attending(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follower {
    Nobody,
    /// It looks every so often, and has seen so many rounds the last time; none was new for `quiet`
    /// times.
    Looking {
        seen: u64,
        quiet: u8,
    },
    /// It looks when it is woken.
    Parked,
}

/// What a thread is to do that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadRole {
    Lead,
    /// Take one of those that wait, without the watch.
    Help,
    StandBy,
    Rest,
    Leave,
}

/// What who stands by is to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recheck {
    Lead,
    /// Look again after a moment.
    Again,
    /// Look again when woken.
    Park,
    Leave,
}

/// What has to be done for there to be as many threads as are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    WakeStandby,
    WakeSpare,
    Start,
}

/// A takeover costs others a moment of waiting. So many hand-overs of a watch cost as much, and so
/// many rounds are begun with one, if others wait, before it is thought that the long ones are over.
const EAGER: u8 = 64;

/// After so many looks in which nothing was begun there is nothing to look at.
const QUIET_LOOKS: u8 = 8;

/// For how long nobody asks for a thread after none was to be had.
const REFUSED: Millis = 100;

impl Roles {
    pub(crate) const fn new() -> Self {
        Self {
            post: Post::Vacant,
            follower: Follower::Nobody,
            idle_threads: 0,
            called: 0,
            coming: 0,
            threads: 0,
            round: 0,
            eager: 0,
            refused_until: 0,
            is_closed: false,
        }
    }

    /// How many threads there are.
    pub(crate) const fn threads(&self) -> usize {
        self.threads
    }

    /// Says whether whoever leads waits for something to come.
    pub(crate) fn are_watching(&self) -> bool {
        self.post == Post::Watching
    }

    /// A thread that was started or called has come.
    pub(crate) const fn arrive(&mut self) {
        self.coming -= 1;
    }

    /// Finds something to do for a thread that has no post.
    pub(crate) fn assign(&mut self, others_wait: bool) -> ThreadRole {
        if self.is_closed {
            self.threads -= 1;
            return ThreadRole::Leave;
        }
        if self.post == Post::Vacant {
            self.post = Post::Watching;
            ThreadRole::Lead
        } else if others_wait && self.eager > 0 {
            ThreadRole::Help
        } else if self.follower == Follower::Nobody {
            self.follower = Follower::LOOKING;
            ThreadRole::StandBy
        } else {
            self.idle_threads += 1;
            ThreadRole::Rest
        }
    }

    /// Begins a round of who leads. It keeps the watch, unless rounds may be long and others wait.
    pub(crate) fn begin(&mut self, others_wait: bool) -> u64 {
        self.round += 1;
        self.post = if self.eager > 0 && others_wait {
            Post::Vacant
        } else {
            Post::Attending(self.round)
        };
        self.round
    }

    /// Begins a round of somebody who may have the watch from the round before.
    pub(crate) fn begin_after(&mut self, before: u64) -> u64 {
        self.round += 1;
        if self.post == Post::Attending(before) {
            self.post = Post::Attending(self.round);
        }
        self.round
    }

    /// Says whether it is worth to take the time of the rounds.
    pub(crate) const fn is_eager(&self) -> bool {
        self.eager > 0
    }

    /// Ends a round. Says whether it has kept the watch, which is then free to be waited on again.
    pub(crate) fn finish(&mut self, round: u64, was_long: bool) -> bool {
        self.eager = if was_long {
            EAGER
        } else {
            self.eager.saturating_sub(1)
        };
        let keeps = self.post == Post::Attending(round);
        if keeps {
            self.post = Post::Watching;
        }
        keeps
    }

    /// Gives the watch up, if it is held by who attends in this round. Says whether it was.
    pub(crate) fn promote_follower(&mut self, round: u64) -> bool {
        let held = self.post == Post::Attending(round);
        if held {
            self.post = Post::Vacant;
        }
        held
    }

    /// Who watches has no post any more.
    pub(crate) const fn give_up(&mut self) {
        self.post = Post::Vacant;
    }

    /// A thread has gone, and nobody knows which post it held: all are to leave.
    #[cfg(not(loom))]
    pub(crate) const fn lose(&mut self) {
        self.is_closed = true;
        self.post = Post::Vacant;
        self.threads = self.threads.saturating_sub(1);
    }

    /// Who watches leaves, for there is nobody to watch.
    pub(crate) const fn leave(&mut self) {
        self.post = Post::Vacant;
        self.threads -= 1;
    }

    /// What who stands by sees. `is_late` says that it was quiet for so long that it may leave,
    /// if `are_guests` does not keep it.
    pub(crate) fn look(&mut self, is_late: bool, are_guests: bool) -> Recheck {
        let Follower::Looking { seen, quiet } = self.follower else {
            return self.look_woken(is_late, are_guests);
        };
        match self.post {
            _ if self.is_closed => self.leave_standby(),
            Post::Vacant => self.take_over(),
            Post::Attending(round) if round <= seen => {
                self.eager = EAGER;
                self.take_over()
            }
            Post::Watching if seen == self.round && quiet >= QUIET_LOOKS => {
                self.follower = Follower::Parked;
                Recheck::Park
            }
            _ => {
                let quiet = if seen == self.round { quiet + 1 } else { 0 };
                let seen = self.round;
                self.follower = Follower::Looking { seen, quiet };
                Recheck::Again
            }
        }
    }

    /// A look of who was parked.
    fn look_woken(&mut self, is_late: bool, are_guests: bool) -> Recheck {
        match self.post {
            _ if self.is_closed => self.leave_standby(),
            Post::Vacant if are_guests => self.take_over(),
            _ if is_late => self.leave_standby(),
            _ => Recheck::Park,
        }
    }

    const fn take_over(&mut self) -> Recheck {
        self.follower = Follower::Nobody;
        self.post = Post::Watching;
        Recheck::Lead
    }

    const fn leave_standby(&mut self) -> Recheck {
        self.follower = Follower::Nobody;
        self.threads -= 1;
        Recheck::Leave
    }

    /// Lets a spare go that was called, if it was.
    pub(crate) const fn answer(&mut self) -> bool {
        let was_called = self.called > 0;
        if was_called {
            self.called -= 1;
        }
        was_called
    }

    /// A spare that nobody has called leaves.
    pub(crate) const fn leave_spares(&mut self) {
        self.idle_threads -= 1;
        self.threads -= 1;
    }

    /// Says whether somebody is missing: who watches, or who stands by while the watch is left alone.
    pub(crate) fn is_short(&self) -> bool {
        match self.post {
            Post::Vacant => true,
            Post::Watching => false,
            Post::Attending(_) => !matches!(self.follower, Follower::Looking { .. }),
        }
    }

    /// Says how to get who is missing, if anybody is and nobody is on the way.
    pub(crate) fn call(&mut self, now: Millis) -> Option<Call> {
        if self.is_closed || !self.is_short() {
            return None;
        }
        if self.follower != Follower::Nobody {
            if self.follower == Follower::Parked {
                self.follower = Follower::LOOKING;
            }
            return Some(Call::WakeStandby);
        }
        if self.coming > 0 {
            return None;
        }
        if self.idle_threads > 0 {
            self.idle_threads -= 1;
            self.called += 1;
            self.coming += 1;
            return Some(Call::WakeSpare);
        }
        if now < self.refused_until {
            return None;
        }
        self.threads += 1;
        self.coming += 1;
        Some(Call::Start)
    }

    /// Calls for the first thread, if there is none.
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

    /// Lets all threads leave.
    pub(crate) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Says whether all are to leave.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }
}

impl Follower {
    const LOOKING: Self = Self::Looking { seen: 0, quiet: 0 };
}
