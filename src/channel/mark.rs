//! High-water marks, each with its unit in its type.
//!
//! - Owns: nothing; marks are plain values, copied into a channel when it is made.
//! - No locks, nothing blocks.

use std::any::Any;

use bytes::Bytes;

use crate::error::Error;
use crate::state::{Marks, Reads};

/// Marks in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InBytes;

/// Marks in items: every chunk counts 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InItems;

/// Marks in a user's own weight.
#[derive(Debug)]
pub struct InWeight<T>(fn(&T) -> usize);

impl<T> Clone for InWeight<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for InWeight<T> {}

/// A unit in which chunks of type `T` can be weighed.
///
/// Bytes measure what has bytes, `AsRef<[u8]>`; items measure anything:
///
/// ```compile_fail,E0277
/// use highwater::{HighWaterMark, channel};
///
/// let (mut writer, reader) = channel::<u32, _>(HighWaterMark::bytes(64));
/// ```
///
/// ```
/// use highwater::{HighWaterMark, channel};
///
/// let (mut writer, reader) = channel::<u32, _>(HighWaterMark::items(64));
/// writer.write(7)?;
/// writer.end();
/// assert_eq!(reader.to_vec(10)?, [7]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a mark of `{Self}` does not measure chunks of `{T}`",
    label = "no unit for `{T}`",
    note = "`HighWaterMark::bytes` is for chunks that are `AsRef<[u8]>`, such as `Bytes`; for any other type use `HighWaterMark::items(n)`, or `HighWaterMark::weighed(n, weigh)` with a function that weighs a chunk"
)]
pub trait Unit<T> {
    /// Returns the function that weighs a chunk. It is called once, when the chunk enters a stream.
    fn weigher(&self) -> fn(&T) -> usize;

    /// Returns what a read of `n` takes: that many units, cut out of chunks and across them, or one
    /// chunk.
    fn reads(&self) -> Reads {
        Reads::Items
    }

    /// What one of it is called, in errors ("at byte 8192") and in reports ("8192 items").
    fn name(&self) -> &'static str;
}

/// What one of a stream of bytes is called.
pub(crate) const BYTE: &str = "byte";

#[diagnostic::do_not_recommend]
impl<T: AsRef<[u8]>> Unit<T> for InBytes {
    fn weigher(&self) -> fn(&T) -> usize {
        |chunk| chunk.as_ref().len()
    }

    fn reads(&self) -> Reads {
        Reads::Bytes
    }

    fn name(&self) -> &'static str {
        BYTE
    }
}

impl<T> Unit<T> for InItems {
    fn weigher(&self) -> fn(&T) -> usize {
        |_| 1
    }

    fn name(&self) -> &'static str {
        "item"
    }
}

impl<T> Unit<T> for InWeight<T> {
    fn weigher(&self) -> fn(&T) -> usize {
        self.0
    }

    fn name(&self) -> &'static str {
        "weight"
    }
}

/// The level at which a writer must wait, with the level at which it may go on.
///
/// A buffer never holds more than `high` plus one chunk. The low mark is half of the high one
/// unless it is [set](Self::low): a writer is then woken when the buffer is half empty and not
/// for each chunk. `low(0)` is Node's rule, where a writer goes on when all is gone. A high mark
/// of 0 is a rendezvous: each write waits for its reader.
///
/// # What weighs nothing
///
/// An empty chunk is a chunk: what was written or pushed arrives, even if it weighs nothing. So
/// that a buffer of those is bounded too, each counts 1 against the mark, in any unit: a buffer of
/// 64 bytes holds 64 empty lines. `len` and `peak` include that 1. Offsets, reports and
/// [`weight`](crate::state::batch::Batch::weight) do not: there an empty chunk has no bytes.
///
/// # Units
///
/// Marks in bytes and marks in items are different types, so that a sink of bytes cannot be
/// bounded by a count of chunks by mistake:
///
/// ```compile_fail
/// use highwater::{HighWaterMark, Writable};
///
/// let out = Writable::to(std::io::sink(), HighWaterMark::items(65_536));
/// ```
///
/// # Examples
///
/// ```
/// use highwater::HighWaterMark;
///
/// let mark = HighWaterMark::bytes(64 * 1024);
/// assert_eq!((mark.high_water_mark(), mark.low_water_mark()), (65_536, 32_768));
/// assert!(mark.low(65_536).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "highWaterMark")]
pub struct HighWaterMark<U> {
    marks: Marks,
    unit: U,
}

/// The mark of a byte stream that was given none, in bytes.
///
/// Room for four reads of [`READ_BYTES`], so that one is written while the next ones are read, and
/// neither thread waits for the other at each of them.
pub const DEFAULT_BYTES: usize = 4 * READ_BYTES;

