//! A socket as a stream that is used by hand: a `Writable` or a `Duplex`.

use std::sync::Arc;

use bytes::Bytes;

use super::{Socket, SocketSink, SocketSource};
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::stream::duplex::Duplex;
use crate::stream::into::{IntoSink, IntoSource};
use crate::stream::readable::Readable;
use crate::stream::writable::Writable;

/// Streams that are used by hand, without a pipeline.
impl Socket {
    /// Makes a [`Writable`] that writes to the socket.
    ///
    /// A write hands its bytes to the kernel at once, on the thread that writes. Only bytes that the
    /// kernel does not take without blocking are queued. A thread is started for them, which ends when
    /// it has had nothing to do for a second. So a peer that keeps up costs no thread.
    /// [`finish`](Writable::finish) waits until everything is written, closes the writing half, and
    /// returns the socket.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use std::net::{TcpListener, TcpStream};
    /// use highwater::{HighWaterMark, net::Socket};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut peer, _) = listener.accept()?;
    ///
    /// let mut out = Socket::from(stream).writable(HighWaterMark::bytes(64 * 1024));
    /// if out.write("hello".into())?.reached() {
    ///     out.wait_drain()?;
    /// }
    /// let socket = out.finish()?; // the peer reads the end, and may still send
    /// let mut received = String::new();
    /// peer.read_to_string(&mut received)?;
    /// assert_eq!(received, "hello");
    /// assert!(socket.name().starts_with("tcp://127.0.0.1:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[doc(alias = "end")]
    #[doc(alias = "write")]
    pub fn writable(self, mark: HighWaterMark<InBytes>) -> Writable<Bytes, Self> {
        let again = |sink: SocketSink| Self {
            shared: Arc::clone(&sink.shared),
            limits: sink.limits,
        };
        Writable::spawn(self.into_sink(), &mark, again)
    }

    /// Makes a [`Duplex`] over the socket: a thread reads ahead from it, and writes go as
    /// [`writable`](Self::writable) describes. Each half buffers up to `mark`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use highwater::{HighWaterMark, net};
    ///
    /// let listener = net::listen("127.0.0.1:0")?;
    /// let address = listener.local_addr()?.to_string();
    /// let server = thread::spawn(move || {
    ///     let mut peer = listener.accept()?.duplex(HighWaterMark::default());
    ///     while let Some(chunk) = peer.next().transpose()? {
    ///         peer.write(chunk).map_err(|refused| refused.into_parts().1)?; // an echo
    ///     }
    ///     peer.split().1.finish().map(drop)
    /// });
    ///
    /// let mut server_side = net::connect(address).open()?.duplex(HighWaterMark::default());
    /// server_side.write("ping".into())?;
    /// assert_eq!(server_side.next().transpose()?.as_deref(), Some(&b"ping"[..]));
    /// server_side.end();
    /// assert!(server_side.next().is_none());
    /// server.join().unwrap()?;
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub fn duplex(self, mark: HighWaterMark<InBytes>) -> Duplex<Bytes, Bytes, Self> {
        let reading = Self {
            shared: Arc::clone(&self.shared),
            limits: self.limits,
        };
        let readable = Readable::from_source(reading.into_source(), mark);
        Duplex::new(readable, self.writable(mark))
    }
}

impl IntoSource<Bytes> for Socket {
    type Source = SocketSource;

    fn into_source(self) -> SocketSource {
        SocketSource::new(self.shared, self.limits)
    }
}

impl IntoSink<Bytes> for Socket {
    type Sink = SocketSink;

    fn into_sink(self) -> SocketSink {
        SocketSink::new(self.shared, self.limits)
    }
}
