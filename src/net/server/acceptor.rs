//! The acceptor: the thread that accepts connections, bounds them, and drains them in the end.
//!
//! It alone owns `open`, the table of open connections; a connection that has ended is reported by the
//! channel `ended`, from any thread. It takes no lock. It blocks in `accept`, in a wait for a
//! connection to end, and at the end in the join of the pool; a stop or an abort ends the first two.
//! Invariant: `open` is never longer than `connections`.

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
use super::pool::ConnectionPool;
use crate::error::{Error, ErrorKind};
use crate::leader::{Eviction, Poller};
use crate::net::listen::Listener;
use crate::net::socket::Socket;
use crate::threads::worker::guard;

/// What is done with a connection beyond the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// It is not accepted, and waits in the kernel's backlog.
    Wait,
    /// It is accepted, and reset.
    Drop,
}

/// The state of the acceptor's thread.
pub(super) struct Acceptor<P: Poller> {
    pub(super) control: Arc<Control>,
    pub(super) pool: ConnectionPool<P>,
    pub(super) connections: usize,
    pub(super) when_full: WhenFull,
    pub(super) grace: Duration,
    /// How often the threads that have ended are joined.
    pub(super) quiet: Duration,
    /// The connections that have ended.
    pub(super) ended: Receiver<u64>,
    pub(super) open: HashMap<u64, StopHandle>,
    pub(super) number: u64,
    /// How long to wait after the next accept that fails.
    pub(super) pause: Duration,
}

