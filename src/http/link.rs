//! A connection, as those share it who have a part in one of its requests: the session, the body of
//! the request and the answer to it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;

use super::answering::Answered;
use super::body::Inflow;
use super::pace::Pace;
use super::rules::Rules;
use crate::cancel::{Cancel, CancelToken, LateInterrupt};
use crate::error::{Error, ErrorKind};
use crate::fd::{Ready, Waker};
use crate::rota::Duty;
use crate::socket::Socket;
use crate::source::read_chunk;
use crate::sync::{Condvar, Mutex};

/// A connection.
///
/// The body has what is read, and the answer what is written, each to itself, on whatever threads a
/// handler has moved them to. Both are given back here, and until then the session does neither.
pub(super) struct Link {
    socket: Socket,
    pub(super) rules: Arc<Rules>,
    /// Wakes what waits for no stream.
    pub(super) waker: Waker,
    /// What else is to be woken: a stream that reads, and one that writes, have bells of their own.
    pub(super) reading: LateInterrupt,
    pub(super) writing: LateInterrupt,
    /// Used with the server, for what handlers put under it.
    token: CancelToken,
    stopping: AtomicBool,
    /// Why it is to end now, if it is.
    aborted: OnceLock<Error>,
    desk: Mutex<Desk>,
    /// Signalled when something was given back that the session waits for.
    given_back: Condvar,
}

