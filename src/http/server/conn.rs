//! A connection, shared by the parts of a request: the dispatcher, the request body and the response.
//!
//! Owner: an `Arc` in each part. The body alone reads and the response alone writes, on whatever
//! threads a handler has moved them to; the dispatcher does neither until both were returned to
//! [`Exchange`]. Locks: none but those of `Exchange`, and none is held in a wait of [`Conn::wait`].
//! Blocking: [`Conn::wait`] and what calls it (`send_all`, `send_interim`); it ends when the socket is
//! ready, by the limits, or with an abort, which stores its cause before it wakes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use rustix::io::ioctl_fionread;

use super::config::ServerConfig;
use super::exchange::{Exchange, Returned};
use super::min_rate::MinRate;
use crate::cancel::{Cancel, CancelToken, LateInterrupt};
use crate::error::{Error, ErrorKind};
use crate::leader::Turn;
use crate::net::socket::Socket;
use crate::os::stall::WriteStall;
use crate::os::{Ready, Waker};
use crate::stage::source::read_chunk;

/// A connection.
pub(in crate::http) struct Conn {
    socket: Socket,
    pub(in crate::http) config: Arc<ServerConfig>,
    /// Wakes a wait of a handler's own thread.
    pub(in crate::http) waker: Waker,
    /// Wake the threads of a stream that reads and of one that writes, which have wakers of their own.
    pub(in crate::http) reading: LateInterrupt,
    pub(in crate::http) writing: LateInterrupt,
    /// Cancelled with the server; handlers use it for what they start.
    token: CancelToken,
    stopping: AtomicBool,
    /// The cause, once the connection was aborted.
    aborted: OnceLock<Error>,
    /// The client has disconnected, or takes nothing any more.
    lost: AtomicBool,
    /// How many bytes of the body are certain to come while a handler has it.
    unread: AtomicU64,
    pub(in crate::http) exchange: Exchange,
}

