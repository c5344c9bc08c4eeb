//! The writing end of a stream, and the thread that takes what is written to its sink.

mod close;
mod parts;
mod unreported;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;

use super::std_io::WriteSink;
use crate::channel::mark::{HighWaterMark, InBytes, Unit};
use crate::channel::{Channel, NoSink, Wait};
use crate::error::{Error, WriteError};
use crate::stage::buffer_pool::{Buffer, Pool};
use crate::stage::drive::{DriverHandle, SinkDriver};
use crate::stage::sink::{ForEach, Sink};
use crate::state::Pressure;

pub use parts::Cork;

/// The writing end of a stream: Node's `Writable`.
///
/// Chunks are taken in order and never refused without room: a [`write`](Self::write) into a
/// buffer that has reached its high-water mark waits until it is down at the low one. What is
/// written goes to a reader, if this is one end of a [`channel`](crate::channel), or to a sink,
/// which a thread of this handle's own takes it to. That thread starts with the first chunk; or, if
/// the sink can be tried without blocking ([`Sink::direct`]), with the first that would block.
///
/// # Ending
///
/// [`end`](Self::end) ends the stream, and [`finish`](Self::finish) waits until everything has
/// arrived. A handle that is dropped without either, also by a panic, breaks the stream off: the
/// other side sees [`PrematureClose`](crate::ErrorKind::PrematureClose) and never a clean end. It
/// drops what a sink has not taken, and waits for the call that the sink is in. A handle that is
/// dropped after `end` keeps its promise: it waits until the sink has finished. What fails then,
/// and what is lost without `end`, no call can return: it goes to
/// [`set_error_hook`](crate::set_error_hook), by default a line on standard error. Call
/// [`finish`](Self::finish).
///
/// A writable is not a [`Sink`]. To end a pipeline in one, write `pipeline.readable().pipe_to(writable)`. Do
/// not wrap it in a [`WriteSink`], which flushes it and does not finish it: the run would return
/// `Ok`, and the stream would be broken off.
///
/// # Examples
///
/// ```
/// use highwater::{HighWaterMark, Writable};
///
/// let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(64 * 1024));
/// if out.write("hello, ".into())?.reached() {
///     out.wait_drain()?;
/// }
/// out.write("world".into())?;
/// out.end();
/// assert_eq!(out.finish()?, b"hello, world");
/// # Ok::<(), highwater::Error>(())
/// ```
pub struct Writable<T, S = ()> {
    channel: Arc<Channel<T>>,
    /// This handle has ended its writing.
    ended: bool,
    /// Small writes on their way to become a chunk.
    segment: Option<Segment<T>>,
    /// Where segments come from, once there was one.
    pool: Option<Pool>,
    peer: Peer<T, S>,
    /// A call has returned the error of the stream, or it is known by other means.
    reported: AtomicBool,
}

enum Segment<T> {
    /// There is room for more.
    Filling {
        buffer: Buffer,
        seal: fn(Buffer) -> T,
    },
    /// A chunk that found no room when it was to be passed over.
    Sealed(T),
}

impl<T> Segment<T> {
    fn into_chunk(self) -> T {
        match self {
            Self::Filling { buffer, seal } => seal(buffer),
            Self::Sealed(chunk) => chunk,
        }
    }
}

/// What is at the other end.
enum Peer<T, S> {
    /// A reader, with a life of its own. This is what `finish` gives back.
    Reader(S),
    /// A sink. This handle owns it, and waits for it.
    Sink(Arc<dyn DriverHandle<T, S>>),
    /// A sink that another handle owns. This is what `finish` gives back.
    SharedSink(Arc<dyn DriverHandle<T, S>>, S),
    /// It was finished.
    Gone,
}

impl<T, S> Peer<T, S> {
    const fn driver(&self) -> Option<&Arc<dyn DriverHandle<T, S>>> {
        match self {
            Self::Sink(driver) | Self::SharedSink(driver, _) => Some(driver),
            Self::Reader(_) | Self::Gone => None,
        }
    }
}

/// How large the segments are that small writes are merged into, in bytes. Larger ones gain
/// nothing, and this much is copied while it is still in the cache.
const SEGMENT_BYTES: usize = 32 * 1024;

