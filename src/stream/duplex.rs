//! A stream that is both read and written: two halves that end independently.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::channel::channel;
use super::readable::Readable;
use super::writable::Writable;
use crate::channel::mark::{HighWaterMark, Unit};
use crate::error::{Error, WriteError};
use crate::state::Pressure;

/// What becomes of the writing half when the reading half has ended: Node's `allowHalfOpen`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "allowHalfOpen")]
pub enum HalfOpen {
    /// It stays open until it is ended itself.
    #[default]
    Stays,
    /// It is ended as well, with the read that finds the end.
    Ends,
}

/// A reading half and a writing half: Node's `Duplex`.
///
/// Each has its own buffer, marks and end; [`split`](Self::split) takes them apart, to be used by
/// two threads. An echo must do that, or read while it writes: two threads that only write to
/// each other wait for each other, and so does a thread that writes more than both marks hold to a
/// [stream over a transform](Self::over) before it reads.
///
/// `I` is what is read, `O` what is written, and `S` what [`finish`](Writable::finish) of the
/// writing half gives back.
///
/// # Examples
///
/// ```
/// use highwater::HighWaterMark;
/// use highwater::stream::duplex_pair;
///
/// let mark = HighWaterMark::items(4);
/// let (mut here, mut there) = duplex_pair(mark, mark);
/// here.write("ping")?;
/// assert_eq!(there.next().transpose()?, Some("ping"));
/// there.write("pong")?;
/// assert_eq!(here.next().transpose()?, Some("pong"));
/// # Ok::<(), highwater::Error>(())
/// ```
pub struct Duplex<I, O = I, S = ()> {
    readable: Readable<I>,
    writable: Writable<O, S>,
    half_open: HalfOpen,
    /// What is read is made of what is written, by a thread that the first write has to start.
    through: bool,
}

/// Makes two streams that are read and written, each the other end of the other: Node's
/// `duplexPair`. What the first one writes waits up to `first`, what the second one does up to
/// `second`.
#[must_use]
#[doc(alias = "duplexPair")]
pub fn duplex_pair<A, B, U: Unit<A>, V: Unit<B>>(
    first: HighWaterMark<U>,
    second: HighWaterMark<V>,
) -> (Duplex<B, A>, Duplex<A, B>) {
    let (to_second, from_first) = channel(first);
    let (to_first, from_second) = channel(second);
    (
        Duplex::new(from_second, to_second),
        Duplex::new(from_first, to_first),
    )
}

impl<I, O, S> Duplex<I, O, S> {
    /// Makes one of two halves.
    #[must_use]
    pub const fn new(readable: Readable<I>, writable: Writable<O, S>) -> Self {
        Self {
            readable,
            writable,
            half_open: HalfOpen::Stays,
            through: false,
        }
    }

    /// Notes that what is read is made of what is written.
    pub(crate) const fn through(mut self) -> Self {
        self.through = true;
        self
    }

    /// Starts the reading side, if it is made of what will be written: without it no thread would
    /// make room for the write.
    fn begin(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.through) {
            self.readable.start()?;
        }
        Ok(())
    }

    /// Returns what becomes of the writing half when the reading half has ended.
    #[must_use]
    pub const fn half_open(mut self, policy: HalfOpen) -> Self {
        self.half_open = policy;
        self
    }

    /// Takes the halves apart.
    #[must_use]
    pub fn split(mut self) -> (Readable<I>, Writable<O, S>) {
        // An error stays with the stream, and both halves return it.
        let _ = self.begin();
        (self.readable, self.writable)
    }

    /// The half that is read.
    pub const fn readable(&mut self) -> &mut Readable<I> {
        &mut self.readable
    }

    /// The half that is written.
    pub fn writable(&mut self) -> &mut Writable<O, S> {
        // An error stays with the stream, and both halves return it.
        let _ = self.begin();
        &mut self.writable
    }

    /// Writes a chunk; see [`Writable::write`].
    ///
    /// # Errors
    ///
    /// As [`Writable::write`].
    pub fn write(&mut self, chunk: O) -> Result<Pressure, WriteError<O>> {
        self.writable().write(chunk)
    }

    /// Ends the writing side. What comes in can still be read.
    pub fn end(&mut self) {
        self.writable.end();
    }

    /// Tears both halves down at once.
    pub fn destroy(&mut self, error: impl Into<Error>) {
        let error = error.into();
        self.readable.destroy(error.clone());
        drop(self.writable.destroy(error));
    }

    fn at_end(&mut self) {
        if self.half_open == HalfOpen::Ends {
            self.writable.end();
        }
    }
}

impl<I, O, S> Iterator for Duplex<I, O, S> {
    type Item = Result<I, Error>;

    /// Waits for the next chunk; see [`Readable`]. `None` is the end.
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.readable.next();
        if next.is_none() {
            self.at_end();
        }
        next
    }
}

impl<O, S> io::Read for Duplex<Bytes, O, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.readable.read(buf)?;
        if read == 0 && !buf.is_empty() {
            self.at_end();
        }
        Ok(read)
    }
}

impl<I, S> io::Write for Duplex<I, Bytes, S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        io::Write::write(self.writable(), data)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.writable)
    }
}

impl<I, O, S> fmt::Debug for Duplex<I, O, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex")
            .field("readable", &self.readable)
            .field("writable", &self.writable)
            .field("half_open", &self.half_open)
            .finish()
    }
}
