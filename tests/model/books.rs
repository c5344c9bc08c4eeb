//! What goes into a channel and what comes out, counted outside of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::{Error, ErrorKind, HighWaterMark, Readable, Writable, WriteError, channel};
use loom::thread::{self, JoinHandle};

/// What was accepted of the writers and taken by the reader, counted outside of the channel.
///
/// These are not loom's atomics: nothing is to be ordered by them.
pub(crate) struct Books {
    high: usize,
    accepted: AtomicUsize,
    taken: AtomicUsize,
}

impl Books {
    pub(crate) fn new(high: usize) -> Arc<Self> {
        Arc::new(Self {
            high,
            accepted: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        })
    }

    /// Never more than the mark, or the one chunk that is always admitted, and the chunk that the
    /// reader is just about to have.
    pub(crate) fn accept(&self) {
        let accepted = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        let held = accepted.saturating_sub(self.taken());
        assert!(held <= self.high.max(1) + 1, "{held} were held");
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn write(
        &self,
        writer: &mut Writable<u32>,
        chunk: u32,
    ) -> Result<(), WriteError<u32>> {
        writer.write(chunk)?;
        self.accept();
        Ok(())
    }

    pub(crate) fn write_each(&self, writer: &mut Writable<u32>, chunks: Range<u32>) {
        for chunk in chunks {
            self.write(writer, chunk).expect("nobody closes it");
        }
    }

    /// Writes `count` chunks, or until the stream is closed. Gives back how many were accepted.
    pub(crate) fn write_until_closed(
        &self,
        writer: &mut Writable<u32>,
        count: u32,
    ) -> (u32, Result<(), Error>) {
        for chunk in 0..count {
            match self.write(writer, chunk) {
                Ok(()) => {}
                Err(WriteError::Closed(refused, cause)) => {
                    assert_eq!(refused, chunk, "the chunk is handed back");
                    return (chunk, Err(cause));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        (count, Ok(()))
    }

    pub(crate) fn next(&self, reader: &mut Readable<u32>) -> Option<Result<u32, Error>> {
        let next = reader.next();
        if let Some(Ok(_)) = next {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        next
    }

    /// Reads to the end, or to the error.
    pub(crate) fn read(&self, reader: &mut Readable<u32>) -> (Vec<u32>, Result<(), Error>) {
        let mut chunks = Vec::new();
        let outcome = loop {
            match self.next(reader) {
                Some(Ok(chunk)) => chunks.push(chunk),
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            }
        };
        assert!(reader.next().is_none(), "the end is for ever");
        let peak = reader.peak();
        assert!(peak <= self.high.max(1), "{peak} were buffered");
        (chunks, outcome)
    }

    /// Reads to the end, and finds just these chunks.
    pub(crate) fn read_each(&self, reader: &mut Readable<u32>, chunks: Range<u32>) {
        let (read, outcome) = self.read(reader);
        outcome.expect("the stream ends well");
        assert!(read.into_iter().eq(chunks));
    }
}

pub(crate) fn ours() -> Error {
    Error::new(ErrorKind::Failed, "ours")
}

pub(crate) fn kind<T>(outcome: &Result<T, Error>) -> Option<ErrorKind> {
    outcome.as_ref().err().map(Error::kind)
}

/// A channel, its books, and the writer's part on a thread of its own.
pub(crate) fn with_writer<R: 'static>(
    high: usize,
    write: impl FnOnce(Writable<u32>, &Books) -> R + 'static,
) -> (JoinHandle<R>, Readable<u32>, Arc<Books>) {
    let books = Books::new(high);
    let (writer, reader) = channel(HighWaterMark::items(high));
    let handle = thread::spawn({
        let books = Arc::clone(&books);
        move || write(writer, &books)
    });
    (handle, reader, books)
}
