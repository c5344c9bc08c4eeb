//! An answer, as a handler gives it.

use std::fmt;
use std::fs::File;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};

use super::date::date;
use super::field::{field, refused};
use super::file;
use super::request::Request;
use super::response_body::{BodyEncoder, BodySink};
use super::response_writer::ResponseWriter;
use super::trailers::Trailers;
use super::upgrade;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};
use crate::http::proto;
use crate::http::proto::BodyPlan;
use crate::stream::duplex::Duplex;
use crate::stream::writable::Writable;

/// What a client is answered.
///
/// First a status and a header, which are only noted. Then one of [`send`](Self::send),
/// [`send_file`](Self::send_file), [`writable`](Self::writable) and [`upgrade`](Self::upgrade)
/// takes the answer and sends them: there is no header after the head, and the compiler says so.
///
/// One that is dropped before that answers 500, and the connection is closed.
///
/// ```compile_fail,E0382
/// use highwater::{HighWaterMark, http::Response};
///
/// fn handler(mut response: Response) {
///     let body = response.writable(HighWaterMark::default());
///     response.header("x-too-late", "1"); // the head is gone
/// }
/// ```
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    /// How long the body will be, if that was said.
    length: Option<u64>,
    trailers: Option<Trailers>,
    about: About,
    /// None once the answer was begun.
    writer: Option<ResponseWriter>,
}

/// What an answer has to know of its request.
#[derive(Clone, Debug)]
pub(in crate::http) struct About {
    pub(in crate::http) method: Method,
    pub(in crate::http) version: Version,
    pub(in crate::http) keep_alive: bool,
    pub(in crate::http) has_body: bool,
    pub(in crate::http) expects_continue: bool,
}

/// How the body of an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Whole,
    /// While it is sent, the body of the request may be read.
    InParts,
}

/// What was sent of a body, which was all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    bytes: u64,
}

impl Sent {
    pub(in crate::http) const fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    /// How many bytes the body had. Those that were written in answer to a HEAD, which has none,
    /// are among them.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
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

