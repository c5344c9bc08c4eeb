//! A connected socket, and its two halves as a source and a sink.

mod source;
mod streams;

use std::borrow::Cow;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockAddr;

use super::options::{SocketOptions, domain_of};
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::os::byte_counts::SocketMonitor;
#[cfg(target_os = "linux")]
use crate::os::copy::End;
#[cfg(feature = "http")]
use crate::os::copy::FileSend;
#[cfg(target_os = "linux")]
use crate::os::copy::pair;
use crate::os::shared_socket::SharedSocket;
use crate::os::stall::WriteStall;
use crate::os::timeouts::Timeouts;
use crate::os::{Ready, Waker};
#[cfg(target_os = "linux")]
use crate::stage::copy_path::BufferedReason;
use crate::stage::hooks::SinkHooks;
#[cfg(feature = "http")]
use crate::stage::offer::CopyFailure;
#[cfg(target_os = "linux")]
use crate::stage::offer::{CopySource, ZeroCopy};
use crate::stage::sink::{Attempt, Direct, Sink, retry, write_vectored};
use crate::state::batch::Batch;

pub use source::SocketSource;

/// A connected TCP or Unix socket: Node's `net.Socket`.
///
/// As the source of a pipeline it is read to the end. As a sink, finishing it closes its writing half:
/// the peer sees the end, and may still send. [`split`](Self::split) gives both halves, and
/// [`writable`](Self::writable) and [`duplex`](Self::duplex) give streams that are used by hand.
///
/// Between two sockets, and from a socket to a file, the kernel moves the bytes of a pipeline (`splice`)
/// if calls on the sockets do not block. That holds for sockets that this module has made, and for a
/// [`TcpStream`](std::net::TcpStream) after
/// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
///
/// # Examples
///
/// ```
/// use std::thread;
/// use highwater::{net, pipeline};
///
/// let listener = net::listen("127.0.0.1:0")?;
/// let address = listener.local_addr()?.to_string();
/// let echo = thread::spawn(move || {
///     let (source, sink) = listener.accept()?.split();
///     Ok::<_, highwater::Error>(pipeline(source).to(sink).run()?) // back to the client
/// });
///
/// let (source, sink) = net::connect(address).open()?.split();
/// pipeline(&b"ping"[..]).to(sink).run()?; // closes the writing half only
/// let (_, reply) = pipeline(source).to(Vec::new()).run_into()?;
/// assert_eq!(reply.into_inner(), b"ping");
/// echo.join().unwrap()?;
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "setNoDelay")]
#[doc(alias = "setKeepAlive")]
pub struct Socket {
    shared: Arc<SharedSocket>,
    limits: Timeouts,
}

impl Socket {
    /// Takes a socket whose options are set.
    pub(crate) fn new(socket: socket2::Socket, name: String, limits: Timeouts) -> Self {
        Self {
            shared: Arc::new(SharedSocket::new(socket, name)),
            limits,
        }
    }

