//! A Leader/Followers pool: many connections, and a thread only for those that have something to do.
//!
//! This is the pattern of that name (Schmidt, Stal, Rohnert, Buschmann: *Pattern-Oriented Software
//! Architecture*, volume 2). One thread, the leader, polls all idle tasks, and runs the task that is
//! ready itself: no queue, and no hand-over to another thread. Before it does anything that may block
//! it promotes a follower, which leads from then on:
//!
//! ```text
//!                    +--------------- thread is called --------------+
//!                    v                                               |
//!             +-> leader  --a task is ready-->  runs the task  --> idle -- quiet for long --> leaves
//!             |   (polls)                        |    |  |           ^
//!   takes over|     ^                    ends    |    |  | ends, and |
//!   or is     |     +--- quickly, still leads ---+    |  | there is  |
//!   promoted  |                                       |  | a follower|
//!             |      promotes a follower, then blocks |  +-----------+
//!          follower <---------------------------------+ ends, and there is no follower
//! ```
//!
//! The follower also takes over if the leader has been in one round for longer than a tick, so a task
//! that blocks without promoting delays the others by about two milliseconds and no more. A task that
//! promotes as the first thing it does has a thread of its own: that is how a connection with a
//! blocking handler is served, by the same pool.
//!
//! Who owns what: `rules` (one mutex) owns idle tasks and all decisions; a running task is owned by
//! its thread. Lock order: `rules` before `threads` and before the poller's own lock. No task is
//! run or dropped, and no thread started, under `rules`; only `Task::evictable` and
//! `Owner::may_evict` are called there, and do not block. A round without blocking takes one lock
//! that no other thread wants, no wake and no allocation. Nothing ticks while nothing happens.

#![cfg_attr(not(loom), allow(unreachable_pub, reason = "a model reaches it"))]
#![cfg_attr(loom, allow(dead_code, reason = "what it serves is not built"))]

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
mod epoll;
mod evict;
#[cfg(all(
    not(loom),
    any(test, not(any(target_os = "linux", target_os = "android")))
))]
mod poll;
mod poller;
mod rules;
mod task;
mod threads;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::threads::sync::{Condvar, JoinHandle, Mutex};

#[cfg(not(any(loom, test)))]
use rules::Key;
use rules::{Admitted, Rules};
use task::PromoteFollower;

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
pub(crate) use epoll::Epoll as SystemPoller;
pub use evict::Eviction;
#[cfg(all(not(loom), not(any(target_os = "linux", target_os = "android"))))]
pub(crate) use poll::Poll as SystemPoller;
#[cfg(test)]
pub(crate) use poll::Poll;
pub use poller::Poller;
#[cfg(any(loom, test))]
pub use poller::ReadyList;
#[cfg(any(loom, test))]
pub use rules::Key;
#[cfg(any(feature = "http", loom))]
pub use task::Evictable;
pub use task::{Next, RunReason, Task, Turn};

/// What the pool reports to. Its methods are called by any thread, and do not block.
pub trait Owner: Send + Sync + 'static {
    /// Identifies a task.
    type Tag: Send + 'static;

    /// A task has ended, well or not; with `Cancelled` if the pool was aborted.
    fn task_ended(&self, tag: Self::Tag, outcome: Result<(), Error>);

    /// A task may be there that can be evicted, after there was none.
    fn may_evict(&self) {}

    /// A thread is about to be started.
    fn thread_starting(&self);

    /// A thread has ended, or could not be started.
    fn thread_ended(&self);

    /// A thread that was needed could not be started. The tasks wait for the next thread that is
    /// free.
    fn no_thread(&self, error: std::io::Error);

    /// The pool itself has panicked, which no task can cause. No task is run any more.
    fn pool_failed(&self, error: Error);
}

/// A task, with the tag by which the owner identifies it.
struct TaggedTask<T> {
    task: Box<dyn Task>,
    tag: T,
}

