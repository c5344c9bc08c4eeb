//! Who serves which connection: a thread each while something is to be done for it, and none while
//! it is idle.
//!
//! All that are idle are watched by one thread, which serves whoever something comes to itself, with
//! no hop to another one. While it does, nobody watches; that is right as long as it is quick. If it
//! is not, another thread takes the watch over: it is handed over before anything that is known to
//! block ([`Turn::promote_follower`]), and taken from who has been at the same guest for a moment by a
//! thread that stands by. So guests may block as they like.
//!
//! A round in which nobody blocks takes one lock that nobody else wants, and no wake, and no
//! allocation. Nothing ticks while nothing happens.

#![cfg_attr(not(loom), allow(unreachable_pub, reason = "a model reaches it"))]
#![cfg_attr(
    any(loom, not(feature = "http")),
    allow(dead_code, reason = "what it serves is not built")
)]

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
mod epoll;
#[cfg(all(
    not(loom),
    any(test, not(any(target_os = "linux", target_os = "android")))
))]
mod poll;
mod poller;
mod room;
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
use rules::{Entered, Rules};
use task::PromoteFollower;

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
pub(crate) use epoll::Epoll as SystemPoller;
#[cfg(all(not(loom), not(any(target_os = "linux", target_os = "android"))))]
pub(crate) use poll::Poll as SystemPoller;
#[cfg(test)]
pub(crate) use poll::Poll;
pub use poller::Poller;
#[cfg(any(loom, test))]
pub use poller::ReadyList;
pub use room::Vacancy;
#[cfg(any(loom, test))]
pub use rules::Key;
#[cfg_attr(not(feature = "http"), allow(unused_imports, reason = "as above"))]
pub use task::{Next, Task, Turn, Why, Yields};

/// Whom a rota serves for.
pub trait Owner: Send + Sync + 'static {
    /// What it knows a guest by.
    type Tag: Send + 'static;

    /// A guest has gone, well or not: an echo of `Cancelled` if it was given up.
    fn gone(&self, tag: Self::Tag, outcome: Result<(), Error>);

    /// A thread is about to be started.
    fn starting(&self);

    /// A thread has left, or was not to be had.
    fn left(&self);

    /// A thread has ended with a panic, which no guest can cause. Nobody is served any more, and
    /// whoever waits for the rota has to be told.
    fn broken(&self, error: Error);

    /// No thread was to be had. Whoever waits does so until one comes free.
    fn refused(&self, error: std::io::Error);

    /// There may be a guest that gives way, after there was none.
    fn room_came(&self) {}
}

/// A guest with the ticket that its host knows it by.
struct Member<T> {
    task: Box<dyn Task>,
    tag: T,
}

/// Guests, and the threads that serve them.
///
/// # Invariants
///
/// 1. What waits for `follower` has the lock from its look to its wait, and whoever changes what it
///    looks at notifies it afterwards: [`who_is_missing`](Self::who_is_missing) says so, and `close`.
///    The same is true of `idle_threads`.
/// 2. No guest is dropped, and no user's code called, under the lock.
pub struct LeaderFollowers<W: Poller, H: Owner> {
    rules: Mutex<Rules<Box<Member<H::Tag>>>>,
    /// Waited for by one thread at most, who stands by.
    follower: Condvar,
    /// Waited for by threads that rest.
    idle_threads: Condvar,
    /// Signalled when there may be no thread any more.
    all_left: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watch: W,
    owner: H,
    began: Instant,
    /// For how long a thread that is not needed stays.
    quiet: Duration,
    stack_bytes: usize,
    own: Weak<Self>,
    #[cfg(loom)]
    moments: Mutex<usize>,
}

