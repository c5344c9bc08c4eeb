//! Where chunks go once they are out of a channel, and the loop that takes them there.
//!
//! A thread of a stream takes batches out of one channel and hands them to what is downstream. That is the
//! next channel, or a sink; or a transform with what is downstream behind it, so that any number of light
//! stages share a thread, with nothing between them but a call.

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

/// What a thread hands its chunks to.
pub(crate) trait Downstream<T> {
    /// Passes one chunk on, waiting for room where there is none.
    fn push(&mut self, chunk: T) -> Result<(), Error>;

    /// Passes a batch on, and takes off what was. `settle` is told what that counts for, and says how
    /// much more is worth telling; or nothing, if the rest is not wanted any more.
    fn push_all(
        &mut self,
        batch: &mut Batch<T>,
        settle: &mut dyn FnMut(Load) -> Option<usize>,
    ) -> Result<(), Error> {
        // Not for every chunk: it takes a lock, which the writer wants too.
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

    /// Passes on what is held back, for nothing more is at hand. `flush` says that what is behind
    /// should do so too.
    fn rest(&mut self, flush: bool) -> Result<(), Error>;

    /// Nothing more will come.
    fn finish(&mut self) -> Result<(), Error>;

    /// Nothing more will come, because of `cause`.
    fn fail(&mut self, cause: &Error);

    /// Says that nothing more is wanted.
    fn is_done(&self) -> bool;

    /// Says where an error has happened, if it is one of this inlet that does not say so itself; its
    /// channel has seen so much confirmed.
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
    /// What it hands its chunks to needs no more, and whatever is before it may stop.
    WithEnough,
}

/// Takes what is written to a channel to what is downstream, until the end. Ends both, in every case.
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
        if let Some(request) = channel.take()
            && let Some(ended) = handle(channel, downstream, request)
        {
            return ended;
        }
    }
}

/// Takes one request of a channel to what is downstream. Returns how the stream has ended, if it has.
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

/// Ends the channel and what is behind it with an error, and says what the first cause was.
fn break_off<T>(
    channel: &Channel<T>,
    downstream: &mut dyn Downstream<T>,
    error: Error,
    remainder: Batch<T>,
) -> Error {
    let error = downstream.locate(error, channel.stats().confirmed);
    // It travels behind what was passed on before it.
    if let Err(later) = downstream.rest(true) {
        error.attach(later);
    }
    let first = channel.abandoned(error, remainder);
    // What was torn down does not travel behind anything, and a sink can tell by its interrupt.
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

/// Ends the channel well, and what is behind it as if the channel had ended.
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
                // It was on its way, and is among what was not delivered.
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

/// A transform, and what is behind it.
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
    /// Has the transform do something, with the name and the place of whatever goes wrong.
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
            // What is behind may have needed no more, and ends well all the same.
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