/// Tasks, and the threads that run them.
///
/// # Invariants
///
/// 1. A thread that waits on `follower` or `idle_threads` holds the lock from its check to its wait.
///    A thread that changes what is checked notifies after that: see `carry_out`, and
///    [`join`](Self::join).
/// 2. No task is dropped, and no user's code called, under the lock.
/// 3. While there is a task, a thread leads, or one is on its way that will; or none could be started,
///    and each thread that becomes free looks.
pub struct LeaderFollowers<P: Poller, O: Owner> {
    rules: Mutex<Rules<Box<TaggedTask<O::Tag>>>>,
    /// Waited on by one thread at most, the follower.
    // Apart from `idle_threads`: a call is for one of the two, and `notify_one` must not wake the
    // other.
    follower: Condvar,
    /// Waited on by idle threads.
    idle_threads: Condvar,
    /// Notified when the last thread may have left.
    // Apart too: each thread that leaves notifies it, which must not wake idle ones.
    all_left: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    poller: P,
    owner: O,
    began: Instant,
    /// For how long a thread that is not needed stays.
    quiet: Duration,
    stack_bytes: usize,
    // Weak: the pool would otherwise keep itself. Its threads keep it while they run.
    own: Weak<Self>,
    #[cfg(loom)]
    ticks: Mutex<usize>,
}