    /// The address of the peer as errors and reports name it, such as `tcp://127.0.0.1:80`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.name()
    }

    /// Sets the options of a connected socket. Options that are not set keep their value, except
    /// [`no_delay`](SocketOptions::no_delay). The timeouts are all replaced, and a
    /// [lifetime](SocketOptions::lifetime) begins now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if a value makes no sense or does not suit the socket, and
    /// [`ErrorKind::Io`] if the operating system refuses it. The error names the option.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use highwater::{ErrorKind, Source, net::{self, SocketOptions}};
    ///
    /// let listener = net::listen("127.0.0.1:0")?;
    /// let mut socket = net::connect(listener.local_addr()?.to_string()).open()?;
    /// socket.set_options(&SocketOptions::new().read_timeout(Duration::from_millis(1)))?;
    /// let silent = socket.split().0.read().unwrap_err();
    /// assert_eq!(silent.kind(), ErrorKind::TimedOut);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "setNoDelay")]
    #[doc(alias = "setKeepAlive")]
    #[doc(alias = "setTimeout")]
    pub fn set_options(&mut self, options: &SocketOptions) -> Result<(), Error> {
        let socket = self.shared.socket();
        domain_of(socket)
            .and_then(|domain| options.apply(socket, domain))
            .map_err(|error| error.during("set an option of", self.shared.name()))?;
        self.limits = options.limits();
        Ok(())
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a Unix socket, and [`ErrorKind::Io`] with `NotConnected` once the
    /// connection is gone.
    #[doc(alias = "remoteAddress")]
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        of_tcp(&self.shared.socket().peer_addr()?)
    }

    /// The local address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a Unix socket.
    #[doc(alias = "localAddress")]
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        of_tcp(&self.shared.socket().local_addr()?)
    }

    /// A monitor that counts the bytes read and written, from any thread, also after the socket is closed.
    #[must_use]
    pub fn monitor(&self) -> SocketMonitor {
        self.shared.monitor()
    }

    /// Closes one half or both halves of the connection, and keeps the socket. After a shutdown of the
    /// writing half the peer reads the end. After one of the reading half, reads return what has come
    /// and then the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with `NotConnected` once the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        let shut = self.shared.socket().shutdown(how).map_err(Error::from);
        shut.map_err(|error| error.during("shut down", self.shared.name()))
    }

    /// Closes the socket with a reset (`RST`): the reads and writes of the peer fail, and bytes that it
    /// has not read are lost. A Unix socket has no reset: there the peer reads an end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the operating system refuses the option.
    #[doc(alias = "resetAndDestroy")]
    #[doc(alias = "destroy")]
    pub fn reset(self) -> Result<(), Error> {
        let reset = self.shared.reset_on_close();
        reset.map_err(|error| Error::from(error).during("reset", self.shared.name()))
    }

    /// Sends what the kernel takes now. Does not block.
    pub(crate) fn try_send(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        retry(|| self.shared.send(slices))
    }

    /// The same when more bytes follow at once: a small piece is sent with them, and not in a segment of
    /// its own.
    #[cfg(feature = "http")]
    pub(crate) fn try_send_more(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        retry(|| self.shared.send_more(slices))
    }

    /// Sends as much of a part of a file as the kernel takes now; see [`FileSend::try_slice`].
    #[cfg(feature = "http")]
    pub(crate) fn try_send_file(&self, part: &mut FileSend<'_>) -> Result<Attempt, CopyFailure> {
        part.try_slice(&self.shared)
    }

    /// Reads what is there. Does not block.
    pub(crate) fn try_recv(&self, room: &mut [u8]) -> io::Result<usize> {
        retry(|| self.shared.receive(room))
    }

    /// Waits until it is ready, within its timeouts.
    #[cfg(feature = "wire")]
    pub(crate) fn wait(&self, waker: &Waker, ready: Ready) -> Result<(), Error> {
        self.limits.wait(waker, &*self.shared, ready)
    }

    /// The error that has broken the connection, if no call has returned it yet.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.shared.take_error().map(io::Error::from)
    }

    /// Makes the close a reset, where the socket has one.
    pub(crate) fn reset_on_close(&self) {
        // A Unix socket does not have the option.
        let _ = self.shared.reset_on_close();
    }

    /// The shorter of its two idle timeouts.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.limits.idle()
    }

    /// Closes the writing half.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.shared.end()
    }

    /// Turns Nagle's algorithm off, where the socket has it.
    pub(crate) fn send_at_once(&self) {
        let _ = self.shared.socket().set_tcp_nodelay(true);
    }

    /// A second handle of the same connection.
    #[cfg(feature = "http")]
    pub(crate) fn share(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            limits: self.limits,
        }
    }

    /// A guard that resets the connection if it is dropped before it is disarmed.
    pub(crate) fn reset_on_drop(&self) -> ResetOnDrop {
        ResetOnDrop(Some(Arc::clone(&self.shared)))
    }

    /// Splits the socket into its two halves, which two threads may use at the same time. The socket is
    /// closed when both are dropped.
    #[must_use]
    pub fn split(self) -> (SocketSource, SocketSink) {
        let source = SocketSource::new(Arc::clone(&self.shared), self.limits);
        (source, SocketSink::new(self.shared, self.limits))
    }
}

/// For calls that this crate does not offer, such as an option that only one operating system has. Do not
/// read or write by it while a stream uses the socket: the bytes of both would be mixed.
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.as_fd()
    }
}

/// The address of a TCP socket.
pub(crate) fn of_tcp(addr: &SockAddr) -> Result<SocketAddr, Error> {
    addr.as_socket().ok_or_else(|| {
        let message = "a Unix socket has no port";
        Error::new(ErrorKind::InvalidInput, message)
    })
}

