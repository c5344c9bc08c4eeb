//! What a stream is read from, and the loop that brings it in.

use std::borrow::Cow;
use std::io;
use std::num::NonZeroU64;
use std::time::Instant;

use bytes::Bytes;

use super::buffer_pool::Pool;
use super::file_id::FileId;
use super::hooks::SourceHooks;
use super::offer::CopySource;
use super::rate::RateLimit;
use super::sink::retry;
use crate::cancel::{CancelToken, Interrupt};
use crate::channel::mark::{BYTE, DEFAULT_BYTES, READ_BYTES};
use crate::channel::{Channel, Wait};
use crate::error::{Error, ErrorKind};
use crate::threads::worker::guard;

/// Something that chunks can be read from: Node's `_read`.
///
/// One method is enough: [`read`](Self::read). Its stream calls it from one thread, only when there
/// is room for a chunk, never again after the end or an error, and drops it then.
///
/// # Examples
///
/// ```
/// use highwater::{Error, HighWaterMark, Readable, Source};
///
/// struct Countdown(u32);
///
/// impl Source<u32> for Countdown {
///     fn read(&mut self) -> Result<Option<u32>, Error> {
///         self.0 = self.0.saturating_sub(1);
///         Ok((self.0 > 0).then_some(self.0))
///     }
/// }
///
/// let numbers = Readable::from_source(Countdown(4), HighWaterMark::items(2));
/// assert_eq!(numbers.to_vec(10)?, [3, 2, 1]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no source of `{T}`",
    label = "does not implement `Source<{T}>`",
    note = "wrap a reader (`io::Read`), which gives `Bytes`: `ReadSource::new(reader, \"its name\")`",
    note = "of an iterator make a stream: `Readable::from_iter(items, mark)`; of a closure: `Readable::from_fn(next, mark)`",
    note = "`IntoSource::into_source` converts bytes in memory, files and sockets of std"
)]
pub trait Source<T>: Send {
    /// Waits for the next chunk. `None` is the end.
    ///
    /// # Errors
    ///
    /// Any error of the read ends the stream. What was read before is delivered first.
    fn read(&mut self) -> Result<Option<T>, Error>;

    /// Called with the cause right before the drop, if the source was not read to its end, or if not
    /// everything that it brought was taken: Node's `_destroy(error)`.
    ///
    /// That is also so in a run that succeeds: after a [`stop`](CancelToken::stop) with
    /// [`Cancelled`](ErrorKind::Cancelled), and after [`take`](crate::Pipeline::take) with
    /// [`Closed`](ErrorKind::Closed).
    fn fail(&mut self, cause: &Error) {
        let _ = cause;
    }

    /// How to wake a [`read`](Self::read) that blocks. Without one a cancel waits for the call.
    ///
    /// A `read` that was woken returns [`Error::interrupted`]. The interrupt stays in force: a `read` that
    /// starts later returns that at once. [`Interrupt`] has an example.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// Its name in errors and reports: a path, an address.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("source")
    }

    /// How much there is to read in all, in the unit of the stream, where that is known.
    fn len_hint(&self) -> Option<u64> {
        None
    }

    /// What else it can do: confirm, name its files, offer a copy in the kernel. Most sources need
    /// none of it; one that wraps another source passes the hooks of that on.
    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
        None
    }
}

/// Calls the hooks of a source, if it has any.
pub(crate) trait HookedSource<T>: Source<T> {
    fn confirms(&mut self) -> bool {
        self.hooks().is_some_and(SourceHooks::confirms)
    }

    fn finish(&mut self) {
        if let Some(hooks) = self.hooks() {
            hooks.finish();
        }
    }

    fn aborts(&mut self, stream: &CancelToken) {
        if let Some(hooks) = self.hooks() {
            hooks.aborts(stream);
        }
    }

    fn part(&mut self) -> usize {
        self.hooks().map_or(0, SourceHooks::part)
    }

    fn files(&mut self) -> Vec<FileId> {
        self.hooks().map_or_else(Vec::new, SourceHooks::files)
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        if let Some(hooks) = self.hooks() {
            hooks.set_chunk_bytes(most);
        }
    }

    fn offer(&mut self) -> Option<CopySource> {
        self.hooks()?.offer()
    }
}

impl<T, S: Source<T> + ?Sized> HookedSource<T> for S {}

/// As many buffers as a stream has on the way with the default mark, and one to read
/// into.
const BUFFERS_KEPT: usize = DEFAULT_BYTES / READ_BYTES + 2;

