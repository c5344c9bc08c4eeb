//! One request: the handler is called, and its outcome decides what follows on the connection.
//!
//! Owner: the thread that the dispatcher runs on. Blocking: the handler, then the wait until the body
//! and the response were returned ([`Exchange`](super::exchange::Exchange)), and the end of an upgraded
//! connection. The responses of the server itself are sent without waiting.

use std::io::IoSlice;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use super::body_reader::BodyReader;
use super::date::date;
use super::dispatch::{Dispatcher, NextStep};
use super::events::RequestLine;
use super::exchange::Returned;
use super::read_buf::ReadBuf;
use super::request::Request;
use super::request_body::Body;
use super::response::{About, Response};
use super::response_end::ResponseEnd;
use super::response_writer::ResponseWriter;
use crate::error::{Error, ErrorKind};
use crate::http::proto::{BodyDecoder, BodyFraming, BodyPlan, Head, Rejection, encode_head};
use crate::leader::Turn;
use crate::threads::worker::guard;

impl Dispatcher {
    /// Serves a request, and returns what comes next.
    pub(in crate::http) fn serve(
        &mut self,
        head: Head,
        input: &mut ReadBuf,
        turn: &Turn,
    ) -> NextStep {
        self.requests += 1;
        let limits = &self.conn.config.limits;
        let about = About {
            method: head.method().clone(),
            version: head.version(),
            keep_alive: head.keep_alive() && self.requests < limits.requests,
            has_body: head.framing() != BodyFraming::None,
            expects_continue: head.expects_continue(),
        };
        let line = RequestLine::of(&head);
        if let Some(status) = unsupported(head.method()) {
            self.respond(status, false);
            let message = format!("the method `{}` is not supported", head.method());
            let error = Error::new(ErrorKind::InvalidInput, message);
            self.report_rejected(Some((&line, status)), error);
            return self.linger();
        }
        let (with_body, expects_continue) = (about.has_body, about.expects_continue);
        let body = match self.body_of(&head, input, turn) {
            Ok(body) => body,
            Err(rejection) => return self.reject(rejection, line.is_head, Some(&line)),
        };
        let writer = ResponseWriter::new(
            Arc::clone(&self.conn),
            turn.clone(),
            mem::take(&mut self.head),
        );
        let request = Request::new(head, body, Arc::clone(&self.conn));
        let response = Response::new(about, writer);
        let outcome = guard(|| (self.handler)(request, response));
        let returned = self.conn.collect(with_body, turn);
        if expects_continue {
            self.conn.exchange.close();
        }
        self.settle(&line, returned, outcome, input, turn)
    }

    /// Takes what was received of a body together with its head.
    fn body_of(&self, head: &Head, input: &mut ReadBuf, turn: &Turn) -> Result<Body, Rejection> {
        let (expects, upgrades) = (head.expects_continue(), head.wants_upgrade());
        let mut early = Bytes::new();
        let reader = match head.framing() {
            BodyFraming::None => {
                if upgrades {
                    early = input.take(u64::MAX);
                }
                None
            }
            framing => {
                let decoder = BodyDecoder::new(framing, self.conn.config.limits.body())?;
                // Not more than the body where its length is known: what follows belongs to the next
                // request.
                let received = match framing {
                    BodyFraming::Length(length) => input.take(length),
                    _ => input.take(u64::MAX),
                };
                let continue_due = expects && received.is_empty();
                self.conn.set_unread(decoder.left());
                Some(BodyReader::new(received, decoder, continue_due))
            }
        };
        if expects || upgrades {
            let continue_due = reader.as_ref().is_some_and(|reader| reader.continue_due);
            self.conn.exchange.open(early, continue_due);
        }
        let length = match head.framing() {
            BodyFraming::Length(length) => Some(length),
            _ => None,
        };
        Ok(match reader {
            Some(reader) => Body::of(Arc::clone(&self.conn), turn.clone(), reader, length),
            None => Body::none(),
        })
    }

