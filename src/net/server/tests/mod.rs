//! The pool of a server, with real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod broken;
mod cost;
mod echo;
mod ends;
mod kit;
mod refused;
mod takeover;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::{Connection, RunningServer, Server};
use crate::leader::{Next, Poll, RunReason, Task, Turn};
use crate::net::socket::Socket;

/// Sends back what comes, at once.
pub(super) struct Echo {
    socket: Socket,
    room: [u8; 256],
    last: usize,
}

impl Echo {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            socket: connection.into_socket(),
            room: [0; 256],
            last: 0,
        }
    }

    /// Sends back what is there. `None` if it is idle after that.
    pub(super) fn run_for(&mut self, reason: RunReason) -> Option<Next> {
        self.last = 0;
        if reason != RunReason::Ready {
            return Some(Next::Done(Ok(())));
        }
        match self.socket.try_recv(&mut self.room) {
            Ok(0) => Some(Next::Done(Ok(()))),
            Ok(count) => {
                let slices = [io::IoSlice::new(&self.room[..count])];
                let sent = self.socket.try_send(&slices);
                assert_eq!(sent.unwrap(), count, "a small answer fits");
                self.last = count;
                None
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Next::Done(Err(error.into()))),
        }
    }

    /// What the last call has sent back.
    pub(super) fn last(&self) -> &[u8] {
        &self.room[..self.last]
    }
}

impl Task for Echo {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn run(&mut self, _turn: &Turn, reason: RunReason) -> Next {
        self.run_for(reason).unwrap_or(IDLE)
    }
}

/// An echo that does something else as well.
pub(super) struct By<F>(pub(super) Echo, pub(super) F);

impl<F: FnMut(&mut Echo, &Turn, RunReason) -> Next + Send> Task for By<F> {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.fd()
    }

    fn run(&mut self, turn: &Turn, reason: RunReason) -> Next {
        (self.1)(&mut self.0, turn, reason)
    }
}

pub(super) const IDLE: Next = Next::Idle { until: None };

thread_local! {
    static POLLS: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test with the poller of this operating system, and with the one that every Unix has.
pub(super) fn on_both(test: impl Fn()) {
    for polls in [false, true] {
        POLLS.set(polls);
        test();
    }
}

pub(super) fn spawn<G: Task + 'static>(
    server: Server,
    make_task: impl Fn(Connection) -> G + Send + 'static,
) -> RunningServer {
    let running = if POLLS.get() {
        server.spawn_tasks_on(Poll::new().unwrap(), make_task)
    } else {
        server.spawn_tasks(make_task)
    };
    running.unwrap()
}

pub(super) fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

pub(super) fn client_of(server: &RunningServer) -> TcpStream {
    let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let limit = Some(Duration::from_secs(10));
    client.set_read_timeout(limit).unwrap();
    client
}

/// Sends something, and waits until it has come back.
#[track_caller]
pub(super) fn ping(client: &mut TcpStream) {
    client.write_all(b"ping").unwrap();
    pong(client);
}

#[track_caller]
pub(super) fn pong(client: &mut TcpStream) {
    let mut got = [0; 4];
    client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
}
