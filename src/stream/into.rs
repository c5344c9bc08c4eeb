//! What can stand at the ends of a pipeline.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, select};

use super::std_io::WriteSink;
use crate::cancel::Interrupt;
use crate::channel::mark::READ_BYTES;
use crate::error::Error;
use crate::stage::buffer_pool::Pool;
use crate::stage::hooks::SourceHooks;
use crate::stage::sink::Sink;
use crate::stage::source::{Source, read_pool, shrink};
use crate::stage::stop_signal::StopSignal;
use crate::state::batch::Batch;
use crate::threads::waits::{For, Waiting};

/// A value that converts into a [`Source`].
///
/// | from | becomes |
/// | --- | --- |
/// | any [`Source`], such as a [`Readable`](crate::Readable) | itself |
/// | `Bytes`, `Vec<u8>`, `String` | [`Memory`] |
/// | `&[u8]`, `&[u8; N]`, `&str` | [`MemorySlice`]: each chunk is a copy |
/// | `File`, `ChildStdout`, `ChildStderr` | [`fs::FileSource`](crate::fs::FileSource) |
/// | `TcpStream`, `UnixStream` | [`net::SocketSource`](crate::net::SocketSource) |
/// | `Stdin` | [`ReadSource`](crate::ReadSource), which keeps what std has read ahead; [`fs::stdin`](crate::fs::stdin) can be interrupted |
/// | `BufReader<R>` | [`ReadSource`](crate::ReadSource): what it has buffered, then its reader |
/// | an iterator | write [`flow(items.map(Ok))`](crate::stream::flow()), without a further thread; [`Readable::from_iter(items, mark)`](crate::Readable::from_iter) reads ahead on a thread of its own |
/// | a closure | write [`Readable::from_fn(next, mark)`](crate::Readable::from_fn) |
///
/// Any other [`Read`](io::Read) becomes one by
/// [`ReadSource::new(reader, name)`](crate::ReadSource::new).
///
/// # Examples
///
/// ```
/// use std::io::{BufRead, BufReader};
/// use highwater::pipeline;
///
/// let mut reader = BufReader::new(&b"a head\na body"[..]);
/// reader.read_line(&mut String::new())?;
/// let (_, body) = pipeline(reader).to(Vec::new()).run_into()?; // with what it has buffered
/// assert_eq!(body.into_inner(), b"a body");
///
/// let (_, text) = pipeline("some text").to(Vec::new()).run_into()?;
/// assert_eq!(text.into_inner(), b"some text");
/// # Ok::<(), highwater::Error>(())
/// ```
///
/// A reader that is none of these does not convert:
///
/// ```compile_fail,E0277
/// use std::io::Cursor;
/// use highwater::pipeline;
///
/// pipeline(Cursor::new(vec![1, 2, 3])).to(Vec::new()).run();
/// ```
///
/// ```
/// use std::io::Cursor;
/// use highwater::{ReadSource, pipeline};
///
/// let reader = ReadSource::new(Cursor::new(vec![1, 2, 3]), "three bytes");
/// assert_eq!(pipeline(reader).to(Vec::new()).run()?.bytes(), 3);
/// # Ok::<(), highwater::Failure<highwater::Bytes>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not convert into a source of `{T}`",
    label = "not a `Source<{T}>`, and not a type that converts into one",
    note = "wrap a reader (`io::Read`): `ReadSource::new(reader, \"its name\")`",
    note = "wrap an iterator: `flow(items.map(Ok))`, or to read ahead on a thread `Readable::from_iter(items, mark)`; a closure: `Readable::from_fn(next, mark)`; a crossbeam receiver: `ReceiverSource::new(receiver)`",
    note = "a source of anything but `Bytes` begins a pipeline with `pipeline_of(source, mark)`"
)]
pub trait IntoSource<T> {
    /// The source that it becomes.
    type Source: Source<T>;

    /// Becomes a source.
    fn into_source(self) -> Self::Source;
}

