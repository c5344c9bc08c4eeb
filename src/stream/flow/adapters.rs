//! The operators that make another flow, and read nothing by themselves.

use super::Flow;
use crate::error::Error;

impl<T, I: Iterator<Item = Result<T, Error>>> Flow<I> {
    /// Makes something else of each item.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable};
    ///
    /// let numbers = Readable::from_iter(1..=4, HighWaterMark::items(2));
    /// assert_eq!(numbers.flow().map(|n: u32| n * n).to_vec(10)?, [1, 4, 9, 16]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn map<U>(
        self,
        mut make: impl FnMut(T) -> U,
    ) -> Flow<impl Iterator<Item = Result<U, Error>>> {
        self.with(|items| items.map(move |item| item.map(&mut make)))
    }

    /// Makes something else of each item, or fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::Error;
    /// use highwater::stream::flow;
    ///
    /// let words = || flow(["1", "2", "x"].map(Ok));
    /// let number = |word: &str| word.parse::<u32>().map_err(Error::other);
    /// assert_eq!(words().take(2).try_map(number).to_vec(10)?, [1, 2]);
    /// assert!(words().try_map(number).to_vec(10).is_err());
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn try_map<U>(
        self,
        mut make: impl FnMut(T) -> Result<U, Error>,
    ) -> Flow<impl Iterator<Item = Result<U, Error>>> {
        self.with(|items| items.map(move |item| item.and_then(&mut make)))
    }

    /// Keeps the items for which `keep` returns true.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let numbers = flow((1..=6).map(Ok));
    /// assert_eq!(numbers.filter(|n| n % 2 == 0).to_vec(10)?, [2, 4, 6]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn filter(self, mut keep: impl FnMut(&T) -> bool) -> Flow<impl Iterator<Item = I::Item>> {
        self.with(|items| items.filter(move |item| item.as_ref().map_or(true, &mut keep)))
    }

    /// Reads everything that `make` makes of each item, one at a time.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let numbers = flow([1, 2].map(Ok));
    /// assert_eq!(numbers.flat_map(|n| [n, 10 * n]).to_vec(10)?, [1, 10, 2, 20]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "flatMap")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let mut seen = 0;
    /// let all = flow([1, 2].map(Ok)).inspect(|_| seen += 1).to_vec(10)?;
    /// assert_eq!((all.len(), seen), (2, 2));
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn inspect(self, mut look: impl FnMut(&T)) -> Flow<impl Iterator<Item = I::Item>> {
        let look_at = move |item: &I::Item| {
            if let Ok(item) = item {
                look(item);
            }
        };
        self.with(|items| items.inspect(look_at))
    }

    /// Ends after `count` items. The one after them is not asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// assert_eq!(flow((1..).map(Ok)).take(2).to_vec(10)?, [1, 2]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn take(self, count: usize) -> Flow<impl Iterator<Item = I::Item>> {
        self.with(|items| items.take(count))
    }

    /// Passes over the first `count` items, but not over an error: Node's `drop`.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// assert_eq!(flow([1, 2, 3].map(Ok)).skip(2).to_vec(10)?, [3]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "drop")]
    pub fn skip(self, count: usize) -> Flow<impl Iterator<Item = I::Item>> {
        let mut left = count;
        // Not the iterator's `skip`, which passes over an error as well.
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
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let pairs = flow([1, 2, 3].map(Ok)).chunks_of(2);
    /// assert_eq!(pairs.to_vec(10)?, [vec![1, 2], vec![3]]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
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
}
