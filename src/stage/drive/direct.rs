//! A sink that is tried first, by a thread that must not block.

use super::sink::stands_still;
use super::{DriveEnd, Inlet, ToSink, break_off, have_enough, see_to};
use crate::channel::{Channel, Taken};
use crate::error::Error;
use crate::stage::sink::{Sink, Tried};
use crate::state::Pressure;
use crate::state::batch::{Batch, Load};

/// What came of trying.
pub(crate) enum Step<T> {
    /// It is done, and this is due next.
    Next(Taken<T>),
    /// It is done, and nothing is due. The next write would fare like this.
    Done(Pressure),
    /// This would block.
    Rest(Taken<T>),
    /// The stream is over.
    Over(Result<DriveEnd, Error>),
}

/// Takes one thing to a sink that was taken out of its join, as far as that does not block.
pub(crate) fn try_to<T, K: Sink<T>>(
    join: &Channel<T>,
    inlet: &mut ToSink<'_, T, K>,
    taken: Taken<T>,
) -> Step<T> {
    match taken {
        Taken::Batch(batch) => try_batch(join, inlet, batch),
        Taken::End => match inlet.try_finish() {
            Ok(Tried::Done) => Step::Over(join.finished().map(|()| DriveEnd::AtTheEnd)),
            Ok(Tried::WouldBlock) => Step::Rest(Taken::End),
            Err(error) => Step::Over(Err(break_off(join, inlet, error, Batch::new()))),
        },
        // To let go of a sink does not block.
        gone => match see_to(join, inlet, gone) {
            Some(ended) => Step::Over(ended),
            None => Step::Done(Pressure::Below),
        },
    }
}

fn try_batch<T, K: Sink<T>>(
    join: &Channel<T>,
    inlet: &mut ToSink<'_, T, K>,
    mut batch: Batch<T>,
) -> Step<T> {
    loop {
        if inlet.is_done() {
            return Step::Over(have_enough(join, inlet));
        }
        let (part, outcome) = inlet.try_write(&mut batch);
        let error = match outcome {
            Ok(Tried::WouldBlock) => return Step::Rest(Taken::Batch(batch)),
            Ok(Tried::Done) if batch.is_empty() => {
                return match join.complete_inline(batch) {
                    Ok(next) => Step::Next(next),
                    Err(pressure) => Step::Done(pressure),
                };
            }
            // Between two calls a stream that was torn down is noticed.
            Ok(Tried::Done) => match join.settle(part) {
                Some(_) => continue,
                None => Error::interrupted(),
            },
            Err(error) => {
                join.settle(part);
                error
            }
        };
        if error.is_enough() || join.is_satisfied() {
            return Step::Over(have_enough(join, inlet));
        }
        return Step::Over(Err(break_off(join, inlet, error, batch)));
    }
}

impl<T, K: Sink<T>> ToSink<'_, T, K> {
    fn try_write(&mut self, batch: &mut Batch<T>) -> (Load, Result<Tried, Error>) {
        self.write_part(batch, |sink, batch, begun| {
            let Some(sink) = sink.direct() else {
                return Ok(Tried::WouldBlock);
            };
            let tried = sink.try_write(batch)?;
            if tried == Tried::Done {
                stands_still(batch, begun)?;
            }
            Ok(tried)
        })
    }

    fn try_finish(&mut self) -> Result<Tried, Error> {
        self.call("finish", |sink| {
            sink.direct()
                .map_or(Ok(Tried::WouldBlock), |sink| sink.try_finish())
        })
    }
}
