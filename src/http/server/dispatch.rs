//! The dispatcher of a connection: reads requests, calls the handler for each, and skips what is left.
//!
//! Owner: the leader threads (`crate::leader`), which call it on one thread at a time, so that it has no
//! lock. Blocking: nothing between requests, since every read there returns at once; the handler may
//! block, and the wait for the parts that it has given to other threads. Before either of them another
//! thread is promoted ([`Turn::promote_follower`]). Invariant: between two requests the connection
//! holds no buffer but `leftover`.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use super::Handler;
use super::body_reader::{BodyReader, Skipped};
use super::conn::{Conn, Got};
use super::read_buf::{More, ReadBuf};
use super::unread::{Lingering, Skipping, UnreadTurn};
use crate::error::{Error, ErrorKind};
use crate::http::proto::{BodyFraming, HeadParser};
use crate::leader::{Evictable, Next, RunReason, Task, Turn};
use crate::net::server::Reporter;

/// The task of one connection.
///
/// ```text
///              a head                       keep-alive
///   Reading -----------> [the handler] -----------------> Reading
///      |                  |         |  and a body left
///      | rejected,        |         +---------> Skipping -----> Reading
///      | timed out        | the last            | malformed,
///      |                  | response            | timed out
///      +--------------> Lingering <-----------------+
/// ```
pub(in crate::http) struct Dispatcher {
    pub(in crate::http) conn: Arc<Conn>,
    pub(in crate::http) handler: Handler,
    parser: HeadParser,
    /// What was received of the next request while the rest of it is waited for.
    leftover: Vec<u8>,
    /// The memory of the last head that was sent, for the next one.
    pub(in crate::http) head: Vec<u8>,
    /// The number of requests so far.
    pub(in crate::http) requests: u64,
    phase: Phase,
    pub(in crate::http) reporter: Reporter,
    /// The cause, if the server has ended the connection.
    pub(in crate::http) outcome: Result<(), Error>,
}

/// What is waited for while no handler runs.
enum Phase {
    /// A head. It is `owed` if a part of it was received, or if it is the first one.
    Reading { since: Option<Instant>, owed: bool },
    /// The rest of a body that no handler wants.
    Skipping(Skipping),
    /// The close by the client.
    Lingering(Lingering),
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum NextStep {
    /// The phase that it is in now.
    More,
    /// Nothing until the client has sent something.
    Wait,
    /// The end.
    Over,
}

impl Dispatcher {
    /// For a connection that was just accepted.
    pub(in crate::http) fn new(conn: Arc<Conn>, handler: Handler, reporter: Reporter) -> Self {
        Self {
            parser: HeadParser::new(conn.config.limits.head()),
            phase: Phase::Reading {
                since: Some(Instant::now()),
                owed: true,
            },
            reporter,
            conn,
            handler,
            leftover: Vec::new(),
            head: Vec::new(),
            requests: 0,
            outcome: Ok(()),
        }
    }

    /// Reads and serves requests until nothing more was received.
    fn read(&mut self, turn: &Turn, reason: RunReason) -> NextStep {
        if reason == RunReason::TimedOut {
            return self.time_out();
        }
        let mut input = ReadBuf::with(&mem::take(&mut self.leftover));
        let next = self.read_into(&mut input, turn);
        self.leftover = input.into_rest();
        next
    }

