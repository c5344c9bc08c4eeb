//! The threads of a rota: what each does in the post that the rules have given it.

use std::io;
use std::time::{Duration, Instant};

use super::poller::{Poller, ReadyList};
use super::rules::{
    Call, Deadline, Key, LeaderPlan, Millis, Recheck, Round, Rules, Settled, ThreadRole,
};
use super::task::{Next, Turn};
use super::{LeaderFollowers, Member, Owner};
use crate::error::Error;
use crate::threads::sync::{Condvar, MutexGuard, start, take_ended};
use crate::threads::worker::guard;

/// How often who stands by looks whether who leads is still at the same.
const TICK: Duration = Duration::from_millis(1);

/// What a thread has with it.
struct Kit {
    turn: Turn,
    ready: ReadyList,
}

type Held<'a, H> = MutexGuard<'a, Rules<Box<Member<<H as Owner>::Tag>>>>;

/// What a thread goes on with after its post: the lock, or nothing if it has left.
type NextRound<'a, H> = Option<Held<'a, H>>;

impl<W: Poller, H: Owner> LeaderFollowers<W, H> {
    /// The body of each thread.
    fn work(&self) {
        self.run_or_break();
        self.owner.left();
        self.all_left.notify_all();
    }

    /// Runs, and tells what ends it before its time.
    #[cfg(not(loom))]
    fn run_or_break(&self) {
        let ran = guard(|| {
            self.run();
            Ok(())
        });
        if let Err(error) = ran {
            self.rules.lock().roles.lose();
            self.follower.notify_all();
            self.idle_threads.notify_all();
            self.watch.wake();
            self.owner.broken(error);
        }
    }

    /// A panic in a model is a finding of its own.
    #[cfg(loom)]
    fn run_or_break(&self) {
        self.run();
    }

    /// What each thread does, from when it has come until it leaves.
    fn run(&self) {
        let mut kit = Kit {
            turn: Turn::new(self.roles()),
            ready: ReadyList::new(),
        };
        let mut rules = self.rules.lock();
        rules.roles.arrive();
        let mut next = Some(rules);
        while let Some(mut rules) = next.take() {
            next = match rules.assign() {
                ThreadRole::Lead => self.lead(rules, &mut kit),
                ThreadRole::Help => Some(self.help(rules, &mut kit)),
                ThreadRole::StandBy => self.stand_by(rules, &mut kit),
                ThreadRole::Rest => self.rest(rules),
                ThreadRole::Leave => None,
            };
        }
    }

    /// Watches, and serves who comes, until somebody else does or there is nobody.
    fn lead<'a>(&'a self, mut rules: Held<'a, H>, kit: &mut Kit) -> NextRound<'a, H> {
        loop {
            if rules.roles.is_closed() {
                // As somebody without a post, who then leaves.
                rules.roles.give_up();
                return Some(rules);
            }
            if let Some(visit) = rules.serve() {
                let leads;
                (rules, leads) = self.attend(rules, kit, visit);
                if leads {
                    continue;
                }
                return Some(rules);
            }
            let plan = rules.plan(|| self.now());
            let timeout = match plan {
                LeaderPlan::Serve => continue,
                LeaderPlan::Poller(deadline) => deadline.map(Deadline::wait),
                LeaderPlan::WatchNobody => Some(self.quiet),
            };
            drop(rules);
            let began = (plan == LeaderPlan::WatchNobody).then(Instant::now);
            self.watch.wait(&mut kit.ready, timeout);
            let is_quiet = began.is_some_and(|began| began.elapsed() >= self.quiet);
            rules = self.rules.lock();
            for (key, is_last) in kit.ready.drain() {
                rules.tasks.came(key, is_last);
            }
            if is_quiet && rules.tasks.len() == 0 {
                rules.roles.leave();
                return None;
            }
        }
    }

    /// Serves one of those that wait, beside who leads.
    fn help<'a>(&'a self, mut rules: Held<'a, H>, kit: &mut Kit) -> Held<'a, H> {
        match rules.help() {
            Some(visit) => self.attend(rules, kit, visit).0,
            None => rules,
        }
    }

