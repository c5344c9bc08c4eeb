//! The calls of a fan-out's writer.
//!
//! - Owns: nothing; the queue is in the core.
//! - Lock order: only the core. Chunks are dropped and streams are aborted after the unlock.
//! - May block: `write`, `wait_drain` and `wait_over`, in `wait_drained`.
//! - Invariant: a chunk is admitted and queued under one hold of the core's lock.

use super::cuts::Aborts;
use super::{Core, Fanout, Unmet, WRITER_PAUSES, Wait};
use crate::error::{Error, WriteError};
use crate::state::batch::Batch;
use crate::state::{Pressure, Refused};
use crate::threads::sync::MutexGuard;

impl<T> Fanout<T> {
    /// Writes a chunk, waiting for room first.
    ///
    /// The wait ends with room, with the end of the stream, or at the deadline.
    #[inline]
    pub(crate) fn write(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>>
    where
        T: Clone,
    {
        let weight = self.strategy.weigh(&chunk);
        // The last write may have filled the buffer: spin before taking the core's lock, which the
        // branches need to drain it. A hint that is out of date costs time only: `admits` decides.
        if !self.drained_flag.is_up() && !matches!(wait, Wait::No) {
            self.drained_flag.spin(WRITER_PAUSES);
        }
        let mut core = self.core();
        if !core.admits() {
            core = match self.wait_for_room(core, wait) {
                Ok(core) => core,
                Err(unmet) => return Err(self.refuse(chunk, unmet)),
            };
        }
        // A number before and after: so that a usual write does not look through the branches for
        // one that its chunk has cut off.
        let cut_off = core.state.cut_off();
        let written = core.state.write(chunk, weight);
        let let_go = core.state.take_let_go();
        let aborts = if core.state.cut_off() == cut_off {
            Aborts::default()
        } else {
            core.take_aborts()
        };
        match written {
            Ok(pressure) => {
                core.peak = core.peak.max(core.state.held());
                if pressure.reached() {
                    // Under the lock: the branch that drains this raises the flag after a later
                    // hold.
                    self.drained_flag.lower();
                }
                self.wake_readers(core);
                // User code, and locks of other streams: after the wake, under no lock.
                drop(let_go);
                aborts.run();
                Ok(pressure)
            }
            Err(Refused::Ended(chunk) | Refused::Destroyed(chunk)) => {
                // This chunk may have been too much for the last branch, and then the write has
                // torn everything down.
                self.wake_all(core);
                drop(let_go);
                aborts.run();
                Err(self.refuse(chunk, Unmet::NotWritable))
            }
        }
    }

    /// Waits until a write would be taken, or never will be.
    #[cold]
    fn wait_for_room<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, Core<T>>, Unmet> {
        if core.is_writable() {
            core = self.wait_drained(core, wait, |core| core.admits() || !core.is_writable())?;
        }
        if core.is_writable() {
            Ok(core)
        } else {
            Err(Unmet::NotWritable)
        }
    }

    /// Makes the error for a chunk that was not taken.
    #[cold]
    fn refuse<C>(&self, chunk: C, unmet: Unmet) -> WriteError<C> {
        match unmet {
            Unmet::Full => WriteError::Full(chunk),
            Unmet::TimedOut => WriteError::TimedOut(chunk),
            Unmet::Deadlock => WriteError::Deadlock(chunk),
            Unmet::NotWritable => match self.core().cause() {
                Some(cause) => WriteError::Closed(chunk, cause),
                None => WriteError::Ended(chunk),
            },
        }
    }

    /// Waits until a write would not wait.
    ///
    /// The wait ends with the drain, with the end of the stream, or at the deadline.
    pub(crate) fn wait_drain(&self, wait: Wait) -> Result<(), Error> {
        match self.wait_for_room(self.core(), wait) {
            Ok(_) => Ok(()),
            Err(unmet) => Err(self.refuse((), unmet).into()),
        }
    }

    /// Waits until every branch has read everything, or the stream has failed.
    pub(crate) fn wait_over(&self, wait: Wait) -> Result<(), Error> {
        // With the interrupt, as in every condition of a writer.
        let over = |core: &Core<T>| core.state.is_over() || core.interrupted;
        let core = match self.wait_drained(self.core(), wait, over) {
            Ok(core) => core,
            Err(unmet) => return Err(unmet.into_error("the branches")),
        };
        if core.state.is_finished() {
            return Ok(());
        }
        Err(core.cause().unwrap_or_else(Error::closed))
    }

    /// Takes what an abort has taken from the branches.
    pub(crate) fn take_undelivered(&self) -> Batch<T> {
        std::mem::take(&mut self.core().undelivered)
    }
}
