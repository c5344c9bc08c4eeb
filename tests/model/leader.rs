//! Who watches, who attends and who rests: every interleaving of the threads of a small rota.
//!
//! A wait that nobody ends is a deadlock here, and who stands by looks only when the model says so.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use highwater::{
    Deadlines, Error, Key, LeaderFollowers, Next, Owner, Poller, ReadyList, Task, Turn, Why,
};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::{Bound, explore_waits};

/// Longer than any model takes.
const QUIET: Duration = Duration::from_secs(3600);

/// A watch whose news the model tells.
#[derive(Default)]
struct Told {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    /// Whose news go by which number, in the order in which they were let in.
    keys: Vec<Key>,
    ready: Vec<Key>,
    woken: bool,
    /// A wait that has a limit is over at once.
    has_time: bool,
}

impl Told {
    /// Tells that something has come to the guest of that number.
    fn tell(&self, number: usize) {
        let mut state = self.state.lock().unwrap();
        let key = state.keys[number];
        state.ready.push(key);
        drop(state);
        self.came.notify_one();
    }
}

/// What the rota has of it.
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

/// Counts who has gone, and how.
#[derive(Default)]
struct Books {
    well: Count,
    given_up: Count,
    threads: Count,
    /// Signalled when a thread has left.
    left: (Mutex<()>, Condvar),
}

impl Books {
    /// Waits until no thread is left.
    fn wait_for_all(&self) {
        let mut left = self.left.0.lock().unwrap();
        while self.threads.load(SeqCst) > 0 {
            left = self.left.1.wait(left).unwrap();
        }
    }
}

struct Keeper(Arc<Books>);

impl Owner for Keeper {
    type Tag = ();

    fn gone(&self, (): (), outcome: Result<(), Error>) {
        let count = match outcome {
            Ok(()) => &self.0.well,
            Err(_) => &self.0.given_up,
        };
        count.fetch_add(1, SeqCst);
    }

    fn starting(&self) {
        self.0.threads.fetch_add(1, SeqCst);
    }

    fn left(&self) {
        let _left = self.0.left.0.lock().unwrap();
        self.0.threads.fetch_sub(1, SeqCst);
        self.0.left.1.notify_all();
    }

    fn broken(&self, error: Error) {
        panic!("{error}");
    }

    fn refused(&self, error: io::Error) {
        panic!("{error}");
    }
}

/// What a guest does by what comes.
type Acts = Box<dyn FnMut(&Turn, Why) -> Next + Send>;

struct Scripted {
    /// Some descriptor: nobody looks at it.
    fd: io::Stdin,
    /// Nobody else attends to it meanwhile.
    alone: Arc<Count>,
    acts: Acts,
}

impl Task for Scripted {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn attend(&mut self, turn: &Turn, why: Why) -> Next {
        assert_eq!(self.alone.fetch_add(1, SeqCst), 0, "two threads at once");
        let stay = (self.acts)(turn, why);
        self.alone.fetch_sub(1, SeqCst);
        stay
    }
}

const IDLE: Next = Next::Idle { until: None };

struct Scene {
    pool: Arc<LeaderFollowers<Shared, Keeper>>,
    told: Arc<Told>,
    books: Arc<Books>,
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
        let (told, books) = (Arc::new(Told::default()), Arc::new(Books::default()));
        let (watch, owner) = (Shared(Arc::clone(&told)), Keeper(Arc::clone(&books)));
        let pool = LeaderFollowers::new(watch, owner, quiet, 0);
        Self { pool, told, books }
    }

    fn admit(&self, acts: impl FnMut(&Turn, Why) -> Next + Send + 'static) {
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
        assert_eq!(self.books.well.load(SeqCst), well);
        assert_eq!(self.books.given_up.load(SeqCst), given_up);
        assert_eq!(self.books.threads.load(SeqCst), 0);
    }
}

/// A gate that a guest waits at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Says whether somebody has opened it.
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
fn leaves(opens: &Gate) -> impl FnMut(&Turn, Why) -> Next + Send + 'static {
    let opens = opens.clone();
    move |_, why| {
        assert_eq!(why, Why::Ready);
        opens.open();
        Next::Gone(Ok(()))
    }
}

#[test]
fn a_guest_is_attended_to_when_something_comes() {
    explore_waits("a task that leaves", Bound::Preemptions(3), || {
        let (scene, gone) = (Scene::new(), Gate::default());
        scene.admit(leaves(&gone));
        scene.told.tell(0);
        gone.pass();
        scene.close(1, 0);
    });
}

#[test]
fn who_steps_down_before_a_wait_holds_up_nobody() {
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
                Next::Gone(Ok(()))
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
fn who_waits_without_a_word_is_taken_over_from() {
    explore_waits("a takeover", Bound::Preemptions(2), || {
        let (scene, gate, gone) = (Scene::new(), Gate::default(), Gate::default());
        let (waits, done) = (gate.clone(), gone.clone());
        scene.admit(move |_, _| {
            waits.pass();
            done.open();
            Next::Gone(Ok(()))
        });
        scene.admit(leaves(&gate));
        scene.pool.let_time_pass(1);
        scene.told.tell(0);
        scene.told.tell(1);
        gone.pass();
        scene.close(2, 0);
    });
}

#[test]
fn who_is_taken_over_from_too_late_goes_on() {
    explore_waits("a takeover for nothing", Bound::Preemptions(2), || {
        let (scene, gone) = (Scene::new(), Gate::default());
        let (done, seen) = (gone.clone(), Gate::default());
        let told = seen.clone();
        scene.admit(move |_, _| {
            if told.is_open() {
                done.open();
                return Next::Gone(Ok(()));
            }
            told.open();
            IDLE
        });
        scene.pool.let_time_pass(1);
        scene.told.tell(0);
        seen.pass();
        scene.told.tell(0);
        gone.pass();
        scene.close(1, 0);
    });
}

#[test]
fn what_comes_while_a_guest_is_busy_is_seen_afterwards() {
    explore_waits("ready of who is busy", Bound::Preemptions(1), || {
        let (scene, gate, gone) = (Scene::new(), Gate::default(), Gate::default());
        let (waits, done) = (gate.clone(), gone.clone());
        let there = Gate::default();
        let is_there = there.clone();
        scene.admit(move |turn, _| {
            if is_there.is_open() {
                done.open();
                return Next::Gone(Ok(()));
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
    });
}

#[test]
fn a_stop_reaches_who_is_idle_and_who_is_busy() {
    explore_waits("a stop beside an attend", Bound::Preemptions(3), || {
        let (scene, gone) = (Scene::new(), Gate::default());
        let done = gone.clone();
        scene.admit(move |_, why| match why {
            Why::Ready => IDLE,
            Why::Stopping => {
                done.open();
                Next::Gone(Ok(()))
            }
            Why::TimedOut => unreachable!("it is patient"),
        });
        scene.told.tell(0);
        scene.pool.stop();
        gone.pass();
        scene.close(1, 0);
    });
}

#[test]
fn an_abort_ends_who_is_idle_and_who_is_busy() {
    explore_waits("an abort beside an attend", Bound::Preemptions(3), || {
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
        scene.pool.let_time_pass(20);
        let waits = gate.clone();
        scene.admit(move |turn, _| {
            turn.promote_follower();
            waits.pass();
            Next::Gone(Ok(()))
        });
        scene.told.tell(0);
        // By now another thread leads, or is about to.
        gate.open();
        scene.books.wait_for_all();
        scene.close(1, 0);
    });
}
