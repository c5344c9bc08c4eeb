//! The operators that read a flow, up to its end or up to the item that decides.

use bytes::Bytes;

use super::Flow;
use crate::error::Error;
use crate::stage::collect::{CollectBytes, too_many};

impl<T, I: Iterator<Item = Result<T, Error>>> Flow<I> {
    /// Calls `each` with each item, until the end.
    ///
    /// # Errors
    ///
    /// What was read instead of an item.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let mut sum = 0;
    /// flow([1, 2, 3].map(Ok)).for_each(|n| sum += n)?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "forEach")]
    pub fn for_each(mut self, mut each: impl FnMut(T)) -> Result<(), Error> {
        self.try_for_each(|item| {
            each(item);
            Ok(())
        })
    }

    /// Calls `each` with each item, until the end or the first error. It can go on behind an error
    /// of `each`.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, or what `each` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::Error;
    /// use highwater::stream::flow;
    ///
    /// let mut numbers = flow([1, 2, 3].map(Ok));
    /// let one = |n| if n == 1 { Ok(()) } else { Err(Error::other("not 1")) };
    /// assert!(numbers.try_for_each(one).is_err()); // 1, and 2
    /// assert_eq!(numbers.to_vec(10)?, [3]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "forEach")]
    pub fn try_for_each(
        &mut self,
        mut each: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.items.try_for_each(|item| each(item?))
    }

    /// Makes one value of everything, beginning with `value`: Node's `reduce`.
    ///
    /// # Errors
    ///
    /// What was read instead of an item.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// assert_eq!(flow([1, 2, 3].map(Ok)).fold(10, |sum, n| sum + n)?, 16);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "reduce")]
    pub fn fold<A>(mut self, value: A, mut step: impl FnMut(A, T) -> A) -> Result<A, Error> {
        self.try_fold(value, |value, item| Ok(step(value, item)))
    }

    /// Makes one value of everything, beginning with `value`, up to the first error: Node's
    /// `reduce` with a function that throws.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, or what `step` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::Error;
    /// use highwater::stream::flow;
    ///
    /// let add = |sum: u8, n| sum.checked_add(n).ok_or_else(|| Error::other("more than 255"));
    /// assert_eq!(flow([1, 2, 3].map(Ok)).try_fold(0, add)?, 6);
    /// assert!(flow([200, 100].map(Ok)).try_fold(0, add).is_err());
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "reduce")]
    pub fn try_fold<A>(
        &mut self,
        value: A,
        mut step: impl FnMut(A, T) -> Result<A, Error>,
    ) -> Result<A, Error> {
        self.items.try_fold(value, |value, item| step(value, item?))
    }

    /// Collects at most `limit` items: Node's `toArray`, which has no limit.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there is one more, or what was read
    /// instead of an item. What was collected is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::ErrorKind;
    /// use highwater::stream::flow;
    ///
    /// assert_eq!(flow([1, 2].map(Ok)).to_vec(2)?, [1, 2]);
    /// let more = flow([1, 2].map(Ok)).to_vec(1).unwrap_err();
    /// assert_eq!(more.kind(), ErrorKind::LimitExceeded);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "toArray")]
    #[doc(alias = "collect")]
    pub fn to_vec(mut self, limit: usize) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        self.try_for_each(|item| {
            if items.len() == limit {
                return Err(too_many(limit, "items"));
            }
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }

    /// Returns whether `is` returns true for any item: Node's `some`. It reads up to the first true,
    /// and no further.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, before the first true.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let mut numbers = flow((1..).map(Ok));
    /// assert!(numbers.any(|n| n > 3)?); // 1 to 4
    /// assert_eq!(numbers.take(2).to_vec(10)?, [5, 6]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "some")]
    pub fn any(&mut self, mut is: impl FnMut(T) -> bool) -> Result<bool, Error> {
        for item in &mut self.items {
            if is(item?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether `is` returns true for every item: Node's `every`. It reads up to the first
    /// false, and no further.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, before the first false.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// assert!(!flow((1..).map(Ok)).all(|n| n < 3)?); // 1 to 3
    /// assert!(flow([1, 2].map(Ok)).all(|n| n < 3)?);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "every")]
    pub fn all(&mut self, mut is: impl FnMut(T) -> bool) -> Result<bool, Error> {
        Ok(!self.any(|item| !is(item))?)
    }

    /// Finds the first item for which `is` returns true, and reads no further.
    ///
    /// # Errors
    ///
    /// What was read instead of an item, before it was found.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stream::flow;
    ///
    /// let mut numbers = flow((1..).map(Ok));
    /// assert_eq!(numbers.find(|n| *n > 3)?, Some(4));
    /// assert_eq!(numbers.find(|_| true)?, Some(5));
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn find(&mut self, mut is: impl FnMut(&T) -> bool) -> Result<Option<T>, Error> {
        self.items
            .find(|item| item.as_ref().map_or(true, &mut is))
            .transpose()
    }
}

impl<I: Iterator<Item = Result<Bytes, Error>>> Flow<I> {
    /// Collects at most `limit` bytes into one piece.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if there are more, or what was read
    /// instead of a chunk. What was collected is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::Bytes;
    /// use highwater::stream::flow;
    ///
    /// let chunks = flow(["ab", "c"].map(|chunk| Ok(Bytes::from(chunk))));
    /// assert_eq!(chunks.to_bytes(10)?, "abc");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn to_bytes(mut self, limit: usize) -> Result<Bytes, Error> {
        let mut all = CollectBytes::at_most(limit);
        self.try_for_each(|chunk| all.add(&chunk))?;
        Ok(all.into_bytes())
    }
}
