//! The writing side of a connection, while one response is sent.
//!
//! Owner: the [`Response`](super::response::Response), then the body sink made of it; one thread at a
//! time, so that there is no lock. Blocking: every `send` waits for room, within the limits of the
//! server. Invariant: when it is dropped it returns to the dispatcher exactly once how the response
//! ended; until `begin` that is [`ResponseEnd::NotSent`], from then on [`ResponseEnd::Cut`] unless it is
//! finished.

use std::convert::Infallible;
use std::io::IoSlice;
use std::mem;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::conn::Conn;
use super::min_rate::MinRate;
use super::response_end::{Finished, ResponseEnd};
use crate::error::Error;
use crate::leader::Turn;
use crate::os::Waker;
use crate::os::stall::WriteStall;

/// The writing side of a connection.
pub(in crate::http) struct ResponseWriter {
    pub(in crate::http) conn: Arc<Conn>,
    pub(in crate::http) turn: Turn,
    /// Heads are encoded here. The next response of the connection gets the memory.
    pub(in crate::http) head: Vec<u8>,
    /// How fast the client takes the response.
    pub(in crate::http) rate: MinRate,
    end: ResponseEnd,
    /// Bytes of the response were sent.
    begun: bool,
}

impl ResponseWriter {
    pub(in crate::http) fn new(conn: Arc<Conn>, turn: Turn, head: Vec<u8>) -> Self {
        Self {
            conn,
            turn,
            head,
            rate: MinRate::default(),
            end: ResponseEnd::NotSent,
            begun: false,
        }
    }

    /// Sends the head and the body after it, in as few calls as possible. Waits for room.
    pub(in crate::http) fn send_with_head(&mut self, body: &[u8]) -> Result<(), Error> {
        self.begin();
        let head = mem::take(&mut self.head);
        let sent = self.conn.send_all(
            &mut [IoSlice::new(&head), IoSlice::new(body)],
            &self.turn,
            &mut self.rate,
        );
        self.head = head;
        self.head.clear();
        self.note(sent)
    }

    /// Sends the head, so that it leaves together with what is sent next. Waits for room.
    pub(in crate::http) fn send_head_before_more(&mut self) -> Result<(), Error> {
        self.begin();
        let (mut sent, mut stall) = (0, WriteStall::default());
        while sent < self.head.len() {
            let more = self.conn.send_more(&self.head[sent..]);
            if let Some(bytes) = self.note(more)? {
                stall.is_over();
                sent += bytes;
            } else {
                self.wait_for_room(&mut stall, None)?;
            }
        }
        self.head.clear();
        Ok(())
    }

    /// Waits until the client takes more. The wait can be ended by `waker`, or else by the waker of the
    /// connection.
    pub(in crate::http) fn wait_for_room(
        &mut self,
        stall: &mut WriteStall,
        waker: Option<&Waker>,
    ) -> Result<(), Error> {
        let Self {
            conn, turn, rate, ..
        } = self;
        let waker = waker.unwrap_or(&conn.waker);
        let waited = conn.wait_for_room(stall, waker, turn, rate);
        self.note(waited)
    }

    /// From now on the client may have a part of the response.
    pub(in crate::http) fn begin(&mut self) {
        if !mem::replace(&mut self.begun, true) {
            self.end = ResponseEnd::Cut(None);
        }
    }

    /// Keeps an error as the reason why the response is cut.
    pub(in crate::http) fn note<R>(&mut self, outcome: Result<R, Error>) -> Result<R, Error> {
        if let Err(error) = &outcome {
            self.cut(error.clone());
        }
        outcome
    }

    pub(in crate::http) fn cut(&mut self, error: Error) {
        if self.begun {
            self.end = ResponseEnd::Cut(Some(error));
        }
    }

    /// All of the response was sent.
    pub(in crate::http) fn finish(mut self, keep_alive: bool) {
        self.end = if keep_alive {
            ResponseEnd::KeepAlive
        } else {
            ResponseEnd::Close
        };
    }

    /// The connection continues in another protocol, until `in_use` fails.
    pub(in crate::http) fn upgrade(mut self, in_use: Receiver<Infallible>) {
        self.end = ResponseEnd::Upgraded(in_use);
    }
}

impl Drop for ResponseWriter {
    fn drop(&mut self) {
        let end = mem::replace(&mut self.end, ResponseEnd::NotSent);
        let head = mem::take(&mut self.head);
        self.conn.exchange.return_response(Finished { head, end });
    }
}
