//! What chunks count for: a sum of weights, and a charge against a mark.

use std::ops::{AddAssign, SubAssign};

/// What some chunks count for: what they weigh together, and how many of them weigh nothing.
///
/// The two are kept apart because they serve for different things. A place in a stream, as an error
/// or a report contains it, is a sum of weights: an empty chunk is no byte. But it is a chunk, and
/// takes memory, so against a mark it counts 1: its [`charge`](Self::charge).
///
/// # Examples
///
/// ```
/// use highwater::state::Load;
///
/// let mut load = Load::of(3);
/// load += Load::of(0);
/// assert_eq!((load.weight, load.charge()), (3, 4));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// What the chunks weigh together, in the unit of the mark.
    pub weight: usize,
    /// How many of them weigh nothing.
    pub weightless: usize,
}

impl Load {
    /// No chunk.
    pub const NONE: Self = Self {
        weight: 0,
        weightless: 0,
    };

    /// What one chunk of that weight counts for.
    #[inline]
    #[must_use]
    pub const fn of(weight: usize) -> Self {
        Self {
            weight,
            weightless: (weight == 0) as usize,
        }
    }

    /// What it counts for against a mark where chunks that weigh nothing count 1.
    #[inline]
    #[must_use]
    pub const fn charge(self) -> usize {
        self.weight.saturating_add(self.weightless)
    }

    /// As much of it as is in `other` too.
    #[inline]
    #[must_use]
    pub(crate) const fn within(self, other: Self) -> Self {
        const fn least(a: usize, b: usize) -> usize {
            if a < b { a } else { b }
        }
        Self {
            weight: least(self.weight, other.weight),
            weightless: least(self.weightless, other.weightless),
        }
    }

    /// What is left of it without `other`.
    #[inline]
    #[must_use]
    pub(crate) const fn without(self, other: Self) -> Self {
        Self {
            weight: self.weight.saturating_sub(other.weight),
            weightless: self.weightless.saturating_sub(other.weightless),
        }
    }
}

impl AddAssign for Load {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.weight = self.weight.saturating_add(other.weight);
        self.weightless += other.weightless;
    }
}

impl SubAssign for Load {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = self.without(other);
    }
}

/// A weight alone, with no chunk that weighs nothing.
impl From<usize> for Load {
    fn from(weight: usize) -> Self {
        Self {
            weight,
            weightless: 0,
        }
    }
}
