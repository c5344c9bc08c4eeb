//! A connection, as those share it who have a part in one of its requests: the session, the body of
//! the request and the answer to it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use rustix::io::ioctl_fionread;

use super::config::ServerConfig;
use super::min_rate::MinRate;
use super::request_body::Inflow;
use super::response_writer::Finished;
use crate::cancel::{Cancel, CancelToken, LateInterrupt};
use crate::error::{Error, ErrorKind};
use crate::leader::Turn;
use crate::net::socket::Socket;
use crate::os::{Ready, Waker};
use crate::stage::source::read_chunk;
use crate::threads::sync::{Condvar, Mutex};

/// A connection.
///
/// The body has what is read, and the answer what is written, each to itself, on whatever threads a
/// handler has moved them to. Both are given back here, and until then the session does neither.
pub(in crate::http) struct Conn {
    socket: Socket,
    pub(in crate::http) rules: Arc<ServerConfig>,
    /// Wakes what waits for no stream.
    pub(in crate::http) waker: Waker,
    /// What else is to be woken: a stream that reads, and one that writes, have bells of their own.
    pub(in crate::http) reading: LateInterrupt,
    pub(in crate::http) writing: LateInterrupt,
    /// Used with the server, for what handlers put under it.
    token: CancelToken,
    stopping: AtomicBool,
    /// Why it is to end now, if it is.
    aborted: OnceLock<Error>,
    /// The client has broken it, or takes nothing any more.
    lost: AtomicBool,
    /// How much of the body of the request is to be read for certain.
    unread: AtomicU64,
    exchange: Mutex<Exchange>,
    /// Signalled when something was given back that the session waits for.
    given_back: Condvar,
}

/// What is known of the request that is being answered.
#[derive(Default)]
struct Exchange {
    inflow: Option<Inflow>,
    answered: Option<Finished>,
    /// What was read behind the head of a request that asks for an upgrade.
    early: Bytes,
    /// The head of the answer is on its way, or was sent.
    begun: bool,
    /// The client waits to be asked for its body.
    continue_due: bool,
    /// The session sleeps until something is given back.
    waited_for: bool,
}

/// What was given back of a request.
pub(in crate::http) struct Returned {
    pub(in crate::http) inflow: Option<Inflow>,
    pub(in crate::http) answered: Finished,
    pub(in crate::http) early: Bytes,
}

