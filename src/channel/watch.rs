//! A join, seen from outside.

use super::{Join, Tally};

/// What of a join can be watched from outside, whatever flows through it.
pub(crate) trait Watch: Send + Sync {
    fn watch(&self) -> Watched;
}

/// A join at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) len: usize,
    pub(crate) high: usize,
    /// What one of it is called.
    pub(crate) unit: &'static str,
    pub(crate) tally: Tally,
}

impl<T: Send> Watch for Join<T> {
    fn watch(&self) -> Watched {
        self.look(|state, tally| Watched {
            len: state.len(),
            high: state.marks().high(),
            unit: self.gauge.unit(),
            tally: *tally,
        })
    }
}
