//! What all decoders share: chunks that are pushed in, or pulled.

use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;

use super::splitter::Splitter;
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
    decoder: D,
    /// The chunks have ended.
    ended: bool,
    /// An error was told.
    told: bool,
}

impl<I: Iterator<Item = Result<Bytes, Error>>, D: Decoder> Pieces<I, D> {
    /// Takes the pieces of `decoder` out of `chunks`.
    pub const fn new(chunks: I, decoder: D) -> Self {
        Self {
            chunks,
            decoder,
            ended: false,
            told: false,
        }
    }

    /// Gives both back: a [`Splitter`] has the [rest](Splitter::into_rest) of the last chunk.
    pub fn into_parts(self) -> (I, D) {
        (self.chunks, self.decoder)
    }

    /// Takes a chunk for the decoder, or tells it that there is none.
    fn feed(&mut self) -> Result<(), Error> {
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

impl<I: Iterator<Item = Result<Bytes, Error>>> Pieces<I, Splitter> {
    /// Calls `each` with every piece, lent for the call, and stops at the first error: the fastest
    /// way through many short lines.
    ///
    /// # Errors
    ///
    /// That of `each`, of the splitter or of the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable, lines};
    ///
    /// let log = Readable::from_read(&b"GET /\nPUT /a\nGET /b\n"[..], HighWaterMark::default());
    /// let mut gets = 0;
    /// lines::lines().over(log).for_each_slice(|line| {
    ///     gets += usize::from(line.starts_with(b"GET"));
    ///     Ok(())
    /// })?;
    /// assert_eq!(gets, 2);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn for_each_slice(
        mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while !self.told {
            while let Some(piece) = self.decoder.next_slice()? {
                each(piece)?;
            }
            if self.ended {
                break;
            }
            self.feed()?;
        }
        Ok(())
    }
}

impl<I: Iterator<Item = Result<Bytes, Error>>, D: Decoder> Iterator for Pieces<I, D> {
    type Item = Result<D::Piece, Error>;

    /// Takes the next piece, with as many chunks as it needs. It waits as the chunks do.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.told {
            return None;
        }
        let piece = self.take();
        self.told = piece.is_err();
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
