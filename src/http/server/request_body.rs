//! The body of a request: bytes that come at the speed at which they are read.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use super::conn::Conn;
use super::min_rate::MinRate;
use super::unread::Skipped;
use crate::cancel::Interrupt;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};
use crate::http::proto::{BodyDecoder, Decoded, Rejection};
use crate::leader::Turn;
use crate::os::{Ready, Waker};
use crate::stage::source::Source;
use crate::stream::readable::Readable;

/// The body of a [`Request`](crate::http::Request).
///
/// Nothing of it is read before it is asked for, but what came with the head: a client that sends
/// faster than it is read is held up by its own system. Its chunks are slices of the buffers that
/// they were read into, and not copies.
///
/// It is an [`io::Read`] and an [`io::BufRead`], an iterator over its chunks, and the source of a
/// [`pipeline`](crate::pipeline). [`readable`](Self::readable) reads ahead on a thread.
///
/// One that is dropped before its end is skipped, if not much of it is left; or else the connection
/// is closed once the answer was sent.
pub struct Body {
    /// None of a request without a body, and once it was read to its end or has failed.
    reader: Option<BodyReader>,
    /// What was taken and is not yet consumed, for [`BufRead`](io::BufRead).
    current: Bytes,
    length: Option<u64>,
    limit: u64,
    /// How much was taken so far.
    taken: u64,
    trailers: Option<HeaderMap>,
    failed: Option<Error>,
    /// The iterator has told the failure.
    told: bool,
}

/// The reading side of a connection, for as long as one request has a body.
struct BodyReader {
    conn: Arc<Conn>,
    turn: Turn,
    inflow: Inflow,
    /// That of the stream that it is the source of. Without one, that of the connection.
    waker: OnceLock<Waker>,
    /// How fast the client sends.
    pace: MinRate,
}

/// How far a body was read.
pub(in crate::http) struct Inflow {
    /// What was read of the connection and not taken.
    pub(in crate::http) rest: Bytes,
    pub(in crate::http) decoder: BodyDecoder,
    /// The client waits to be asked for it.
    pub(in crate::http) continue_due: bool,
    /// What an answer that has not begun says of how it has failed.
    pub(in crate::http) broken: Option<StatusCode>,
}

/// What was found in what was read.
pub(in crate::http) enum Piece {
    Data(Bytes),
    /// Nothing: more has to be read.
    Short,
    End,
}

impl Inflow {
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

    /// Says whether the client sends nothing before it is asked.
    pub(in crate::http) fn waits_to_be_asked(&self) -> bool {
        self.continue_due
    }

    /// Says whether it was read to its end, or what is left of it, as far as that is known, is little
    /// enough to be skipped. Nobody reads it any more.
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

    /// Takes the next piece out of what was read.
    pub(in crate::http) fn next_piece(&mut self) -> Result<Piece, Rejection> {
        Ok(match self.decoder.decode(&self.rest)? {
            Decoded::Data { data, consumed } => {
                let data = self.rest.slice(data);
                self.rest.advance(consumed);
                Piece::Data(data)
            }
            Decoded::More { consumed } => {
                self.rest.advance(consumed);
                Piece::Short
            }
            Decoded::End { consumed } => {
                self.rest.advance(consumed);
                Piece::End
            }
        })
    }
}

impl BodyReader {
    /// Waits for more of it.
    fn fill(&mut self) -> Result<(), Error> {
        let Self {
            conn,
            turn,
            inflow,
            waker,
            pace,
        } = self;
        let waker = waker.get().unwrap_or(&conn.waker);
        loop {
            if let Some(bytes) = conn.receive_chunk()? {
                if bytes.is_empty() {
                    conn.lose();
                    return Err(cut_short());
                }
                if std::mem::take(&mut inflow.continue_due) {
                    // It did not wait to be asked.
                    conn.asked();
                }
                pace.moved(bytes.len());
                inflow.rest = bytes;
                return Ok(());
            }
            if std::mem::take(&mut inflow.continue_due) {
                conn.send_continue(turn)?;
            }
            // Nor is the memory kept that the last of it was in.
            inflow.rest = Bytes::new();
            conn.wait(waker, turn, Ready::ToRead, pace)?;
        }
    }
}

fn cut_short() -> Error {
    Error::new(
        ErrorKind::PrematureClose,
        "the client went away before the end of the body",
    )
}

impl Body {
    /// That of a request without one.
    pub(in crate::http) const fn none() -> Self {
        Self {
            reader: None,
            current: Bytes::new(),
            length: Some(0),
            limit: u64::MAX,
            taken: 0,
            trailers: None,
            failed: None,
            told: false,
        }
    }

    /// What comes in behind a head.
    pub(in crate::http) fn of(
        conn: Arc<Conn>,
        turn: Turn,
        inflow: Inflow,
        length: Option<u64>,
    ) -> Self {
        let mut body = Self::none();
        body.length = length;
        body.reader = Some(BodyReader {
            conn,
            turn,
            inflow,
            waker: OnceLock::new(),
            pace: MinRate::default(),
        });
        body
    }

