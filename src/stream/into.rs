//! What can stand at the ends of a pipeline.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded, select};

use super::std_io::WriteSink;
use crate::cancel::Interrupt;
use crate::channel::mark::READ_BYTES;
use crate::error::Error;
use crate::stage::buffer_pool::Pool;
use crate::stage::sink::Sink;
use crate::stage::source::{Source, read_pool, shrink};
use crate::state::batch::Batch;
use crate::threads::waits::{For, Waiting};

/// A value that converts into a [`Source`]: any `Source`, or `Bytes`, `Vec<u8>`, `&[u8]`, `File`,
/// `TcpStream`, `UnixStream`.
pub trait IntoSource<T> {
    /// The source that it becomes.
    type Source: Source<T>;

    /// Becomes a source.
    fn into_source(self) -> Self::Source;
}

/// A value that converts into a [`Sink`]: any `Sink`, or a standard writer such as `Vec<u8>`,
/// `&mut Vec<u8>`, `File`, `TcpStream`.
pub trait IntoSink<T> {
    /// The sink that it becomes.
    type Sink: Sink<T>;

    /// Becomes a sink.
    fn into_sink(self) -> Self::Sink;
}

impl<T, S: Source<T>> IntoSource<T> for S {
    type Source = S;

    fn into_source(self) -> S {
        self
    }
}

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

// Where files are not known better; see `fs`.
#[cfg(any(not(unix), loom))]
mod file {
    use std::fs::File;

    use bytes::Bytes;

    use super::{IntoSink, IntoSource};
    use crate::stream::std_io::{ReadSource, WriteSink};

    impl IntoSource<Bytes> for File {
        type Source = ReadSource<Self>;

        fn into_source(self) -> ReadSource<Self> {
            ReadSource::new(self, "file")
        }
    }

    impl IntoSink<Bytes> for File {
        type Sink = WriteSink<Self>;

        fn into_sink(self) -> WriteSink<Self> {
            WriteSink::new(self, "file")
        }
    }
}

/// A wake-up that stays in force, for waits on a crossbeam channel.
#[derive(Debug)]
struct Stop {
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl Stop {
    fn new() -> Self {
        let (wake, woken) = bounded(1);
        Self { wake, woken }
    }

    fn interrupt(&self) -> Interrupt {
        let wake = self.wake.clone();
        // Full means that it was woken before.
        Interrupt::new(move || {
            let _ = wake.try_send(());
        })
    }

    /// Puts the token back that `select!` took out.
    fn stays(&self) -> Error {
        let _ = self.wake.try_send(());
        Error::interrupted()
    }
}

/// A crossbeam receiver as a source. It ends when all its senders are gone.
#[derive(Debug)]
pub struct ReceiverSource<T> {
    receiver: Receiver<T>,
    stop: Stop,
}

impl<T> ReceiverSource<T> {
    /// Reads from `receiver`.
    #[must_use]
    pub fn new(receiver: Receiver<T>) -> Self {
        Self {
            receiver,
            stop: Stop::new(),
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
            recv(self.stop.woken) -> _ => Err(self.stop.stays()),
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
    stop: Stop,
}

impl<T> SenderSink<T> {
    /// Writes to `sender`.
    #[must_use]
    pub fn new(sender: Sender<T>) -> Self {
        Self {
            sender,
            stop: Stop::new(),
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
            recv(self.stop.woken) -> _ => {
                unsent = Some(chunk);
                Err(self.stop.stays())
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
