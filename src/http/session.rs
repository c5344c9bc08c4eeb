//! One connection: whatever is read on it between its requests.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use super::body::Inflow;
use super::input::{Input, More};
use super::link::{Got, Link};
use super::proto::{BodyFraming, HeadParser};
use super::server::Handler;
use super::unread::{Leaving, Skipped, Skipping, Turn};
use crate::error::{Error, ErrorKind};
use crate::rota::{Duty, Guest, Stay, Why, Yields};
use crate::server::Reporter;

/// A connection, between its requests and during them.
///
/// ```text
///              a head                       answered
///   Reading -----------> [the handler] -----------------> Reading
///      |                  |         |  and a body left
///      | refused,         |         +---------> Skipping -----> Reading
///      | timed out        | answered for            | malformed,
///      |                  | the last time           | timed out
///      +--------------> Leaving <-------------------+
/// ```
pub(super) struct Session {
    pub(super) link: Arc<Link>,
    pub(super) handler: Handler,
    parser: HeadParser,
    /// What was read of the next request, while the rest of it is waited for.
    leftover: Vec<u8>,
    /// The memory of the last head that was sent, for the next one.
    pub(super) head: Vec<u8>,
    pub(super) served: u64,
    phase: Phase,
    pub(super) reporter: Reporter,
    /// Why the connection has ended, if the server has ended it.
    pub(super) outcome: Result<(), Error>,
}

/// What is waited for while no handler runs.
enum Phase {
    /// A head. It is `owed` if a part of it has come, or if there was none so far.
    Reading { since: Option<Instant>, owed: bool },
    /// The rest of a body that nobody wants.
    Skipping(Skipping),
    /// The end of the client.
    Leaving(Leaving),
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Whatever there is to do in the phase that it is in now.
    More,
    /// Nothing, before the client has sent something.
    Wait,
    /// Nothing any more.
    Over,
}

impl Session {
    /// One that was accepted just now.
    pub(super) fn new(link: Arc<Link>, handler: Handler, reporter: Reporter) -> Self {
        Self {
            parser: HeadParser::new(link.rules.limits.head()),
            phase: Phase::Reading {
                since: Some(Instant::now()),
                owed: true,
            },
            reporter,
            link,
            handler,
            leftover: Vec::new(),
            head: Vec::new(),
            served: 0,
            outcome: Ok(()),
        }
    }

    /// Reads and answers requests for as long as there are any.
    fn read(&mut self, duty: &Duty, why: Why) -> Next {
        if why == Why::TimedOut {
            return self.time_out();
        }
        let mut input = Input::with(&mem::take(&mut self.leftover));
        let next = self.read_into(&mut input, duty);
        self.leftover = input.leave();
        next
    }

    fn read_into(&mut self, input: &mut Input, duty: &Duty) -> Next {
        let mut more = More::Maybe;
        loop {
            if !input.is_empty() {
                match self.parser.push(input.left()) {
                    Ok(Some((head, bytes))) => {
                        input.consume(bytes);
                        // Whoever reads a body leaves behind it what he likes.
                        if head.framing() != BodyFraming::None {
                            more = More::Maybe;
                        }
                        match self.serve(head, input, duty) {
                            Next::More if self.is_reading() => continue,
                            next => return next,
                        }
                    }
                    Ok(None) => {}
                    Err(refusal) => {
                        let to_head = is_head(input.left());
                        return self.refuse(refusal, to_head, None);
                    }
                }
            }
            if more == More::No {
                return self.rest(input);
            }
            match input.read(&self.link) {
                Ok((Got::Bytes(_), left)) => more = left,
                Ok((Got::Nothing, _)) => return self.rest(input),
                Ok((Got::End, _)) if input.is_empty() => return Next::Over,
                Ok((Got::End, _)) => return self.lose(cut_short()),
                // Between two requests a client may leave however it likes.
                Err(_) if input.is_empty() => return Next::Over,
                Err(error) => return self.lose(error),
            }
        }
    }

