//! What tells which guests something has come to.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::rules::Key;

/// Watches the descriptors of guests. One thread waits, and any may do the rest.
pub trait Poller: Send + Sync + 'static {
    /// Watches `fd` from now on. What has come to it before is told as well.
    ///
    /// # Errors
    ///
    /// Whatever the system refuses it for.
    fn add(&self, fd: BorrowedFd<'_>, key: Key) -> io::Result<()>;

    /// Takes note that a guest is idle again: what was told of it may be told anew.
    fn arm(&self, key: Key);

    /// Watches `fd` no more, which is about to be closed.
    fn remove(&self, fd: BorrowedFd<'_>, key: Key);

    /// Waits until something comes, and takes note of it in `ready`, which is empty.
    ///
    /// The wait ends when the time is over, and when it is woken. It may end for nothing.
    fn wait(&self, ready: &mut ReadyList, timeout: Option<Duration>);

    /// Ends the wait, or the next one.
    fn wake(&self);
}

/// What has come, and to whom.
#[derive(Debug)]
pub struct ReadyList(Vec<(Key, bool)>);

/// How much news is told at once.
pub(super) const READY_MAX: usize = 64;

impl ReadyList {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(READY_MAX))
    }

    /// Takes note that something has come; `is_last` if an end has come with it.
    pub fn push(&mut self, key: Key, is_last: bool) {
        self.0.push((key, is_last));
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Key, bool)> + '_ {
        self.0.drain(..)
    }
}
