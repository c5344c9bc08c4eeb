//! What the lock of a join guards: the machine, and who waits for it.

use std::time::{Duration, Instant};

use crate::cancel::Interrupt;
use crate::chunk::{Batch, Weighed};
use crate::error::{Error, ErrorKind};
use crate::state::{Events, Pressure, Refused, Request, WritableState};

use super::Taken;

/// The writing side of a join. Everything here is decided under its lock, and nothing waits.
pub(super) struct Back<T> {
    pub(super) state: WritableState<T, Error>,
    /// The error that travels behind the data, after `fail`.
    pub(super) failure: Option<Error>,
    /// A token's `stop` has ended the stream, and not the writer.
    pub(super) stopped: bool,
    /// Whoever reads has had enough, which is a good end too.
    pub(super) satisfied: bool,
    /// The reader wants nothing for now: every writer waits.
    pub(super) paused: bool,
    /// The reader waits for a chunk, which is what a rendezvous waits for.
    pub(super) reader_waits: bool,
    /// How many writers are parked.
    pub(super) parked_writers: usize,
    pub(super) reader_parked: bool,
    /// The reader is to look whether it still wants anything.
    pub(super) nudged: bool,
    /// How many writers wait for the reader to get on, be it by less than a drain.
    pub(super) flushing: usize,
    /// Writers that have not ended. The last one to end ends the stream.
    pub(super) producers: usize,
    /// A thread of the join's own takes the chunks to a sink.
    pub(super) has_sink: bool,
    /// A thread takes what is due, or a reader does. If not, whoever makes it due sees to it.
    pub(super) attended: bool,
    /// The sink can be tried without blocking, by whoever makes something due.
    pub(super) direct: bool,
    /// What was taken and tried, and is left to the thread. It is the running request still.
    pub(super) hand: Option<Taken<T>>,
    /// How much the sink had confirmed when a batch of it was done.
    completed: u64,
    /// What was taken from a writer and did not reach the sink.
    pub(super) undelivered: Batch<T>,
    /// Wake the source or the sink out of the kernel when the stream is torn down.
    pub(super) interrupt_source: Option<Interrupt>,
    pub(super) interrupt_sink: Option<Interrupt>,
    pub(super) tally: Tally,
}

/// What a join has seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Chunks that writers have written.
    pub(crate) chunks: u64,
    /// What those weighed.
    pub(crate) weight: u64,
    /// What of it the reader has taken, or the sink has written.
    pub(crate) confirmed: u64,
    /// The most that was queued and in flight at once.
    pub(crate) peak: usize,
    /// For how long writers were parked, waiting for room.
    pub(crate) blocked: Parked,
    /// For how long the reader was parked, waiting for a chunk.
    pub(crate) starved: Parked,
}

impl Tally {
    /// Counts what was written. A user's weigher may say more than any number holds.
    pub(super) fn add(&mut self, weight: u64) {
        self.weight = self.weight.saturating_add(weight);
    }

    /// Counts what was confirmed of it.
    pub(super) fn confirm(&mut self, weight: u64) {
        self.confirmed = self.confirmed.saturating_add(weight);
    }
}

/// A sum of waits. The clock is read only when a thread really parks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parked {
    total: Duration,
    since: Option<Instant>,
    threads: u32,
}

impl Parked {
    pub(super) fn begin(&mut self) {
        self.threads += 1;
        // Several writers that wait at the same time are one wait: what is told is for how long
        // the stage was held up.
        self.since.get_or_insert_with(Instant::now);
    }

    pub(super) fn end(&mut self) {
        self.threads -= 1;
        if self.threads == 0 {
            if let Some(since) = self.since.take() {
                self.total += since.elapsed();
            }
        }
    }

    /// Counts a wait that was over before the thread parked.
    #[inline]
    pub(super) fn add(&mut self, waited: Duration) {
        // While another one is parked, that is counted already.
        if !waited.is_zero() && self.threads == 0 {
            self.total += waited;
        }
    }

