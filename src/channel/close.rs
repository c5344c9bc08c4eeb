//! How a channel ends before its time.

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

    /// Does what [`destroy`](Self::destroy) does, and says under the lock where to put what was
    /// buffered: once it is free the writer may already ask for it.
    fn tear_down(&self, error: Error, keep: impl FnOnce(&mut WriteSide<T>, Batch<T>)) {
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
            // What the reader has taken is not given back, be it that it was not reported yet.
            let _ = write_side.progress(std::mem::take(&mut read_side.unsettled));
        }
        let first = match &write_side.end {
            EndCause::Failed(failure) => failure.clone(),
            EndCause::Open | EndCause::Stopped => error.clone(),
        };
        let mut given_back = Batch::new();
        let mut queued = write_side.state.destroy(Some(first.clone()));
        if !write_side.has_sink() {
            given_back = read_side.destroy(Some(first.clone()));
            let _ = write_side.state.complete();
            write_side.release();
        }
        given_back.append(&mut queued);
        keep(&mut write_side, given_back);
        write_side.torn = true;
        let interrupt = write_side.interrupt_source.clone();
        drop(read_side);
        self.wake_all(write_side);
        first.attach(error);
        self.spread();
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    /// If it was torn down, does the same to what is behind it: the stream that it is read for, and a
    /// sink that is in a call. Also by the thread that reads, before that tells anything of it: the
    /// thread that has torn this down may not have come so far.
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
        // Before the sink is woken, which would tell an echo.
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

    /// Whoever reads needs no more: what is buffered is dropped, and the stream ends well. A source
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
            let _ = write_side.state.complete();
            write_side.release();
        }
        let interrupt = write_side.interrupt_source.clone();
        drop(read_side);
        self.wake_all(write_side);
        drop((handed, queued));
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    /// Returns whether it was a token that tore it down, or another stream: that has told why.
    pub(crate) fn was_aborted(&self) -> bool {
        self.write_side().aborted
    }

    /// Returns whether whoever reads needs no more.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.write_side().is_satisfied()
    }

    /// The writer went away without ending the stream.
    pub(crate) fn abandon(&self) {
        if self.write_side().has_sink() {
            drop(self.destroy(Error::premature_close()));
        } else {
            // What was written before is in the buffer, and the reader may have it.
            let _ = self.fail(Error::premature_close());
        }
    }

    /// The reader went away. That is well if it has read everything, be it not the end itself.
    pub(crate) fn hang_up(&self, error: Error) {
        let mut read_side = self.read_side();
        let mut write_side = self.write_side();
        write_side.read_for = None;
        if read_side.state.is_destroyed() {
            // Whoever has failed has said so, and others that write here may not know.
            let failed = write_side.state.errored().is_some();
            let interrupt = write_side.interrupt_source.clone().filter(|_| failed);
            drop((read_side, write_side));
            if let Some(interrupt) = interrupt {
                interrupt.wake();
            }
            return;
        }
        if write_side.state.is_destroyed() {
            // All was taken, and some put back: that goes with the reader, and not with the last
            // handle of a stream that is over.
            let put_back = read_side.destroy(None);
            drop((read_side, write_side));
            drop(put_back);
            return;
        }
        if read_side.state.is_buffer_empty() && write_side.state.is_queue_empty() {
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
        write_side.end = EndCause::Stopped;
        write_side.state.end();
        let interrupt = write_side.interrupt_source.clone();
        self.wake_all(write_side);
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    fn abort(&self, cause: &Error) {
        // For whoever asks for what was not delivered.
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