/// What a read returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Got {
    Bytes(usize),
    Nothing,
    End,
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Conn {
    pub(in crate::http) fn new(
        socket: Socket,
        config: Arc<ServerConfig>,
        token: CancelToken,
    ) -> Self {
        Self {
            socket,
            token,
            config,
            waker: Waker::new(),
            reading: LateInterrupt::default(),
            writing: LateInterrupt::default(),
            stopping: AtomicBool::new(false),
            aborted: OnceLock::new(),
            lost: AtomicBool::new(false),
            unread: AtomicU64::new(0),
            exchange: Exchange::default(),
        }
    }

    /// The name of the client in errors and events.
    pub(in crate::http) fn peer(&self) -> &str {
        self.socket.name()
    }

    pub(in crate::http) fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    pub(in crate::http) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Stopped with the server, and aborted with the connection.
    pub(in crate::http) const fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Returns whether the server stops: each connection ends with its current response.
    pub(in crate::http) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Notes that the client has disconnected.
    pub(in crate::http) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Returns whether the client has disconnected, or takes nothing.
    pub(in crate::http) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns whether there are bytes to receive. Does not wait.
    pub(in crate::http) fn has_more(&self) -> bool {
        ioctl_fionread(&self.socket).is_ok_and(|bytes| bytes > 0)
    }

    /// Receives what is there. Does not wait.
    pub(in crate::http) fn receive(&self, room: &mut [u8]) -> Result<Got, Error> {
        match self.socket.try_recv(room) {
            Ok(0) => Ok(Got::End),
            Ok(bytes) => Ok(Got::Bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
            Err(error) => Err(self.failed("read from", error.into())),
        }
    }

    /// Receives what is there as a chunk, which is empty at the end. Does not wait.
    pub(in crate::http) fn receive_chunk(&self) -> Result<Option<Bytes>, Error> {
        match read_chunk(&self.config.pool, |room| self.socket.try_recv(room)) {
            Ok(chunk) => Ok(Some(chunk.unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(self.failed("read from", error.into())),
        }
    }

    /// Sends what the kernel takes now. `None` if it takes nothing. Does not wait.
    pub(in crate::http) fn send(&self, slices: &[IoSlice<'_>]) -> Result<Option<usize>, Error> {
        self.sent(self.socket.try_send(slices))
    }

    /// As [`send`](Self::send), for a head that is followed by more at once (`MSG_MORE`).
    pub(in crate::http) fn send_more(&self, head: &[u8]) -> Result<Option<usize>, Error> {
        self.sent(self.socket.try_send_more(&[IoSlice::new(head)]))
    }

    fn sent(&self, sent: io::Result<usize>) -> Result<Option<usize>, Error> {
        match sent {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(self.failed("write to", error.into())),
        }
    }

    /// Fails with the cause once the connection was aborted.
    pub(in crate::http) fn check(&self) -> Result<(), Error> {
        self.aborted
            .get()
            .map_or(Ok(()), |cause| Err(cause.clone()))
    }

    /// Waits until the socket is ready. The wait also ends with a wake by an abort, and fails when the
    /// client has moved nothing for too long, or too little in all. Another thread serves the other
    /// connections meanwhile.
    pub(in crate::http) fn wait(
        &self,
        waker: &Waker,
        turn: &Turn,
        ready: Ready,
        rate: &mut MinRate,
    ) -> Result<(), Error> {
        turn.promote_follower();
        let limits = &self.config.limits;
        let (within, operation) = match ready {
            Ready::ToRead => (limits.body_idle, "read from"),
            Ready::ToWrite | Ready::Either => (limits.write_stall, "write to"),
        };
        let began = Instant::now();
        waker
            .wait(&self.socket, ready, Some(within))
            .and_then(|()| rate.waited(began.elapsed(), within, limits.least_rate))
            .map_err(|error| self.failed(operation, error))
    }

    /// The error to return: the cause of an abort, if there is one, since every other error follows
    /// from it.
    pub(in crate::http) fn failed(&self, operation: &'static str, error: Error) -> Error {
        match self.aborted.get() {
            Some(cause) => cause.clone(),
            None => {
                // A client that sends too slowly can still read a 408. One that takes nothing cannot.
                match error.kind() {
                    ErrorKind::Io(_) => self.lose(),
                    ErrorKind::TimedOut if operation == "write to" => self.lose(),
                    _ => {}
                }
                error.during(operation, self.peer())
            }
        }
    }

    /// Sends an informational response, unless the response itself has begun. May wait.
    pub(in crate::http) fn send_interim(&self, bytes: &[u8], turn: &Turn) -> Result<(), Error> {
        self.exchange.before_response(|| {
            self.send_all(&mut [IoSlice::new(bytes)], turn, &mut MinRate::default())
        })
    }

    /// Sends `100 Continue` to a client that waits for it.
    pub(in crate::http) fn send_continue(&self, turn: &Turn) -> Result<(), Error> {
        self.send_interim(CONTINUE, turn)?;
        self.exchange.continue_is_settled();
        Ok(())
    }

    /// Sends everything. Waits for room as often as needed; fails when a wait is too long.
    pub(in crate::http) fn send_all(
        &self,
        slices: &mut [IoSlice<'_>],
        turn: &Turn,
        rate: &mut MinRate,
    ) -> Result<(), Error> {
        let mut slices = slices;
        IoSlice::advance_slices(&mut slices, 0);
        let mut stall = WriteStall::default();
        while !slices.is_empty() {
            if let Some(sent) = self.send(slices)? {
                stall.is_over();
                rate.moved(sent);
                IoSlice::advance_slices(&mut slices, sent);
            } else {
                self.wait_for_room(&mut stall, &self.waker, turn, rate)?;
            }
        }
        Ok(())
    }

    /// Waits until the kernel takes more. After a wait that was too long the socket is tried once more,
    /// as [`WriteStall`] describes; the next wait fails then.
    pub(in crate::http) fn wait_for_room(
        &self,
        stall: &mut WriteStall,
        waker: &Waker,
        turn: &Turn,
        rate: &mut MinRate,
    ) -> Result<(), Error> {
        stall.wait_with(|| {
            // A client may send all of a body before it reads a response. What comes of a body that no
            // handler wants is discarded here, or both sides would wait for each other.
            let is_body_left = self.exchange.with_reader(|reader| reader.is_open());
            if is_body_left != Some(true) {
                return self.wait(waker, turn, Ready::ToWrite, rate);
            }
            let waited = self.wait(waker, turn, Ready::Either, rate);
            rate.moved(self.skip_received());
            waited
        })
    }

    /// Discards what was received of a body that no handler has. Returns how many bytes.
    fn skip_received(&self) -> usize {
        let skipped = self
            .exchange
            .with_reader(|reader| reader.skip_turn(|| self.receive_chunk()).bytes);
        skipped.unwrap_or(0)
    }

    /// Notes how many bytes of a body are certain to come.
    pub(in crate::http) fn set_unread(&self, bytes: u64) {
        self.unread.store(bytes, Ordering::Relaxed);
    }

    /// Returns whether the connection can be kept after this request: what is known to be left of the
    /// body is short enough to be skipped. Of a chunked body more may follow, and is skipped as well.
    pub(in crate::http) fn can_be_kept(&self) -> bool {
        let most = self.config.limits.drain_bytes;
        let returned = self
            .exchange
            .with_reader(|reader| reader.is_worth_skipping(most));
        returned.unwrap_or_else(|| self.unread.load(Ordering::Relaxed) <= most)
    }

    /// Waits until the response was returned, and the body if there is one.
    pub(in crate::http) fn collect(&self, with_body: bool, turn: &Turn) -> Returned {
        self.exchange.collect(with_body, || turn.promote_follower())
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Cancel for Conn {
    fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn abort(&self, cause: &Error) {
        // Fails if there is an earlier cause, which stays. Stored before the wakes: a thread that wakes
        // has to see it.
        let _ = self.aborted.set(cause.clone());
        self.stop();
        self.waker.wake();
        self.reading.interrupt().wake();
        self.writing.interrupt().wake();
    }

    fn was_stopped(&self) -> bool {
        self.is_stopping()
    }
}
