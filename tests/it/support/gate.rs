//! A gate: how a test decides when a sink or a source goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::until;

#[derive(Debug, PartialEq, Eq)]
enum Pass {
    Permit,
    Interrupt,
}

/// A gate that lets through as many as were let.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    permits: crossbeam_channel::Sender<Pass>,
    passes: crossbeam_channel::Receiver<Pass>,
    arrived: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (permits, passes) = crossbeam_channel::unbounded();
        Self {
            permits,
            passes,
            arrived: Arc::default(),
        }
    }

    /// Waits for a permit.
    pub(crate) fn pass(&self) {
        assert!(self.pass_or_interrupt(), "nobody interrupts this gate");
    }

    /// Waits for a permit or an interrupt. Says whether it was a permit.
    pub(crate) fn pass_or_interrupt(&self) -> bool {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        self.passes.recv().expect("this gate has a sender itself") == Pass::Permit
    }

    /// Lets everybody through who waits, without a permit.
    pub(crate) fn interrupt(&self) {
        let sent = self.permits.send(Pass::Interrupt);
        sent.expect("this gate has a receiver");
    }

    /// Lets so many through.
    pub(crate) fn open(&self, permits: usize) {
        (0..permits).for_each(|_| {
            self.permits
                .send(Pass::Permit)
                .expect("this gate has a receiver")
        });
    }

    /// How many have come to the gate, whether they are through or not.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    pub(crate) fn until_arrived(&self, count: usize) {
        until("somebody stands at the gate", || self.arrived() >= count);
    }
}
