//! The events that a server reports: none of them ends it.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// A failure in a server that goes on: see [`Server::on_event`](super::Server::on_event).
///
/// Its [`Display`](fmt::Display) is one line for a log, with control characters escaped. Faults of a
/// client are variants of their own: [`Refused`](Self::Refused) and
/// [`Disconnected`](Self::Disconnected).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// An accept failed, for example because the process has no descriptor left. The client stays in
    /// the backlog.
    AcceptFailed {
        /// The cause.
        error: Error,
        /// The pause until the next attempt, which comes at once if a connection ends before.
        retry_in: Duration,
    },
    /// The operating system started no thread. The connection waits for a thread that becomes free.
    NoThread {
        /// The cause.
        error: Error,
    },
    /// A connection was reset without being served: it was beyond the bound, or there was no thread.
    Dropped {
        /// The name of the client.
        peer: String,
        /// Why: `LimitExceeded` if that was the bound on connections.
        error: Error,
    },
    /// A handler returned an error, or panicked.
    Failed {
        /// The name of the client.
        peer: String,
        /// The request, of an HTTP server.
        request: Option<RequestSummary>,
        /// The cause.
        error: Error,
    },
    /// A request was refused: it breaks a rule or a limit, or has come too slowly.
    Refused {
        /// The name of the client.
        peer: String,
        /// The request, if enough of it was parsed.
        request: Option<RequestSummary>,
        /// The cause.
        error: Error,
    },
    /// A client has closed the connection, or has taken no byte for too long, within a request or its
    /// response.
    Disconnected {
        /// The name of the client.
        peer: String,
        /// The request, of an HTTP server.
        request: Option<RequestSummary>,
        /// The error that showed it.
        error: Error,
    },
}

/// A request, and the status that the server sent in place of the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestSummary {
    /// The method.
    pub method: String,
    /// The target, as it was sent.
    pub target: String,
    /// The status of a response that the server sent in place of one from the handler. `None` if the
    /// response was the handler's, complete or not.
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

/// How much of a target a line has.
const TARGET_CHARS: usize = 200;

impl ServerEvent {
    /// The error.
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

    /// Whether it is a fault of the server or its handler, and so a line on standard error if there is
    /// no `on_event`. A connection that the server itself has aborted is none.
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
