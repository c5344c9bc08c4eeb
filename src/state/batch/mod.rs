//! What flows through a stream, and what it weighs.
//!
//! This module is pure: it does no I/O, takes no lock and reads no clock.

mod load;

use std::collections::VecDeque;
use std::collections::vec_deque;

use bytes::{Buf, Bytes, BytesMut};

pub use load::Load;

/// A chunk that can be cut in two, as bytes can and most items cannot.
///
/// [`ReadableState::read`](super::ReadableState::read) asks for it, to answer with exactly
/// as much as was wanted.
pub trait Divide: Sized {
    /// Takes the first `at` units off the front and leaves the rest.
    ///
    /// # Panics
    ///
    /// May panic if `at` is more than the chunk weighs.
    #[must_use]
    fn divide(&mut self, at: usize) -> Self;
}

impl Divide for Bytes {
    fn divide(&mut self, at: usize) -> Self {
        self.split_to(at)
    }
}

impl Divide for Vec<u8> {
    fn divide(&mut self, at: usize) -> Self {
        let rest = self.split_off(at);
        std::mem::replace(self, rest)
    }
}

/// A chunk with what it counts for against a mark.
///
/// It is weighed once, when it enters a stream, so that what is added to a length and what is
/// later taken from it are the same number even if a user's weigher would return another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed<T> {
    /// What flows.
    pub chunk: T,
    /// What it counts for, in the unit of the mark.
    pub weight: usize,
}

/// Chunks in order, and what they weigh together.
///
/// It is what a sink is asked to write, and the queue inside both state machines.
///
/// # Invariants
///
/// Between calls, `load` is the sum of the loads of `chunks`.
///
/// # Examples
///
/// ```
/// use highwater::Batch;
///
/// let mut batch = Batch::new();
/// batch.push("one", 3);
/// batch.push("three", 5);
/// assert_eq!((batch.len(), batch.weight()), (2, 8));
/// assert_eq!(batch.pop().map(|first| first.chunk), Some("one"));
/// assert_eq!(batch.weight(), 5);
/// ```
#[derive(Clone, Debug)]
pub struct Batch<T> {
    chunks: VecDeque<Weighed<T>>,
    load: Load,
    /// What the chunk counts for that was popped last, if it may be that it was not written: see
    /// [`begin_write`](Self::begin_write).
    popped: Load,
    /// How many bytes of chunks that are still here were written since then.
    advanced: usize,
}

impl<T: PartialEq> PartialEq for Batch<T> {
    fn eq(&self, other: &Self) -> bool {
        self.chunks == other.chunks
    }
}

impl<T: Eq> Eq for Batch<T> {}

/// How far a batch was when its sink was called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    len: usize,
    load: Load,
}