impl<T: Send + 'static, K: Sink<T> + 'static> Writable<T, K> {
    /// Makes a stream that is written to `sink`. The marks default to those of the unit.
    ///
    /// A sink that is [direct](Sink::direct), such as a [`SocketSink`](crate::net::SocketSink), is
    /// written and finished by the thread that writes; one of its own starts only for what would
    /// block, and ends after a second of quiet, or with this handle.
    pub fn from_sink<U: Unit<T>>(sink: K, mark: HighWaterMark<U>) -> Self {
        Self::spawn(sink, &mark, |sink| sink)
    }
}

impl<W: io::Write + Send + 'static> Writable<Bytes, W> {
    /// Makes a stream of bytes that is written to any [`io::Write`].
    ///
    /// It always has a thread. For a socket, [`Socket::writable`](crate::net::Socket::writable) has
    /// one only while it would block.
    ///
    /// A blocked write to it cannot be interrupted, except for the types listed at [`WriteSink`],
    /// so a [`destroy`](Self::destroy) waits for the write. The ends in [`fs`](crate::fs) and
    /// [`net`](crate::net) can be interrupted.
    ///
    /// [`finish`](Self::finish) flushes it and gives it back, and does not close it.
    pub fn to(writer: W, mark: HighWaterMark<InBytes>) -> Self {
        Self::spawn(
            WriteSink::new(writer, "writer"),
            &mark,
            WriteSink::into_inner,
        )
    }
}

impl<T, F> Writable<T, F>
where
    T: Send + 'static,
    F: FnMut(T) -> Result<(), Error> + Send + 'static,
{
    /// Makes a stream whose chunks are given to a closure, on a thread of the stream's own.
    /// [`finish`](Self::finish) gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use highwater::{HighWaterMark, Writable};
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let double = move |n: u32| Ok(sender.send(2 * n).unwrap());
    /// let mut out = Writable::from_fn(double, HighWaterMark::items(4));
    /// out.write(1)?;
    /// out.write(2)?;
    /// drop(out.finish()?); // the closure, and the sender in it
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [2, 4]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn from_fn<U: Unit<T>>(each: F, mark: HighWaterMark<U>) -> Self {
        Self::spawn(ForEach(each, "from_fn"), &mark, |sink| sink.0)
    }
}

impl<T> Writable<T> {
    /// The writing end of a channel.
    pub(crate) const fn of_channel(channel: Arc<Channel<T>>) -> Self {
        Self {
            channel,
            ended: false,
            segment: None,
            pool: None,
            peer: Peer::Reader(()),
            reported: AtomicBool::new(false),
        }
    }
}

impl<T: Send + 'static, S: Send + 'static> Writable<T, S> {
    /// Makes one of a sink that is given back as something else.
    pub(crate) fn spawn<K, U>(sink: K, mark: &HighWaterMark<U>, inner: fn(K) -> S) -> Self
    where
        K: Sink<T> + 'static,
        U: Unit<T>,
    {
        let (channel, driver) = SinkDriver::open(sink, mark.strategy(), inner);
        Self {
            channel,
            ended: false,
            segment: None,
            pool: None,
            peer: Peer::Sink(driver),
            reported: AtomicBool::new(false),
        }
    }
}

impl<T, S> Writable<T, S> {
    /// Writes a chunk. Into a full buffer it first waits for the drain.
    ///
    /// Returns whether the next write would wait; ignoring it is safe. An empty chunk is one
    /// too: it arrives as it is, and [counts 1](crate::HighWaterMark#what-weighs-nothing). Only
    /// [`io::Write`](std::io::Write) writes bytes whose boundaries mean nothing.
    ///
    /// The wait ends with room, with the end of the stream, or with a cancel.
    ///
    /// # Errors
    ///
    /// [`WriteError::Ended`] after [`end`](Self::end); [`WriteError::Closed`] if the stream is
    /// gone, with the first cause; [`WriteError::Deadlock`] if this is one end of a channel and
    /// there is no thread that could read from it. Each has the chunk, or what is left of one that
    /// a sink has taken in part from this very call before it failed.
    #[inline]
    pub fn write(&mut self, chunk: T) -> Result<Pressure, WriteError<T>> {
        self.write_within(chunk, Wait::Forever)
    }

    /// Writes a chunk if there is room for it. Never waits.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`WriteError::Full`] with the chunk if there is no room.
    pub fn try_write(&mut self, chunk: T) -> Result<Pressure, WriteError<T>> {
        self.write_within(chunk, Wait::No)
    }

