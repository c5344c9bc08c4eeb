//! TCP and Unix sockets.
//!
//! A socket is connected or accepted, and then given whole, or in its two halves, to streams and
//! pipelines. Whatever a thread does with one, be it to connect, to accept, to read or to write,
//! a [`CancelToken`](crate::CancelToken) ends it, and so does a timeout. A [`Server`] gives each
//! connection a thread, and has no more of them than it was told.

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

/// Connects to `HOST:PORT`; see [`Connect`].
pub fn connect(host: impl Into<String>) -> Connect {
    Connect::to(Address::Tcp(host.into()))
}

/// Connects to a Unix socket: to a path, or to the abstract name behind an `@`; see [`Connect`].
pub fn connect_unix(path: impl AsRef<Path>) -> Connect {
    Connect::to(Address::unix(path))
}

/// Listens on `HOST:PORT`; port 0 takes one that is free. [`Listen`] can be told more.
///
/// # Errors
///
/// Whatever keeps it from that, with the address.
pub fn listen(host: impl Into<String>) -> Result<Listener, Error> {
    Listener::on(Address::Tcp(host.into()))
}

/// Listens on a Unix socket, which must not be there yet: on a path, or by the abstract name behind
/// an `@`. [`Listen`] can be told more.
///
/// # Errors
///
/// Whatever keeps it from that, with the path.
pub fn listen_unix(path: impl AsRef<Path>) -> Result<Listener, Error> {
    Listener::on(Address::unix(path))
}
