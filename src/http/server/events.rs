//! The event of a request that went wrong: what a client does is kept apart from what fails here.
//!
//! Owner: the thread that the dispatcher runs on, after the handler has returned. It takes no lock of
//! this room; [`Reporter::tell`](crate::net::server::Reporter::tell) calls the user's `on_event`, which
//! may block.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::conn::Conn;
use super::dispatch::{Dispatcher, NextStep};
use crate::error::{Error, ErrorKind};
use crate::http::proto::Head;
use crate::net::server::is_break_of;
use crate::net::{RequestSummary, ServerEvent};

/// What an event names of a request.
pub(in crate::http) struct RequestLine {
    pub(in crate::http) is_head: bool,
    raw: Bytes,
}

impl RequestLine {
    pub(in crate::http) fn of(head: &Head) -> Self {
        Self {
            is_head: *head.method() == Method::HEAD,
            raw: head.raw(),
        }
    }

    /// With the status of the response, if the server itself has sent one.
    fn summary(&self, status: Option<StatusCode>) -> RequestSummary {
        // An accepted head begins with a method and a target, and both are ASCII.
        let mut words = self.raw.split(|byte| byte.is_ascii_whitespace());
        let mut word = || String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        RequestSummary::new(word(), word(), status.map(|status| status.as_u16()))
    }
}

/// On which side a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The handler, or what it has used.
    Handler,
    /// The body of the request: it breaks a rule or a limit.
    Request,
    /// The client disconnected, or takes nothing.
    Client,
    /// The server has ended the connection.
    Server,
}

fn side(conn: &Conn, error: &Error, is_broken: bool) -> Side {
    match error.kind() {
        ErrorKind::Panicked => Side::Handler,
        ErrorKind::Cancelled if conn.check().is_err() => Side::Server,
        _ if conn.is_lost() => Side::Client,
        _ if is_broken => Side::Request,
        _ if is_break_of(error, conn.peer()) => Side::Client,
        _ => Side::Handler,
    }
}

impl Dispatcher {
    /// Responds in place of a handler that has not, and reports the error. `broken` is the status for a
    /// body that has failed.
    pub(in crate::http) fn respond_to_failure(
        &mut self,
        line: &RequestLine,
        error: Error,
        broken: Option<StatusCode>,
    ) -> NextStep {
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        // If the body of the request is at fault, the client gets the status for that.
        let status = broken.filter(|_| error.kind() != ErrorKind::Panicked);
        let status = status.unwrap_or(failed);
        self.respond(status, line.is_head);
        self.report(line, error, Some(status), broken.is_some());
        self.linger()
    }

    /// Reports a request that went wrong. `is_broken` if its body has failed.
    pub(in crate::http) fn report(
        &mut self,
        line: &RequestLine,
        error: Error,
        status: Option<StatusCode>,
        is_broken: bool,
    ) {
        let peer = self.conn.peer().to_owned();
        let request = Some(line.summary(status));
        let event = match side(&self.conn, &error, is_broken) {
            // Reported at the end of the connection, with the cause.
            Side::Server => {
                self.outcome = Err(error);
                return;
            }
            Side::Handler => ServerEvent::Failed {
                peer,
                request,
                error,
            },
            Side::Request => ServerEvent::Refused {
                peer,
                request,
                error,
            },
            Side::Client => ServerEvent::Disconnected {
                peer,
                request,
                error,
            },
        };
        self.reporter.report(&event);
    }

    /// Reports a request that was rejected before a handler was called.
    pub(in crate::http) fn report_rejected(
        &self,
        request: Option<(&RequestLine, StatusCode)>,
        error: impl Into<Error>,
    ) {
        self.reporter.report(&ServerEvent::Refused {
            peer: self.conn.peer().to_owned(),
            request: request.map(|(line, status)| line.summary(Some(status))),
            error: error.into(),
        });
    }

    /// Reports a client that disconnected in the middle of a head. The connection is over.
    pub(in crate::http) fn disconnected(&self, error: Error) -> NextStep {
        self.reporter.report(&ServerEvent::Disconnected {
            peer: self.conn.peer().to_owned(),
            request: None,
            error,
        });
        NextStep::Over
    }
}
