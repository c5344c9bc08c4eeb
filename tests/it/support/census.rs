//! Chunks that are counted while they live.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the chunks that are alive, and the most that ever were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    live: AtomicUsize,
    peak: AtomicUsize,
}

/// A chunk that is counted from when it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) number: usize,
    census: Census,
}

impl Census {
    pub(crate) fn chunk(&self, number: usize) -> Counted {
        let live = self.0.live.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.peak.fetch_max(live, Ordering::SeqCst);
        Counted {
            number,
            census: self.clone(),
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.0.live.load(Ordering::SeqCst)
    }

    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}