    /// Attends to a guest for as long as there is something to do for it. Says whether the thread
    /// still leads.
    fn attend<'a>(
        &'a self,
        mut rules: Held<'a, H>,
        kit: &mut Kit,
        mut visit: Round<Box<Member<H::Tag>>>,
    ) -> (Held<'a, H>, bool) {
        loop {
            let call = self.who_is_missing(&mut rules);
            drop(rules);
            self.make(call);
            let Round {
                taken,
                round,
                is_timed,
            } = visit;
            let (key, mut member) = (taken.key, taken.task);
            kit.turn.begin(round);
            let began = is_timed.then(Instant::now);
            let stay = guard(|| Ok(member.task.attend(&kit.turn, taken.why)));
            // What has stepped down was not in anybody's way.
            let is_long = |began: Instant| !kit.turn.has_stepped_down() && began.elapsed() > TICK;
            let was_long = began.is_some_and(is_long);
            let until = match stay.unwrap_or_else(|error| Next::Gone(Err(error))) {
                Next::Idle { until } => until.map(|until| self.millis(until)),
                Next::Gone(outcome) => {
                    self.dismiss(key, *member, outcome);
                    rules = self.rules.lock();
                    let leads = rules.gone(key, round, was_long);
                    return (rules, leads);
                }
            };
            rules = self.rules.lock();
            let is_room = rules.tasks.is_room_wanted() && member.task.yields().is_some();
            match rules.settle(key, member, until, round, was_long) {
                Settled::Done { leads } => {
                    self.watch.arm(key);
                    if is_room {
                        rules.tasks.room_came();
                        self.owner.room_came();
                    }
                    if !leads && rules.is_to_be_woken() {
                        self.watch.wake();
                    }
                    return (rules, leads);
                }
                Settled::Again(again) => visit = again,
                Settled::LetGo(member) => {
                    drop(rules);
                    self.dismiss(key, *member, Err(Error::interrupted()));
                    rules = self.rules.lock();
                    let leads = rules.gone(key, round, was_long);
                    return (rules, leads);
                }
            }
        }
    }

    /// Looks every so often whether who leads is still at the same, and takes over if he is.
    fn stand_by<'a>(&'a self, mut rules: Held<'a, H>, kit: &mut Kit) -> NextRound<'a, H> {
        let mut is_late = false;
        loop {
            let are_guests = rules.tasks.len() > 0;
            is_late = match rules.roles.look(is_late, are_guests) {
                Recheck::Lead => return self.lead(rules, kit),
                Recheck::Again => {
                    self.wait_a_moment(&mut rules);
                    false
                }
                Recheck::Park => wait(&self.follower, &mut rules, self.quiet),
                Recheck::Leave => {
                    self.leave_behind(rules);
                    return None;
                }
            };
        }
    }

    #[cfg(not(loom))]
    fn wait_a_moment(&self, rules: &mut Held<'_, H>) {
        wait(&self.follower, rules, TICK);
    }

    #[cfg(loom)]
    fn wait_a_moment(&self, rules: &mut Held<'_, H>) {
        let mut moments = self.moments.lock();
        if *moments > 0 {
            *moments -= 1;
        } else {
            drop(moments);
            self.follower.wait(rules);
        }
    }

    /// Waits until it is needed, for a while.
    fn rest<'a>(&'a self, mut rules: Held<'a, H>) -> NextRound<'a, H> {
        let mut is_late = false;
        loop {
            if rules.roles.answer() {
                rules.roles.arrive();
                return Some(rules);
            }
            if is_late || rules.roles.is_closed() {
                rules.roles.leave_spares();
                self.leave_behind(rules);
                return None;
            }
            is_late = wait(&self.idle_threads, &mut rules, self.quiet);
        }
    }

    /// Leaves, and has the leader leave as well if nothing is left for it.
    ///
    /// The other side is a leader that waits in the poller, with no end to its wait since there were
    /// tasks. If the last of them ends on another thread, nothing comes that ends that wait. Not the
    /// end of the task wakes it, which would cost a server of short tasks a wake each, but this: the
    /// thread that has run the task follows or is idle after that, and comes here in time.
    fn leave_behind(&self, rules: Held<'_, H>) {
        let is_left_over = rules.is_leader_left_over();
        drop(rules);
        if is_left_over {
            self.watch.wake();
        }
    }

    /// Forgets a task that no thread of the pool has, and has ended.
    pub(super) fn forget(&self, key: Key) {
        let mut rules = self.rules.lock();
        rules.tasks.gone(key);
        // As above; but no thread may come that leaves.
        self.leave_behind(rules);
    }

    /// Lets a guest go, and tells of it.
    pub(super) fn dismiss(&self, key: Key, member: Member<H::Tag>, outcome: Result<(), Error>) {
        let Member { task, tag } = member;
        let dropped = guard(|| {
            self.watch.remove(task.fd(), key);
            drop(task);
            Ok(())
        });
        self.owner.gone(tag, outcome.and(dropped));
    }

    /// Says who is to be called, so that somebody watches, or stands by while nobody does.
    pub(super) fn who_is_missing(&self, rules: &mut Held<'_, H>) -> Option<Call> {
        // Asked first, for it takes a clock to say how.
        if !rules.roles.is_short() {
            return None;
        }
        rules.roles.call(self.now())
    }

    /// Calls who is missing. Not under the lock, which he takes first.
    pub(super) fn make(&self, call: Option<Call>) {
        match call {
            None => {}
            Some(Call::WakeStandby) => {
                self.follower.notify_one();
            }
            Some(Call::WakeSpare) => {
                self.idle_threads.notify_one();
            }
            Some(Call::Start) => {
                if let Err(error) = self.start() {
                    self.owner.refused(error);
                }
            }
        }
    }

    /// Starts a thread that was called for.
    pub(super) fn start(&self) -> io::Result<()> {
        self.owner.starting();
        let Some(pool) = self.own.upgrade() else {
            return Ok(());
        };
        self.join_left();
        let mut threads = self.threads.lock();
        match start("highwater-pool", self.stack_bytes, move || pool.work()) {
            Ok(thread) => {
                threads.push(thread);
                Ok(())
            }
            Err(error) => {
                drop(threads);
                self.owner.left();
                self.rules.lock().roles.refused(self.now());
                Err(error)
            }
        }
    }

    /// Joins the threads that have left: until then the system keeps their stacks.
    pub(super) fn join_left(&self) {
        let left = take_ended(&mut self.threads.lock());
        for thread in left {
            // It has caught the panics of the guests.
            let _ = thread.join();
        }
    }

    /// How long the rota has been there.
    fn now(&self) -> Millis {
        self.millis(Instant::now())
    }

    /// The time by the rota's clock. What was before it is its beginning.
    pub(super) fn millis(&self, time: Instant) -> Millis {
        let since = time.saturating_duration_since(self.began).as_millis();
        Millis::try_from(since).unwrap_or(Millis::MAX)
    }
}

/// Waits until it is notified, or the time is over. Says whether it was that.
fn wait<T>(on: &Condvar, guard: &mut MutexGuard<'_, T>, time: Duration) -> bool {
    match Instant::now().checked_add(time) {
        Some(until) => on.wait_until(guard, until).timed_out(),
        // A time that cannot be represented is no limit.
        None => {
            on.wait(guard);
            false
        }
    }
}
