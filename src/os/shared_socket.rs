//! A connection that two halves share, and what they have to tell one another.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use socket2::Socket;

use super::byte_counts::{ByteCounts, SocketMonitor};

/// A connected socket, whose calls never wait.
///
/// The system tells an error of the connection once, to the half that happens to ask first. To the
/// other one a connection that was broken looks as if it had ended. So what one is told is kept for
/// the other.
#[derive(Debug)]
pub(crate) struct SharedSocket {
    socket: Socket,
    name: String,
    moved: Arc<ByteCounts>,
    /// Whether a send is being made, and has not yet said how it went.
    sending: AtomicBool,
    /// The same of a receive.
    receiving: AtomicBool,
    /// The number of the error by which the connection was broken, once a half was told; or 0.
    broken: AtomicI32,
}

/// Keeps a send to a peer that has gone from raising `SIGPIPE`. A Rust program ignores that signal,
/// but a program of another language that calls us may not. Apple's systems have an option of the
/// socket for it instead, which [`SharedSocket::new`] sets.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// What breaks a connection, and is told once.
const BREAKS: [Errno; 4] = [
    Errno::CONNRESET,
    Errno::TIMEDOUT,
    Errno::HOSTUNREACH,
    Errno::NETUNREACH,
];

impl SharedSocket {
    pub(crate) fn new(socket: Socket, name: String) -> Self {
        // It fails where the peer has gone: then what is sent fails by itself.
        #[cfg(target_vendor = "apple")]
        let _ = socket.set_nosigpipe(true);
        Self {
            socket,
            name,
            moved: Arc::new(ByteCounts::default()),
            sending: AtomicBool::new(false),
            receiving: AtomicBool::new(false),
            broken: AtomicI32::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// For what is no sending and no receiving.
    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn monitor(&self) -> SocketMonitor {
        SocketMonitor::of(&self.moved)
    }

    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_with(slices, SendFlags::empty())
    }

    /// The same for what more follows of at once, where the system has a word for that.
    #[cfg(feature = "http")]
    pub(crate) fn send_more(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        let flags = SendFlags::MORE;
        #[cfg(not(target_os = "linux"))]
        let flags = SendFlags::empty();
        self.send_with(slices, flags)
    }

    fn send_with(&self, slices: &[IoSlice<'_>], flags: SendFlags) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | NO_SIGNAL | flags;
        let mut nothing_else = SendAncillaryBuffer::default();
        Ok(self.sending(|| sendmsg(&self.socket, slices, &mut nothing_else, flags))?)
    }

    /// 0 is the end, if there was room.
    pub(crate) fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        let received = || Ok(recv(&self.socket, room, RecvFlags::DONTWAIT)?.1);
        Ok(self.receiving(received)?)
    }

    /// Makes a call that sends bytes, and does not wait. A broken pipe is told only if nobody knows
    /// what broke it.
    pub(crate) fn sending(
        &self,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        match self.noted(&self.sending, call) {
            Err(Errno::PIPE) => Err(self.broken_by(&self.receiving).unwrap_or(Errno::PIPE)),
            outcome => outcome.inspect(|sent| self.moved.count_written(*sent)),
        }
    }

    /// Makes a call that receives bytes, and does not wait. An end is told only if it is one.
    pub(crate) fn receiving(
        &self,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        match self.noted(&self.receiving, call) {
            Ok(0) => self.broken_by(&self.sending).map_or(Ok(0), Err),
            outcome => outcome.inspect(|got| self.moved.count_read(*got)),
        }
    }

    /// Makes a call, and keeps what breaks the connection.
    fn noted(
        &self,
        busy: &AtomicBool,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        busy.store(true, Ordering::SeqCst);
        let outcome = call();
        if let Err(error) = outcome {
            self.note(error);
        }
        busy.store(false, Ordering::SeqCst);
        outcome
    }

    fn note(&self, error: Errno) {
        if BREAKS.contains(&error) {
            self.broken.store(error.raw_os_error(), Ordering::SeqCst);
        }
    }

    /// What the other half was told. `busy` says whether it is just being told something.
    fn broken_by(&self, busy: &AtomicBool) -> Option<Errno> {
        while busy.load(Ordering::SeqCst) {
            // It does not block.
            thread::yield_now();
        }
        let error = self.broken.load(Ordering::SeqCst);
        (error != 0).then(|| Errno::from_raw_os_error(error))
    }

    /// Ends what is written. A connection that was broken cannot be ended, and says no more than
    /// that, so it is asked why.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write).map_err(|error| {
            let told = self.broken_by(&self.receiving);
            told.or_else(|| self.ask()).map_or(error, io::Error::from)
        })
    }

    /// What has broken the connection, if nobody was told so far.
    pub(crate) fn ask(&self) -> Option<Errno> {
        let error = self.socket.take_error().ok()??;
        let error = Errno::from_io_error(&error)?;
        self.note(error);
        Some(error)
    }

    /// Makes the close a reset.
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        self.socket.set_linger(Some(Duration::ZERO))
    }
}

impl AsFd for SharedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
