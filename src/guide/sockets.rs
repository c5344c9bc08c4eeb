//! Sockets: connecting, serving, half-close, relays, TLS.
//!
//! # Connect and listen
//!
//! ```
//! use std::thread;
//! use std::time::Duration;
//! use highwater::{net, pipeline};
//!
//! let listener = net::listen("127.0.0.1:0")?;
//! let address = listener.local_addr()?.to_string();
//! let server = thread::spawn(move || {
//!     let (_, got) = pipeline(listener.accept()?).to(Vec::new()).run_into()?;
//!     Ok::<_, highwater::Error>(got.into_inner())
//! });
//!
//! let socket = net::connect(address)
//!     .timeout(Duration::from_secs(5)) // the lookup and all attempts together
//!     .idle_timeout(Duration::from_secs(60)) // then: no byte moved for so long
//!     .open()?;
//! pipeline(&b"over the wire"[..]).to(socket).run()?;
//! assert_eq!(server.join().unwrap()?, b"over the wire");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! A host with several addresses is tried as RFC 8305 says (IPv6 and IPv4 in turn, each with a head
//! start). Unix sockets: [`connect_unix`](crate::net::connect_unix),
//! [`listen_unix`](crate::net::listen_unix); a name behind `@` is abstract. A
//! [`TcpStream`](std::net::TcpStream) or [`UnixStream`](std::os::unix::net::UnixStream) of std is a source,
//! a sink and a [`Socket`](crate::net::Socket) as it is.
//!
//! # Read and write at the same time
//!
//! | you want | call | threads |
//! | --- | --- | --- |
//! | two halves for two pipelines | [`Socket::split`](crate::net::Socket::split) | those of the pipelines |
//! | a [`Writable`](crate::Writable) | [`Socket::writable`](crate::net::Socket::writable) | none while the peer keeps up, one while it does not |
//! | a [`Duplex`](crate::Duplex) | [`Socket::duplex`](crate::net::Socket::duplex) | one to read ahead, and as above |
//! | to pass on what each of two sockets sends | [`net::relay`](crate::net::relay()) | none: the caller's |
//!
//! What is written to a `Socket::writable` goes to the kernel from the thread that writes, without
//! blocking. Only what the kernel does not take is queued, up to the mark, and only for that a thread
//! starts. The same holds for [`Writable::from_sink`](crate::Writable::from_sink) of any sink that is
//! [direct](crate::Sink::direct), as a [`SocketSink`](crate::net::SocketSink) is. [`Writable::to`](crate::Writable::to) takes any [`Write`](std::io::Write), which cannot report
//! that it would block, and so always has a thread.
//!
//! # The end of a connection
//!
//! | what you do | the peer sees |
//! | --- | --- |
//! | `finish` the sink, or run a pipeline into it | everything, then an end (`FIN`); it may still send |
//! | drop the sink before that, also by an error or a panic | a reset, so that it cannot take a part for everything |
//! | [`Socket::reset`](crate::net::Socket::reset) | a reset |
//!
//! A Unix socket has no reset: there the peer sees an end, and has to know by a length that it came too
//! early. In Node `destroy()` sends a `FIN`: an echo server that is ported line by line, without `finish`,
//! resets its clients here.
//!
//! `Ok` of a run into a socket means that the kernel has taken everything and the end. It does not mean that
//! the peer has read it. [`linger`](crate::net::SocketSink::linger) waits until the peer has ended, or has
//! sent nothing for a time. A protocol that must know sends a response, or uses [`wire`](crate::wire).
//!
//! The two halves are independent: the end of the peer does not end what you write (Node's
//! `allowHalfOpen: true`).
//!
//! A socket that is closed while unread data is in it is reset by the operating system, and the peer may
//! lose what it was sent last. [`linger`](crate::net::SocketSink::linger) reads on until the peer has
//! ended as well.
//!
//! # A server
//!
//! A [`Server`](crate::net::Server) gives each connection a thread, has a bound on connections, and
//! ends them in order.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{Shutdown, TcpStream};
//! use highwater::net::{Connection, Server};
//! use highwater::pipeline;
//!
//! let echo = |connection: Connection| {
//!     let token = connection.token().clone();
//!     let (source, sink) = connection.split();
//!     pipeline(source).cancel_with(&token).to(sink).run()?;
//!     Ok(())
//! };
//! let server = Server::bind("127.0.0.1:0")?.connections(100).spawn(echo)?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"hello")?;
//! client.shutdown(Shutdown::Write)?;
//! let mut echoed = String::new();
//! client.read_to_string(&mut echoed)?;
//! assert_eq!(echoed, "hello");
//!
//! let counts = server.stop()?; // waits for the connections that run, for at most the grace time
//! assert_eq!((counts.accepted, counts.finished, counts.open), (1, 1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | setting | default | over it |
//! | --- | --- | --- |
//! | [`connections`](crate::net::Server::connections) | 1024 | the rest wait in the backlog of the kernel; or are reset, with [`drop_when_full`](crate::net::Server::drop_when_full) |
//! | [`grace`](crate::net::Server::grace) | 30 s | after a `stop`, connections that still run are aborted |
//! | [`on_event`](crate::net::Server::on_event) | a line on standard error for each failure of a handler | |
//! | [`idle_threads`](crate::net::Server::idle_threads) | 10 s | a thread without work ends |
//! | [`stack_bytes`](crate::net::Server::stack_bytes) | 256 KiB of address space a thread | |
//!
//! # One slow client
//!
//! In a pipeline into a socket, a client that takes nothing makes that one pipeline wait. It holds a mark
//! and a chunk, and nothing else in the program waits. End it with
//! [`write_timeout`](crate::net::SocketOptions::write_timeout) or
//! [`idle_timeout`](crate::net::SocketOptions::idle_timeout):
//!
//! ```
//! use std::time::Duration;
//! use highwater::{ErrorKind, net::{self, SocketOptions}, pipeline};
//!
//! let listener = net::listen("127.0.0.1:0")?;
//! let impatient = SocketOptions::new().write_timeout(Duration::from_millis(50));
//! let socket = net::connect(listener.local_addr()?.to_string()).options(&impatient).open()?;
//! let _peer = listener.accept()?; // never reads
//! let failure = pipeline(vec![0; 64 << 20]).to(socket).run().unwrap_err();
//! assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # A stream between two programs
//!
//! A plain socket has no end that differs from a crash, and cannot carry a cause. A stream of
//! [`wire`](crate::wire) over a socket can: its writer sends no more than its reader has given credit for,
//! and `end`, `fail` and `destroy` cross the network as they cross a channel.
//!
//! # TLS
//!
//! There is no TLS in this crate. A TLS stream, such as `rustls::StreamOwned`, is a
//! [`Read`](std::io::Read) and a [`Write`](std::io::Write) over any stream that is both, and a
//! [`Duplex`](crate::Duplex) of bytes is one. So it can be read by
//! [`Readable::from_read`](crate::Readable::from_read), *or* written by
//! [`Writable::to`](crate::Writable::to). It cannot be split into two threads without a lock, so it does not
//! read and write at the same time. For an [HTTP](super::http) server put a proxy that ends TLS in front.
//!
//! Next: [processes](super::processes).
