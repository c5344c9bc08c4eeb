//! The loop of a stream's thread: it takes batches out of a channel and passes them downstream.
//!
//! Downstream is the next channel, or a sink; or a transform with its own downstream, so that any
//! number of light stages share a thread, with nothing between them but a call.
//!
//! - Owns: the thread owns the batch that it has taken, and its downstream.
//! - Lock order: no lock is held here while downstream is called.
//! - May block: a push downstream, for room in the next channel or in a call of the sink; and the
//!   channel's `take`.
//! - Invariant: when the loop ends, both the channel and what is downstream have ended.

mod inline;
mod sink;

use std::sync::Arc;

use super::transform::{Out, Transform};
use crate::channel::mark::Strategy;
use crate::channel::{Channel, Wait};
use crate::error::Error;
use crate::state::SinkRequest;
use crate::state::batch::{Batch, Load};
use crate::threads::worker::guard;

pub(crate) use inline::{DriverHandle, RunDue, SinkDriver};
pub(crate) use sink::{Counts, ToSink};

/// What a thread passes its chunks to.
pub(crate) trait Downstream<T> {
    /// Passes one chunk on, waiting for room where there is none.
    fn push(&mut self, chunk: T) -> Result<(), Error>;

    /// Passes a batch on, and removes what was passed. `settle` is called with its load, and
    /// returns how much more is worth the next call, or `None` if the rest is not needed any more.
    fn push_all(
        &mut self,
        batch: &mut Batch<T>,
        settle: &mut dyn FnMut(Load) -> Option<usize>,
    ) -> Result<(), Error> {
        // Not for every chunk: it takes a lock that the writer needs too.
        let (mut passed, mut worth_telling) = (Load::NONE, 0);
        while let Some(first) = batch.pop() {
            let pushed = self.push(first.chunk);
            if pushed.is_ok() {
                passed += Load::of(first.weight);
            }
            if passed.charge() >= worth_telling || batch.is_empty() || pushed.is_err() {
                let next = settle(std::mem::take(&mut passed));
                pushed?;
                worth_telling = next.ok_or_else(Error::interrupted)?;
            }
        }
        Ok(())
    }

    /// Passes on what is held back, because nothing more is available. With `flush`, what is
    /// further downstream does the same.
    fn rest(&mut self, flush: bool) -> Result<(), Error>;

    /// Nothing more will come.
    fn finish(&mut self) -> Result<(), Error>;

    /// Nothing more will come, because of `cause`.
    fn fail(&mut self, cause: &Error);

    /// Returns whether downstream needs no more.
    fn is_done(&self) -> bool;

    /// Adds the place to an error of this downstream that has none yet. Its channel has confirmed
    /// `confirmed`.
    fn locate(&self, error: Error, confirmed: u64) -> Error {
        let _ = confirmed;
        error
    }
}

/// How a thread's work has ended, if it ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DriveEnd {
    /// Everything has gone through.
    AtTheEnd,
    /// Downstream needs no more, and everything upstream may stop.
    WithEnough,
}

/// Passes everything that is written to a channel downstream, until the end. Ends both in every
/// case.
///
/// # Errors
///
/// The first cause, if the stream did not end well.
pub(crate) fn run<T>(
    channel: &Channel<T>,
    downstream: &mut dyn Downstream<T>,
) -> Result<DriveEnd, Error> {
    loop {
        if downstream.is_done() {
            return have_enough(channel, downstream);
        }
        let request = channel.take();
        if let Some(ended) = request.and_then(|request| handle(channel, downstream, request)) {
            return ended;
        }
    }
}

/// Passes one request of a channel downstream. Returns how the stream has ended, if it has.
pub(crate) fn handle<T>(
    channel: &Channel<T>,
    downstream: &mut dyn Downstream<T>,
    request: SinkRequest<T>,
) -> Option<Result<DriveEnd, Error>> {
    let (error, remainder) = match request {
        SinkRequest::Write(mut batch) => match pass(channel, downstream, &mut batch) {
            Ok(()) => {
                channel.complete(batch);
                return None;
            }
            Err(error) if error.is_enough() || channel.is_satisfied() => {
                return Some(have_enough(channel, downstream));
            }
            Err(error) => (error, batch),
        },
        SinkRequest::Final => match downstream.finish() {
            Ok(()) => return Some(channel.finished().map(|()| DriveEnd::AtTheEnd)),
            Err(error) => (error, Batch::new()),
        },
        // A stage further down needed no more, and everything before it ends well.
        SinkRequest::Release if channel.is_satisfied() => {
            return Some(have_enough(channel, downstream));
        }
        SinkRequest::Release => {
            let cause = channel.with_state(|state, _| state.errored().cloned());
            (cause.unwrap_or_else(Error::closed), Batch::new())
        }
    };
    Some(Err(break_off(channel, downstream, error, remainder)))
}

