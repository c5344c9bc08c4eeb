//! The operators as stages, under std's names: small [transforms](Transform) out of closures.
//!
//! All are light: in a pipeline they run on the thread of the next stage. A
//! [`Pipeline`](crate::Pipeline) has a method for each, so that these are needed only to
//! [`compose`] one stage out of several, to test one with no thread at all
//! ([`apply`](crate::stage::apply)), or to put one where a transform is asked for.
//!
//! # Examples
//!
//! ```
//! use highwater::stage::apply;
//! use highwater::stage::operators::{compose, filter, flat_map};
//!
//! let odd = filter(|n: &u32| n % 2 == 1);
//! let mut stage = compose(odd, flat_map(|n: u32| (0..n).map(move |_| n)));
//! assert_eq!(apply(&mut stage, [1, 2, 3])?, [1, 3, 3, 3]);
//! # Ok::<(), highwater::Error>(())
//! ```

mod compose;

use std::borrow::Cow;
use std::fmt;

use super::transform::{Out, Transform};
use crate::error::Error;

pub use compose::{Compose, compose};

/// Makes something else of each chunk.
pub const fn map<F>(make: F) -> Map<F> {
    Map(make)
}

/// Makes something else of each chunk, or fails: Node's `map` with a function that throws.
pub const fn try_map<F>(make: F) -> TryMap<F> {
    TryMap(make)
}

/// Passes on the chunks for which `keep` returns true.
pub const fn filter<F>(keep: F) -> Filter<F> {
    Filter(keep)
}

/// Passes on everything that `make` makes of each chunk, one at a time, waiting for room between.
/// What it makes may be without end.
#[doc(alias = "flatMap")]
pub const fn flat_map<F>(make: F) -> FlatMap<F> {
    FlatMap(make)
}

/// Calls `look` with each chunk, and passes it on: for a hash, a count, a log.
pub const fn inspect<F>(look: F) -> Inspect<F> {
    Inspect(look)
}

/// Passes on the first `count` chunks and ends the stream. No more is taken than that.
#[must_use]
pub const fn take(count: u64) -> Take {
    Take { left: count }
}

/// Passes over the first `count` chunks: Node's `drop`.
#[must_use]
#[doc(alias = "drop")]
pub const fn skip(count: u64) -> Skip {
    Skip { left: count }
}

/// Passes chunks on `count` at a time, and what is left at the end.
///
/// # Panics
///
/// If `count` is 0.
#[must_use]
#[doc(alias = "batch")]
#[doc(alias = "chunks")]
pub fn chunks_of<T>(count: usize) -> ChunksOf<T> {
    assert!(count > 0, "chunks of 0");
    ChunksOf {
        count,
        // Not with capacity: `count` may be only an upper bound.
        held: Vec::new(),
    }
}

/// Passes everything on as it is: Node's `PassThrough`. On a thread of its own it is what
/// [`buffered`](crate::Pipeline::buffered) makes.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassThrough;

/// See [`map`].
#[derive(Clone, Copy)]
pub struct Map<F>(F);

/// See [`try_map`].
#[derive(Clone, Copy)]
pub struct TryMap<F>(F);

/// See [`filter`].
#[derive(Clone, Copy)]
pub struct Filter<F>(F);

/// See [`flat_map`].
#[derive(Clone, Copy)]
pub struct FlatMap<F>(F);

/// See [`inspect`].
#[derive(Clone, Copy)]
pub struct Inspect<F>(F);

/// See [`take`].
#[derive(Clone, Copy, Debug)]
pub struct Take {
    left: u64,
}

/// See [`skip`].
#[derive(Clone, Copy, Debug)]
pub struct Skip {
    left: u64,
}

/// See [`chunks_of`].
#[derive(Clone, Debug)]
pub struct ChunksOf<T> {
    count: usize,
    held: Vec<T>,
}

impl<T> Transform<T, T> for PassThrough {
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        out.push(chunk)
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("pass through")
    }
}

impl<I, O, F: FnMut(I) -> O + Send> Transform<I, O> for Map<F> {
    #[inline]
    fn transform(&mut self, chunk: I, out: &mut Out<'_, O>) -> Result<(), Error> {
        out.push((self.0)(chunk))
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("map")
    }
}

impl<I, O, F: FnMut(I) -> Result<O, Error> + Send> Transform<I, O> for TryMap<F> {
    #[inline]
    fn transform(&mut self, chunk: I, out: &mut Out<'_, O>) -> Result<(), Error> {
        out.push((self.0)(chunk)?)
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("map")
    }
}

impl<T, F: FnMut(&T) -> bool + Send> Transform<T, T> for Filter<F> {
    #[inline]
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        if (self.0)(&chunk) {
            out.push(chunk)
        } else {
            Ok(())
        }
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("filter")
    }
}

impl<I, L: IntoIterator, F: FnMut(I) -> L + Send> Transform<I, L::Item> for FlatMap<F> {
    #[inline]
    fn transform(&mut self, chunk: I, out: &mut Out<'_, L::Item>) -> Result<(), Error> {
        (self.0)(chunk)
            .into_iter()
            .try_for_each(|item| out.push(item))
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("flat_map")
    }
}

impl<T, F: FnMut(&T) + Send> Transform<T, T> for Inspect<F> {
    #[inline]
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        (self.0)(&chunk);
        out.push(chunk)
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("inspect")
    }
}

impl<T> Transform<T, T> for Take {
    #[inline]
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or_else(Error::enough)?;
        out.push(chunk)?;
        if self.left == 0 {
            // A stage before it, on the same thread, is not to make another.
            return Err(Error::enough());
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("take")
    }
}

impl<T> Transform<T, T> for Skip {
    #[inline]
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => out.push(chunk),
        }
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("skip")
    }
}

impl<T: Send> Transform<T, Vec<T>> for ChunksOf<T> {
    #[inline]
    fn transform(&mut self, chunk: T, out: &mut Out<'_, Vec<T>>) -> Result<(), Error> {
        self.held.push(chunk);
        if self.held.len() < self.count {
            return Ok(());
        }
        out.push(std::mem::take(&mut self.held))
    }

    fn flush(&mut self, out: &mut Out<'_, Vec<T>>) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        out.push(std::mem::take(&mut self.held))
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("chunks_of")
    }
}

impl<F> fmt::Debug for Map<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Map(..)")
    }
}

impl<F> fmt::Debug for TryMap<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryMap(..)")
    }
}

impl<F> fmt::Debug for Filter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}

impl<F> fmt::Debug for FlatMap<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlatMap(..)")
    }
}

impl<F> fmt::Debug for Inspect<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inspect(..)")
    }
}
