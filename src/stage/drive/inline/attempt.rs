//! One request, tried on the thread that made it due.
//!
//! - Owns: the request, until it is done or handed back as what would block.
//! - Lock order: the caller holds the sink's lock. The channel's is taken under it, call by call, and
//!   not while the sink is called.
//! - May block: nothing here; a sink that would block is not waited for.

use super::SinkDriver;
use crate::error::Error;
use crate::stage::drive::sink::stands_still;
use crate::stage::drive::{Downstream, DriveEnd, ToSink, break_off, handle, have_enough};
use crate::stage::sink::{Attempt, Sink};
use crate::state::batch::{Batch, Load};
use crate::state::{Pressure, SinkRequest};

/// What came of a request that was run without blocking.
pub(super) enum Attempted<T> {
    /// It is done, and nothing is due. The pressure is that of the next write.
    Done(Pressure),
    /// It is done, and this is due next.
    Next(SinkRequest<T>),
    /// This is left of it.
    WouldBlock(SinkRequest<T>),
    /// The stream is over.
    Over(Result<DriveEnd, Error>),
}

impl<T: Send + 'static, K: Sink<T> + 'static, S: 'static> SinkDriver<T, K, S> {
    /// Runs one request without blocking. Returns how the stream has ended, if it has; or a request
    /// that would block.
    pub(super) fn attempt(&self, sink: &mut K, request: SinkRequest<T>) -> Attempted<T> {
        let mut unseen = |_| {};
        let mut downstream = ToSink::uncounted(sink, self.strategy, &mut unseen);
        match request {
            SinkRequest::Write(batch) => self.attempt_write(&mut downstream, batch),
            SinkRequest::Final => match downstream.try_finish() {
                Ok(Attempt::Done) => {
                    Attempted::Over(self.channel.finished().map(|()| DriveEnd::AtTheEnd))
                }
                Ok(Attempt::WouldBlock) => Attempted::WouldBlock(SinkRequest::Final),
                Err(error) => {
                    let error = break_off(&self.channel, &mut downstream, error, Batch::new());
                    Attempted::Over(Err(error))
                }
            },
            // Dropping a sink does not block.
            SinkRequest::Release => {
                match handle(&self.channel, &mut downstream, SinkRequest::Release) {
                    Some(ended) => Attempted::Over(ended),
                    None => Attempted::Done(Pressure::Below),
                }
            }
        }
    }

    fn attempt_write(
        &self,
        downstream: &mut ToSink<'_, T, K>,
        mut batch: Batch<T>,
    ) -> Attempted<T> {
        let channel = &self.channel;
        loop {
            // Before each call: a sink that needs no more is not called again.
            if downstream.is_done() {
                return Attempted::Over(have_enough(channel, downstream));
            }
            let (part, outcome) = downstream.try_write(&mut batch);
            let error = match outcome {
                Ok(Attempt::WouldBlock) => {
                    return Attempted::WouldBlock(SinkRequest::Write(batch));
                }
                Ok(Attempt::Done) if batch.is_empty() => {
                    return match channel.complete_inline(batch) {
                        // What came while this ran is for this thread too: see `complete_inline`.
                        Ok(next) => Attempted::Next(next),
                        Err(pressure) => Attempted::Done(pressure),
                    };
                }
                // A teardown is checked for between two calls.
                Ok(Attempt::Done) => match channel.settle(part) {
                    Some(_) => continue,
                    None => Error::interrupted(),
                },
                // What was written before the failure is confirmed all the same.
                Err(error) => {
                    channel.settle(part);
                    error
                }
            };
            if error.is_enough() || channel.is_satisfied() {
                return Attempted::Over(have_enough(channel, downstream));
            }
            return Attempted::Over(Err(break_off(channel, downstream, error, batch)));
        }
    }
}

impl<T, K: Sink<T>> ToSink<'_, T, K> {
    fn try_write(&mut self, batch: &mut Batch<T>) -> (Load, Result<Attempt, Error>) {
        self.write_part(batch, |sink, batch, begun| {
            let Some(sink) = sink.direct() else {
                return Ok(Attempt::WouldBlock);
            };
            let attempt = sink.try_write(batch)?;
            if attempt == Attempt::Done {
                stands_still(batch, begun)?;
            }
            Ok(attempt)
        })
    }

    fn try_finish(&mut self) -> Result<Attempt, Error> {
        self.call("finish", |sink| {
            sink.direct()
                .map_or(Ok(Attempt::WouldBlock), |sink| sink.try_finish())
        })
    }
}
