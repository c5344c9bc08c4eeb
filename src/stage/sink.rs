//! What a stream is written to.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use super::copy_path::BufferedReason;
use super::file_id::FileId;
use super::hooks::SinkHooks;
use super::offer::{CopySource, ZeroCopy};
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::state::batch::Batch;

/// Something that chunks can be written to, one batch at a time: Node's `_write`, `_writev` and
/// `_final`.
///
/// One method is enough: [`write`](Self::write). Its stream calls it from one thread, unless it is
/// [`direct`](Self::direct), and never again after an error. It drops it when the stream has ended:
/// so a sink that is dropped without [`finish`](Self::finish) was broken off.
///
/// # Examples
///
/// ```
/// use highwater::{Batch, Error, HighWaterMark, Sink, Writable};
///
/// struct Sum(u32);
///
/// impl Sink<u32> for Sum {
///     fn write(&mut self, batch: &mut Batch<u32>) -> Result<(), Error> {
///         self.0 += batch.pop().map_or(0, |first| first.chunk);
///         Ok(())
///     }
/// }
///
/// let mut out = Writable::from_sink(Sum(0), HighWaterMark::items(2));
/// out.write(1)?;
/// out.write(2)?;
/// assert_eq!(out.finish()?.0, 3);
/// # Ok::<(), highwater::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sink of `{T}`",
    label = "does not implement `Sink<{T}>`",
    note = "wrap a writer (`io::Write`), which takes `Bytes`: `WriteSink::new(writer, \"its name\")`",
    note = "of a closure make a stream: `Writable::from_fn(each, mark)`",
    note = "`IntoSink::into_sink` converts files and sockets of std"
)]
pub trait Sink<T>: Send {
    /// Writes chunks off the front of `batch`, at least a part of the first, and takes off what
    /// was written, to the byte. It is called again for what it leaves. [`is_done`](Self::is_done) is
    /// called before each batch.
    ///
    /// # Errors
    ///
    /// A write that returns `Ok` and has taken nothing fails with
    /// [`WriteZero`](io::ErrorKind::WriteZero). Any error of the write ends the stream. What is still in `batch` counts as not written, and
    /// so does the chunk that this call had [popped](Batch::pop) last, which is the one that it has
    /// failed at.
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error>;

    /// Passes on what it holds back, because nothing more may come for a while.
    ///
    /// # Errors
    ///
    /// Any error ends the stream.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Makes everything that was written final: nothing more will come.
    ///
    /// # Errors
    ///
    /// Any error. The stream is then reported as failed.
    fn finish(&mut self) -> Result<(), Error> {
        self.flush()
    }

    /// Called with the cause if nothing more will come, right before it is dropped without
    /// [`finish`](Self::finish): Node's `_destroy(error)`.
    fn fail(&mut self, cause: &Error) {
        let _ = cause;
    }

    /// Returns whether it needs no more. Called before each write: after `true` it is finished as
    /// if the stream had ended. A [`write`](Self::write) can return [`Error::enough`] for the same.
    fn is_done(&self) -> bool {
        false
    }

    /// What of it can be done without blocking. None, if a call may always block.
    ///
    /// A [`Writable`](crate::Writable) calls such a sink on the thread that writes, and starts a
    /// thread only for what would block.
    fn direct(&mut self) -> Option<&mut dyn Direct<T>> {
        None
    }

    /// How to wake a [`write`](Self::write) that blocks. Without one a cancel waits for the call.
    ///
    /// A `write` that was woken returns [`Error::interrupted`]. The interrupt stays in force: a `write`
    /// that starts later returns that at once. [`CancelToken::stop`](crate::CancelToken::stop) does not
    /// wake a sink, which still gets what is buffered. [`abort`](crate::CancelToken::abort) does.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// Its name in errors and reports: a path, an address.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("sink")
    }

    /// What else it can do: name its file, accept a copy in the kernel. Most sinks need none of it;
    /// one that wraps another sink, and neither changes nor counts what is written, passes the hooks
    /// of that on.
    fn hooks(&mut self) -> Option<&mut dyn SinkHooks<T>> {
        None
    }
}

/// Calls the hooks of a sink, if it has any.
pub(crate) trait HookedSink<T>: Sink<T> {
    fn file(&mut self) -> Option<FileId> {
        self.hooks()?.file()
    }

    fn accept(&mut self, offer: CopySource) -> Result<ZeroCopy<T>, BufferedReason> {
        match self.hooks() {
            Some(hooks) => hooks.accept(offer),
            None => Err(BufferedReason::Sink),
        }
    }
}

impl<T, K: Sink<T> + ?Sized> HookedSink<T> for K {}

/// What came of a call that must not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is done, of a write at least a part.
    Done,
    /// Nothing was done, for it would have blocked.
    WouldBlock,
}

/// A sink whose calls can return instead of blocking, such as a socket.
///
/// Like those of a [`Sink`], its calls never overlap, but they may come from different threads.
/// [`Sink::flush`] is called for a [`flush`](crate::Writable::flush) of its stream alone, on the
/// thread that flushes, and not when nothing more is queued: so it may hold back only what can
/// wait for more.
pub trait Direct<T> {
    /// Writes as [`Sink::write`] does, if it can without blocking.
    ///
    /// # Errors
    ///
    /// As [`Sink::write`].
    fn try_write(&mut self, batch: &mut Batch<T>) -> Result<Attempt, Error>;

    /// Finishes as [`Sink::finish`] does, if it can without blocking.
    ///
    /// # Errors
    ///
    /// As [`Sink::finish`].
    fn try_finish(&mut self) -> Result<Attempt, Error>;
}

/// The most slices that one system call takes: `IOV_MAX` of Linux and the BSDs.
const SLICES_MAX: usize = 1024;

/// Passes the front of a batch to one vectored write. Returns how much of it was written.
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
    // An empty chunk is written by passing it over: the boundaries of bytes mean nothing here.
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

/// A closure as a sink: it is called with each chunk. And its name.
pub(crate) struct ForEach<F>(pub(crate) F, pub(crate) &'static str);

impl<T, F: FnMut(T) -> Result<(), Error> + Send> Sink<T> for ForEach<F> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        match batch.pop() {
            Some(first) => (self.0)(first.chunk),
            None => Ok(()),
        }
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.1)
    }
}

macro_rules! by {
    ($($pointer:ty),+) => {$(
        impl<T, K: Sink<T> + ?Sized> Sink<T> for $pointer {
            fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
                (**self).write(batch)
            }

            fn flush(&mut self) -> Result<(), Error> {
                (**self).flush()
            }

            fn finish(&mut self) -> Result<(), Error> {
                (**self).finish()
            }

            fn fail(&mut self, cause: &Error) {
                (**self).fail(cause);
            }

            fn is_done(&self) -> bool {
                (**self).is_done()
            }

            fn direct(&mut self) -> Option<&mut dyn Direct<T>> {
                (**self).direct()
            }

            fn interrupt(&self) -> Option<Interrupt> {
                (**self).interrupt()
            }

            fn name(&self) -> Cow<'_, str> {
                (**self).name()
            }

            fn hooks(&mut self) -> Option<&mut dyn SinkHooks<T>> {
                (**self).hooks()
            }
        }
    )+};
}

by!(&mut K, Box<K>);