    const fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading { .. })
    }

    /// From now on the next request is read.
    pub(super) fn next_request(&mut self) -> Next {
        self.phase = Phase::Reading {
            since: None,
            owed: false,
        };
        Next::More
    }

    /// Waits for the next head, or for more of it.
    fn rest(&mut self, input: &Input) -> Next {
        let Phase::Reading { since, owed } = &mut self.phase else {
            return Next::More;
        };
        // Empty lines are none of it.
        if self.parser.is_within() {
            if !mem::replace(owed, true) {
                // From its first byte on, however slowly the others come.
                *since = Some(Instant::now());
            }
        } else if !*owed || self.link.is_stopping() {
            if self.link.is_stopping() && input.is_empty() {
                return Next::Over;
            }
            since.get_or_insert_with(Instant::now);
        }
        Next::Wait
    }

    /// A head has not come in time.
    fn time_out(&mut self) -> Next {
        if !self.parser.is_within() {
            return Next::Over;
        }
        let status = StatusCode::REQUEST_TIMEOUT;
        self.say(status, is_head(&self.leftover));
        self.tell_refused(None, Error::timed_out("the head of a request"));
        self.leave()
    }

    /// Skips what is left of a body, to get at the next request.
    pub(super) fn skip(&mut self, mut inflow: Inflow, input: &mut Input) -> Next {
        // Most often all of it has come.
        match inflow.skip() {
            Skipped::Whole => {
                // Of the one there is nothing, or of the other: see where it was taken from.
                input.put(&inflow.rest);
                self.next_request()
            }
            Skipped::Short => {
                let skipping = Skipping::new(inflow, &self.link.rules.limits);
                self.phase = Phase::Skipping(skipping);
                Next::More
            }
            Skipped::Broken => self.leave(),
        }
    }

    fn skip_more(&mut self) -> Next {
        let Phase::Skipping(skipping) = &mut self.phase else {
            return Next::More;
        };
        match skipping.take_turn(&self.link) {
            Turn::Wait => Next::Wait,
            Turn::Over => self.leave(),
            Turn::Reached => {
                let rest = skipping.take_rest();
                self.leftover.splice(..0, rest);
                self.next_request()
            }
        }
    }

    /// Says that nothing more is sent, and waits for the client to see it.
    pub(super) fn leave(&mut self) -> Next {
        // Unless something else was told of it, or the server has ended it.
        if self.outcome.is_ok() {
            self.reporter.finished();
        }
        if self.link.socket().end().is_err() {
            return Next::Over;
        }
        self.leftover = Vec::new();
        self.phase = Phase::Leaving(Leaving::new(&self.link.rules.limits));
        Next::More
    }

    fn see_off(&mut self, why: Why) -> Next {
        let Phase::Leaving(leaving) = &mut self.phase else {
            return Next::More;
        };
        if why == Why::Stopping {
            leaving.hurry();
        }
        match leaving.take_turn(&self.link) {
            Turn::Wait => Next::Wait,
            Turn::Over | Turn::Reached => Next::Over,
        }
    }
}

/// Says whether a head, whole or not, asks for no body.
fn is_head(head: &[u8]) -> bool {
    let line = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    line.is_some_and(|line| head[line..].starts_with(b"HEAD "))
}

fn cut_short() -> Error {
    let message = "the client went away in the middle of a request";
    Error::new(ErrorKind::PrematureClose, message)
}

impl Guest for Session {
    fn fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    fn until(&self) -> Option<Instant> {
        let limits = &self.link.rules.limits;
        match &self.phase {
            Phase::Reading { since, owed } => {
                let within = if *owed {
                    limits.head_timeout
                } else {
                    limits.keep_alive
                };
                // A time that cannot be represented is no limit.
                since.and_then(|since| since.checked_add(within))
            }
            Phase::Skipping(skipping) => skipping.until(),
            Phase::Leaving(leaving) => leaving.until(),
        }
    }

    fn yields(&self) -> Option<Yields> {
        match &self.phase {
            // Between two requests, and in neither.
            Phase::Reading { since, owed } if !*owed => since.map(Yields::Idle),
            Phase::Leaving(leaving) => Some(leaving.yields()),
            Phase::Skipping(skipping) => Some(skipping.yields()),
            Phase::Reading { .. } => None,
        }
    }

    fn give_way(&mut self) -> bool {
        !self.is_reading() || !self.link.has_more()
    }

    fn attend(&mut self, duty: &Duty, why: Why) -> Stay {
        let mut why = why;
        loop {
            let next = match self.phase {
                Phase::Reading { .. } => self.read(duty, why),
                Phase::Skipping(_) => self.skip_more(),
                Phase::Leaving(_) => self.see_off(why),
            };
            match next {
                Next::More => why = Why::Ready,
                Next::Wait => {
                    return Stay::Idle {
                        until: self.until(),
                    };
                }
                Next::Over => return Stay::Gone(mem::replace(&mut self.outcome, Ok(()))),
            }
        }
    }
}
