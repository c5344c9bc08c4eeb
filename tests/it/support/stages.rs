//! The parts that the pipelines of the tests are made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::Batch;
use highwater::stage::Interrupt;
use highwater::{Error, HighWaterMark, Out, Pipeline, ReadSource, Report, Sink, Source};

use crate::support::Gate;
use crate::support::hostile::{Pattern, Step};

pub(crate) const HIGH: usize = 64;
pub(crate) const CHUNK: usize = 10;

/// A stage that passes on what it gets, and does something else at one chunk.
#[derive(Clone, Copy)]
pub(crate) enum At {
    Never,
    Fails(usize),
    Panics(usize),
}

pub(crate) fn same(at: At) -> impl FnMut(Bytes, &mut Out<'_, Bytes>) -> Result<(), Error> + Send {
    let mut seen = 0;
    move |chunk, out| {
        seen += 1;
        match at {
            At::Fails(n) if n == seen => Err(Error::other("the stage failed")),
            At::Panics(n) if n == seen => panic!("the stage broke"),
            _ => out.push(chunk),
        }
    }
}

pub(crate) fn source(end: usize, script: impl Into<Vec<Step>>) -> ReadSource<Pattern> {
    ReadSource::new(Pattern::new(end, script), "pattern")
}

pub(crate) fn through(mut pipeline: Pipeline<'_, Bytes>, stages: usize) -> Pipeline<'_, Bytes> {
    pipeline = pipeline.high_water_mark(HighWaterMark::bytes(HIGH));
    for _ in 0..stages {
        pipeline = pipeline.through(same(At::Never));
    }
    pipeline
}

pub(crate) fn assert_bounded(report: &Report) {
    for stage in report.stages() {
        if let Some(buffer) = stage.buffer {
            assert_eq!(buffer.high_water_mark, HIGH);
            assert!(
                buffer.peak < HIGH + CHUNK,
                "{} at {}",
                buffer.peak,
                stage.name
            );
            assert!(buffer.len <= buffer.peak);
        }
    }
}

/// Counts what a source gives.
pub(crate) struct Counting<S, F> {
    pub(crate) inner: S,
    pub(crate) read: Arc<AtomicUsize>,
    pub(crate) announce: F,
}

impl<S: Source<Bytes>, F: FnMut(usize) + Send> Source<Bytes> for Counting<S, F> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.inner.read()?;
        let bytes = chunk.as_ref().map_or(0, Bytes::len);
        self.read.fetch_add(bytes, Ordering::SeqCst);
        (self.announce)(self.read.load(Ordering::SeqCst) / CHUNK);
        Ok(chunk)
    }
}

/// A sink that writes only after a permit.
pub(crate) struct Gated<K> {
    pub(crate) inner: K,
    pub(crate) gate: Gate,
}

impl<K: Sink<Bytes>> Sink<Bytes> for Gated<K> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.gate.pass();
        self.inner.write(batch)
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.inner.name()
    }
}

/// The same, for whom an interrupt is a permit to fail.
pub(crate) struct Interruptible<K> {
    pub(crate) inner: K,
    pub(crate) gate: Gate,
}

impl<K: Sink<Bytes>> Sink<Bytes> for Interruptible<K> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        if self.gate.pass_or_interrupt() {
            self.inner.write(batch)
        } else {
            Err(Error::interrupted())
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let gate = self.gate.clone();
        Some(Interrupt::new(move || gate.interrupt()))
    }
}
