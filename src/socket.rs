//! A connected socket, and its two halves as a source and a sink.

use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

use crate::cancel::Interrupt;
use crate::chunk::Batch;
#[cfg(target_os = "linux")]
use crate::direct::{Direct, Offer, Why};
use crate::ends::{IntoSink, IntoSource};
use crate::error::{Error, ErrorKind};
use crate::fd::{Ready, Waker};
#[cfg(target_os = "linux")]
use crate::kernel::{self, Descriptor, End, ReadEnd};
use crate::mark::READ_BYTES;
use crate::pool::Pool;
use crate::sink::{Sink, retry, write_vectored};
use crate::source::{Source, read_chunk, read_pool};

/// What a socket is told when it is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Whether small segments wait for the answer to the last one.
    pub(crate) delay: bool,
    /// How long a read or a write may go without moving a byte.
    pub(crate) idle: Option<Duration>,
}

/// A connected socket.
///
/// As the source of a pipeline it is read to the end; as a sink, finishing it closes its writing
/// half, so that the peer sees the end while it may still send. [`split`](Self::split) gives both
/// halves.
///
/// From one socket to another, or to a file, a pipeline has the kernel move the bytes (`splice`) if
/// no call on a socket blocks: those that are made here do not, and a
/// [`TcpStream`] does not after [`set_nonblocking`](TcpStream::set_nonblocking).
#[derive(Debug)]
pub struct Socket {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    socket: socket2::Socket,
    name: String,
    idle: Option<Duration>,
    /// Whether a send is being made, and has not yet said how it went.
    sending: AtomicBool,
    /// Whether a send was told of a reset.
    reset: AtomicBool,
}

impl Shared {
    fn new(socket: socket2::Socket, name: String, idle: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            socket,
            name,
            idle,
            sending: AtomicBool::new(false),
            reset: AtomicBool::new(false),
        })
    }

    fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(self.sending(|| {
            sendmsg(
                &self.socket,
                slices,
                &mut SendAncillaryBuffer::default(),
                flags,
            )
        })?)
    }

    /// Makes a call that sends, and keeps in mind whether that was told of a reset.
    fn sending(
        &self,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        self.sending.store(true, Ordering::SeqCst);
        let sent = call();
        if sent == Err(Errno::CONNRESET) {
            self.reset.store(true, Ordering::SeqCst);
        }
        self.sending.store(false, Ordering::SeqCst);
        sent
    }

    /// Says whether an end that was read is none: the system tells of a reset once, and if that was
    /// in a send, what is read from then on is an end.
    fn was_reset(&self) -> bool {
        while self.sending.load(Ordering::SeqCst) {
            // It does not block.
            thread::yield_now();
        }
        self.reset.load(Ordering::SeqCst)
    }
}

impl AsFd for Shared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(target_os = "linux")]
impl Descriptor for Shared {
    fn writing(
        &self,
        call: &mut dyn FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        self.sending(|| call(self.as_fd()))
    }

    fn ended(&self) -> io::Result<()> {
        if self.was_reset() {
            return Err(Errno::CONNRESET.into());
        }
        Ok(())
    }
}

impl Socket {
    pub(crate) fn new(
        socket: socket2::Socket,
        name: String,
        options: Options,
    ) -> Result<Self, Error> {
        // A Unix socket has no such option.
        if socket.local_addr()?.as_socket().is_some() {
            socket.set_tcp_nodelay(!options.delay)?;
        }
        // Nobody else has it, and a copy in the kernel knows no other way not to block.
        socket.set_nonblocking(true)?;
        Ok(Self {
            shared: Shared::new(socket, name, options.idle),
        })
    }

    /// What it is connected to, as errors and reports call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Takes the two halves apart, to be used by two streams at the same time. The socket is closed
    /// when both are gone.
    #[must_use]
    pub fn split(self) -> (SocketSource, SocketSink) {
        let shared = Arc::clone(&self.shared);
        let source = SocketSource {
            shared,
            waker: Waker::new(),
            pool: read_pool(READ_BYTES),
        };
        (
            source,
            SocketSink {
                shared: self.shared,
                waker: Waker::new(),
                linger: None,
                finished: false,
            },
        )
    }
}

