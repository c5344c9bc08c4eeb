//! Leader, follower, idle threads: every interleaving of the threads of a small pool.
//!
//! A wait that nothing ends is a deadlock here, and the follower checks only as often as the model lets
//! ticks pass.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use highwater::{
    Deadlines, Error, Key, LeaderFollowers, Next, Owner, Poller, ReadyList, RunReason, Task, Turn,
};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::{Bound, explore_waits};

/// Longer than any model takes.
const QUIET: Duration = Duration::from_secs(3600);

/// A poller that reports what the model tells it.
#[derive(Default)]
struct Told {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    /// The keys of the tasks, in the order in which they were admitted.
    keys: Vec<Key>,
    ready: Vec<Key>,
    woken: bool,
    /// A wait that has a limit is over at once.
    has_time: bool,
}

impl Told {
    /// Something has come to the task of that number.
    fn tell(&self, number: usize) {
        let mut state = self.state.lock().unwrap();
        let key = state.keys[number];
        state.ready.push(key);
        drop(state);
        self.came.notify_one();
    }
}

/// The poller of the pool.
struct Shared(Arc<Told>);

impl Poller for Shared {
    fn add(&self, _fd: BorrowedFd<'_>, key: Key) -> io::Result<()> {
        self.0.state.lock().unwrap().keys.push(key);
        Ok(())
    }

    fn arm(&self, _key: Key) {}

    fn remove(&self, _fd: BorrowedFd<'_>, _key: Key) {}

    fn wait(&self, ready: &mut ReadyList, timeout: Option<Duration>) {
        let mut state = self.0.state.lock().unwrap();
        let is_over = timeout.is_some() && state.has_time;
        while state.ready.is_empty() && !state.woken && !is_over {
            state = self.0.came.wait(state).unwrap();
        }
        state.woken = false;
        state.ready.drain(..).for_each(|key| ready.push(key, false));
    }

    fn wake(&self) {
        self.0.state.lock().unwrap().woken = true;
        self.0.came.notify_one();
    }
}

/// Counts the tasks that have ended, and how.
#[derive(Default)]
struct Stats {
    well: Count,
    given_up: Count,
    threads: Count,
    /// Signalled when a thread has left.
    left: (Mutex<()>, Condvar),
}

impl Stats {
    /// Waits until no thread is left.
    fn wait_for_all(&self) {
        let mut left = self.left.0.lock().unwrap();
        while self.threads.load(SeqCst) > 0 {
            left = self.left.1.wait(left).unwrap();
        }
    }
}

struct Reports(Arc<Stats>);

impl Owner for Reports {
    type Tag = ();

    fn task_ended(&self, (): (), outcome: Result<(), Error>) {
        let count = match outcome {
            Ok(()) => &self.0.well,
            Err(_) => &self.0.given_up,
        };
        count.fetch_add(1, SeqCst);
    }

    fn thread_starting(&self) {
        self.0.threads.fetch_add(1, SeqCst);
    }

    fn thread_ended(&self) {
        let _left = self.0.left.0.lock().unwrap();
        self.0.threads.fetch_sub(1, SeqCst);
        self.0.left.1.notify_all();
    }

    fn pool_failed(&self, error: Error) {
        panic!("{error}");
    }

    fn no_thread(&self, error: io::Error) {
        panic!("{error}");
    }
}

/// What a task does when it runs.
type Acts = Box<dyn FnMut(&Turn, RunReason) -> Next + Send>;

struct Scripted {
    /// Some descriptor: it is not looked at.
    fd: io::Stdin,
    /// No other thread runs it meanwhile.
    alone: Arc<Count>,
    acts: Acts,
}

impl Task for Scripted {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }

    fn run(&mut self, turn: &Turn, why: RunReason) -> Next {
        assert_eq!(self.alone.fetch_add(1, SeqCst), 0, "two threads at once");
        let next = (self.acts)(turn, why);
        self.alone.fetch_sub(1, SeqCst);
        next
    }
}

const IDLE: Next = Next::Idle { until: None };

struct Scene {
    pool: Arc<LeaderFollowers<Shared, Reports>>,
    told: Arc<Told>,
    stats: Arc<Stats>,
}

impl Scene {
    fn new() -> Self {
        Self::with(QUIET)
    }

    /// One in which every wait with a limit is over at once.
    fn in_no_time() -> Self {
        Deadlines::AtOnce.set();
        let scene = Self::with(Duration::ZERO);
        Deadlines::Never.set();
        scene.told.state.lock().unwrap().has_time = true;
        scene
    }

    fn with(quiet: Duration) -> Self {
        let (told, stats) = (Arc::new(Told::default()), Arc::new(Stats::default()));
        let (poller, owner) = (Shared(Arc::clone(&told)), Reports(Arc::clone(&stats)));
        let pool = LeaderFollowers::new(poller, owner, quiet, 0);
        Self { pool, told, stats }
    }

    fn admit(&self, acts: impl FnMut(&Turn, RunReason) -> Next + Send + 'static) {
        let task = Scripted {
            fd: io::stdin(),
            alone: Arc::default(),
            acts: Box::new(acts),
        };
        self.pool.admit(Box::new(task), ());
    }

    /// Everything comes to an end, and nothing is left.
    fn close(self, well: usize, given_up: usize) {
        self.pool.join();
        assert_eq!(self.stats.well.load(SeqCst), well);
        assert_eq!(self.stats.given_up.load(SeqCst), given_up);
        assert_eq!(self.stats.threads.load(SeqCst), 0);
    }
}

