//! The splitter: chunks in, pieces out, without I/O, thread or clock.

use std::borrow::Cow;
use std::io;

use bytes::{Buf, Bytes};
use memchr::memchr;

use super::MAX_BYTES;
use super::decoder::{Decoder, Fault, INVALID_DATA, Pieces, drain};
use super::rule::{Rule, Scan};
use crate::error::{Error, ErrorKind};
use crate::stage::transform::{Out, Transform};

/// Cuts a stream of bytes into lines, pieces or frames.
///
/// [`lines`](super::lines()), [`split`](super::split) and [`frames`](super::frames) make one. It is a
/// [`Transform`] for a pipeline; with [`over`](Self::over) an iterator over a
/// [`Readable`](crate::Readable); and a [`Decoder`] to which chunks are pushed by hand.
///
/// A piece that lies within one chunk is a slice of it, without a copy, and keeps the whole chunk in
/// memory: copy a piece that is kept for long. A piece that crosses chunks is copied into a buffer of its
/// own.
///
/// # Errors
///
/// After its first error every call returns the same error.
///
/// - [`LimitExceeded`](ErrorKind::LimitExceeded): a piece is longer than the
///   [limit](Self::max_bytes).
/// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) of [`Io`](ErrorKind::Io): the stream has ended
///   within a frame. It is not `PrematureClose`, which is for a writer that went away, and comes from the
///   stage before. A last line or piece needs no end.
/// - [`InvalidData`](io::ErrorKind::InvalidData) of [`Io`](ErrorKind::Io): a
///   [`Varint`](super::Prefix::Varint) does not fit 64 bits.
///
/// The [`offset`](Error::offset) of the error is where the line, piece or frame begins, in bytes from the
/// start of the stream. All pieces before it were returned.
///
/// # Invariants
///
/// Between calls:
///
/// 1. `held` is the beginning of a piece, none of which is in `chunk`, unless it is `spent`.
/// 2. `held` is no longer than `max` and the slack of the rule, and neither is its memory.
/// 3. Once it has failed, nothing is left in `held` and `chunk`.
#[derive(Clone, Debug)]
pub struct Splitter {
    rule: Rule,
    max: usize,
    chunk: Bytes,
    /// How much of the chunk is taken.
    at: usize,
    /// Where in the stream the chunk begins.
    base: u64,
    held: Vec<u8>,
    /// `held` is a piece that was lent to the caller, and is cleared by the next call.
    spent: bool,
    ended: bool,
    failed: Option<Fault>,
}

/// Where the next piece is.
enum Boundary {
    InChunk { from: usize, to: usize },
    InHeld { from: usize, to: usize },
}

impl Splitter {
    pub(super) const fn new(rule: Rule) -> Self {
        Self {
            rule,
            max: MAX_BYTES,
            chunk: Bytes::new(),
            at: 0,
            base: 0,
            held: Vec::new(),
            spent: false,
            ended: false,
            failed: None,
        }
    }

    /// Sets the limit of a line, piece or frame in bytes, without its end or its length prefix. The default
    /// is [`MAX_BYTES`].
    ///
    /// A longer one is an error as soon as the length is known: before more of it is held, and a frame
    /// before any of it is.
    #[must_use]
    pub const fn max_bytes(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// Makes an iterator over the pieces of a stream of chunks, such as a
    /// [`Readable`](crate::Readable). It holds one chunk at a time, and reads no chunk before it
    /// needs it.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable, lines};
    ///
    /// let text = Readable::from_read(&b"one\r\n\ntwo"[..], HighWaterMark::default());
    /// let all: Result<Vec<_>, _> = lines::lines().over(text).collect();
    /// assert_eq!(all?, ["one", "", "two"]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn over<I: Iterator<Item = Result<Bytes, Error>>>(self, chunks: I) -> Pieces<I, Self> {
        Pieces::new(chunks, self)
    }

