//! What all decoders share: chunks are pushed, and pieces are taken out.

use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;

use crate::error::{Error, ErrorKind};
use crate::stage::transform::Out;

/// A decoder without I/O: chunks of bytes are pushed, and pieces are taken out as soon as they are
/// complete. No call blocks.
///
/// # Examples
///
/// ```
/// use highwater::Bytes;
/// use highwater::lines::{self, Decoder};
///
/// let mut lines = lines::lines();
/// lines.push(Bytes::from("one\ntw"));
/// assert_eq!(lines.next()?, Some(Bytes::from("one")));
/// assert_eq!(lines.next()?, None); // no more complete lines yet
/// lines.push(Bytes::from("o\nthree"));
/// assert_eq!(lines.next()?, Some(Bytes::from("two")));
/// assert_eq!(lines.next()?, None);
/// lines.finish();
/// assert_eq!(lines.next()?, Some(Bytes::from("three")));
/// assert_eq!(lines.next()?, None);
/// # Ok::<(), highwater::Error>(())
/// ```
pub trait Decoder {
    /// What is taken out, such as a line.
    type Piece;

    /// Pushes the next chunk. If not all pieces of the chunk before were taken, the two are joined, which
    /// costs a copy.
    ///
    /// A decoder that has failed ignores the chunk. A decoder that was finished fails.
    fn push(&mut self, chunk: Bytes);

    /// Ends the input: the bytes that are left are the last piece.
    fn finish(&mut self);

    /// Takes the next piece. `None` means that no piece is complete: push a chunk; or, after
    /// [`finish`](Self::finish), that there are no more.
    ///
    /// # Errors
    ///
    /// Those of the decoder, behind all pieces before the error. Every later call returns the same.
    fn next(&mut self) -> Result<Option<Self::Piece>, Error>;
}

/// Why a decoder has failed.
///
/// A decoder makes a new error of it for each call, and keeps none: a stage can add its name only to an
/// error that has no other owner.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// At a byte of the stream.
    Found(ErrorKind, String, u64),
    NotText(Utf8Error, u64),
    /// A chunk was pushed after the end.
    Ended,
}

impl Fault {
    pub(super) fn error(&self) -> Error {
        match self {
            Self::Found(kind, message, at) => Error::new(*kind, message.as_str()).at(*at),
            Self::NotText(reason, at) => {
                let message = match reason.error_len() {
                    Some(_) => "no UTF-8",
                    None => "a character of UTF-8 is cut off by the end of the stream",
                };
                Error::caused(INVALID_DATA, message, Box::new(*reason)).at(*at)
            }
            Self::Ended => Error::ended(),
        }
    }
}

/// The kind of an error for bytes that break the format.
pub(super) const INVALID_DATA: ErrorKind = ErrorKind::Io(std::io::ErrorKind::InvalidData);

/// Pushes all complete pieces on.
pub(super) fn drain<D: Decoder>(decoder: &mut D, out: &mut Out<'_, D::Piece>) -> Result<(), Error> {
    while let Some(piece) = decoder.next()? {
        out.push(piece)?;
    }
    Ok(())
}

/// An iterator over the pieces of a stream of chunks. It holds one chunk at a time, and takes the next
/// one when no complete piece is left in it.
///
/// An error of the stream or of the [`Decoder`] is returned once; after it the iterator has ended.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, Error, lines};
///
/// let chunks = ["a,b", "c,", ",d"].map(|chunk| Ok::<_, Error>(Bytes::from(chunk)));
/// let fields: Result<Vec<_>, _> = lines::split(",").over(chunks.into_iter()).collect();
/// assert_eq!(fields?, ["a", "bc", "", "d"]);
/// # Ok::<(), highwater::Error>(())
/// ```
pub struct Pieces<I, D> {
    chunks: I,
    pub(super) decoder: D,
    /// The chunks have ended.
    pub(super) ended: bool,
    /// An error was returned.
    pub(super) failed: bool,
}

impl<I: Iterator<Item = Result<Bytes, Error>>, D: Decoder> Pieces<I, D> {
    /// Takes the pieces of `decoder` out of `chunks`.
    pub const fn new(chunks: I, decoder: D) -> Self {
        Self {
            chunks,
            decoder,
            ended: false,
            failed: false,
        }
    }

    /// Returns both: a [`Splitter`](super::Splitter) has the [rest](super::Splitter::into_rest) of the last chunk.
    pub fn into_parts(self) -> (I, D) {
        (self.chunks, self.decoder)
    }

    /// Pushes the next chunk to the decoder, or ends its input.
    pub(super) fn feed(&mut self) -> Result<(), Error> {
        match self.chunks.next().transpose()? {
            Some(chunk) => self.decoder.push(chunk),
            None => {
                self.ended = true;
                self.decoder.finish();
            }
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self) -> Result<Option<D::Piece>, Error> {
        loop {
            let piece = self.decoder.next()?;
            if piece.is_some() || self.ended {
                return Ok(piece);
            }
            self.feed()?;
        }
    }
}

impl<I: Iterator<Item = Result<Bytes, Error>>, D: Decoder> Iterator for Pieces<I, D> {
    type Item = Result<D::Piece, Error>;

    /// Takes the next piece, with as many chunks as it needs. It blocks while the iterator of the chunks
    /// does.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let piece = self.take();
        self.failed = piece.is_err();
        piece.transpose()
    }
}

impl<I, D: fmt::Debug> fmt::Debug for Pieces<I, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces")
            .field("decoder", &self.decoder)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
