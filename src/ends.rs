//! What can stand at the ends of a pipeline.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::cancel::Interrupt;
use crate::chunk::Batch;
use crate::error::Error;
use crate::mark::READ_BYTES;
use crate::sink::Sink;
use crate::source::Source;
use crate::std_io::WriteSink;

/// Something that a stream can be read from: every [`Source`], and what has an obvious one.
pub trait IntoSource<T> {
    /// The source that it becomes.
    type Source: Source<T> + 'static;

    /// Becomes a source.
    fn into_source(self) -> Self::Source;
}

/// Something that a stream can be written to: every [`Sink`], and what has an obvious one.
pub trait IntoSink<T> {
    /// The sink that it becomes.
    type Sink: Sink<T> + 'static;

    /// Becomes a sink.
    fn into_sink(self) -> Self::Sink;
}

impl<T, S: Source<T> + 'static> IntoSource<T> for S {
    type Source = S;

    fn into_source(self) -> S {
        self
    }
}

impl<T, K: Sink<T> + 'static> IntoSink<T> for K {
    type Sink = K;

    fn into_sink(self) -> K {
        self
    }
}

/// Bytes in memory, read in pieces.
#[derive(Debug)]
pub struct Memory(Bytes);

impl Source<Bytes> for Memory {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.0.split_to(self.0.len().min(READ_BYTES));
        Ok((!next.is_empty()).then_some(next))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("memory")
    }

    fn len_hint(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}

impl IntoSource<Self> for Bytes {
    type Source = Memory;

    fn into_source(self) -> Memory {
        Memory(self)
    }
}

impl IntoSource<Bytes> for Vec<u8> {
    type Source = Memory;

    fn into_source(self) -> Memory {
        Memory(self.into())
    }
}

impl IntoSource<Bytes> for &'static [u8] {
    type Source = Memory;

    fn into_source(self) -> Memory {
        Memory(Bytes::from_static(self))
    }
}

impl IntoSink<Bytes> for Vec<u8> {
    type Sink = WriteSink<Self>;

    fn into_sink(self) -> WriteSink<Self> {
        WriteSink::new(self, "memory")
    }
}

// Where files are not known better; see `fs`.
#[cfg(any(not(unix), loom))]
mod file {
    use std::fs::File;

    use bytes::Bytes;

    use super::{IntoSink, IntoSource};
    use crate::std_io::{ReadSource, WriteSink};

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
        // A chunk that was offered and not sent comes back, to count as not written.
        let mut unsent = None;
        let weight = first.weight;
        let outcome = select! {
            send(self.sender, first.chunk) -> sent => match sent {
                Ok(()) => Ok(()),
                Err(refused) => {
                    unsent = Some(refused.into_inner());
                    Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
                }
            },
            recv(self.stop.woken) -> _ => {
                unsent = Some(first.chunk);
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
