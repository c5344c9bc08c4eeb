//! What a channel counts: what was written, what of it has arrived, and the waits.
//!
//! - Owns: nothing; the counts are a part of the write side.
//! - Lock order: they are data of the write side's lock.
//! - May block: nothing here.

use crate::state::batch::Load;
use crate::threads::waits::WaitTime;

/// What a channel has counted so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChannelStats {
    /// Chunks that writers have written.
    pub(crate) chunks: u64,
    /// What those weighed.
    pub(crate) weight: u64,
    /// How many of them weighed nothing.
    pub(super) weightless: u64,
    /// What of that weight the reader has taken, or the sink has written.
    pub(crate) confirmed: u64,
    /// How many of those that weighed nothing.
    pub(super) confirmed_weightless: u64,
    /// The most that was queued and in flight at once.
    pub(crate) peak: usize,
    /// For how long writers were parked, waiting for room.
    pub(crate) blocked: WaitTime,
    /// For how long the reader was parked, waiting for a chunk.
    pub(crate) starved: WaitTime,
}

/// How much has arrived, or has to arrive: its weight, and how many of its chunks weigh nothing.
pub(super) type Arrived = (u64, u64);

impl ChannelStats {
    /// All that was written.
    pub(super) const fn written(&self) -> Arrived {
        (self.weight, self.weightless)
    }

    /// Counts one more written chunk, of this load.
    #[inline]
    pub(super) fn add(&mut self, load: Load) {
        self.chunks += 1;
        // A user's weigher may return any number: the sum must not overflow.
        self.weight = self.weight.saturating_add(load.weight as u64);
        self.weightless += load.weightless as u64;
    }

    /// Takes the last written chunk off the counts, or the part of it that was not written.
    pub(super) fn take_back(&mut self, load: Load, whole: bool) {
        self.chunks -= u64::from(whole);
        self.weight -= load.weight as u64;
        self.weightless -= load.weightless as u64;
    }

    /// Counts this much as arrived.
    #[inline]
    pub(super) fn confirm(&mut self, load: Load) {
        self.confirmed = self.confirmed.saturating_add(load.weight as u64);
        self.confirmed_weightless += load.weightless as u64;
    }
}
