//! Random schedules of threads and guests: nothing that comes is lost, and nobody is served twice at
//! a time.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::collections::HashMap;

use proptest::prelude::*;

use crate::leader::task::Why;

use super::{Call, Entered, Key, LeaderPlan, Recheck, Round, Rules, Settled, ThreadRole};

/// What happens next. The numbers pick a guest or a thread.
#[derive(Clone, Copy, Debug)]
enum Op {
    Admit,
    /// Something comes to a guest; with the end, or not.
    Come(usize, bool),
    /// A thread goes on: what it attends to is idle again, or gone.
    Go(usize, Outcome),
    PromoteFollower(usize),
    Pass(u64),
    Stop,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Idle,
    Patient(u64),
    Gone,
}

/// What one thread is at.
enum Thread {
    Coming,
    Watching,
    Attending(Round<usize>),
    StandingBy,
    Resting,
}

/// What is known of a guest outside of the rules.
#[derive(Default)]
struct Known {
    number: usize,
    /// Looks that are due since something has come.
    due: u8,
    in_hand: bool,
    stops: usize,
}

struct World {
    rules: Rules<usize>,
    threads: Vec<Thread>,
    tasks: HashMap<u64, Known>,
    keys: Vec<Key>,
    /// What the watch has to tell.
    ready: Vec<(Key, bool)>,
    now: u64,
    admitted: usize,
    is_stopped: bool,
    /// The most that were ever attended to at once.
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
                if let Thread::Attending(visit) = &self.threads[which] {
                    self.rules.roles.promote_follower(visit.round);
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
        let key = self.rules.tasks.reserve().expect("nobody has aborted");
        self.admitted += 1;
        let known = Known {
            number: self.admitted,
            ..Known::default()
        };
        self.tasks.insert(key.number(), known);
        self.keys.push(key);
        let entered = self.rules.tasks.enter(key, self.admitted, None);
        assert!(!matches!(entered, Entered::LetGo(_)));
    }

    /// Sees to it that there are threads, as a rota does after each change.
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
            Thread::Watching => {
                for (key, is_last) in self.ready.drain(..) {
                    self.rules.tasks.came(key, is_last);
                }
                self.lead();
            }
            Thread::Attending(visit) => self.settle(visit, outcome),
            Thread::StandingBy => {
                let are_guests = self.rules.tasks.len() > 0;
                match self.rules.roles.look(false, are_guests) {
                    Recheck::Lead => self.lead(),
                    Recheck::Again | Recheck::Park => self.threads.push(Thread::StandingBy),
                    Recheck::Leave => unreachable!("nobody has closed it"),
                }
            }
            Thread::Resting if self.rules.roles.answer() => {
                self.rules.roles.arrive();
                self.assign();
            }
            Thread::Resting => self.threads.push(Thread::Resting),
        }
    }

    fn assign(&mut self) {
        match self.rules.assign() {
            ThreadRole::Lead => self.lead(),
            ThreadRole::Help => match self.rules.help() {
                Some(visit) => self.attend(visit),
                None => unreachable!("somebody waits"),
            },
            ThreadRole::StandBy => self.threads.push(Thread::StandingBy),
            ThreadRole::Rest => self.threads.push(Thread::Resting),
            ThreadRole::Leave => unreachable!("nobody has closed it"),
        }
    }

    fn lead(&mut self) {
        loop {
            if let Some(visit) = self.rules.serve() {
                return self.attend(visit);
            }
            let now = self.now;
            if self.rules.plan(|| now) != LeaderPlan::Serve {
                return self.threads.push(Thread::Watching);
            }
        }
    }

    fn attend(&mut self, visit: Round<usize>) {
        let known = self.tasks.get_mut(&visit.taken.key.number());
        let known = known.expect("it has not gone");
        assert_eq!(known.number, visit.taken.task);
        assert!(!known.in_hand, "two threads at once");
        known.in_hand = true;
        match visit.taken.why {
            Why::Ready => known.due = known.due.saturating_sub(1),
            Why::Stopping => known.stops += 1,
            Why::TimedOut => {}
        }
        self.threads.push(Thread::Attending(visit));
    }

    fn settle(&mut self, visit: Round<usize>, outcome: Outcome) {
        let (key, round) = (visit.taken.key, visit.round);
        let known = self.tasks.get_mut(&key.number()).expect("it is in hand");
        known.in_hand = false;
        let until = match outcome {
            Outcome::Idle => None,
            Outcome::Patient(time) => Some(self.now + time),
            Outcome::Gone => {
                self.tasks.remove(&key.number());
                let leads = self.rules.gone(key, round, false);
                return self.after(leads);
            }
        };
        match self
            .rules
            .settle(key, visit.taken.task, until, round, false)
        {
            Settled::Done { leads } => self.after(leads),
            Settled::Again(visit) => self.attend(visit),
            Settled::LetGo(_) => unreachable!("nobody has aborted"),
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
        let watching = |thread: &&Thread| matches!(thread, Thread::Watching);
        let watching = self.threads.iter().filter(watching).count();
        assert!(watching <= 1, "{watching} watch");
        let busy = |thread: &&Thread| matches!(thread, Thread::Attending(_));
        self.busy_peak = self.busy_peak.max(self.threads.iter().filter(busy).count());
        assert_eq!(self.threads.len(), self.rules.roles.threads());
        let most = self.busy_peak + 2;
        assert!(self.threads.len() <= most, "more than {most} threads");
        assert_eq!(self.tasks.len(), self.rules.tasks.len());
    }

    /// Lets everything that has begun come to its end.
    fn settle_all(&mut self) {
        // Each guest is looked at a few times at most, by as many threads.
        for _ in 0..20 * (self.admitted + self.threads.len() + 1) {
            for which in 0..self.threads.len() {
                self.apply(Op::Go(which, Outcome::Idle));
            }
        }
    }
}

/// Whatever came to whom is still there was looked at after it had come, and all were told of a stop
/// once.
fn nothing_is_lost(ops: &[Op]) {
    let mut world = World::new();
    ops.iter().for_each(|op| world.apply(*op));
    world.settle_all();
    assert!(world.ready.is_empty() || world.tasks.is_empty());
    for known in world.tasks.values() {
        assert!(!known.in_hand);
        assert_eq!(known.due, 0, "task {} waits", known.number);
        assert_eq!(known.stops, usize::from(world.is_stopped));
    }
    assert!(!world.rules.tasks.are_waiting());
    if !world.tasks.is_empty() {
        assert!(world.rules.roles.are_watching());
    }
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Idle),
        2 => (0..200_u64).prop_map(Outcome::Patient),
        1 => Just(Outcome::Gone),
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
    fn nothing_that_comes_is_lost_and_nobody_is_served_twice(
        ops in prop::collection::vec(ops(), 0..120)
    ) {
        nothing_is_lost(&ops);
    }
}
