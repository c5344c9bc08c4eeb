//! A channel whose sink is called by the thread that makes a request due, where no thread of the
//! sink's own is needed.
//!
//! - Owns: the running request belongs to the thread that took it: a writer's, one that uncorks,
//!   one that cancels, or the sink's own. The handle owns the sink, and passes it in
//!   ([`RunInline`]).
//! - Lock order: only the write side's lock. A request is run without it.
//! - May block: `take_within`, on the sink's own thread. The rest only takes the lock.
//! - Invariant: the state gives out one request at a time, so no request overtakes another one.
//!
//! The channel never calls the sink by itself. A call that is given no [`RunInline`] leaves the
//! request there, and its caller takes it ([`take_due`](Channel::take_due)).

use std::time::{Duration, Instant};

use super::mark::Strategy;
use super::write_side::Consumer;
use super::{Channel, Wait, WriteSide};
use crate::error::{Error, WriteError};
use crate::state::batch::{Batch, Load};
use crate::state::{Pressure, SinkRequest};
use crate::threads::sync::MutexGuard;

/// What runs a request on the calling thread.
pub(crate) trait RunInline<T> {
    /// Runs it as far as that does not block, and what becomes due meanwhile. Leaves the rest to
    /// the sink's thread.
    fn run_inline(&self, request: SinkRequest<T>) -> Ran;
}

/// What came of a request that was run on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It is written as far as it does not block. The pressure is that of the next write.
    Done(Pressure),
    /// It was left to the sink's thread as it is.
    Deferred,
    /// The stream is over.
    Over,
}

/// For a channel whose requests are never run by the thread that makes them due.
pub(crate) struct NoSink;

impl<T> RunInline<T> for NoSink {
    #[inline]
    fn run_inline(&self, _request: SinkRequest<T>) -> Ran {
        debug_assert!(false, "a sink's channel was written to without its sink");
        Ran::Over
    }
}

impl<T> WriteSide<T> {
    /// Takes what is due, if the calling thread is to run it.
    #[inline(never)]
    fn take_inline(&mut self) -> Option<SinkRequest<T>> {
        // A deferred request belongs to the sink's thread and is the running one: nothing is due.
        self.is_due_inline().then(|| self.take()).flatten()
    }
}

impl<T> Channel<T> {
    /// Makes a channel with a sink. `nonblocking`: the sink can be tried without blocking.
    pub(crate) fn with_sink(strategy: Strategy<T>, nonblocking: bool) -> Self {
        let channel = Self::new(strategy);
        let has_thread = false;
        channel.write_side().consumer = if nonblocking {
            Consumer::Nonblocking { has_thread }
        } else {
            Consumer::Blocking { has_thread }
        };
        channel
    }

    /// Wakes the reader, or runs what is due on `sink` and returns what came of that.
    #[inline]
    pub(super) fn wake_or_run(
        &self,
        write_side: MutexGuard<'_, WriteSide<T>>,
        sink: &impl RunInline<T>,
    ) -> Option<Ran> {
        if !write_side.consumer.runs_inline() {
            self.wake_reader(write_side);
            return None;
        }
        self.run_due(write_side, sink)
    }

    /// Not inline: a channel between two threads has no sink, and its writes are to stay small.
    #[inline(never)]
    fn run_due(
        &self,
        mut write_side: MutexGuard<'_, WriteSide<T>>,
        sink: &impl RunInline<T>,
    ) -> Option<Ran> {
        // If a request runs, its thread takes what is due after it, in `complete_inline`. If it was
        // deferred, the thread of the sink is woken here.
        let Some(request) = write_side.take_inline() else {
            self.wake_reader(write_side);
            return None;
        };
        // The request is marked as running, so it stays the only one without the lock. Other
        // writers go on to queue while the sink writes.
        drop(write_side);
        Some(sink.run_inline(request))
    }

    /// Takes what is due for the calling thread to run.
    pub(crate) fn take_due(&self) -> Option<SinkRequest<T>> {
        self.write_side().take_inline()
    }

