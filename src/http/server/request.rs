//! A request, as a handler is given it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri, Version};

use super::conn::Conn;
use super::request_body::Body;
use crate::cancel::CancelToken;
use crate::http::proto::Head;
use crate::os::byte_counts::SocketMonitor;

/// What a client asks for.
///
/// Its body is read when it is asked for, and not before.
pub struct Request {
    head: Head,
    body: Body,
    conn: Arc<Conn>,
}

impl Request {
    pub(in crate::http) const fn new(head: Head, body: Body, conn: Arc<Conn>) -> Self {
        Self { head, body, conn }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        self.head.method()
    }

    /// The target: mostly a path, perhaps with a query.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        self.head.uri()
    }

    /// The path of the target, as it was sent: nothing in it was decoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.uri().path()
    }

    /// What the client speaks: HTTP/1.0 or HTTP/1.1.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.version()
    }

    /// The header.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// The host that is asked, with its port if it was given. None is possible in HTTP/1.0 only.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.head.host()
    }

    /// The protocols that the client would change to, the dearest first: see
    /// [`Response::upgrade`](crate::http::Response::upgrade).
    pub fn upgrades(&self) -> impl Iterator<Item = &str> {
        self.head.upgrades()
    }

    /// Who asks, as errors and events call it.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.conn.peer()
    }

    /// The address of whoever asks. None if that is a Unix socket, or gone.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.conn.peer_addr()
    }

    /// A token that is stopped as soon as the server is told to stop, and aborted when the grace time
    /// is over, or with the server: for streams that would not come to an end by themselves, and for
    /// whatever a handler waits for. What is read from the request, and written to its answer, ends
    /// with the server in any case.
    #[must_use]
    pub fn stopping(&self) -> &CancelToken {
        self.conn.token()
    }

    /// Looks at how many bytes have come and gone over the connection, from any thread, also after
    /// the request: those of the requests before it with them.
    #[must_use]
    pub fn monitor(&self) -> SocketMonitor {
        self.conn.socket().monitor()
    }

    /// The body, to be read where the request is still needed.
    pub const fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Says whether something of the body may still be on its way.
    pub(in crate::http) const fn has_unread_body(&self) -> bool {
        self.body.is_open()
    }

    /// The body alone: for another thread, or as the source of a pipeline.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Takes the request apart.
    #[must_use]
    pub fn into_parts(self) -> (Parts, Body) {
        let (method, uri, version, headers) = self.head.into_parts();
        let parts = Parts {
            method,
            uri,
            version,
            headers,
        };
        (parts, self.body)
    }
}

/// A request without its body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parts {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// What the client speaks.
    pub version: Version,
    /// The header.
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
