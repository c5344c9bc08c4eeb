//! The writing side of a channel: the state machine, and the threads that wait for it.
//!
//! - Owns: the queue, the end, the counts, and what is deferred or undelivered.
//! - Lock order: it is the data of the write side's lock, which comes after the read side's.
//! - May block: nothing here; no method takes a lock.
//! - Invariants: listed at [`WriteSide`], and checked by `WriteSide::check` in debug builds.

use std::time::Duration;

use super::stats::{Arrived, ChannelStats};
use crate::cancel::{CancelToken, Interrupt};
use crate::error::{Error, ErrorKind};
use crate::state::batch::{Batch, Load, Weighed};
use crate::state::{Events, Pressure, Refused, SinkRequest, WritableState};
use crate::threads::waits::{For, waited_for};

/// Why no more will be written, until the state has the outcome of the stream.
#[derive(Clone, Debug)]
pub(super) enum EndCause {
    /// The stream is open, or the writer has ended it.
    Open,
    /// A token's `stop` has ended it.
    Stopped,
    /// The writer has failed it, with an error that is delivered after the data.
    Failed(Error),
    /// It needed no more, and the sink has failed to finish then.
    Unfinished(Error),
}

/// Where the thread of the reading side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// It does not wait: it works with what it has taken.
    Away,
    /// It waits for a chunk, as a rendezvous requires. It spins, or checks before it does.
    Waiting,
    /// It waits for a chunk, parked on `filled`: it has to be notified.
    Parked,
    /// It is parked on `filled` because of a rate limit, and takes no chunk meanwhile.
    Resting,
}

impl Reader {
    /// Returns whether it has to be notified.
    pub(super) const fn is_asleep(self) -> bool {
        // `Resting` too: it sleeps on the same condvar, and an end or a cancel has to reach it.
        matches!(self, Self::Parked | Self::Resting)
    }

    const fn wants_a_chunk(self) -> bool {
        // Not `Resting`: at a mark of 0 its chunk would be taken from a writer and then not be
        // read.
        matches!(self, Self::Waiting | Self::Parked)
    }
}

/// What takes the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consumer {
    /// A reader's handle, chunk by chunk.
    Handle,
    /// A thread of a pipeline, batch by batch, to a sink.
    Thread,
    /// A sink whose calls may block: its own thread, which starts with the first request.
    Blocking { has_thread: bool },
    /// A sink that can be tried without blocking: the thread that makes a request due runs it. What
    /// would block goes to the sink's thread, which starts then, and ends after a quiet time.
    Nonblocking { has_thread: bool },
}

impl Consumer {
    /// Returns whether the thread that makes a request due has to run it, or to start the sink's
    /// thread.
    pub(super) const fn runs_inline(self) -> bool {
        matches!(
            self,
            Self::Nonblocking { .. } | Self::Blocking { has_thread: false }
        )
    }

    const fn is_nonblocking(self) -> bool {
        matches!(self, Self::Nonblocking { .. })
    }

    /// Notes that the thread of a sink has started, or is gone. Returns whether that is a change.
    pub(super) const fn set_thread(&mut self, there: bool) -> bool {
        match self {
            Self::Handle | Self::Thread => false,
            Self::Blocking { has_thread } | Self::Nonblocking { has_thread } => {
                // No change means that the thread is there: it is to be woken, and no second one
                // started.
                std::mem::replace(has_thread, there) != there
            }
        }
    }

    pub(super) const fn has_thread(self) -> bool {
        !matches!(
            self,
            Self::Blocking { has_thread: false } | Self::Nonblocking { has_thread: false }
        )
    }
}