    /// Writes a chunk, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`WriteError::TimedOut`] with the chunk when time is up.
    pub fn write_timeout(
        &mut self,
        chunk: T,
        timeout: Duration,
    ) -> Result<Pressure, WriteError<T>> {
        self.write_within(chunk, Wait::at_most(timeout))
    }

    #[inline]
    fn write_within(&mut self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        if self.ended {
            return Err(WriteError::Ended(chunk));
        }
        if self.segment.is_some() {
            if let Err(error) = self.pass_segment(wait) {
                return self.note_refusal(Err(error.with(chunk)));
            }
        }
        let written = self.write_chunk(chunk, wait);
        if written.is_err() {
            return self.note_refusal(written);
        }
        written
    }

    #[inline]
    fn write_chunk(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        match self.peer.driver() {
            Some(driver) => driver.write(chunk, wait),
            None => self.channel.write(chunk, wait),
        }
    }

    /// Has a sink run what a call other than a write has made due.
    fn run_due(&self) {
        if let Some(driver) = self.peer.driver() {
            driver.run_due();
        }
    }

    /// Passes on what was staged before.
    #[cold]
    fn pass_segment(&mut self, wait: Wait) -> Result<(), WriteError<()>> {
        let Some(segment) = self.segment.take() else {
            return Ok(());
        };
        let Err(refused) = self.write_chunk(segment.into_chunk(), wait) else {
            return Ok(());
        };
        let (chunk, without) = refused.split();
        match without {
            WriteError::Full(()) | WriteError::TimedOut(()) | WriteError::Deadlock(()) => {
                self.segment = Some(Segment::Sealed(chunk));
            }
            WriteError::Ended(()) | WriteError::Closed(..) => self.channel.give_back(chunk),
        }
        Err(without)
    }

    /// Writes all of `chunks`, waiting for room as often as it takes.
    ///
    /// Cheaper than as many writes: what there is room for goes in at once. The name
    /// `write_all` is taken, by [`Write`](io::Write).
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). The chunks that were not taken are left in `chunks`.
    pub fn write_batch(&mut self, chunks: &mut VecDeque<T>) -> Result<Pressure, Error> {
        if self.ended {
            return Err(Error::ended());
        }
        self.pass_on()?;
        self.note(match self.peer.driver() {
            Some(driver) => driver.write_all(chunks),
            None => self.channel.write_all(chunks),
        })
    }

    /// Waits until a write would not: Node's `'drain'`.
    ///
    /// The wait ends with room, with the end of the stream, or with a cancel. It is over at once
    /// if there is room.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ended`](crate::ErrorKind::Ended) after [`end`](Self::end), or the first cause
    /// if the stream is gone.
    pub fn wait_drain(&mut self) -> Result<(), Error> {
        self.wait_drain_within(Wait::Forever)
    }

    /// Waits for a drain for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`wait_drain`](Self::wait_drain), and
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when time is up.
    pub fn wait_drain_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        self.wait_drain_within(Wait::at_most(timeout))
    }

    fn wait_drain_within(&self, wait: Wait) -> Result<(), Error> {
        self.note(match self.peer.driver() {
            Some(driver) => driver.wait_drain(wait),
            None => self.channel.wait_drain(wait),
        })
    }

    /// Holds back what is written while the guard lives, so that it goes out as one batch.
    ///
    /// Guards nest. A write that would have to wait for room lifts them all, and so does
    /// [`end`](Self::end): a writer that waits for its own cork would wait for ever.
    #[must_use = "dropping the guard uncorks"]
    pub fn cork(&mut self) -> Cork<T>
    where
        T: 'static,
        S: 'static,
    {
        self.channel.cork();
        let driver = self.peer.driver().and_then(|driver| driver.due());
        Cork {
            channel: Arc::clone(&self.channel),
            driver,
        }
    }

    /// Waits until all that was written before has left the buffer: the reader has taken it, or
    /// the sink has written and flushed it.
    ///
    /// The wait ends when all of it has, with the end of the stream, or with a cancel.
    ///
    /// # Errors
    ///
    /// The first cause, if the stream is gone.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.pass_on()?;
        match self.peer.driver() {
            Some(driver) => self.note(driver.flush()),
            None => self.note(self.channel.wait_written(Wait::Forever, &NoSink)),
        }
    }
}
