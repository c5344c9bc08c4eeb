//! A channel's fill level and counts, as reports and monitors read them.
//!
//! - Owns: nothing.
//! - Lock order: it takes the write side's lock for the length of a copy, and no other.
//! - May block: only on that lock.

use super::{Channel, ChannelStats};

/// A channel of any chunk type whose fill level and counts can be read.
pub(crate) trait Probe: Send + Sync {
    fn sample(&self) -> Sample;
}

/// A channel at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) len: usize,
    pub(crate) high: usize,
    /// The name of the unit.
    pub(crate) unit: &'static str,
    pub(crate) stats: ChannelStats,
}

impl<T: Send> Probe for Channel<T> {
    fn sample(&self) -> Sample {
        self.with_state(|state, stats| Sample {
            len: state.len(),
            high: state.marks().high(),
            unit: self.strategy.unit(),
            stats: *stats,
        })
    }
}
