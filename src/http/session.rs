//! One connection: whatever is read on it between its requests.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::body::{Inflow, Piece};
use super::input::{Input, More};
use super::link::{Got, Link};
use super::proto::{BodyFraming, HeadParser};
use super::server::Handler;
use crate::error::{Error, ErrorKind};
use crate::rota::{Duty, Guest, Stay, Why};

/// A connection, between its requests and during them.
///
/// ```text
///              a head                       answered
///   Reading -----------> [the handler] -----------------> Reading
///      |                  |         |  and a body left
///      | refused,         |         +---------> Skipping -----> Reading
///      | timed out        | answered for            | too much
///      |                  | the last time           |
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
    /// How the connection has ended, once it has.
    pub(super) outcome: Result<(), Error>,
}

/// What is waited for while no handler runs.
enum Phase {
    /// A head, by then. It is `owed` if a part of it has come, or if there was none so far.
    Reading { by: Option<Instant>, owed: bool },
    /// The rest of a body that nobody wants.
    Skipping {
        inflow: Box<Inflow>,
        left: u64,
        by: Option<Instant>,
    },
    /// The end of the client: a socket that is closed while there is something to read in it takes
    /// back what was sent last.
    Leaving { left: u64, by: Option<Instant> },
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

/// How much is read of a client that is being left, and thrown away.
const LEAVING_BYTES: u64 = 64 * 1024;

impl Session {
    /// One that was accepted just now.
    pub(super) fn new(link: Arc<Link>, handler: Handler) -> Self {
        let limits = &link.rules.limits;
        Self {
            parser: HeadParser::new(limits.head()),
            phase: Phase::Reading {
                by: after(limits.head_timeout),
                owed: true,
            },
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
                    Err(refusal) => return self.refuse(refusal),
                }
            }
            if more == More::No {
                return self.rest(input);
            }
            match input.read(&self.link) {
                Ok((Got::Bytes(_), left)) => more = left,
                Ok((Got::Nothing, _)) => return self.rest(input),
                Ok((Got::End, _)) if input.is_empty() => return Next::Over,
                Ok((Got::End, _)) => return self.fail(cut_short()),
                // Between two requests a client may leave however it likes.
                Err(_) if input.is_empty() => return Next::Over,
                Err(error) => return self.fail(error),
            }
        }
    }

    const fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading { .. })
    }

    /// From now on the next request is read.
    pub(super) fn next_request(&mut self) -> Next {
        self.phase = Phase::Reading {
            by: None,
            owed: false,
        };
        Next::More
    }

    /// Waits for the next head, or for more of it.
    fn rest(&mut self, input: &Input) -> Next {
        let limits = &self.link.rules.limits;
        let Phase::Reading { by, owed } = &mut self.phase else {
            return Next::More;
        };
        // Empty lines are none of it.
        if self.parser.is_within() {
            if !mem::replace(owed, true) {
                // From its first byte on, however slowly the others come.
                *by = after(limits.head_timeout);
            }
        } else if !*owed || self.link.is_stopping() {
            if self.link.is_stopping() && input.is_empty() {
                return Next::Over;
            }
            if by.is_none() {
                *by = after(limits.keep_alive);
            }
        }
        Next::Wait
    }

    /// A head has not come in time.
    fn time_out(&mut self) -> Next {
        if !self.parser.is_within() {
            return Next::Over;
        }
        let error = Error::timed_out("the head of a request");
        self.report(error);
        self.say(StatusCode::REQUEST_TIMEOUT);
        self.leave()
    }

    /// The connection is over, and this is why.
    pub(super) fn fail(&mut self, error: Error) -> Next {
        self.report(error);
        Next::Over
    }

    /// Keeps what the connection will have ended with.
    pub(super) fn report(&mut self, error: Error) {
        self.outcome = Err(error.during("serve", self.link.peer()));
    }

    /// Skips what is left of a body, if that is not too much, to get at the next request.
    pub(super) fn skip(&mut self, mut inflow: Inflow, input: &mut Input) -> Next {
        let limits = &self.link.rules.limits;
        let mut left = limits.drain_bytes;
        // Most often all of it has come.
        match skip_there(&mut inflow, &mut left) {
            Skipped::All => {
                // Of the one there is nothing, or of the other: see where it was taken from.
                input.put(&inflow.rest);
                self.next_request()
            }
            Skipped::There => {
                self.phase = Phase::Skipping {
                    inflow: Box::new(inflow),
                    left,
                    by: after(limits.body_idle),
                };
                Next::More
            }
            Skipped::TooMuch => self.leave(),
        }
    }

    fn skip_more(&mut self, why: Why) -> Next {
        let Phase::Skipping { inflow, left, .. } = &mut self.phase else {
            return Next::More;
        };
        if why == Why::TimedOut {
            return self.leave();
        }
        loop {
            match self.link.receive_chunk() {
                Ok(None) => return Next::Wait,
                Ok(Some(chunk)) if chunk.is_empty() => return Next::Over,
                Ok(Some(chunk)) => inflow.rest = chunk,
                Err(_) => return Next::Over,
            }
            match skip_there(inflow, left) {
                Skipped::All => {
                    let rest = mem::take(&mut inflow.rest);
                    self.leftover.splice(..0, rest);
                    return self.next_request();
                }
                Skipped::There => {}
                Skipped::TooMuch => return self.leave(),
            }
        }
    }

    /// Says that nothing more is sent, and waits a while for the client to see it.
    pub(super) fn leave(&mut self) -> Next {
        if self.link.socket().end().is_err() {
            return Next::Over;
        }
        self.phase = Phase::Leaving {
            left: LEAVING_BYTES,
            by: after(self.link.rules.limits.linger),
        };
        Next::More
    }

    fn see_off(&mut self, why: Why) -> Next {
        let Phase::Leaving { left, .. } = &mut self.phase else {
            return Next::More;
        };
        if why == Why::TimedOut {
            return Next::Over;
        }
        let mut dropped = [0; 4096];
        loop {
            match self.link.receive(&mut dropped) {
                Ok(Got::Bytes(bytes)) => match left.checked_sub(bytes as u64) {
                    Some(less) => *left = less,
                    None => return Next::Over,
                },
                Ok(Got::Nothing) => return Next::Wait,
                Ok(Got::End) | Err(_) => return Next::Over,
            }
        }
    }
}

