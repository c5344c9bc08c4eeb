//! The writer's side of a join.

use super::{Back, Join, Unmet, Wait};
use crate::chunk::Batch;
use crate::error::{Error, WriteError};
use crate::state::Pressure;
use crate::sync::MutexGuard;

impl<T> Join<T> {
    /// Writes a chunk, waiting for room first.
    ///
    /// The wait ends with room, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn write(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        let mut back = self.back.lock();
        if !back.admits() {
            back = match self.wait_for_room(back, wait) {
                Ok(back) => back,
                Err(unmet) => return Err(self.refuse(chunk, unmet)),
            };
        }
        let was_empty = back.state.is_queue_empty();
        match back.put(chunk) {
            Ok(pressure) => {
                if was_empty {
                    self.wake_reader(back);
                }
                Ok(pressure)
            }
            Err(chunk) => {
                drop(back);
                Err(self.refuse(chunk, Unmet::NotWritable))
            }
        }
    }

    /// Writes chunks off the front of `batch`, as many as there is room for without another wait.
    pub(crate) fn write_some(
        &self,
        batch: &mut impl Iterator<Item = T>,
        wait: Wait,
    ) -> Result<(), WriteError<T>> {
        let Some(mut chunk) = batch.next() else { return Ok(()) };
        let mut back = self.back.lock();
        if !back.admits() {
            back = match self.wait_for_room(back, wait) {
                Ok(back) => back,
                Err(unmet) => return Err(self.refuse(chunk, unmet)),
            };
        }
        loop {
            if let Err(chunk) = back.put(chunk) {
                self.wake_reader(back);
                return Err(self.refuse(chunk, Unmet::NotWritable));
            }
            if !back.admits() {
                break;
            }
            match batch.next() {
                Some(next) => chunk = next,
                None => break,
            }
        }
        self.wake_reader(back);
        Ok(())
    }

    /// Waits until a write would be taken, or never will be.
    #[cold]
    fn wait_for_room<'a>(
        &'a self,
        mut back: MutexGuard<'a, Back<T>>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, Back<T>>, Unmet> {
        if back.state.is_writable() {
            // A corked writer that waits for its own chunks to leave would wait for ever.
            if back.state.corked() > 0 && !matches!(wait, Wait::No) {
                while back.state.corked() > 0 {
                    back.state.uncork();
                }
                self.wake_reader(back);
                back = self.back.lock();
            }
            back = self.wait_drained(back, wait, |back| {
                back.admits() || !back.state.is_writable()
            })?;
        }
        if back.state.is_writable() { Ok(back) } else { Err(Unmet::NotWritable) }
    }

    /// Says why `chunk` was not taken.
    #[cold]
    fn refuse<C>(&self, chunk: C, unmet: Unmet) -> WriteError<C> {
        match unmet {
            Unmet::Full => WriteError::Full(chunk),
            Unmet::TimedOut => WriteError::TimedOut(chunk),
            Unmet::NotWritable => match self.back.lock().cause() {
                Some(cause) => WriteError::Closed(chunk, cause),
                None => WriteError::Ended(chunk),
            },
        }
    }

    /// Waits until a write would not.
    ///
    /// The wait ends with the drain, with the end of the stream, or with its time.
    pub(crate) fn wait_drain(&self, wait: Wait) -> Result<(), Error> {
        match self.wait_for_room(self.back.lock(), wait) {
            Ok(_) => Ok(()),
            Err(unmet) => Err(self.refuse((), unmet).into()),
        }
    }

    pub(crate) fn cork(&self) {
        self.back.lock().state.cork();
    }

    pub(crate) fn uncork(&self) {
        let mut back = self.back.lock();
        back.state.uncork();
        if back.state.is_request_due() {
            self.wake_reader(back);
        }
    }

    /// One more handle writes.
    pub(crate) fn add_producer(&self) {
        self.back.lock().producers += 1;
    }

    /// A handle will write no more. The last one ends the stream.
    pub(crate) fn end_producer(&self) {
        let mut back = self.back.lock();
        back.producers -= 1;
        if back.producers == 0 {
            back.state.end();
            self.wake_reader(back);
        }
    }

    /// Ends the stream with an error, behind its data.
    pub(crate) fn fail(&self, error: Error) {
        let mut back = self.back.lock();
        if !back.state.is_writable() {
            if let Some(cause) = back.cause() {
                drop(back);
                cause.attach(error);
            }
            return;
        }
        back.failure = Some(error);
        back.state.end();
        self.wake_all(back);
    }

    /// Waits until the stream is closed: all was written and finished, or it has failed.
    pub(crate) fn wait_closed(&self, wait: Wait) -> Result<(), Error> {
        let closed = |back: &Back<T>| back.state.is_closed();
        let Ok(back) = self.wait_drained(self.back.lock(), wait, closed) else {
            return Err(Error::timed_out("the end of the stream"));
        };
        if back.state.is_finished() {
            return Ok(());
        }
        Err(back.cause().unwrap_or_else(Error::closed))
    }

    /// Waits until everything that was written before has left the buffer.
    pub(crate) fn wait_written(&self, wait: Wait) -> Result<(), Error> {
        let back = self.back.lock();
        let written = back.tally.weight;
        let left = move |back: &Back<T>| back.tally.weight - back.state.len() as u64 >= written;
        let done = move |back: &Back<T>| left(back) || back.state.is_destroyed();
        let Ok(back) = self.wait_drained(back, wait, done) else {
            return Err(Error::timed_out("the sink"));
        };
        match back.cause() {
            Some(cause) if !back.state.is_finished() => Err(cause),
            _ => Ok(()),
        }
    }

    /// Takes what was written and did not reach the sink.
    pub(crate) fn take_undelivered(&self) -> Batch<T> {
        std::mem::take(&mut self.back.lock().undelivered)
    }
}