/// The writing side of a channel.
///
/// # Invariants
///
/// Between calls:
///
/// 1. `end` is not `Open` only in a stream that takes no more writes.
/// 2. A request is deferred only to a sink that has a thread.
/// 3. What is deferred is the running request of the state: no other one is given out meanwhile, so
///    none overtakes it.
/// 4. What was confirmed and flushed is never more than what was confirmed, and that never more
///    than what was written.
pub(super) struct WriteSide<T> {
    pub(super) state: WritableState<T, Error>,
    pub(super) end: EndCause,
    // Changed only under the lock under which the reader checks what it waits for.
    pub(super) reader: Reader,
    /// `pause` was called and `resume` was not: every writer waits, even if there is room.
    pub(super) paused: bool,
    /// The reader is to return and check whether it needs more, though no request is due.
    pub(super) recheck: bool,
    /// How many writers are parked.
    // A count: a flag would be cleared by the first of them that wakes.
    pub(super) parked_writers: usize,
    /// Another thread may end a wait. In a channel between threads that is checked at the first
    /// wait.
    pub(super) may_park: bool,
    /// How many writers wait for any progress of the reader, even for less than a drain.
    // A count too: several producers may flush, or wait for a budget, at the same time.
    pub(super) flushing: usize,
    /// Writers that have not ended. The last one to end ends the stream.
    // A count: each clone of a writer ends by itself, and only the last end is that of the stream.
    pub(super) producers: usize,
    pub(super) consumer: Consumer,
    /// A request that was tried on a writer's thread, would have blocked, and waits for the sink's
    /// thread. It is still the running one.
    pub(super) deferred: Option<SinkRequest<T>>,
    /// How much the sink had confirmed when a batch of it was done.
    completed: Arrived,
    /// What was taken from a writer and did not reach the sink.
    pub(super) undelivered: Batch<T>,
    /// Wake a source or a sink that is blocked in the kernel when the stream is torn down.
    pub(super) interrupt_source: Option<Interrupt>,
    pub(super) interrupt_sink: Option<Interrupt>,
    /// It was torn down before its regular end.
    pub(super) torn: bool,
    /// A token tore it down.
    pub(super) aborted: bool,
    /// The stream that is fed from here, to be aborted when this one is torn down.
    pub(super) read_for: Option<CancelToken>,
    pub(super) stats: ChannelStats,
    /// How a writer's wait is counted by the pipeline that the thread works for. `None` if the
    /// channel is the pipeline's own, which reads it from `stats`.
    pub(super) writers_for: Option<For>,
    /// The same for the reader.
    pub(super) reader_for: Option<For>,
}