impl<P: Poller, O: Owner> LeaderFollowers<P, O> {
    /// Makes a pool without tasks and without threads.
    pub fn new(poller: P, owner: O, quiet: Duration, stack_bytes: usize) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            rules: Mutex::new(Rules::new()),
            follower: Condvar::new(),
            idle_threads: Condvar::new(),
            all_left: Condvar::new(),
            threads: Mutex::new(Vec::new()),
            poller,
            owner,
            began: Instant::now(),
            quiet,
            stack_bytes,
            own: Weak::clone(own),
            #[cfg(loom)]
            ticks: Mutex::new(0),
        })
    }

    /// Whether there is a thread.
    pub fn has_threads(&self) -> bool {
        self.rules.lock().roles.threads() > 0
    }

    /// Whether it has to be [maintained](Self::maintain): there is a task, or a thread to be joined.
    pub fn is_in_use(&self) -> bool {
        self.rules.lock().tasks.len() > 0 || !self.threads.lock().is_empty()
    }

    /// Starts the first thread, if there is none.
    ///
    /// # Errors
    ///
    /// Those of the operating system: a limit on threads, or no memory.
    pub fn start_first(&self) -> std::io::Result<()> {
        let first = self.rules.lock().roles.call_first();
        if first { self.start() } else { Ok(()) }
    }

    /// Admits a task. Whatever happens, its end is reported to the owner. Does not wait.
    pub fn admit(&self, task: Box<dyn Task>, tag: O::Tag) {
        // A slot before the poller has the key: what comes from then on is counted in the slot, and
        // `enter` finds it there.
        let Some(key) = self.rules.lock().tasks.reserve() else {
            drop(task);
            return self.owner.task_ended(tag, Err(Error::interrupted()));
        };
        let entry = TaggedTask { task, tag };
        match entry.task.fd() {
            None => self.rules.lock().tasks.ready(key, false),
            Some(fd) => {
                if let Err(error) = self.poller.add(fd, key) {
                    let error = Error::from(error).during("watch", "a connection");
                    self.end_task(key, entry, Err(error));
                    return self.forget(key);
                }
            }
        }
        self.enter(key, Box::new(entry));
    }

    /// Admits a task whose slot is reserved. What has come to it since the poller has it is pending
    /// in the slot, and not lost.
    fn enter(&self, key: Key, entry: Box<TaggedTask<O::Tag>>) {
        let until = entry.task.until().map(|until| self.millis(until));
        let mut rules = self.rules.lock();
        // An abort came after the slot was reserved. It has not seen this task, so the task ends
        // here.
        if let Admitted::Dismissed(entry) = rules.tasks.enter(key, entry, until) {
            drop(rules);
            self.end_task(key, *entry, Err(Error::interrupted()));
            return self.forget(key);
        }
        // Decided under the lock, and counted as coming, so that no second thread is called for the
        // same task. Carried out after it, because the thread that is called takes this lock first.
        let call = self.missing_thread(&mut rules);
        let must_wake = rules.must_wake_leader();
        drop(rules);
        self.carry_out(call);
        if must_wake {
            // The leader was seen polling, or about to: `Poller::wake` ends that wait also if it
            // has not begun.
            self.poller.wake();
        }
    }

    /// Joins the threads that have ended, and calls a thread if the tasks have none because none could
    /// be started.
    pub fn maintain(&self) {
        self.join_ended();
        let mut rules = self.rules.lock();
        let has_tasks = rules.tasks.len() > 0;
        // With no thread there is no round that would call one. So a thread that could not be
        // started is tried again here.
        let call = has_tasks.then(|| self.missing_thread(&mut rules)).flatten();
        drop(rules);
        self.carry_out(call);
    }

    /// Runs all tasks with [`RunReason::Stopping`]. Does not wait.
    pub fn stop(&self) {
        let mut rules = self.rules.lock();
        // It queues the idle tasks. Those that run find the stop in their slot when they are given
        // back.
        rules.tasks.stop();
        let call = self.missing_thread(&mut rules);
        let must_wake = rules.must_wake_leader();
        drop(rules);
        self.carry_out(call);
        if must_wake {
            self.poller.wake();
        }
    }

    /// Ends all tasks now; those that run end when they return. Does not wait for them.
    pub fn abort(&self) {
        // Taken under the lock, so no thread runs them any more. They end without it, because that
        // is code of the tasks and of the owner. `forget` wakes the leader if none is left.
        let taken = self.rules.lock().tasks.abort();
        for (key, entry) in taken {
            self.end_task(key, *entry, Err(Error::interrupted()));
            self.forget(key);
        }
    }

    /// Has all threads leave, and blocks until they have. The wait ends when the tasks that run have
    /// returned.
    pub fn join(&self) {
        let mut rules = self.rules.lock();
        // Closed under the lock, and notified after that: a thread that checks before finds a
        // notification, and one that checks after finds the pool closed. Each of the three waits
        // has its own: the follower, the idle threads, and the leader in the poller. Still under
        // the lock, which the wait below needs.
        rules.roles.close();
        self.follower.notify_all();
        self.idle_threads.notify_all();
        self.poller.wake();
        // A thread leaves under this lock and notifies after it (`thread_main`), so it leaves
        // before this check, or finds this wait. In a loop, because each of them notifies.
        while rules.roles.threads() > 0 {
            self.all_left.wait(&mut rules);
        }
        drop(rules);
        // Taken out before the joins: `start` holds this lock until the handle is in the list, so
        // none is missed.
        let threads: Vec<_> = self.threads.lock().drain(..).collect();
        for thread in threads {
            // It has caught the panics of the tasks.
            let _ = thread.join();
        }
    }

    /// Lets so many ticks of the follower pass, and no more: a model has no time.
    #[cfg(loom)]
    pub fn let_ticks_pass(&self, ticks: usize) {
        *self.ticks.lock() = ticks;
    }

    fn promoter(&self) -> Arc<dyn PromoteFollower> {
        Arc::new(Promoter(Weak::clone(&self.own)))
    }
}

/// What a turn promotes a follower by. It does not keep the pool.
struct Promoter<P: Poller, O: Owner>(Weak<LeaderFollowers<P, O>>);

impl<P: Poller, O: Owner> PromoteFollower for Promoter<P, O> {
    fn promote_follower(&self, round: u64) {
        let Some(pool) = self.0.upgrade() else { return };
        let mut rules = pool.rules.lock();
        // Only the thread that leads has a lead to give up. It was replaced before this if its
        // round was long, and then a thread leads already.
        if rules.roles.promote_follower(round) {
            let call = pool.missing_thread(&mut rules);
            drop(rules);
            pool.carry_out(call);
        }
    }
}

impl<P: Poller, O: Owner> fmt::Debug for LeaderFollowers<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderFollowers").finish_non_exhaustive()
    }
}