    /// Decides what follows a response, or sends one if the handler has not.
    fn settle(
        &mut self,
        line: &RequestLine,
        returned: Returned,
        outcome: Result<(), Error>,
        input: &mut ReadBuf,
        turn: &Turn,
    ) -> NextStep {
        let Returned {
            reader,
            finished,
            early,
        } = returned;
        self.head = finished.head;
        input.put(&early);
        let broken = reader.as_ref().and_then(|reader| reader.broken);
        match finished.end {
            ResponseEnd::NotSent => {
                let error = outcome.err().unwrap_or_else(not_sent);
                self.respond_to_failure(line, error, broken)
            }
            ResponseEnd::Cut(cause) => {
                // The client must not take the part that it has for all.
                self.conn.socket().reset_on_close();
                let error = outcome.err().or(cause).unwrap_or_else(cut);
                self.report(line, error, None, broken.is_some());
                NextStep::Over
            }
            ResponseEnd::Upgraded(in_use) => {
                turn.promote_follower();
                // Nothing is ever sent: the receive fails when both halves were dropped.
                let _ = in_use.recv();
                if let Err(error) = outcome {
                    self.report(line, error, None, false);
                }
                NextStep::Over
            }
            end @ (ResponseEnd::Close | ResponseEnd::KeepAlive) => {
                // The client has the whole response, which has promised whether the connection stays.
                if let Err(error) = outcome {
                    self.report(line, error, None, broken.is_some());
                }
                match (end, reader) {
                    (ResponseEnd::KeepAlive, None) => self.next_request(),
                    (ResponseEnd::KeepAlive, Some(reader)) if broken.is_none() => {
                        self.skip(reader, input)
                    }
                    _ => self.linger(),
                }
            }
        }
    }

    /// Responds to a request that is rejected, and closes: where the next one would begin is not known.
    pub(in crate::http) fn reject(
        &mut self,
        rejection: Rejection,
        to_head: bool,
        line: Option<&RequestLine>,
    ) -> NextStep {
        self.respond(rejection.status(), to_head);
        self.report_rejected(line.map(|line| (line, rejection.status())), rejection);
        self.linger()
    }

    /// Sends a response of the server itself, as far as the kernel takes it at once. The connection is
    /// closed after it. A response to a HEAD has no body (RFC 9110 9.3.2).
    pub(in crate::http) fn respond(&self, status: StatusCode, to_head: bool) {
        let method = if to_head { Method::HEAD } else { Method::GET };
        let text = format!("{status}\n");
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("text/plain");
        headers.insert(header::CONTENT_TYPE, value);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 15.5.6 requires it. It is empty because each resource has its own methods.
            headers.insert(header::ALLOW, HeaderValue::from_static(""));
        }
        let (version, length) = (Version::HTTP_11, Some(text.len() as u64));
        let plan = BodyPlan::new(&method, version, status, &headers, length);
        let Ok(plan) = plan else {
            return;
        };
        let body = if plan.is_sent() { text.as_bytes() } else { &[] };
        let mut head = Vec::new();
        encode_head(&mut head, version, status, &headers, plan, false, &date());
        // A client that does not take these few bytes at once does not get them.
        let _ = self.conn.send(&[IoSlice::new(&head), IoSlice::new(body)]);
    }
}

/// The methods that no handler sees: CONNECT asks for a tunnel, and the response to TRACE would show a
/// script cookies that are hidden from it.
fn unsupported(method: &Method) -> Option<StatusCode> {
    match *method {
        Method::CONNECT => Some(StatusCode::NOT_IMPLEMENTED),
        Method::TRACE => Some(StatusCode::METHOD_NOT_ALLOWED),
        _ => None,
    }
}

fn not_sent() -> Error {
    Error::new(
        ErrorKind::Failed,
        "the handler dropped the response without sending it",
    )
}

fn cut() -> Error {
    let message = "the body of the response was dropped before its end";
    Error::new(ErrorKind::PrematureClose, message)
}
