//! What a client may ask of a server, in bytes, in number and in time.

use std::time::Duration;

/// Every limit that a connection is held to. All are on unless they are changed.
///
/// | limit | is | over it |
/// | --- | --- | --- |
/// | `request_line_bytes` | 16 KiB | 414, close |
/// | `head_bytes` | 32 KiB | 431, close |
/// | `headers` | 100 | 431, close |
/// | `body_bytes` | 1 GiB | 413 (before anything is read, if the length is known), close |
/// | `extension_bytes` | 16 KiB in a body | 413, close |
/// | `trailer_bytes` | 16 KiB | 431, close |
/// | `head_timeout` | 30 s from its first byte to its end, and from the connection to the first head | 408, close |
/// | `body_idle` | 30 s with no byte of a body that is waited for | 408 if nothing was answered, close |
/// | `least_rate` | 500 bytes a second, on average since a wait longer than `body_idle` or `write_stall` | as those |
/// | `keep_alive` | 60 s with no request | close |
/// | `write_stall` | 30 s in which the client takes nothing | close |
/// | `requests` | 100,000 on a connection | `Connection: close` with the last |
/// | `drain_bytes` | 256 KiB known to be left of a body that nobody read | `Connection: close` with the answer |
/// | `linger` | 5 s in which nothing comes any more behind the last answer; what comes is thrown away | close |
/// | `linger_total` | 10 min of that, while something comes | close |
///
/// How many connections there may be is the server's to say.
///
/// # Examples
///
/// ```
/// use highwater::http::proto::Limits;
///
/// let limits = Limits::default().body_bytes(10 << 20).headers(50);
/// assert_eq!(limits.body_bytes, 10 << 20);
/// assert_eq!(limits.head().headers, 50);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest request line, without its end.
    pub request_line_bytes: usize,
    /// The largest head: the request line and the headers, with all line ends.
    pub head_bytes: usize,
    /// How many header lines a head may have, and how many a trailer section.
    pub headers: usize,
    /// The largest body, without its framing.
    pub body_bytes: u64,
    /// How much the chunk extensions of one body may be.
    pub extension_bytes: usize,
    /// How much the trailers of one body may be.
    pub trailer_bytes: usize,
    /// How long a head may take to come.
    pub head_timeout: Duration,
    /// How long nothing of a body may come.
    pub body_idle: Duration,
    /// How many bytes a second must at least move, in a body or an answer that is waited for.
    pub least_rate: u64,
    /// How long a connection may be without a request.
    pub keep_alive: Duration,
    /// How long a client may take nothing of an answer.
    pub write_stall: Duration,
    /// How many requests a connection may bring.
    pub requests: u64,
    /// How much may be known to be left of a body that nobody read, for it to be read and thrown away
    /// to keep its connection.
    pub drain_bytes: u64,
    /// How long nothing may come behind the last answer of a connection before that is closed. Until
    /// then what comes is read and thrown away, or the close would take the answer back.
    pub linger: Duration,
    /// How long that may take in all, however much comes.
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
                #[doc = concat!("Changes [`", stringify!($name), "`](Self::", stringify!($name), ").")]
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
    /// Those that a head is read under.
    #[must_use]
    pub const fn head(&self) -> HeadLimits {
        HeadLimits {
            line_bytes: self.request_line_bytes,
            bytes: self.head_bytes,
            headers: self.headers,
        }
    }

    /// Those that a body is read under.
    #[must_use]
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
