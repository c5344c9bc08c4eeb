//! Node's operators on anything that is read, on the reading thread.

mod readable;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::readable::Readable;
use crate::cancel::{CancelToken, Interrupt};
use crate::channel::mark::{HighWaterMark, Unit};
use crate::error::Error;
use crate::stage::collect::{CollectBytes, too_many};
use crate::stage::file_id::FileId;
use crate::stage::source::Source;

/// Something that is read, with operators on it that run when it is read: nothing is read ahead
/// of that, and nothing is buffered.
///
/// It is what the operators of a [`Readable`] make, and an [`Iterator`] over `Result<T, Error>`
/// like that. An error goes through all of them, behind what was read before it.
pub struct Flow<I> {
    items: I,
    /// Wakes its reader when that waits for the underlying stream.
    interrupt: Option<Interrupt>,
    /// The files that are read for it, where they are known.
    files: Vec<FileId>,
    /// Has what it is made of abort a stream.
    aborts: Option<Aborts>,
}

type Aborts = Box<dyn Fn(&CancelToken) + Send>;

impl<I> Flow<I> {
    /// The same with something done to its items.
    fn with<J>(self, change: impl FnOnce(I) -> J) -> Flow<J> {
        Flow {
            items: change(self.items),
            interrupt: self.interrupt,
            files: self.files,
            aborts: self.aborts,
        }
    }
}

/// Puts the operators of a [`Flow`] on anything that is read as an iterator over results.
///
/// # Examples
///
/// ```
/// use highwater::Error;
/// use highwater::stream::flow;
///
/// let words = ["one", "two", "three"].map(Ok::<_, Error>);
/// let long = flow(words).filter(|word| word.len() > 3).to_vec(10)?;
/// assert_eq!(long, ["three"]);
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn flow<T, I: IntoIterator<Item = Result<T, Error>>>(items: I) -> Flow<I::IntoIter> {
    Flow {
        items: items.into_iter(),
        interrupt: None,
        files: Vec::new(),
        aborts: None,
    }
}

impl<I: Iterator> Iterator for Flow<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        self.items.next()
    }
}

impl<T, I: Iterator<Item = Result<T, Error>>> Flow<I> {
    /// Makes something else of each item.
    pub fn map<U>(
        self,
        mut make: impl FnMut(T) -> U,
    ) -> Flow<impl Iterator<Item = Result<U, Error>>> {
        self.with(|items| items.map(move |item| item.map(&mut make)))
    }

    /// Makes something else of each item, or fails.
    pub fn try_map<U>(
        self,
        mut make: impl FnMut(T) -> Result<U, Error>,
    ) -> Flow<impl Iterator<Item = Result<U, Error>>> {
        self.with(|items| items.map(move |item| item.and_then(&mut make)))
    }

    /// Keeps the items for which `keep` returns true.
    pub fn filter(self, mut keep: impl FnMut(&T) -> bool) -> Flow<impl Iterator<Item = I::Item>> {
        self.with(|items| items.filter(move |item| item.as_ref().map_or(true, &mut keep)))
    }

    /// Reads everything that `make` makes of each item, one at a time.
    pub fn flat_map<L: IntoIterator>(
        self,
        mut make: impl FnMut(T) -> L,
    ) -> Flow<impl Iterator<Item = Result<L::Item, Error>>> {
        let make_all = move |item| {
            let (made, error) = match item {
                Ok(item) => (Some(make(item)), None),
                Err(error) => (None, Some(Err(error))),
            };
            made.into_iter().flatten().map(Ok).chain(error)
        };
        self.with(|items| items.flat_map(make_all))
    }

    /// Calls `look` with each item.
    pub fn inspect(self, mut look: impl FnMut(&T)) -> Flow<impl Iterator<Item = I::Item>> {
        let look_at = move |item: &I::Item| {
            if let Ok(item) = item {
                look(item);
            }
        };
        self.with(|items| items.inspect(look_at))
    }

    /// Ends after `count` items. The one after them is not asked for.
    pub fn take(self, count: usize) -> Flow<impl Iterator<Item = I::Item>> {
        self.with(|items| items.take(count))
    }

