//! How a channel ends early: destroyed, cancelled, satisfied, or given up by one side.
//!
//! - Owns: nothing; `torn`, `aborted`, `end` and `undelivered` are in [`WriteSide`].
//! - Lock order: the read side before the write side. Interrupts, tokens and errors are used
//!   without either, because they take locks of their own.
//! - May block: nothing here waits, except for the two locks.
//! - Invariant: the first cause stays. Every end wakes both sides after the state has changed, so
//!   that no thread stays parked.

use std::sync::{Arc, Weak};

use super::{Channel, EndCause, WriteSide};
use crate::cancel::{Cancel, CancelToken};
use crate::error::Error;
use crate::state::SinkRequest;
use crate::state::batch::Batch;

impl<T> Channel<T> {
    /// Tears the stream down at once, on both sides, and gives back what was buffered.
    ///
    /// The first cause stays; an error that comes later is attached to it.
    pub(crate) fn destroy(&self, error: Error) -> Batch<T> {
        let mut given_back = Batch::new();
        self.tear_down(error, |_, batch| given_back = batch);
        given_back
    }

    /// Does what [`destroy`](Self::destroy) does. `keep` stores what was buffered while the lock is
    /// held: after the unlock the writer may ask for it at once.
    fn tear_down(&self, error: Error, keep: impl FnOnce(&mut WriteSide<T>, Batch<T>)) {
        // Both locks, so that no chunk is on its way from the queue to the reader meanwhile: it
        // would be in neither, and not be given back.
        let mut read_side = self.read_side();
        let mut write_side = self.write_side();
        if write_side.state.is_destroyed() {
            let first = write_side.cause();
            drop((read_side, write_side));
            if let Some(first) = first {
                first.attach(error);
            }
            return;
        }
        if !write_side.has_sink() {
            // What the reader has taken is not given back, even if it was not reported yet.
            let _ = write_side.progress(std::mem::take(&mut read_side.unsettled));
        }
        let first = match &write_side.end {
            EndCause::Failed(failure) | EndCause::Unfinished(failure) => failure.clone(),
            EndCause::Open | EndCause::Stopped => error.clone(),
        };
        let mut given_back = Batch::new();
        let mut queued = write_side.state.destroy(Some(first.clone()));
        // The thread of a sink has its batch outside of any lock, and gives back the rest itself,
        // in `abandoned`.
        if !write_side.has_sink() {
            given_back = read_side.destroy(Some(first.clone()));
            write_side.complete_in_part();
            write_side.release();
        }
        given_back.append(&mut queued);
        keep(&mut write_side, given_back);
        // Before the wake: a reader that returns the error looks for it in `spread`, to do what
        // this thread has not reached yet.
        write_side.torn = true;
        let interrupt = write_side.interrupt_source.clone();
        drop(read_side);
        // After the state has changed under the lock: a thread that has checked before is parked
        // and woken here, one that checks later finds it destroyed.
        self.wake_all(write_side);
        first.attach(error);
        self.spread();
        if let Some(interrupt) = interrupt {
            // Last: a source that is woken before the state has changed would report the interrupt,
            // and that would be the first cause.
            interrupt.wake();
        }
    }

