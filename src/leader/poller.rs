//! The interface of a poller: it waits for many descriptors at once.
//!
//! Only the leader calls `wait`, without the pool's lock. The other methods may be called by any
//! thread at the same time, and do not block.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::rules::Key;

/// Polls the descriptors of tasks. One thread waits, and any may do the rest.
pub trait Poller: Send + Sync + 'static {
    /// Polls `fd` from now on. What has come to it before is reported as well.
    ///
    /// # Errors
    ///
    /// Those of the operating system: no memory, or a limit on descriptors.
    fn add(&self, fd: BorrowedFd<'_>, key: Key) -> io::Result<()>;

    /// Polls a task that has run and is idle again.
    fn arm(&self, key: Key);

    /// Polls `fd` no more. It is closed next.
    fn remove(&self, fd: BorrowedFd<'_>, key: Key);

    /// Blocks until a descriptor is ready, and adds the tasks to `ready`, which is empty.
    ///
    /// The wait ends when the timeout has passed, and by [`wake`](Self::wake). It may also end
    /// without a reason.
    fn wait(&self, ready: &mut ReadyList, timeout: Option<Duration>);

    /// Ends the wait, or the next one if there is none.
    fn wake(&self);
}

/// The tasks whose descriptors are ready.
#[derive(Debug)]
pub struct ReadyList(Vec<(Key, bool)>);

/// How many tasks one wait reports at most.
// As many as a wait can hold on its stack. What is left comes with the next one.
pub(super) const READY_MAX: usize = 64;

impl ReadyList {
    /// Allocates at the first wait that reports something: most threads never lead that long.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a task. `is_last` means that the end has come as well.
    pub fn push(&mut self, key: Key, is_last: bool) {
        self.0.push((key, is_last));
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Key, bool)> + '_ {
        self.0.drain(..)
    }
}