    /// All waits together, with the one that still goes on.
    pub(crate) fn total(&self) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl<T> Back<T> {
    pub(super) fn new(state: WritableState<T, Error>) -> Self {
        Self {
            state,
            failure: None,
            stopped: false,
            satisfied: false,
            paused: false,
            reader_waits: false,
            parked_writers: 0,
            reader_parked: false,
            nudged: false,
            flushing: 0,
            producers: 1,
            has_sink: false,
            attended: true,
            direct: false,
            hand: None,
            completed: 0,
            undelivered: Batch::new(),
            interrupt_source: None,
            interrupt_sink: None,
            tally: Tally::default(),
        }
    }

    /// Says whether a write would be taken now.
    #[inline]
    pub(super) fn admits(&self) -> bool {
        let room = if self.state.marks().high() == 0 {
            (self.reader_waits || self.is_idle()) && self.state.is_queue_empty()
        } else {
            !self.state.needs_drain()
        };
        room && !self.paused && self.state.is_writable()
    }

    /// Says whether the reader has something to find here: a request, a nudge, or that all is over. A
    /// destroy leaves no request behind, so the one is not enough to wait for.
    #[inline]
    pub(super) fn is_filled(&self) -> bool {
        self.state.is_request_due() || self.state.is_closed() || self.nudged || self.hand.is_some()
    }

    /// Says whether a chunk could be taken to the sink by its writer.
    fn is_idle(&self) -> bool {
        (self.direct || !self.attended) && !self.state.is_running()
    }

    /// Takes a chunk, or gives it back if the stream takes none.
    #[inline]
    pub(super) fn put(&mut self, weighed: Weighed<T>) -> Result<Pressure, T> {
        let before = self.state.len();
        match self.state.write_weighed(weighed) {
            Ok(pressure) => {
                let len = self.state.len();
                self.tally.chunks += 1;
                self.tally.add((len - before) as u64);
                self.tally.peak = self.tally.peak.max(len);
                Ok(pressure)
            }
            Err(Refused::Ended(chunk) | Refused::Destroyed(chunk)) => Err(chunk),
        }
    }

    /// How much the reader may take before it has to be reported: what brings the drain, if a
    /// writer waits for one, and otherwise half the way there, for the writer that will.
    pub(super) fn report_at(&self) -> usize {
        let marks = self.state.marks();
        if self.state.needs_drain() {
            self.state.len().saturating_sub(marks.low())
        } else {
            (marks.high() - marks.low()) / 2
        }
    }

    /// Takes what is due for the sink, or the reader.
    pub(super) fn take(&mut self) -> Option<Taken<T>> {
        if self.hand.is_some() {
            return self.hand.take();
        }
        Some(match self.state.next_request()? {
            Request::Write(batch) => Taken::Batch(batch),
            Request::Final => match self.failure.clone() {
                None => Taken::End,
                Some(failure) => {
                    // Nothing is queued behind the end.
                    drop(self.state.fail(failure.clone()));
                    Taken::Gone(Some(failure))
                }
            },
            Request::Release => Taken::Gone(self.state.errored().cloned()),
        })
    }

    /// Counts `weight` of the running batch as delivered.
    #[inline]
    pub(super) fn progress(&mut self, weight: usize) -> Events {
        let before = self.state.len();
        let events = self.state.progress(weight);
        self.tally.confirm((before - self.state.len()) as u64);
        events
    }

    /// The running request is done.
    #[inline]
    pub(super) fn complete(&mut self) -> Events {
        // Not what the length falls by: that has in it what a destroy has given back meanwhile.
        self.tally.confirm(self.state.in_hand() as u64);
        let events = self.state.complete();
        self.completed = self.tally.confirmed;
        events
    }

    /// How much has arrived for good: a sink does not just write, but flushes before its batch is
    /// done, if anybody waits for that.
    pub(super) const fn flushed(&self) -> u64 {
        if self.has_sink {
            self.completed
        } else {
            self.tally.confirmed
        }
    }

    /// Lets the sink go, if it is time.
    pub(super) fn release(&mut self) {
        // The request may have been taken already, or is due now.
        let _ = self.state.next_request();
        let _ = self.state.released();
    }

    /// Why no more is taken, unless it is that the writer has said so.
    pub(super) fn cause(&self) -> Option<Error> {
        if let Some(cause) = self.state.errored().or(self.failure.as_ref()) {
            return Some(cause.clone());
        }
        if self.satisfied {
            return Some(Error::enough());
        }
        self.stopped
            .then(|| Error::new(ErrorKind::Cancelled, "stopped"))
    }
}
