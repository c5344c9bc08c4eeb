//! What a guest tells its server of the requests of a connection, while that goes on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::event::ServerEvent;
use super::handle::Control;

/// How a connection has ended, as far as it has told: the worst of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Untold,
    /// All was answered that it has asked.
    Finished,
    Disconnected,
    Refused,
    Failed,
}

/// Tells, and counts, of one connection. A clone tells of the same.
#[derive(Clone)]
pub(crate) struct Reporter {
    control: Arc<Control>,
    ending: Arc<AtomicU8>,
}

impl Reporter {
    pub(super) fn new(control: &Arc<Control>) -> Self {
        Self {
            control: Arc::clone(control),
            ending: Arc::new(AtomicU8::new(Ending::Untold as u8)),
        }
    }

    /// Tells of a request that has gone wrong. However the connection ends, it counts as that.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "no task is built"))]
    pub(crate) fn tell(&self, event: &ServerEvent) {
        self.note(match event {
            ServerEvent::Refused { .. } => Ending::Refused,
            ServerEvent::Disconnected { .. } => Ending::Disconnected,
            _ => Ending::Failed,
        });
        self.control.report(event);
    }

    /// Notes that everything was answered: whatever ends the connection now, it ends well.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "as above"))]
    pub(crate) fn finished(&self) {
        self.note(Ending::Finished);
    }

    fn note(&self, ending: Ending) {
        self.ending.fetch_max(ending as u8, Ordering::Relaxed);
    }

    /// What was told, at the end of the connection.
    pub(super) fn ending(&self) -> Ending {
        let told = self.ending.load(Ordering::Relaxed);
        [
            Ending::Finished,
            Ending::Disconnected,
            Ending::Refused,
            Ending::Failed,
        ]
        .into_iter()
        .find(|ending| *ending as u8 == told)
        .unwrap_or(Ending::Untold)
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("ending", &self.ending())
            .finish_non_exhaustive()
    }
}
