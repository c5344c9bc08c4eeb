//! TCP and Unix sockets: Node's `net`.
//!
//! [`connect`] and [`listen`] make sockets, and a [`Socket`] is given to streams and pipelines, whole
//! or as two halves. Every call that blocks, be it a connect, an accept, a read or a write, ends with a
//! timeout or with a [`CancelToken`](crate::CancelToken). A [`Server`] runs a handler for each
//! connection, and accepts no more connections at a time than its bound. A [`relay()`] passes on what
//! two sockets send to each other.
//!
//! ```
//! use std::thread;
//! use highwater::{Bytes, net, pipeline};
//!
//! let listener = net::listen("127.0.0.1:0")?;
//! let address = listener.local_addr()?.to_string();
//! let client = thread::spawn(move || {
//!     let socket = net::connect(address).open()?;
//!     Ok::<_, highwater::Error>(pipeline(&b"hello"[..]).to(socket).run()?)
//! });
//! let received: Vec<Bytes> = pipeline(listener.accept()?).readable().to_vec(100)?;
//! assert_eq!(received.concat(), b"hello");
//! client.join().unwrap()?;
//! # Ok::<(), highwater::Error>(())
//! ```

pub(crate) mod address;
pub(crate) mod connect;
pub(crate) mod from_std;
pub(crate) mod listen;
pub(crate) mod options;
pub(crate) mod relay;
pub(crate) mod resolve;
pub(crate) mod server;
pub(crate) mod socket;
pub(crate) mod unix_file;

use std::path::Path;

use crate::error::Error;

pub use crate::os::byte_counts::SocketMonitor;
pub use address::Address;
pub use connect::Connect;
pub use listen::{Listen, Listener};
pub use options::{KeepAlive, SocketOptions};
pub use relay::{
    Direction, DirectionCounts, DirectionEnd, Relay, RelayCounts, RelayFailure, RelayMonitor,
    Relayed, relay,
};
pub use server::{
    Connection, RequestSummary, RunningServer, Server, ServerCounts, ServerEvent, ServerHandle,
};
pub use socket::{Socket, SocketSink, SocketSource};

/// Prepares a connection to `HOST:PORT`; [`Connect::open`] makes it. Node's `net.connect`.
///
/// # Examples
///
/// ```
/// use highwater::net;
///
/// let listener = net::listen("127.0.0.1:0")?;
/// let socket = net::connect(listener.local_addr()?.to_string()).open()?;
/// assert_eq!(socket.peer_addr()?, listener.local_addr()?);
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "createConnection")]
pub fn connect(host: impl Into<String>) -> Connect {
    Connect::to(Address::Tcp(host.into()))
}

/// Prepares a connection to a Unix socket; [`Connect::open`] makes it. `path` is a path, or an abstract
/// name after an `@`.
#[doc(alias = "createConnection")]
pub fn connect_unix(path: impl AsRef<Path>) -> Connect {
    Connect::to(Address::unix(path))
}

/// Listens on `HOST:PORT`; port 0 takes a free one. [`Listen`] has more options, and a [`Server`] runs
/// a handler for each connection.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if the host cannot be resolved, the address is in use or
/// may not be used, or no descriptor is left. The error names the address.
///
/// # Examples
///
/// ```
/// use highwater::net;
///
/// let listener = net::listen("127.0.0.1:0")?;
/// let refused = net::listen(listener.local_addr()?.to_string()).unwrap_err();
/// assert_eq!(refused.io_error().unwrap().kind(), std::io::ErrorKind::AddrInUse);
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "createServer")]
pub fn listen(host: impl Into<String>) -> Result<Listener, Error> {
    Listener::on(Address::Tcp(host.into()))
}

/// Listens on a Unix socket. `path` is a path, or an abstract name after an `@`; there must be no file
/// at the path yet. [`Listen`] has more options.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io): `AddrInUse` if there is a file at the path, and otherwise
/// what the operating system returns. [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if
/// the path is too long for a socket. The error names the path.
#[doc(alias = "createServer")]
pub fn listen_unix(path: impl AsRef<Path>) -> Result<Listener, Error> {
    Listener::on(Address::unix(path))
}