/// What is known of the request that is being answered.
#[derive(Default)]
struct Desk {
    inflow: Option<Inflow>,
    answered: Option<Answered>,
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
pub(super) struct Returned {
    pub(super) inflow: Option<Inflow>,
    pub(super) answered: Answered,
    pub(super) early: Bytes,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Bytes(usize),
    Nothing,
    End,
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Link {
    pub(super) fn new(socket: Socket, rules: Arc<Rules>, token: CancelToken) -> Self {
        Self {
            socket,
            token,
            rules,
            waker: Waker::new(),
            reading: LateInterrupt::default(),
            writing: LateInterrupt::default(),
            stopping: AtomicBool::new(false),
            aborted: OnceLock::new(),
            desk: Mutex::default(),
            given_back: Condvar::new(),
        }
    }

    /// Who is at the other end, as errors and reports call it.
    pub(super) fn peer(&self) -> &str {
        self.socket.name()
    }

    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    pub(super) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Stopped when the server is, and aborted when the connection is.
    pub(super) const fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Says whether the server lets nobody in any more: each connection ends with what it answers.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Reads what is there. Does not wait.
    pub(super) fn receive(&self, room: &mut [u8]) -> Result<Got, Error> {
        match self.socket.try_recv(room) {
            Ok(0) => Ok(Got::End),
            Ok(bytes) => Ok(Got::Bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
            Err(error) => Err(self.failed("read from", error.into())),
        }
    }

    /// Reads what is there into a chunk, which is empty at the end. Does not wait.
    pub(super) fn receive_chunk(&self) -> Result<Option<Bytes>, Error> {
        match read_chunk(&self.rules.pool, |room| self.socket.try_recv(room)) {
            Ok(chunk) => Ok(Some(chunk.unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(self.failed("read from", error.into())),
        }
    }

    /// Sends what the kernel takes now; nothing, if it takes none. Does not wait.
    pub(super) fn send(&self, slices: &[IoSlice<'_>]) -> Result<Option<usize>, Error> {
        self.taken(self.socket.try_send(slices))
    }

    /// The same for a head that more follows of at once.
    pub(super) fn send_more(&self, head: &[u8]) -> Result<Option<usize>, Error> {
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
    pub(super) fn check(&self) -> Result<(), Error> {
        self.aborted
            .get()
            .map_or(Ok(()), |cause| Err(cause.clone()))
    }

    /// Waits until the connection is ready. The wait ends then, with a wake, when the connection is
    /// to end now, or when the client has moved nothing for too long, or too little in all. Somebody
    /// else keeps the watch meanwhile.
    pub(super) fn wait(
        &self,
        waker: &Waker,
        duty: &Duty,
        ready: Ready,
        pace: &mut Pace,
    ) -> Result<(), Error> {
        duty.step_down();
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
    pub(super) fn failed(&self, doing: &'static str, error: Error) -> Error {
        match self.aborted.get() {
            Some(cause) => cause.clone(),
            None => error.during(doing, self.peer()),
        }
    }

    /// Sends an informational answer, unless the answer itself has begun.
    pub(super) fn send_interim(&self, bytes: &[u8], duty: &Duty) -> Result<(), Error> {
        // Under the lock, or an answer that begins at this moment, on another thread, could come
        // in between.
        let desk = self.desk.lock();
        if desk.begun {
            return Ok(());
        }
        self.send_all(&mut [IoSlice::new(bytes)], duty, &mut Pace::default())
    }

    /// Asks for the body of a request that waits to be asked.
    pub(super) fn send_continue(&self, duty: &Duty) -> Result<(), Error> {
        self.send_interim(CONTINUE, duty)?;
        self.asked();
        Ok(())
    }

    /// Sends everything, waiting for room as often as it takes, unless nothing is taken for too
    /// long.
    pub(super) fn send_all(
        &self,
        slices: &mut [IoSlice<'_>],
        duty: &Duty,
        pace: &mut Pace,
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
                (None, None) => late = self.wait_for_room(&self.waker, duty, pace)?,
            }
        }
        Ok(())
    }

    /// Waits until the kernel takes something. If that takes too long it may take something all the
    /// same: a socket is ready when a third of its buffer is free, and a slow client has taken less
    /// by then. So that it is late is no failure yet, and is given.
    pub(super) fn wait_for_room(
        &self,
        waker: &Waker,
        duty: &Duty,
        pace: &mut Pace,
    ) -> Result<Option<Error>, Error> {
        match self.wait(waker, duty, Ready::ToWrite, pace) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(Some(error)),
            outcome => outcome.map(|()| None),
        }
    }

    /// Notes that the client has sent its body unasked.
    pub(super) fn asked(&self) {
        self.desk.lock().continue_due = false;
    }

    /// Notes that the answer begins: from now on nothing else is sent. Says whether the client still
    /// waits to be asked for its body.
    pub(super) fn begin(&self) -> bool {
        let mut desk = self.desk.lock();
        desk.begun = true;
        desk.continue_due
    }

    /// Notes what only a few requests need: what was read behind the head of one that asks for an
    /// upgrade, and whether its client waits to be asked for the body.
    pub(super) fn open(&self, early: Bytes, continue_due: bool) {
        let mut desk = self.desk.lock();
        desk.begun = false;
        desk.continue_due = continue_due;
        desk.early = early;
    }

    /// Takes what was read behind the head of a request that asks for an upgrade.
    pub(super) fn take_early(&self) -> Bytes {
        std::mem::take(&mut self.desk.lock().early)
    }

    /// Says whether the connection can go on behind a body, as far as that is known: it was given
    /// back, and too much of it is left to be skipped, or it has failed.
    pub(super) fn may_skip_body(&self) -> bool {
        let desk = self.desk.lock();
        let inflow = desk.inflow.as_ref();
        inflow.is_none_or(|inflow| inflow.is_worth_skipping(self.rules.limits.drain_bytes))
    }

    /// Gives back what is left of a body.
    pub(super) fn give_back_body(&self, inflow: Inflow) {
        let mut desk = self.desk.lock();
        desk.inflow = Some(inflow);
        let waited_for = desk.waited_for;
        drop(desk);
        if waited_for {
            self.given_back.notify_one();
        }
    }

    /// Says how the request was answered.
    pub(super) fn give_back_answer(&self, answered: Answered) {
        let mut desk = self.desk.lock();
        desk.answered = Some(answered);
        let waited_for = desk.waited_for;
        drop(desk);
        if waited_for {
            self.given_back.notify_one();
        }
    }

    /// Waits until the answer, and the body if there is one, were given back, by whatever threads
    /// have them.
    pub(super) fn collect(&self, with_body: bool, duty: &Duty) -> Returned {
        let mut desk = self.desk.lock();
        loop {
            let is_whole = desk.answered.is_some() && (desk.inflow.is_some() || !with_body);
            if is_whole {
                if let Some(answered) = desk.answered.take() {
                    desk.waited_for = false;
                    return Returned {
                        inflow: desk.inflow.take(),
                        answered,
                        early: std::mem::take(&mut desk.early),
                    };
                }
            }
            if desk.waited_for {
                self.given_back.wait(&mut desk);
            } else {
                desk.waited_for = true;
                drop(desk);
                duty.step_down();
                desk = self.desk.lock();
            }
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Cancel for Link {
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
