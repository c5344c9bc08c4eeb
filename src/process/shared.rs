//! What the halves of a child and its reaper share: how the child ended, and who ended it.
//!
//! There is no lock. Each fact is set once, in this order: `broken` by a half, `stop` is woken; then
//! `exit` by the reaper, and `exited` is woken. A half that sets `broken` looks at `exit` again
//! afterwards, and the reaper looks at `broken` after it has set `exit`: whichever comes second wakes
//! the halves.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::os::Waker;

/// One of the two halves that use a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// The source: what the child writes.
    Reader,
    /// The sink: what the child reads.
    Writer,
}

/// What the halves and the reaper of one child read and set.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    /// Woken when no half needs the child any more: the reaper then ends it.
    pub(super) stop: Waker,
    /// Woken when `exit` is set.
    exited: Waker,
    /// The wakers that the halves wait with. Woken when the child has failed: another process that
    /// has inherited its pipes may keep them open for ever, and never use them.
    halves: Vec<Waker>,
    /// How the child ended, once it is reaped.
    exit: OnceLock<Result<(), Error>>,
    /// Why the child was ended early.
    broken: OnceLock<BrokenHalf>,
    /// The half that reads was dropped, before or after its end.
    reader_gone: AtomicBool,
}

/// The half that did not wait for its end, and the cause, if it has one.
#[derive(Debug)]
struct BrokenHalf {
    by: Half,
    cause: Option<Error>,
}

impl Shared {
    /// Made before the child is started, because its descriptors may not be available.
    pub(super) fn new(name: String, halves: Vec<Waker>) -> Result<Self, Error> {
        let (stop, exited) = (Waker::new(), Waker::new());
        for waker in [&stop, &exited].into_iter().chain(&halves) {
            waker.fd()?;
        }
        Ok(Self {
            name,
            stop,
            exited,
            halves,
            exit: OnceLock::new(),
            broken: OnceLock::new(),
            reader_gone: AtomicBool::new(false),
        })
    }

    /// Sets how the child ended. Called once, after it was reaped.
    pub(super) fn set_exit(&self, exit: Result<(), Error>) {
        let failed = exit.is_err();
        // Only the reaper sets it, and once.
        let _ = self.exit.set(exit);
        self.exited.wake();
        // The other side of this window is in `end_early`.
        if failed || self.broken.get().is_some() {
            self.wake_halves();
        }
    }

    /// Whether the child was reaped.
    pub(super) fn has_exited(&self) -> bool {
        self.exit.get().is_some()
    }

    /// The waker that is woken when the child was reaped.
    pub(super) const fn exited(&self) -> &Waker {
        &self.exited
    }

    /// The result of the child for one half, once the child is reaped.
    pub(super) fn result_for(&self, half: Half) -> Option<Result<(), Error>> {
        let exit = self.exit.get()?;
        // A child that was ended by a half has failed because of that, or has exited with 0 all the
        // same. Its exit status explains nothing then: what the other half did is the cause.
        Some(match self.broken.get() {
            Some(broken) if broken.by != half => Err(match half {
                Half::Writer => Error::enough(),
                Half::Reader => broken.cause.clone().unwrap_or_else(Error::premature_close),
            }),
            _ => exit.clone(),
        })
    }

    /// Whether the source half was dropped: the child is being ended because of that, or everything
    /// that it will ever write was read.
    pub(super) fn is_reader_gone(&self) -> bool {
        self.reader_gone.load(Ordering::Acquire)
    }

    /// Has the reaper end the child, because one half needs it no more. The first cause stays.
    pub(super) fn end_early(&self, by: Half, cause: Option<&Error>) {
        if by == Half::Reader {
            self.reader_gone.store(true, Ordering::Release);
        }
        if !self.has_exited() {
            let cause = cause.cloned();
            let _ = self.broken.set(BrokenHalf { by, cause });
            // The child may have exited between the two lines above: then `set_exit` did not see
            // `broken`, and has not woken the halves.
            if self.has_exited() {
                self.wake_halves();
            }
        }
        self.stop.wake();
    }

    fn wake_halves(&self) {
        self.halves.iter().for_each(Waker::wake);
    }
}
