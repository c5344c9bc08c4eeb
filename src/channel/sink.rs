//! A join whose reader is a thread of the library's own, which takes batches to a sink.

use super::{Join, Taken, Wait};
use crate::cancel::Interrupt;
use crate::chunk::{Batch, Load};
use crate::error::Error;
use crate::state::{Event, Events};
use crate::sync::MutexGuard;

use super::Back;

impl<T> Join<T> {
    /// Says that a sink's thread reads from here, and how to wake it out of the kernel.
    pub(crate) fn attach_sink(&self, interrupt: Option<Interrupt>) {
        self.back().has_sink = true;
        self.attach_reader(interrupt);
    }

    /// Says how to wake a reader out of the kernel that takes its chunks one by one.
    pub(crate) fn attach_reader(&self, interrupt: Option<Interrupt>) {
        self.back().interrupt_sink = interrupt;
    }

    /// Says how to wake whoever writes out of the kernel, beside those that were told before.
    pub(crate) fn attach_source(&self, interrupt: Option<Interrupt>) {
        let mut back = self.back();
        let known = back.interrupt_source.take();
        back.interrupt_source = Interrupt::all(known.into_iter().chain(interrupt));
    }

    /// Takes everything that is queued, waiting for something if there is nothing.
    ///
    /// The wait ends with a chunk, or with the end of the stream.
    pub(crate) fn take(&self) -> Taken<T> {
        let mut back = self.back();
        loop {
            if std::mem::take(&mut back.nudged) {
                return Taken::Nudge;
            }
            if let Some(taken) = back.take() {
                self.filled_flag.lower();
                return taken;
            }
            back = match self.wait_filled(back, Wait::Forever) {
                Ok(back) => back,
                Err(_) => self.back(),
            };
        }
    }

    /// Has whoever takes chunks here look whether it still wants any, though none are there.
    pub(crate) fn nudge(&self) {
        let mut back = self.back();
        back.nudged = true;
        self.wake_reader(back);
    }

    /// Says whether the sink should flush before it says that its batch is done: nothing more is
    /// queued that would be written before long, or a writer waits for it.
    pub(crate) fn should_flush(&self) -> bool {
        let back = self.back();
        back.flushing > 0 || back.state.is_queue_empty()
    }

    /// Counts a part of the batch in hand as written. Says how much more is worth the writer's lock, as
    /// it counts against the mark; nothing, if the rest is not wanted any more.
    pub(crate) fn settle(&self, part: Load) -> Option<usize> {
        let mut back = self.back();
        let events = back.progress(part);
        let wanted = (!back.state.is_destroyed()).then(|| back.report_at());
        self.after_progress(back, events);
        wanted
    }

    /// Counts what went past the buffer, straight from the source to the sink; `held` is how much
    /// was on its way at most.
    pub(crate) fn pass_by(&self, weight: usize, held: usize) {
        let tally = &mut self.back().tally;
        let load = Load {
            weight,
            weightless: 0,
        };
        tally.add(load);
        tally.confirm(load);
        tally.peak = tally.peak.max(held);
    }

    /// Counts what a call takes as a wait for the source, of what goes past the buffer.
    pub(crate) fn starve<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.back().tally.starved.begin();
        let outcome = wait();
        self.back().tally.starved.end();
        outcome
    }

    /// Counts what a call takes as a wait for the sink, of what goes past the buffer.
    pub(crate) fn block<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.back().tally.blocked.begin();
        let outcome = wait();
        self.back().tally.blocked.end();
        outcome
    }

    /// Says whether it would still take something.
    pub(crate) fn is_open(&self) -> bool {
        self.back().state.is_writable()
    }

    /// Keeps what was taken from the source and did not reach the sink, of what went past the
    /// buffer.
    pub(crate) fn keep(&self, mut rest: Batch<T>) {
        self.back().undelivered.append(&mut rest);
    }

    /// The batch in hand is written.
    pub(crate) fn complete(&self, batch: Batch<T>) {
        let mut back = self.back();
        let events = back.complete();
        back.state.recycle(batch);
        self.after_progress(back, events);
    }

    pub(super) fn after_progress(&self, back: MutexGuard<'_, Back<T>>, events: Events) {
        if events.contains(Event::Drain) || back.flushing > 0 {
            self.wake_writers(back);
        }
    }

    /// The sink has had enough, and was finished and let go.
    pub(crate) fn let_go(&self) {
        let mut back = self.back();
        let _ = back.complete();
        back.release();
        self.wake_all(back);
    }

    /// The sink has finished, and was let go. The first cause comes back if the stream was torn
    /// down meanwhile.
    pub(crate) fn finished(&self) -> Result<(), Error> {
        let mut back = self.back();
        let _ = back.complete();
        back.release();
        let outcome = if back.state.is_finished() {
            Ok(())
        } else {
            Err(back.cause().unwrap_or_else(Error::closed))
        };
        self.wake_all(back);
        outcome
    }

    /// The sink has failed, or was let go before it was finished. `remainder` is what it had in
    /// hand and did not write. The first cause comes back, to which `error` is attached.
    pub(crate) fn abandoned(&self, error: Error, mut remainder: Batch<T>) -> Error {
        let mut back = self.back();
        let first = back.cause().unwrap_or_else(|| error.clone());
        let mut queued = back.state.fail(first.clone());
        remainder.append(&mut queued);
        // In order: what a cancel has given back was queued behind this.
        let mut later = std::mem::replace(&mut back.undelivered, remainder);
        back.undelivered.append(&mut later);
        back.release();
        let interrupt = back.interrupt_source.clone();
        self.wake_all(back);
        first.attach(error);
        if let Some(interrupt) = interrupt {
            interrupt.wake();
        }
        first
    }
}
