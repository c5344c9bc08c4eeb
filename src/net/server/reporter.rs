//! How a connection reports its requests to its server, before it has ended.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::event::ServerEvent;
use super::handle::Control;

/// How a connection has ended, as far as it has reported: the worst of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Unreported,
    /// Every request had its response.
    Finished,
    Disconnected,
    Refused,
    Failed,
}

/// Reports and counts for one connection. A clone is for the same one.
#[derive(Clone)]
pub(crate) struct Reporter {
    control: Arc<Control>,
    ending: Arc<AtomicU8>,
}

impl Reporter {
    pub(super) fn new(control: &Arc<Control>) -> Self {
        Self {
            control: Arc::clone(control),
            ending: Arc::new(AtomicU8::new(Ending::Unreported as u8)),
        }
    }

    /// Reports a request that has failed. However the connection ends, it is counted as that.
    pub(crate) fn report(&self, event: &ServerEvent) {
        self.note(match event {
            ServerEvent::Refused { .. } => Ending::Refused,
            ServerEvent::Disconnected { .. } => Ending::Disconnected,
            _ => Ending::Failed,
        });
        self.control.report(event);
    }

    /// Every request had its response: whatever ends the connection now, it ends well.
    #[cfg(feature = "http")]
    pub(crate) fn finished(&self) {
        self.note(Ending::Finished);
    }

    fn note(&self, ending: Ending) {
        self.ending.fetch_max(ending as u8, Ordering::Relaxed);
    }

    /// What was reported, at the end of the connection.
    pub(super) fn ending(&self) -> Ending {
        let reported = self.ending.load(Ordering::Relaxed);
        [
            Ending::Finished,
            Ending::Disconnected,
            Ending::Refused,
            Ending::Failed,
        ]
        .into_iter()
        .find(|ending| *ending as u8 == reported)
        .unwrap_or(Ending::Unreported)
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("ending", &self.ending())
            .finish_non_exhaustive()
    }
}