/// Resets a connection that no handler has taken: a plain close would look like an empty stream.
#[derive(Debug)]
pub(crate) struct ResetOnDrop(Option<Arc<SharedSocket>>);

impl ResetOnDrop {
    /// Leaves the connection as it is.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            // A Unix socket does not have the option.
            let _ = shared.reset_on_close();
        }
    }
}

/// The writing half of a [`Socket`] as a [`Sink`].
///
/// [`finish`](Sink::finish) closes the writing half: the peer reads the end. A sink that is dropped
/// before that resets a TCP connection, so that the peer cannot take what it has read for the whole. A
/// Unix socket has no reset: there the peer reads an end, and must know by other means, such as a
/// length, that it came too early.
///
/// A write waits until the kernel takes at least one byte. A cancel, the
/// [write timeout](SocketOptions::write_timeout) and the end of the
/// [lifetime](SocketOptions::lifetime) end the wait with an error.
#[derive(Debug)]
pub struct SocketSink {
    shared: Arc<SharedSocket>,
    waker: Waker,
    limits: Timeouts,
    finished: bool,
}

impl SocketSink {
    fn new(shared: Arc<SharedSocket>, limits: Timeouts) -> Self {
        Self {
            shared,
            waker: Waker::new(),
            limits,
            finished: false,
        }
    }

    /// Makes [`finish`](Sink::finish) wait until the peer has ended too, or has sent no byte for
    /// `silence`. Bytes that the peer sends meanwhile are dropped, however many. For a sink whose other
    /// half is not read. A cancel ends the wait with an error, the end of the
    /// [lifetime](SocketOptions::lifetime) ends it without one.
    ///
    /// Without it the kernel resets a connection that is closed while there are bytes to read, and the
    /// peer may lose the last bytes that it was sent.
    #[must_use]
    pub const fn linger(mut self, silence: Duration) -> Self {
        self.limits.linger = Some(silence);
        self
    }

    /// Reads and drops until the peer has ended. The wait ends with that, after `silence`, with the
    /// lifetime, or with a wake.
    fn drain_peer(&self, silence: Duration) -> Result<(), Error> {
        let mut dropped = [0; 16 << 10];
        let mut read = || self.shared.receive(&mut dropped);
        loop {
            // In each turn: a peer that sends as fast as it is read never makes this wait, and the wait
            // is what a wake or the lifetime would end.
            self.waker.check()?;
            if self.limits.left() == Some(Duration::ZERO) {
                return Ok(());
            }
            match retry(&mut read) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let within = self.limits.left().map_or(silence, |left| left.min(silence));
                    let waited = self.waker.wait(&*self.shared, Ready::ToRead, Some(within));
                    match waited {
                        Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(()),
                        result => result?,
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Sink<Bytes> for SocketSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        let mut stall = WriteStall::default();
        while self.try_write(batch)? == Attempt::WouldBlock {
            stall.wait(&self.limits, &self.waker, &*self.shared)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.shared.end()?;
        self.finished = true;
        let linger = self.limits.linger;
        linger.map_or(Ok(()), |silence| self.drain_peer(silence))
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<Bytes>> {
        Some(self)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.shared.name())
    }

    fn hooks(&mut self) -> Option<&mut dyn SinkHooks<Bytes>> {
        Some(self)
    }
}

impl SinkHooks<Bytes> for SocketSink {
    #[cfg(target_os = "linux")]
    fn accept(&mut self, offer: CopySource) -> Result<ZeroCopy<Bytes>, BufferedReason> {
        let end = End::socket(&self.shared, &self.waker, self.limits);
        pair(offer, Some(end))
    }
}

impl Direct<Bytes> for SocketSink {
    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<Attempt, Error> {
        self.limits.check()?;
        match write_vectored(batch, |slices| self.shared.send(slices)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Attempt::WouldBlock),
            result => {
                batch.advance(result?);
                Ok(Attempt::Done)
            }
        }
    }

    fn try_finish(&mut self) -> Result<Attempt, Error> {
        if self.limits.linger.is_some() {
            return Ok(Attempt::WouldBlock);
        }
        self.finish().map(|()| Attempt::Done)
    }
}

impl Drop for SocketSink {
    fn drop(&mut self) {
        if !self.finished {
            // A plain close would look like the end. A Unix socket does not have the option.
            let _ = self.shared.reset_on_close();
        }
    }
}
