//! The operators of a [`Flow`] on a [`Readable`].

use std::sync::Arc;

use bytes::Bytes;

use super::Flow;
use crate::error::Error;
use crate::stage::source::Source;
use crate::stream::readable::Readable;

/// # Operators
///
/// A readable is an [`Iterator`], whose methods give a closure the results. [`flow`](Self::flow)
/// has the same operators over the items: `map`, `filter`, `skip`, `fold`, `any` and others, on the
/// thread that reads, when it reads.
impl<T: Send + 'static> Readable<T> {
    /// Puts the operators of a [`Flow`] on the items of this stream.
    ///
    /// If the flow ends early, the stream is dropped with it, and its writer's next write fails
    /// with [`Closed`](crate::ErrorKind::Closed). A source is read ahead up to the mark all the
    /// same, unless that is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable};
    ///
    /// let numbers = Readable::from_iter(1.., HighWaterMark::items(2));
    /// let even = numbers.flow().filter(|n| n % 2 == 0);
    /// assert_eq!(even.take(3).fold(0, |sum, n| sum + n)?, 2 + 4 + 6);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn flow(self) -> Flow<Self> {
        let (interrupt, files) = (self.interrupt(), self.files_read());
        let channel = Arc::clone(self.channel());
        Flow {
            items: self,
            interrupt,
            files,
            aborts: Some(Box::new(move |stream| channel.aborts(stream))),
        }
    }

    /// Collects at most `limit` items: Node's `toArray`, which has no limit.
    ///
    /// Waits until the stream has ended or failed, or an item more than that was read.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there is one more, or the first cause.
    /// What was collected is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable};
    ///
    /// let numbers = Readable::from_iter(1..=3, HighWaterMark::items(2));
    /// assert_eq!(numbers.to_vec(10)?, [1, 2, 3]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "toArray")]
    #[doc(alias = "collect")]
    pub fn to_vec(self, limit: usize) -> Result<Vec<T>, Error> {
        self.flow().to_vec(limit)
    }
}

impl Readable<Bytes> {
    /// Collects at most `limit` bytes into one piece.
    ///
    /// Waits until the stream has ended or failed, or more than that was read.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there are more, or the first cause.
    /// What was collected is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable};
    ///
    /// let text = Readable::from_read(&b"some text"[..], HighWaterMark::bytes(4));
    /// assert_eq!(text.to_bytes(100)?, "some text");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn to_bytes(self, limit: usize) -> Result<Bytes, Error> {
        self.flow().to_bytes(limit)
    }
}
