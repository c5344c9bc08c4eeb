//! What an answer is sent by, and how that went.

use std::convert::Infallible;
use std::io::IoSlice;
use std::mem;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::conn::Conn;
use super::min_rate::MinRate;
use crate::error::Error;
use crate::leader::Turn;

/// The writing side of a connection, for as long as one request is being answered.
///
/// Dropped before it was told how that went, it has answered nothing.
pub(in crate::http) struct ResponseWriter {
    pub(in crate::http) conn: Arc<Conn>,
    pub(in crate::http) turn: Turn,
    /// Heads are made in here. The next answer of the connection has its memory.
    pub(in crate::http) head: Vec<u8>,
    /// How fast the client takes the answer.
    pub(in crate::http) pace: MinRate,
    verdict: ResponseEnd,
    /// Bytes of the answer were sent.
    begun: bool,
}

/// How a request was answered.
#[derive(Debug)]
pub(in crate::http) enum ResponseEnd {
    /// Not at all: nothing was sent.
    Unanswered,
    /// Wholly, and another request may follow.
    Kept,
    /// Wholly, and the connection ends with it.
    Last,
    /// In part. The peer must not take that for everything.
    Cut(Option<Error>),
    /// The connection speaks another protocol now, and somebody else has it: until this fails.
    Upgraded(Receiver<Infallible>),
}

/// What the session gets back.
pub(in crate::http) struct Finished {
    pub(in crate::http) head: Vec<u8>,
    pub(in crate::http) verdict: ResponseEnd,
}

impl ResponseWriter {
    pub(in crate::http) fn new(conn: Arc<Conn>, turn: Turn, head: Vec<u8>) -> Self {
        Self {
            conn,
            turn,
            head,
            pace: MinRate::default(),
            verdict: ResponseEnd::Unanswered,
            begun: false,
        }
    }

    /// Sends the head, and what is behind it, in as few calls as it takes. Waits for room.
    pub(in crate::http) fn send_with_head(&mut self, body: &[u8]) -> Result<(), Error> {
        self.begun();
        let head = mem::take(&mut self.head);
        let sent = self.conn.send_all(
            &mut [IoSlice::new(&head), IoSlice::new(body)],
            &self.turn,
            &mut self.pace,
        );
        self.head = head;
        self.head.clear();
        self.noted(sent)
    }

    /// Sends the head, which the first of what follows at once is to go out with. Waits for room.
    pub(in crate::http) fn send_head_before_more(&mut self) -> Result<(), Error> {
        self.begun();
        let (mut sent, mut late) = (0, None);
        while sent < self.head.len() {
            let more = self.conn.send_more(&self.head[sent..]);
            match (self.noted(more)?, late.take()) {
                (Some(bytes), _) => sent += bytes,
                (None, Some(late)) => return self.noted(Err(late)),
                (None, None) => late = self.wait_for_room()?,
            }
        }
        self.head.clear();
        Ok(())
    }

    /// Waits until the client takes more. That it is late is given, for it may take something yet.
    pub(in crate::http) fn wait_for_room(&mut self) -> Result<Option<Error>, Error> {
        let Self {
            conn, turn, pace, ..
        } = self;
        let waited = conn.wait_for_room(&conn.waker, turn, pace);
        self.noted(waited)
    }

    /// From now on the peer has a part of an answer.
    pub(in crate::http) fn begun(&mut self) {
        if !mem::replace(&mut self.begun, true) {
            self.verdict = ResponseEnd::Cut(None);
        }
    }

    /// Keeps why it was cut.
    pub(in crate::http) fn noted<R>(&mut self, outcome: Result<R, Error>) -> Result<R, Error> {
        if let Err(error) = &outcome {
            self.cut(error.clone());
        }
        outcome
    }

    pub(in crate::http) fn cut(&mut self, error: Error) {
        if self.begun {
            self.verdict = ResponseEnd::Cut(Some(error));
        }
    }

    /// The answer is whole.
    pub(in crate::http) fn finish(mut self, keep_alive: bool) {
        self.verdict = if keep_alive {
            ResponseEnd::Kept
        } else {
            ResponseEnd::Last
        };
    }

    /// The connection is somebody else's now.
    pub(in crate::http) fn leave(mut self, over: Receiver<Infallible>) {
        self.verdict = ResponseEnd::Upgraded(over);
    }
}

impl Drop for ResponseWriter {
    fn drop(&mut self) {
        let verdict = mem::replace(&mut self.verdict, ResponseEnd::Unanswered);
        let head = mem::take(&mut self.head);
        self.conn.give_back_answer(Finished { head, verdict });
    }
}
