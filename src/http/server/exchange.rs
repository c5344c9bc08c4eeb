//! One request and its answer.

use std::io::IoSlice;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use super::conn::Returned;
use super::date::date;
use super::dispatch::{NextStep, Session};
use super::read_buf::ReadBuf;
use super::request::Request;
use super::request_body::{Body, Inflow};
use super::response::{About, Response};
use super::response_writer::{ResponseEnd, ResponseWriter};
use crate::error::{Error, ErrorKind};
use crate::http::blame::Asked;
use crate::http::proto::{BodyDecoder, BodyFraming, BodyPlan, Head, Rejection, encode_head};
use crate::leader::Turn;
use crate::threads::worker::guard;

impl Session {
    /// Has a request answered, and says what comes next.
    pub(in crate::http) fn serve(
        &mut self,
        head: Head,
        input: &mut ReadBuf,
        turn: &Turn,
    ) -> NextStep {
        self.served += 1;
        let limits = &self.conn.rules.limits;
        let about = About {
            method: head.method().clone(),
            version: head.version(),
            keep_alive: head.keep_alive() && self.served < limits.requests,
            has_body: head.framing() != BodyFraming::None,
            expects_continue: head.expects_continue(),
        };
        let asked = Asked::of(&head);
        if let Some(status) = declined(head.method()) {
            self.say(status, false);
            let message = format!("`{}` is not served", head.method());
            let error = Error::new(ErrorKind::InvalidInput, message);
            self.tell_refused(Some((&asked, status)), error);
            return self.leave();
        }
        let with_body = about.has_body;
        let body = match self.body_of(&head, input, turn) {
            Ok(body) => body,
            Err(refusal) => return self.refuse(refusal, asked.is_head, Some(&asked)),
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
        self.settle(&asked, returned, outcome, input, turn)
    }

    /// Takes what has come of a body along with its head.
    fn body_of(&self, head: &Head, input: &mut ReadBuf, turn: &Turn) -> Result<Body, Rejection> {
        let (expects, upgrades) = (head.expects_continue(), head.wants_upgrade());
        let mut early = Bytes::new();
        let inflow = match head.framing() {
            BodyFraming::None => {
                if upgrades {
                    early = input.take(u64::MAX);
                }
                None
            }
            framing => {
                let decoder = BodyDecoder::new(framing, self.conn.rules.limits.body())?;
                // No further than the body, where that is known, so that what is behind it stays.
                let there = match framing {
                    BodyFraming::Length(length) => input.take(length),
                    _ => input.take(u64::MAX),
                };
                let waits = expects && there.is_empty();
                self.conn.set_unread(decoder.left());
                Some(Inflow::new(there, decoder, waits))
            }
        };
        if expects || upgrades {
            let waits = inflow.as_ref().is_some_and(Inflow::waits_to_be_asked);
            self.conn.open(early, waits);
        }
        let length = match head.framing() {
            BodyFraming::Length(length) => Some(length),
            _ => None,
        };
        Ok(match inflow {
            Some(inflow) => Body::of(Arc::clone(&self.conn), turn.clone(), inflow, length),
            None => Body::none(),
        })
    }

    /// Sees to what comes behind an answer, or instead of one.
    fn settle(
        &mut self,
        asked: &Asked,
        returned: Returned,
        outcome: Result<(), Error>,
        input: &mut ReadBuf,
        turn: &Turn,
    ) -> NextStep {
        let Returned {
            inflow,
            answered,
            early,
        } = returned;
        self.head = answered.head;
        input.put(&early);
        let broken = inflow.as_ref().and_then(|inflow| inflow.broken);
        match answered.verdict {
            ResponseEnd::Unanswered => {
                let error = outcome.err().unwrap_or_else(unanswered);
                self.answer_failure(asked, error, broken)
            }
            ResponseEnd::Cut(cause) => {
                // The client must not take what it has for everything.
                self.conn.socket().reset_on_close();
                let error = outcome.err().or(cause).unwrap_or_else(cut);
                self.tell(asked, error, None, broken.is_some());
                NextStep::Over
            }
            ResponseEnd::Upgraded(over) => {
                turn.promote_follower();
                // Nothing ever comes: that fails when both halves are gone.
                let _ = over.recv();
                if let Err(error) = outcome {
                    self.tell(asked, error, None, false);
                }
                NextStep::Over
            }
            ResponseEnd::Last | ResponseEnd::Kept => {
                // The client has its answer, and what was said of the connection stays true.
                if let Err(error) = outcome {
                    self.tell(asked, error, None, broken.is_some());
                }
                match (answered.verdict, inflow) {
                    (ResponseEnd::Kept, None) => self.next_request(),
                    (ResponseEnd::Kept, Some(inflow)) if broken.is_none() => {
                        self.skip(inflow, input)
                    }
                    _ => self.leave(),
                }
            }
        }
    }

    /// Answers what is no request that could be served, and closes: where the next one would begin
    /// is not known.
    pub(in crate::http) fn refuse(
        &mut self,
        refusal: Rejection,
        to_head: bool,
        asked: Option<&Asked>,
    ) -> NextStep {
        self.say(refusal.status(), to_head);
        self.tell_refused(asked.map(|asked| (asked, refusal.status())), refusal);
        self.leave()
    }

    /// Answers for want of a handler's answer, as far as the client takes it at once. The connection
    /// is closed behind it. An answer to a HEAD has no body (RFC 9110 9.3.2).
    pub(in crate::http) fn say(&self, status: StatusCode, to_head: bool) {
        let method = if to_head { Method::HEAD } else { Method::GET };
        let text = format!("{status}\n");
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("text/plain");
        headers.insert(header::CONTENT_TYPE, value);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 15.5.6: it has to be there, and each resource has its own.
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
        // Who does not take this little is not waited for.
        let _ = self.conn.send(&[IoSlice::new(&head), IoSlice::new(body)]);
    }
}

/// What is never served: a tunnel, and what would show a script the cookies that are hidden from it.
fn declined(method: &Method) -> Option<StatusCode> {
    match *method {
        Method::CONNECT => Some(StatusCode::NOT_IMPLEMENTED),
        Method::TRACE => Some(StatusCode::METHOD_NOT_ALLOWED),
        _ => None,
    }
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::Failed,
        "the handler has dropped the answer unsent",
    )
}

fn cut() -> Error {
    let message = "the body of the answer was dropped before its end";
    Error::new(ErrorKind::PrematureClose, message)
}