/// A value that converts into a [`Sink`].
///
/// | from | becomes |
/// | --- | --- |
/// | any [`Sink`] | itself |
/// | `Vec<u8>`, `&mut Vec<u8>`, `Stdout`, `Stderr` | [`WriteSink`]: flushed at the end, not closed |
/// | `File`, `ChildStdin` | [`fs::FileSink`](crate::fs::FileSink): closed at the end |
/// | `TcpStream`, `UnixStream` | [`net::SocketSink`](crate::net::SocketSink) |
///
/// Any other [`Write`](io::Write) becomes one by
/// [`WriteSink::new(writer, name)`](crate::WriteSink::new).
///
/// A [`Writable`](crate::Writable) is not a sink. Write `pipeline.readable().pipe_to(writable)`. Do not wrap
/// it in a `WriteSink`, which flushes it and does not finish it: the run would return
/// `Ok`, and the stream would be broken off.
///
/// # Examples
///
/// ```
/// use std::io::BufWriter;
/// use highwater::{WriteSink, pipeline};
///
/// let (_, bytes) = pipeline("some text").to(Vec::new()).run_into()?;
/// assert_eq!(bytes.into_inner(), b"some text");
///
/// let writer = WriteSink::new(BufWriter::new(Vec::new()), "a buffer");
/// let (_, writer) = pipeline("some text").to(writer).run_into()?;
/// assert_eq!(writer.into_inner().get_ref(), b"some text"); // it is flushed
/// # Ok::<(), highwater::Error>(())
/// ```
///
/// Without the wrapper a writer that is none of these does not convert:
///
/// ```compile_fail,E0277
/// use std::io::BufWriter;
/// use highwater::pipeline;
///
/// pipeline("some text").to(BufWriter::new(Vec::new())).run();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not convert into a sink of `{T}`",
    label = "not a `Sink<{T}>`, and not a type that converts into one",
    note = "a `Writable` is not a sink: `pipeline.readable().pipe_to(writable)`; a `Connect` is opened first: `.open()?`",
    note = "wrap another writer (`io::Write`), which takes `Bytes`: `WriteSink::new(writer, \"its name\")`; a crossbeam sender: `SenderSink::new(sender)`",
    note = "collect items: `Collect::at_most(n)`; call a closure: `.for_each(...)` or `.try_for_each(...)` in place of `.to(...)`"
)]
pub trait IntoSink<T> {
    /// The sink that it becomes.
    type Sink: Sink<T>;

    /// Becomes a sink.
    fn into_sink(self) -> Self::Sink;
}

#[diagnostic::do_not_recommend]
impl<T, S: Source<T>> IntoSource<T> for S {
    type Source = S;

    fn into_source(self) -> S {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T, K: Sink<T>> IntoSink<T> for K {
    type Sink = K;

    fn into_sink(self) -> K {
        self
    }
}

/// Bytes in memory, read in pieces.
#[derive(Debug)]
pub struct Memory {
    left: Bytes,
    piece: usize,
}

impl Memory {
    const fn new(bytes: Bytes) -> Self {
        Self {
            left: bytes,
            piece: READ_BYTES,
        }
    }
}

impl Source<Bytes> for Memory {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.left.split_to(self.left.len().min(self.piece));
        Ok((!next.is_empty()).then_some(next))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("memory")
    }

    fn len_hint(&self) -> Option<u64> {
        Some(self.left.len() as u64)
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for Memory {
    fn set_chunk_bytes(&mut self, most: usize) {
        self.piece = self.piece.min(most).max(1);
    }
}

/// Bytes in borrowed memory, copied into recycled buffers, in pieces, as they are read.
#[derive(Debug)]
pub struct MemorySlice<'a> {
    left: &'a [u8],
    pool: Pool,
}

impl Source<Bytes> for MemorySlice<'_> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let mut buffer = self.pool.take();
        let copied = buffer.copy_from(self.left);
        self.left = &self.left[copied..];
        Ok(Some(buffer.freeze()))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("memory")
    }

    fn len_hint(&self) -> Option<u64> {
        Some(self.left.len() as u64)
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for MemorySlice<'_> {
    fn set_chunk_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }
}

impl IntoSource<Self> for Bytes {
    type Source = Memory;

