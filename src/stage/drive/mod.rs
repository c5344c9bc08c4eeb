//! Where chunks go once they are out of a join, and the loop that takes them there.
//!
//! A thread of a stream takes batches out of one join and hands them to an inlet. That is the
//! next join, or a sink; or a transform with another inlet behind it, so that any number of light
//! stages share a thread, with nothing between them but a call.

mod direct;
mod sink;

use std::sync::Arc;

use super::transform::{Out, Transform};
use crate::channel::mark::Strategy;
use crate::channel::{Channel, Taken, Wait};
use crate::error::Error;
use crate::state::batch::{Batch, Load};
use crate::threads::worker::guard;

pub(crate) use direct::{Step, try_to};
pub(crate) use sink::{Counts, ToSink};

/// What a thread hands its chunks to.
pub(crate) trait Inlet<T> {
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
    /// join has seen so much confirmed.
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
    /// What it hands its chunks to has had enough, and whatever is before it may stop.
    WithEnough,
}

/// Takes what is written to a join to its inlet, until the end. Ends both, in every case.
///
/// # Errors
///
/// The first cause, if the stream did not end well.
pub(crate) fn run<T>(join: &Channel<T>, inlet: &mut dyn Inlet<T>) -> Result<DriveEnd, Error> {
    loop {
        if inlet.is_done() {
            return have_enough(join, inlet);
        }
        if let Some(ended) = see_to(join, inlet, join.take()) {
            return ended;
        }
    }
}

/// Takes one thing to an inlet that was taken out of its join. Says how that has ended, if it has.
pub(crate) fn see_to<T>(
    join: &Channel<T>,
    inlet: &mut dyn Inlet<T>,
    taken: Taken<T>,
) -> Option<Result<DriveEnd, Error>> {
    let (error, remainder) = match taken {
        Taken::Batch(mut batch) => match pass(join, inlet, &mut batch) {
            Ok(()) => {
                join.complete(batch);
                return None;
            }
            Err(error) if error.is_enough() || join.is_satisfied() => {
                return Some(have_enough(join, inlet));
            }
            Err(error) => (error, batch),
        },
        // Somebody further down has had enough, and said so for all that is before him.
        Taken::Gone(None) if join.is_satisfied() => return Some(have_enough(join, inlet)),
        Taken::Nudge => return None,
        Taken::End => match inlet.finish() {
            Ok(()) => return Some(join.finished().map(|()| DriveEnd::AtTheEnd)),
            Err(error) => (error, Batch::new()),
        },
        Taken::Gone(cause) => (cause.unwrap_or_else(Error::closed), Batch::new()),
    };
    Some(Err(break_off(join, inlet, error, remainder)))
}

/// Ends the join and what is behind it with an error, and says what the first cause was.
fn break_off<T>(
    join: &Channel<T>,
    inlet: &mut dyn Inlet<T>,
    error: Error,
    remainder: Batch<T>,
) -> Error {
    let error = inlet.locate(error, join.stats().confirmed);
    // It travels behind what was passed on before it.
    if let Err(later) = inlet.rest(true) {
        error.attach(later);
    }
    let first = join.abandoned(error, remainder);
    // What was torn down does not travel behind anything, and a sink can tell by its interrupt.
    join.spread();
    inlet.fail(&first);
    first
}

fn pass<T>(join: &Channel<T>, inlet: &mut dyn Inlet<T>, batch: &mut Batch<T>) -> Result<(), Error> {
    inlet.push_all(batch, &mut |part| join.settle(part))?;
    inlet.rest(join.should_flush())
}

/// Ends the join well, and what is behind it as if the join had ended.
pub(crate) fn have_enough<T>(
    join: &Channel<T>,
    inlet: &mut dyn Inlet<T>,
) -> Result<DriveEnd, Error> {
    join.satisfy();
    match inlet.finish() {
        Err(error) if !error.is_enough() => {
            let first = join.abandoned(error, Batch::new());
            inlet.fail(&first);
            Err(first)
        }
        _ => {
            join.let_go();
            Ok(DriveEnd::WithEnough)
        }
    }
}

/// Another join, which is ended in every case.
pub(crate) struct ToJoin<T> {
    join: Arc<Channel<T>>,
    ended: bool,
}

impl<T> ToJoin<T> {
    pub(crate) const fn new(join: Arc<Channel<T>>) -> Self {
        Self { join, ended: false }
    }
}

impl<T> Inlet<T> for ToJoin<T> {
    #[inline]
    fn push(&mut self, chunk: T) -> Result<(), Error> {
        match self.join.write(chunk, Wait::Forever) {
            Ok(_) => Ok(()),
            Err(refused) => {
                // It was on its way, and is among what was not delivered.
                let (chunk, error) = refused.into_parts();
                self.join.give_back(chunk);
                Err(error)
            }
        }
    }

    fn rest(&mut self, _flush: bool) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.ended = true;
        self.join.end_producer();
        Ok(())
    }

    fn fail(&mut self, cause: &Error) {
        self.ended = true;
        let _ = self.join.fail(cause.clone());
    }

    fn is_done(&self) -> bool {
        self.join.is_satisfied()
    }
}

impl<T> Drop for ToJoin<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.join.abandon();
        }
    }
}

/// A transform, and what is behind it.
pub(crate) struct Through<'a, I, O> {
    transform: &'a mut dyn Transform<I, O>,
    inlet: &'a mut dyn Inlet<O>,
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
        inlet: &'a mut dyn Inlet<O>,
    ) -> Self {
        Self {
            transform,
            inlet,
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
            inlet,
            strategy,
            taken,
            broken,
        } = self;
        let mut push = |chunk| inlet.push(chunk);
        let outcome = guard(|| work(*transform, &mut Out::new(&mut push)));
        *broken = outcome.is_err();
        outcome.map_err(|error| error.of_stage(&transform.name(), *taken, strategy.unit()))
    }
}

impl<I, O> Inlet<I> for Through<'_, I, O> {
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
        self.inlet.rest(flush)
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.call(|transform, out| transform.flush(out)) {
            // What is behind may have had enough, and ends well all the same.
            Err(error) if !error.is_enough() => Err(error),
            _ => self.inlet.finish(),
        }
    }

    fn fail(&mut self, cause: &Error) {
        self.transform.fail(cause);
        self.inlet.fail(cause);
    }

    fn is_done(&self) -> bool {
        self.transform.is_done() || self.inlet.is_done()
    }
}
