//! A running child and the thread that reaps it: neither outlives the last half.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::reaper::{Reaped, Reaper};
use super::shared::{Half, Shared};
use super::stderr::Drain;
use crate::error::Error;
use crate::os::{Ready, Waker};

/// A child and its reaper, owned by the halves together: the drop of the last half ends both.
#[derive(Debug)]
pub(super) struct ChildGuard {
    id: u32,
    shared: Arc<Shared>,
    reaper: Option<JoinHandle<()>>,
}

impl ChildGuard {
    /// Starts the thread that drains the standard error of the child and waits for its exit.
    pub(super) fn new(child: Reaped, stderr: Drain, shared: Shared) -> Result<Arc<Self>, Error> {
        let shared = Arc::new(shared);
        let id = child.id();
        let reaper = Reaper::new(child, stderr, Arc::clone(&shared));
        // If the thread cannot be started, the reaper is dropped, and ends the child with it.
        let thread = Builder::new()
            .name("highwater-child".to_owned())
            .spawn(move || reaper.run())?;
        Ok(Arc::new(Self {
            id,
            shared,
            reaper: Some(thread),
        }))
    }

    /// The process id.
    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits until the child is reaped, and returns its result for `half`.
    ///
    /// The wait ends with the exit, with a wake, or after `within`.
    pub(super) fn wait(
        &self,
        half: Half,
        waker: &Waker,
        within: Option<Duration>,
    ) -> Result<(), Error> {
        loop {
            if let Some(result) = self.shared.result_for(half) {
                return result;
            }
            let exited = self.shared.exited().fd()?;
            if let Err(error) = waker.wait(exited, Ready::ToRead, within) {
                // The failure of the child wakes the halves: it is the cause, and not the wake.
                return self.shared.result_for(half).unwrap_or(Err(error));
            }
        }
    }

    /// Has the reaper end the child, because one half needs it no more. The first cause stays.
    pub(super) fn end_early(&self, by: Half, cause: Option<&Error>) {
        self.shared.end_early(by, cause);
    }

    /// Waits until the child is reaped. Only its exit ends the wait, and the reaper is ending it.
    pub(super) fn wait_until_reaped(&self) {
        // The descriptor was made before the child.
        let Ok(exited) = self.shared.exited().fd() else {
            return;
        };
        let forever: Option<&Timespec> = None;
        while !self.shared.has_exited() {
            let mut fds = [PollFd::from_borrowed_fd(exited, PollFlags::IN)];
            if !matches!(poll(&mut fds, forever), Ok(_) | Err(Errno::INTR)) {
                return;
            }
        }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        self.shared.stop.wake();
        if let Some(reaper) = self.reaper.take() {
            // The thread catches the panics of user code.
            let _ = reaper.join();
        }
    }
}