    /// Says with what status: 200 by default.
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets a field of the header, in place of those of that name. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no name or no value, such as one that would break
    /// out of its line; for a `content-length` that is no number; and for `transfer-encoding` and
    /// `connection`, which are seen to here: see [`close`](Self::close) and
    /// [`upgrade`](Self::upgrade).
    #[doc(alias = "setHeader")]
    pub fn header<N, V>(&mut self, name: N, value: V) -> Result<&mut Self, Error>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = field(name, value)?;
        if name == header::TRANSFER_ENCODING || name == header::CONNECTION {
            return Err(refused(&name, "is seen to by the server"));
        }
        if name == header::CONTENT_LENGTH {
            let digits = value.to_str().ok();
            let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.filter(is_number).and_then(|text| text.parse().ok());
            self.length = Some(number.ok_or_else(|| refused(&name, "is no number"))?);
            // It is told when it is known how the body goes out.
            return Ok(self);
        }
        self.headers.insert(name, value);
        Ok(self)
    }

    /// The header, for whatever [`header`](Self::header) does not do, such as a field that comes
    /// more than once.
    pub const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Says how long the body will be, as a `content-length` does. One that then is not so long is
    /// an error: see [`writable`](Self::writable).
    #[must_use]
    pub const fn length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self
    }

    /// Closes the connection behind the answer, which says so.
    #[must_use]
    pub const fn close(mut self) -> Self {
        self.about.keep_alive = false;
        self
    }

    /// Fields that are to follow the body, and can be set while it is written.
    pub fn trailers(&mut self) -> Trailers {
        self.trailers.get_or_insert_default().clone()
    }

    /// Sends an informational answer ahead of the one to come, such as 103 with links that a
    /// browser may follow already. A client of HTTP/1.0 knows none, and is sent none.
    ///
    /// Waits for room, for as long as the limits of the server let a client take nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a status that is not informational, and for 101, which is
    /// an [`upgrade`](Self::upgrade); or whatever breaks the connection.
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

    /// Answers with a body that is there: the head and the body leave in one system call, and the
    /// client is told the length.
    ///
    /// Waits for room, for as long as the limits of the server let a client take nothing. To a HEAD
    /// the same head is sent, and no body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a body with a status that has none, or of another length than
    /// was said: then nothing was sent. Or whatever breaks the connection.
    pub fn send(mut self, body: impl Into<Bytes>) -> Result<(), Error> {
        let body = body.into();
        let (mut writer, plan) = self.begin(self.agreed(body.len() as u64)?, Given::Whole)?;
        writer.send_with_head(if plan.is_sent() { &body } else { &[] })?;
        writer.finish(self.about.keep_alive);
        Ok(())
    }

    /// Answers with a part of a file.
    ///
    /// Waits for room, for as long as the limits of the server let a client take nothing. To a HEAD
    /// the same head is sent, and nothing of the file.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and whatever keeps the file from being read. If that shows behind
    /// the head, as when the file has become shorter than the range, the connection is cut, so that
    /// the client can tell.
    pub fn send_file(mut self, file: &File, range: Range<u64>) -> Result<(), Error> {
        let length = range.end.saturating_sub(range.start);
        let (mut writer, plan) = self.begin(self.agreed(length)?, Given::Whole)?;
        if plan.is_sent() {
            file::send(&mut writer, file, range)?;
        } else {
            writer.send_with_head(&[])?;
        }
        writer.finish(self.about.keep_alive);
        Ok(())
    }

    /// Answers with a body that is yet to be written, of which up to `mark` waits for the client.
    ///
    /// The head leaves with the first bytes, or with a [`flush`](Writable::flush). If the length was
    /// said the client is told it; if not the body is sent in chunks, or, to a client of HTTP/1.0, up
    /// to the end of the connection.
    ///
    /// [`finish`](Writable::finish) makes the answer whole. A body that is dropped without, or that
    /// fails, cuts the connection with a reset, so that the client cannot take what it has for
    /// everything; before its first byte the answer is 500.
    ///
    /// What is written beyond the length that was said fails, and so does the finish of what has not
    /// come up to it, or anything that is written with a status that has no body. In answer to a HEAD
    /// what is written is counted, and not sent.
    #[must_use]
    pub fn writable(mut self, mark: HighWaterMark<InBytes>) -> Writable<Bytes, Sent> {
        let sink = match self.begin(self.length, Given::InParts) {
            Ok((writer, plan)) => {
                let way = BodyEncoder::of(plan, self.status);
                BodySink::new(writer, way, self.about.keep_alive, self.trailers.take())
            }
            // The first call of it tells why, and the answer is 500.
            Err(error) => BodySink::refused(error),
        };
        // Its client sees that a body is not whole.
        Writable::spawn(sink, &mark, |sink| sink.sent()).told_elsewhere()
    }

    /// Hands the connection over, to speak `protocol` from now on: answers 101, and gives both
    /// directions of what follows. What the client has sent behind its request comes first.
    ///
    /// Up to `mark` is read ahead, and up to `mark` waits for the client. The server counts the
    /// connection as open until both halves were dropped, and aborts it as any other; its limits
    /// are not those of the protocol, so that timeouts are those of the
    /// [socket](crate::net::SocketOptions).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the client has not [asked](Request::upgrades) for that
    /// protocol, or if its request has a body that was not read to the end; or whatever breaks the
    /// connection.
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
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    /// assert!(answer.ends_with("\r\n\r\nearly"), "{answer}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upgrade(
        mut self,
        request: Request,
        protocol: &str,
        mark: HighWaterMark<InBytes>,
    ) -> Result<Duplex<Bytes>, Error> {
        let named = |asked: &str| asked.eq_ignore_ascii_case(protocol);
        if !request.upgrades().any(named) {
            let message = format!("the client has not asked for `{protocol}`");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if request.has_unread_body() {
            let message = "the request has a body that was not read";
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
        let early = writer.conn.take_early();
        let (halves, over) = upgrade::halves(&writer.conn, early, mark);
        writer.leave(over);
        Ok(halves)
    }

    /// The length of a body that is there, if none other was said before.
    fn agreed(&self, bytes: u64) -> Result<Option<u64>, Error> {
        match self.length {
            Some(said) if said != bytes => {
                let message = format!("a body of {bytes} bytes, where {said} were said");
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
            _ => Ok(Some(bytes)),
        }
    }

    /// Makes the head, and says how the body goes out that follows it. On failure nothing was done.
    fn begin(
        &mut self,
        length: Option<u64>,
        given: Given,
    ) -> Result<(ResponseWriter, BodyPlan), Error> {
        let Self {
            status,
            headers,
            about,
            ..
        } = self;
        if status.is_informational() {
            let message = format!("{} is no answer", status.as_u16());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let plan = BodyPlan::new(&about.method, about.version, *status, headers, length)?;
        let mut writer = self.writer.take().ok_or_else(Error::ended)?;
        about.keep_alive &= !plan.closes() && !writer.conn.is_stopping();
        if about.has_body && about.keep_alive {
            // What is not read while the answer is written is skipped behind it, all of it.
            let is_read_on = given == Given::InParts && writer.conn.is_body_held();
            about.keep_alive = is_read_on || writer.conn.can_go_on();
        }
        if about.expects_continue && writer.conn.begin() {
            // Whether the body comes all the same is for the client to decide, and cannot be known.
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
