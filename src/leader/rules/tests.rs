//! Random schedules of threads and tasks: nothing that comes is lost, and no task runs on two threads.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::collections::HashMap;

use proptest::prelude::*;

use crate::leader::task::RunReason;

use super::{Admitted, Call, Check, Key, LeaderPlan, Round, Rules, Settled, ThreadRole};

/// What happens next. The numbers pick a task or a thread.
#[derive(Clone, Copy, Debug)]
enum Op {
    Admit,
    /// Something comes to a task; with the end, or not.
    Come(usize, bool),
    /// A thread goes on: the task that it runs is idle again, or has ended.
    Go(usize, Outcome),
    PromoteFollower(usize),
    Pass(u64),
    Stop,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Idle,
    Patient(u64),
    Done,
}

/// What one thread does.
enum Thread {
    Coming,
    Polling,
    Running(Round<usize>),
    Following,
    Idle,
}

/// What is known of a task outside of the rules.
#[derive(Default)]
struct Known {
    number: usize,
    /// Runs that are due since something has come.
    due: u8,
    is_running: bool,
    stops: usize,
}

struct World {
    rules: Rules<usize>,
    threads: Vec<Thread>,
    tasks: HashMap<u64, Known>,
    keys: Vec<Key>,
    /// What the poller has to report.
    ready: Vec<(Key, bool)>,
    now: u64,
    admitted: usize,
    is_stopped: bool,
    /// The most that ever ran at once.
    busy_peak: usize,
}

impl World {
    fn new() -> Self {
        Self {
            rules: Rules::new(),
            threads: Vec::new(),
            tasks: HashMap::new(),
            keys: Vec::new(),
            ready: Vec::new(),
            now: 0,
            admitted: 0,
            is_stopped: false,
            busy_peak: 0,
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Admit => self.admit(),
            Op::Come(which, is_last) if !self.keys.is_empty() => {
                let key = self.keys[which % self.keys.len()];
                self.ready.push((key, is_last));
                if let Some(known) = self.tasks.get_mut(&key.number()) {
                    known.due = known.due.max(1 + u8::from(is_last));
                }
            }
            Op::Go(which, outcome) if !self.threads.is_empty() => {
                self.go(which % self.threads.len(), outcome);
            }
            Op::PromoteFollower(which) if !self.threads.is_empty() => {
                let which = which % self.threads.len();
                if let Thread::Running(round) = &self.threads[which] {
                    self.rules.roles.promote_follower(round.number);
                }
            }
            Op::Pass(time) => self.now += time,
            Op::Stop => {
                self.rules.tasks.stop();
                self.is_stopped = true;
            }
            _ => {}
        }
        self.call();
        self.check();
    }

    fn admit(&mut self) {
        let key = self
            .rules
            .tasks
            .reserve()
            .expect("the pool was not aborted");
        self.admitted += 1;
        let known = Known {
            number: self.admitted,
            ..Known::default()
        };
        self.tasks.insert(key.number(), known);
        self.keys.push(key);
        let entered = self.rules.tasks.enter(key, self.admitted, None);
        assert!(!matches!(entered, Admitted::Dismissed(_)));
    }

    /// Calls a thread if one is missing, as the pool does after each change.
    fn call(&mut self) {
        if self.rules.tasks.len() > 0 && self.rules.roles.call(self.now) == Some(Call::Start) {
            self.threads.push(Thread::Coming);
        }
    }

    fn go(&mut self, which: usize, outcome: Outcome) {
        match self.threads.swap_remove(which) {
            Thread::Coming => {
                self.rules.roles.arrive();
                self.assign();
            }
            Thread::Polling => {
                for (key, is_last) in self.ready.drain(..) {
                    self.rules.tasks.ready(key, is_last);
                }
                self.lead();
            }
            Thread::Running(round) => self.settle(round, outcome),
            Thread::Following => {
                let has_tasks = self.rules.tasks.len() > 0;
                match self.rules.roles.check(false, has_tasks) {
                    Check::Lead => self.lead(),
                    Check::Again | Check::Park => self.threads.push(Thread::Following),
                    Check::Leave => unreachable!("the pool is not closed"),
                }
            }
            Thread::Idle if self.rules.roles.take_call() => {
                self.rules.roles.arrive();
                self.assign();
            }
            Thread::Idle => self.threads.push(Thread::Idle),
        }
    }

