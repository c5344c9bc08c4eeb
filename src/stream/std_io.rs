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
    handed: Option<Handed<R>>,
}

impl<R: io::Read + 'static> ReadSource<R> {
    /// Wraps a reader. `name` is what errors and reports call it.
    pub fn new(inner: R, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            handed: Handed::reader(&inner),
            ..Self::blocking(inner, name)
        }
    }
}

impl<'a, R: io::Read + 'static> ReadSource<&'a mut R> {
    /// Wraps a reader that is borrowed, for a [pipeline](crate::Pipeline#what-a-pipeline-may-borrow).
    /// A blocked read ends with a cancel as that of a reader given to [`new`](Self::new) does. What
    /// the pipeline has not read is still to be read from it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Cursor, Read};
    /// use highwater::{ReadSource, pipeline};
    ///
    /// let mut reader = Cursor::new("head and body");
    /// let source = ReadSource::borrowed(&mut reader, "memory").chunk_bytes(4);
    /// let report = pipeline(source).take(1).to(Vec::new()).run()?;
    /// assert_eq!(report.bytes(), 4);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn borrowed(inner: &'a mut R, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            handed: Handed::borrowed_reader(&inner),
            ..Self::blocking(inner, name)
        }
    }
}

impl<R: io::Read> ReadSource<R> {
    /// Wraps any reader, also one that borrows, such as a `&mut dyn Read`. A blocked read is waited
    /// for, whatever the reader is: a cancel does not end it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use highwater::{ReadSource, pipeline};
    ///
    /// let text = String::from("borrowed");
    /// let mut copy = Vec::new();
    /// let some = text.as_bytes().take(6);
    /// pipeline(ReadSource::blocking(some, "memory")).to(&mut copy).run()?;
    /// assert_eq!(copy, b"borrow");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn blocking(inner: R, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            ahead: Bytes::new(),
            handed: None,
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

impl<R: io::Read + Send> Source<Bytes> for ReadSource<R> {
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

impl<R: io::Read + Send> SourceHooks<Bytes> for ReadSource<R> {
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
/// to the caller that gets it back. Do not wrap a [`Writable`](crate::Writable): it would be flushed and not
/// finished, and its stream broken off. Write `pipeline.readable().pipe_to(writable)`.
#[derive(Debug)]
pub struct WriteSink<W> {
    inner: W,
    name: Cow<'static, str>,
    handed: Option<Handed<W>>,
}

impl<W: io::Write + 'static> WriteSink<W> {
    /// Wraps a writer. `name` is what errors and reports call it.
    pub fn new(inner: W, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            handed: Handed::writer(&inner),
            ..Self::blocking(inner, name)
        }
    }
}

impl<'a, W: io::Write + 'static> WriteSink<&'a mut W> {
    /// Wraps a writer that is borrowed, for a [pipeline](crate::Pipeline#what-a-pipeline-may-borrow).
    /// A blocked write ends with a cancel as that to a writer given to [`new`](Self::new) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Cursor, Write};
    /// use highwater::{WriteSink, pipeline};
    ///
    /// let mut writer = Cursor::new(Vec::new());
    /// writer.write_all(b"head, ")?;
    /// pipeline(&b"body"[..]).to(WriteSink::borrowed(&mut writer, "memory")).run()?;
    /// writer.write_all(b", foot")?;
    /// assert_eq!(writer.into_inner(), b"head, body, foot");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn borrowed(inner: &'a mut W, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            handed: Handed::borrowed_writer(&inner),
            ..Self::blocking(inner, name)
        }
    }
}

impl<W: io::Write> WriteSink<W> {
    /// Wraps any writer, also one that borrows, such as a `&mut dyn Write`. A blocked write is
    /// waited for, whatever the writer is: a cancel does not end it.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{WriteSink, pipeline};
    ///
    /// let mut room = [0; 4];
    /// let sink = WriteSink::blocking(&mut room[..], "memory");
    /// pipeline(&b"full"[..]).to(sink).run()?;
    /// assert_eq!(&room, b"full");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn blocking(inner: W, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            handed: None,
            inner,
            name: name.into(),
        }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: io::Write + Send> Sink<Bytes> for WriteSink<W> {
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
struct Handed<E> {
    never: std::convert::Infallible,
    end: std::marker::PhantomData<fn(&E)>,
}

#[cfg(not(all(unix, not(loom))))]
impl<E> Handed<E> {
    fn reader(_: &E) -> Option<Self> {
        None
    }

    fn writer(_: &E) -> Option<Self> {
        None
    }

    fn borrowed_reader(_: &E) -> Option<Self> {
        None
    }

    fn borrowed_writer(_: &E) -> Option<Self> {
        None
    }

    fn interrupt(&self) -> Interrupt {
        match self.never {}
    }

    fn read(&mut self, _: &mut E, _: &Pool) -> Result<Option<Bytes>, Error> {
        match self.never {}
    }

    fn write(&mut self, _: &mut E, _: &mut Batch<Bytes>) -> Result<(), Error> {
        match self.never {}
    }
}
