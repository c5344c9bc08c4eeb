//! The threads of the pool: what each does in the role that the rules have given it.
//!
//! A thread holds the pool's lock while it decides, and releases it while it polls, runs a task,
//! starts a thread or wakes one. Lock order: `rules`, then `threads` or the poller's own; no lock is
//! taken under those. What blocks: the leader in the poller, the follower and idle threads on their
//! condition variables, a task that has promoted a follower, and the start of a thread.
//! Each thread leaves through `rules`, where `Roles` has counted it, and is joined by a later one.

use std::io;
use std::time::{Duration, Instant};

use super::poller::{Poller, ReadyList};
use super::rules::{
    Call, Check, Deadline, Key, LeaderPlan, Millis, Round, Rules, Settled, ThreadRole,
};
use super::task::{Next, Turn};
use super::{LeaderFollowers, Owner, TaggedTask};
use crate::error::Error;
use crate::threads::sync::{Condvar, MutexGuard, start, take_ended};
use crate::threads::worker::guard;

/// How often the follower checks whether the leader is still in the same round.
const TICK: Duration = Duration::from_millis(1);

/// What belongs to one thread.
struct ThreadState {
    turn: Turn,
    ready: ReadyList,
}

type Locked<'a, O> = MutexGuard<'a, Rules<Box<TaggedTask<<O as Owner>::Tag>>>>;

/// The lock, with which a thread goes on after a role; nothing if the thread has left.
type AfterRole<'a, O> = Option<Locked<'a, O>>;

impl<P: Poller, O: Owner> LeaderFollowers<P, O> {
    /// The body of each thread.
    fn thread_main(&self) {
        self.run_or_fail();
        self.owner.thread_ended();
        // After `rules` has counted the thread out: `join` checks that count under the lock from
        // which it waits.
        self.all_left.notify_all();
    }

    /// Runs, and reports a panic of the pool itself: a panic of a task ends in `run_task`.
    #[cfg(not(loom))]
    fn run_or_fail(&self) {
        let ran = guard(|| {
            self.take_roles();
            Ok(())
        });
        if let Err(error) = ran {
            // It may have led, or have been called. So all others have to leave, and each wait is
            // ended as in `join`.
            self.rules.lock().roles.lose();
            self.follower.notify_all();
            self.idle_threads.notify_all();
            self.poller.wake();
            self.owner.pool_failed(error);
        }
    }

    /// A panic in a model is a finding of its own.
    #[cfg(loom)]
    fn run_or_fail(&self) {
        self.take_roles();
    }

    /// Takes one role after another, until the thread leaves.
    fn take_roles(&self) {
        let mut state = ThreadState {
            turn: Turn::new(self.promoter()),
            ready: ReadyList::new(),
        };
        let mut rules = self.rules.lock();
        rules.roles.arrive();
        let mut next = Some(rules);
        while let Some(mut rules) = next.take() {
            next = match rules.assign() {
                ThreadRole::Lead => self.lead(rules, &mut state),
                ThreadRole::Help => Some(self.help(rules, &mut state)),
                ThreadRole::Follow => self.follow(rules, &mut state),
                ThreadRole::Idle => self.idle(rules),
                ThreadRole::Leave => None,
            };
        }
    }

    /// Polls, and runs the tasks that are ready, until another thread leads or no task is left.
    fn lead<'a>(&'a self, mut rules: Locked<'a, O>, state: &mut ThreadState) -> AfterRole<'a, O> {
        loop {
            // Checked in each round: a close wakes the poller, and after that nothing else would.
            if rules.roles.is_closed() {
                // Back to `assign`, which has the thread leave.
                rules.roles.give_up();
                return Some(rules);
            }
            if let Some(round) = rules.lead() {
                let leads;
                (rules, leads) = self.run_task(rules, state, round);
                if leads {
                    continue;
                }
                return Some(rules);
            }
            let plan = rules.plan(|| self.now());
            let timeout = match plan {
                // The deadlines were looked at, and what is due is in the queue.
                LeaderPlan::Run => continue,
                LeaderPlan::Poll(deadline) => deadline.map(Deadline::wait),
                LeaderPlan::PollEmpty => Some(self.quiet),
            };
            // A task may be queued between the release of the lock and the wait. The thread that
            // queues it finds `Polling` under the lock and wakes the poller afterwards, which ends
            // a wait that is still to begin: see `must_wake_leader`, and `Poller::wake`.
            drop(rules);
            let began = (plan == LeaderPlan::PollEmpty).then(Instant::now);
            self.poller.wait(&mut state.ready, timeout);
            let is_late = began.is_some_and(|began| began.elapsed() >= self.quiet);
            rules = self.rules.lock();
            for (key, is_last) in state.ready.drain() {
                rules.tasks.ready(key, is_last);
            }
            // The number of tasks is looked at under the lock again: one may have been admitted
            // between the end of the wait and here, and its thread counts on this leader.
            if is_late && rules.tasks.len() == 0 {
                rules.roles.leader_leaves();
                return None;
            }
        }
    }