/// After an accept that has failed; doubled for each that follows it.
pub(super) const PAUSE_MIN: Duration = Duration::from_millis(5);
/// So that a server accepts again within a second of when it can.
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl<P: Poller> Acceptor<P> {
    /// Serves until the server is stopped, and every connection has ended.
    ///
    /// # Errors
    ///
    /// A panic on this thread, after which every connection was aborted; or one of `on_event`.
    pub(super) fn run(mut self, listener: Listener) -> Result<ServerCounts, Error> {
        let served = guard(|| {
            self.serve(&listener);
            Ok(())
        });
        // The clients in the backlog are refused now, and not at the end of the grace time.
        drop(listener);
        if let Err(error) = &served {
            self.control.broke(error);
        }
        let drained = self.drain();
        let control = Arc::clone(&self.control);
        // With it the last reference to the handler is dropped, which may panic.
        let joined = guard(|| {
            self.pool.join();
            Ok(())
        });
        let fault = control.fault();
        served.and(drained).and(joined).and(fault)?;
        Ok(control.stats.snapshot())
    }

    fn serve(&mut self, listener: &Listener) {
        while !self.control.is_stopping() {
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

    /// Blocks until there is room for another connection, or there may be; or until the server is
    /// stopped. If a client waits in the backlog, an idle connection is evicted.
    fn wait_for_room(&mut self, listener: &Listener) {
        if !self.pool.evicts() {
            return self.wait(None);
        }
        // In this order: a connection that ends before `sweep` is found by it, and one that ends
        // after it finds `is_full` and rings the bell, which ends the wait. `room_came` is the other
        // side, which sends into `ended` before it looks at `is_full`.
        self.control.set_full(true);
        self.control.bell().clear();
        self.sweep();
        let is_over = !self.is_full() || self.control.is_stopping();
        let is_client_waiting = !is_over && listener.wait_by(self.control.bell());
        self.control.set_full(false);
        if is_client_waiting {
            match self.pool.evict() {
                // It is in `ended` as any other that has ended.
                Eviction::Done => {}
                Eviction::At(time) => self.wait(Some(time)),
                Eviction::None => self.wait(None),
            }
        }
    }

    fn accept(&mut self, listener: &Listener) {
        // Threads that end are joined after a while, also if no client comes.
        let accepted = if self.pool.is_in_use() {
            listener.accept_timeout(self.quiet)
        } else {
            listener.accept()
        };
        match accepted {
            Ok(socket) => {
                self.pause = PAUSE_MIN;
                self.control.stats.accepted.fetch_add(1, Ordering::SeqCst);
                self.admit(socket);
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Cancelled) => {}
            Err(error) => self.back_off(error),
        }
    }

    /// Waits before the next accept, which would fail at once for the same reason.
    fn back_off(&mut self, error: Error) {
        let retry_in = self.pause;
        self.pause = (retry_in * 2).min(PAUSE_MAX);
        let stats = &self.control.stats;
        stats.accept_failures.fetch_add(1, Ordering::SeqCst);
        let is_short = is_short_of_descriptors(&error);
        self.control
            .report(&ServerEvent::AcceptFailed { error, retry_in });
        if is_short {
            // The end of an idle connection gives a descriptor back, and ends the wait.
            self.pool.evict();
        }
        self.wait(Instant::now().checked_add(retry_in));
    }

    fn admit(&mut self, socket: Socket) {
        // Some may have ended during the accept.
        self.sweep();
        if self.is_full() && self.pool.evict() == Eviction::Done {
            self.sweep();
        }
        if self.is_full() {
            let message = format!("{} connections are open already", self.connections);
            return self.reject(&socket, Error::new(ErrorKind::LimitExceeded, message));
        }
        if let Err(error) = self.ensure_thread() {
            return self.reject(&socket, error);
        }
        self.number += 1;
        let stop_handle = StopHandle::new(&self.control);
        self.open.insert(self.number, stop_handle.clone());
        self.control.stats.open();
        let connection = Connection::new(self.number, socket, stop_handle.clone());
        self.pool.serve(connection, stop_handle);
    }

    /// Starts the pool's first thread, if there is none. With one thread all connections are served in
    /// the end, so further ones may be missing; with none, this one cannot be.
    fn ensure_thread(&self) -> Result<(), Error> {
        if self.pool.has_threads() {
            return Ok(());
        }
        let started = self.pool.start_first();
        started.map_err(|error| Error::from(error).during("start a thread for", "a connection"))
    }

    fn reject(&self, socket: &Socket, error: Error) {
        self.control.stats.dropped.fetch_add(1, Ordering::SeqCst);
        let peer = socket.name().to_owned();
        drop(socket.reset_on_drop());
        self.control.report(&ServerEvent::Dropped { peer, error });
    }

    /// Blocks until a connection ends, the server is stopped, a connection may be evicted, or a time
    /// has come.
    fn wait(&mut self, until: Option<Instant>) {
        let time = until.map_or_else(never, at);
        select! {
            recv(self.ended) -> number => {
                if let Ok(number) = number {
                    self.open.remove(&number);
                }
            }
            recv(self.control.stops) -> _ => {}
            recv(self.control.evictions) -> _ => {}
            recv(time) -> _ => {}
        }
    }

    /// Removes the connections that have ended, and maintains the pool.
    fn sweep(&mut self) {
        while let Ok(number) = self.ended.try_recv() {
            self.open.remove(&number);
        }
        self.pool.maintain();
    }

    /// Stops the open connections, and blocks until they have ended. At the end of the grace time they
    /// are aborted.
    ///
    /// # Errors
    ///
    /// The first panic of a stream that is stopped with its connection. The others are stopped all the
    /// same.
    fn drain(&mut self) -> Result<(), Error> {
        let mut outcome = self.for_each_open(StopHandle::stop);
        self.pool.stop();
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
            let aborted = self.for_each_open(|stop_handle| stop_handle.abort(&cause));
            outcome = outcome.and(aborted);
            self.pool.abort();
            while !self.open.is_empty() {
                self.wait(None);
            }
        }
        outcome
    }

    /// Calls `act` for every open connection. Returns the first panic, after all calls.
    fn for_each_open(&self, act: impl Fn(&StopHandle)) -> Result<(), Error> {
        let outcomes = self.open.values().map(|stop_handle| {
            guard(|| {
                act(stop_handle);
                Ok(())
            })
        });
        outcomes.fold(Ok(()), Result::and)
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
