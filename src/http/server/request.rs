//! A request, as a handler gets it.
//!
//! Owner: the handler. It holds the connection, so that the socket stays open until the request is
//! dropped. No lock, but for headers that are parsed once when they are first asked for; nothing here
//! waits.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, Uri, Version};

use super::conn::Conn;
use super::request_body::Body;
use crate::cancel::CancelToken;
use crate::http::proto::Head;
use crate::os::byte_counts::SocketMonitor;

/// A request of a client: a head, and a body that is received as it is read.
///
/// The handler of a [`Server`](crate::http::Server) gets it together with the
/// [`Response`](crate::http::Response). The head is complete and has been checked. [`body`](Self::body)
/// and [`into_body`](Self::into_body) give the body, which may be read on any thread.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use highwater::http::{Request, Response, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.spawn(|mut request: Request, response: Response| {
///     let text = request.body().to_bytes(1024)?; // 413 if it is longer
///     response.send(format!("{} {}: {} bytes\n", request.method(), request.path(), text.len()))
/// })?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"PUT /tea?hot HTTP/1.0\r\nContent-Length: 5\r\n\r\ngreen")?;
/// let mut received = String::new();
/// client.read_to_string(&mut received)?;
/// assert!(received.ends_with("PUT /tea: 5 bytes\n"), "{received}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "IncomingMessage")]
pub struct Request {
    head: Head,
    /// Built when they are first asked for: many handlers look at nothing but the path.
    headers: OnceLock<HeaderMap>,
    body: Body,
    conn: Arc<Conn>,
}

impl Request {
    pub(in crate::http) const fn new(head: Head, body: Body, conn: Arc<Conn>) -> Self {
        Self {
            head,
            headers: OnceLock::new(),
            body,
            conn,
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        self.head.method()
    }

    /// The target: in most cases a path, perhaps with a query.
    #[doc(alias = "url")]
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        self.head.uri()
    }

    /// The path of the target, without the query. It is not percent-decoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.uri().path()
    }

    /// The version of the client: HTTP/1.0 or HTTP/1.1.
    #[doc(alias = "httpVersion")]
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.version()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.headers.get_or_init(|| self.head.to_headers())
    }

    /// The host, with its port if the client has sent one: from the target if that has a host, else from
    /// the `Host` header. `None` is possible in HTTP/1.0 only.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.head.host()
    }

    /// The protocols in the client's `Upgrade` header, most preferred first: see
    /// [`Response::upgrade`](crate::http::Response::upgrade).
    pub fn upgrades(&self) -> impl Iterator<Item = &str> {
        self.head.upgrades()
    }

    /// The name of the client in errors and events, such as its address and port.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.conn.peer()
    }

    /// The address of the client. `None` for a Unix socket, and if the client has disconnected.
    #[doc(alias = "remoteAddress")]
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.conn.peer_addr()
    }

    /// A token that is stopped when the server stops, and aborted when the server or its grace
    /// time ends: for streams that would not end by themselves, and for other waits of a handler. Reads
    /// of the request body and writes of the response end with the server without it.
    #[doc(alias = "AbortSignal")]
    #[must_use]
    pub fn stopping(&self) -> &CancelToken {
        self.conn.token()
    }

    /// A monitor of the bytes that were received and sent on the connection, including those of the
    /// requests before this one. It can be used on any thread, also after the request.
    #[must_use]
    pub fn monitor(&self) -> SocketMonitor {
        self.conn.socket().monitor()
    }

    /// The body, if the request is still needed afterwards.
    pub const fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Returns whether the body has neither ended nor failed.
    pub(in crate::http) const fn has_unread_body(&self) -> bool {
        self.body.is_open()
    }

    /// The body alone: for another thread, or as the source of a pipeline.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Splits the request into its head and its body.
    #[must_use]
    pub fn into_parts(mut self) -> (Parts, Body) {
        let (method, uri, version, headers) = match self.headers.take() {
            Some(headers) => {
                let head = &self.head;
                (
                    head.method().clone(),
                    head.uri().clone(),
                    head.version(),
                    headers,
                )
            }
            None => self.head.into_parts(),
        };
        let parts = Parts {
            method,
            uri,
            version,
            headers,
        };
        (parts, self.body)
    }
}

/// The head of a request: [`Request::into_parts`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parts {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The version of the client.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", self.method())
            .field("uri", self.uri())
            .field("version", &self.version())
            .field("headers", self.headers())
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