/// How much a byte source reads at once, in bytes, by default.
///
/// Larger reads gain nothing on files and sockets and cost cache: with twice as much a file went to
/// a socket in 1.6 times the time. With less the system calls show.
pub const READ_BYTES: usize = 64 * 1024;

impl HighWaterMark<InBytes> {
    /// A mark in bytes.
    #[must_use]
    pub const fn bytes(high: usize) -> Self {
        Self {
            marks: Marks::with_half(high),
            unit: InBytes,
        }
    }
}

impl Default for HighWaterMark<InBytes> {
    fn default() -> Self {
        Self::bytes(DEFAULT_BYTES)
    }
}

impl HighWaterMark<InItems> {
    /// A mark in items.
    #[must_use]
    pub const fn items(high: usize) -> Self {
        Self {
            marks: Marks::with_half(high),
            unit: InItems,
        }
    }
}

/// Marks in slots, of which each is for the results of a few items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InSlots;

impl<T> Unit<T> for InSlots {
    fn weigher(&self) -> fn(&T) -> usize {
        |_| 1
    }

    fn name(&self) -> &'static str {
        "slot"
    }
}

impl HighWaterMark<InSlots> {
    pub(crate) const fn slots(high: usize) -> Self {
        Self {
            marks: Marks::with_half(high),
            unit: InSlots,
        }
    }
}

impl<T> HighWaterMark<InWeight<T>> {
    /// A mark in a weight of the user's own, such as the rows of a chunk.
    ///
    /// A chunk that weighs nothing [counts 1](HighWaterMark#what-weighs-nothing).
    #[must_use]
    pub const fn weighed(high: usize, weigh: fn(&T) -> usize) -> Self {
        Self {
            marks: Marks::with_half(high),
            unit: InWeight(weigh),
        }
    }
}

impl<U> HighWaterMark<U> {
    /// Sets the low-water mark. Without it the low mark is half of the high one, rounded down: 0 for a
    /// mark of 0 or 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) unless `low` is below the high
    /// mark, or both are 0.
    pub fn low(self, low: usize) -> Result<Self, Error> {
        Ok(Self {
            marks: Marks::new(self.marks.high(), low)?,
            unit: self.unit,
        })
    }

    /// The level at which a writer must wait.
    #[must_use]
    pub const fn high_water_mark(&self) -> usize {
        self.marks.high()
    }

    /// The level at which a writer that waits may go on.
    #[must_use]
    pub const fn low_water_mark(&self) -> usize {
        self.marks.low()
    }

    /// The mark, with what its unit does in place of its type.
    pub(crate) fn strategy<T>(&self) -> Strategy<T>
    where
        U: Unit<T>,
    {
        Strategy {
            marks: self.marks,
            weigh: self.unit.weigher(),
            reads: self.unit.reads(),
            unit: self.unit.name(),
        }
    }
}

/// The mark of a stream of items that was given none, in items.
pub const DEFAULT_ITEMS: usize = 64;

/// A mark whose unit is a value and not a type: what a stream keeps of it.
#[derive(Debug)]
pub(crate) struct Strategy<T> {
    marks: Marks,
    weigh: fn(&T) -> usize,
    reads: Reads,
    unit: &'static str,
}

impl<T> Clone for Strategy<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Strategy<T> {}

impl<T> Strategy<T> {
    pub(crate) const fn marks(&self) -> Marks {
        self.marks
    }

    /// What a chunk counts for.
    #[inline]
    pub(crate) fn weigh(&self, chunk: &T) -> usize {
        (self.weigh)(chunk)
    }

    pub(crate) const fn weigher(&self) -> fn(&T) -> usize {
        self.weigh
    }

    /// What a read of `n` means.
    pub(crate) const fn reads(&self) -> Reads {
        self.reads
    }

    /// What one of its unit is called.
    pub(crate) const fn unit(&self) -> &'static str {
        self.unit
    }
}

impl<T: 'static> Strategy<T> {
    /// The mark of a stream that was given none: `bytes` if bytes flow in it, and else
    /// [`DEFAULT_ITEMS`].
    pub(crate) fn natural(bytes: HighWaterMark<InBytes>) -> Self {
        let of_bytes: Strategy<Bytes> = bytes.strategy();
        // Bytes are never counted in chunks, of which each can be as large as it likes. What `T` is
        // shows only here, where a stage makes something of something else.
        let of_bytes: &dyn Any = &of_bytes;
        match of_bytes.downcast_ref() {
            Some(strategy) => *strategy,
            None => HighWaterMark::items(DEFAULT_ITEMS).strategy(),
        }
    }
}