impl IntoSource<Bytes> for Socket {
    type Source = SocketSource;

    fn into_source(self) -> SocketSource {
        SocketSource {
            shared: self.shared,
            waker: Waker::new(),
            pool: read_pool(READ_BYTES),
        }
    }
}

impl IntoSink<Bytes> for Socket {
    type Sink = SocketSink;

    fn into_sink(self) -> SocketSink {
        SocketSink {
            shared: self.shared,
            waker: Waker::new(),
            linger: None,
            finished: false,
        }
    }
}

/// Takes a connected socket as it is, whichever way it blocks.
impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        let peer = stream.peer_addr();
        let name = peer.map_or_else(|_| "tcp".to_owned(), |peer| format!("tcp://{peer}"));
        Self {
            shared: Shared::new(stream.into(), name, None),
        }
    }
}

/// Takes a connected socket as it is, whichever way it blocks.
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self {
            shared: Shared::new(stream.into(), "unix".to_owned(), None),
        }
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

/// The reading half of a [`Socket`].
#[derive(Debug)]
pub struct SocketSource {
    shared: Arc<Shared>,
    waker: Waker,
    pool: Pool,
}

impl SocketSource {
    /// Reads at most so many bytes at once, in place of [`READ_BYTES`].
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
            pool,
        } = self;
        loop {
            // Without a buffer in hand: a connection that sleeps shall not hold one.
            let got = read_chunk(pool, |room| {
                let (_, got) = recv(&shared.socket, room, RecvFlags::DONTWAIT)?;
                Ok(got)
            });
            match got {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    waker.wait(&**shared, Ready::ToRead, shared.idle)?;
                }
                Ok(None) if shared.was_reset() => {
                    return Err(io::Error::from(Errno::CONNRESET).into());
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.waker.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.shared.name)
    }

    #[cfg(target_os = "linux")]
    fn offer(&mut self) -> Option<Offer> {
        let end = End::socket(self.shared.clone(), &self.waker, self.shared.idle);
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
    shared: Arc<Shared>,
    waker: Waker,
    linger: Option<Duration>,
    finished: bool,
}

impl SocketSink {
    /// Finishes only when the peer has ended as well, or has said nothing for `silence`; what it
    /// says is dropped. For a sink whose other half nobody reads.
    ///
    /// Without, a socket that is closed while there is something to read in it is reset by the
    /// system, and what the peer was sent last is lost, although it was sent well.
    #[must_use]
    pub const fn linger(mut self, silence: Duration) -> Self {
        self.linger = Some(silence);
        self
    }

    /// Waits for the end of the peer.
    fn see_off(&self, silence: Duration) -> Result<(), Error> {
        let mut dropped = [0; 4096];
        let mut read = || {
            let room = &mut dropped[..];
            Ok(recv(&self.shared.socket, room, RecvFlags::DONTWAIT)?.1)
        };
        loop {
            match retry(&mut read) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waited = self.waker.wait(&*self.shared, Ready::ToRead, Some(silence));
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
        loop {
            match write_vectored(batch, |slices| self.shared.send(slices)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waker
                        .wait(&*self.shared, Ready::ToWrite, self.shared.idle)?;
                }
                outcome => {
                    batch.advance(outcome?);
                    return Ok(());
                }
            }
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.shared.socket.shutdown(Shutdown::Write)?;
        self.finished = true;
        self.linger.map_or(Ok(()), |silence| self.see_off(silence))
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.waker.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.shared.name)
    }

    #[cfg(target_os = "linux")]
    fn accept(&mut self, offer: Offer) -> Result<Direct<Bytes>, Why> {
        let end = End::socket(self.shared.clone(), &self.waker, self.shared.idle);
        kernel::pair(offer, Some(end))
    }
}

impl Drop for SocketSink {
    fn drop(&mut self) {
        if !self.finished {
            // A close would look like the end. Where the option is not known there is no more
            // to be done.
            let _ = self.shared.socket.set_linger(Some(Duration::ZERO));
        }
    }
}