    fn read_into(&mut self, input: &mut ReadBuf, turn: &Turn) -> NextStep {
        let mut more = More::Maybe;
        loop {
            if !input.is_empty() {
                match self.parser.push(input.rest()) {
                    Ok(Some((head, bytes))) => {
                        input.consume(bytes);
                        // The reader of a body stops anywhere, and more may have arrived meanwhile.
                        if head.framing() != BodyFraming::None {
                            more = More::Maybe;
                        }
                        match self.serve(head, input, turn) {
                            NextStep::More if self.is_reading() => continue,
                            next => return next,
                        }
                    }
                    Ok(None) => {}
                    Err(rejection) => {
                        let to_head = is_head(input.rest());
                        return self.reject(rejection, to_head, None);
                    }
                }
            }
            if more == More::No {
                return self.wait_for_head(input);
            }
            match input.receive(&self.conn) {
                Ok((Got::Bytes(_), left)) => more = left,
                Ok((Got::Nothing, _)) => return self.wait_for_head(input),
                Ok((Got::End, _)) if input.is_empty() => return NextStep::Over,
                Ok((Got::End, _)) => return self.disconnected(cut_short()),
                // Between two requests a client may close or reset the connection.
                Err(_) if input.is_empty() => return NextStep::Over,
                Err(error) => return self.disconnected(error),
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

    /// Waits for the next head, or for the rest of it.
    fn wait_for_head(&mut self, input: &ReadBuf) -> NextStep {
        let Phase::Reading { since, owed } = &mut self.phase else {
            return NextStep::More;
        };
        // Empty lines do not belong to it.
        if self.parser.is_within() {
            if !mem::replace(owed, true) {
                // The time counts from the first byte of the head, however slowly the rest comes.
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

    /// A head did not come in time.
    fn time_out(&mut self) -> NextStep {
        if !self.parser.is_within() {
            return NextStep::Over;
        }
        let status = StatusCode::REQUEST_TIMEOUT;
        self.respond(status, is_head(&self.leftover));
        self.report_rejected(None, Error::timed_out("the head of a request"));
        self.linger()
    }

    /// Skips what is left of a body, to reach the next request.
    pub(in crate::http) fn skip(
        &mut self,
        mut reader: BodyReader,
        input: &mut ReadBuf,
    ) -> NextStep {
        // In most cases all of it was received already.
        match reader.skip() {
            Skipped::Whole => {
                // Bytes were received either with the head or with the body, so that one of the two is
                // empty here.
                input.put(&reader.rest);
                self.next_request()
            }
            Skipped::Short => {
                let skipping = Skipping::new(reader, &self.conn.config.limits);
                self.phase = Phase::Skipping(skipping);
                NextStep::More
            }
            Skipped::Broken => self.linger(),
        }
    }

    fn skip_more(&mut self) -> NextStep {
        let Phase::Skipping(skipping) = &mut self.phase else {
            return NextStep::More;
        };
        match skipping.take_turn(&self.conn) {
            UnreadTurn::Wait => NextStep::Wait,
            UnreadTurn::Over => self.linger(),
            UnreadTurn::Reached => {
                let rest = skipping.take_rest();
                self.leftover.splice(..0, rest);
                self.next_request()
            }
        }
    }

    /// Closes the sending side, and waits for the client to close its side: lingering close.
    pub(in crate::http) fn linger(&mut self) -> NextStep {
        // A failure was reported already, or is returned at the end.
        if self.outcome.is_ok() {
            self.reporter.finished();
        }
        if self.conn.socket().end().is_err() {
            return NextStep::Over;
        }
        self.leftover = Vec::new();
        self.phase = Phase::Lingering(Lingering::new(&self.conn.config.limits));
        NextStep::More
    }

    fn linger_more(&mut self, reason: RunReason) -> NextStep {
        let Phase::Lingering(lingering) = &mut self.phase else {
            return NextStep::More;
        };
        if reason == RunReason::Stopping {
            lingering.hurry();
        }
        match lingering.take_turn(&self.conn) {
            UnreadTurn::Wait => NextStep::Wait,
            UnreadTurn::Over | UnreadTurn::Reached => NextStep::Over,
        }
    }
}

/// Returns whether a head, complete or not, is that of a HEAD request.
fn is_head(head: &[u8]) -> bool {
    let line = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    line.is_some_and(|line| head[line..].starts_with(b"HEAD "))
}

fn cut_short() -> Error {
    let message = "the client disconnected in the middle of a request";
    Error::new(ErrorKind::PrematureClose, message)
}

impl Task for Dispatcher {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.conn.as_fd())
    }

    fn until(&self) -> Option<Instant> {
        let limits = &self.conn.config.limits;
        match &self.phase {
            Phase::Reading { since, owed } => {
                let within = if *owed {
                    limits.head_timeout
                } else {
                    limits.keep_alive
                };
                // A time that `Instant` cannot represent is no limit.
                since.and_then(|since| since.checked_add(within))
            }
            Phase::Skipping(skipping) => skipping.until(),
            Phase::Lingering(lingering) => lingering.until(),
        }
    }

    fn evictable(&self) -> Option<Evictable> {
        match &self.phase {
            // Only between two requests.
            Phase::Reading { since, owed } if !*owed => since.map(Evictable::Idle),
            Phase::Lingering(lingering) => Some(lingering.evictable()),
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
                Phase::Lingering(_) => self.linger_more(reason),
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
