//! What a server tells of: nothing of it ends the server.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// Something that went wrong in a server, which goes on.
///
/// Its [`Display`](fmt::Display) is a line for a log: the control characters in it are escaped. What
/// a client has done wrong ([`Refused`](Self::Refused), [`Disconnected`](Self::Disconnected)) is
/// apart from what is wrong here.
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
        /// With which request of it, where there are requests.
        request: Option<RequestSummary>,
        /// Why.
        error: Error,
    },
    /// A request was refused: it breaks a rule or a limit, or has come too slowly.
    Refused {
        /// Whose.
        peer: String,
        /// Which, if so much of it was understood.
        request: Option<RequestSummary>,
        /// Why.
        error: Error,
    },
    /// A client has gone away, or has taken nothing for too long, in the middle of a request or of
    /// its answer.
    Disconnected {
        /// Which.
        peer: String,
        /// In which request, where there are requests.
        request: Option<RequestSummary>,
        /// What has shown it.
        error: Error,
    },
}

/// Which request it was, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestSummary {
    /// The method.
    pub method: String,
    /// The target, as it was sent.
    pub target: String,
    /// The status that was answered in place of an answer of the handler's. None if the answer was
    /// the handler's, be it whole or cut.
    pub status: Option<u16>,
}

impl RequestSummary {
    #[cfg(feature = "http")]
    pub(crate) const fn new(method: String, target: String, status: Option<u16>) -> Self {
        Self {
            method,
            target,
            status,
        }
    }
}

/// How much of a target a line tells.
const TARGET_CHARS: usize = 200;

impl ServerEvent {
    /// Why it came to that.
    #[must_use]
    pub const fn error(&self) -> &Error {
        match self {
            Self::AcceptFailed { error, .. }
            | Self::NoThread { error }
            | Self::Dropped { error, .. }
            | Self::Failed { error, .. }
            | Self::Refused { error, .. }
            | Self::Disconnected { error, .. } => error,
        }
    }

    /// Says whether somebody has to see to the server. What was ended by its own stop needs that no
    /// more than what clients do.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::AcceptFailed { .. } | Self::NoThread { .. } => true,
            Self::Failed { error, .. } => error.kind() != ErrorKind::Cancelled,
            Self::Dropped { .. } | Self::Refused { .. } | Self::Disconnected { .. } => false,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::AcceptFailed { error, retry_in } => {
                format!("{}; again in {retry_in:?}", error.reason())
            }
            Self::NoThread { error } => error.reason(),
            Self::Dropped { peer, error } => format!("dropped `{peer}`: {}", error.reason()),
            Self::Failed {
                peer,
                request,
                error,
            } => of_request("failed to serve", peer, request.as_ref(), error),
            Self::Refused {
                peer,
                request,
                error,
            } => of_request("refused", peer, request.as_ref(), error),
            Self::Disconnected {
                peer,
                request,
                error,
            } => of_request("lost the client of", peer, request.as_ref(), error),
        }
    }
}

fn of_request(what: &str, peer: &str, request: Option<&RequestSummary>, error: &Error) -> String {
    let reason = error.reason();
    match request {
        Some(request) => format!("{what} {request} from `{peer}`: {reason}"),
        None => format!("{what} `{peer}`: {reason}"),
    }
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.line().chars() {
            if char.is_control() {
                write!(f, "{}", char.escape_default())?;
            } else {
                write!(f, "{char}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for RequestSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            target,
            status,
        } = self;
        match target.char_indices().nth(TARGET_CHARS) {
            None => write!(f, "`{method} {target}`")?,
            Some((end, _)) => write!(f, "`{method} {}...`", &target[..end])?,
        }
        match status {
            Some(status) => write!(f, " ({status})"),
            None => Ok(()),
        }
    }
}
