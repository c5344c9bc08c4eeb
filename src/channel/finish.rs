//! How a writer ends its stream, waits for that, and takes back what has not arrived.
//!
//! - Owns: nothing; all state is in [`WriteSide`], under its lock.
//! - Lock order: only the write side's lock. Errors are attached without it.
//! - May block: `wait_closed` and `wait_written`, in `wait_drained`.
//! - Invariant: an end is in the state, with its cause, before any thread is woken for it.

use super::{Channel, EndCause, RunInline, Wait, WriteSide};
use crate::error::Error;
use crate::state::batch::Batch;

impl<T> Channel<T> {
    /// One more handle writes.
    pub(crate) fn add_producer(&self) {
        self.write_side().producers += 1;
    }

    /// A handle will write no more. The last one ends the stream.
    pub(crate) fn end_producer(&self) {
        let mut write_side = self.write_side();
        write_side.producers -= 1;
        if write_side.producers == 0 {
            write_side.state.end();
            // After the end, and under the same hold: a reader that was woken before it would find
            // nothing and park again. Writers need no wake: none is left that waits for room, and
            // the close is reported by the reader.
            self.wake_reader(write_side);
        }
    }

    /// Ends the stream with an error, behind its data. The first cause comes back, to which
    /// `error` is attached if it is another one.
    pub(crate) fn fail(&self, error: Error) -> Error {
        let mut write_side = self.write_side();
        if !write_side.state.is_writable() {
            let Some(cause) = write_side.cause() else {
                return error;
            };
            // Without the lock: what an error owns is user code, and may be dropped here.
            drop(write_side);
            cause.attach(error);
            return cause;
        }
        write_side.end = EndCause::Failed(error.clone());
        write_side.state.end();
        // Not the reader alone: other producers may be parked for room that no longer admits
        // anything.
        self.wake_all(write_side);
        error
    }

    /// How the stream has ended for a writer whose call has failed with `error`: well, if it was
    /// stopped, or its reader needs no more.
    pub(crate) fn outcome(&self, error: Error) -> Result<(), Error> {
        let write_side = self.write_side();
        // Read under one hold, as is the cause: a stop and a failure may come at the same time, and
        // then the failure is the outcome.
        let stopped = matches!(write_side.end, EndCause::Stopped);
        if (stopped || write_side.is_satisfied()) && write_side.state.errored().is_none() {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Waits until the stream is closed: all was written and finished, or it has failed.
    pub(crate) fn wait_closed(&self, wait: Wait) -> Result<(), Error> {
        let closed = |write_side: &WriteSide<T>| write_side.state.is_closed();
        let write_side = match self.wait_drained(self.write_side(), wait, closed) {
            Ok(write_side) => write_side,
            Err(unmet) => return Err(unmet.into_error("the end of the stream")),
        };
        if write_side.state.is_finished() || write_side.is_satisfied() {
            return Ok(());
        }
        Err(write_side.cause().unwrap_or_else(Error::closed))
    }

    /// Waits until everything that was written before has left the buffer, and was flushed.
    pub(crate) fn wait_written(&self, wait: Wait, sink: &impl RunInline<T>) -> Result<(), Error> {
        // Corked chunks would never arrive, so the wait would not end.
        let write_side = self.lift_corks(self.write_side(), sink);
        // Up to here: what other producers write from now on does not prolong the wait.
        let written = write_side.stats.written();
        let met = |write_side: &WriteSide<T>| {
            write_side.has_flushed(written) || write_side.state.is_destroyed()
        };
        let write_side = match self.wait_progress(write_side, wait, met) {
            Ok(write_side) => write_side,
            Err(unmet) => return Err(unmet.into_error("the sink")),
        };
        // Before the cause: a stream that was torn down may have flushed this much before.
        if write_side.has_flushed(written) {
            return Ok(());
        }
        Err(write_side.cause().unwrap_or_else(Error::closed))
    }

    /// Keeps a chunk that was taken from the writer and cannot be written any more.
    pub(crate) fn give_back(&self, chunk: T) {
        let weight = self.weigh(&chunk);
        let mut write_side = self.write_side();
        write_side.undelivered.push(chunk, weight);
    }

    /// Takes what was written and did not reach the sink.
    pub(crate) fn take_undelivered(&self) -> Batch<T> {
        std::mem::take(&mut self.write_side().undelivered)
    }
}
