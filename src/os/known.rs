//! Readers and writers of the standard library that have a descriptor, and are handed to a stream.

use std::any::Any;
use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;

use bytes::Bytes;

use super::{Polled, Ready};
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::stage::buffer_pool::Pool;
use crate::stage::sink::retry;
use crate::stage::source::read_chunk;
use crate::state::batch::Batch;

/// How the descriptor of a reader or a writer is used in place of its own calls: these block, or lose bytes,
/// as standard output does if it is set to not block.
#[derive(Debug)]
pub(crate) struct Handed<E> {
    polled: Polled,
    /// Finds the descriptor of the value.
    find: fn(&E) -> Option<BorrowedFd<'_>>,
    /// The value has a buffer of its own, with bytes held back or read ahead.
    buffers: bool,
}

/// The descriptor of a value of a known type.
#[allow(
    clippy::incompatible_msrv,
    reason = "pipes are named only where std has them: see build.rs"
)]
fn fd_of(end: &dyn Any) -> Option<BorrowedFd<'_>> {
    fn as_one<E: AsFd + Any>(end: &dyn Any) -> Option<BorrowedFd<'_>> {
        end.downcast_ref::<E>().map(AsFd::as_fd)
    }

    [
        as_one::<File>,
        as_one::<Arc<File>>,
        as_one::<TcpStream>,
        as_one::<UnixStream>,
        #[cfg(std_pipes)]
        as_one::<io::PipeReader>,
        #[cfg(std_pipes)]
        as_one::<io::PipeWriter>,
        as_one::<ChildStdin>,
        as_one::<ChildStdout>,
        as_one::<ChildStderr>,
        as_one::<io::Stdin>,
        as_one::<io::Stdout>,
        as_one::<io::Stderr>,
    ]
    .iter()
    .find_map(|as_one| as_one(end))
}

impl<E: Any> Handed<E> {
    /// `None` for a value of another type, and for a file on a disk.
    pub(crate) fn reader(reader: &E) -> Option<Self> {
        Self::of(reader, reader, Ready::ToRead, |reader| fd_of(reader))
    }

    /// The same of a writer.
    pub(crate) fn writer(writer: &E) -> Option<Self> {
        Self::of(writer, writer, Ready::ToWrite, |writer| fd_of(writer))
    }
}

impl<'a, E: Any> Handed<&'a mut E> {
    /// The same of a reader that is borrowed.
    pub(crate) fn borrowed_reader(reader: &&'a mut E) -> Option<Self> {
        Self::of(reader, &**reader, Ready::ToRead, |reader| fd_of(&**reader))
    }

    /// The same of a writer that is borrowed.
    pub(crate) fn borrowed_writer(writer: &&'a mut E) -> Option<Self> {
        Self::of(writer, &**writer, Ready::ToWrite, |writer| fd_of(&**writer))
    }
}

impl<E> Handed<E> {
    fn of(
        end: &E,
        inner: &dyn Any,
        ready: Ready,
        find: fn(&E) -> Option<BorrowedFd<'_>>,
    ) -> Option<Self> {
        Some(Self {
            polled: Polled::of(find(end)?, ready).ok()??,
            find,
            buffers: inner.is::<io::Stdin>() || inner.is::<io::Stdout>(),
        })
    }

    /// Ends its waits.
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.polled.interrupt()
    }

    /// Reads the next chunk. `None` is the end.
    pub(crate) fn read(&mut self, reader: &mut E, pool: &Pool) -> Result<Option<Bytes>, Error>
    where
        E: io::Read,
    {
        if !self.buffers {
            return self.polled.read_chunk(self.known(reader)?, pool);
        }
        // Bytes that were read ahead come first. Whether there are any cannot be seen from outside, so
        // each read is tried before the wait.
        loop {
            match read_chunk(pool, |room| reader.read(room)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.polled.wait(self.known(reader)?, Ready::ToRead)?;
                }
                result => return Ok(result?),
            }
        }
    }

    /// Writes at least one byte of the front of a batch, and removes what was written.
    pub(crate) fn write(&mut self, writer: &mut E, batch: &mut Batch<Bytes>) -> Result<(), Error>
    where
        E: io::Write,
    {
        if self.buffers {
            self.flush(writer)?;
        }
        self.polled.write(self.known(writer)?, batch)
    }

    /// Writes the bytes that it holds back, which come first.
    fn flush(&self, writer: &mut E) -> Result<(), Error>
    where
        E: io::Write,
    {
        loop {
            self.polled.wait(self.known(writer)?, Ready::ToWrite)?;
            match retry(|| writer.flush()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                flushed => return Ok(flushed?),
            }
        }
    }
    fn known<'e>(&self, end: &'e E) -> io::Result<BorrowedFd<'e>> {
        (self.find)(end).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }
}
