//! Attempts at the addresses of a host, of which one wins: RFC 8305, "happy eyeballs".

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket};

use super::Connect;
use crate::error::Error;
use crate::net::address::Resolved;
use crate::os::wait::CancellableWait;

/// The attempts of one connect. Those that have not won are closed when it is dropped.
pub(super) struct Race<'a> {
    connect: &'a Connect,
    waiter: &'a CancellableWait,
    deadline: Option<Instant>,
    /// When the next address is due, if one is waiting; at once if nothing is running.
    next: Option<Instant>,
    waiting: VecDeque<Resolved>,
    running: Vec<ConnectAttempt>,
    failed: Vec<(SockAddr, Error)>,
}

/// A connection that is being made.
struct ConnectAttempt {
    socket: Socket,
    addr: SockAddr,
    deadline: Option<Instant>,
}

impl ConnectAttempt {
    /// Closes a connection that may have been accepted by now, with a reset: to the peer a plain close
    /// would look like an empty stream.
    fn lose(self) {
        // It fails on a socket that is not connected at all.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}

impl Drop for Race<'_> {
    fn drop(&mut self) {
        self.running.drain(..).for_each(ConnectAttempt::lose);
    }
}

impl<'a> Race<'a> {
    pub(super) fn new(
        connect: &'a Connect,
        waiter: &'a CancellableWait,
        deadline: Option<Instant>,
        found: Vec<Resolved>,
    ) -> Self {
        Self {
            connect,
            waiter,
            deadline,
            next: None,
            waiting: alternate(found),
            running: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Runs until one attempt has won, all have failed, the deadline, or a cancel.
    pub(super) fn run(&mut self) -> Result<Socket, Error> {
        loop {
            let next = self.next.is_some_and(|next| next <= Instant::now());
            if self.running.is_empty() || next {
                if let Some((domain, addr)) = self.waiting.pop_front() {
                    if let Some(won) = self.start(domain, addr) {
                        return Ok(won);
                    }
                }
            }
            if self.running.is_empty() {
                if self.waiting.is_empty() {
                    return Err(self.lost(None));
                }
                continue;
            }
            if let Some(won) = self.wait()? {
                return Ok(won);
            }
            let now = Instant::now();
            if is_over(self.deadline, now) {
                self.give_up(|_| true);
                return Err(self.lost(Some(Error::timed_out("an answer"))));
            }
            self.give_up(|attempt| is_over(attempt.deadline, now));
        }
    }

    /// Begins an attempt. A connect to this machine may succeed at once.
    fn start(&mut self, domain: Domain, addr: SockAddr) -> Option<Socket> {
        let now = Instant::now();
        let socket = match self.connect.socket(domain) {
            Ok(socket) => socket,
            Err(error) => {
                self.fail(addr, error);
                return None;
            }
        };
        match socket.connect(&addr) {
            Ok(()) => return Some(socket),
            Err(error) if is_in_progress(&error) => {}
            Err(error) => {
                self.fail(addr, error.into());
                return None;
            }
        }
        // A time that cannot be represented never comes.
        self.next = now.checked_add(self.connect.delay);
        let within = self.connect.attempt_within;
        self.running.push(ConnectAttempt {
            socket,
            addr,
            deadline: within.and_then(|within| now.checked_add(within)),
        });
        None
    }

    /// Waits until an attempt succeeds or fails, and returns one that has succeeded.
    fn wait(&mut self) -> Result<Option<Socket>, Error> {
        let next = self.next.filter(|_| !self.waiting.is_empty());
        let deadlines = self.running.iter().filter_map(|attempt| attempt.deadline);
        let until = deadlines.chain(next).chain(self.deadline).min();
        let fds: Vec<BorrowedFd<'_>> = self.running.iter().map(|it| it.socket.as_fd()).collect();
        let ready = self.waiter.waker.wait_any(&fds, until)?;
        let mut won: Option<ConnectAttempt> = None;
        // Backwards, so that the indices stay valid and the earliest of several winners is kept.
        for index in ready.into_iter().rev() {
            let attempt = self.running.remove(index);
            match attempt.socket.take_error() {
                Ok(None) => {
                    if let Some(later) = won.replace(attempt) {
                        later.lose();
                    }
                }
                Ok(Some(error)) | Err(error) => self.fail(attempt.addr, error.into()),
            }
        }
        Ok(won.map(|won| won.socket))
    }

    /// Notes the error of an address. The next address is tried at once.
    fn fail(&mut self, addr: SockAddr, error: Error) {
        self.failed.push((addr, error));
        self.next = Some(Instant::now());
    }

    /// Ends the attempts that are late.
    fn give_up(&mut self, is_late: impl Fn(&ConnectAttempt) -> bool) {
        let (late, running) = self.running.drain(..).partition(is_late);
        self.running = running;
        let late: Vec<ConnectAttempt> = late;
        for attempt in late {
            self.fail(attempt.addr.clone(), Error::timed_out("an answer"));
            attempt.lose();
        }
    }

    /// The first error. Its message has every address with its reason.
    fn lost(&mut self, late: Option<Error>) -> Error {
        let failed = std::mem::take(&mut self.failed);
        let reasons: Vec<String> = failed.iter().map(reason).collect();
        let (mut first, mut others) = (late, Vec::new());
        for (addr, error) in failed {
            if first.is_none() {
                first = Some(error);
            } else {
                others.push(error.during("connect to", &named(&addr)));
            }
        }
        let first = first.unwrap_or_else(|| Error::timed_out("an answer"));
        if reasons.len() < 2 {
            return first;
        }
        let first = first.saying(reasons.join("; "));
        for other in others {
            first.attach(other);
        }
        first
    }
}

/// An address that failed, with its reason.
fn reason((addr, error): &(SockAddr, Error)) -> String {
    let addr = named(addr);
    match error.io_error() {
        Some(system) => format!("{addr}: {system}"),
        None => format!("{addr}: {error}"),
    }
}

fn named(addr: &SockAddr) -> String {
    let addr = addr.as_socket();
    addr.map_or_else(String::new, |addr| format!("tcp://{addr}"))
}

fn is_over(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|at| at <= now)
}

fn is_in_progress(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// Orders the addresses so that the families take turns, as RFC 8305, section 4, recommends.
fn alternate(found: Vec<Resolved>) -> VecDeque<Resolved> {
    let Some((family, _)) = found.first() else {
        return VecDeque::new();
    };
    let family = *family;
    let (own, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(domain, _)| *domain == family);
    let mut others = others.into_iter();
    let mut turns = VecDeque::new();
    for address in own {
        turns.push_back(address);
        turns.extend(others.next());
    }
    turns.extend(others);
    turns
}
