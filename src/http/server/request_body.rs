//! The body of a request: bytes that are received as they are read.
//!
//! Owner: the handler, or whatever thread it has moved the body to; one thread at a time, so that there
//! is no lock here. Blocking: [`Open::fill`] waits for the client, within the limits of the server; an
//! abort or an [`Interrupt`] wakes it. Invariant: the [`BodyReader`] is returned to the
//! [`Exchange`](super::exchange::Exchange) exactly once: at the end, on failure, or when it is dropped.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use super::body_reader::BodyReader;
use super::conn::Conn;
use super::min_rate::MinRate;
use crate::cancel::Interrupt;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};
use crate::http::proto::Decoded;
use crate::leader::Turn;
use crate::os::{Ready, Waker};
use crate::stage::source::Source;
use crate::stream::readable::Readable;

/// The body of a [`Request`](crate::http::Request): received from the client as it is read.
///
/// A body is an [`io::Read`] and an [`io::BufRead`], an iterator of its chunks, and the source of a
/// [`pipeline`](crate::pipeline). [`readable`](Self::readable) reads ahead on a thread.
///
/// Nothing is received before it is read, except what came together with the head. A client that sends
/// faster than the handler reads is slowed down by TCP. A client that asks first (`Expect:
/// 100-continue`) gets its `100 Continue` with the first read. Chunks are slices of the receive
/// buffers, not copies.
///
/// If a body is dropped before its end, the rest is received and discarded, so that the connection can
/// be kept. If more than [`Limits::drain_bytes`](crate::http::Limits::drain_bytes) are known to be left
/// when the response begins, the connection is closed after the response.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use highwater::http::{Request, Response, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.spawn(|request: Request, response: Response| {
///     let mut longest = 0;
///     for chunk in request.into_body() {
///         longest = longest.max(chunk?.len());
///     }
///     response.send(format!("the longest chunk had {longest} bytes\n"))
/// })?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\ntea")?;
/// let mut received = String::new();
/// client.read_to_string(&mut received)?;
/// assert!(received.ends_with("the longest chunk had 3 bytes\n"), "{received}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Body {
    /// `None` if the request has no body, and after the end or a failure.
    open: Option<Open>,
    /// What was decoded and is not consumed yet, for [`BufRead`](io::BufRead).
    current: Bytes,
    length: Option<u64>,
    limit: u64,
    /// How many bytes were decoded.
    taken: u64,
    trailers: Option<HeaderMap>,
    failed: Option<Error>,
    /// The iterator has returned the failure.
    is_failure_returned: bool,
}

/// A body that has not ended, and what it is received by.
struct Open {
    conn: Arc<Conn>,
    turn: Turn,
    reader: BodyReader,
    /// The waker of the stream that reads it. Without one, that of the connection is used.
    waker: OnceLock<Waker>,
    /// How fast the client sends.
    rate: MinRate,
}

impl Open {
    /// Waits for more of the body.
    fn fill(&mut self) -> Result<(), Error> {
        let Self {
            conn,
            turn,
            reader,
            waker,
            rate,
        } = self;
        let waker = waker.get().unwrap_or(&conn.waker);
        loop {
            if let Some(bytes) = conn.receive_chunk()? {
                if bytes.is_empty() {
                    conn.lose();
                    return Err(cut_short());
                }
                if std::mem::take(&mut reader.continue_due) {
                    // The client has sent the body without waiting.
                    conn.exchange.continue_is_settled();
                }
                rate.moved(bytes.len());
                reader.rest = bytes;
                return Ok(());
            }
            if std::mem::take(&mut reader.continue_due) {
                conn.send_continue(turn)?;
            }
            // An empty slice would keep its buffer alive during the wait.
            reader.rest = Bytes::new();
            conn.wait(waker, turn, Ready::ToRead, rate)?;
        }
    }
}

fn cut_short() -> Error {
    Error::new(
        ErrorKind::PrematureClose,
        "the client disconnected before the end of the body",
    )
}

impl Body {
    /// The body of a request that has none.
    pub(in crate::http) const fn none() -> Self {
        Self {
            open: None,
            current: Bytes::new(),
            length: Some(0),
            limit: u64::MAX,
            taken: 0,
            trailers: None,
            failed: None,
            is_failure_returned: false,
        }
    }

    /// The body that follows a head.
    pub(in crate::http) fn of(
        conn: Arc<Conn>,
        turn: Turn,
        reader: BodyReader,
        length: Option<u64>,
    ) -> Self {
        let mut body = Self::none();
        body.length = length;
        body.open = Some(Open {
            conn,
            turn,
            reader,
            waker: OnceLock::new(),
            rate: MinRate::default(),
        });
        body
    }