    /// Runs a task from the queue, beside the leader.
    fn help<'a>(&'a self, mut rules: Locked<'a, O>, state: &mut ThreadState) -> Locked<'a, O> {
        match rules.help() {
            Some(round) => self.run_task(rules, state, round).0,
            None => rules,
        }
    }

    /// Runs a task for as long as there is something to do for it. Returns whether the thread still
    /// leads.
    fn run_task<'a>(
        &'a self,
        mut rules: Locked<'a, O>,
        state: &mut ThreadState,
        mut round: Round<Box<TaggedTask<O::Tag>>>,
    ) -> (Locked<'a, O>, bool) {
        loop {
            // Before the task, which may block: from here on a follower checks this thread.
            let call = self.missing_thread(&mut rules);
            drop(rules);
            self.carry_out(call);
            let Round {
                claimed,
                number,
                is_timed,
            } = round;
            let (key, mut entry) = (claimed.key, claimed.task);
            // From here on a clone of an earlier turn promotes nothing: that round is over.
            state.turn.begin(number);
            let began = is_timed.then(Instant::now);
            let next = guard(|| Ok(entry.task.run(&state.turn, claimed.reason)));
            // A task that has promoted a follower has kept no other task waiting.
            let is_long = |began: Instant| !state.turn.has_promoted() && began.elapsed() > TICK;
            let was_long = began.is_some_and(is_long);
            let until = match next.unwrap_or_else(|error| Next::Done(Err(error))) {
                Next::Idle { until } => until.map(|until| self.millis(until)),
                Next::Done(outcome) => {
                    // Before the slot is forgotten, which frees the key for another task.
                    self.end_task(key, *entry, outcome);
                    rules = self.rules.lock();
                    let leads = rules.end(key, number, was_long);
                    return (rules, leads);
                }
            };
            rules = self.rules.lock();
            // While this thread owns the task.
            let is_evictable = rules.tasks.wants_evictable() && entry.task.evictable().is_some();
            match rules.settle(key, entry, until, number, was_long) {
                Settled::Done { leads } => {
                    // After `settle`: what is reported from here on finds an idle task. The lock of
                    // the poller comes after this one.
                    self.poller.arm(key);
                    if is_evictable {
                        rules.tasks.evictable_came();
                        self.owner.may_evict();
                    }
                    // The leader planned its wait without the deadline of this task, which may come
                    // first. A thread that still leads plans anew.
                    if !leads && rules.must_wake_leader() {
                        self.poller.wake();
                    }
                    return (rules, leads);
                }
                Settled::Again(again) => round = again,
                Settled::Dismissed(entry) => {
                    drop(rules);
                    self.end_task(key, *entry, Err(Error::interrupted()));
                    rules = self.rules.lock();
                    let leads = rules.end(key, number, was_long);
                    return (rules, leads);
                }
            }
        }
    }

    /// Checks at each tick whether the leader is still in the same round, and leads if it is.
    fn follow<'a>(&'a self, mut rules: Locked<'a, O>, state: &mut ThreadState) -> AfterRole<'a, O> {
        let mut is_late = false;
        loop {
            let has_tasks = rules.tasks.len() > 0;
            // The lock is held from the check to the wait, and a thread that changes what is checked
            // notifies after its change: no notification falls between the two.
            is_late = match rules.roles.check(is_late, has_tasks) {
                Check::Lead => return self.lead(rules, state),
                Check::Again => {
                    self.wait_for_tick(&mut rules);
                    false
                }
                // A thread that begins a round finds the follower parked, and wakes it:
                // `Roles::is_short`.
                Check::Park => wait(&self.follower, &mut rules, self.quiet),
                Check::Leave => {
                    self.leave(rules);
                    return None;
                }
            };
        }
    }

    #[cfg(not(loom))]
    fn wait_for_tick(&self, rules: &mut Locked<'_, O>) {
        wait(&self.follower, rules, TICK);
    }

    #[cfg(loom)]
    fn wait_for_tick(&self, rules: &mut Locked<'_, O>) {
        let mut ticks = self.ticks.lock();
        if *ticks > 0 {
            *ticks -= 1;
        } else {
            drop(ticks);
            self.follower.wait(rules);
        }
    }

    /// Waits to be called, for a while.
    fn idle<'a>(&'a self, mut rules: Locked<'a, O>) -> AfterRole<'a, O> {
        let mut is_late = false;
        loop {
            // Before the time is looked at: a call that came as the wait timed out counts on it.
            if rules.roles.take_call() {
                rules.roles.arrive();
                return Some(rules);
            }
            if is_late || rules.roles.is_closed() {
                rules.roles.idle_thread_leaves();
                self.leave(rules);
                return None;
            }
            is_late = wait(&self.idle_threads, &mut rules, self.quiet);
        }
    }

    /// Leaves, and has the leader leave as well if nothing is left for it.
    ///
    /// The other side is [`lead`](Self::lead): with tasks, the leader polls without end. If the last
    /// of them ends on another thread, nothing comes that ends that wait. The end of the task does
    /// not wake the leader, which would cost a server of short tasks a wake each; this does, for the
    /// thread that ran the task follows or is idle after that, and comes here in the end.
    fn leave(&self, rules: Locked<'_, O>) {
        // Under the lock, after this thread or task was counted out.
        let polls_in_vain = rules.polls_in_vain();
        drop(rules);
        if polls_in_vain {
            self.poller.wake();
        }
    }

    /// Forgets a task that has ended on a thread which is not of the pool.
    pub(super) fn forget(&self, key: Key) {
        let mut rules = self.rules.lock();
        // Now, and not when the task was taken: until it has ended the leader must not leave.
        rules.tasks.forget(key);
        // As in `leave`; there may be no other thread that leaves.
        self.leave(rules);
    }

    /// Drops a task, and reports its outcome.
    pub(super) fn end_task(&self, key: Key, entry: TaggedTask<O::Tag>, outcome: Result<(), Error>) {
        let TaggedTask { task, tag } = entry;
        let dropped = guard(|| {
            // Before the task is dropped, which closes it: the number may be that of another
            // descriptor right after.
            if let Some(fd) = task.fd() {
                self.poller.remove(fd, key);
            }
            drop(task);
            Ok(())
        });
        self.owner.task_ended(tag, outcome.and(dropped));
    }

    /// Decides which thread to call, so that there is a leader, or a follower while the leader runs a
    /// task.
    pub(super) fn missing_thread(&self, rules: &mut Locked<'_, O>) -> Option<Call> {
        // Before `now`: the clock is read only if a thread is missing.
        if !rules.roles.is_short() {
            return None;
        }
        rules.roles.call(self.now())
    }

    /// Calls a thread. Not under the lock, which that thread takes first.
    pub(super) fn carry_out(&self, call: Option<Call>) {
        match call {
            None => {}
            Some(Call::WakeFollower) => {
                // There is one. If it does not wait yet, it finds the change under the lock.
                self.follower.notify_one();
            }
            Some(Call::WakeIdle) => {
                // Any of them: the call is a count, and the first to look takes it.
                self.idle_threads.notify_one();
            }
            Some(Call::Start) => {
                if let Err(error) = self.start() {
                    self.owner.no_thread(error);
                }
            }
        }
    }

    /// Starts a thread that is counted as coming.
    pub(super) fn start(&self) -> io::Result<()> {
        self.owner.thread_starting();
        let Some(pool) = self.own.upgrade() else {
            return Ok(());
        };
        self.join_ended();
        // Held until the handle is in the list. The new thread may have left by then, and `join`
        // then waits here for its handle.
        let mut threads = self.threads.lock();
        match start("highwater-pool", self.stack_bytes, move || {
            pool.thread_main()
        }) {
            Ok(thread) => {
                threads.push(thread);
                Ok(())
            }
            Err(error) => {
                // `rules` comes before `threads`. `join` needs no notification: this is the thread
                // that joins, or a thread of the pool leaves after this, and notifies.
                drop(threads);
                self.owner.thread_ended();
                self.rules.lock().roles.refused(self.now());
                Err(error)
            }
        }
    }

    /// Joins the threads that have ended: the operating system keeps their stacks until then.
    pub(super) fn join_ended(&self) {
        let ended = take_ended(&mut self.threads.lock());
        for thread in ended {
            // It has caught the panics of the tasks.
            let _ = thread.join();
        }
    }

    fn now(&self) -> Millis {
        self.millis(Instant::now())
    }

    /// The time since the pool was made; 0 for what was before.
    pub(super) fn millis(&self, time: Instant) -> Millis {
        let since = time.saturating_duration_since(self.began).as_millis();
        Millis::try_from(since).unwrap_or(Millis::MAX)
    }
}

/// Waits until it is notified or the time has passed. Returns whether the time has passed.
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