impl<W: Poller, H: Owner> LeaderFollowers<W, H> {
    /// Makes a rota without guests and without threads.
    pub fn new(watch: W, owner: H, quiet: Duration, stack_bytes: usize) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            rules: Mutex::new(Rules::new()),
            follower: Condvar::new(),
            idle_threads: Condvar::new(),
            all_left: Condvar::new(),
            threads: Mutex::new(Vec::new()),
            watch,
            owner,
            began: Instant::now(),
            quiet,
            stack_bytes,
            own: Weak::clone(own),
            #[cfg(loom)]
            moments: Mutex::new(0),
        })
    }

    /// Whom it serves for.
    pub fn owner(&self) -> &H {
        &self.owner
    }

    /// Says whether there is a thread.
    pub fn has_threads(&self) -> bool {
        self.rules.lock().roles.threads() > 0
    }

    /// Says whether it has to be [tended](Self::tend): there is a guest, or a thread that may leave.
    pub fn is_in_use(&self) -> bool {
        self.rules.lock().tasks.len() > 0 || !self.threads.lock().is_empty()
    }

    /// Starts the first thread, if there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being started.
    pub fn open(&self) -> std::io::Result<()> {
        let first = self.rules.lock().roles.call_first();
        if first { self.start() } else { Ok(()) }
    }

    /// Lets a guest in. It is served, and its host told when it has gone, whatever happens.
    pub fn admit(&self, task: Box<dyn Task>, tag: H::Tag) {
        let Some(key) = self.rules.lock().tasks.reserve() else {
            drop(task);
            return self.owner.gone(tag, Err(Error::interrupted()));
        };
        let member = Member { task, tag };
        if let Err(error) = self.watch.add(member.task.fd(), key) {
            self.dismiss(
                key,
                member,
                Err(Error::from(error).during("watch", "a connection")),
            );
            return self.forget(key);
        }
        self.enter(key, Box::new(member));
    }

    /// Lets a guest in, or in again, for whom there is a place.
    fn enter(&self, key: Key, member: Box<Member<H::Tag>>) {
        let until = member.task.until().map(|until| self.millis(until));
        let mut rules = self.rules.lock();
        if let Entered::LetGo(member) = rules.tasks.enter(key, member, until) {
            drop(rules);
            self.dismiss(key, *member, Err(Error::interrupted()));
            return self.forget(key);
        }
        let call = self.who_is_missing(&mut rules);
        let is_to_be_woken = rules.is_to_be_woken();
        drop(rules);
        self.make(call);
        if is_to_be_woken {
            self.watch.wake();
        }
    }

    /// Joins the threads that have left, and has somebody watch, if nobody does for want of a thread.
    pub fn tend(&self) {
        self.join_left();
        let mut rules = self.rules.lock();
        let needed = rules.tasks.len() > 0;
        let call = needed.then(|| self.who_is_missing(&mut rules)).flatten();
        drop(rules);
        self.make(call);
    }

    /// Tells all guests that they are to come to an end.
    pub fn stop(&self) {
        let mut rules = self.rules.lock();
        rules.tasks.stop();
        let call = self.who_is_missing(&mut rules);
        let is_to_be_woken = rules.is_to_be_woken();
        drop(rules);
        self.make(call);
        if is_to_be_woken {
            self.watch.wake();
        }
    }

    /// Lets all guests go, now. Those that are attended to are let go when that comes back.
    pub fn abort(&self) {
        let given_up = self.rules.lock().tasks.abort();
        for (key, member) in given_up {
            self.dismiss(key, *member, Err(Error::interrupted()));
            self.forget(key);
        }
    }

    /// Has all threads leave, and waits until they have: for what they attend to, if anything.
    pub fn join(&self) {
        let mut rules = self.rules.lock();
        rules.roles.close();
        self.follower.notify_all();
        self.idle_threads.notify_all();
        self.watch.wake();
        while rules.roles.threads() > 0 {
            self.all_left.wait(&mut rules);
        }
        drop(rules);
        let threads: Vec<_> = self.threads.lock().drain(..).collect();
        for thread in threads {
            // It has caught the panics of the guests.
            let _ = thread.join();
        }
    }

    /// Lets the time between two looks of who stands by pass so often, and then no more: a model
    /// knows no time.
    #[cfg(loom)]
    pub fn let_time_pass(&self, times: usize) {
        *self.moments.lock() = times;
    }

    fn roles(&self) -> Arc<dyn PromoteFollower> {
        Arc::new(Promoter(Weak::clone(&self.own)))
    }
}

/// What a guest hands the watch over by. It does not keep the rota.
struct Promoter<W: Poller, H: Owner>(Weak<LeaderFollowers<W, H>>);

impl<W: Poller, H: Owner> PromoteFollower for Promoter<W, H> {
    fn promote_follower(&self, round: u64) {
        let Some(pool) = self.0.upgrade() else { return };
        let mut rules = pool.rules.lock();
        if rules.roles.promote_follower(round) {
            let call = pool.who_is_missing(&mut rules);
            drop(rules);
            pool.make(call);
        }
    }
}

impl<W: Poller, H: Owner> fmt::Debug for LeaderFollowers<W, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderFollowers").finish_non_exhaustive()
    }
}