    /// If it was torn down, does the same downstream: to the stream that it is read for, and to a
    /// sink that is in a call. The reading thread does it too, before it returns the error: the
    /// thread that has torn this down may not have reached this point yet.
    #[cold]
    pub(crate) fn spread(&self) {
        let write_side = self.write_side();
        if !write_side.torn {
            return;
        }
        let cause = write_side.state.errored().cloned();
        let (read_for, interrupt) = (
            write_side.read_for.clone(),
            write_side.interrupt_sink.clone(),
        );
        drop(write_side);
        // Before the sink is woken: it would report the interrupt in place of the cause.
        if let (Some(stream), Some(cause)) = (read_for, cause) {
            stream.abort_as(cause);
        }
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    /// A token that acts on this channel alone.
    pub(crate) fn token(self: &Arc<Self>) -> CancelToken
    where
        T: Send + 'static,
    {
        let token = CancelToken::new();
        let target: Weak<Self> = Arc::downgrade(self);
        token.register(target);
        token
    }

    /// What is read here is for a stream, which is aborted if this one is torn down. That has a
    /// reader of its own: where a sink of the channel's own reads, an interrupt does.
    pub(crate) fn aborts(&self, stream: &CancelToken) {
        let mut write_side = self.write_side();
        // Looked at and set under one hold: a teardown before this is seen here, and one after it
        // finds `read_for`.
        match write_side.state.errored() {
            Some(cause) if write_side.torn => {
                let cause = cause.clone();
                drop(write_side);
                stream.abort_as(cause);
            }
            _ => write_side.read_for = Some(stream.clone()),
        }
    }

    /// The stream that what is read here was for is not to be aborted any more.
    pub(crate) fn aborts_nothing(&self) {
        self.write_side().read_for = None;
    }

    /// The reader needs no more: what is buffered is dropped, and the stream ends well. A source
    /// that is blocked is woken.
    pub(crate) fn satisfy(&self) {
        let mut read_side = self.read_side();
        let mut write_side = self.write_side();
        if write_side.state.is_destroyed() {
            return;
        }
        let queued = write_side.state.destroy(None);
        let mut handed = Batch::new();
        if !write_side.has_sink() {
            handed = read_side.destroy(None);
            write_side.complete_in_part();
            write_side.release();
        }
        let interrupt = write_side.interrupt_source.clone();
        drop(read_side);
        self.wake_all(write_side);
        // Chunks are dropped without a lock: that is user code, and a permit among them locks the
        // channels that wait for its budget.
        drop((handed, queued));
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    /// Returns whether a token or another stream tore it down, which reports the cause itself.
    pub(crate) fn was_aborted(&self) -> bool {
        self.write_side().aborted
    }

    /// Returns whether the reader needs no more.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.write_side().is_satisfied()
    }

    /// The writer was dropped without ending the stream.
    pub(crate) fn abandon(&self) {
        if self.write_side().has_sink() {
            drop(self.destroy(Error::premature_close()));
        } else {
            // What was written before is in the buffer, and the reader may have it.
            let _ = self.fail(Error::premature_close());
        }
    }

    /// The reader was dropped. That is no error if it has read everything, even without the end.
    pub(crate) fn hang_up(&self, error: Error) {
        let mut read_side = self.read_side();
        let mut write_side = self.write_side();
        // Its stream has gone with it, and the teardown below must not abort that.
        write_side.read_for = None;
        if read_side.state.is_destroyed() {
            // The failure was reported by the reader. Other writers may be blocked in a source.
            let failed = write_side.state.errored().is_some();
            let interrupt = write_side.interrupt_source.clone().filter(|_| failed);
            drop((read_side, write_side));
            if let Some(interrupt) = interrupt {
                interrupt.wake();
            }
            return;
        }
        if write_side.state.is_destroyed() {
            // All was taken, and some put back: it is dropped with the reader, and not with the
            // last handle of a stream that is over.
            let put_back = read_side.destroy(None);
            drop((read_side, write_side));
            drop(put_back);
            return;
        }
        if read_side.state.is_buffer_empty() && write_side.state.is_queue_empty() {
            // All was read. If only the end is left, it is taken here in place of the reader, so
            // that the writer has ended well.
            match write_side.take() {
                Some(SinkRequest::Final) => read_side.put_end(),
                Some(SinkRequest::Release) => {
                    drop(read_side.destroy(write_side.state.errored().cloned()));
                }
                Some(SinkRequest::Write(_)) | None => {
                    drop((read_side, write_side));
                    drop(self.destroy(error));
                    return;
                }
            }
            let _ = write_side.complete();
            write_side.release();
            drop(read_side);
            // A writer may wait for the close.
            self.wake_all(write_side);
            return;
        }
        drop((read_side, write_side));
        drop(self.destroy(error));
    }
}

impl<T: Send> Cancel for Channel<T> {
    fn stop(&self) {
        let mut write_side = self.write_side();
        if !write_side.state.is_writable() {
            return;
        }
        // Both before the wake, under the lock: a thread that is woken finds the end and its cause.
        write_side.end = EndCause::Stopped;
        write_side.state.end();
        let interrupt = write_side.interrupt_source.clone();
        self.wake_all(write_side);
        // A source that is blocked in a call does not look at the state before that returns.
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    fn abort(&self, cause: &Error) {
        // Kept for `take_undelivered`.
        self.tear_down(cause.clone(), |write_side, mut batch| {
            write_side.undelivered.append(&mut batch);
            write_side.aborted = true;
        });
    }

    fn satisfy(&self) {
        Self::satisfy(self);
    }

    fn was_stopped(&self) -> bool {
        matches!(self.write_side().end, EndCause::Stopped)
    }
}
