//! Pieces as borrowed slices, the fastest way to read many short lines.

use bytes::Bytes;

use super::decoder::Pieces;
use super::splitter::Splitter;
use crate::error::Error;

impl<I: Iterator<Item = Result<Bytes, Error>>> Pieces<I, Splitter> {
    /// Calls `each` with every piece as a slice that is borrowed for the call, and stops at the first
    /// error. It is the fastest way to read many short lines. It blocks while the iterator of the chunks
    /// does.
    ///
    /// # Errors
    ///
    /// That of `each`, of the [`Splitter`], or of the stream.
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
        while !self.failed {
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
