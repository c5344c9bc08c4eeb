//! What a stream is read from, and the loop that brings it in.

use std::borrow::Cow;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::channel::{Join, Wait};
use crate::error::{Error, ErrorKind};
use crate::mark::{DEFAULT_BYTES, READ_BYTES};
use crate::offer::Offer;
use crate::pool::Pool;
use crate::sink::retry;
use crate::worker::guard;

/// Something that chunks can be read from: Node's `_read`.
///
/// Its stream calls it from one thread, only when there is room for a chunk, never again after the
/// end or an error, and drops it then.
pub trait Source<T>: Send {
    /// Waits for the next chunk. `None` is the end.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from reading. What was read before is delivered first.
    fn read(&mut self) -> Result<Option<T>, Error>;

    /// Says that it wants to know when everything that it brought was read. Its thread then waits
    /// for that behind the end, and calls [`finish`](Self::finish). One that does is not asked for
    /// an [`offer`](Self::offer).
    fn confirms(&self) -> bool {
        false
    }

    /// Learns that everything was read, right before it is dropped. Only one that
    /// [`confirms`](Self::confirms) is told.
    fn finish(&mut self) {}

    /// Learns why it is read no more, or why not everything was taken that it brought, right before
    /// it is dropped: Node's `_destroy(error)`.
    fn fail(&mut self, cause: &Error) {
        let _ = cause;
    }

    /// How to wake a [`read`](Self::read) that blocks in the kernel. None if it cannot.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// What errors and reports call it: a path, an address.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("source")
    }

    /// How much there is to read in all, in the unit of the stream, where that is known.
    fn len_hint(&self) -> Option<u64> {
        None
    }

    /// Offers its sink a copy that no chunk takes part in. After what such a copy has moved,
    /// [`read`](Self::read) goes on, if it comes to that.
    fn offer(&mut self) -> Option<Offer> {
        None
    }
}

/// Any [`io::Read`] as a source of bytes, read into recycled buffers.
#[derive(Debug)]
pub struct ReadSource<R> {
    inner: R,
    name: Cow<'static, str>,
    pool: Pool,
}

impl<R: io::Read> ReadSource<R> {
    /// Wraps a reader. `name` is what errors and reports call it.
    pub fn new(inner: R, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner,
            name: name.into(),
            pool: read_pool(READ_BYTES),
        }
    }

    /// Reads at most so many bytes at once, in place of [`READ_BYTES`], and never more than 1 MiB.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.pool = read_pool(bytes);
        self
    }
}

/// As many buffers as a stream has on the way with the mark that it has by itself, and one to read
/// into.
const BUFFERS_KEPT: usize = DEFAULT_BYTES / READ_BYTES + 2;

/// How much is read at once at most, whatever was asked for: it is allocated before it is known how
/// much there is.
pub(crate) const READ_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn read_pool(bytes: usize) -> Pool {
    Pool::new(bytes.min(READ_BYTES_MAX), BUFFERS_KEPT)
}

impl<R: io::Read + Send> Source<Bytes> for ReadSource<R> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(read_chunk(&self.pool, |room| self.inner.read(room))?)
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}

/// Reads a chunk into a buffer of the pool. `None` is the end.
pub(crate) fn read_chunk(
    pool: &Pool,
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<Option<Bytes>> {
    let mut buffer = pool.take();
    match retry(|| read(buffer.room()))? {
        0 => Ok(None),
        bytes => {
            buffer.fill(bytes);
            Ok(Some(buffer.freeze()))
        }
    }
}

/// An iterator as a source.
pub(crate) struct Iter<I>(pub(crate) I);

impl<T, I: Iterator<Item = T> + Send> Source<T> for Iter<I> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        Ok(self.0.next())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("iterator")
    }
}

/// A closure as a source: it is called for each chunk.
pub(crate) struct FromFn<F>(pub(crate) F);

impl<T, F: FnMut() -> Result<Option<T>, Error> + Send> Source<T> for FromFn<F> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        (self.0)()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("from_fn")
    }
}

/// A bound on how fast a source is read, in units of its stream a second.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: u64,
    started: Option<Instant>,
    taken: u64,
    /// For how long the source was held up by this.
    pub(crate) held: Duration,
}

impl Pace {
    pub(crate) const fn new(per_second: u64) -> Self {
        Self {
            per_second,
            started: None,
            taken: 0,
            held: Duration::ZERO,
        }
    }