    /// The batch that was run here is written. Returns the next request if it is to be run here, or
    /// the pressure of the next write.
    pub(crate) fn complete_inline(&self, batch: Batch<T>) -> Result<SinkRequest<T>, Pressure> {
        let mut write_side = self.write_side();
        let events = write_side.complete();
        write_side.state.recycle(batch);
        // Under the hold of the completion. Writers that came while the batch ran have found it
        // running and have left their chunks to this thread: nothing else would take them.
        if let Some(request) = write_side.take_inline() {
            self.after_progress(write_side, events);
            return Ok(request);
        }
        let pressure = if write_side.admits() {
            Pressure::Below
        } else {
            Pressure::Reached
        };
        // Nothing else reports this progress to the writers that are parked.
        self.after_progress(write_side, events);
        Err(pressure)
    }

    /// Leaves a request that would block to the sink's thread. Returns whether the
    /// caller has to start that thread.
    #[must_use]
    pub(crate) fn defer(&self, rest: SinkRequest<T>) -> bool {
        // Under one hold of the lock: `take_within` gives the thread up under it, so either that
        // thread finds this request, or `is_new` is true here and the caller starts another one.
        let mut write_side = self.write_side();
        // Not completed: the request still counts as running, so that nothing overtakes it.
        write_side.deferred = Some(rest);
        let is_new = write_side.consumer.set_thread(true);
        write_side.check();
        // A new thread checks before it waits. One that is there may be parked in `take_within`.
        if !is_new {
            self.wake_reader(write_side);
        }
        is_new
    }

    /// Takes back what was deferred to a thread that could not be started.
    pub(crate) fn take_deferred(&self) -> Batch<T> {
        match self.write_side().deferred.take() {
            Some(SinkRequest::Write(batch)) => batch,
            _ => Batch::new(),
        }
    }

    /// Takes what is due, on the sink's own thread. `None` if nothing was due for `quiet`, and then
    /// the channel no longer relies on that thread; or if the channel is closed.
    ///
    /// The wait ends with a request, with the end of the stream, or after `quiet`.
    pub(crate) fn take_within(&self, quiet: Duration) -> Option<SinkRequest<T>> {
        let mut deadline = None;
        loop {
            let mut write_side = self.write_side();
            // Also one that was not deferred, if the thread that made it due has not taken it yet.
            if let Some(request) = write_side.take() {
                self.filled_flag.lower();
                return Some(request);
            }
            if write_side.state.is_closed() {
                // The thread that has ended the stream has run its last request.
                return None;
            }
            // Set once, so that wakes for nothing do not prolong the wait, and only when there is
            // nothing to do, because it reads the clock.
            let until = *deadline.get_or_insert_with(|| Instant::now() + quiet);
            if self.wait_filled(write_side, Wait::Until(until)).is_err() {
                let mut write_side = self.write_side();
                // Checked again under the lock under which a request is deferred: either it is seen
                // here, or `defer` finds that there is no thread and has one started.
                if !write_side.is_filled() {
                    write_side.consumer.set_thread(false);
                    return None;
                }
            }
        }
    }

    /// Takes the request to release a sink that no thread serves, of a stream that was torn down.
    pub(crate) fn take_release(&self) -> Option<SinkRequest<T>> {
        let mut write_side = self.write_side();
        // A thread that is there releases the sink itself: it may be inside a call of it now.
        (!write_side.consumer.has_thread() && write_side.state.is_destroyed())
            .then(|| write_side.take())
            .flatten()
    }

    /// Fails if running a batch has ended the stream of a sink.
    pub(super) fn survived(&self) -> Result<(), Error> {
        let write_side = self.write_side();
        match write_side.state.errored() {
            Some(cause) if write_side.consumer != Consumer::Handle => Err(cause.clone()),
            _ => Ok(()),
        }
    }

    /// The outcome of a write of `weight` that has ended its own stream. A chunk that was not
    /// written, or what is left of it, goes back to its writer, as if it had not been taken.
    #[cold]
    pub(super) fn outcome_of_inline_write(&self, weight: usize) -> Result<Pressure, WriteError<T>> {
        let mut write_side = self.write_side();
        // If there are more, other writers have queued too, and their chunks cannot be
        // distinguished from this one.
        let alone = write_side.state.is_destroyed() && write_side.undelivered.len() == 1;
        let Some(rest) = alone.then(|| write_side.undelivered.pop()).flatten() else {
            drop(write_side);
            return Ok(self.pressure());
        };
        let whole = rest.weight == weight;
        write_side.stats.take_back(Load::of(rest.weight), whole);
        let cause = write_side.cause().unwrap_or_else(Error::closed);
        Err(WriteError::Closed(rest.chunk, cause))
    }
}
