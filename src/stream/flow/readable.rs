//! The operators of a [`Flow`], as methods of a [`Readable`].

use std::sync::Arc;

use bytes::Bytes;

use super::Flow;
use crate::error::Error;
use crate::stage::source::Source;
use crate::stream::readable::Readable;

/// # Operators
///
/// They run on the reading thread, when it reads, and have the names of those of an
/// [`Iterator`], which are over `Result<T, Error>` and still there by way of
/// [`by_ref`](Iterator::by_ref). An error goes through all of them, behind what was read before
/// it. Where the reading ends early, the stream is dropped, and its writer's next write fails.
impl<T: Send + 'static> Readable<T> {
    fn flow(self) -> Flow<Self> {
        let (interrupt, files) = (self.interrupt(), self.files());
        let channel = Arc::clone(self.channel());
        Flow {
            items: self,
            interrupt,
            files,
            aborts: Some(Box::new(move |stream| channel.aborts(stream))),
        }
    }

    /// Makes something else of each item; see [`Flow::map`].
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable};
    ///
    /// let numbers = Readable::from_iter(1..=4, HighWaterMark::items(2));
    /// assert_eq!(numbers.map(|n: u32| n * n).to_vec(10)?, [1, 4, 9, 16]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Flow<impl Iterator<Item = Result<U, Error>>> {
        self.flow().map(make)
    }

    /// Makes something else of each item, or fails; see [`Flow::try_map`].
    pub fn try_map<U>(
        self,
        make: impl FnMut(T) -> Result<U, Error>,
    ) -> Flow<impl Iterator<Item = Result<U, Error>>> {
        self.flow().try_map(make)
    }

    /// Keeps the items for which `keep` returns true; see [`Flow::filter`].
    pub fn filter(
        self,
        keep: impl FnMut(&T) -> bool,
    ) -> Flow<impl Iterator<Item = Result<T, Error>>> {
        self.flow().filter(keep)
    }

    /// Reads everything that `make` makes of each item; see [`Flow::flat_map`].
    pub fn flat_map<L: IntoIterator>(
        self,
        make: impl FnMut(T) -> L,
    ) -> Flow<impl Iterator<Item = Result<L::Item, Error>>> {
        self.flow().flat_map(make)
    }

    /// Calls `look` with each item; see [`Flow::inspect`].
    pub fn inspect(self, look: impl FnMut(&T)) -> Flow<impl Iterator<Item = Result<T, Error>>> {
        self.flow().inspect(look)
    }

    /// Ends after `count` items; see [`Flow::take`]. The one after them is not asked for, though
    /// a source is read ahead up to the mark, unless that is 0.
    pub fn take(self, count: usize) -> Flow<impl Iterator<Item = Result<T, Error>>> {
        self.flow().take(count)
    }

    /// Passes over the first `count` items; see [`Flow::drop`].
    pub fn drop(self, count: usize) -> Flow<impl Iterator<Item = Result<T, Error>>> {
        self.flow().drop(count)
    }

    /// Reads `count` items at a time; see [`Flow::chunks_of`].
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub fn chunks_of(self, count: usize) -> Flow<impl Iterator<Item = Result<Vec<T>, Error>>> {
        self.flow().chunks_of(count)
    }

    /// Calls `each` with each item, until the end.
    ///
    /// # Errors
    ///
    /// The first cause, or what `each` fails with.
    pub fn for_each(self, each: impl FnMut(T) -> Result<(), Error>) -> Result<(), Error> {
        self.flow().for_each(each)
    }

    /// Makes one value of everything, beginning with `value`.
    ///
    /// # Errors
    ///
    /// The first cause.
    pub fn reduce<A>(self, value: A, step: impl FnMut(A, T) -> A) -> Result<A, Error> {
        self.flow().reduce(value, step)
    }

    /// Collects at most `limit` items; see [`Flow::to_vec`].
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there is one more, or the first cause.
    pub fn to_vec(self, limit: usize) -> Result<Vec<T>, Error> {
        self.flow().to_vec(limit)
    }

    /// Returns whether `is` returns true for any item, and reads no further than that.
    ///
    /// # Errors
    ///
    /// The first cause, if it came before.
    pub fn some(self, is: impl FnMut(&T) -> bool) -> Result<bool, Error> {
        self.flow().some(is)
    }

    /// Returns whether `is` returns true for every item, and reads no further than the first false.
    ///
    /// # Errors
    ///
    /// The first cause, if it came before.
    pub fn every(self, is: impl FnMut(&T) -> bool) -> Result<bool, Error> {
        self.flow().every(is)
    }

    /// Finds the first item for which `is` returns true, and reads no further.
    ///
    /// # Errors
    ///
    /// The first cause, if it came before.
    pub fn find(self, is: impl FnMut(&T) -> bool) -> Result<Option<T>, Error> {
        self.flow().find(is)
    }
}

impl Readable<Bytes> {
    /// Collects at most `limit` bytes into one piece; see [`Flow::to_bytes`].
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there are more, or the first cause.
    pub fn to_bytes(self, limit: usize) -> Result<Bytes, Error> {
        self.flow().to_bytes(limit)
    }
}
