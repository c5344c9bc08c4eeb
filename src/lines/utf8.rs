//! Decoding UTF-8, where a chunk may end within a character.

use std::borrow::Cow;

use bytes::Bytes;

use super::decoder::{Decoder, Fault, Pieces, drain};
use crate::error::Error;
use crate::stage::transform::{Out, Transform};

/// Decodes UTF-8: Node's `setEncoding('utf8')`, and a `TextDecoder`.
///
/// [`utf8`](super::utf8()) and [`utf8_lossy`](super::utf8_lossy) make one. Each chunk becomes a [`String`] of
/// all characters that end in it; a character that is cut in two comes with the next chunk.
///
/// A string is a copy, unless the chunk is the only owner of its memory. The copy takes about as long as
/// the check, some 5 ns for 100 bytes each. To avoid the copy, split the bytes into
/// [`lines`](super::lines()) and check each with [`str::from_utf8`]: no character crosses a line end.
///
/// # Errors
///
/// Only the strict decoder fails, with [`InvalidData`](std::io::ErrorKind::InvalidData) of
/// [`Io`](crate::ErrorKind::Io), at the [offset](Error::offset) of the first byte that is not UTF-8, or of
/// a character that the end of the stream cuts off. All text before it was returned. The source of the
/// error is a [`Utf8Error`](std::str::Utf8Error).
///
/// # Invariants
///
/// Between calls, `cut` is the beginning of one character, at most three bytes; `chunk` begins
/// with it and is not decoded yet, or is empty.
#[derive(Clone, Debug)]
pub struct Utf8 {
    is_lossy: bool,
    chunk: Bytes,
    cut: Vec<u8>,
    /// Where in the stream `cut`, or else `chunk`, begins.
    at: u64,
    ended: bool,
    failed: Option<Fault>,
}

impl Utf8 {
    pub(super) const fn new(is_lossy: bool) -> Self {
        Self {
            is_lossy,
            chunk: Bytes::new(),
            cut: Vec::new(),
            at: 0,
            ended: false,
            failed: None,
        }
    }

    /// Makes an iterator over the text of a stream of chunks.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{Bytes, Error, lines};
    ///
    /// let halves = [&b"caf\xc3"[..], b"\xa9 au lait"].map(|half| Ok::<_, Error>(Bytes::from(half)));
    /// let text: Result<Vec<String>, _> = lines::utf8().over(halves.into_iter()).collect();
    /// assert_eq!(text?, ["caf", "é au lait"]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn over<I: Iterator<Item = Result<Bytes, Error>>>(self, chunks: I) -> Pieces<I, Self> {
        Pieces::new(chunks, self)
    }

    /// Takes the chunk, with the character that was cut before it and without one that is cut at its end.
    fn take_whole(&mut self) -> Vec<u8> {
        let chunk = std::mem::take(&mut self.chunk);
        let mut bytes = if self.cut.is_empty() {
            Vec::from(chunk) // no copy, if it is the only owner of its memory
        } else {
            let mut joined = Vec::with_capacity(self.cut.len() + chunk.len());
            joined.append(&mut self.cut);
            joined.extend_from_slice(&chunk);
            joined
        };
        if !self.ended {
            let whole = bytes.len() - begun(&bytes);
            self.cut.extend_from_slice(&bytes[whole..]);
            bytes.truncate(whole);
        }
        bytes
    }

    /// Handles bytes that are not UTF-8: replaces them, or keeps the error for the next call.
    #[cold]
    fn replace(&mut self, invalid: std::string::FromUtf8Error) -> Result<String, Error> {
        if self.is_lossy {
            return Ok(String::from_utf8_lossy(invalid.as_bytes()).into_owned());
        }
        let reason = invalid.utf8_error();
        let mut valid = invalid.into_bytes();
        valid.truncate(reason.valid_up_to());
        let at = self.at + valid.len() as u64;
        self.failed = Some(Fault::NotText(reason, at));
        self.cut = Vec::new();
        // It is text up to there.
        String::from_utf8(valid).map_err(|error| Error::other(error.utf8_error()))
    }
}

/// How many bytes at the end are the beginning of a character that is not complete.
fn begun(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3).enumerate();
    for (behind, byte) in last {
        let width = match byte {
            // In the middle of one.
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        return if behind + 1 < width { behind + 1 } else { 0 };
    }
    0
}

impl Decoder for Utf8 {
    type Piece = String;

    fn push(&mut self, chunk: Bytes) {
        if self.failed.is_some() {
            return;
        }
        if self.ended {
            self.failed = Some(Fault::Ended);
        } else if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [&self.chunk[..], &chunk].concat().into();
        }
    }

    fn finish(&mut self) {
        self.ended = true;
    }

    /// Takes the text of the chunk that was pushed. It is never empty.
    fn next(&mut self) -> Result<Option<String>, Error> {
        if let Some(fault) = &self.failed {
            return Err(fault.error());
        }
        if self.chunk.is_empty() && !self.ended {
            return Ok(None);
        }
        let bytes = self.take_whole();
        let len = bytes.len() as u64;
        let text = String::from_utf8(bytes).or_else(|invalid| self.replace(invalid))?;
        self.at += len;
        match &self.failed {
            Some(fault) if text.is_empty() => Err(fault.error()),
            _ => Ok((!text.is_empty()).then_some(text)),
        }
    }
}

impl Transform<Bytes, String> for Utf8 {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, String>) -> Result<(), Error> {
        self.push(chunk);
        drain(self, out)
    }

    fn flush(&mut self, out: &mut Out<'_, String>) -> Result<(), Error> {
        self.finish();
        drain(self, out)
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("utf8")
    }
}
