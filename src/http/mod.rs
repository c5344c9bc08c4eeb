//! HTTP/1.1: the body of a request is read, and the body of a response is written, with backpressure.
//!
//! A [`Server`] calls a handler for each [`Request`], with the [`Response`] to send. A handler is plain
//! blocking code. It needs the feature `http`.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::http::{Request, Response, Server, StatusCode};
//!
//! let server = Server::bind("127.0.0.1:0")?.spawn(|request: Request, mut response: Response| {
//!     if request.path() != "/hello" {
//!         return response.status(StatusCode::NOT_FOUND).send("not found\n");
//!     }
//!     response.header("content-type", "text/plain")?;
//!     response.send("hello\n") // head and body in one system call
//! })?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"GET /hello HTTP/1.0\r\n\r\n")?;
//! let mut received = String::new();
//! client.read_to_string(&mut received)?;
//! assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
//! assert!(received.ends_with("\r\n\r\nhello\n"), "{received}");
//! assert_eq!(server.stop()?.finished, 1); // waits for the response in progress
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There is no TLS and no HTTP/2: put a proxy in front for both.
//!
//! # Writing a body
//!
//! [`Response::writable`] returns a [`Writable`](crate::Writable): `write`, `Pressure`, `wait_drain`,
//! [`Write`](std::io::Write), as everywhere. It consumes the response, so that no header can be set after
//! the head. Bytes go to the kernel at once, on the thread that writes.
//!
//! **A slow client** fills the kernel's buffer; then up to the high-water mark is buffered, and a thread is
//! started that sends it; then the writer blocks until the client takes more. Other connections are not
//! affected. A client that takes nothing for [`write_stall`](Limits::write_stall), or less than
//! [`least_rate`](Limits::least_rate), is disconnected, and the write fails with
//! [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut).
//!
//! [`finish`](crate::Writable::finish) completes the response. If the body is dropped without it, by an
//! error or a panic, the connection is reset: no client takes the part for all.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::HighWaterMark;
//! use highwater::http::{Request, Response, Server};
//!
//! let server = Server::bind("127.0.0.1:0")?.spawn(|_: Request, response: Response| {
//!     let mut out = response.writable(HighWaterMark::bytes(64 * 1024));
//!     for n in 0..1000 {
//!         writeln!(out, "{n}")?; // small writes are merged
//!     }
//!     assert_eq!(out.finish()?.bytes(), 3890);
//!     Ok(())
//! })?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
//! let mut received = String::new();
//! client.read_to_string(&mut received)?;
//! assert!(received.ends_with("\n998\n999\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading a body
//!
//! A [`Body`] is a [`Read`](std::io::Read), an iterator of chunks, and the source of a
//! [`pipeline`](crate::pipeline): to a file, a compressor, a hash or another socket. Nothing is received
//! before it is read: TCP slows a client down that sends faster, and a client that asks first (`Expect:
//! 100-continue`) gets its `100 Continue` with the first read.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::http::{Request, Response, Server};
//! use highwater::pipeline;
//!
//! let server = Server::bind("127.0.0.1:0")?.spawn(|request: Request, response: Response| {
//!     let (report, stored) = pipeline(request.into_body()).to(Vec::new()).run_into()?;
//!     assert_eq!(stored.into_inner(), b"hello");
//!     response.send(format!("{} bytes\n", report.bytes()))
//! })?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"PUT / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")?;
//! let mut received = String::new();
//! client.read_to_string(&mut received)?;
//! assert!(received.ends_with("\r\n\r\n5 bytes\n"), "{received}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which thread runs what
//!
//! A connection has a thread only while something is done for it. One thread, the leader, waits for all
//! idle connections; when a request comes it runs the handler itself, without a hand-over. Before anything
//! that may block (a read of a body, a write to a slow client), and when a handler runs for longer than a
//! moment, another thread becomes the leader. So there are about as many threads as requests in progress
//! that wait or compute, and they are reused.
//!
//! | what | runs on |
//! | --- | --- |
//! | accept | a thread of the server |
//! | the handler, its reads of a body, `send`, `send_file` | a leader thread |
//! | a `writable` body | the thread that writes, while the kernel takes the bytes; then one thread of its own |
//! | [`Body::readable`] | one thread that reads ahead |
//! | idle, lingering and skipped connections | no thread |
//!
//! | a connection that is | holds |
//! | --- | --- |
//! | idle | about 1 KiB, and what was received of a head |
//! | receiving a body | a buffer of 64 KiB, and the chunks that the handler keeps |
//! | sending by `send` or `send_file` | what the handler has passed; nothing of a file |
//! | sending by `writable` | the high-water mark and a chunk |
//!
//! # Limits
//!
//! Every limit is on by default. These are set most often; [`Limits`] has all fifteen.
//!
//! | limit | default | beyond it |
//! | --- | --- | --- |
//! | [`head_bytes`](Limits::head_bytes) | 32 KiB | 431, close |
//! | [`body_bytes`](Limits::body_bytes) | 1 GiB | 413, close |
//! | [`head_timeout`](Limits::head_timeout) | 30 s | 408, close |
//! | [`body_idle`](Limits::body_idle) | 30 s | 408, close |
//! | [`write_stall`](Limits::write_stall) | 30 s | close |
//! | [`keep_alive`](Limits::keep_alive) | 60 s | close |
//! | [`Server::connections`] | see there | the kernel's backlog; an idle connection gives way |
//!
//! # Failures
//!
//! | what | the client sees | the [event](Server::on_event) |
//! | --- | --- | --- |
//! | a request that breaks a rule or a limit | the status of the [`Rejection`], and a close | `Refused`, with the [`Rejection`] as the source |
//! | a head that comes too slowly | 408, and a close | `Refused`: `TimedOut` |
//! | a body that is too long, malformed or too slow | 413, 400 or 408, unless the handler sends another response; and a close | `Refused`: the error of the handler |
//! | a client that takes nothing, or disconnects | | `Disconnected`: the error of the call |
//! | a handler that fails, panics or drops its response | 500, and a close | `Failed`: the error |
//! | the same after the head was sent | a reset, without a last chunk | `Failed`: the error |
//! | the same after the whole response was sent | nothing | `Failed`: the error |
//! | a body that differs from its declared length | as those; never a byte too many | `Failed`: `InvalidInput` or `LimitExceeded` |
//! | an idle connection that times out or gives way | a close | none |
//!
//! Without `on_event` each `Failed` is a line on standard error, with the request and the client; the others
//! are only counted.
//!
//! Malformed requests are never repaired, and nothing after one is read as a request.
//!
//! # Lingering close
//!
//! After a rejection, or the last response of a connection, the server closes its sending side and reads
//! on until the client has closed: a client that sends its whole body first can then read the response. It
//! ends after 5 s of silence ([`linger`](Limits::linger)) or 10 minutes
//! ([`linger_total`](Limits::linger_total)), and needs no thread.
//!
//! # Upgrade
//!
//! [`Response::upgrade`] switches the connection to another protocol, such as WebSocket, and returns a
//! [`Duplex`](crate::Duplex) over it. See there for an example.

#[cfg(feature = "testing")]
pub mod proto;
#[cfg(not(feature = "testing"))]
mod proto;

mod server;

#[cfg(feature = "files")]
pub mod files;

#[doc(no_inline)]
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};

pub use proto::{Limits, Rejection, RejectionKind};
pub use server::Server;
pub use server::request::{Parts, Request};
pub use server::request_body::Body;
pub use server::response::Response;
pub use server::response_body::Sent;
pub use server::trailers::Trailers;