/// How much is read at once at most, even if more is requested: the buffer is allocated before it
/// is known how much there is.
pub(crate) const READ_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn read_pool(bytes: usize) -> Pool {
    Pool::new(bytes.min(READ_BYTES_MAX), BUFFERS_KEPT)
}

/// Takes a pool of smaller buffers in place of one whose buffers are larger than that.
pub(crate) fn shrink(pool: &mut Pool, bytes: usize) {
    if bytes < pool.buffer_bytes() {
        *pool = read_pool(bytes);
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

/// Brings a source's chunks into a channel until its end, no faster than a limit allows, if there
/// is one. Ends the channel, in every case.
///
/// # Errors
///
/// The first cause, if the source has failed or the stream was torn down before its end.
pub(crate) fn run<T, S: Source<T>>(channel: &Channel<T>, source: S) -> Result<(), Error> {
    run_from(channel, source, 0, None)
}

/// The same for a source that was read before, up to that place, and at a pace.
pub(crate) fn run_from<T, S: Source<T>>(
    channel: &Channel<T>,
    mut source: S,
    mut read: u64,
    per_second: Option<NonZeroU64>,
) -> Result<(), Error> {
    // Not the count of the channel: other threads may write there too.
    let mut part = source.part();
    let mut limit = per_second.map(|rate| RateLimit::new(rate, Instant::now()));
    let in_bytes = limit.as_ref().filter(|_| channel.strategy().unit() == BYTE);
    if let Some(limit) = in_bytes {
        source.set_chunk_bytes(limit.piece_within(READ_BYTES));
    }
    loop {
        // A read only once there is room for what it brings: nothing is read ahead of the mark,
        // and with a mark of 0 nothing is read before the reader waits for it.
        if let Err(error) = channel.wait_drain(Wait::Forever) {
            return leave(channel, source, error);
        }
        let next = guard(|| source.read());
        if std::mem::replace(&mut part, source.part()) != part {
            read = 0;
        }
        let chunk = match next {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return end(channel, source),
            Err(error) => {
                let error = error.during("read from", &source.name());
                let error = channel.locate(error, read);
                // An interrupted read of a stream that was stopped is its end.
                return leave(channel, source, channel.fail(error));
            }
        };
        let weight = channel.weigh(&chunk) as u64;
        read = read.saturating_add(weight);
        if let Err(refused) = channel.write(chunk, Wait::Forever) {
            let (chunk, error) = refused.into_parts();
            channel.give_back(chunk);
            return leave(channel, source, error);
        }
        let limit = limit.as_mut();
        if let Some(due) = limit.and_then(|limit| limit.pass(weight, Instant::now())) {
            channel.sleep_until(due);
        }
    }
}

/// Ends a channel whose source has come to its end.
fn end<T, S: Source<T>>(channel: &Channel<T>, mut source: S) -> Result<(), Error> {
    if source.confirms() {
        channel.end_producer();
        confirm(channel, &mut source);
        return Ok(());
    }
    // Before the end, so that the reader gets the error if it panics.
    let name = source.name().into_owned();
    let dropped = guard(|| {
        drop(source);
        Ok(())
    });
    match dropped {
        Ok(()) => {
            channel.end_producer();
            Ok(())
        }
        Err(error) => Err(channel.fail(error.during("close", &name))),
    }
}

/// Calls `finish` of a source that confirms. Waits until everything that it brought was read.
fn confirm<T, S: Source<T>>(channel: &Channel<T>, source: &mut S) {
    let outcome = channel.wait_closed(Wait::Forever);
    // The stream has ended for its reader, so no call could return the error of a panic here.
    let _ = guard(|| {
        match outcome {
            Ok(()) => source.finish(),
            Err(cause) => source.fail(&cause),
        }
        Ok(())
    });
}

/// Passes the cause to a source that is not read any more. Returns how the stream has ended.
fn leave<T, S: Source<T>>(channel: &Channel<T>, mut source: S, error: Error) -> Result<(), Error> {
    let outcome = channel.outcome(error);
    let passed = guard(|| {
        match &outcome {
            Err(cause) => source.fail(cause),
            Ok(()) if channel.is_satisfied() => source.fail(&Error::enough()),
            Ok(()) => source.fail(&Error::new(ErrorKind::Cancelled, "stopped")),
        }
        drop(source);
        Ok(())
    });
    if let (Err(first), Err(error)) = (&outcome, passed) {
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

            fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
                (**self).hooks()
            }
        }
    )+};
}

by!(&mut S, Box<S>);