    /// Says whether it was not read to its end, and has not failed.
    pub(in crate::http) const fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// How long it is, if the client has said so before it.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Takes no more than so many bytes: a body that has more fails, and answers 413. The limit of
    /// the server stays in force beside it.
    pub fn limit(&mut self, bytes: u64) -> &mut Self {
        self.limit = self.limit.min(bytes);
        self
    }

    /// What came behind a chunked body, once its end was read. Fields that belong before a body,
    /// such as those that say where it ends, are not among it.
    #[must_use]
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Reads it to the end, if it is no longer than `limit`.
    ///
    /// The wait ends with the end of the body, when the connection breaks or is to end now, and
    /// when the client is too slow for the limits of the server.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitExceeded`] for one that is longer: then the answer is 413, unless the
    /// handler gives another one. Or those of [`next`](Iterator::next).
    pub fn to_bytes(&mut self, limit: usize) -> Result<Bytes, Error> {
        self.limit(limit as u64);
        let first = self.next_chunk()?.unwrap_or_default();
        let Some(second) = self.next_chunk()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(&first[..]);
        whole.extend_from_slice(&second);
        while let Some(chunk) = self.next_chunk()? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Reads ahead on a thread of its own, up to `mark`.
    #[must_use]
    pub fn readable(self, mark: HighWaterMark<InBytes>) -> Readable<Bytes> {
        if let Some(reader) = &self.reader {
            // Whoever reads waits for that thread, and not for the connection.
            reader.turn.promote_follower();
        }
        Readable::from_source(self, mark)
    }

    fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.current.is_empty() {
            return Ok(Some(std::mem::take(&mut self.current)));
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.take() {
            Ok(chunk) => Ok(chunk),
            Err((error, status)) => {
                let error = error.at(self.taken);
                self.failed = Some(error.clone());
                self.give_back(status);
                Err(error)
            }
        }
    }

    /// Takes the next chunk, or says why not, and what that answers.
    fn take(&mut self) -> Result<Option<Bytes>, (Error, StatusCode)> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        if self.length.is_some_and(|length| length > self.limit) {
            return Err((too_long(self.limit), StatusCode::PAYLOAD_TOO_LARGE));
        }
        loop {
            let piece = reader.inflow.next_piece();
            match piece.map_err(|refusal| (refusal.into(), refusal.status()))? {
                Piece::Data(data) => {
                    self.taken += data.len() as u64;
                    reader.conn.set_unread(reader.inflow.decoder.left());
                    if self.taken > self.limit {
                        self.taken = self.limit;
                        return Err((too_long(self.limit), StatusCode::PAYLOAD_TOO_LARGE));
                    }
                    return Ok(Some(data));
                }
                Piece::Short => reader.fill().map_err(|error| match error.kind() {
                    ErrorKind::TimedOut => (error, StatusCode::REQUEST_TIMEOUT),
                    _ => (error, StatusCode::BAD_REQUEST),
                })?,
                Piece::End => {
                    self.trailers = reader.inflow.decoder.trailers().cloned();
                    self.give_back_whole();
                    return Ok(None);
                }
            }
        }
    }

    fn give_back_whole(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.conn.give_back_body(reader.inflow);
        }
    }

    fn give_back(&mut self, status: StatusCode) {
        if let Some(reader) = &mut self.reader {
            reader.inflow.broken = Some(status);
        }
        self.give_back_whole();
    }
}

fn too_long(limit: u64) -> Error {
    let message = format!("the body is longer than {limit} bytes");
    Error::new(ErrorKind::LimitExceeded, message)
}

impl Iterator for Body {
    type Item = Result<Bytes, Error>;

    /// Waits for the next chunk. `None` is the end, for ever after.
    ///
    /// The wait ends with a chunk, with the end of the body, when the connection breaks or is to
    /// end now, and when the client is too slow for the limits of the server.
    fn next(&mut self) -> Option<Self::Item> {
        if self.told {
            return None;
        }
        let next = self.next_chunk();
        self.told = next.is_err();
        next.transpose()
    }
}

impl io::Read for Body {
    /// Waits for a chunk if none is there, and never for more than one.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let available = io::BufRead::fill_buf(self)?;
        let copied = available.len().min(buf.len());
        buf[..copied].copy_from_slice(&available[..copied]);
        io::BufRead::consume(self, copied);
        Ok(copied)
    }
}

impl io::BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.is_empty() {
            self.current = self.next_chunk()?.unwrap_or_default();
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Source<Bytes> for Body {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        self.next_chunk()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let reader = self.reader.as_ref()?;
        let waker = reader.waker.get_or_init(|| {
            let waker = Waker::new();
            reader.conn.reading.set(Some(waker.interrupt()));
            waker
        });
        Some(waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("request body")
    }

    fn len_hint(&self) -> Option<u64> {
        self.length
    }
}

/// What is left of it is for the connection to skip.
impl Drop for Body {
    fn drop(&mut self) {
        self.give_back_whole();
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("length", &self.length)
            .field("taken", &self.taken)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