impl<T> Batch<T> {
    /// Makes a batch with nothing in it. It allocates with its first chunk.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            load: Load::NONE,
            popped: Load::NONE,
            advanced: 0,
        }
    }

    /// Puts a chunk at the back.
    #[inline]
    pub fn push(&mut self, chunk: T, weight: usize) {
        // No memory holds chunks that weigh more than `usize::MAX` together, but a user's weigher
        // may say so. A saturated sum would break the invariant as soon as something is popped.
        let weight = weight.min(usize::MAX - self.load.weight);
        self.load += Load::of(weight);
        self.chunks.push_back(Weighed { chunk, weight });
    }

    /// Puts a chunk at the front.
    pub fn push_front(&mut self, chunk: T, weight: usize) {
        let weight = weight.min(usize::MAX - self.load.weight);
        self.load += Load::of(weight);
        self.popped = Load::NONE;
        self.chunks.push_front(Weighed { chunk, weight });
    }

    /// Takes the oldest chunk.
    #[inline]
    pub fn pop(&mut self) -> Option<Weighed<T>> {
        let first = self.chunks.pop_front()?;
        self.popped = Load::of(first.weight);
        self.load -= self.popped;
        Some(first)
    }

    /// Moves all of `other` behind what is here, and leaves it empty with its memory kept.
    pub fn append(&mut self, other: &mut Self) {
        if self.chunks.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        for Weighed { chunk, weight } in other.drain() {
            self.push(chunk, weight);
        }
    }

    /// Takes everything out in order, and keeps the memory for the next chunks.
    pub fn drain(&mut self) -> vec_deque::Drain<'_, Weighed<T>> {
        self.load = Load::NONE;
        self.popped = Load::NONE;
        self.chunks.drain(..)
    }

    /// Takes out what weighs nothing, which is no chunk for a read by the byte.
    pub(crate) fn take_weightless(&mut self) -> Self {
        if self.load.weightless == 0 {
            return Self::new();
        }
        let (weightless, rest) = std::mem::take(&mut self.chunks)
            .into_iter()
            .partition(|weighed| weighed.weight == 0);
        self.chunks = rest;
        Self {
            chunks: weightless,
            load: Load {
                weight: 0,
                weightless: std::mem::take(&mut self.load.weightless),
            },
            ..Self::new()
        }
    }

    /// Notes where a sink begins to write.
    pub(crate) fn begin_write(&mut self) -> Begun {
        self.popped = Load::NONE;
        self.advanced = 0;
        Begun {
            len: self.len(),
            load: self.load,
        }
    }

    /// Returns what the sink has written since, after a call that went well.
    pub(crate) const fn written_since(&self, begun: Begun) -> Load {
        begun.load.without(self.load)
    }

    /// Returns what the sink has written since, after a call that has failed: not the chunk that it
    /// had popped last and has failed at.
    pub(crate) const fn written_before_failure(&self, begun: Begun) -> Load {
        self.written_since(begun).without(self.popped)
    }

    /// Returns whether the sink has taken anything off since, even a part of a chunk.
    pub(crate) fn has_moved_since(&self, begun: Begun) -> bool {
        self.advanced > 0 || self.len() != begun.len || self.load != begun.load
    }

    /// Returns the oldest chunk.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.chunks.front().map(|first| &first.chunk)
    }

    /// Returns what the oldest chunk weighs.
    #[inline]
    #[must_use]
    pub fn first_weight(&self) -> Option<usize> {
        self.chunks.front().map(|first| first.weight)
    }

    /// Iterates over the chunks, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().map(|weighed| &weighed.chunk)
    }

    /// Counts the chunks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Returns whether there is no chunk. A batch of chunks that weigh nothing is not empty.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Returns what the chunks weigh together, in the unit of the mark.
    #[inline]
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.load.weight
    }

    /// Returns what the chunks count for together.
    #[inline]
    #[must_use]
    pub const fn load(&self) -> Load {
        self.load
    }
}

impl<T: Divide> Batch<T> {
    /// Takes exactly `weight` from the front into `taken`, cutting a chunk where it must.
    ///
    /// # Panics
    ///
    /// If there is less than `weight` here.
    pub fn split_into(&mut self, weight: usize, taken: &mut Self) {
        let there = self.load.weight;
        assert!(weight <= there, "{weight} wanted of {there}");
        let mut missing = weight;
        while missing > 0 {
            let Some(first) = self.chunks.front_mut() else {
                return;
            };
            if first.weight <= missing {
                missing -= first.weight;
                if let Some(Weighed { chunk, weight }) = self.pop() {
                    taken.push(chunk, weight);
                }
            } else {
                first.weight -= missing;
                self.load.weight -= missing;
                taken.push(first.chunk.divide(missing), missing);
                return;
            }
        }
    }
}

impl Batch<Bytes> {
    /// Drops the first `written` bytes, which a sink has written.
    ///
    /// A chunk that was written in part stays, cut to what is left of it. It weighs that much less,
    /// but something, if it did before.
    ///
    /// # Panics
    ///
    /// If there are fewer than `written` bytes here.
    pub fn advance(&mut self, written: usize) {
        // Before anything is removed, and over no more chunks than needed.
        let mut there = 0;
        let is_there = self.iter().any(|chunk| {
            there += chunk.len();
            there >= written
        });
        assert!(is_there || written == 0, "{written} written of {there}");
        let mut left = written;
        while let Some(first) = self.chunks.front_mut() {
            // Not by its weight, which need not be in bytes: an empty line weighs something.
            let bytes = first.chunk.len();
            if left < bytes {
                first.chunk.advance(left);
                self.advanced += left;
                // An item that is written in part is not written.
                let weight = left.min(first.weight.saturating_sub(1));
                first.weight -= weight;
                self.load.weight -= weight;
                break;
            }
            left -= bytes;
            self.pop();
        }
        // All of it was written, even if the next call fails.
        self.popped = Load::NONE;
    }

    /// Joins everything into one chunk. A single chunk is returned as it is; more are copied.
    #[must_use]
    pub fn concat(mut self) -> Bytes {
        if self.len() <= 1 {
            return self.pop().map_or_else(Bytes::new, |only| only.chunk);
        }
        let mut joined = BytesMut::with_capacity(self.iter().map(Bytes::len).sum());
        for part in self.iter() {
            joined.extend_from_slice(part);
        }
        joined.freeze()
    }
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = T;
    type IntoIter = std::iter::Map<vec_deque::IntoIter<Weighed<T>>, fn(Weighed<T>) -> T>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().map(|weighed| weighed.chunk)
    }
}
