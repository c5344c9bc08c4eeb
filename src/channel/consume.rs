//! A channel whose reader is a thread of the library, which takes batches to a sink.

use super::{Channel, Consumer, Wait};
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::state::batch::{Batch, Load};
use crate::state::{Event, Events, SinkRequest};
use crate::threads::sync::MutexGuard;

use super::WriteSide;

impl<T> Channel<T> {
    /// Says that a sink's thread reads from here, and how to wake it out of the kernel.
    pub(crate) fn attach_sink(&self, interrupt: Option<Interrupt>) {
        let mut write_side = self.write_side();
        if write_side.consumer == Consumer::Handle {
            write_side.consumer = Consumer::Thread;
        }
        drop(write_side);
        self.attach_reader(interrupt);
    }

    /// Returns how to wake a reader out of the kernel that takes its chunks one by one.
    pub(crate) fn attach_reader(&self, interrupt: Option<Interrupt>) {
        self.write_side().interrupt_sink = interrupt;
    }

    /// Returns how to wake whoever writes out of the kernel, beside those that were told before.
    pub(crate) fn attach_source(&self, interrupt: Option<Interrupt>) {
        let mut write_side = self.write_side();
        let known = write_side.interrupt_source.take();
        write_side.interrupt_source = Interrupt::all(known.into_iter().chain(interrupt));
    }

    /// Takes everything that is queued, waiting for something if there is nothing. `None` says that
    /// the caller is to look whether it still wants anything: see [`recheck`](Self::recheck).
    ///
    /// The wait ends with a chunk, or with the end of the stream.
    pub(crate) fn take(&self) -> Option<SinkRequest<T>> {
        let mut write_side = self.write_side();
        loop {
            if std::mem::take(&mut write_side.recheck) {
                return None;
            }
            if let Some(request) = write_side.take() {
                self.filled_flag.lower();
                return Some(request);
            }
            write_side = match self.wait_filled(write_side, Wait::Forever) {
                Ok(write_side) => write_side,
                Err(_) => self.write_side(),
            };
        }
    }

    /// Has whoever takes chunks here look whether it still wants any, though none are there.
    pub(crate) fn recheck(&self) {
        let mut write_side = self.write_side();
        write_side.recheck = true;
        self.wake_reader(write_side);
    }

    /// Returns whether the sink should flush before it says that its batch is done: nothing more is
    /// queued that would be written before long, or a writer waits for it.
    pub(crate) fn should_flush(&self) -> bool {
        let write_side = self.write_side();
        write_side.flushing > 0 || write_side.state.is_queue_empty()
    }

    /// Counts a part of the batch in hand as written. Returns how much more is worth the writer's lock, as
    /// it counts against the mark; nothing, if the rest is not wanted any more.
    pub(crate) fn settle(&self, part: Load) -> Option<usize> {
        let mut write_side = self.write_side();
        let events = write_side.progress(part);
        let wanted = (!write_side.state.is_destroyed()).then(|| write_side.report_at());
        self.after_progress(write_side, events);
        wanted
    }

    /// Counts what went past the buffer, straight from the source to the sink; `held` is how much
    /// was on its way at most.
    pub(crate) fn pass_by(&self, weight: usize, held: usize) {
        let stats = &mut self.write_side().stats;
        let load = Load {
            weight,
            weightless: 0,
        };
        stats.add(load);
        stats.confirm(load);
        stats.peak = stats.peak.max(held);
    }

    /// Counts what a call takes as a wait for the source, of what goes past the buffer.
    pub(crate) fn starve<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.write_side().stats.starved.begin();
        let outcome = wait();
        self.write_side().stats.starved.end();
        outcome
    }

    /// Counts what a call takes as a wait for the sink, of what goes past the buffer.
    pub(crate) fn block<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.write_side().stats.blocked.begin();
        let outcome = wait();
        self.write_side().stats.blocked.end();
        outcome
    }

    /// Returns whether it would still take something.
    pub(crate) fn is_open(&self) -> bool {
        self.write_side().state.is_writable()
    }

    /// Keeps what was taken from the source and did not reach the sink, of what went past the
    /// buffer.
    pub(crate) fn keep(&self, mut rest: Batch<T>) {
        self.write_side().undelivered.append(&mut rest);
    }

    /// The batch in hand is written.
    pub(crate) fn complete(&self, batch: Batch<T>) {
        let mut write_side = self.write_side();
        let events = write_side.complete();
        write_side.state.recycle(batch);
        self.after_progress(write_side, events);
    }

    pub(super) fn after_progress(&self, write_side: MutexGuard<'_, WriteSide<T>>, events: Events) {
        if events.contains(Event::Drain) || write_side.flushing > 0 {
            self.wake_writers(write_side);
        }
    }

    /// The sink needs no more, and was finished and let go.
    pub(crate) fn let_go(&self) {
        let mut write_side = self.write_side();
        let _ = write_side.complete();
        write_side.release();
        self.wake_all(write_side);
    }

    /// The sink has finished, and was let go. The first cause comes back if the stream was torn
    /// down meanwhile.
    pub(crate) fn finished(&self) -> Result<(), Error> {
        let mut write_side = self.write_side();
        let _ = write_side.complete();
        write_side.release();
        let outcome = if write_side.state.is_finished() {
            Ok(())
        } else {
            Err(write_side.cause().unwrap_or_else(Error::closed))
        };
        self.wake_all(write_side);
        outcome
    }

    /// The sink has failed, or was let go before it was finished. `remainder` is what it had in
    /// hand and did not write. The first cause comes back, to which `error` is attached.
    pub(crate) fn abandoned(&self, error: Error, mut remainder: Batch<T>) -> Error {
        let mut write_side = self.write_side();
        let first = write_side.cause().unwrap_or_else(|| error.clone());
        let mut queued = write_side.state.fail(first.clone());
        remainder.append(&mut queued);
        // In order: what a cancel has given back was queued behind this.
        let mut later = std::mem::replace(&mut write_side.undelivered, remainder);
        write_side.undelivered.append(&mut later);
        write_side.release();
        let interrupt = write_side.interrupt_source.clone();
        self.wake_all(write_side);
        first.attach(error);
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
        first
    }
}
