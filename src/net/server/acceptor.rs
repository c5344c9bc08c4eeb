//! Lets connections in, no more than there may be, and sees them out in the end.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select};
use rustix::io::Errno;

use super::connection::{Connection, StopHandle};
use super::event::ServerEvent;
use super::handle::{Control, ServerCounts};
use super::staff::Staff;
use crate::error::{Error, ErrorKind};
use crate::leader::Vacancy;
use crate::net::listen::Listener;
use crate::net::socket::Socket;
use crate::threads::worker::guard;

/// What is done with a connection for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// It is not accepted: the system has it wait in the backlog.
    Wait,
    /// It is accepted, and reset.
    Drop,
}

/// The thread that accepts, and all that it alone knows.
pub(super) struct Acceptor {
    pub(super) control: Arc<Control>,
    pub(super) staff: Box<dyn Staff>,
    pub(super) connections: usize,
    pub(super) when_full: WhenFull,
    pub(super) grace: Duration,
    /// How often it is looked whether threads have left.
    pub(super) quiet: Duration,
    /// The connections that have ended.
    pub(super) ended: Receiver<u64>,
    pub(super) open: HashMap<u64, StopHandle>,
    pub(super) number: u64,
    /// How long it waits after the next accept that fails.
    pub(super) pause: Duration,
}

