//! A socket that two halves share, with the error of the connection, which the kernel reports once.

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

/// A connected socket, whose calls never block.
///
/// The kernel reports an error of the connection once, to the half that happens to call first. To the
/// other half the broken connection looks as if it had ended. So the error that one half gets is kept
/// for the other.
#[derive(Debug)]
pub(crate) struct SharedSocket {
    socket: Socket,
    name: String,
    moved: Arc<ByteCounts>,
    /// A send is being made, and its error, if it has one, is not yet in `broken`.
    sending: AtomicBool,
    /// The same of a receive.
    receiving: AtomicBool,
    /// The `errno` that has broken the connection, once a half has got it; or 0.
    broken: AtomicI32,
}

/// Keeps a send to a peer that is gone from raising `SIGPIPE`. A Rust program ignores that signal, but a
/// program in another language that uses this library may not. Apple's systems have a socket option for
/// it instead, which [`SharedSocket::new`] sets.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// The errors that break a connection, and that the kernel reports once.
const BREAKS: [Errno; 4] = [
    Errno::CONNRESET,
    Errno::TIMEDOUT,
    Errno::HOSTUNREACH,
    Errno::NETUNREACH,
];

impl SharedSocket {
    pub(crate) fn new(socket: Socket, name: String) -> Self {
        // It fails if the peer is gone: then every send fails by itself.
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

    /// The socket, for calls that neither send nor receive.
    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn monitor(&self) -> SocketMonitor {
        SocketMonitor::of(&self.moved)
    }

    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_with(slices, SendFlags::empty())
    }

    /// The same when more bytes follow at once (`MSG_MORE`, Linux only).
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

    /// Receives what is there. 0 is the end, if `room` is not empty.
    pub(crate) fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        let received = || Ok(recv(&self.socket, room, RecvFlags::DONTWAIT)?.1);
        Ok(self.receiving(received)?)
    }

    /// Makes a call that sends bytes and does not block. `EPIPE` is returned only if the error that broke
    /// the connection is not known.
    pub(crate) fn sending(
        &self,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        match self.recorded(&self.sending, call) {
            Err(Errno::PIPE) => Err(self.broken_by(&self.receiving).unwrap_or(Errno::PIPE)),
            result => result.inspect(|sent| self.moved.count_written(*sent)),
        }
    }

    /// Makes a call that receives bytes and does not block. An end is returned only if the connection is
    /// not broken.
    pub(crate) fn receiving(
        &self,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        match self.recorded(&self.receiving, call) {
            Ok(0) => self.broken_by(&self.sending).map_or(Ok(0), Err),
            result => result.inspect(|got| self.moved.count_read(*got)),
        }
    }

    /// Makes a call, and keeps an error that breaks the connection.
    fn recorded(
        &self,
        busy: &AtomicBool,
        call: impl FnOnce() -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        // Set before the call and cleared after the error is kept: the other half, if it sees an end or
        // `EPIPE`, waits for `busy` and then finds the error (`broken_by`).
        busy.store(true, Ordering::SeqCst);
        let result = call();
        if let Err(error) = result {
            self.record(error);
        }
        busy.store(false, Ordering::SeqCst);
        result
    }

    fn record(&self, error: Errno) {
        if BREAKS.contains(&error) {
            self.broken.store(error.raw_os_error(), Ordering::SeqCst);
        }
    }

    /// The error that the other half has got. `busy` is set while that half is in a call.
    fn broken_by(&self, busy: &AtomicBool) -> Option<Errno> {
        while busy.load(Ordering::SeqCst) {
            // The other half is in a call that does not block, so this ends soon.
            thread::yield_now();
        }
        let error = self.broken.load(Ordering::SeqCst);
        (error != 0).then(|| Errno::from_raw_os_error(error))
    }

    /// Closes the writing half. On a broken connection `shutdown` fails with `ENOTCONN` only, so the error
    /// that broke it is looked up.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write).map_err(|error| {
            let known = self.broken_by(&self.receiving);
            known
                .or_else(|| self.take_error())
                .map_or(error, io::Error::from)
        })
    }

    /// The error that has broken the connection, if the kernel has not reported it yet (`SO_ERROR`).
    pub(crate) fn take_error(&self) -> Option<Errno> {
        let error = self.socket.take_error().ok()??;
        let error = Errno::from_io_error(&error)?;
        self.record(error);
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
