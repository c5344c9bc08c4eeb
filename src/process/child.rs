//! What the halves of a child and its warden share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::reaper::{Reaped, Reaper};
use super::stderr::Drain;
use crate::error::Error;
use crate::os::{Ready, Waker};

/// Who uses a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// The source: what the child writes.
    Reader,
    /// The sink: what the child reads.
    Writer,
}

/// What both sides look at. There is no lock: each thing is said once.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    /// Woken when nobody needs the child any more.
    pub(super) order: Waker,
    /// Woken when `outcome` is known.
    exited: Waker,
    /// Those that the halves wait with. Woken when the child has failed: somebody who has
    /// inherited its pipes may hold them for ever, and never use them.
    halves: Vec<Waker>,
    /// How the child ended, once it is reaped.
    outcome: OnceLock<Result<(), Error>>,
    /// Why the child was killed.
    broken: OnceLock<BrokenHalf>,
    /// The half that reads was dropped, be it after its end.
    reader_gone: AtomicBool,
}

/// Which half did not wait for its end, and why, if it knows.
#[derive(Debug)]
struct BrokenHalf {
    by: Half,
    cause: Option<Error>,
}

impl Shared {
    /// Makes it before the child, for there may be no descriptors to be had.
    pub(super) fn new(name: String, halves: Vec<Waker>) -> Result<Self, Error> {
        let (order, exited) = (Waker::new(), Waker::new());
        for waker in [&order, &exited].into_iter().chain(&halves) {
            waker.fd()?;
        }
        Ok(Self {
            name,
            order,
            exited,
            halves,
            outcome: OnceLock::new(),
            broken: OnceLock::new(),
            reader_gone: AtomicBool::new(false),
        })
    }

    /// Says what has become of the child, which is reaped.
    pub(super) fn publish(&self, outcome: Result<(), Error>) {
        let failed = outcome.is_err();
        // It is said once.
        let _ = self.outcome.set(outcome);
        self.exited.wake();
        if failed || self.broken.get().is_some() {
            self.wake_halves();
        }
    }

    fn wake_halves(&self) {
        self.halves.iter().for_each(Waker::wake);
    }

    /// What a half has to make of it, once the child is reaped.
    pub(super) fn verdict(&self, half: Half) -> Option<Result<(), Error>> {
        let outcome = self.outcome.get()?;
        // A child that we have killed has failed because of that, or has ended well in spite of
        // it: neither is news.
        Some(match self.broken.get() {
            Some(broken) if broken.by != half => Err(match half {
                Half::Writer => Error::enough(),
                Half::Reader => broken.cause.clone().unwrap_or_else(Error::premature_close),
            }),
            _ => outcome.clone(),
        })
    }

    /// Says whether nobody reads any more what the child writes: it is to end because of that, or
    /// all that it will ever write was read.
    pub(super) fn reader_has_left(&self) -> bool {
        self.reader_gone.load(Ordering::Acquire)
    }
}

/// A child and its warden, which do not outlive the last half.
#[derive(Debug)]
pub(super) struct ChildGuard {
    id: u32,
    shared: Arc<Shared>,
    reaper: Option<JoinHandle<()>>,
}

impl ChildGuard {
    /// Starts the thread that watches the child.
    pub(super) fn new(child: Reaped, stderr: Drain, shared: Shared) -> Result<Arc<Self>, Error> {
        let shared = Arc::new(shared);
        let id = child.id();
        let reaper = Reaper::new(child, stderr, Arc::clone(&shared));
        // If there is no thread to be had, the child is ended with the warden.
        let thread = Builder::new()
            .name("highwater-child".to_owned())
            .spawn(move || reaper.run())?;
        Ok(Arc::new(Self {
            id,
            shared,
            reaper: Some(thread),
        }))
    }

    /// The number of the process.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits until the child is reaped, and says what `half` has to make of it.
    ///
    /// The wait ends then, with a wake, or `within` so long.
    pub(super) fn wait(
        &self,
        half: Half,
        waker: &Waker,
        within: Option<Duration>,
    ) -> Result<(), Error> {
        loop {
            if let Some(verdict) = self.shared.verdict(half) {
                return verdict;
            }
            if let Err(error) = waker.wait(self.shared.exited.fd()?, Ready::ToRead, within) {
                // It may have been woken by the very failure.
                return self.shared.verdict(half).unwrap_or(Err(error));
            }
        }
    }

    /// Ends the child, because one half needs it no more. The first to say so has said why.
    pub(super) fn break_off(&self, by: Half, cause: Option<&Error>) {
        if by == Half::Reader {
            self.shared.reader_gone.store(true, Ordering::Release);
        }
        if self.shared.outcome.get().is_none() {
            let cause = cause.cloned();
            let _ = self.shared.broken.set(BrokenHalf { by, cause });
            // It may have exited in between, and then nobody else says so.
            if self.shared.outcome.get().is_some() {
                self.shared.wake_halves();
            }
        }
        self.shared.order.wake();
    }

    /// Waits until the child is reaped.
    pub(super) fn reaped(&self) {
        // It was made before the child.
        let Ok(exited) = self.shared.exited.fd() else {
            return;
        };
        let forever: Option<&Timespec> = None;
        while self.shared.outcome.get().is_none() {
            let mut fds = [PollFd::from_borrowed_fd(exited, PollFlags::IN)];
            if !matches!(poll(&mut fds, forever), Ok(_) | Err(Errno::INTR)) {
                return;
            }
        }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        self.shared.order.wake();
        if let Some(reaper) = self.reaper.take() {
            // It catches the panics of user code.
            let _ = reaper.join();
        }
    }
}
