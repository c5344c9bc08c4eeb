//! Who serves which connection: a thread each while something is to be done for it, and none while
//! it is idle.
//!
//! All that are idle are watched by one thread, which serves whoever something comes to itself, with
//! no hop to another one. While it does, nobody watches; that is right as long as it is quick. If it
//! is not, another thread takes the watch over: it is handed over before anything that is known to
//! block ([`Duty::step_down`]), and taken from who has been at the same guest for a moment by a
//! thread that stands by. So guests may block as they like.
//!
//! A round in which nobody blocks takes one lock that nobody else wants, and no wake, and no
//! allocation. Nothing ticks while nothing happens.

#![cfg_attr(not(loom), allow(unreachable_pub, reason = "a model reaches it"))]
#![cfg_attr(
    any(loom, not(feature = "http")),
    allow(dead_code, reason = "what it serves is not built")
)]

mod crew;
#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
mod epoll;
mod guest;
#[cfg(all(
    not(loom),
    any(test, not(any(target_os = "linux", target_os = "android")))
))]
mod poll;
mod room;
mod rules;
mod watch;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::sync::{Condvar, JoinHandle, Mutex};

use guest::StepDown;
#[cfg(not(any(loom, test)))]
use rules::Key;
use rules::{Entered, Rules};

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
pub(crate) use epoll::Epoll as SystemWatch;
#[cfg_attr(not(feature = "http"), allow(unused_imports, reason = "as above"))]
pub use guest::{Duty, Guest, Stay, Why, Yields};
#[cfg(all(not(loom), not(any(target_os = "linux", target_os = "android"))))]
pub(crate) use poll::Poll as SystemWatch;
#[cfg(test)]
pub(crate) use poll::Poll;
pub use room::Room;
#[cfg(any(loom, test))]
pub use rules::Key;
#[cfg(any(loom, test))]
pub use watch::News;
pub use watch::Watch;

/// Whom a rota serves for.
pub trait Host: Send + Sync + 'static {
    /// What it knows a guest by.
    type Ticket: Send + 'static;

    /// A guest has gone, well or not: an echo of `Cancelled` if it was given up.
    fn gone(&self, ticket: Self::Ticket, outcome: Result<(), Error>);

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
    guest: Box<dyn Guest>,
    ticket: T,
}

/// Guests, and the threads that serve them.
///
/// # Invariants
///
/// 1. What waits for `standby` has the lock from its look to its wait, and whoever changes what it
///    looks at notifies it afterwards: [`who_is_missing`](Self::who_is_missing) says so, and `close`.
///    The same is true of `spares`.
/// 2. No guest is dropped, and no user's code called, under the lock.
pub struct Rota<W: Watch, H: Host> {
    rules: Mutex<Rules<Box<Member<H::Ticket>>>>,
    /// Waited for by one thread at most, who stands by.
    standby: Condvar,
    /// Waited for by threads that rest.
    spares: Condvar,
    /// Signalled when there may be no thread any more.
    all_left: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watch: W,
    host: H,
    began: Instant,
    /// For how long a thread that is not needed stays.
    quiet: Duration,
    stack_bytes: usize,
    own: Weak<Self>,
    #[cfg(loom)]
    moments: Mutex<usize>,
}

impl<W: Watch, H: Host> Rota<W, H> {
    /// Makes a rota without guests and without threads.
    pub fn new(watch: W, host: H, quiet: Duration, stack_bytes: usize) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            rules: Mutex::new(Rules::new()),
            standby: Condvar::new(),
            spares: Condvar::new(),
            all_left: Condvar::new(),
            threads: Mutex::new(Vec::new()),
            watch,
            host,
            began: Instant::now(),
            quiet,
            stack_bytes,
            own: Weak::clone(own),
            #[cfg(loom)]
            moments: Mutex::new(0),
        })
    }

    /// Whom it serves for.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Says whether there is a thread.
    pub fn has_threads(&self) -> bool {
        self.rules.lock().posts.threads() > 0
    }

    /// Says whether it has to be [tended](Self::tend): there is a guest, or a thread that may leave.
    pub fn is_in_use(&self) -> bool {
        self.rules.lock().guests.len() > 0 || !self.threads.lock().is_empty()
    }

    /// Starts the first thread, if there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being started.
    pub fn open(&self) -> std::io::Result<()> {
        let first = self.rules.lock().posts.call_first();
        if first { self.start() } else { Ok(()) }
    }

    /// Lets a guest in. It is served, and its host told when it has gone, whatever happens.
    pub fn admit(&self, guest: Box<dyn Guest>, ticket: H::Ticket) {
        let Some(key) = self.rules.lock().guests.reserve() else {
            drop(guest);
            return self.host.gone(ticket, Err(Error::interrupted()));
        };
        let member = Member { guest, ticket };
        if let Err(error) = self.watch.add(member.guest.fd(), key) {
            self.see_off(
                key,
                member,
                Err(Error::from(error).during("watch", "a connection")),
            );
            return self.rules.lock().guests.gone(key);
        }
        self.enter(key, Box::new(member));
    }

    /// Lets a guest in, or in again, for whom there is a place.
    fn enter(&self, key: Key, member: Box<Member<H::Ticket>>) {
        let until = member.guest.until().map(|until| self.millis(until));
        let mut rules = self.rules.lock();
        if let Entered::LetGo(member) = rules.guests.enter(key, member, until) {
            drop(rules);
            self.see_off(key, *member, Err(Error::interrupted()));
            return self.rules.lock().guests.gone(key);
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
        let needed = rules.guests.len() > 0;
        let call = needed.then(|| self.who_is_missing(&mut rules)).flatten();
        drop(rules);
        self.make(call);
    }

    /// Tells all guests that they are to come to an end.
    pub fn stop(&self) {
        let mut rules = self.rules.lock();
        rules.guests.stop();
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
        let given_up = self.rules.lock().guests.abort();
        for (key, member) in given_up {
            self.see_off(key, *member, Err(Error::interrupted()));
            self.rules.lock().guests.gone(key);
        }
    }

    /// Has all threads leave, and waits until they have: for what they attend to, if anything.
    pub fn join(&self) {
        let mut rules = self.rules.lock();
        rules.posts.close();
        self.standby.notify_all();
        self.spares.notify_all();
        self.watch.wake();
        while rules.posts.threads() > 0 {
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

    fn posts(&self) -> Arc<dyn StepDown> {
        Arc::new(Posts(Weak::clone(&self.own)))
    }
}

/// What a guest hands the watch over by. It does not keep the rota.
struct Posts<W: Watch, H: Host>(Weak<Rota<W, H>>);

impl<W: Watch, H: Host> StepDown for Posts<W, H> {
    fn step_down(&self, round: u64) {
        let Some(rota) = self.0.upgrade() else { return };
        let mut rules = rota.rules.lock();
        if rules.posts.step_down(round) {
            let call = rota.who_is_missing(&mut rules);
            drop(rules);
            rota.make(call);
        }
    }
}

impl<W: Watch, H: Host> fmt::Debug for Rota<W, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rota").finish_non_exhaustive()
    }
}