    fn assign(&mut self) {
        match self.rules.assign() {
            ThreadRole::Lead => self.lead(),
            ThreadRole::Help => match self.rules.help() {
                Some(round) => self.run(round),
                None => unreachable!("a task waits"),
            },
            ThreadRole::Follow => self.threads.push(Thread::Following),
            ThreadRole::Idle => self.threads.push(Thread::Idle),
            ThreadRole::Leave => unreachable!("the pool is not closed"),
        }
    }

    fn lead(&mut self) {
        loop {
            if let Some(round) = self.rules.lead() {
                return self.run(round);
            }
            let now = self.now;
            if self.rules.plan(|| now) != LeaderPlan::Run {
                return self.threads.push(Thread::Polling);
            }
        }
    }

    fn run(&mut self, round: Round<usize>) {
        let known = self.tasks.get_mut(&round.claimed.key.number());
        let known = known.expect("it has not ended");
        assert_eq!(known.number, round.claimed.task);
        assert!(!known.is_running, "two threads at once");
        known.is_running = true;
        match round.claimed.reason {
            RunReason::Ready => known.due = known.due.saturating_sub(1),
            RunReason::Stopping => known.stops += 1,
            RunReason::TimedOut => {}
        }
        self.threads.push(Thread::Running(round));
    }

    fn settle(&mut self, round: Round<usize>, outcome: Outcome) {
        let (key, number) = (round.claimed.key, round.number);
        let known = self.tasks.get_mut(&key.number()).expect("it runs");
        known.is_running = false;
        let until = match outcome {
            Outcome::Idle => None,
            Outcome::Patient(time) => Some(self.now + time),
            Outcome::Done => {
                self.tasks.remove(&key.number());
                let leads = self.rules.end(key, number, false);
                return self.after(leads);
            }
        };
        match self
            .rules
            .settle(key, round.claimed.task, until, number, false)
        {
            Settled::Done { leads } => self.after(leads),
            Settled::Again(round) => self.run(round),
            Settled::Dismissed(_) => unreachable!("the pool was not aborted"),
        }
    }

    fn after(&mut self, leads: bool) {
        if leads {
            self.lead();
        } else {
            self.assign();
        }
    }

    fn check(&mut self) {
        let polling = |thread: &&Thread| matches!(thread, Thread::Polling);
        let polling = self.threads.iter().filter(polling).count();
        assert!(polling <= 1, "{polling} poll");
        let busy = |thread: &&Thread| matches!(thread, Thread::Running(_));
        self.busy_peak = self.busy_peak.max(self.threads.iter().filter(busy).count());
        assert_eq!(self.threads.len(), self.rules.roles.threads());
        let most = self.busy_peak + 2;
        assert!(self.threads.len() <= most, "more than {most} threads");
        assert_eq!(self.tasks.len(), self.rules.tasks.len());
    }

    /// Lets everything that has begun come to its end.
    fn settle_all(&mut self) {
        // Each task runs a few times at most, on as many threads.
        for _ in 0..20 * (self.admitted + self.threads.len() + 1) {
            for which in 0..self.threads.len() {
                self.apply(Op::Go(which, Outcome::Idle));
            }
        }
    }
}

/// Each task that is left has run after what came to it, and was stopped once if the pool was.
fn nothing_is_lost(ops: &[Op]) {
    let mut world = World::new();
    ops.iter().for_each(|op| world.apply(*op));
    world.settle_all();
    assert!(world.ready.is_empty() || world.tasks.is_empty());
    for known in world.tasks.values() {
        assert!(!known.is_running);
        assert_eq!(known.due, 0, "task {} waits", known.number);
        assert_eq!(known.stops, usize::from(world.is_stopped));
    }
    assert!(!world.rules.tasks.are_queued());
    if !world.tasks.is_empty() {
        assert!(world.rules.roles.is_polling());
    }
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Idle),
        2 => (0..200_u64).prop_map(Outcome::Patient),
        1 => Just(Outcome::Done),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Admit),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(which, last)| Op::Come(which, last)),
        12 => (any::<usize>(), outcomes()).prop_map(|(which, outcome)| Op::Go(which, outcome)),
        2 => any::<usize>().prop_map(Op::PromoteFollower),
        1 => (0..100_u64).prop_map(Op::Pass),
        1 => prop_oneof![20 => Just(Op::Pass(1)), 1 => Just(Op::Stop)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_that_comes_is_lost_and_no_task_runs_twice_at_a_time(
        ops in prop::collection::vec(ops(), 0..120)
    ) {
        nothing_is_lost(&ops);
    }
}