    /// Returns whether it has neither ended nor failed.
    pub(in crate::http) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Its length in bytes, if the client has declared one. `None` for a chunked body.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Limits the body to this many bytes. Reading a longer one fails with
    /// [`ErrorKind::LimitExceeded`], and the response is 413 unless the handler sends another one. The
    /// [limit of the server](crate::http::Limits::body_bytes) applies as well.
    pub fn limit(&mut self, bytes: u64) -> &mut Self {
        self.limit = self.limit.min(bytes);
        self
    }

    /// The trailers of a chunked body, once it was read to its end. Headers that RFC 9110 does not allow
    /// as trailers are left out.
    #[must_use]
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Reads the whole body, of at most `limit` bytes.
    ///
    /// Waits until the body has ended, the connection fails or is aborted, or the client is slower than
    /// the [limits](crate::http::Limits) of the server allow.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::LimitExceeded`] if the body is longer than `limit`. The response is 413, unless the
    ///   handler sends another one.
    /// - The errors of [`next`](#method.next).
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

    /// Starts a thread that reads ahead, up to `mark`.
    #[must_use]
    pub fn readable(self, mark: HighWaterMark<InBytes>) -> Readable<Bytes> {
        if let Some(open) = &self.open {
            // This thread will wait for the reading thread, where no follower would be promoted.
            open.turn.promote_follower();
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
                self.return_broken(status);
                Err(error)
            }
        }
    }

    /// Decodes the next chunk. An error comes with the status of the response to it.
    fn take(&mut self) -> Result<Option<Bytes>, (Error, StatusCode)> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        if self.length.is_some_and(|length| length > self.limit) {
            return Err((too_long(self.limit), StatusCode::PAYLOAD_TOO_LARGE));
        }
        loop {
            let decoded = open.reader.decode();
            match decoded.map_err(|rejection| (rejection.into(), rejection.status()))? {
                Decoded::Data(data) => {
                    self.taken += data.len() as u64;
                    open.conn.set_unread(open.reader.decoder.left());
                    if self.taken > self.limit {
                        self.taken = self.limit;
                        return Err((too_long(self.limit), StatusCode::PAYLOAD_TOO_LARGE));
                    }
                    return Ok(Some(data));
                }
                Decoded::More => open.fill().map_err(|error| match error.kind() {
                    ErrorKind::TimedOut => (error, StatusCode::REQUEST_TIMEOUT),
                    _ => (error, StatusCode::BAD_REQUEST),
                })?,
                Decoded::End => {
                    self.trailers = open.reader.decoder.trailers().cloned();
                    self.return_reader();
                    return Ok(None);
                }
            }
        }
    }

    fn return_reader(&mut self) {
        if let Some(Open { conn, reader, .. }) = self.open.take() {
            conn.exchange.return_body(reader);
        }
    }

    fn return_broken(&mut self, status: StatusCode) {
        if let Some(open) = &mut self.open {
            open.reader.broken = Some(status);
        }
        self.return_reader();
    }
}

fn too_long(limit: u64) -> Error {
    let message = format!("the body is longer than {limit} bytes");
    Error::new(ErrorKind::LimitExceeded, message)
}

impl Iterator for Body {
    type Item = Result<Bytes, Error>;

    /// Returns the next chunk; `None` at the end, and after a failure.
    ///
    /// Waits until a chunk comes, the body has ended, the connection fails or is aborted, or the client
    /// is slower than the [limits](crate::http::Limits) of the server allow.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::TimedOut`] if the client is too slow. The response is 408.
    /// - [`ErrorKind::InvalidInput`] if the body is malformed: 400.
    /// - [`ErrorKind::LimitExceeded`] if the body is longer than a limit: 413.
    /// - [`ErrorKind::PrematureClose`] if the client disconnects before the end.
    /// - [`ErrorKind::Io`] if the connection fails, and the cause of an abort of the server.
    ///
    /// Each error names the byte of the body at which it occurred. The status is that of the response,
    /// unless the handler sends another one.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_failure_returned {
            return None;
        }
        let next = self.next_chunk();
        self.is_failure_returned = next.is_err();
        next.transpose()
    }
}

impl io::Read for Body {
    /// Waits for a chunk if none is buffered, and never for more than one. Waits and fails as
    /// [`next`](#method.next).
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
        let open = self.open.as_ref()?;
        let waker = open.waker.get_or_init(|| {
            let waker = Waker::new();
            open.conn.reading.set(Some(waker.interrupt()));
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

/// Returns the rest, which the dispatcher skips.
impl Drop for Body {
    fn drop(&mut self) {
        self.return_reader();
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
