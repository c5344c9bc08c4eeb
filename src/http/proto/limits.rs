//! The limits of a server: in bytes, in number and in time.

use std::time::Duration;

/// The limits of an HTTP server: what a client may send, and how long it may take.
///
/// Every limit is on by default. Set them with [`Server::limits`](crate::http::Server::limits).
///
/// | limit | unit | default | what happens beyond it |
/// | --- | --- | --- | --- |
/// | [`request_line_bytes`](Self::request_line_bytes) | bytes of a request line | 16 KiB | 414, close |
/// | [`head_bytes`](Self::head_bytes) | bytes of a head | 32 KiB | 431, close |
/// | [`headers`](Self::headers) | header lines of a head, trailers of a body | 100 | 431, close |
/// | [`body_bytes`](Self::body_bytes) | bytes of a body | 1 GiB | 413, close; before the body is read if its length is declared |
/// | [`extension_bytes`](Self::extension_bytes) | bytes of chunk extensions in a body | 16 KiB | 413, close |
/// | [`trailer_bytes`](Self::trailer_bytes) | bytes of trailers | 16 KiB | 431, close |
/// | [`head_timeout`](Self::head_timeout) | from the first byte of a head to its end, and from the connection to the first head | 30 s | 408, close |
/// | [`body_idle`](Self::body_idle) | no byte of a body that a handler waits for | 30 s | 408 unless a response has begun, close |
/// | [`least_rate`](Self::least_rate) | bytes a second, on average over all waits, once they exceed `body_idle` or `write_stall` | 500 | as for those |
/// | [`keep_alive`](Self::keep_alive) | no byte of a next request | 60 s | close |
/// | [`write_stall`](Self::write_stall) | the client takes no byte of a response | 30 s | close |
/// | [`requests`](Self::requests) | requests on a connection | 100,000 | `Connection: close` in the last response |
/// | [`drain_bytes`](Self::drain_bytes) | bytes of a body known to be unread | 256 KiB | `Connection: close` in the response |
/// | [`linger`](Self::linger) | no byte after the last response | 5 s | close |
/// | [`linger_total`](Self::linger_total) | bytes keep coming after the last response, and are discarded | 10 min | close |
///
/// The number of connections is limited by [`Server::connections`](crate::http::Server::connections).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use highwater::http::Limits;
///
/// let limits = Limits::default().body_bytes(10 << 20).keep_alive(Duration::from_secs(5));
/// assert_eq!(limits.body_bytes, 10 << 20);
/// assert_eq!(limits.headers, 100); // the default
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the longest request line, without its line end. 16 KiB by default.
    pub request_line_bytes: usize,
    /// Bytes of the largest head: the request line and the headers, with all line ends. 32 KiB by
    /// default.
    pub head_bytes: usize,
    /// Number of header lines in a head, and of trailers after a body. 100 by default.
    pub headers: usize,
    /// Bytes of the largest body, without its framing. 1 GiB by default.
    pub body_bytes: u64,
    /// Bytes of all chunk extensions in one body. 16 KiB by default.
    pub extension_bytes: usize,
    /// Bytes of the trailers after one body. 16 KiB by default.
    pub trailer_bytes: usize,
    /// Time from the first byte of a head to its end, and from the connection to the end of the first
    /// head. 30 s by default.
    pub head_timeout: Duration,
    /// Time without a byte of a body that a handler waits for. 30 s by default.
    pub body_idle: Duration,
    /// Bytes a second that a client has to send of a body, or take of a response, on average over the
    /// time for which a handler waits for it. It applies once that time exceeds
    /// [`body_idle`](Self::body_idle) or [`write_stall`](Self::write_stall). 500 by default.
    pub least_rate: u64,
    /// Time between two requests. 60 s by default.
    pub keep_alive: Duration,
    /// Time in which a client takes no byte of a response. 30 s by default.
    pub write_stall: Duration,
    /// Number of requests on a connection. 100,000 by default.
    pub requests: u64,
    /// Bytes of a body that are known to be unread when the response begins. Up to this many are read
    /// and discarded, to keep the connection. 256 KiB by default.
    pub drain_bytes: u64,
    /// Time without a byte after the last response of a connection, before the connection is closed.
    /// Until then bytes are read and discarded: a close with unread bytes is a reset, by which the client
    /// could lose the response. 5 s by default.
    pub linger: Duration,
    /// Time from the last response to the close, even if bytes keep coming. 10 minutes by default.
    pub linger_total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line_bytes: 16 << 10,
            head_bytes: 32 << 10,
            headers: 100,
            body_bytes: 1 << 30,
            extension_bytes: 16 << 10,
            trailer_bytes: 16 << 10,
            head_timeout: Duration::from_secs(30),
            body_idle: Duration::from_secs(30),
            least_rate: 500,
            keep_alive: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            requests: 100_000,
            drain_bytes: 256 << 10,
            linger: Duration::from_secs(5),
            linger_total: Duration::from_secs(600),
        }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty,)+) => {
        impl Limits {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), ").")]
                #[must_use]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            )+
        }
    };
}

setters! {
    request_line_bytes: usize,
    head_bytes: usize,
    headers: usize,
    body_bytes: u64,
    extension_bytes: usize,
    trailer_bytes: usize,
    head_timeout: Duration,
    body_idle: Duration,
    least_rate: u64,
    keep_alive: Duration,
    write_stall: Duration,
    requests: u64,
    drain_bytes: u64,
    linger: Duration,
    linger_total: Duration,
}

impl Limits {
    /// The limits that a head is parsed under.
    #[must_use]
    #[cfg_attr(not(feature = "testing"), doc(hidden))]
    pub const fn head(&self) -> HeadLimits {
        HeadLimits {
            line_bytes: self.request_line_bytes,
            bytes: self.head_bytes,
            headers: self.headers,
        }
    }

    /// The limits that a body is decoded under.
    #[must_use]
    #[cfg_attr(not(feature = "testing"), doc(hidden))]
    pub const fn body(&self) -> BodyLimits {
        BodyLimits {
            bytes: self.body_bytes,
            extension_bytes: self.extension_bytes,
            trailer_bytes: self.trailer_bytes,
            trailers: self.headers,
        }
    }
}

/// The limits of a head: [`Limits::head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// [`Limits::request_line_bytes`].
    pub line_bytes: usize,
    /// [`Limits::head_bytes`].
    pub bytes: usize,
    /// [`Limits::headers`].
    pub headers: usize,
}

/// The limits of a body: [`Limits::body`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// [`Limits::body_bytes`].
    pub bytes: u64,
    /// [`Limits::extension_bytes`].
    pub extension_bytes: usize,
    /// [`Limits::trailer_bytes`].
    pub trailer_bytes: usize,
    /// [`Limits::headers`].
    pub trailers: usize,
}
