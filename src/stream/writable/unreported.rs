//! Whether a call has returned the error of a stream, and what becomes of one that no call has.

use std::sync::atomic::Ordering;
use std::thread;

use super::{Peer, Segment, Writable};
use crate::channel::Wait;
use crate::error::{Error, ErrorKind, WriteError, report};

impl<T, S> Writable<T, S> {
    /// Its outcome is reported by other means.
    #[cfg(all(unix, feature = "http", not(loom)))]
    pub(crate) fn reported_elsewhere(self) -> Self {
        self.reported.store(true, Ordering::Relaxed);
        self
    }

    /// Notes an error that the handle returns. A timeout is not the end of the stream.
    pub(super) fn note<R>(&self, outcome: Result<R, Error>) -> Result<R, Error> {
        if let Err(error) = &outcome {
            self.note_error(error);
        }
        outcome
    }

    /// The same for a write.
    #[cold]
    pub(super) fn note_refusal<R>(
        &self,
        refused: Result<R, WriteError<T>>,
    ) -> Result<R, WriteError<T>> {
        if let Err(WriteError::Closed(..)) = &refused {
            self.reported.store(true, Ordering::Relaxed);
        }
        refused
    }

    /// Notes that the caller has got this error, which may be that of the stream.
    pub(super) fn note_error(&self, error: &Error) {
        let is_cause = self
            .channel
            .with_state(|state, _| state.errored().is_some_and(|cause| cause.is_same(error)));
        self.reported.fetch_or(is_cause, Ordering::Relaxed);
    }

    /// Passes on what was staged before, for a call that returns its outcome.
    pub(super) fn pass_on(&mut self) -> Result<(), Error> {
        let passed = self.pass_segment(Wait::Forever).map_err(Error::from);
        self.note(passed)
    }

    /// Ends a stream early that has not ended. Returns how, and what was lost.
    fn break_off(&mut self) -> Option<BrokenOff> {
        if self.ended {
            return None;
        }
        if !matches!(self.peer, Peer::Sink(_)) {
            self.channel.abandon();
            self.run_due();
            return None;
        }
        let error = Error::premature_close();
        let mut lost = self.channel.destroy(error.clone());
        self.run_due();
        if let Some(staged) = self.segment.take().map(Segment::into_chunk) {
            let weight = self.channel.weigh(&staged);
            lost.push(staged, weight);
        }
        Some(BrokenOff {
            error,
            chunks: lost.len(),
            weight: lost.weight(),
        })
    }

    /// Reports an error that no call on this handle has returned. `name` is that of its sink, which
    /// has not finished.
    #[cold]
    fn report_unreturned(&self, broken_off: Option<&BrokenOff>, name: &str) {
        if self.reported.load(Ordering::Relaxed) || self.channel.was_aborted() {
            return;
        }
        let Some(first) = self.channel.with_state(|state, _| state.errored().cloned()) else {
            return;
        };
        let Some(own) = broken_off.filter(|own| own.error.is_same(&first)) else {
            report(&first, "its handle was dropped without `finish`");
            return;
        };
        // An error of the sink since the handle was dropped is attached to the first one.
        if let Some(failure) = first.others().next() {
            report(failure, "its handle was dropped without `finish`");
            return;
        }
        let in_hand = self.channel.take_undelivered();
        let (chunks, weight) = (own.chunks + in_hand.len(), own.weight + in_hand.weight());
        if chunks > 0 && !thread::panicking() {
            let (lost, unit) = match self.channel.strategy().unit() {
                "byte" => (weight, "byte"),
                _ => (chunks, "item"),
            };
            let s = if lost == 1 { "" } else { "s" };
            let message = format!("dropped before its end, with {lost} {unit}{s} not written");
            let error = Error::new(ErrorKind::PrematureClose, message).during("write to", name);
            let error = self.channel.locate(error, self.channel.stats().confirmed);
            report(&error, "its handle was dropped without `end`");
        }
    }
}

/// How a handle has ended its stream early.
struct BrokenOff {
    error: Error,
    /// How many of its chunks no sink has taken.
    chunks: usize,
    /// What those weigh.
    weight: usize,
}

impl<T, S> Drop for Writable<T, S> {
    fn drop(&mut self) {
        let broken_off = self.break_off();
        let Peer::Sink(driver) = &self.peer else {
            return;
        };
        // After `end` this waits until everything is written, as `end` documents; otherwise it
        // waits for the sink's thread, so that the thread does not outlive its handle.
        driver.release();
        let _ = self.channel.wait_closed(Wait::Forever);
        if let Err(name) = driver.close() {
            self.report_unreturned(broken_off.as_ref(), &name);
        }
    }
}