/// After an accept that has failed; doubled for each that follows it.
pub(super) const PAUSE_MIN: Duration = Duration::from_millis(5);
/// So that a server comes back within a second of when it can.
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Acceptor {
    /// Serves until it is told to stop, and every connection has ended.
    ///
    /// # Errors
    ///
    /// A panic on this thread, after which every connection was aborted; or one of who is told of
    /// events.
    pub(super) fn run(mut self, listener: Listener) -> Result<ServerCounts, Error> {
        let served = guard(|| {
            self.serve(&listener);
            Ok(())
        });
        // Whoever is in the backlog is turned away now, and not at the end of the grace time.
        drop(listener);
        if let Err(error) = &served {
            self.control.broke(error);
        }
        let seen_out = self.drain();
        let control = Arc::clone(&self.control);
        // The last that has the handler drops it.
        let left = guard(|| {
            self.staff.join();
            Ok(())
        });
        let fault = control.fault();
        served.and(seen_out).and(left).and(fault)?;
        Ok(control.tally.snapshot())
    }

    fn serve(&mut self, listener: &Listener) {
        while !self.control.is_told() {
            self.sweep();
            if self.is_full() && self.when_full == WhenFull::Wait {
                self.wait_for_room(listener);
            } else {
                self.accept(listener);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.open.len() >= self.connections
    }

    /// Waits until there is room for another connection, or there may be; or for the end. If one
    /// waits in the backlog, one that is idle gives way.
    fn wait_for_room(&mut self, listener: &Listener) {
        if !self.staff.has_room_to_make() {
            return self.wait(None);
        }
        self.control.set_full(true);
        self.control.bell().clear();
        // What came before it was cleared is looked at here.
        self.sweep();
        let is_over = !self.is_full() || self.control.is_told();
        let is_there = !is_over && listener.wait_by(self.control.bell());
        self.control.set_full(false);
        if is_there {
            match self.staff.make_room() {
                // That was told as any other end.
                Vacancy::Made => {}
                Vacancy::At(time) => self.wait(Some(time)),
                Vacancy::None => self.wait(None),
            }
        }
    }

    fn accept(&mut self, listener: &Listener) {
        // Threads that leave are joined after a while, also if nobody comes.
        let accepted = if self.staff.has_any() {
            listener.accept_timeout(self.quiet)
        } else {
            listener.accept()
        };
        match accepted {
            Ok(socket) => {
                self.pause = PAUSE_MIN;
                self.control.tally.accepted.fetch_add(1, Ordering::SeqCst);
                self.let_in(socket);
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Cancelled) => {}
            Err(error) => self.rest(error),
        }
    }

    /// Waits before the next accept, which would fail at once for the same reason.
    fn rest(&mut self, error: Error) {
        let retry_in = self.pause;
        self.pause = (retry_in * 2).min(PAUSE_MAX);
        let tally = &self.control.tally;
        tally.accept_failures.fetch_add(1, Ordering::SeqCst);
        let is_short = is_short_of_descriptors(&error);
        self.control
            .report(&ServerEvent::AcceptFailed { error, retry_in });
        if is_short {
            // Its end is told, and ends the wait.
            self.staff.make_room();
        }
        self.wait(Instant::now().checked_add(retry_in));
    }

    fn let_in(&mut self, socket: Socket) {
        // Some may have ended while nobody came.
        self.sweep();
        if self.is_full() && self.staff.make_room() == Vacancy::Made {
            self.sweep();
        }
        if self.is_full() {
            let message = format!("{} connections are open already", self.connections);
            return self.reject(&socket, Error::new(ErrorKind::LimitExceeded, message));
        }
        if let Err(error) = self.find_hand() {
            return self.reject(&socket, error);
        }
        self.number += 1;
        let stop_handle = StopHandle::new(&self.control);
        self.open.insert(self.number, stop_handle.clone());
        self.control.tally.open();
        let connection = Connection::new(self.number, socket, stop_handle.clone());
        self.staff.give(connection, stop_handle);
    }

    /// Finds a thread: one that is free, or a new one, or the next that comes free.
    fn find_hand(&mut self) -> Result<(), Error> {
        if self.staff.claim() {
            return Ok(());
        }
        let Err(error) = self.staff.start() else {
            return Ok(());
        };
        let error = Error::from(error).during("start a thread for", "a connection");
        if self.open.is_empty() {
            return Err(error);
        }
        self.control.report(&ServerEvent::NoThread {
            error: error.clone(),
        });
        while !self.staff.claim() {
            // Without anybody left to wait for; or for as long as those take who may have a grace.
            if self.open.is_empty() || self.control.is_told() {
                return Err(error);
            }
            self.wait(None);
        }
        Ok(())
    }

    fn reject(&self, socket: &Socket, error: Error) {
        self.control.tally.dropped.fetch_add(1, Ordering::SeqCst);
        let peer = socket.name().to_owned();
        drop(socket.reset_on_drop());
        self.control.report(&ServerEvent::Dropped { peer, error });
    }

    /// Waits until a connection ends, somebody stops the server, or a time has come.
    fn wait(&mut self, until: Option<Instant>) {
        let time = until.map_or_else(never, at);
        select! {
            recv(self.ended) -> number => {
                if let Ok(number) = number {
                    self.open.remove(&number);
                }
            }
            recv(self.control.told) -> _ => {}
            recv(self.control.yields) -> _ => {}
            recv(time) -> _ => {}
        }
    }

    /// Takes note of what has ended meanwhile.
    fn sweep(&mut self) {
        while let Ok(number) = self.ended.try_recv() {
            self.open.remove(&number);
        }
        self.staff.tend();
    }

    /// Waits until the connections have ended, and does not let them take longer than the grace
    /// time.
    ///
    /// # Errors
    ///
    /// The first panic of what is to end with a connection. The others end all the same.
    fn drain(&mut self) -> Result<(), Error> {
        let mut outcome = self.each(StopHandle::stop);
        self.staff.stop();
        // A time that cannot be represented is no limit.
        let deadline = Instant::now().checked_add(self.grace);
        while !self.open.is_empty() {
            let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let cause = match self.control.aborted() {
                Some(cause) => cause.clone(),
                None if is_over => grace_is_over(),
                None => {
                    self.wait(deadline);
                    continue;
                }
            };
            let told = self.each(|stop_handle| stop_handle.abort(&cause));
            outcome = outcome.and(told);
            self.staff.abort();
            while !self.open.is_empty() {
                self.wait(None);
            }
        }
        outcome
    }

    /// Tells every connection that is open. Gives the first panic, when all were told.
    fn each(&self, tell: impl Fn(&StopHandle)) -> Result<(), Error> {
        let told = self.open.values().map(|stop_handle| {
            guard(|| {
                tell(stop_handle);
                Ok(())
            })
        });
        told.fold(Ok(()), Result::and)
    }
}

fn is_short_of_descriptors(error: &Error) -> bool {
    let code = error.io_error().and_then(io::Error::raw_os_error);
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

fn grace_is_over() -> Error {
    let cause = "the server has stopped, and the grace time is over";
    Error::caused(ErrorKind::Cancelled, "cancelled", cause.into())
}
