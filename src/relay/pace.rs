//! A bound on how fast one direction of a relay is read.

use std::time::{Duration, Instant};

/// Says how much may be read, and when.
///
/// # Invariants
///
/// In any time, no more is read than the rate gives for it, and for two [`SLACK`]s more: what came
/// late by one may be made up for, and one is read at once.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: u64,
    /// When the next byte may be read.
    due: Instant,
}

/// Long beside what a wait is late by, and short beside what anybody notices.
const SLACK: Duration = Duration::from_millis(50);

impl Pace {
    pub(super) const fn new(per_second: u64, now: Instant) -> Self {
        Self {
            per_second,
            due: now,
        }
    }

    /// How many bytes a read may take.
    pub(super) fn piece(&self) -> usize {
        let bytes = self.per_second as f64 * SLACK.as_secs_f64();
        (bytes as usize).max(1)
    }

    /// So many were read.
    pub(super) fn took(&mut self, bytes: usize, now: Instant) {
        let time = Duration::from_secs_f64(bytes as f64 / self.per_second as f64);
        // What was not used for longer is no credit: a peer that was silent gets no burst for it.
        let from = now
            .checked_sub(SLACK)
            .map_or(self.due, |at| self.due.max(at));
        self.due = from + time;
    }

    /// For how long nothing may be read.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.due.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}
