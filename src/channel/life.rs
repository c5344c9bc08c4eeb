//! How a join ends before its time.

use std::sync::{Arc, Weak};

use super::{Back, Join, Taken};
use crate::cancel::{Cancel, CancelToken};
use crate::chunk::Batch;
use crate::error::Error;

impl<T> Join<T> {
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
    fn tear_down(&self, error: Error, keep: impl FnOnce(&mut Back<T>, Batch<T>)) {
        let mut front = self.front();
        let mut back = self.back();
        if back.state.is_destroyed() {
            let first = back.cause();
            drop((front, back));
            if let Some(first) = first {
                first.attach(error);
            }
            return;
        }
        if !back.has_sink {
            // What the reader has taken is not given back, be it that it was not reported yet.
            let _ = back.progress(std::mem::take(&mut front.unsettled));
        }
        let first = back.failure.clone().unwrap_or_else(|| error.clone());
        let mut given_back = Batch::new();
        let mut queued = back.state.destroy(Some(first.clone()));
        if !back.has_sink {
            given_back = front.destroy(Some(first.clone()));
            let _ = back.state.complete();
            back.release();
        }
        given_back.append(&mut queued);
        keep(&mut back, given_back);
        back.torn = true;
        let interrupt = back.interrupt_source.clone();
        drop(front);
        self.wake_all(back);
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
        let back = self.back();
        if !back.torn {
            return;
        }
        let cause = back.state.errored().cloned();
        let (read_for, interrupt) = (back.read_for.clone(), back.interrupt_sink.clone());
        drop(back);
        // Before the sink is woken, which would tell an echo.
        if let (Some(stream), Some(cause)) = (read_for, cause) {
            stream.abort_as(cause);
        }
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    /// A token that acts on this join alone.
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
    /// reader of its own: where a sink of the join's own reads, an interrupt does.
    pub(crate) fn aborts(&self, stream: &CancelToken) {
        let mut back = self.back();
        match back.state.errored() {
            Some(cause) if back.torn => {
                let cause = cause.clone();
                drop(back);
                stream.abort_as(cause);
            }
            _ => back.read_for = Some(stream.clone()),
        }
    }

    /// The stream that what is read here was for is not to be aborted any more.
    pub(crate) fn aborts_nothing(&self) {
        self.back().read_for = None;
    }

    /// Whoever reads needs no more: what is buffered is dropped, and the stream ends well. A source
    /// that is blocked is woken.
    pub(crate) fn satisfy(&self) {
        let mut front = self.front();
        let mut back = self.back();
        if back.state.is_destroyed() {
            return;
        }
        back.satisfied = true;
        let queued = back.state.destroy(None);
        let mut handed = Batch::new();
        if !back.has_sink {
            handed = front.destroy(None);
            let _ = back.state.complete();
            back.release();
        }
        let interrupt = back.interrupt_source.clone();
        drop(front);
        self.wake_all(back);
        drop((handed, queued));
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    /// Says whether it was a token that tore it down, or another stream: that has told why.
    pub(crate) fn was_aborted(&self) -> bool {
        self.back().aborted
    }

    /// Says whether whoever reads has had enough.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.back().satisfied
    }

    /// The writer went away without ending the stream.
    pub(crate) fn abandon(&self) {
        if self.back().has_sink {
            drop(self.destroy(Error::premature_close()));
        } else {
            // What was written before is in the buffer, and the reader may have it.
            let _ = self.fail(Error::premature_close());
        }
    }

    /// The reader went away. That is well if it has read everything, be it not the end itself.
    pub(crate) fn hang_up(&self, error: Error) {
        let mut front = self.front();
        let mut back = self.back();
        back.read_for = None;
        if front.state.is_destroyed() {
            // Whoever has failed has said so, and others that write here may not know.
            let failed = back.state.errored().is_some();
            let interrupt = back.interrupt_source.clone().filter(|_| failed);
            drop((front, back));
            if let Some(interrupt) = interrupt {
                interrupt.wake();
            }
            return;
        }
        if back.state.is_destroyed() {
            // All was taken, and some put back: that goes with the reader, and not with the last
            // handle of a stream that is over.
            let put_back = front.destroy(None);
            drop((front, back));
            drop(put_back);
            return;
        }
        if front.state.is_buffer_empty() && back.state.is_queue_empty() {
            match back.take() {
                Some(Taken::End) => front.put_end(),
                Some(Taken::Gone(cause)) => drop(front.destroy(cause)),
                Some(Taken::Batch(_) | Taken::Nudge) | None => {
                    drop((front, back));
                    drop(self.destroy(error));
                    return;
                }
            }
            let _ = back.complete();
            back.release();
            drop(front);
            self.wake_all(back);
            return;
        }
        drop((front, back));
        drop(self.destroy(error));
    }
}

impl<T: Send> Cancel for Join<T> {
    fn stop(&self) {
        let mut back = self.back();
        if !back.state.is_writable() {
            return;
        }
        back.stopped = true;
        back.state.end();
        let interrupt = back.interrupt_source.clone();
        self.wake_all(back);
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
    }

    fn abort(&self, cause: &Error) {
        // For whoever asks for what was not delivered.
        self.tear_down(cause.clone(), |back, mut batch| {
            back.undelivered.append(&mut batch);
            back.aborted = true;
        });
    }

    fn satisfy(&self) {
        Self::satisfy(self);
    }

    fn was_stopped(&self) -> bool {
        self.back().stopped
    }
}
