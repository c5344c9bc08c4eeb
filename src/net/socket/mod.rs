//! A connected socket, and its two halves as a source and a sink.

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
use crate::channel::mark::READ_BYTES;
use crate::error::{Error, ErrorKind};
use crate::os::byte_counts::SocketMonitor;
#[cfg(target_os = "linux")]
use crate::os::copy as kernel;
#[cfg(feature = "http")]
use crate::os::copy::FileSend;
#[cfg(target_os = "linux")]
use crate::os::copy::{End, ReadEnd};
use crate::os::shared_socket::SharedSocket;
use crate::os::stall::WriteStall;
use crate::os::timeouts::Timeouts;
use crate::os::{Ready, Waker};
use crate::stage::buffer_pool::Pool;
#[cfg(target_os = "linux")]
use crate::stage::copy_path::BufferedReason;
#[cfg(feature = "http")]
use crate::stage::offer::CopyFailure;
#[cfg(target_os = "linux")]
use crate::stage::offer::{CopySource, ZeroCopy};
use crate::stage::sink::{Direct, Sink, Tried, retry, write_vectored};
use crate::stage::source::{Source, read_chunk, read_pool, shrink};
use crate::state::batch::Batch;

/// A connected socket.
///
/// As the source of a pipeline it is read to the end; as a sink, finishing it closes its writing
/// half, so that the peer sees the end while it may still send. [`split`](Self::split) gives both
/// halves.
///
/// From one socket to another, or to a file, a pipeline has the kernel move the bytes (`splice`) if
/// no call on a socket blocks: those that are made here do not, and a
/// [`TcpStream`](std::net::TcpStream) does not after
/// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
#[derive(Debug)]
pub struct Socket {
    shared: Arc<SharedSocket>,
    limits: Timeouts,
}

impl Socket {
    /// Takes a socket that was told its options before.
    pub(crate) fn new(socket: socket2::Socket, name: String, limits: Timeouts) -> Self {
        Self {
            shared: Arc::new(SharedSocket::new(socket, name)),
            limits,
        }
    }

    /// What it is connected to, as errors and reports call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.name()
    }

    /// Tells a socket that is connected already its options: those that are not set stay as the
    /// system has them, save for [`no_delay`](SocketOptions::no_delay), and a
    /// [lifetime](SocketOptions::lifetime) begins now. Timeouts that were set before are replaced.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`], or what the system says, with the name of the option.
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
    /// [`ErrorKind::InvalidInput`] for a Unix socket, and what the system says of a socket that is
    /// connected no more.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        of_tcp(&self.shared.socket().peer_addr()?)
    }

    /// The address on this side.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a Unix socket.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        of_tcp(&self.shared.socket().local_addr()?)
    }

    /// Looks at how many bytes have come and gone, from any thread, also after the socket.
    #[must_use]
    pub fn monitor(&self) -> SocketMonitor {
        self.shared.monitor()
    }

    /// Closes a half, or both, and keeps the socket: what is read from then on, once what has come
    /// was read, is the end; and the peer sees the end of what was written.
    ///
    /// # Errors
    ///
    /// What the system says, such as that the socket is connected no more.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        let shut = self.shared.socket().shutdown(how).map_err(Error::from);
        shut.map_err(|error| error.during("shut down", self.shared.name()))
    }

    /// Closes the socket with a reset: the peer is told that it is broken off, and what it has not
    /// read is lost. A Unix socket has no reset: there the peer sees an end.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[doc(alias = "resetAndDestroy")]
    pub fn reset(self) -> Result<(), Error> {
        let told = self.shared.reset_on_close();
        told.map_err(|error| Error::from(error).during("reset", self.shared.name()))
    }

    /// Sends what the kernel takes now. Does not wait.
    pub(crate) fn try_send(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        retry(|| self.shared.send(slices))
    }

    /// Sends what the kernel takes now, of which more follows at once: a small piece then goes out
    /// with that, and not in a segment of its own. Does not wait.
    #[cfg(feature = "http")]
    pub(crate) fn try_send_more(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        retry(|| self.shared.send_more(slices))
    }

    /// Sends of a part of a file what the kernel takes now; see [`FileSend::try_slice`].
    #[cfg(feature = "http")]
    pub(crate) fn try_send_file(&self, part: &mut FileSend<'_>) -> Result<Tried, CopyFailure> {
        part.try_slice(&self.shared)
    }

    /// Reads what is there. Does not wait.
    pub(crate) fn try_recv(&self, room: &mut [u8]) -> io::Result<usize> {
        retry(|| self.shared.receive(room))
    }

    /// Waits until it is ready, within its timeouts.
    #[cfg(feature = "wire")]
    pub(crate) fn wait(&self, waker: &Waker, ready: Ready) -> Result<(), Error> {
        self.limits.wait(waker, &*self.shared, ready)
    }

    /// What has broken the connection, if nobody was told so far.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.shared.ask().map(io::Error::from)
    }

    /// Makes the close a reset, where there is one.
    pub(crate) fn reset_on_close(&self) {
        // Where the option is not known there is no more to be done.
        let _ = self.shared.reset_on_close();
    }

    /// How long it may go without moving a byte.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.limits.idle()
    }

    /// Ends what is written.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.shared.end()
    }

    /// Sends small segments at once, where there is such an option.
    pub(crate) fn send_at_once(&self) {
        let _ = self.shared.socket().set_tcp_nodelay(true);
    }

    /// The same connection, for somebody else.
    #[cfg(feature = "http")]
    pub(crate) fn share(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            limits: self.limits,
        }
    }

    /// Resets the connection if it is dropped before it was told not to.
    pub(crate) fn reset_on_drop(&self) -> ResetOnDrop {
        ResetOnDrop(Some(Arc::clone(&self.shared)))
    }

    /// Takes the two halves apart, to be used by two streams at the same time. The socket is closed
    /// when both are gone.
    #[must_use]
    pub fn split(self) -> (SocketSource, SocketSink) {
        let source = SocketSource::new(Arc::clone(&self.shared), self.limits);
        (source, SocketSink::new(self.shared, self.limits))
    }
}

