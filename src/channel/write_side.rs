//! What the lock of a join guards: the machine, and who waits for it.

use std::time::Duration;

use crate::cancel::{CancelToken, Interrupt};
use crate::error::{Error, ErrorKind};
use crate::state::batch::{Batch, Load, Weighed};
use crate::state::{Events, Pressure, Refused, SinkRequest, WritableState};
use crate::threads::waits::{For, WaitTime, waited_for};

use super::Taken;

/// The writing side of a join. Everything here is decided under its lock, and nothing waits.
pub(super) struct WriteSide<T> {
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
    /// Some other thread may end a wait. Of a channel that is not known before one waits.
    pub(super) may_park: bool,
    /// The reader is to look whether it still wants anything.
    pub(super) nudged: bool,
    /// How many writers wait for the reader to get on, be it by less than a drain.
    pub(super) flushing: usize,
    /// Writers that have not ended. The last one to end ends the stream.
    pub(super) producers: usize,
    /// A thread of the join's own takes the chunks to a sink.
    pub(super) has_sink: bool,
    /// A thread takes what is due, or a reader does. If not, whoever makes it due sees to it.
    pub(super) has_reader: bool,
    /// The sink can be tried without blocking, by whoever makes something due.
    pub(super) direct: bool,
    /// What was taken and tried, and is left to the thread. It is the running request still.
    pub(super) deferred: Option<Taken<T>>,
    /// How much the sink had confirmed when a batch of it was done.
    completed: Arrived,
    /// What was taken from a writer and did not reach the sink.
    pub(super) undelivered: Batch<T>,
    /// Wake the source or the sink out of the kernel when the stream is torn down.
    pub(super) interrupt_source: Option<Interrupt>,
    pub(super) interrupt_sink: Option<Interrupt>,
    /// It was torn down, and did not end in its turn.
    pub(super) torn: bool,
    /// It was a token that tore it down.
    pub(super) aborted: bool,
    /// The stream that what is read here is for, to be aborted when this is torn down.
    pub(super) read_for: Option<CancelToken>,
    pub(super) stats: ChannelStats,
    /// What a wait of a writer is to the pipeline that the thread works for; none if the join is
    /// one of its own, whose tally says it.
    pub(super) writers_for: Option<For>,
    /// The same for the reader.
    pub(super) reader_for: Option<For>,
}

/// What a join has seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChannelStats {
    /// Chunks that writers have written.
    pub(crate) chunks: u64,
    /// What those weighed.
    pub(crate) weight: u64,
    /// How many of them weighed nothing.
    weightless: u64,
    /// What of that weight the reader has taken, or the sink has written.
    pub(crate) confirmed: u64,
    /// How many of those that weighed nothing.
    confirmed_weightless: u64,
    /// The most that was queued and in flight at once.
    pub(crate) peak: usize,
    /// For how long writers were parked, waiting for room.
    pub(crate) blocked: WaitTime,
    /// For how long the reader was parked, waiting for a chunk.
    pub(crate) starved: WaitTime,
}

/// How much has arrived, or has to: what it weighs, and how many chunks of it weigh nothing.
pub(super) type Arrived = (u64, u64);

impl ChannelStats {
    /// All that was written.
    pub(super) const fn written(&self) -> Arrived {
        (self.weight, self.weightless)
    }

    /// One more was written, which counts for so much.
    #[inline]
    pub(super) fn add(&mut self, load: Load) {
        self.chunks += 1;
        // A user's weigher may say more than any number holds.
        self.weight = self.weight.saturating_add(load.weight as u64);
        self.weightless += load.weightless as u64;
    }

    /// The last that was written was not taken, or no more than a part of it.
    pub(super) fn take_back(&mut self, load: Load, whole: bool) {
        self.chunks -= u64::from(whole);
        self.weight -= load.weight as u64;
        self.weightless -= load.weightless as u64;
    }

    /// So much has arrived.
    #[inline]
    pub(super) fn confirm(&mut self, load: Load) {
        self.confirmed = self.confirmed.saturating_add(load.weight as u64);
        self.confirmed_weightless += load.weightless as u64;
    }
}

impl<T> WriteSide<T> {
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
            may_park: true,
            nudged: false,
            flushing: 0,
            producers: 1,
            has_sink: false,
            has_reader: true,
            direct: false,
            deferred: None,
            completed: (0, 0),
            undelivered: Batch::new(),
            interrupt_source: None,
            interrupt_sink: None,
            torn: false,
            aborted: false,
            read_for: None,
            stats: ChannelStats::default(),
            writers_for: Some(For::Outside),
            reader_for: Some(For::Outside),
        }
    }

    /// Counts what a writer has waited for room without being parked.
    #[inline]
    pub(super) fn blocked(&mut self, waited: Duration) {
        if !waited.is_zero() {
            self.stats.blocked.add(waited);
            waited_for(self.writers_for, waited);
        }
    }

    /// Counts what the reader has waited for a chunk without being parked.
    #[inline]
    pub(super) fn starved(&mut self, waited: Duration) {
        if !waited.is_zero() {
            self.stats.starved.add(waited);
            waited_for(self.reader_for, waited);
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
        self.state.is_request_due()
            || self.state.is_closed()
            || self.nudged
            || self.deferred.is_some()
    }

    /// Says whether a chunk could be taken to the sink by its writer.
    fn is_idle(&self) -> bool {
        (self.direct || !self.has_reader) && !self.state.is_running()
    }

    /// Takes a chunk, or gives it back if the stream takes none.
    #[inline]
    pub(super) fn put(&mut self, weighed: Weighed<T>) -> Result<Pressure, T> {
        let before = self.state.load();
        match self.state.write_weighed(weighed) {
            Ok(pressure) => {
                self.stats.add(self.state.load().without(before));
                self.stats.peak = self.stats.peak.max(self.state.len());
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
        if self.deferred.is_some() {
            return self.deferred.take();
        }
        Some(match self.state.next_request()? {
            SinkRequest::Write(batch) => Taken::Batch(batch),
            SinkRequest::Final => match self.failure.clone() {
                None => Taken::End,
                Some(failure) => {
                    // Nothing is queued behind the end.
                    drop(self.state.fail(failure.clone()));
                    Taken::Gone(Some(failure))
                }
            },
            SinkRequest::Release => Taken::Gone(self.state.errored().cloned()),
        })
    }

    /// Counts a part of the running batch as delivered.
    #[inline]
    pub(super) fn progress(&mut self, part: Load) -> Events {
        let before = self.state.in_hand();
        let events = self.state.progress(part);
        self.stats.confirm(before.without(self.state.in_hand()));
        events
    }

    /// The running request is done.
    #[inline]
    pub(super) fn complete(&mut self) -> Events {
        // Not what the length falls by: that has in it what a destroy has given back meanwhile.
        self.stats.confirm(self.state.in_hand());
        let events = self.state.complete();
        self.completed = self.confirmed();
        events
    }

    const fn confirmed(&self) -> Arrived {
        (self.stats.confirmed, self.stats.confirmed_weightless)
    }

    /// Says whether so much has arrived for good: a sink does not just write, but flushes before its
    /// batch is done, if anybody waits for that.
    pub(super) fn has_flushed(&self, written: Arrived) -> bool {
        let (weight, weightless) = if self.has_sink {
            self.completed
        } else {
            self.confirmed()
        };
        weight >= written.0 && weightless >= written.1
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
