//! What a client still sends and no handler wants: skipped to reach the next request, or discarded until
//! the client has closed.
//!
//! Owner: the dispatcher, in its phases `Skipping` and `Lingering`. There is no lock, and nothing waits:
//! neither phase has a thread or a buffer while nothing comes. What comes is discarded in turns of
//! [`TURN_BYTES`], so that a client that sends as fast as it is read does not delay other connections.

use std::mem;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::body_reader::{BodyReader, TURN_BYTES};
use super::conn::{Conn, Got};
use crate::http::proto::Limits;
use crate::leader::Evictable;

/// When the next turn begins, if nothing that comes begins it earlier.
const NEXT_TURN: Duration = Duration::from_millis(5);
/// How many bytes are read at once.
const ROOM_BYTES: usize = 16 << 10;
/// How long a lingering connection stays even if others wait for its place, and how long its client may
/// be silent when the server stops.
const LEAST: Duration = Duration::from_secs(1);

/// What follows a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum UnreadTurn {
    /// Another turn, when something has come or the time is over.
    Wait,
    /// The end: nothing more is waited for.
    Over,
    /// The next request: its first byte is reached.
    Reached,
}

/// For how long a client has been silent.
#[derive(Debug)]
struct Silence {
    last_byte: Instant,
    within: Duration,
    /// Set if the last turn ended before everything was read: when the next one begins.
    next_turn: Option<Instant>,
}

impl Silence {
    fn new(within: Duration) -> Self {
        Self {
            last_byte: Instant::now(),
            within,
            next_turn: None,
        }
    }

    /// When the silence is too long, or the next turn begins. A time that `Instant` cannot represent is
    /// no limit.
    fn until(&self) -> Option<Instant> {
        self.next_turn
            .or_else(|| self.last_byte.checked_add(self.within))
    }

    /// Notes what a turn has read. Returns whether the silence is too long.
    fn note(&mut self, bytes: usize, is_all: bool, now: Instant) -> bool {
        if bytes > 0 {
            self.last_byte = now;
        }
        self.next_turn = if is_all {
            None
        } else {
            now.checked_add(NEXT_TURN)
        };
        now.saturating_duration_since(self.last_byte) >= self.within
    }
}

/// Lingering close: the client has the last response, and may not have read it yet. A close of a socket
/// with unread bytes is a reset, by which the client could lose what was sent last.
#[derive(Debug)]
pub(in crate::http) struct Lingering {
    began: Instant,
    /// When it ends, even if bytes still come.
    by: Option<Instant>,
    silence: Silence,
}

impl Lingering {
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

    /// When the connection gives way to a new one.
    pub(in crate::http) fn evictable(&self) -> Evictable {
        Evictable::From(self.began + LEAST.min(self.silence.within))
    }

    /// The server stops: the rest takes at most as long as one silence, and a silence is shorter.
    pub(in crate::http) fn hurry(&mut self) {
        let latest = Instant::now().checked_add(self.silence.within);
        self.by = latest.into_iter().chain(self.by).min();
        self.silence.within = LEAST.min(self.silence.within);
    }

    /// Discards what was received.
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
        let is_late = self.silence.note(bytes, is_all, now);
        if is_late || self.by.is_some_and(|by| now >= by) {
            UnreadTurn::Over
        } else {
            UnreadTurn::Wait
        }
    }
}

/// The rest of a body that no handler wants, before the next request.
pub(in crate::http) struct Skipping {
    reader: Box<BodyReader>,
    began: Instant,
    bytes: u64,
    silence: Silence,
}

impl Skipping {
    pub(in crate::http) fn new(reader: BodyReader, limits: &Limits) -> Self {
        Self {
            reader: Box::new(reader),
            began: Instant::now(),
            bytes: 0,
            silence: Silence::new(limits.body_idle),
        }
    }

    pub(in crate::http) fn until(&self) -> Option<Instant> {
        self.silence.until()
    }

    /// When the connection gives way to a new one.
    pub(in crate::http) fn evictable(&self) -> Evictable {
        Evictable::From(self.began + LEAST)
    }

    /// What was received after the body, once that was skipped.
    pub(in crate::http) fn take_rest(&mut self) -> Bytes {
        mem::take(&mut self.reader.rest)
    }

    /// Discards what was received of the body.
    pub(in crate::http) fn take_turn(&mut self, conn: &Conn) -> UnreadTurn {
        let skipped = self.reader.skip_turn(|| conn.receive_chunk());
        if self.reader.broken.is_some() {
            return UnreadTurn::Over;
        }
        if self.reader.decoder.is_end() {
            return UnreadTurn::Reached;
        }
        let now = Instant::now();
        self.bytes += skipped.bytes as u64;
        if self.silence.note(skipped.bytes, skipped.is_all, now) || self.is_slow(conn, now) {
            UnreadTurn::Over
        } else {
            UnreadTurn::Wait
        }
    }

    /// Returns whether the client is too slow: one that sends a byte now and then must not hold a
    /// connection.
    fn is_slow(&self, conn: &Conn, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.began);
        let due = elapsed.as_secs_f64() * conn.config.limits.least_rate as f64;
        elapsed > self.silence.within && (self.bytes as f64) < due
    }
}
