//! A response, as a handler sends it.
//!
//! Owner: the handler, until one of the sending methods consumes it. No lock. Blocking: `send`,
//! `send_file`, `inform` and `upgrade` wait for room in the socket, within the limits of the server.
//! Invariant: the head is encoded in `begin` alone, which takes the writer out, so that it is sent at
//! most once.

use std::fmt;
use std::fs::File;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};

use super::date::date;
use super::field::{field, invalid};
use super::file;
use super::request::Request;
use super::response_body::{BodyEncoder, BodySink, Sent};
use super::response_writer::ResponseWriter;
use super::trailers::Trailers;
use super::upgrade;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};
use crate::http::proto;
use crate::http::proto::BodyPlan;
use crate::stream::duplex::Duplex;
use crate::stream::writable::Writable;

/// The response to a request.
///
/// First set the status and the headers; nothing is sent yet. Then one of these methods consumes the
/// response and sends it, so that the compiler rejects a header after the head:
///
/// | method | for | threads |
/// | --- | --- | --- |
/// | [`send`](Self::send) | a body in memory: head and body in one system call | none |
/// | [`send_file`](Self::send_file) | a range of a file, which the kernel copies | none |
/// | [`writable`](Self::writable) | a body that is written | one while the client is slow |
/// | [`upgrade`](Self::upgrade) | another protocol, such as WebSocket | one that reads; one while the client is slow |
///
/// A response that is dropped before that becomes a 500, and the connection is closed.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use highwater::http::{Request, Response, Server, StatusCode};
///
/// let server = Server::bind("127.0.0.1:0")?.spawn(|_: Request, response: Response| {
///     let mut response = response.status(StatusCode::CREATED);
///     response.header("location", "/tea/1")?;
///     response.send("made\n")
/// })?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"POST /tea HTTP/1.0\r\n\r\n")?;
/// let mut received = String::new();
/// client.read_to_string(&mut received)?;
/// assert!(received.starts_with("HTTP/1.1 201 Created\r\n"), "{received}");
/// assert!(received.contains("\r\nlocation: /tea/1\r\n"), "{received}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A header after the head does not compile:
///
/// ```compile_fail,E0382
/// use highwater::{HighWaterMark, http::Response};
///
/// fn handler(mut response: Response) {
///     let body = response.writable(HighWaterMark::default());
///     response.header("x-too-late", "1"); // `response` was moved
/// }
/// ```
#[doc(alias = "ServerResponse")]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    /// The declared length of the body.
    length: Option<u64>,
    trailers: Option<Trailers>,
    about: About,
    /// `None` once the response has begun.
    writer: Option<ResponseWriter>,
}

/// What a response depends on of its request.
#[derive(Clone, Debug)]
pub(in crate::http) struct About {
    pub(in crate::http) method: Method,
    pub(in crate::http) version: Version,
    pub(in crate::http) keep_alive: bool,
    pub(in crate::http) has_body: bool,
    pub(in crate::http) expects_continue: bool,
}

/// How the body of a response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyTiming {
    AtOnce,
    /// While it is written, the body of the request may be read.
    AsWritten,
}

