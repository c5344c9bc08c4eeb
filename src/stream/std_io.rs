//! Any reader as a source, any writer as a sink.
//!
//! Of what is known to have a descriptor, that is used instead: so a blocked call can be
//! interrupted, and a descriptor that was set to not block is waited for.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::channel::mark::READ_BYTES;
use crate::error::Error;
#[cfg(all(unix, not(loom)))]
use crate::os::Handed;
use crate::stage::buffer_pool::Pool;
use crate::stage::hooks::SourceHooks;
use crate::stage::sink::{Sink, retry, write_vectored};
use crate::stage::source::{Source, read_chunk, read_pool, shrink};
use crate::state::batch::Batch;

/// Any [`io::Read`] as a source of bytes, read into recycled buffers.
///
/// A blocked read of what the standard library has for pipes, sockets and files that are none on a
/// disk ends with a cancel: of a [`File`](std::fs::File), a [`TcpStream`](std::net::TcpStream), a
/// `UnixStream`, a `PipeReader`, and what a [`Child`](std::process::Child) has. They may have been
/// set to not block. Any other reader is called and waited for, [`Stdin`](io::Stdin) among them,
/// which may have read ahead; [`fs::stdin`](crate::fs::stdin) can be interrupted.
#[derive(Debug)]
pub struct ReadSource<R> {
    /// What was read of it before, and comes first.
    ahead: Bytes,
    inner: R,
    name: Cow<'static, str>,
    pool: Pool,
    handed: Option<Handed>,
}

impl<R: io::Read + 'static> ReadSource<R> {
    /// Wraps a reader. `name` is what errors and reports call it.
    pub fn new(inner: R, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            ahead: Bytes::new(),
            handed: Handed::reader(&inner),
            inner,
            name: name.into(),
            pool: read_pool(READ_BYTES),
        }
    }

    /// Reads at most this many bytes at once, in place of [`READ_BYTES`].
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.pool = read_pool(bytes);
        self
    }

    /// The same, behind bytes that were read of it before.
    pub(crate) fn behind(mut self, ahead: Bytes) -> Self {
        self.ahead = ahead;
        self
    }
}

impl<R: io::Read + Send + 'static> Source<Bytes> for ReadSource<R> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.ahead.is_empty() {
            let most = self.ahead.len().min(self.pool.buffer_bytes());
            return Ok(Some(self.ahead.split_to(most)));
        }
        match &mut self.handed {
            Some(handed) => handed.read(&mut self.inner, &self.pool),
            None => Ok(read_chunk(&self.pool, |room| self.inner.read(room))?),
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.handed.as_ref().map(Handed::interrupt)
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl<R: io::Read + Send + 'static> SourceHooks<Bytes> for ReadSource<R> {
    fn set_chunk_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }
}

/// Any [`io::Write`] as a sink of bytes.
///
/// A blocked write to what the standard library has for pipes, sockets and files that are none on a
/// disk ends with a cancel: to a [`File`](std::fs::File), a [`TcpStream`](std::net::TcpStream), a
/// `UnixStream`, a `PipeWriter`, [`Stdout`](io::Stdout), [`Stderr`](io::Stderr), and what a
/// [`Child`](std::process::Child) has. They may have been set to not block. Any other writer is
/// called and waited for.
///
/// It is flushed, and not closed: to close it, and to get the operating system's error then, is up
/// to the caller that gets it back.
#[derive(Debug)]
pub struct WriteSink<W> {
    inner: W,
    name: Cow<'static, str>,
    handed: Option<Handed>,
}

impl<W: io::Write + 'static> WriteSink<W> {
    /// Wraps a writer. `name` is what errors and reports call it.
    pub fn new(inner: W, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            handed: Handed::writer(&inner),
            inner,
            name: name.into(),
        }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: io::Write + Send + 'static> Sink<Bytes> for WriteSink<W> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        if let Some(handed) = &mut self.handed {
            return handed.write(&mut self.inner, batch);
        }
        let written = write_vectored(batch, |slices| self.inner.write_vectored(slices))?;
        batch.advance(written);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        retry(|| self.inner.flush()).map_err(Error::from)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.handed.as_ref().map(Handed::interrupt)
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}

/// Where no descriptor is known of.
#[cfg(not(all(unix, not(loom))))]
#[derive(Debug)]
enum Handed {}

#[cfg(not(all(unix, not(loom))))]
impl Handed {
    fn reader(_: &dyn std::any::Any) -> Option<Self> {
        None
    }

    fn writer(_: &dyn std::any::Any) -> Option<Self> {
        None
    }

    fn interrupt(&self) -> Interrupt {
        match *self {}
    }

    fn read<R>(&mut self, _: &mut R, _: &Pool) -> Result<Option<Bytes>, Error> {
        match *self {}
    }

    fn write<W>(&mut self, _: &mut W, _: &mut Batch<Bytes>) -> Result<(), Error> {
        match *self {}
    }
}
