//! Conversions from the sockets of std.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use bytes::Bytes;

use super::socket::{Socket, SocketSink, SocketSource};
use crate::os::timeouts::Timeouts;
use crate::stream::into::{IntoSink, IntoSource};

/// Takes over a connected socket. It may block or not; its flags stay as they are.
impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        let peer = stream.peer_addr();
        let name = peer.map_or_else(|_| "tcp".to_owned(), |peer| format!("tcp://{peer}"));
        Self::new(stream.into(), name, Timeouts::default())
    }
}

/// Takes over a connected socket. It may block or not; its flags stay as they are.
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self::new(stream.into(), "unix".to_owned(), Timeouts::default())
    }
}

impl IntoSource<Bytes> for TcpStream {
    type Source = SocketSource;

    fn into_source(self) -> SocketSource {
        Socket::from(self).into_source()
    }
}

impl IntoSink<Bytes> for TcpStream {
    type Sink = SocketSink;

    fn into_sink(self) -> SocketSink {
        Socket::from(self).into_sink()
    }
}

impl IntoSource<Bytes> for UnixStream {
    type Source = SocketSource;

    fn into_source(self) -> SocketSource {
        Socket::from(self).into_source()
    }
}

impl IntoSink<Bytes> for UnixStream {
    type Sink = SocketSink;

    fn into_sink(self) -> SocketSink {
        Socket::from(self).into_sink()
    }
}