impl Response {
    pub(in crate::http) fn new(about: About, writer: ResponseWriter) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            length: None,
            trailers: None,
            about,
            writer: Some(writer),
        }
    }

    /// Sets the status. It is 200 by default.
    #[doc(alias = "statusCode")]
    #[doc(alias = "writeHead")]
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets a header, in place of those with the same name. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`]
    /// - if the name or the value is not valid in a header, such as a value with a line break;
    /// - if `content-length` is not a number;
    /// - for `transfer-encoding` and `connection`, which the server sets itself: see
    ///   [`close`](Self::close) and [`upgrade`](Self::upgrade).
    #[doc(alias = "setHeader")]
    pub fn header<N, V>(&mut self, name: N, value: V) -> Result<&mut Self, Error>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = field(name, value)?;
        if name == header::TRANSFER_ENCODING || name == header::CONNECTION {
            return Err(invalid(&name, "is set by the server"));
        }
        if name == header::CONTENT_LENGTH {
            let digits = value.to_str().ok();
            let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.filter(is_number).and_then(|text| text.parse().ok());
            self.length = Some(number.ok_or_else(|| invalid(&name, "is not a number"))?);
            // It is encoded with the head, when it is known how the body is sent.
            return Ok(self);
        }
        self.headers.insert(name, value);
        Ok(self)
    }

    /// The headers, for what [`header`](Self::header) cannot do, such as several headers with the same
    /// name.
    pub const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Declares the length of the body in bytes, as a `content-length` header does. A body of another
    /// length is an error: see [`send`](Self::send) and [`writable`](Self::writable).
    #[must_use]
    pub const fn length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self
    }

    /// Closes the connection after the response, which announces it with `Connection: close`.
    #[must_use]
    pub const fn close(mut self) -> Self {
        self.about.keep_alive = false;
        self
    }

    /// The trailers: headers that follow the body, and can be set while it is written.
    #[doc(alias = "addTrailers")]
    pub fn trailers(&mut self) -> Trailers {
        self.trailers.get_or_insert_default().clone()
    }

    /// Sends an informational response before the final one, such as 103 with links that a browser can
    /// load already. HTTP/1.0 has no informational responses: to such a client nothing is sent.
    ///
    /// Waits until the kernel has taken it; the wait fails after
    /// [`write_stall`](crate::http::Limits::write_stall).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the status is not informational, or is 101: see
    ///   [`upgrade`](Self::upgrade).
    /// - [`ErrorKind::TimedOut`] if the client takes too little, [`ErrorKind::Io`] if the connection
    ///   fails, and the cause of an abort of the server.
    #[doc(alias = "writeEarlyHints")]
    pub fn inform(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), Error> {
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            let message = format!("{} is not informational", status.as_u16());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if self.about.version < Version::HTTP_11 {
            return Ok(());
        }
        let Some(writer) = &mut self.writer else {
            return Err(Error::ended());
        };
        let mut head = Vec::new();
        proto::encode_informational(&mut head, status, headers);
        writer.conn.send_interim(&head, &writer.turn)
    }

    /// Sends the response with a body that is in memory: head and body in one system call, with
    /// `content-length`. In response to a HEAD only the head is sent.
    ///
    /// Waits until the kernel has taken all of it; each wait fails after
    /// [`write_stall`](crate::http::Limits::write_stall).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the status does not allow a body, or the body has not the
    ///   declared length. Nothing was sent then, and the response becomes a 500.
    /// - [`ErrorKind::TimedOut`] if the client takes too little, [`ErrorKind::Io`] if the connection
    ///   fails, and the cause of an abort of the server. The connection is closed then.
    pub fn send(mut self, body: impl Into<Bytes>) -> Result<(), Error> {
        let body = body.into();
        let (mut writer, plan) = self.begin(self.agreed(body.len() as u64)?, BodyTiming::AtOnce)?;
        writer.send_with_head(if plan.is_sent() { &body } else { &[] })?;
        writer.finish(self.about.keep_alive);
        Ok(())
    }

    /// Sends the response with a range of a file as its body. The kernel copies it to the socket where it
    /// can. In response to a HEAD only the head is sent.
    ///
    /// Waits as [`send`](Self::send), and for reads of the file.
    ///
    /// # Errors
    ///
    /// - Those of [`send`](Self::send).
    /// - [`ErrorKind::Io`] if the file cannot be read, or is shorter than the range; the error names the
    ///   byte. If the head was sent already, the connection is reset, so that the client cannot take the
    ///   part for all.
    pub fn send_file(mut self, file: &File, range: Range<u64>) -> Result<(), Error> {
        let length = range.end.saturating_sub(range.start);
        let (mut writer, plan) = self.begin(self.agreed(length)?, BodyTiming::AtOnce)?;
        if plan.is_sent() {
            file::send(&mut writer, file, range)?;
        } else {
            writer.send_with_head(&[])?;
        }
        writer.finish(self.about.keep_alive);
        Ok(())
    }

    /// Returns a stream that the body is written to. Up to `mark` of it is buffered while the client is
    /// slow; then a write waits.
    ///
    /// The head is sent with the first bytes, or by a [`flush`](Writable::flush). A body of a declared
    /// [length](Self::length) is sent as it is; else it is sent in chunks, or to a client of HTTP/1.0 until
    /// the connection is closed. In response to a HEAD what is written is counted, and not sent.
    ///
    /// [`finish`](Writable::finish) completes the response, and returns how many bytes the body had. If the
    /// body fails, or is dropped without `finish`, the connection is reset, so that the client cannot take
    /// the part for all; before the first byte the response becomes a 500.
    ///
    /// Writes fail with [`ErrorKind::LimitExceeded`] beyond the declared length, and if the status allows
    /// no body. `finish` fails with [`ErrorKind::InvalidInput`] if the body is shorter than the declared
    /// length. Both fail with [`ErrorKind::TimedOut`] if the client takes too little.
    #[must_use]
    pub fn writable(mut self, mark: HighWaterMark<InBytes>) -> Writable<Bytes, Sent> {
        let sink = match self.begin(self.length, BodyTiming::AsWritten) {
            Ok((writer, plan)) => {
                let encoder = BodyEncoder::of(plan, self.status);
                BodySink::new(writer, encoder, self.about.keep_alive, self.trailers.take())
            }
            // The first call returns the error, and the response becomes a 500.
            Err(error) => BodySink::rejected(error),
        };
        // That a body was dropped is an event of the server, and needs no message of the stream.
        Writable::spawn(sink, &mark, |sink| sink.sent()).reported_elsewhere()
    }

    /// Switches the connection to `protocol`: sends 101, and returns both directions of the connection.
    /// What the client has sent after its request is read first.
    ///
    /// Up to `mark` is read ahead on a thread, and up to `mark` is buffered while the client is slow. The
    /// server counts the connection as open until both halves were dropped, and aborts it as any other.
    /// The [limits](crate::http::Limits) of the server do not apply any more; timeouts are those of the
    /// [socket](crate::net::SocketOptions).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the client has not [asked](Request::upgrades) for that protocol,
    ///   or if the request has a body that was not read to its end.
    /// - [`ErrorKind::TimedOut`] if the client takes too little, [`ErrorKind::Io`] if the connection
    ///   fails, and the cause of an abort of the server.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    /// use highwater::HighWaterMark;
    /// use highwater::http::{Request, Response, Server};
    ///
    /// let server = Server::bind("127.0.0.1:0")?.spawn(|request: Request, response: Response| {
    ///     let mark = HighWaterMark::bytes(16 * 1024);
    ///     let echo = response.upgrade(request, "echo", mark)?;
    ///     let (read, written) = echo.split();
    ///     read.pipe_to(written)
    /// })?;
    ///
    /// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
    /// client.write_all(
    ///     b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly",
    /// )?;
    /// client.shutdown(std::net::Shutdown::Write)?;
    /// let mut received = String::new();
    /// client.read_to_string(&mut received)?;
    /// assert!(received.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{received}");
    /// assert!(received.ends_with("\r\n\r\nearly"), "{received}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upgrade(
        mut self,
        request: Request,
        protocol: &str,
        mark: HighWaterMark<InBytes>,
    ) -> Result<Duplex<Bytes>, Error> {
        let is_named = |asked: &str| asked.eq_ignore_ascii_case(protocol);
        if !request.upgrades().any(is_named) {
            let message = format!("the client has not asked for the protocol `{protocol}`");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if request.has_unread_body() {
            let message = "the body of the request was not read to its end";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let (name, value) = field(header::UPGRADE, protocol)?;
        self.headers.insert(name, value);
        let status = StatusCode::SWITCHING_PROTOCOLS;
        let About {
            method, version, ..
        } = &self.about;
        let plan = BodyPlan::new(method, *version, status, &self.headers, None)?;
        let mut writer = self.writer.take().ok_or_else(Error::ended)?;
        let head = &mut writer.head;
        head.clear();
        proto::encode_head(head, *version, status, &self.headers, plan, true, &date());
        writer.send_with_head(&[])?;
        let early = writer.conn.exchange.take_early();
        let (halves, in_use) = upgrade::halves(&writer.conn, early, mark);
        writer.upgrade(in_use);
        Ok(halves)
    }

    /// The length of a body in memory, if no other one was declared.
    fn agreed(&self, bytes: u64) -> Result<Option<u64>, Error> {
        match self.length {
            Some(declared) if declared != bytes => {
                let message =
                    format!("a body of {bytes} bytes with a declared length of {declared}");
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
            _ => Ok(Some(bytes)),
        }
    }

    /// Encodes the head, and decides how the body is sent. On failure nothing has changed.
    fn begin(
        &mut self,
        length: Option<u64>,
        sending: BodyTiming,
    ) -> Result<(ResponseWriter, BodyPlan), Error> {
        let Self {
            status,
            headers,
            about,
            ..
        } = self;
        if status.is_informational() {
            let message = format!(
                "the status {} is informational, and not a response",
                status.as_u16()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let plan = BodyPlan::new(&about.method, about.version, *status, headers, length)?;
        let mut writer = self.writer.take().ok_or_else(Error::ended)?;
        about.keep_alive &= !plan.closes() && !writer.conn.is_stopping();
        if about.has_body && about.keep_alive {
            // Of a body that a handler can still read nothing is known; what is left is skipped later.
            let is_read_on =
                sending == BodyTiming::AsWritten && writer.conn.exchange.is_body_held();
            about.keep_alive = is_read_on || writer.conn.can_be_kept();
        }
        if about.expects_continue && writer.conn.exchange.begin_response() {
            // The client may send the body or not, now that it has a response: the next bytes could be a body
            // or a request, so that the connection cannot be kept.
            about.keep_alive = false;
        }
        let (head, keep_alive) = (&mut writer.head, about.keep_alive);
        head.clear();
        proto::encode_head(
            head,
            about.version,
            *status,
            headers,
            plan,
            keep_alive,
            &date(),
        );
        Ok((writer, plan))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
