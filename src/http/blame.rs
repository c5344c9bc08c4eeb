//! Whose fault it is when a request goes wrong: what a client does is told apart from what fails here.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::proto::Head;
use super::server::conn::Conn;
use super::server::dispatch::{NextStep, Session};
use crate::error::{Error, ErrorKind};
use crate::net::server::is_break_of;
use crate::net::{RequestSummary, ServerEvent};

/// What is kept of a request for what is told of it.
pub(super) struct Asked {
    pub(super) is_head: bool,
    raw: Bytes,
}

impl Asked {
    pub(super) fn of(head: &Head) -> Self {
        Self {
            is_head: *head.method() == Method::HEAD,
            raw: head.raw(),
        }
    }

    /// With the status that was answered, if that was not the handler's.
    fn summary(&self, status: Option<StatusCode>) -> RequestSummary {
        // A head that was taken begins with both, and both are ASCII.
        let mut words = self.raw.split(|byte| byte.is_ascii_whitespace());
        let mut word = || String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        RequestSummary::new(word(), word(), status.map(|status| status.as_u16()))
    }
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// Ours: the handler's, or what it has used.
    Handler,
    /// The client has sent what cannot be taken.
    Request,
    /// The client has gone away, or takes nothing.
    Client,
    /// The server has ended the connection.
    Server,
}

fn blame(conn: &Conn, error: &Error, is_broken: bool) -> Blame {
    match error.kind() {
        ErrorKind::Panicked => Blame::Handler,
        ErrorKind::Cancelled if conn.check().is_err() => Blame::Server,
        _ if conn.is_lost() => Blame::Client,
        _ if is_broken => Blame::Request,
        _ if is_break_of(error, conn.peer()) => Blame::Client,
        _ => Blame::Handler,
    }
}

impl Session {
    /// Answers in place of a handler that has not answered, and tells why.
    pub(super) fn answer_failure(
        &mut self,
        asked: &Asked,
        error: Error,
        broken: Option<StatusCode>,
    ) -> NextStep {
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        // If it is the client who has failed, it is told so.
        let status = broken.filter(|_| error.kind() != ErrorKind::Panicked);
        let status = status.unwrap_or(failed);
        self.say(status, asked.is_head);
        self.tell(asked, error, Some(status), broken.is_some());
        self.leave()
    }

    /// Tells of a request that has gone wrong. `is_broken` says that its body has.
    pub(super) fn tell(
        &mut self,
        asked: &Asked,
        error: Error,
        status: Option<StatusCode>,
        is_broken: bool,
    ) {
        let peer = self.conn.peer().to_owned();
        let request = Some(asked.summary(status));
        let event = match blame(&self.conn, &error, is_broken) {
            // Told at the end of the connection, with why the server has ended it.
            Blame::Server => {
                self.outcome = Err(error);
                return;
            }
            Blame::Handler => ServerEvent::Failed {
                peer,
                request,
                error,
            },
            Blame::Request => ServerEvent::Refused {
                peer,
                request,
                error,
            },
            Blame::Client => ServerEvent::Disconnected {
                peer,
                request,
                error,
            },
        };
        self.reporter.report(&event);
    }

    /// Tells of a request that was refused before a handler has seen it.
    pub(super) fn tell_refused(
        &self,
        asked: Option<(&Asked, StatusCode)>,
        error: impl Into<Error>,
    ) {
        self.reporter.report(&ServerEvent::Refused {
            peer: self.conn.peer().to_owned(),
            request: asked.map(|(asked, status)| asked.summary(Some(status))),
            error: error.into(),
        });
    }

    /// Tells of a client that has gone away in the middle of a head. The connection is over.
    pub(super) fn lose(&self, error: Error) -> NextStep {
        self.reporter.report(&ServerEvent::Disconnected {
            peer: self.conn.peer().to_owned(),
            request: None,
            error,
        });
        NextStep::Over
    }
}
