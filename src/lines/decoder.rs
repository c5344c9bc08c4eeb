//! What all decoders share: chunks that are pushed in, or pulled.

use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;

use crate::error::{Error, ErrorKind};
use crate::stage::transform::Out;

/// Something that chunks of bytes are pushed into, and pieces are taken out of, as they come to be
/// whole. It does no I/O and never waits.
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
/// assert_eq!(lines.next()?, None); // that is all for now
/// lines.push(Bytes::from("o\nthree"));
/// assert_eq!(lines.next()?, Some(Bytes::from("two")));
/// assert_eq!(lines.next()?, None);
/// lines.finish();
/// assert_eq!(lines.next()?, Some(Bytes::from("three")));
/// assert_eq!(lines.next()?, None);
/// # Ok::<(), highwater::Error>(())
/// ```
pub trait Decoder {
    /// What comes out.
    type Piece;

    /// Gives it the next chunk. What is left of the one before, if not all of its pieces were
    /// taken, is joined with it, which costs a copy.
    ///
    /// One that has failed takes no more; one that was finished fails.
    fn push(&mut self, chunk: Bytes);

    /// Says that no more comes: what is left is the last piece.
    fn finish(&mut self);

    /// Takes the next piece. `None` means that there is no whole one: a chunk is wanted, or, when
    /// it was [finished](Self::finish), that was all.
    ///
    /// # Errors
    ///
    /// Those of the decoder, behind all pieces that came before.
    fn next(&mut self) -> Result<Option<Self::Piece>, Error>;
}

/// Why a decoder goes no further.
///
/// What it tells is a new error each time, and not one that it keeps: a stage puts its name to an
/// error that nobody else holds.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// At a byte of the stream.
    Found(ErrorKind, String, u64),
    NotText(Utf8Error, u64),
    /// A chunk came behind the end.
    Ended,
}

impl Fault {
    pub(super) fn tell(&self) -> Error {
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

/// What a stream says that is not what it should be.
pub(super) const INVALID_DATA: ErrorKind = ErrorKind::Io(std::io::ErrorKind::InvalidData);

/// Passes on all that is whole.
pub(super) fn drain<D: Decoder>(decoder: &mut D, out: &mut Out<'_, D::Piece>) -> Result<(), Error> {
    while let Some(piece) = decoder.next()? {
        out.push(piece)?;
    }
    Ok(())
}

/// An iterator over the pieces of a stream of chunks. It holds one chunk at a time, and takes the
/// next one when nothing whole is left of it.
///
/// An error comes once, be it of the stream or of the [`Decoder`], and then nothing more does.
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

    /// Gives both back: a [`Splitter`](super::Splitter) has the [rest](super::Splitter::into_rest) of the last chunk.
    pub fn into_parts(self) -> (I, D) {
        (self.chunks, self.decoder)
    }

    /// Takes a chunk for the decoder, or tells it that there is none.
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

    /// Takes the next piece, with as many chunks as it needs. It waits as the chunks do.
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
