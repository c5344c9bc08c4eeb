//! A sink at the end of a thread.
//!
//! - Owns: the thread owns the sink while it runs, and what is staged for it.
//! - No locks; the counts are atomics that only this thread writes.
//! - May block: a call of the sink.
//! - Invariant: chunks reach the sink in order, and each that did not is given back.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Downstream;
use crate::channel::mark::Strategy;
use crate::error::Error;
use crate::stage::sink::Sink;
use crate::state::batch::{Batch, Begun, Load};
use crate::threads::worker::guard;

/// A sink, what it has confirmed, and what is held back to be written in one go.
///
/// A batch that comes straight out of a channel is written as it is. What a stage on the same
/// thread passes on is staged, so that a line does not cost a system call.
///
/// # Invariants
///
/// What is staged weighs less than `most`, and one chunk more while it is being written.
pub(crate) struct ToSink<'a, T, K> {
    sink: &'a mut K,
    strategy: Strategy<T>,
    staged: Batch<T>,
    most: usize,
    chunks: u64,
    confirmed: u64,
    /// The same two, for other threads to read. `None` where its channel has the same counts.
    counts: Option<Arc<Counts>>,
    /// The sink has failed, and is not called again.
    broken: bool,
    /// The stream is torn down. A stage that makes many chunks out of one checks this between them.
    torn: Option<Arc<AtomicBool>>,
    written: &'a mut dyn FnMut(usize),
}

/// What a stage on the same thread has passed to a sink, and what of it the sink has confirmed.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    chunks: AtomicU64,
    confirmed: AtomicU64,
}

impl Counts {
    /// Counts one more chunk. Only one thread may call it.
    pub(crate) fn add(&self, weight: usize) {
        // A load and a store in place of an atomic add, which costs more, for it runs for every
        // item. `Relaxed`: they are figures for reports, and publish nothing.
        let (confirmed, chunks) = self.look();
        self.chunks.store(chunks + 1, Ordering::Relaxed);
        let confirmed = confirmed.saturating_add(weight as u64);
        self.confirmed.store(confirmed, Ordering::Relaxed);
    }

    /// What was confirmed, and how many chunks there were.
    pub(crate) fn look(&self) -> (u64, u64) {
        (
            self.confirmed.load(Ordering::Relaxed),
            self.chunks.load(Ordering::Relaxed),
        )
    }
}

/// How much is staged at most, in the unit of the stream: enough bytes to be worth a write.
const STAGED_MAX: usize = 64 * 1024;

/// How many chunks are staged at most: as many as one system call takes.
const CHUNKS_MAX: usize = 1024;

impl<'a, T, K: Sink<T>> ToSink<'a, T, K> {
    /// Wraps a sink. `written` is called with the weight that each of its calls has written.
    pub(crate) fn new(
        sink: &'a mut K,
        strategy: Strategy<T>,
        written: &'a mut dyn FnMut(usize),
    ) -> Self {
        Self {
            counts: Some(Arc::default()),
            ..Self::uncounted(sink, strategy, written)
        }
    }

    /// Wraps a sink that is fed straight from a channel, which counts what was confirmed.
    pub(crate) fn uncounted(
        sink: &'a mut K,
        strategy: Strategy<T>,
        written: &'a mut dyn FnMut(usize),
    ) -> Self {
        Self {
            sink,
            strategy,
            staged: Batch::new(),
            most: strategy.marks().high().clamp(1, STAGED_MAX),
            chunks: 0,
            confirmed: 0,
            counts: None,
            broken: false,
            torn: None,
            written,
        }
    }

    /// Sets the flag to check, between two writes of what was staged, for a teardown of the stream.
    pub(crate) fn unless(mut self, torn: Arc<AtomicBool>) -> Self {
        self.torn = Some(torn);
        self
    }