/// What was skipped of what is there of a body.
enum Skipped {
    /// All of the body.
    All,
    /// What has come of it.
    There,
    /// More than it is worth.
    TooMuch,
}

fn skip_there(inflow: &mut Inflow, left: &mut u64) -> Skipped {
    loop {
        match inflow.next_piece() {
            Ok(Piece::Data(data)) => match left.checked_sub(data.len() as u64) {
                Some(less) => *left = less,
                None => return Skipped::TooMuch,
            },
            Ok(Piece::Short) => return Skipped::There,
            Ok(Piece::End) => return Skipped::All,
            Err(_) => return Skipped::TooMuch,
        }
    }
}

fn cut_short() -> Error {
    let message = "the client went away in the middle of a request";
    Error::new(ErrorKind::PrematureClose, message)
}

/// A time that cannot be represented is no limit.
fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

impl Guest for Session {
    fn fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    fn until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Reading { by, .. } | Phase::Skipping { by, .. } | Phase::Leaving { by, .. } => {
                by
            }
        }
    }

    fn attend(&mut self, duty: &Duty, why: Why) -> Stay {
        let mut why = why;
        loop {
            let next = match self.phase {
                Phase::Reading { .. } => self.read(duty, why),
                Phase::Skipping { .. } => self.skip_more(why),
                Phase::Leaving { .. } => self.see_off(why),
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
