//! A channel, seen from outside.

use super::{Channel, ChannelStats};

/// What of a channel can be watched from outside, whatever flows through it.
pub(crate) trait Probe: Send + Sync {
    fn sample(&self) -> Sample;
}

/// A channel at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) len: usize,
    pub(crate) high: usize,
    /// What one of it is called.
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