/// A gate that a task waits at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Whether it was opened.
    fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    fn pass(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

/// Leaves as soon as something comes, and opens a gate.
fn leaves(opens: &Gate) -> impl FnMut(&Turn, RunReason) -> Next + Send + 'static {
    let opens = opens.clone();
    move |_, why| {
        assert_eq!(why, RunReason::Ready);
        opens.open();
        Next::Done(Ok(()))
    }
}

#[test]
fn a_task_runs_when_something_comes() {
    explore_waits("a task that leaves", Bound::Preemptions(3), || {
        let (scene, gone) = (Scene::new(), Gate::default());
        scene.admit(leaves(&gone));
        scene.told.tell(0);
        gone.pass();
        scene.close(1, 0);
    });
}

#[test]
fn a_task_that_promotes_a_follower_before_it_waits_delays_no_other() {
    explore_waits(
        "a task that waits for another",
        Bound::Preemptions(2),
        || {
            let (scene, gate, gone) = (Scene::new(), Gate::default(), Gate::default());
            let (waits, done) = (gate.clone(), gone.clone());
            scene.admit(move |turn, _| {
                turn.promote_follower();
                waits.pass();
                done.open();
                Next::Done(Ok(()))
            });
            scene.admit(leaves(&gate));
            scene.told.tell(0);
            scene.told.tell(1);
            gone.pass();
            scene.close(2, 0);
        },
    );
}

#[test]
fn a_leader_that_blocks_is_replaced_by_the_follower() {
    explore_waits("a takeover", Bound::Preemptions(2), || {
        let (scene, gate, gone) = (Scene::new(), Gate::default(), Gate::default());
        let (waits, done) = (gate.clone(), gone.clone());
        scene.admit(move |_, _| {
            waits.pass();
            done.open();
            Next::Done(Ok(()))
        });
        scene.admit(leaves(&gate));
        scene.pool.let_ticks_pass(1);
        scene.told.tell(0);
        scene.told.tell(1);
        gone.pass();
        scene.close(2, 0);
    });
}

#[test]
fn a_leader_that_is_replaced_too_late_goes_on() {
    explore_waits("a takeover for nothing", Bound::Preemptions(2), || {
        let (scene, gone) = (Scene::new(), Gate::default());
        let (done, seen) = (gone.clone(), Gate::default());
        let told = seen.clone();
        scene.admit(move |_, _| {
            if told.is_open() {
                done.open();
                return Next::Done(Ok(()));
            }
            told.open();
            IDLE
        });
        scene.pool.let_ticks_pass(1);
        scene.told.tell(0);
        seen.pass();
        scene.told.tell(0);
        gone.pass();
        scene.close(1, 0);
    });
}

#[test]
fn what_comes_while_a_task_runs_is_seen_afterwards() {
    explore_waits(
        "readiness of a task that runs",
        Bound::Preemptions(1),
        || {
            let (scene, gate, gone) = (Scene::new(), Gate::default(), Gate::default());
            let (waits, done) = (gate.clone(), gone.clone());
            let there = Gate::default();
            let is_there = there.clone();
            scene.admit(move |turn, _| {
                if is_there.is_open() {
                    done.open();
                    return Next::Done(Ok(()));
                }
                turn.promote_follower();
                is_there.open();
                waits.pass();
                IDLE
            });
            scene.admit(leaves(&gate));
            scene.told.tell(0);
            there.pass();
            scene.told.tell(0);
            scene.told.tell(1);
            gone.pass();
            scene.close(2, 0);
        },
    );
}

#[test]
fn a_stop_reaches_a_task_that_is_idle_or_runs() {
    explore_waits("a stop beside a run", Bound::Preemptions(3), || {
        let (scene, gone) = (Scene::new(), Gate::default());
        let done = gone.clone();
        scene.admit(move |_, why| match why {
            RunReason::Ready => IDLE,
            RunReason::Stopping => {
                done.open();
                Next::Done(Ok(()))
            }
            RunReason::TimedOut => unreachable!("it is patient"),
        });
        scene.told.tell(0);
        scene.pool.stop();
        gone.pass();
        scene.close(1, 0);
    });
}

#[test]
fn an_abort_ends_a_task_that_is_idle_or_runs() {
    explore_waits("an abort beside a run", Bound::Preemptions(3), || {
        let scene = Scene::new();
        scene.admit(|_, _| IDLE);
        scene.told.tell(0);
        let pool = Arc::clone(&scene.pool);
        let aborting = thread::spawn(move || pool.abort());
        aborting.join().unwrap();
        scene.close(0, 1);
    });
}

#[test]
fn every_thread_leaves_when_the_last_task_ends_beside_the_leader() {
    explore_waits("the end of the last task", Bound::Preemptions(2), || {
        let (scene, gate) = (Scene::in_no_time(), Gate::default());
        // Enough for a follower to see that nothing begins.
        scene.pool.let_ticks_pass(20);
        let waits = gate.clone();
        scene.admit(move |turn, _| {
            turn.promote_follower();
            waits.pass();
            Next::Done(Ok(()))
        });
        scene.told.tell(0);
        // By now another thread leads, or is about to.
        gate.open();
        scene.stats.wait_for_all();
        scene.close(1, 0);
    });
}