/// Ends the channel and what is downstream with an error. Returns the first cause.
fn break_off<T>(
    channel: &Channel<T>,
    downstream: &mut dyn Downstream<T>,
    error: Error,
    remainder: Batch<T>,
) -> Error {
    let error = downstream.locate(error, channel.stats().confirmed);
    // It is delivered after what was passed on before it.
    if let Err(later) = downstream.rest(true) {
        error.attach(later);
    }
    let first = channel.abandoned(error, remainder);
    // A teardown does not wait for the data before it, and a sink notices it by its interrupt.
    channel.spread();
    downstream.fail(&first);
    first
}

fn pass<T>(
    channel: &Channel<T>,
    downstream: &mut dyn Downstream<T>,
    batch: &mut Batch<T>,
) -> Result<(), Error> {
    downstream.push_all(batch, &mut |part| channel.settle(part))?;
    downstream.rest(channel.should_flush())
}

/// Ends the channel well, and what is downstream as if the channel had ended.
pub(crate) fn have_enough<T>(
    channel: &Channel<T>,
    downstream: &mut dyn Downstream<T>,
) -> Result<DriveEnd, Error> {
    channel.satisfy();
    match downstream.finish() {
        Err(error) if !error.is_enough() => {
            let first = channel.abandoned(error, Batch::new());
            downstream.fail(&first);
            Err(first)
        }
        _ => {
            channel.let_go();
            Ok(DriveEnd::WithEnough)
        }
    }
}

/// Another channel, which is ended in every case.
pub(crate) struct ToChannel<T> {
    channel: Arc<Channel<T>>,
    ended: bool,
}

impl<T> ToChannel<T> {
    pub(crate) const fn new(channel: Arc<Channel<T>>) -> Self {
        Self {
            channel,
            ended: false,
        }
    }
}

impl<T> Downstream<T> for ToChannel<T> {
    #[inline]
    fn push(&mut self, chunk: T) -> Result<(), Error> {
        match self.channel.write(chunk, Wait::Forever) {
            Ok(_) => Ok(()),
            Err(refused) => {
                // It was taken and not delivered, so it counts as undelivered.
                let (chunk, error) = refused.into_parts();
                self.channel.give_back(chunk);
                Err(error)
            }
        }
    }

    fn rest(&mut self, _flush: bool) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.ended = true;
        self.channel.end_producer();
        Ok(())
    }

    fn fail(&mut self, cause: &Error) {
        self.ended = true;
        let _ = self.channel.fail(cause.clone());
    }

    fn is_done(&self) -> bool {
        self.channel.is_satisfied()
    }
}

impl<T> Drop for ToChannel<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.channel.abandon();
        }
    }
}

/// A transform, and what is downstream of it.
pub(crate) struct Through<'a, I, O> {
    transform: &'a mut dyn Transform<I, O>,
    downstream: &'a mut dyn Downstream<O>,
    /// How what comes in is measured.
    strategy: Strategy<I>,
    /// How much of that the transform has taken without an error: its place, if it fails.
    taken: u64,
    /// The transform has failed, and is not called again.
    broken: bool,
}

impl<'a, I, O> Through<'a, I, O> {
    pub(crate) fn new(
        transform: &'a mut dyn Transform<I, O>,
        strategy: Strategy<I>,
        downstream: &'a mut dyn Downstream<O>,
    ) -> Self {
        Self {
            transform,
            downstream,
            strategy,
            taken: 0,
            broken: false,
        }
    }
}

impl<I, O> Through<'_, I, O> {
    /// Calls the transform. An error or a panic gets its name and its place.
    fn call(
        &mut self,
        work: impl FnOnce(&mut dyn Transform<I, O>, &mut Out<'_, O>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self {
            transform,
            downstream,
            strategy,
            taken,
            broken,
        } = self;
        let mut push = |chunk| downstream.push(chunk);
        let outcome = guard(|| work(*transform, &mut Out::new(&mut push)));
        *broken = outcome.is_err();
        outcome.map_err(|error| error.of_stage(&transform.name(), *taken, strategy.unit()))
    }
}

impl<I, O> Downstream<I> for Through<'_, I, O> {
    #[inline]
    fn push(&mut self, chunk: I) -> Result<(), Error> {
        let (strategy, mut weight) = (self.strategy, 0);
        self.call(|transform, out| {
            weight = strategy.weigh(&chunk);
            transform.transform(chunk, out)
        })?;
        self.taken = self.taken.saturating_add(weight as u64);
        Ok(())
    }

    fn rest(&mut self, flush: bool) -> Result<(), Error> {
        if flush && !self.broken {
            self.call(|transform, out| transform.idle(out))?;
        }
        self.downstream.rest(flush)
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.call(|transform, out| transform.flush(out)) {
            // Downstream may need no more, which is a good end too.
            Err(error) if !error.is_enough() => Err(error),
            _ => self.downstream.finish(),
        }
    }

    fn fail(&mut self, cause: &Error) {
        self.transform.fail(cause);
        self.downstream.fail(cause);
    }

    fn is_done(&self) -> bool {
        self.transform.is_done() || self.downstream.is_done()
    }
}
