//! What a client still sends that nobody reads: skipped to get at the next request, or read until the
//! client has closed.
//!
//! Neither takes a thread or a buffer while nothing comes. What comes is thrown away in turns, so
//! that a client that sends as fast as it is read keeps nobody else from being served.

use std::mem;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;

use super::conn::{Conn, Got};
use super::request_body::{Inflow, Piece};
use crate::http::proto::Limits;
use crate::leader::Evictable;

/// How much is read of a client before it is the turn of the others.
const TURN_BYTES: usize = 256 << 10;
/// When the next turn is, if nothing that comes makes it earlier.
const NEXT_TURN: Duration = Duration::from_millis(5);
/// How much is read at once.
const ROOM_BYTES: usize = 16 << 10;
/// For how long a client that is being left is read from even if others wait for its place, and may
/// be silent when the server stops.
const LEAST: Duration = Duration::from_secs(1);

/// What comes after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum UnreadTurn {
    /// The same, once something has come or the time is over.
    Wait,
    /// Nothing any more is to be waited for.
    Over,
    /// The next request is reached.
    Reached,
}

/// How long something has been silent.
#[derive(Debug)]
struct Silence {
    heard: Instant,
    within: Duration,
    /// The turn was over before all was read that had come: the next one is then.
    next_turn: Option<Instant>,
}

impl Silence {
    fn new(within: Duration) -> Self {
        Self {
            heard: Instant::now(),
            within,
            next_turn: None,
        }
    }

    /// When it has been too long, or it is the next turn. A time that cannot be represented is no
    /// limit.
    fn until(&self) -> Option<Instant> {
        self.next_turn
            .or_else(|| self.heard.checked_add(self.within))
    }

    /// Takes note of a turn, and of what it has brought. Says whether the silence is too long.
    fn took(&mut self, bytes: usize, is_all: bool, now: Instant) -> bool {
        if bytes > 0 {
            self.heard = now;
        }
        self.next_turn = if is_all {
            None
        } else {
            now.checked_add(NEXT_TURN)
        };
        now.saturating_duration_since(self.heard) >= self.within
    }
}

/// A client that was answered for the last time, and may not have read that. A socket that is closed
/// while there is something to read in it takes back what was sent last.
#[derive(Debug)]
pub(in crate::http) struct Leaving {
    began: Instant,
    /// When it is over, whatever comes.
    by: Option<Instant>,
    silence: Silence,
}

impl Leaving {
    pub(in crate::http) fn new(limits: &Limits) -> Self {
        let began = Instant::now();
        Self {
            began,
            by: began.checked_add(limits.linger_total),
            silence: Silence::new(limits.linger),
        }
    }

    pub(in crate::http) fn until(&self) -> Option<Instant> {
        self.silence.until().into_iter().chain(self.by).min()
    }

    /// When it gives way to a client that has not been served.
    pub(in crate::http) fn evictable(&self) -> Evictable {
        Evictable::From(self.began + LEAST.min(self.silence.within))
    }

    /// The server stops: what is being left has no longer than a silence may be, and is not silent for
    /// so long.
    pub(in crate::http) fn hurry(&mut self) {
        let latest = Instant::now().checked_add(self.silence.within);
        self.by = latest.into_iter().chain(self.by).min();
        self.silence.within = LEAST.min(self.silence.within);
    }

    /// Throws away what has come.
    pub(in crate::http) fn take_turn(&mut self, conn: &Conn) -> UnreadTurn {
        let mut room = [0; ROOM_BYTES];
        let (mut bytes, mut is_all) = (0, false);
        while !is_all && bytes < TURN_BYTES {
            match conn.receive(&mut room) {
                Ok(Got::Bytes(count)) => {
                    bytes += count;
                    is_all = count < ROOM_BYTES;
                }
                Ok(Got::Nothing) => is_all = true,
                Ok(Got::End) | Err(_) => return UnreadTurn::Over,
            }
        }
        let now = Instant::now();
        let is_late = self.silence.took(bytes, is_all, now);
        if is_late || self.by.is_some_and(|by| now >= by) {
            UnreadTurn::Over
        } else {
            UnreadTurn::Wait
        }
    }
}

