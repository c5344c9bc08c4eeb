//! What the handler of a server is given.

use std::sync::Arc;

use super::handle::Control;
use super::reporter::Reporter;
use crate::cancel::{CancelToken, Interrupt, LateInterrupt};
use crate::error::Error;
use crate::net::socket::{ResetOnDrop, Socket, SocketSink, SocketSource};
use crate::stage::sink::Sink;
use crate::stage::source::Source;

/// A connection that a [`Server`](super::Server) has accepted, in the hands of its handler.
///
/// One that is dropped as it is, or by a panic, is reset, so that its peer does not take that for
/// an answer without a byte.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    /// Before the socket, so that it is dropped first.
    unused: ResetOnDrop,
    socket: Socket,
    stop_handle: StopHandle,
}

/// What the server stops a connection by.
#[derive(Clone)]
pub(super) struct StopHandle {
    token: CancelToken,
    stopping: CancelToken,
    halves: LateInterrupt,
    reporter: Reporter,
}

impl Connection {
    pub(super) fn new(number: u64, socket: Socket, stop_handle: StopHandle) -> Self {
        Self {
            number,
            unused: socket.reset_on_drop(),
            socket,
            stop_handle,
        }
    }

    /// Which connection of the server it is, from 1 on.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Who is at the other end, as errors and reports call it.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.socket.name()
    }

    /// The token of this connection alone, which is aborted when the server is, or when its grace
    /// time is over. Streams that are put under it, whatever they do with the socket, end then.
    #[must_use]
    pub const fn token(&self) -> &CancelToken {
        &self.stop_handle.token
    }

    /// A token that is stopped as soon as the server is told to stop, and aborted with the other
    /// one: for streams that would not come to an end by themselves. They read no more, write what
    /// they have, and end.
    #[must_use]
    pub const fn stopping(&self) -> &CancelToken {
        &self.stop_handle.stopping
    }

    /// What its requests are told of by.
    #[cfg(feature = "http")]
    pub(crate) const fn reporter(&self) -> &Reporter {
        &self.stop_handle.reporter
    }

    /// Gives the socket. Whoever uses it by other means than streams under [`token`](Self::token)
    /// is not woken when the grace time is over, and waited for.
    #[must_use]
    pub fn into_socket(self) -> Socket {
        self.unused.disarm();
        self.socket
    }

    /// Takes the two halves apart, so as to be read and written by this very thread: that takes no
    /// other one, and a descriptor more for each half from its first wait on. A read or a write
    /// that blocks ends when the token is aborted by the server.
    #[must_use]
    pub fn split(self) -> (SocketSource, SocketSink) {
        self.unused.disarm();
        let (source, sink) = self.socket.split();
        let wakes = [source.interrupt(), sink.interrupt()];
        self.stop_handle
            .halves
            .set(Interrupt::all(wakes.into_iter().flatten()));
        (source, sink)
    }
}

impl StopHandle {
    pub(super) fn new(control: &Arc<Control>) -> Self {
        Self {
            reporter: Reporter::new(control),
            token: CancelToken::new(),
            stopping: CancelToken::new(),
            halves: LateInterrupt::default(),
        }
    }

    pub(super) const fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Tells the connection that the server stops.
    pub(super) fn stop(&self) {
        self.stopping.stop();
    }

    /// Ends the connection now.
    pub(super) fn abort(&self, cause: &Error) {
        self.token.abort_as(cause.clone());
        self.stopping.abort_as(cause.clone());
        // After the streams, which then know why a call of theirs has come back.
        self.halves.interrupt().wake();
    }

    /// Why it was ended, if it was.
    pub(super) fn cause(&self) -> Option<Error> {
        self.token.cause()
    }
}

impl std::fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StopHandle")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