    /// Lends the next piece, the same that [`next`](Decoder::next) would return, without a change of a
    /// reference count. It is the fastest way to read many short lines that are not kept.
    ///
    /// # Errors
    ///
    /// As [`next`](Decoder::next).
    #[inline]
    pub fn next_slice(&mut self) -> Result<Option<&[u8]>, Error> {
        Ok(match self.advance()? {
            None => None,
            Some(Boundary::InChunk { from, to }) => Some(&self.chunk[from..to]),
            Some(Boundary::InHeld { from, to }) => Some(&self.held[from..to]),
        })
    }

    /// How many bytes of memory it holds: the beginning of a piece, and the unread part of the chunk. That
    /// is at most the limit, a delimiter or prefix, and a chunk.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.capacity() + self.chunk.len() - self.at
    }

    /// Returns the bytes of which no piece was made, with the beginning of an incomplete one: for a
    /// protocol that goes on in another format, as HTTP does after its head.
    #[must_use]
    pub fn into_rest(mut self) -> Bytes {
        if self.spent {
            self.held.clear();
        }
        if self.held.is_empty() {
            return self.chunk.split_off(self.at);
        }
        self.held.extend_from_slice(&self.chunk[self.at..]);
        self.held.into()
    }

    /// Finds the next piece and goes past it.
    #[inline]
    fn advance(&mut self) -> Result<Option<Boundary>, Error> {
        if self.spent {
            self.held.clear();
            self.spent = false;
        }
        match self.rule.end() {
            Some(end) if self.held.is_empty() => self.advance_to(end),
            _ => self.advance_by_rule(),
        }
    }

    /// Finds a piece that ends with one byte and lies within the chunk. Nearly every line does, and this
    /// takes two thirds of the time of the general rule.
    #[inline]
    fn advance_to(&mut self, end: u8) -> Result<Option<Boundary>, Error> {
        let rest = &self.chunk[self.at..];
        let Some(len) = memchr(end, rest) else {
            return self.part();
        };
        let piece = self.rule.trim(&rest[..len]).len();
        if piece > self.max {
            return Err(self.too_long(None));
        }
        let from = self.at;
        self.at += len + 1;
        let to = from + piece;
        Ok(Some(Boundary::InChunk { from, to }))
    }

    fn advance_by_rule(&mut self) -> Result<Option<Boundary>, Error> {
        let rest = &self.chunk[self.at..];
        match self.rule.look(&self.held, rest, self.max) {
            Scan::Piece(cut) if self.held.is_empty() => {
                let from = self.at + cut.head;
                let to = self.at + cut.taken - cut.tail;
                if to - from > self.max {
                    return Err(self.too_long(None));
                }
                self.at += cut.taken;
                Ok(Some(Boundary::InChunk { from, to }))
            }
            Scan::Piece(cut) => {
                let to = self.held.len() + cut.taken - cut.tail;
                if to - cut.head > self.max {
                    return Err(self.too_long(None));
                }
                self.hold(cut.taken);
                self.spent = true;
                let from = cut.head;
                Ok(Some(Boundary::InHeld { from, to }))
            }
            Scan::Part => self.part(),
            Scan::TooLong(body) => Err(self.too_long(Some(body))),
            Scan::Malformed => Err(self.malformed()),
        }
    }

    /// There is no end in the chunk: the bytes are the beginning of a piece, or the last piece.
    fn part(&mut self) -> Result<Option<Boundary>, Error> {
        if let Some(fault) = &self.failed {
            return Err(fault.error());
        }
        let rest = self.chunk.len() - self.at;
        let len = self.held.len() + rest;
        if self.ended {
            return self.last(len);
        }
        if len > self.max.saturating_add(self.rule.slack()) {
            return Err(self.too_long(None));
        }
        self.hold(rest);
        self.base += self.at as u64;
        self.chunk = Bytes::new();
        self.at = 0;
        Ok(None)
    }

    /// There is no end in the chunk, and no more chunks come.
    fn last(&mut self, len: usize) -> Result<Option<Boundary>, Error> {
        if len == 0 {
            return Ok(None);
        }
        if matches!(self.rule, Rule::Frame(_)) {
            return Err(self.cut_off(len));
        }
        if len > self.max {
            return Err(self.too_long(None));
        }
        let (from, to) = (self.at, self.chunk.len());
        if self.held.is_empty() {
            self.at = to;
            return Ok(Some(Boundary::InChunk { from, to }));
        }
        self.hold(to - from);
        self.spent = true;
        Ok(Some(Boundary::InHeld { from: 0, to: len }))
    }

    /// Moves this number of bytes from the chunk to `held`.
    fn hold(&mut self, taken: usize) {
        let more = &self.chunk[self.at..self.at + taken];
        let needed = self.held.len() + more.len();
        if needed > self.held.capacity() {
            // Doubled, so that a piece of many chunks costs no more to copy than its length; but
            // never to more than a piece may have.
            let most = self.max.saturating_add(self.rule.slack());
            let doubled = (2 * self.held.capacity()).max(HELD_BYTES_MIN).min(most);
            let capacity = needed.max(doubled);
            self.held.reserve_exact(capacity - self.held.len());
        }
        self.held.extend_from_slice(more);
        self.at += taken;
    }

    #[cold]
    fn too_long(&mut self, announced: Option<u64>) -> Error {
        let (noun, max) = (self.rule.noun(), self.max);
        let message = match announced {
            Some(body) => {
                format!("over the limit of {max} bytes: a {noun} of {body}, which begins")
            }
            None => format!("over the limit of {max} bytes: a {noun} that begins"),
        };
        self.fail(ErrorKind::LimitExceeded, message)
    }

    #[cold]
    fn cut_off(&mut self, len: usize) -> Error {
        let message = format!("the stream has ended after {len} bytes of a frame that begins");
        self.fail(ErrorKind::Io(io::ErrorKind::UnexpectedEof), message)
    }

    #[cold]
    fn malformed(&mut self) -> Error {
        let message = "the length of a frame does not fit 64 bits in the one that begins";
        self.fail(INVALID_DATA, message.to_owned())
    }

    /// Fails for good, with the offset of the piece, and frees all memory.
    fn fail(&mut self, kind: ErrorKind, message: String) -> Error {
        let begins = self.base + self.at as u64 - self.held.len() as u64;
        let fault = Fault::Found(kind, message, begins);
        let error = fault.error();
        self.failed = Some(fault);
        self.chunk = Bytes::new();
        self.held = Vec::new();
        self.at = 0;
        error
    }
}

/// The smallest memory for a piece that crosses chunks: most lines fit.
const HELD_BYTES_MIN: usize = 128;

impl Decoder for Splitter {
    type Piece = Bytes;

    fn push(&mut self, chunk: Bytes) {
        if self.failed.is_some() {
            return;
        }
        if self.ended {
            self.failed = Some(Fault::Ended);
            return;
        }
        self.base += self.at as u64;
        if self.at < self.chunk.len() {
            let mut joined = Vec::from(&self.chunk[self.at..]);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.into();
        } else {
            self.chunk = chunk;
        }
        self.at = 0;
    }

    fn finish(&mut self) {
        self.ended = true;
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(match self.advance()? {
            None => None,
            Some(Boundary::InChunk { from, to }) => Some(self.chunk.slice(from..to)),
            Some(Boundary::InHeld { from, to }) => {
                let mut piece = std::mem::take(&mut self.held);
                piece.truncate(to);
                let mut piece = Bytes::from(piece);
                piece.advance(from);
                Some(piece)
            }
        })
    }
}

impl Transform<Bytes, Bytes> for Splitter {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.push(chunk);
        drain(self, out)
    }

    fn flush(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.finish();
        drain(self, out)
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.rule.name())
    }
}
