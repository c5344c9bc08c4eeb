//! A sink, a source and a stage that keep a log, which is what Node's tests count calls for.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use highwater::Batch;
use highwater::{Error, ErrorKind, Out, Sink, Source, Transform};

use crate::support::Gate;

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// How often that happened.
    pub(crate) fn count(&self, what: &str) -> usize {
        let entries = self.0.lock().unwrap();
        entries.iter().filter(|entry| *entry == what).count()
    }
}

/// How a sink finishes.
pub(crate) enum Ending {
    Well,
    /// After a permit.
    Waits(Gate),
    Fails(Error),
    Panics,
}

/// A sink that keeps what it is given, batch by batch.
pub(crate) struct Keeper<T> {
    log: Log,
    kept: Arc<Mutex<Vec<Vec<T>>>>,
    gate: Option<Gate>,
    takes_all: bool,
    fails: Option<(usize, Error)>,
    ending: Ending,
}

impl<T> Keeper<T> {
    pub(crate) fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            kept: Arc::default(),
            gate: None,
            takes_all: false,
            fails: None,
            ending: Ending::Well,
        }
    }

    /// Each of its writes needs a permit.
    pub(crate) fn gated(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// It takes all there is at once: Node's `writev`. Otherwise it takes one chunk at a time.
    pub(crate) fn taking_all(mut self) -> Self {
        self.takes_all = true;
        self
    }

    /// It fails in place of its write after so many batches.
    pub(crate) fn failing_after(mut self, batches: usize, error: &Error) -> Self {
        self.fails = Some((batches, error.clone()));
        self
    }

    pub(crate) fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// What it keeps, for whoever looks at it from outside.
    pub(crate) fn kept(&self) -> Kept<T> {
        Kept(Arc::clone(&self.kept))
    }
}

/// What a [`Keeper`] was given.
pub(crate) struct Kept<T>(Arc<Mutex<Vec<Vec<T>>>>);

impl<T: Clone> Kept<T> {
    pub(crate) fn batches(&self) -> Vec<Vec<T>> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn chunks(&self) -> Vec<T> {
        self.batches().concat()
    }
}

impl<T: Clone + Send> Sink<T> for Keeper<T> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        self.log.note("write");
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        let batches = self.kept.lock().unwrap().len();
        if let Some((after, error)) = &self.fails
            && *after == batches
        {
            return Err(error.clone());
        }
        let most = if self.takes_all { batch.len() } else { 1 };
        let taken: Vec<T> = std::iter::from_fn(|| batch.pop())
            .map(|first| first.chunk)
            .take(most)
            .collect();
        self.kept.lock().unwrap().push(taken);
        self.log.note("written");
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.log.note("finish");
        match &self.ending {
            Ending::Well => {}
            Ending::Waits(gate) => gate.pass(),
            Ending::Fails(error) => return Err(error.clone()),
            Ending::Panics => panic!("the sink broke at the end"),
        }
        self.log.note("finished");
        Ok(())
    }

    fn fail(&mut self, cause: &Error) {
        self.log.note(format!("fail: {cause:#}"));
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.log.note("sink dropped");
    }
}

/// A source that makes each chunk out of its number.
pub(crate) struct Maker<F> {
    log: Log,
    reads: usize,
    make: F,
}

impl<F> Maker<F> {
    pub(crate) fn new(log: &Log, make: F) -> Self {
        Self {
            log: log.clone(),
            reads: 0,
            make,
        }
    }
}

impl<T, F> Source<T> for Maker<F>
where
    F: FnMut(usize) -> Result<Option<T>, Error> + Send,
{
    fn read(&mut self) -> Result<Option<T>, Error> {
        self.log.note("read");
        self.reads += 1;
        (self.make)(self.reads - 1)
    }
}

impl<F> Drop for Maker<F> {
    fn drop(&mut self) {
        self.log.note("source dropped");
    }
}

/// A stage that passes everything on.
pub(crate) struct Logged {
    log: Log,
    gate: Option<Gate>,
}

impl Logged {
    pub(crate) fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            gate: None,
        }
    }

    /// Each chunk needs a permit, and so does the flush.
    pub(crate) fn gated(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn pass(&self) {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
    }
}

impl<T: Send> Transform<T, T> for Logged {
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        self.log.note("transform");
        self.pass();
        out.push(chunk)
    }

    fn flush(&mut self, _out: &mut Out<'_, T>) -> Result<(), Error> {
        self.log.note("flush");
        self.pass();
        self.log.note("flushed");
        Ok(())
    }

    fn fail(&mut self, cause: &Error) {
        self.log.note(format!("fail: {cause:#}"));
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.log.note("stage dropped");
    }
}

pub(crate) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// That much of nothing in particular.
pub(crate) fn filler(len: usize) -> Bytes {
    Bytes::from(vec![b'x'; len])
}

/// What Node's tests destroy streams with.
pub(crate) fn kaboom() -> Error {
    Error::new(ErrorKind::Failed, "kaboom")
}
