//! What a stream is written to, and the loop that takes it there.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::channel::{Join, Taken};
use crate::chunk::Batch;
use crate::error::Error;
use crate::worker::guard;

/// Something that chunks can be written to, one batch at a time: Node's `_write`, `_writev` and
/// `_final`.
///
/// Its stream calls it from one thread, never again after an error, and drops it when the stream
/// has ended: so a sink that is dropped without [`finish`](Self::finish) was broken off.
pub trait Sink<T>: Send {
    /// Writes chunks off the front of `batch`, at least a part of the first, and takes off what
    /// was written, to the byte. It is called again for what it leaves.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from writing. What is still in `batch` counts as not written.
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error>;

    /// Passes on what it holds back, because nothing more may come for a while.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from passing it on.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Makes everything that was written final: nothing more will come.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that. The stream is then reported as failed.
    fn finish(&mut self) -> Result<(), Error> {
        self.flush()
    }

    /// How to wake a [`write`](Self::write) that blocks in the kernel. None if it cannot.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// What errors and reports call it: a path, an address.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("sink")
    }
}

/// Any [`io::Write`] as a sink of bytes.
#[derive(Debug)]
pub struct WriteSink<W> {
    inner: W,
    name: Cow<'static, str>,
}

impl<W: io::Write> WriteSink<W> {
    /// Wraps a writer. `name` is what errors and reports call it.
    pub fn new(inner: W, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner,
            name: name.into(),
        }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: io::Write + Send> Sink<Bytes> for WriteSink<W> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        let written = write_vectored(batch, |slices| self.inner.write_vectored(slices))?;
        batch.advance(written);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        retry(|| self.inner.flush()).map_err(Error::from)
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}

/// The most slices that one system call takes: `IOV_MAX` of Linux and the BSDs.
const SLICES_MAX: usize = 1024;

/// Hands the front of a batch to one vectored write, and says how much of it was written.
///
/// `write` is called again when a signal has interrupted it.
///
/// # Errors
///
/// Those of `write`; a write of nothing is [`io::ErrorKind::WriteZero`].
pub(crate) fn write_vectored(
    batch: &Batch<Bytes>,
    mut write: impl FnMut(&[io::IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<usize> {
    const NONE: &[u8] = &[];
    let mut slices = [io::IoSlice::new(NONE); 16];
    // Most batches are a few large chunks. Only one of many small ones is worth an allocation.
    let many: Vec<io::IoSlice<'_>>;
    // A chunk that is empty and weighs something, as a line can, is written by passing it over.
    let filled = batch.iter().filter(|chunk| !chunk.is_empty());
    let chunks = filled.map(|chunk| io::IoSlice::new(chunk));
    let slices = if batch.len() <= slices.len() {
        let mut used = 0;
        for (slot, chunk) in slices.iter_mut().zip(chunks) {
            *slot = chunk;
            used += 1;
        }
        &slices[..used]
    } else {
        many = chunks.take(SLICES_MAX).collect();
        &many[..]
    };
    if slices.is_empty() {
        return Ok(0);
    }
    match retry(|| write(slices))? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Calls again what a signal has interrupted.
pub(crate) fn retry<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// A closure as a sink: it is called with each chunk.
pub(crate) struct ForEach<F>(pub(crate) F);

impl<T, F: FnMut(T) -> Result<(), Error> + Send> Sink<T> for ForEach<F> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        match batch.pop() {
            Some(first) => (self.0)(first.chunk),
            None => Ok(()),
        }
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("for_each")
    }
}

/// Takes what is written to a join to its sink, until the end. Ends the join, in every case.
///
/// `written` is told how much each call of the sink has written.
///
/// # Errors
///
/// The first cause, if the stream did not end well.
pub(crate) fn run<T, K: Sink<T>>(
    join: &Join<T>,
    sink: &mut K,
    mut written: impl FnMut(usize),
) -> Result<(), Error> {
    loop {
        let (error, remainder) = match join.take() {
            Taken::Batch(mut batch) => {
                match guard(|| write_all(join, sink, &mut batch, &mut written)) {
                    Ok(()) => {
                        join.complete(batch);
                        continue;
                    }
                    Err(error) => (error.during("write to", &sink.name()), batch),
                }
            }
            Taken::End => match guard(|| sink.finish()) {
                Ok(()) => return join.finished(),
                Err(error) => (error.during("finish", &sink.name()), Batch::new()),
            },
            Taken::Gone(cause) => (cause.unwrap_or_else(Error::closed), Batch::new()),
        };
        let error = join.locate(error, join.tally().confirmed);
        return Err(join.abandoned(error, remainder));
    }
}

fn write_all<T, K: Sink<T>>(
    join: &Join<T>,
    sink: &mut K,
    batch: &mut Batch<T>,
    written: &mut impl FnMut(usize),
) -> Result<(), Error> {
    while !batch.is_empty() {
        let before = (batch.len(), batch.weight());
        sink.write(batch)?;
        if before == (batch.len(), batch.weight()) {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        let weight = before.1 - batch.weight();
        let wanted = join.settle(weight);
        written(weight);
        if !wanted {
            // Torn down: the call that ran is the last, whatever is left of the batch.
            return Err(Error::interrupted());
        }
    }
    if join.should_flush() {
        sink.flush()?;
    }
    Ok(())
}

impl<T, K: Sink<T> + ?Sized> Sink<T> for Box<K> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        (**self).write(batch)
    }

    fn flush(&mut self) -> Result<(), Error> {
        (**self).flush()
    }

    fn finish(&mut self) -> Result<(), Error> {
        (**self).finish()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        (**self).interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        (**self).name()
    }
}
