//! A waker that is made by whoever needs it first.

use std::sync::{Arc, OnceLock};

use crate::cancel::Interrupt;
use crate::fd::Waker;

/// Wakes a wait on a connection, once and for ever.
///
/// It has a descriptor only once somebody waits by it, or rings it. Both then have the same one,
/// however close they come to one another: so a ring is not lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Bell(Arc<OnceLock<Waker>>);

impl Bell {
    /// What a wait looks at.
    pub(super) fn waker(&self) -> &Waker {
        self.0.get_or_init(Waker::new)
    }

    pub(super) fn ring(&self) {
        self.waker().wake();
    }

    pub(super) fn interrupt(&self) -> Interrupt {
        let bell = self.clone();
        Interrupt::new(move || bell.ring())
    }
}