/// What a read has brought.
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
        rules: Arc<ServerConfig>,
        token: CancelToken,
    ) -> Self {
        Self {
            socket,
            token,
            rules,
            waker: Waker::new(),
            reading: LateInterrupt::default(),
            writing: LateInterrupt::default(),
            stopping: AtomicBool::new(false),
            aborted: OnceLock::new(),
            lost: AtomicBool::new(false),
            unread: AtomicU64::new(0),
            exchange: Mutex::default(),
            given_back: Condvar::new(),
        }
    }

    /// Who is at the other end, as errors and reports call it.
    pub(in crate::http) fn peer(&self) -> &str {
        self.socket.name()
    }

    pub(in crate::http) fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    pub(in crate::http) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Stopped when the server is, and aborted when the connection is.
    pub(in crate::http) const fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Says whether the server lets nobody in any more: each connection ends with what it answers.
    pub(in crate::http) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Notes that the client has gone away.
    pub(in crate::http) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Says whether the client has gone away, or takes nothing.
    pub(in crate::http) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Says whether there is something to be read, other than an end. Does not wait.
    pub(in crate::http) fn has_more(&self) -> bool {
        ioctl_fionread(&self.socket).is_ok_and(|bytes| bytes > 0)
    }

    /// Reads what is there. Does not wait.
    pub(in crate::http) fn receive(&self, room: &mut [u8]) -> Result<Got, Error> {
        match self.socket.try_recv(room) {
            Ok(0) => Ok(Got::End),
            Ok(bytes) => Ok(Got::Bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
            Err(error) => Err(self.failed("read from", error.into())),
        }
    }

    /// Reads what is there into a chunk, which is empty at the end. Does not wait.
    pub(in crate::http) fn receive_chunk(&self) -> Result<Option<Bytes>, Error> {
        match read_chunk(&self.rules.pool, |room| self.socket.try_recv(room)) {
            Ok(chunk) => Ok(Some(chunk.unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(self.failed("read from", error.into())),
        }
    }

    /// Sends what the kernel takes now; nothing, if it takes none. Does not wait.
    pub(in crate::http) fn send(&self, slices: &[IoSlice<'_>]) -> Result<Option<usize>, Error> {
        self.taken(self.socket.try_send(slices))
    }

    /// The same for a head that more follows of at once.
    pub(in crate::http) fn send_more(&self, head: &[u8]) -> Result<Option<usize>, Error> {
        self.taken(self.socket.try_send_more(&[IoSlice::new(head)]))
    }

    fn taken(&self, sent: io::Result<usize>) -> Result<Option<usize>, Error> {
        match sent {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(self.failed("write to", error.into())),
        }
    }

    /// Says no once the connection is to end now.
    pub(in crate::http) fn check(&self) -> Result<(), Error> {
        self.aborted
            .get()
            .map_or(Ok(()), |cause| Err(cause.clone()))
    }

    /// Waits until the connection is ready. The wait ends then, with a wake, when the connection is
    /// to end now, or when the client has moved nothing for too long, or too little in all. Somebody
    /// else keeps the watch meanwhile.
    pub(in crate::http) fn wait(
        &self,
        waker: &Waker,
        turn: &Turn,
        ready: Ready,
        pace: &mut MinRate,
    ) -> Result<(), Error> {
        turn.promote_follower();
        let limits = &self.rules.limits;
        let (within, doing) = match ready {
            Ready::ToRead => (limits.body_idle, "read from"),
            Ready::ToWrite | Ready::Either => (limits.write_stall, "write to"),
        };
        let began = Instant::now();
        waker
            .wait(&self.socket, ready, Some(within))
            .and_then(|()| pace.waited(began.elapsed(), within, limits.least_rate))
            .map_err(|error| self.failed(doing, error))
    }

    /// What is to be told of an error: that it was to end now wins over what came of that.
    pub(in crate::http) fn failed(&self, doing: &'static str, error: Error) -> Error {
        match self.aborted.get() {
            Some(cause) => cause.clone(),
            None => {
                // A client that sends too slowly is answered; one that takes nothing is not.
                match error.kind() {
                    ErrorKind::Io(_) => self.lose(),
                    ErrorKind::TimedOut if doing == "write to" => self.lose(),
                    _ => {}
                }
                error.during(doing, self.peer())
            }
        }
    }

    /// Sends an informational answer, unless the answer itself has begun.
    pub(in crate::http) fn send_interim(&self, bytes: &[u8], turn: &Turn) -> Result<(), Error> {
        // Under the lock, or an answer that begins at this moment, on another thread, could come
        // in between.
        let exchange = self.exchange.lock();
        if exchange.begun {
            return Ok(());
        }
        self.send_all(&mut [IoSlice::new(bytes)], turn, &mut MinRate::default())
    }

    /// Asks for the body of a request that waits to be asked.
    pub(in crate::http) fn send_continue(&self, turn: &Turn) -> Result<(), Error> {
        self.send_interim(CONTINUE, turn)?;
        self.asked();
        Ok(())
    }

    /// Sends everything, waiting for room as often as it takes, unless nothing is taken for too
    /// long.
    pub(in crate::http) fn send_all(
        &self,
        slices: &mut [IoSlice<'_>],
        turn: &Turn,
        pace: &mut MinRate,
    ) -> Result<(), Error> {
        let mut slices = slices;
        IoSlice::advance_slices(&mut slices, 0);
        let mut late = None;
        while !slices.is_empty() {
            match (self.send(slices)?, late.take()) {
                (Some(sent), _) => {
                    pace.moved(sent);
                    IoSlice::advance_slices(&mut slices, sent);
                }
                (None, Some(late)) => return Err(late),
                (None, None) => late = self.wait_for_room(&self.waker, turn, pace)?,
            }
        }
        Ok(())
    }

    /// Waits until the kernel takes something. If that takes too long it may take something all the
    /// same: a socket is ready when a third of its buffer is free, and a slow client has taken less
    /// by then. So that it is late is no failure yet, and is given.
    pub(in crate::http) fn wait_for_room(
        &self,
        waker: &Waker,
        turn: &Turn,
        pace: &mut MinRate,
    ) -> Result<Option<Error>, Error> {
        // A client that reads nothing before it has sent all of a body that nobody wants.
        let is_body_left = self.is_body_left();
        let ready = if is_body_left {
            Ready::Either
        } else {
            Ready::ToWrite
        };
        let waited = self.wait(waker, turn, ready, pace);
        if is_body_left {
            pace.moved(self.skip_what_came());
        }
        match waited {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(Some(error)),
            outcome => outcome.map(|()| None),
        }
    }

    /// Notes that the client has sent its body unasked.
    pub(in crate::http) fn asked(&self) {
        self.exchange.lock().continue_due = false;
    }

    /// Notes that the answer begins: from now on nothing else is sent. Says whether the client still
    /// waits to be asked for its body.
    pub(in crate::http) fn begin(&self) -> bool {
        let mut exchange = self.exchange.lock();
        exchange.begun = true;
        exchange.continue_due
    }

    /// Notes what only a few requests need: what was read behind the head of one that asks for an
    /// upgrade, and whether its client waits to be asked for the body.
    pub(in crate::http) fn open(&self, early: Bytes, continue_due: bool) {
        let mut exchange = self.exchange.lock();
        exchange.begun = false;
        exchange.continue_due = continue_due;
        exchange.early = early;
    }

    /// Takes what was read behind the head of a request that asks for an upgrade.
    pub(in crate::http) fn take_early(&self) -> Bytes {
        std::mem::take(&mut self.exchange.lock().early)
    }

    /// Says whether more of a body may come that was given back.
    fn is_body_left(&self) -> bool {
        let exchange = self.exchange.lock();
        let inflow = exchange.inflow.as_ref();
        inflow.is_some_and(|inflow| inflow.broken.is_none() && !inflow.decoder.is_end())
    }

    /// Throws away what has come of it. Says how much that is.
    fn skip_what_came(&self) -> usize {
        let mut exchange = self.exchange.lock();
        let inflow = exchange.inflow.as_mut();
        inflow.map_or(0, |inflow| inflow.take_turn(self).bytes)
    }

    /// Notes how much of a body is still to be read for certain.
    pub(in crate::http) fn set_unread(&self, bytes: u64) {
        self.unread.store(bytes, Ordering::Relaxed);
    }

    /// Says whether the connection can go on behind a body, whatever is done with it from now on: what
    /// is known to be left of it is little enough to be skipped. Of chunks more may come, and is
    /// skipped as well.
    pub(in crate::http) fn can_go_on(&self) -> bool {
        let most = self.rules.limits.drain_bytes;
        match &mut self.exchange.lock().inflow {
            Some(inflow) => inflow.is_worth_skipping(most),
            None => self.unread.load(Ordering::Relaxed) <= most,
        }
    }

    /// Says whether somebody may read on in a body.
    pub(in crate::http) fn is_body_held(&self) -> bool {
        self.exchange.lock().inflow.is_none()
    }

    /// Gives back what is left of a body.
    pub(in crate::http) fn give_back_body(&self, inflow: Inflow) {
        let mut exchange = self.exchange.lock();
        exchange.inflow = Some(inflow);
        let waited_for = exchange.waited_for;
        drop(exchange);
        if waited_for {
            self.given_back.notify_one();
        }
    }

    /// Says how the request was answered.
    pub(in crate::http) fn give_back_answer(&self, answered: Finished) {
        let mut exchange = self.exchange.lock();
        exchange.answered = Some(answered);
        let waited_for = exchange.waited_for;
        drop(exchange);
        if waited_for {
            self.given_back.notify_one();
        }
    }

    /// Waits until the answer, and the body if there is one, were given back, by whatever threads
    /// have them.
    pub(in crate::http) fn collect(&self, with_body: bool, turn: &Turn) -> Returned {
        let mut exchange = self.exchange.lock();
        loop {
            let is_whole = exchange.answered.is_some() && (exchange.inflow.is_some() || !with_body);
            if is_whole {
                if let Some(answered) = exchange.answered.take() {
                    exchange.waited_for = false;
                    return Returned {
                        inflow: exchange.inflow.take(),
                        answered,
                        early: std::mem::take(&mut exchange.early),
                    };
                }
            }
            if exchange.waited_for {
                self.given_back.wait(&mut exchange);
            } else {
                exchange.waited_for = true;
                drop(exchange);
                turn.promote_follower();
                exchange = self.exchange.lock();
            }
        }
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
        // Nothing else sets it but an earlier cause, which stays.
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
