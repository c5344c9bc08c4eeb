//! The smaller parts of a readable: its getters, its `Drop`, and its faces as a [`Read`](io::Read)
//! and a [`BufRead`](io::BufRead).

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::Readable;
use crate::cancel::{CancelToken, Interrupt};
use crate::channel::{ReadAmount, Wait};
use crate::error::Error;
use crate::stage::file_id::FileId;
use crate::stage::hooks::SourceHooks;
use crate::stage::source::Source;

impl<T> Readable<T> {
    /// What was written and not yet read, in the unit of the mark.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty buffer"
    )]
    pub fn len(&self) -> usize {
        self.channel.with_state(|state, _| state.len())
    }

    /// The level at which writers wait: Node's `readableHighWaterMark`.
    #[must_use]
    #[doc(alias = "readableHighWaterMark")]
    pub fn high_water_mark(&self) -> usize {
        self.channel.with_state(|state, _| state.marks().high())
    }

    /// The first cause, if the stream has failed: Node's `errored`.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.channel.with_state(|state, _| state.errored().cloned())
    }

    /// The most that was buffered at once, in the unit of the mark.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.channel.stats().peak
    }
}

impl Readable<Bytes> {
    /// Takes exactly `n` bytes, or what is left before the end: Node's `read(n)`. `None` is the
    /// end.
    ///
    /// Blocks until `n` bytes are buffered, the stream ends or is cancelled. `read_n(0)` returns at
    /// once. `n` may be more than the high-water mark: what is held for this read does not count
    /// against it, so a frame that is larger than the buffer never deadlocks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) for more than 1 GiB, or the
    /// first cause if the stream has failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, channel};
    ///
    /// let (mut writer, mut reader) = channel(HighWaterMark::bytes(1024));
    /// writer.write(bytes::Bytes::from_static(b"abc"))?;
    /// writer.write(bytes::Bytes::from_static(b"def"))?;
    /// writer.end();
    /// assert_eq!(reader.read_n(4)?.as_deref(), Some(&b"abcd"[..]));
    /// assert_eq!(reader.read_n(4)?.as_deref(), Some(&b"ef"[..]));
    /// assert_eq!(reader.read_n(4)?, None);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn read_n(&mut self, n: usize) -> Result<Option<Bytes>, Error> {
        self.read_amount(ReadAmount::Exactly(n))
    }

    /// Takes everything that is buffered, once it is at least `n` bytes, or what is left before the
    /// end. `None` is the end.
    ///
    /// Otherwise as [`read_n`](Self::read_n).
    ///
    /// # Errors
    ///
    /// As [`read_n`](Self::read_n).
    pub fn read_at_least(&mut self, n: usize) -> Result<Option<Bytes>, Error> {
        self.read_amount(ReadAmount::AtLeast(n))
    }

    fn read_amount(&mut self, amount: ReadAmount) -> Result<Option<Bytes>, Error> {
        if matches!(amount, ReadAmount::Exactly(0) | ReadAmount::AtLeast(0)) {
            return Ok(Some(Bytes::new()));
        }
        if self.worker.is_idle() {
            self.start()?;
        }
        if let Some(current) = self.current.take() {
            if self.channel.unshift(current).is_err() {
                // The end was read, or the stream is gone, while the caller still had this chunk.
                return Err(self.error().unwrap_or_else(Error::closed));
            }
        }
        Ok(self
            .channel
            .read(amount, Wait::Forever)?
            .map(|taken| taken.concat()))
    }
}

impl io::Read for Readable<Bytes> {
    /// Waits for a chunk if none is there, and never for more than one.
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let available = io::BufRead::fill_buf(self)?;
        let copied = available.len().min(buf.len());
        buf[..copied].copy_from_slice(&available[..copied]);
        io::BufRead::consume(self, copied);
        Ok(copied)
    }
}

impl io::BufRead for Readable<Bytes> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // Where the mark is in items a chunk may have no bytes, which is not the end.
        while self.current.as_ref().is_none_or(Bytes::is_empty) {
            self.current = None;
            self.current = self.next_within(Wait::Forever)?;
            if self.current.is_none() {
                break;
            }
        }
        Ok(self.current.as_deref().unwrap_or_default())
    }

    #[inline]
    fn consume(&mut self, amount: usize) {
        if let Some(current) = &mut self.current {
            current.advance(amount);
            if current.is_empty() {
                self.current = None;
            }
        }
    }
}

/// As the source of another stream it is read on that stream's thread.
impl<T: Send + 'static> Source<T> for Readable<T> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        self.next_within(Wait::Forever)
    }

    /// Stops it: what was buffered is still read, and then there is an end.
    fn interrupt(&self) -> Option<Interrupt> {
        let target = Arc::downgrade(&self.target());
        Some(Interrupt::new(move || {
            if let Some(target) = target.upgrade() {
                target.stop();
            }
        }))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("readable")
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
        Some(self)
    }
}

impl<T: Send + 'static> SourceHooks<T> for Readable<T> {
    fn aborts(&mut self, stream: &CancelToken) {
        self.channel.aborts(stream);
    }

    fn files(&mut self) -> Vec<FileId> {
        self.files_read()
    }
}

impl<T> Drop for Readable<T> {
    fn drop(&mut self) {
        self.channel.hang_up(Error::closed());
        if !self.worker.is_idle() {
            // It has caught the panics of user code, and the reader gets them as errors.
            let _ = self.worker.join();
        }
    }
}

impl<T> fmt::Debug for Readable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.with_state(|state, _| {
            f.debug_struct("Readable")
                .field("len", &state.len())
                .field("high_water_mark", &state.marks().high())
                .field("ended", &state.is_ended())
                .field("errored", &state.errored())
                .finish_non_exhaustive()
        })
    }
}