/// For what is not offered here, such as an option that one system has. To read or to write by it
/// what a stream of ours reads or writes as well mixes up both.
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

/// Resets a connection that nobody has taken up: a close would look like an empty stream.
#[derive(Debug)]
pub(crate) struct ResetOnDrop(Option<Arc<SharedSocket>>);

impl ResetOnDrop {
    /// Leaves the connection to whoever has it now.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            // Where the option is not known there is no more to be done.
            let _ = shared.reset_on_close();
        }
    }
}

/// The reading half of a [`Socket`].
#[derive(Debug)]
pub struct SocketSource {
    shared: Arc<SharedSocket>,
    waker: Waker,
    limits: Timeouts,
    pool: Pool,
}

impl SocketSource {
    fn new(shared: Arc<SharedSocket>, limits: Timeouts) -> Self {
        Self {
            shared,
            waker: Waker::new(),
            limits,
            pool: read_pool(READ_BYTES),
        }
    }

    /// Reads at most so many bytes at once, in place of [`READ_BYTES`], and never more than 1 MiB.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.pool = read_pool(bytes);
        self
    }
}

impl Source<Bytes> for SocketSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let Self {
            shared,
            waker,
            limits,
            pool,
        } = self;
        limits.check()?;
        loop {
            // Without a buffer in hand: a connection that sleeps shall not hold one.
            let got = read_chunk(pool, |room| shared.receive(room));
            match got {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    limits.wait(waker, &**shared, Ready::ToRead)?;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.shared.name())
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }

    #[cfg(target_os = "linux")]
    fn offer(&mut self) -> Option<CopySource> {
        let end = End::socket(&self.shared, &self.waker, self.limits);
        Some(ReadEnd::new(end).offer())
    }
}

/// The writing half of a [`Socket`].
///
/// Dropped before it was finished it resets a TCP connection, so that the peer cannot take what it
/// has got for everything. A Unix socket has no reset: there the peer sees an end, and has to know
/// by other means, such as a length, that it came too early.
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

    /// Finishes only when the peer has ended as well, or has said nothing for `silence`; what it
    /// says is dropped, however much that is. For a sink whose other half nobody reads. A cancel ends
    /// the wait, and so does, well, the end of a [lifetime](SocketOptions::lifetime).
    ///
    /// Without, a socket that is closed while there is something to read in it is reset by the
    /// system, and what the peer was sent last is lost, although it was sent well.
    #[must_use]
    pub const fn linger(mut self, silence: Duration) -> Self {
        self.limits.linger = Some(silence);
        self
    }

    /// Waits for the end of the peer.
    fn see_off(&self, silence: Duration) -> Result<(), Error> {
        let mut dropped = [0; 16 << 10];
        let mut read = || self.shared.receive(&mut dropped);
        loop {
            // Or one that sends as fast as it is read would never be waited for, nor left.
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
                        outcome => outcome?,
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
        while self.try_write(batch)? == Tried::WouldBlock {
            stall.wait(&self.limits, &self.waker, &*self.shared)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.shared.end()?;
        self.finished = true;
        let linger = self.limits.linger;
        linger.map_or(Ok(()), |silence| self.see_off(silence))
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

    #[cfg(target_os = "linux")]
    fn accept(&mut self, offer: CopySource) -> Result<ZeroCopy<Bytes>, BufferedReason> {
        let end = End::socket(&self.shared, &self.waker, self.limits);
        kernel::pair(offer, Some(end))
    }
}

impl Direct<Bytes> for SocketSink {
    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<Tried, Error> {
        self.limits.check()?;
        match write_vectored(batch, |slices| self.shared.send(slices)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Tried::WouldBlock),
            outcome => {
                batch.advance(outcome?);
                Ok(Tried::Done)
            }
        }
    }

    fn try_finish(&mut self) -> Result<Tried, Error> {
        if self.limits.linger.is_some() {
            return Ok(Tried::WouldBlock);
        }
        self.finish().map(|()| Tried::Done)
    }
}

impl Drop for SocketSink {
    fn drop(&mut self) {
        if !self.finished {
            // A close would look like the end. Where the option is not known there is no more
            // to be done.
            let _ = self.shared.reset_on_close();
        }
    }
}
