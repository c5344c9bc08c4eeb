//! HTTP: request bodies that are read, response bodies that are written.
//!
//! A [`Server`](crate::http::Server) calls a handler for each request. The handler is plain blocking code.
//! The body of a [`Request`](crate::http::Request) is read, and the body of a
//! [`Response`](crate::http::Response) is a [`Writable`](crate::Writable): a client that is slow makes its
//! own handler wait, and nothing else.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::http::{Request, Response, Server, StatusCode};
//! use highwater::{HighWaterMark, pipeline};
//!
//! let handler = |request: Request, mut response: Response| match request.path() {
//!     "/hello" => {
//!         response.header("content-type", "text/plain")?;
//!         response.send("hello\n") // the head and the body in one system call
//!     }
//!     "/count" => {
//!         let mut out = response.writable(HighWaterMark::bytes(64 * 1024));
//!         for n in 0..1000 {
//!             writeln!(out, "{n}")?; // waits for a client that is slower
//!         }
//!         out.finish()?; // without this the response is cut, and the client can tell
//!         Ok(())
//!     }
//!     "/take" => {
//!         // Into a file, a compressor, a hash or another socket: all the same.
//!         let (report, _) = pipeline(request.into_body()).to(Vec::new()).run_into()?;
//!         response.send(format!("{} bytes\n", report.bytes()))
//!     }
//!     _ => response.status(StatusCode::NOT_FOUND).send("not here\n"),
//! };
//! let server = Server::bind("127.0.0.1:0")?.connections(1000).spawn(handler)?;
//!
//! let ask = |request: &str| -> std::io::Result<String> {
//!     let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//!     client.write_all(request.as_bytes())?;
//!     let mut text = String::new();
//!     client.read_to_string(&mut text)?;
//!     Ok(text)
//! };
//! assert!(ask("GET /hello HTTP/1.0\r\n\r\n")?.ends_with("\r\n\r\nhello\n"));
//! assert!(ask("GET /count HTTP/1.0\r\n\r\n")?.ends_with("\n998\n999\n"));
//! assert!(ask("PUT /take HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc")?.ends_with("\r\n\r\n3 bytes\n"));
//! assert!(ask("GET /tea HTTP/1.0\r\n\r\n")?.starts_with("HTTP/1.1 404 "));
//! server.stop()?; // waits for the responses that are on their way
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which method for what
//!
//! | the response is | call | memory | thread |
//! | --- | --- | --- | --- |
//! | there already | [`send`](crate::http::Response::send) | what you gave | the handler's |
//! | a part of a file | [`send_file`](crate::http::Response::send_file) | none: the kernel sends it | the handler's |
//! | a file below a directory, with ranges, conditions and types | [`files::Folder`](crate::http::files::Folder) | none | the handler's |
//! | made while it is sent | [`writable`](crate::http::Response::writable) | its mark and a chunk | one more while the client is slower |
//! | another protocol from now on | [`upgrade`](crate::http::Response::upgrade) | a mark each way | those that you start |
//! | ahead of the response (103, 100) | [`inform`](crate::http::Response::inform) | | |
//!
//! | the request's body is | call |
//! | --- | --- |
//! | small | [`body().to_bytes(limit)`](crate::http::Body::to_bytes) |
//! | the source of a pipeline | [`into_body()`](crate::http::Request::into_body) |
//! | read by a parser | [`Body`](crate::http::Body) is a [`Read`](std::io::Read) and a [`BufRead`](std::io::BufRead) |
//! | to be read ahead on a thread | [`readable(mark)`](crate::http::Body::readable) |
//!
//! Nothing of a body is read before it is asked for. A client that sends faster waits in its own
//! operating system, and one that asked first (`Expect: 100-continue`) is answered then.
//!
//! # A pipeline into a response
//!
//! A pipeline ends in a [`Sink`](crate::Sink), and a [`Writable`](crate::Writable) is none. Read the
//! pipeline, and pipe that into the response:
//!
//! ```
//! # use std::io::{Read, Write};
//! # use std::net::TcpStream;
//! use highwater::http::{Request, Response, Server};
//! use highwater::{HighWaterMark, fs, pipeline};
//!
//! let server = Server::bind("127.0.0.1:0")?.spawn(|_: Request, response: Response| {
//!     let text = pipeline(fs::read("Cargo.toml")?).readable();
//!     text.pipe_to(response.writable(HighWaterMark::default()))?; // ends it, or fails it
//!     Ok(())
//! })?;
//! # let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! # client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
//! # let mut text = String::new();
//! # client.read_to_string(&mut text)?;
//! # assert!(text.ends_with(&std::fs::read_to_string("Cargo.toml")?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When something fails
//!
//! | what | the client sees | [`on_event`](crate::http::Server::on_event) gets |
//! | --- | --- | --- |
//! | a request that breaks a rule or a limit | 4xx, and a close | `Refused` |
//! | a client that goes away, or takes nothing | | `Disconnected` |
//! | a handler that fails or panics before the head was sent | 500, and a close | `Failed` |
//! | the same after the head | a reset: no client takes a part for everything | `Failed` |
//!
//! Without `on_event`, each `Failed` is a line on standard error. Nothing doubtful in a request is repaired.
//!
//! # Limits
//!
//! All are on by default: see [`Limits`](crate::http::Limits). Change them with
//! [`Server::limits`](crate::http::Server::limits). Those that a streaming server meets first: a body may
//! have 1 GiB; a client that takes nothing for 30 s, or less than 500 bytes a second on average, is
//! cut off. A stream of events therefore sends a comment line now and then.
//!
//! The number of connections, the grace time and socket options are those of a
//! [`net::Server`](crate::net::Server): configure one and build on it with
//! [`http::Server::on`](crate::http::Server::on).
//!
//! There is no client, no TLS and no HTTP/2. Clients such as `ureq` read and write streams of this crate as
//! they read and write anything; for TLS and HTTP/2 put a proxy in front.
//!
//! Next: [which thread runs what](super::threads).
