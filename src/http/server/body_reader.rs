//! How far the body of a request was read.
//!
//! A [`BodyReader`] has one owner at a time: the [`Body`](super::request_body::Body) while a handler
//! has that, then the [`Exchange`](super::exchange::Exchange), then the dispatcher, which skips the
//! rest. It has no lock and does not wait: what is received is passed in by the owner.

use bytes::Bytes;
use http::StatusCode;

use crate::error::Error;
use crate::http::proto::{BodyDecoder, Decoded, Rejection};

/// How many bytes of an unread body are skipped before other connections have their turn.
pub(in crate::http) const TURN_BYTES: usize = 256 << 10;

/// How far a body was read.
pub(in crate::http) struct BodyReader {
    /// What was received and not decoded. After the end of the body it belongs to the next request.
    pub(in crate::http) rest: Bytes,
    pub(in crate::http) decoder: BodyDecoder,
    /// The client waits for `100 Continue`.
    pub(in crate::http) continue_due: bool,
    /// The status of the response, if the body has failed and no response has begun.
    pub(in crate::http) broken: Option<StatusCode>,
}

/// How much of a body was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Skipped {
    /// All of it.
    Whole,
    /// What was received of it; more has to come.
    Short,
    /// It is malformed or too long, so that its end cannot be found.
    Broken,
}

/// What one turn of skipping has received.
pub(in crate::http) struct Received {
    pub(in crate::http) bytes: usize,
    /// There is nothing more to receive now.
    pub(in crate::http) is_all: bool,
}

impl BodyReader {
    pub(in crate::http) const fn new(
        rest: Bytes,
        decoder: BodyDecoder,
        continue_due: bool,
    ) -> Self {
        Self {
            rest,
            decoder,
            continue_due,
            broken: None,
        }
    }

    /// Decodes what comes next in the received bytes.
    pub(in crate::http) fn decode(&mut self) -> Result<Decoded, Rejection> {
        self.decoder.decode(&mut self.rest)
    }

    /// Returns whether more of the body may be received.
    pub(in crate::http) const fn is_open(&self) -> bool {
        self.broken.is_none() && !self.decoder.is_end()
    }

    /// Skips what was received. Returns whether the connection can be kept: the body has ended, or
    /// no more than `most` bytes are known to be left of it.
    pub(in crate::http) fn is_worth_skipping(&mut self, most: u64) -> bool {
        if self.broken.is_some() {
            return false;
        }
        match self.skip() {
            Skipped::Whole => true,
            Skipped::Short => self.decoder.left() <= most,
            Skipped::Broken => false,
        }
    }

    /// Skips what was received.
    pub(in crate::http) fn skip(&mut self) -> Skipped {
        loop {
            match self.decode() {
                Ok(Decoded::Data(_)) => {}
                Ok(Decoded::More) => {
                    // An empty slice would keep its buffer alive while the connection is idle.
                    self.rest = Bytes::new();
                    return Skipped::Short;
                }
                Ok(Decoded::End) => return Skipped::Whole,
                Err(rejection) => {
                    self.broken = Some(rejection.status());
                    return Skipped::Broken;
                }
            }
        }
    }

    /// Receives and skips, up to the end of the body or [`TURN_BYTES`]. `receive` returns `None`
    /// instead of waiting, and an empty chunk at the end of the connection.
    pub(in crate::http) fn skip_turn(
        &mut self,
        mut receive: impl FnMut() -> Result<Option<Bytes>, Error>,
    ) -> Received {
        let mut received = Received {
            bytes: 0,
            is_all: false,
        };
        while self.skip() == Skipped::Short && !received.is_all && received.bytes < TURN_BYTES {
            match receive() {
                Ok(Some(chunk)) if !chunk.is_empty() => {
                    received.bytes += chunk.len();
                    self.rest = chunk;
                }
                Ok(None) => received.is_all = true,
                // The client has disconnected, so the body cannot end.
                Ok(_) | Err(_) => {
                    self.broken = Some(StatusCode::BAD_REQUEST);
                    break;
                }
            }
        }
        received
    }
}
