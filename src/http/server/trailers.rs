//! The trailers of a response: headers that follow its body.
//!
//! Owner: every clone of [`Trailers`], and the body sink, which takes the map when the body ends. The
//! lock is held only while the map is changed or taken. Nothing waits.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Error;
use crate::http::proto;
use crate::threads::sync::Mutex;

/// Headers that follow the body of a response: what is known only after the body was written, such
/// as a hash of it. From [`Response::trailers`](crate::http::Response::trailers).
///
/// They can be set until the body is finished, from any thread; a clone sets the same ones. Only a
/// chunked body can have trailers: with a declared length, and for a client of HTTP/1.0, they are
/// dropped.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use highwater::HighWaterMark;
/// use highwater::http::{Request, Response, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.spawn(|_: Request, mut response: Response| {
///     let trailers = response.trailers();
///     let mut body = response.writable(HighWaterMark::default());
///     body.write_all(b"tea")?;
///     trailers.set("x-bytes", "3")?;
///     body.finish().map(drop)
/// })?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
/// let mut received = String::new();
/// client.read_to_string(&mut received)?;
/// assert!(received.ends_with("tea\r\n0\r\nx-bytes: 3\r\n\r\n"), "{received}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Trailers(Arc<Mutex<HeaderMap>>);

impl Trailers {
    /// Sets a trailer, in place of the ones with that name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name or the value is not
    /// valid in a header, or if RFC 9110 does not allow the header as a trailer, such as
    /// `content-length`.
    #[doc(alias = "addTrailers")]
    pub fn set<N, V>(&self, name: N, value: V) -> Result<&Self, Error>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = super::field::field(name, value)?;
        if !proto::is_trailer(&name) {
            return Err(super::field::invalid(&name, "cannot be a trailer"));
        }
        self.0.lock().insert(name, value);
        Ok(self)
    }

    pub(in crate::http) fn take(&self) -> HeaderMap {
        std::mem::take(&mut *self.0.lock())
    }
}

impl fmt::Debug for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trailers").field(&*self.0.lock()).finish()
    }
}
