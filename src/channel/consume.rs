//! The calls of a thread of the library that takes batches out of a channel to a sink.
//!
//! - Owns: that thread owns the batch that it has taken, until `complete` or `abandoned`.
//! - Lock order: only the write side's lock. The sink is called without it.
//! - May block: `take`, in `wait_filled`; it ends with a request, a `recheck`, or the stream.
//! - Invariant: each request that was taken is completed, or abandoned, once.

use super::{Channel, Consumer, EndCause, Wait, WriteSide};
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::state::batch::{Batch, Load};
use crate::state::{Event, Events, SinkRequest};
use crate::threads::sync::MutexGuard;

impl<T> Channel<T> {
    /// Notes that a sink's thread reads from here. `interrupt` wakes it when it is blocked in the
    /// kernel.
    pub(crate) fn attach_sink(&self, interrupt: Option<Interrupt>) {
        let mut write_side = self.write_side();
        if write_side.consumer == Consumer::Handle {
            write_side.consumer = Consumer::Thread;
        }
        drop(write_side);
        self.attach_reader(interrupt);
    }

    /// Sets what wakes a reader that is blocked in the kernel, for one that takes chunks one by
    /// one.
    pub(crate) fn attach_reader(&self, interrupt: Option<Interrupt>) {
        self.write_side().interrupt_sink = interrupt;
    }

    /// Adds what wakes a writing thread that is blocked in the kernel, to those that were set
    /// before.
    pub(crate) fn attach_source(&self, interrupt: Option<Interrupt>) {
        let mut write_side = self.write_side();
        // Added, and not replaced: several sources may feed one channel, and each can block.
        let known = write_side.interrupt_source.take();
        write_side.interrupt_source = Interrupt::all(known.into_iter().chain(interrupt));
    }

    /// Takes everything that is queued, waiting for something if there is nothing. `None` if
    /// the caller is to check whether it still needs anything: see [`recheck`](Self::recheck).
    ///
    /// The wait ends with a chunk, or with the end of the stream.
    pub(crate) fn take(&self) -> Option<SinkRequest<T>> {
        let mut write_side = self.write_side();
        loop {
            // Cleared under the hold that finds it. It comes before a request, so that a thread
            // that needs no more takes no more.
            if std::mem::take(&mut write_side.recheck) {
                return None;
            }
            if let Some(request) = write_side.take() {
                // Under the lock under which the queue was emptied: a write after this raises it
                // again.
                self.filled_flag.lower();
                return Some(request);
            }
            write_side = match self.wait_filled(write_side, Wait::Forever) {
                Ok(write_side) => write_side,
                // A wait without a deadline fails only if there is no other thread. There is no
                // caller here to get the error, so it looks again.
                Err(_) => self.write_side(),
            };
        }
    }

    /// Makes the thread that takes chunks here check whether it still needs any, though none are
    /// there.
    ///
    /// Not missed: it is set under the lock, and it is a part of `is_filled`, which that thread
    /// checks under the lock before it parks.
    pub(crate) fn recheck(&self) {
        let mut write_side = self.write_side();
        write_side.recheck = true;
        self.wake_reader(write_side);
    }

    /// Returns whether the sink should flush before its batch is completed: nothing more is queued
    /// that would be written soon, or a writer waits for it.
    pub(crate) fn should_flush(&self) -> bool {
        let write_side = self.write_side();
        // Without a flush here the queue is not empty. Then a writer that begins to wait right
        // after this waits for a chunk of the queue as well, which comes with a later batch, and
        // that finds `flushing` raised.
        write_side.flushing > 0 || write_side.state.is_queue_empty()
    }

    /// Counts a part of the running batch as written. Returns how much more is worth the next call,
    /// in the unit of the mark; `None` if the rest is not needed any more.
    pub(crate) fn settle(&self, part: Load) -> Option<usize> {
        let mut write_side = self.write_side();
        let events = write_side.progress(part);
        // Of a stream that was torn down no more is written: the rest goes back to its writer.
        let wanted = (!write_side.state.is_destroyed()).then(|| write_side.report_at());
        self.after_progress(write_side, events);
        wanted
    }

    /// Counts what went from the source to the sink without the buffer. `held` is the most that was
    /// on its way at once.
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

    /// Counts the time of a call as a wait for the source, when the buffer is bypassed.
    pub(crate) fn starve<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.write_side().stats.starved.begin();
        let outcome = wait();
        self.write_side().stats.starved.end();
        outcome
    }

    /// Counts the time of a call as a wait for the sink, when the buffer is bypassed.
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

    /// Keeps what was taken from the source and did not reach the sink, when the buffer is
    /// bypassed.
    pub(crate) fn keep(&self, mut rest: Batch<T>) {
        self.write_side().undelivered.append(&mut rest);
    }

    /// The running batch is written.
    pub(crate) fn complete(&self, batch: Batch<T>) {
        let mut write_side = self.write_side();
        let events = write_side.complete();
        // It is empty: no chunk is dropped under the lock.
        write_side.state.recycle(batch);
        self.after_progress(write_side, events);
    }

    pub(super) fn after_progress(&self, write_side: MutexGuard<'_, WriteSide<T>>, events: Events) {
        // A drain is reported once, at the low mark. A flush and a budget wait for less.
        if events.contains(Event::Drain) || write_side.flushing > 0 {
            self.wake_writers(write_side);
        }
    }

    /// The sink needs no more, and was finished and released.
    pub(crate) fn let_go(&self) {
        let mut write_side = self.write_side();
        write_side.complete_in_part();
        write_side.release();
        self.wake_all(write_side);
    }

    /// The sink has finished, and was released. Returns the first cause if the stream was torn
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
        // After the outcome: `wait_closed` returns what it finds when it wakes.
        self.wake_all(write_side);
        outcome
    }

    /// The sink has failed, or was released before it was finished. `remainder` is what it was
    /// given and did not write. Returns the first cause, to which `error` is attached.
    pub(crate) fn abandoned(&self, error: Error, mut remainder: Batch<T>) -> Error {
        let mut write_side = self.write_side();
        // A stop and a reader that needs no more end a stream well, so what fails after that is the
        // first cause. An echo is none: it reports only that the stream is going down.
        let first = if error.is_echo() {
            write_side.cause()
        } else {
            write_side.failure()
        };
        let first = first.unwrap_or_else(|| error.clone());
        if write_side.is_satisfied() && !first.is_echo() {
            // The state has ended without an error, and takes none any more.
            write_side.end = EndCause::Unfinished(first.clone());
        }
        let mut queued = write_side.state.fail(first.clone());
        remainder.append(&mut queued);
        // In the order of the stream: what a cancel has given back was queued after this.
        let mut later = std::mem::replace(&mut write_side.undelivered, remainder);
        write_side.undelivered.append(&mut later);
        write_side.release();
        let interrupt = write_side.interrupt_source.clone();
        self.wake_all(write_side);
        first.attach(error);
        if let Some(interrupt) = interrupt {
            // After the state has its error: the source would otherwise report the interrupt as the
            // first cause.
            interrupt.wake();
        }
        first
    }
}
