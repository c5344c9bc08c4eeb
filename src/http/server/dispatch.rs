//! One connection: whatever is read on it between its requests.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use super::Handler;
use super::conn::{Conn, Got};
use super::read_buf::{More, ReadBuf};
use super::request_body::Inflow;
use super::unread::{Leaving, Skipped, Skipping, UnreadTurn};
use crate::error::{Error, ErrorKind};
use crate::http::proto::{BodyFraming, HeadParser};
use crate::leader::{Evictable, Next, RunReason, Task, Turn};
use crate::net::server::Reporter;

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
pub(in crate::http) struct Session {
    pub(in crate::http) conn: Arc<Conn>,
    pub(in crate::http) handler: Handler,
    parser: HeadParser,
    /// What was read of the next request, while the rest of it is waited for.
    leftover: Vec<u8>,
    /// The memory of the last head that was sent, for the next one.
    pub(in crate::http) head: Vec<u8>,
    pub(in crate::http) served: u64,
    phase: Phase,
    pub(in crate::http) reporter: Reporter,
    /// RunReason the connection has ended, if the server has ended it.
    pub(in crate::http) outcome: Result<(), Error>,
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
pub(in crate::http) enum NextStep {
    /// Whatever there is to do in the phase that it is in now.
    More,
    /// Nothing, before the client has sent something.
    Wait,
    /// Nothing any more.
    Over,
}

impl Session {
    /// One that was accepted just now.
    pub(in crate::http) fn new(conn: Arc<Conn>, handler: Handler, reporter: Reporter) -> Self {
        Self {
            parser: HeadParser::new(conn.rules.limits.head()),
            phase: Phase::Reading {
                since: Some(Instant::now()),
                owed: true,
            },
            reporter,
            conn,
            handler,
            leftover: Vec::new(),
            head: Vec::new(),
            served: 0,
            outcome: Ok(()),
        }
    }

    /// Reads and answers requests for as long as there are any.
    fn read(&mut self, turn: &Turn, reason: RunReason) -> NextStep {
        if reason == RunReason::TimedOut {
            return self.time_out();
        }
        let mut input = ReadBuf::with(&mem::take(&mut self.leftover));
        let next = self.read_into(&mut input, turn);
        self.leftover = input.leave();
        next
    }

    fn read_into(&mut self, input: &mut ReadBuf, turn: &Turn) -> NextStep {
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
                        match self.serve(head, input, turn) {
                            NextStep::More if self.is_reading() => continue,
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
            match input.read(&self.conn) {
                Ok((Got::Bytes(_), left)) => more = left,
                Ok((Got::Nothing, _)) => return self.rest(input),
                Ok((Got::End, _)) if input.is_empty() => return NextStep::Over,
                Ok((Got::End, _)) => return self.lose(cut_short()),
                // Between two requests a client may leave however it likes.
                Err(_) if input.is_empty() => return NextStep::Over,
                Err(error) => return self.lose(error),
            }
        }
    }

    const fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading { .. })
    }

    /// From now on the next request is read.
    pub(in crate::http) fn next_request(&mut self) -> NextStep {
        self.phase = Phase::Reading {
            since: None,
            owed: false,
        };
        NextStep::More
    }

    /// Waits for the next head, or for more of it.
    fn rest(&mut self, input: &ReadBuf) -> NextStep {
        let Phase::Reading { since, owed } = &mut self.phase else {
            return NextStep::More;
        };
        // Empty lines are none of it.
        if self.parser.is_within() {
            if !mem::replace(owed, true) {
                // From its first byte on, however slowly the others come.
                *since = Some(Instant::now());
            }
        } else if !*owed || self.conn.is_stopping() {
            if self.conn.is_stopping() && input.is_empty() {
                return NextStep::Over;
            }
            since.get_or_insert_with(Instant::now);
        }
        NextStep::Wait
    }

    /// A head has not come in time.
    fn time_out(&mut self) -> NextStep {
        if !self.parser.is_within() {
            return NextStep::Over;
        }
        let status = StatusCode::REQUEST_TIMEOUT;
        self.say(status, is_head(&self.leftover));
        self.tell_refused(None, Error::timed_out("the head of a request"));
        self.leave()
    }

    /// Skips what is left of a body, to get at the next request.
    pub(in crate::http) fn skip(&mut self, mut inflow: Inflow, input: &mut ReadBuf) -> NextStep {
        // Most often all of it has come.
        match inflow.skip() {
            Skipped::Whole => {
                // Of the one there is nothing, or of the other: see where it was taken from.
                input.put(&inflow.rest);
                self.next_request()
            }
            Skipped::Short => {
                let skipping = Skipping::new(inflow, &self.conn.rules.limits);
                self.phase = Phase::Skipping(skipping);
                NextStep::More
            }
            Skipped::Broken => self.leave(),
        }
    }

    fn skip_more(&mut self) -> NextStep {
        let Phase::Skipping(skipping) = &mut self.phase else {
            return NextStep::More;
        };
        match skipping.take_turn(&self.conn) {
            UnreadTurn::Wait => NextStep::Wait,
            UnreadTurn::Over => self.leave(),
            UnreadTurn::Reached => {
                let rest = skipping.take_rest();
                self.leftover.splice(..0, rest);
                self.next_request()
            }
        }
    }

    /// Says that nothing more is sent, and waits for the client to see it.
    pub(in crate::http) fn leave(&mut self) -> NextStep {
        // Unless something else was told of it, or the server has ended it.
        if self.outcome.is_ok() {
            self.reporter.finished();
        }
        if self.conn.socket().end().is_err() {
            return NextStep::Over;
        }
        self.leftover = Vec::new();
        self.phase = Phase::Leaving(Leaving::new(&self.conn.rules.limits));
        NextStep::More
    }

    fn linger(&mut self, reason: RunReason) -> NextStep {
        let Phase::Leaving(leaving) = &mut self.phase else {
            return NextStep::More;
        };
        if reason == RunReason::Stopping {
            leaving.hurry();
        }
        match leaving.take_turn(&self.conn) {
            UnreadTurn::Wait => NextStep::Wait,
            UnreadTurn::Over | UnreadTurn::Reached => NextStep::Over,
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

impl Task for Session {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.conn.as_fd())
    }

    fn until(&self) -> Option<Instant> {
        let limits = &self.conn.rules.limits;
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

    fn evictable(&self) -> Option<Evictable> {
        match &self.phase {
            // Between two requests, and in neither.
            Phase::Reading { since, owed } if !*owed => since.map(Evictable::Idle),
            Phase::Leaving(leaving) => Some(leaving.evictable()),
            Phase::Skipping(skipping) => Some(skipping.evictable()),
            Phase::Reading { .. } => None,
        }
    }

    fn evict(&mut self) -> bool {
        !self.is_reading() || !self.conn.has_more()
    }

    fn run(&mut self, turn: &Turn, reason: RunReason) -> Next {
        let mut reason = reason;
        loop {
            let next = match self.phase {
                Phase::Reading { .. } => self.read(turn, reason),
                Phase::Skipping(_) => self.skip_more(),
                Phase::Leaving(_) => self.linger(reason),
            };
            match next {
                NextStep::More => reason = RunReason::Ready,
                NextStep::Wait => {
                    return Next::Idle {
                        until: self.until(),
                    };
                }
                NextStep::Over => return Next::Done(mem::replace(&mut self.outcome, Ok(()))),
            }
        }
    }
}