    /// When what was taken so far, and `weight` with it, may have been taken.
    fn due(&mut self, weight: u64) -> Instant {
        let started = *self.started.get_or_insert_with(Instant::now);
        self.taken = self.taken.saturating_add(weight);
        let seconds = self.taken as f64 / self.per_second as f64;
        started + Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
    }

    /// Holds the source up for what it has read. Says whether its stream still takes it.
    pub(crate) fn hold<T>(&mut self, join: &Join<T>, weight: u64) -> bool {
        let due = self.due(weight);
        let began = Instant::now();
        let open = began >= due || join.sleep_until(due);
        self.held += began.elapsed();
        open
    }
}

/// Brings a source's chunks into a join until its end. Ends the join, in every case.
///
/// # Errors
///
/// The first cause, if the source has failed or the stream was torn down before its end.
pub(crate) fn run<T, S: Source<T>>(
    join: &Join<T>,
    mut source: S,
    mut pace: Option<&mut Pace>,
) -> Result<(), Error> {
    loop {
        // A read only once there is room for what it brings: nothing is read ahead of the mark,
        // and with a mark of 0 nothing is read before somebody wants it.
        if let Err(error) = join.wait_drain(Wait::Forever) {
            return leave(join, source, error);
        }
        let chunk = match guard(|| source.read()) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return end(join, source),
            Err(error) => {
                let error = error.during("read from", &source.name());
                let error = join.locate(error, join.tally().weight);
                // An interrupted read of a stream that was stopped is its end.
                return leave(join, source, join.fail(error));
            }
        };
        if let Some(pace) = &mut pace {
            pace.hold(join, join.weigh(&chunk) as u64);
        }
        if let Err(refused) = join.write(chunk, Wait::Forever) {
            let (chunk, error) = refused.into_parts();
            join.give_back(chunk);
            return leave(join, source, error);
        }
    }
}

/// Ends a join whose source has come to its end.
fn end<T, S: Source<T>>(join: &Join<T>, mut source: S) -> Result<(), Error> {
    if source.confirms() {
        join.end_producer();
        confirm(join, &mut source);
        return Ok(());
    }
    // Before the end, so that a panic of it is told to whoever reads.
    let name = source.name().into_owned();
    let dropped = guard(|| {
        drop(source);
        Ok(())
    });
    match dropped {
        Ok(()) => {
            join.end_producer();
            Ok(())
        }
        Err(error) => Err(join.fail(error.during("close", &name))),
    }
}

/// Tells a source that wants to know whether what it brought was read. Waits until that is known.
fn confirm<T, S: Source<T>>(join: &Join<T>, source: &mut S) {
    let outcome = join.wait_closed(Wait::Forever);
    // The stream has ended for whoever reads it: a panic here has nobody left to be told to.
    let _ = guard(|| {
        match outcome {
            Ok(()) => source.finish(),
            Err(cause) => source.fail(&cause),
        }
        Ok(())
    });
}

/// Tells a source why it is read no more, and its thread how the stream has ended.
fn leave<T, S: Source<T>>(join: &Join<T>, mut source: S, error: Error) -> Result<(), Error> {
    let outcome = join.outcome(error);
    let told = guard(|| {
        match &outcome {
            Err(cause) => source.fail(cause),
            Ok(()) if join.is_satisfied() => source.fail(&Error::enough()),
            Ok(()) => source.fail(&Error::new(ErrorKind::Cancelled, "stopped")),
        }
        drop(source);
        Ok(())
    });
    if let (Err(first), Err(error)) = (&outcome, told) {
        first.attach(error);
    }
    outcome
}

macro_rules! by {
    ($($pointer:ty),+) => {$(
        impl<T, S: Source<T> + ?Sized> Source<T> for $pointer {
            fn read(&mut self) -> Result<Option<T>, Error> {
                (**self).read()
            }

            fn confirms(&self) -> bool {
                (**self).confirms()
            }

            fn finish(&mut self) {
                (**self).finish();
            }

            fn fail(&mut self, cause: &Error) {
                (**self).fail(cause);
            }

            fn interrupt(&self) -> Option<Interrupt> {
                (**self).interrupt()
            }

            fn name(&self) -> Cow<'_, str> {
                (**self).name()
            }

            fn len_hint(&self) -> Option<u64> {
                (**self).len_hint()
            }

            fn offer(&mut self) -> Option<Offer> {
                (**self).offer()
            }
        }
    )+};
}

by!(&mut S, Box<S>);
