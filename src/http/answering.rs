//! What an answer is sent by, and how that went.

use std::convert::Infallible;
use std::io::IoSlice;
use std::mem;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::link::Link;
use super::pace::Pace;
use crate::error::Error;
use crate::rota::Duty;

/// The writing side of a connection, for as long as one request is being answered.
///
/// Dropped before it was told how that went, it has answered nothing.
pub(super) struct Outlet {
    pub(super) link: Arc<Link>,
    pub(super) duty: Duty,
    /// Heads are made in here. The next answer of the connection has its memory.
    pub(super) head: Vec<u8>,
    /// How fast the client takes the answer.
    pub(super) pace: Pace,
    verdict: Verdict,
    /// Bytes of the answer were sent.
    begun: bool,
}

/// How a request was answered.
#[derive(Debug)]
pub(super) enum Verdict {
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
pub(super) struct Answered {
    pub(super) head: Vec<u8>,
    pub(super) verdict: Verdict,
}

impl Outlet {
    pub(super) fn new(link: Arc<Link>, duty: Duty, head: Vec<u8>) -> Self {
        Self {
            link,
            duty,
            head,
            pace: Pace::default(),
            verdict: Verdict::Unanswered,
            begun: false,
        }
    }

    /// Sends the head, and what is behind it, in as few calls as it takes. Waits for room.
    pub(super) fn send_with_head(&mut self, body: &[u8]) -> Result<(), Error> {
        self.begun();
        let head = mem::take(&mut self.head);
        let sent = self.link.send_all(
            &mut [IoSlice::new(&head), IoSlice::new(body)],
            &self.duty,
            &mut self.pace,
        );
        self.head = head;
        self.head.clear();
        self.noted(sent)
    }

    /// Sends the head, which the first of what follows at once is to go out with. Waits for room.
    pub(super) fn send_head_before_more(&mut self) -> Result<(), Error> {
        self.begun();
        let (mut sent, mut late) = (0, None);
        while sent < self.head.len() {
            let more = self.link.send_more(&self.head[sent..]);
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
    pub(super) fn wait_for_room(&mut self) -> Result<Option<Error>, Error> {
        let Self {
            link, duty, pace, ..
        } = self;
        let waited = link.wait_for_room(&link.waker, duty, pace);
        self.noted(waited)
    }

    /// From now on the peer has a part of an answer.
    pub(super) fn begun(&mut self) {
        if !mem::replace(&mut self.begun, true) {
            self.verdict = Verdict::Cut(None);
        }
    }

    /// Keeps why it was cut.
    pub(super) fn noted<R>(&mut self, outcome: Result<R, Error>) -> Result<R, Error> {
        if let Err(error) = &outcome {
            self.cut(error.clone());
        }
        outcome
    }

    pub(super) fn cut(&mut self, error: Error) {
        if self.begun {
            self.verdict = Verdict::Cut(Some(error));
        }
    }

    /// The answer is whole.
    pub(super) fn finish(mut self, keep_alive: bool) {
        self.verdict = if keep_alive {
            Verdict::Kept
        } else {
            Verdict::Last
        };
    }

    /// The connection is somebody else's now.
    pub(super) fn leave(mut self, over: Receiver<Infallible>) {
        self.verdict = Verdict::Upgraded(over);
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let verdict = mem::replace(&mut self.verdict, Verdict::Unanswered);
        let head = mem::take(&mut self.head);
        self.link.give_back_answer(Answered { head, verdict });
    }
}
