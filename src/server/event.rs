//! What a server tells of: nothing of it ends the server.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// Something that went wrong in a server, which goes on.
///
/// Its [`Display`](fmt::Display) is a line for a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// Nobody could be accepted, such as for want of descriptors. Whoever was about to be stays in
    /// the backlog.
    AcceptFailed {
        /// Why.
        error: Error,
        /// After which pause it is tried again; at once when a connection ends before.
        retry_in: Duration,
    },
    /// The system gave no thread. The connection waits for one of another connection.
    NoThread {
        /// Why.
        error: Error,
    },
    /// A connection was reset without being served.
    Dropped {
        /// Whose.
        peer: String,
        /// Why: `LimitExceeded` if that was the bound on connections.
        error: Error,
    },
    /// A handler has failed, or panicked.
    Failed {
        /// With whose connection.
        peer: String,
        /// Why.
        error: Error,
    },
}

impl ServerEvent {
    /// Why it came to that.
    #[must_use]
    pub const fn error(&self) -> &Error {
        match self {
            Self::AcceptFailed { error, .. }
            | Self::NoThread { error }
            | Self::Dropped { error, .. }
            | Self::Failed { error, .. } => error,
        }
    }
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcceptFailed { error, retry_in } => write!(f, "{error:#}; again in {retry_in:?}"),
            Self::NoThread { error } => write!(f, "{error:#}"),
            Self::Dropped { peer, error } => write!(f, "dropped `{peer}`: {error:#}"),
            Self::Failed { peer, error } => write!(f, "failed to serve `{peer}`: {error:#}"),
        }
    }
}