/// The rest of a body that nobody wants, before a request that may follow.
pub(in crate::http) struct Skipping {
    inflow: Box<Inflow>,
    began: Instant,
    bytes: u64,
    silence: Silence,
}

impl Skipping {
    pub(in crate::http) fn new(inflow: Inflow, limits: &Limits) -> Self {
        Self {
            inflow: Box::new(inflow),
            began: Instant::now(),
            bytes: 0,
            silence: Silence::new(limits.body_idle),
        }
    }

    pub(in crate::http) fn until(&self) -> Option<Instant> {
        self.silence.until()
    }

    /// When it gives way to a client that has not been served.
    pub(in crate::http) fn evictable(&self) -> Evictable {
        Evictable::From(self.began + LEAST)
    }

    /// What was read behind the body, once that is skipped.
    pub(in crate::http) fn take_rest(&mut self) -> Bytes {
        mem::take(&mut self.inflow.rest)
    }

    /// Throws away what has come of the body.
    pub(in crate::http) fn take_turn(&mut self, conn: &Conn) -> UnreadTurn {
        let skipped = self.inflow.take_turn(conn);
        if self.inflow.broken.is_some() {
            return UnreadTurn::Over;
        }
        if self.inflow.decoder.is_end() {
            return UnreadTurn::Reached;
        }
        let now = Instant::now();
        self.bytes += skipped.bytes as u64;
        if self.silence.took(skipped.bytes, skipped.is_all, now) || self.is_slow(conn, now) {
            UnreadTurn::Over
        } else {
            UnreadTurn::Wait
        }
    }

    /// A client that sends a byte now and then shall not hold a connection by that.
    fn is_slow(&self, conn: &Conn, now: Instant) -> bool {
        let took = now.saturating_duration_since(self.began);
        let owed = took.as_secs_f64() * conn.rules.limits.least_rate as f64;
        took > self.silence.within && (self.bytes as f64) < owed
    }
}

/// What was skipped of what is there of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Skipped {
    /// All of the body.
    Whole,
    /// What has come of it.
    Short,
    /// It is malformed, or too long: where it ends is not known.
    Broken,
}

/// What a turn has brought.
pub(in crate::http) struct Came {
    pub(in crate::http) bytes: usize,
    /// There is no more to be read now.
    is_all: bool,
}

impl Inflow {
    /// Skips what is there.
    pub(in crate::http) fn skip(&mut self) -> Skipped {
        loop {
            match self.next_piece() {
                Ok(Piece::Data(_)) => {}
                Ok(Piece::Short) => {
                    // Nor is the memory kept that it was in.
                    self.rest = Bytes::new();
                    return Skipped::Short;
                }
                Ok(Piece::End) => return Skipped::Whole,
                Err(refusal) => {
                    self.broken = Some(refusal.status());
                    return Skipped::Broken;
                }
            }
        }
    }

    /// Reads what has come, and skips it, up to the end of the body.
    pub(in crate::http) fn take_turn(&mut self, conn: &Conn) -> Came {
        let mut came = Came {
            bytes: 0,
            is_all: false,
        };
        while self.skip() == Skipped::Short && !came.is_all && came.bytes < TURN_BYTES {
            match conn.receive_chunk() {
                Ok(Some(chunk)) if !chunk.is_empty() => {
                    came.bytes += chunk.len();
                    self.rest = chunk;
                }
                Ok(None) => came.is_all = true,
                // The client has gone away, and this comes to no end.
                Ok(_) | Err(_) => {
                    self.broken = Some(StatusCode::BAD_REQUEST);
                    break;
                }
            }
        }
        came
    }
}