impl<T> WriteSide<T> {
    pub(super) fn new(state: WritableState<T, Error>) -> Self {
        Self {
            state,
            end: EndCause::Open,
            reader: Reader::Away,
            paused: false,
            recheck: false,
            parked_writers: 0,
            may_park: true,
            flushing: 0,
            producers: 1,
            consumer: Consumer::Handle,
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

    /// Counts a writer's wait for room that ended before it parked.
    #[inline]
    pub(super) fn blocked(&mut self, waited: Duration) {
        if !waited.is_zero() {
            self.stats.blocked.add(waited);
            waited_for(self.writers_for, waited);
        }
    }

    /// Counts the reader's wait for a chunk that ended before it parked.
    #[inline]
    pub(super) fn starved(&mut self, waited: Duration) {
        if !waited.is_zero() {
            self.stats.starved.add(waited);
            waited_for(self.reader_for, waited);
        }
    }

    /// Returns whether a write would be taken now.
    #[inline]
    pub(super) fn admits(&self) -> bool {
        // At a mark of 0 there is no buffer: a chunk is admitted only while something takes it at
        // once, and one at a time.
        let room = if self.state.marks().high() == 0 {
            (self.reader.wants_a_chunk() || self.is_idle()) && self.state.is_queue_empty()
        } else {
            // Whatever the chunk weighs: a buffer holds at most its mark and one chunk, and one
            // that is larger than the mark would otherwise never be admitted.
            !self.state.needs_drain()
        };
        // The pause is a part of the condition, so a writer that waits already is held by it as
        // well; `resume` wakes it.
        room && !self.paused && self.state.is_writable()
    }

    /// Returns whether the reader's wait is over: because of a request, a `recheck`, or the end of
    /// the stream. A destroy leaves no request, so to wait for a request alone would not be enough.
    #[inline]
    pub(super) fn is_filled(&self) -> bool {
        // All that ends a wait, or a reader that was woken for it would park again. A deferred
        // request is listed apart: it is the running one, and while one runs none is due.
        self.state.is_request_due()
            || self.state.is_closed()
            || self.recheck
            || self.deferred.is_some()
    }

    /// Returns whether a chunk would be written to the sink by the thread that writes it.
    fn is_idle(&self) -> bool {
        self.consumer.runs_inline() && !self.state.is_running()
    }

    /// Returns whether a request is due that the thread that made it due runs itself. The release
    /// of a sink that may block is left to the handle, which waits for it.
    #[inline]
    pub(super) fn is_due_inline(&self) -> bool {
        self.consumer.runs_inline()
            && self.state.is_request_due()
            && (self.consumer.is_nonblocking() || !self.state.is_destroyed())
    }

    /// Returns whether a sink takes the chunks, and not a reader's handle.
    pub(super) fn has_sink(&self) -> bool {
        self.consumer != Consumer::Handle
    }

    /// Returns whether the reading side needed no more, which is a good end too: nothing else tears
    /// a stream down without an error.
    pub(super) fn is_satisfied(&self) -> bool {
        self.state.is_destroyed()
            && self.state.errored().is_none()
            && !self.state.is_finished()
            && !matches!(self.end, EndCause::Unfinished(_))
    }

    /// Takes a chunk, or gives it back if the stream takes none.
    #[inline]
    pub(super) fn put(&mut self, weighed: Weighed<T>) -> Result<Pressure, T> {
        // As a difference: the queue counts less than the weight of a chunk where the sum would
        // overflow.
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

    /// How much the reader may take before it has to report it: as much as drains the buffer, if a
    /// writer waits for that, and otherwise half of it.
    pub(super) fn report_at(&self) -> usize {
        let marks = self.state.marks();
        if self.state.needs_drain() {
            self.state.len().saturating_sub(marks.low())
        } else {
            (marks.high() - marks.low()) / 2
        }
    }

    /// Takes what is due for the sink, or the reader. In a stream that was failed after its data,
    /// the release comes in place of the end.
    pub(super) fn take(&mut self) -> Option<SinkRequest<T>> {
        // First: it is the request that runs, and the state gives out no other one until it is
        // completed.
        if self.deferred.is_some() {
            return self.deferred.take();
        }
        let request = self.state.next_request()?;
        if let (SinkRequest::Final, EndCause::Failed(failure)) = (&request, &self.end) {
            // The end is the last request, so the queue is empty.
            drop(self.state.fail(failure.clone()));
            return self.state.next_request();
        }
        Some(request)
    }

    /// Counts a part of the running batch as delivered.
    #[inline]
    pub(super) fn progress(&mut self, part: Load) -> Events {
        // Only what the state really takes off: if a teardown has ended the request meanwhile,
        // nothing of it is in hand, and none of it may count as delivered.
        let before = self.state.in_hand();
        let events = self.state.progress(part);
        self.stats.confirm(before.without(self.state.in_hand()));
        events
    }

    /// The running request is done.
    #[inline]
    pub(super) fn complete(&mut self) -> Events {
        // Not the change of the length, which includes what a destroy has given back meanwhile. And
        // before the state completes the request, which leaves nothing in hand.
        self.stats.confirm(self.state.in_hand());
        let events = self.state.complete();
        self.completed = self.confirmed();
        events
    }

    /// The running request is over, and what is left of it is not delivered: it is given back, or no
    /// more is needed. [`complete`](Self::complete) would count it.
    pub(super) fn complete_in_part(&mut self) {
        let _ = self.state.complete();
        self.completed = self.confirmed();
    }

    const fn confirmed(&self) -> Arrived {
        (self.stats.confirmed, self.stats.confirmed_weightless)
    }

    /// Returns whether this much has arrived and was flushed: a sink flushes before its batch is
    /// done, if a writer waits for that, so only completed batches count.
    pub(super) fn has_flushed(&self, written: Arrived) -> bool {
        let (weight, weightless) = if self.has_sink() {
            self.completed
        } else {
            self.confirmed()
        };
        // Both, because a chunk that weighs nothing does not show in a weight, and is to arrive as
        // well.
        weight >= written.0 && weightless >= written.1
    }

    /// Marks the sink as released, if the stream is at that point.
    pub(super) fn release(&mut self) {
        // The request may have been taken already, or is due now.
        let _ = self.state.next_request();
        let _ = self.state.released();
        self.check();
    }

    /// Why no more is taken. `None` if the writer has ended the stream, or nothing has.
    pub(super) fn cause(&self) -> Option<Error> {
        self.failure().or_else(|| match &self.end {
            _ if self.is_satisfied() => Some(Error::enough()),
            EndCause::Stopped => Some(Error::new(ErrorKind::Cancelled, "stopped")),
            EndCause::Open | EndCause::Failed(_) | EndCause::Unfinished(_) => None,
        })
    }

    /// The failure of the stream. That it was stopped, or that no more is needed, is none: its end
    /// may still fail.
    pub(super) fn failure(&self) -> Option<Error> {
        // The state first: it has the outcome. Until a failure has arrived behind its data, only
        // `end` has it.
        if let Some(cause) = self.state.errored() {
            return Some(cause.clone());
        }
        match &self.end {
            EndCause::Failed(failure) | EndCause::Unfinished(failure) => Some(failure.clone()),
            EndCause::Stopped | EndCause::Open => None,
        }
    }

    /// Checks the invariants.
    pub(super) fn check(&self) {
        debug_assert!(
            matches!(self.end, EndCause::Open) || !self.state.is_writable(),
            "invariant 1: {:?}, and writable",
            self.end
        );
        debug_assert!(
            self.deferred.is_none()
                || self.consumer == Consumer::Nonblocking { has_thread: true }
                || matches!(self.consumer, Consumer::Blocking { has_thread: true }),
            "invariant 2: deferred to {:?}",
            self.consumer
        );
        debug_assert!(
            self.deferred.is_none() || self.state.is_running(),
            "invariant 3: a request that does not run is deferred"
        );
        debug_assert!(
            self.completed.0 <= self.stats.confirmed && self.stats.confirmed <= self.stats.weight,
            "invariant 4: {} completed, {} confirmed, {} written",
            self.completed.0,
            self.stats.confirmed,
            self.stats.weight
        );
    }
}