    /// Passes over the first `count` items.
    #[doc(alias = "skip")]
    pub fn drop(self, count: usize) -> Flow<impl Iterator<Item = I::Item>> {
        let mut left = count;
        // Not `skip`, which passes over an error as well.
        self.with(|items| {
            items.skip_while(move |item| {
                let over = item.is_ok() && left > 0;
                left -= usize::from(over);
                over
            })
        })
    }

    /// Reads `count` items at a time, and what is left at the end, or before an error.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub fn chunks_of(self, count: usize) -> Flow<impl Iterator<Item = Result<Vec<T>, Error>>> {
        assert!(count > 0, "chunks of 0");
        self.with(|mut items| {
            let mut failure = None;
            std::iter::from_fn(move || {
                let mut chunk = Vec::new();
                while chunk.len() < count && failure.is_none() {
                    match items.next() {
                        Some(Ok(item)) => chunk.push(item),
                        Some(Err(error)) => failure = Some(error),
                        None => break,
                    }
                }
                if chunk.is_empty() {
                    return failure.take().map(Err);
                }
                Some(Ok(chunk))
            })
        })
    }

    /// Calls `each` with each item, until the end.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, or what `each` fails with.
    pub fn for_each(mut self, mut each: impl FnMut(T) -> Result<(), Error>) -> Result<(), Error> {
        self.items.try_for_each(|item| each(item?))
    }

    /// Makes one value of everything, beginning with `value`.
    ///
    /// # Errors
    ///
    /// What was read instead of an item.
    #[doc(alias = "fold")]
    pub fn reduce<A>(mut self, value: A, mut step: impl FnMut(A, T) -> A) -> Result<A, Error> {
        self.items
            .try_fold(value, |value, item| Ok(step(value, item?)))
    }

    /// Collects at most `limit` items: Node's `toArray`, which has no limit.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there is one more, or what was read
    /// instead of an item. What was collected is dropped.
    pub fn to_vec(self, limit: usize) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        self.for_each(|item| {
            if items.len() == limit {
                return Err(too_many(limit, "items"));
            }
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }

    /// Returns whether `is` returns true for any item. It reads up to the first, and no further.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, before the first yes.
    #[doc(alias = "any")]
    pub fn some(self, is: impl FnMut(&T) -> bool) -> Result<bool, Error> {
        Ok(self.find(is)?.is_some())
    }

    /// Returns whether `is` returns true for every item. It reads up to the first false, and no
    /// further.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, before the first no.
    #[doc(alias = "all")]
    pub fn every(self, mut is: impl FnMut(&T) -> bool) -> Result<bool, Error> {
        Ok(self.find(|item| !is(item))?.is_none())
    }

    /// Finds the first item for which `is` returns true, and reads no further.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, before it was found.
    pub fn find(mut self, mut is: impl FnMut(&T) -> bool) -> Result<Option<T>, Error> {
        self.items
            .find(|item| item.as_ref().map_or(true, &mut is))
            .transpose()
    }

    /// Reads ahead from here on, up to a mark, on a thread of its own.
    pub fn buffered<U: Unit<T>>(self, mark: HighWaterMark<U>) -> Readable<T>
    where
        T: Send + 'static,
        I: Send + 'static,
    {
        Readable::from_source(self, mark)
    }
}

impl<I: Iterator<Item = Result<Bytes, Error>>> Flow<I> {
    /// Collects at most `limit` bytes into one piece.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there are more, or what was read
    /// instead of a chunk. What was collected is dropped.
    pub fn to_bytes(self, limit: usize) -> Result<Bytes, Error> {
        let mut all = CollectBytes::at_most(limit);
        self.for_each(|chunk| all.add(&chunk))?;
        Ok(all.into_bytes())
    }
}

/// As the source of a stream it is read on that stream's thread.
impl<T, I: Iterator<Item = Result<T, Error>> + Send> Source<T> for Flow<I> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        self.items.next().transpose()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.interrupt.clone()
    }

    fn aborts(&mut self, stream: &CancelToken) {
        if let Some(aborts) = &self.aborts {
            aborts(stream);
        }
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("flow")
    }

    fn files(&self) -> Vec<FileId> {
        self.files.clone()
    }
}

impl<I> fmt::Debug for Flow<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow(..)")
    }
}