    pub(crate) fn name(&self) -> Cow<'_, str> {
        self.sink.name()
    }

    /// Counts what the sink is given and confirms in counts that other threads read already.
    pub(crate) fn counted(mut self, counts: Arc<Counts>) -> Self {
        self.counts = Some(counts);
        self
    }

    /// What the sink was given and has confirmed, for other threads to read.
    pub(crate) fn counts(&mut self) -> Arc<Counts> {
        Arc::clone(self.counts.get_or_insert_default())
    }

    /// What was staged and not written.
    pub(crate) fn into_undelivered(self) -> Batch<T> {
        self.staged
    }

    /// Counts what was written by other means than the sink's `write`.
    pub(crate) fn passed_by(&mut self, weight: usize) -> Result<(), Error> {
        self.count();
        self.confirm(weight);
        self.tell(weight)
    }

    /// Notes that the sink has failed. Returns the error with its name and place.
    pub(crate) fn broke(&mut self, doing: &'static str, error: Error) -> Error {
        if error.is_enough() {
            return error;
        }
        self.broken = true;
        let error = error.during(doing, &self.sink.name());
        if self.counts.is_some() {
            error.at_unit(self.confirmed, self.strategy.unit())
        } else {
            error
        }
    }

    fn write_staged(&mut self) -> Result<(), Error> {
        let torn = self.torn.clone();
        let is_torn = || {
            torn.as_ref()
                .is_some_and(|torn| torn.load(Ordering::Acquire))
        };
        if is_torn() {
            return Err(Error::interrupted());
        }
        let mut staged = std::mem::take(&mut self.staged);
        let outcome = self.push_all(&mut staged, &mut |_| (!is_torn()).then_some(0));
        self.staged = staged;
        outcome
    }

    /// Counts what the sink was given.
    fn count(&mut self) {
        if let Some(counts) = &self.counts {
            self.chunks += 1;
            counts.chunks.store(self.chunks, Ordering::Relaxed);
        }
    }

    /// Counts what the sink has written.
    fn confirm(&mut self, weight: usize) {
        if let Some(counts) = &self.counts {
            self.confirmed = self.confirmed.saturating_add(weight as u64);
            // A load and a store: no other thread writes it, and this runs for every line.
            counts.confirmed.store(self.confirmed, Ordering::Relaxed);
        }
    }

    /// Calls `written`, which may be a user's closure.
    fn tell(&mut self, weight: usize) -> Result<(), Error> {
        guard(|| {
            (self.written)(weight);
            Ok(())
        })
    }

    /// Calls the sink to write some of a batch. Returns the load that was written, even if the call
    /// has failed after it.
    pub(super) fn write_part<R>(
        &mut self,
        batch: &mut Batch<T>,
        write: impl FnOnce(&mut K, &mut Batch<T>, Begun) -> Result<R, Error>,
    ) -> (Load, Result<R, Error>) {
        let begun = batch.begin_write();
        let outcome = guard(|| write(self.sink, batch, begun));
        let part = match &outcome {
            Ok(_) => batch.written_since(begun),
            Err(_) => batch.written_before_failure(begun),
        };
        self.confirm(part.weight);
        (part, outcome.map_err(|error| self.broke("write to", error)))
    }

    /// Calls the sink. An error or a panic gets its name and its place.
    pub(super) fn call<R>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&mut K) -> Result<R, Error>,
    ) -> Result<R, Error> {
        guard(|| work(self.sink)).map_err(|error| self.broke(doing, error))
    }
}

/// Fails if a sink has taken nothing and returned no error.
pub(super) fn stands_still<T>(batch: &mut Batch<T>, begun: Begun) -> Result<(), Error> {
    if batch.has_moved_since(begun) {
        return Ok(());
    }
    Err(io::Error::from(io::ErrorKind::WriteZero).into())
}

impl<T, K: Sink<T>> Downstream<T> for ToSink<'_, T, K> {
    fn push(&mut self, chunk: T) -> Result<(), Error> {
        let weight = self.strategy.weigh(&chunk);
        self.count();
        self.staged.push(chunk, weight);
        if self.staged.load().charge() >= self.most || self.staged.len() >= CHUNKS_MAX {
            self.write_staged()?;
        }
        Ok(())
    }

    fn push_all(
        &mut self,
        batch: &mut Batch<T>,
        settle: &mut dyn FnMut(Load) -> Option<usize>,
    ) -> Result<(), Error> {
        while !batch.is_empty() {
            if self.sink.is_done() {
                return Err(Error::enough());
            }
            let (part, outcome) = self.write_part(batch, |sink, batch, begun| {
                sink.write(batch)?;
                stands_still(batch, begun)
            });
            let wanted = settle(part);
            outcome?;
            self.tell(part.weight)?;
            // Torn down: the call that ran is the last one, even if some of the batch is left.
            wanted.ok_or_else(Error::interrupted)?;
        }
        Ok(())
    }

    fn rest(&mut self, flush: bool) -> Result<(), Error> {
        if self.broken {
            return Ok(());
        }
        self.write_staged()?;
        if flush {
            self.call("write to", Sink::flush)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.write_staged()?;
        self.call("finish", Sink::finish)
    }

    fn fail(&mut self, cause: &Error) {
        self.sink.fail(cause);
    }

    fn is_done(&self) -> bool {
        self.sink.is_done()
    }

    fn locate(&self, error: Error, confirmed: u64) -> Error {
        if self.broken {
            error.at_unit(confirmed, self.strategy.unit())
        } else {
            error
        }
    }
}
