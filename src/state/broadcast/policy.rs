//! What becomes of a branch that is slower than the writer.

// A number, and not a clock: the caller passes how long the writer has waited.
use core::time::Duration;
use std::error::Error;
use std::fmt;

/// What becomes of a branch that is slower than the writer.
///
/// The writer does not wait for one that is cut off, and what reads it is aborted, at once and with
/// the cut as its cause.
///
/// Caps are in the unit of the mark. A chunk is always admitted for a branch that has read
/// everything else, however large it is, so a branch has at most its cap, or one chunk, to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BranchPolicy {
    /// The writer waits for it: at the high-water mark, until it is down at the low one.
    #[default]
    Slowest,
    /// The writer never waits for it. If it would have more than this to read, it is cut off,
    /// with [`LimitExceeded`](crate::ErrorKind::LimitExceeded). What it has not read is dropped, and its
    /// next read is the error.
    Cap(usize),
    /// The writer never waits for it. It misses the oldest of what it has not read, so that it has
    /// no more than this to read: for a display, or a state.
    DropOldest(usize),
    /// The writer never waits for it. It misses what is written while it has this much to read: for
    /// a sample, or a log.
    DropNewest(usize),
    /// The writer waits for it as for [`Slowest`](Self::Slowest), but for no longer than this at a
    /// time: then it is cut off, with [`TimedOut`](crate::ErrorKind::TimedOut). What it
    /// has not read is dropped, and its next read is the error.
    ///
    /// Only time in which the writer really waits is counted. It starts again when the branch is
    /// down at the low-water mark.
    Disconnect(Duration),
}

impl BranchPolicy {
    /// Returns whether the writer ever waits for such a branch.
    #[must_use]
    pub const fn paces(self) -> bool {
        matches!(self, Self::Slowest | Self::Disconnect(_))
    }
}

/// Why a branch was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// It had more to read than its [cap](BranchPolicy::Cap).
    Behind {
        /// The cap.
        limit: usize,
        /// How much it had read.
        offset: u64,
        /// What one of that is called.
        unit: &'static str,
    },
    /// The writer has waited for it [for too long](BranchPolicy::Disconnect).
    Slow {
        /// For how long it may.
        after: Duration,
        /// How much it had read.
        offset: u64,
        /// What one of that is called.
        unit: &'static str,
    },
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { limit, unit, .. } => {
                write!(f, "the branch is behind by more than its cap of {limit}")?;
                match *unit {
                    "weight" => Ok(()),
                    unit => write!(f, " {unit}{}", if *limit == 1 { "" } else { "s" }),
                }
            }
            Self::Slow { after, .. } => {
                write!(f, "the branch has held the writer up for {after:?}")
            }
        }
    }
}

impl Error for Cut {}

/// What a branch has missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many chunks.
    pub chunks: u64,
    /// What they weighed, in the unit of the mark.
    pub weight: u64,
}

impl Dropped {
    pub(super) fn add(&mut self, weight: usize) {
        self.chunks += 1;
        self.weight = self.weight.saturating_add(weight as u64);
    }
}
