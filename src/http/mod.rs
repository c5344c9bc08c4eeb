//! HTTP/1.1: a request's body is read, and an answer's is written, at the speed of whoever is slower.
//!
//! A [`Server`] calls a handler for each [`Request`], with the [`Response`] that is to be given. It
//! is plain blocking code, and may wait for whatever it likes.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::http::{Request, Response, Server, StatusCode};
//!
//! let handler = |request: Request, mut response: Response| match request.path() {
//!     "/hello" => {
//!         response.header("content-type", "text/plain")?;
//!         response.send("hello\n") // the head and the body in one system call
//!     }
//!     _ => response.status(StatusCode::NOT_FOUND).send("not here\n"),
//! };
//! let server = Server::bind("127.0.0.1:0")?.connections(1000).spawn(handler)?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"GET /hello HTTP/1.0\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.ends_with("\r\n\r\nhello\n"));
//!
//! assert_eq!(server.stop()?.finished, 1); // waits for what is being answered
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A body that is written
//!
//! [`Response::writable`] gives a [`Writable`](crate::Writable): `write`, `Pressure`, `wait_drain`,
//! [`Write`](std::io::Write), as everywhere. With it the answer is gone, so there is no header after
//! the head. What is written goes to the system at once, on the thread that writes; when the client
//! is slow, up to the high-water mark waits, and then the writer does.
//!
//! [`finish`](crate::Writable::finish) makes the answer whole. A body that is dropped without, by an
//! error or a panic, is cut with a reset: no client takes a part for everything.
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
//! # let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! # client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
//! # let mut answer = String::new();
//! # client.read_to_string(&mut answer)?;
//! # assert!(answer.ends_with("\n998\n999\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A body that is read
//!
//! A [`Body`] is a [`Read`](std::io::Read), an iterator of chunks, and the source of a
//! [`pipeline`](crate::pipeline). It is read when it is asked for: a client that sends faster waits
//! in its own system, and one that has asked whether to send at all is told so then (`Expect:
//! 100-continue`).
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::http::{Request, Response, Server};
//! use highwater::pipeline;
//!
//! let server = Server::bind("127.0.0.1:0")?.spawn(|request: Request, response: Response| {
//!     // To a file, a compressor, a hash or another socket, all the same.
//!     let (report, _) = pipeline(request.into_body()).to(Vec::new()).run_into()?;
//!     response.send(format!("{} bytes\n", report.bytes()))
//! })?;
//! # let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! # client.write_all(b"PUT / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")?;
//! # let mut answer = String::new();
//! # client.read_to_string(&mut answer)?;
//! # assert!(answer.ends_with("\r\n\r\n5 bytes\n"), "{answer}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What goes wrong
//!
//! | what | the client sees | [`on_event`](Server::on_event) is told |
//! | --- | --- | --- |
//! | a request that breaks a rule, or a [limit](Limits) | the status that says so, and a close | `Refused`: the [`Rejection`](proto::Rejection) |
//! | a head that comes too slowly | 408, and a close | `Refused`: `TimedOut` |
//! | a body that is too long, malformed or too slow | 413, 400 or 408, unless the handler answers otherwise; and a close | `Refused`: what the handler returns |
//! | a client that takes nothing, or goes away | | `Disconnected`: what the call says |
//! | a handler that fails, panics or drops its answer | 500, and a close | `Failed`: the error |
//! | the same behind the head | a reset, without a last chunk | `Failed`: the error |
//! | the same behind the whole answer | nothing | `Failed`: the error |
//! | a body that has not the length that was said | as those; never a byte too many | `Failed`: `InvalidInput`, `LimitExceeded` |
//! | a connection that is idle for too long, or gives way | a close | nothing |
//!
//! Without `on_event`, each `Failed` is a line on standard error, with the request and the peer; what
//! clients do is only counted.
//!
//! Nothing that is doubtful is repaired, and nothing behind it is read as a request: see [`proto`].
//! Every limit is on by default, and can be [set](Server::limits).
//!
//! # Threads and memory
//!
//! A connection has a thread only while something is done for it. All that are idle are watched by
//! one thread, which serves a request itself when one comes, with no hop to another; when a handler
//! takes its time another thread has taken over the watch. So there are about as many threads as
//! there are requests that wait for something, and they are reused. Requests that are answered
//! within a millisecond or so are all served by that one thread, and so on one processor: it does
//! more of them than threads that wake each other.
//!
//! | a connection that is | holds |
//! | --- | --- |
//! | idle | about a kilobyte, and what has come of a head |
//! | read | a buffer of 8 KiB, or for a body 64 KiB, and what the handler keeps of the chunks |
//! | answered by `send` or `send_file` | what was given to it; of a file nothing |
//! | answered by `writable` | its high-water mark and a chunk; a thread from when the client is slower than the handler |

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