    fn into_source(self) -> Memory {
        Memory::new(self)
    }
}

impl IntoSource<Bytes> for Vec<u8> {
    type Source = Memory;

    fn into_source(self) -> Memory {
        Memory::new(self.into())
    }
}

/// The chunks of a stream outlive what a pipeline borrows, so the bytes are copied. Of bytes that are
/// in the program [`Bytes::from_static`] makes chunks without a copy.
impl<'a> IntoSource<Bytes> for &'a [u8] {
    type Source = MemorySlice<'a>;

    fn into_source(self) -> MemorySlice<'a> {
        MemorySlice {
            left: self,
            pool: read_pool(self.len().min(READ_BYTES)),
        }
    }
}

impl<'a, const N: usize> IntoSource<Bytes> for &'a [u8; N] {
    type Source = MemorySlice<'a>;

    fn into_source(self) -> MemorySlice<'a> {
        self[..].into_source()
    }
}

impl<'a> IntoSource<Bytes> for &'a str {
    type Source = MemorySlice<'a>;

    fn into_source(self) -> MemorySlice<'a> {
        self.as_bytes().into_source()
    }
}

impl IntoSource<Bytes> for String {
    type Source = Memory;

    fn into_source(self) -> Memory {
        Memory::new(self.into())
    }
}

impl IntoSink<Bytes> for Vec<u8> {
    type Sink = WriteSink<Self>;

    fn into_sink(self) -> WriteSink<Self> {
        WriteSink::blocking(self, "memory")
    }
}

impl IntoSink<Bytes> for &mut Vec<u8> {
    type Sink = WriteSink<Self>;

    fn into_sink(self) -> WriteSink<Self> {
        WriteSink::blocking(self, "memory")
    }
}

/// A crossbeam receiver as a source. It ends when all its senders are gone.
#[derive(Debug)]
pub struct ReceiverSource<T> {
    receiver: Receiver<T>,
    stop: StopSignal,
}

impl<T> ReceiverSource<T> {
    /// Reads from `receiver`.
    #[must_use]
    pub fn new(receiver: Receiver<T>) -> Self {
        Self {
            receiver,
            stop: StopSignal::new(),
        }
    }
}

impl<T: Send> Source<T> for ReceiverSource<T> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        match self.receiver.try_recv() {
            Err(TryRecvError::Empty) => {}
            chunk => return Ok(chunk.ok()),
        }
        let _waiting = Waiting::begin(For::Outside);
        select! {
            recv(self.receiver) -> chunk => Ok(chunk.ok()),
            recv(self.stop.receiver()) -> _ => Err(self.stop.taken()),
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.stop.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("receiver")
    }
}

/// A crossbeam sender as a sink. It fails when all its receivers are gone.
#[derive(Debug)]
pub struct SenderSink<T> {
    sender: Sender<T>,
    stop: StopSignal,
}

impl<T> SenderSink<T> {
    /// Writes to `sender`.
    #[must_use]
    pub fn new(sender: Sender<T>) -> Self {
        Self {
            sender,
            stop: StopSignal::new(),
        }
    }
}

impl<T: Send> Sink<T> for SenderSink<T> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        let Some(first) = batch.pop() else {
            return Ok(());
        };
        let weight = first.weight;
        let chunk = match self.sender.try_send(first.chunk) {
            Ok(()) => return Ok(()),
            // The result of the wait is one of the two.
            Err(TrySendError::Full(chunk) | TrySendError::Disconnected(chunk)) => chunk,
        };
        // A chunk that was offered and not sent comes back, to count as not written.
        let mut unsent = None;
        let _waiting = Waiting::begin(For::Outside);
        let outcome = select! {
            send(self.sender, chunk) -> sent => match sent {
                Ok(()) => Ok(()),
                Err(refused) => {
                    unsent = Some(refused.into_inner());
                    Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
                }
            },
            recv(self.stop.receiver()) -> _ => {
                unsent = Some(chunk);
                Err(self.stop.taken())
            }
        };
        if let Some(chunk) = unsent {
            batch.push_front(chunk, weight);
        }
        outcome
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.stop.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("sender")
    }
}
