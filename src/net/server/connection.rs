//! A connection, as the handler of a server gets it.

use std::sync::Arc;

use super::handle::Control;
use super::reporter::Reporter;
use crate::cancel::{CancelToken, Interrupt, LateInterrupt};
use crate::error::Error;
use crate::net::socket::{ResetOnDrop, Socket, SocketSink, SocketSource};
use crate::stage::sink::Sink;
use crate::stage::source::Source;

/// A connection that a [`Server`](super::Server) has accepted, given to the handler.
///
/// If it is dropped unused, or by a panic, it is reset: its client gets an error, and not the end of
/// an empty response.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    /// Before the socket, so that it is dropped first.
    unused: ResetOnDrop,
    socket: Socket,
    stop_handle: StopHandle,
}

/// Stops or aborts one connection. A clone is for the same one.
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

    /// The number of the connection, counted by the server from 1 on.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The name of the client, as errors and reports have it: `tcp://` and its address, or the path of
    /// a Unix socket.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.socket.name()
    }

    /// The token of this connection alone. It is aborted when the server is aborted, or when its grace
    /// time is over; streams that are registered with it fail then.
    #[must_use]
    pub const fn token(&self) -> &CancelToken {
        &self.stop_handle.token
    }

    /// A token that is stopped as soon as the server is stopped, and aborted with
    /// [`token`](Self::token): for streams that would not end by themselves. They read no more, write
    /// what is buffered, and end.
    #[must_use]
    pub const fn stopping(&self) -> &CancelToken {
        &self.stop_handle.stopping
    }

    /// Reports and counts its requests.
    #[cfg(feature = "http")]
    pub(crate) const fn reporter(&self) -> &Reporter {
        &self.stop_handle.reporter
    }

    /// Converts it into its socket. The server can wake only streams that are registered with
    /// [`token`](Self::token): a handler that blocks on the socket in another way is not woken at the
    /// end of the grace time, and the server waits for it.
    #[must_use]
    pub fn into_socket(self) -> Socket {
        self.unused.disarm();
        self.socket
    }

    /// Splits it into a source and a sink, which this thread can read and write itself. Starts no
    /// thread; takes one more descriptor for each half, from its first wait on. A read or a write
    /// that blocks fails when the server aborts the connection.
    #[must_use]
    pub fn split(self) -> (SocketSource, SocketSink) {
        self.unused.disarm();
        let (source, sink) = self.socket.split();
        let interrupts = [source.interrupt(), sink.interrupt()];
        self.stop_handle
            .halves
            .set(Interrupt::all(interrupts.into_iter().flatten()));
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

    /// Stops the connection, for the server stops.
    pub(super) fn stop(&self) {
        self.stopping.stop();
    }

    /// Ends the connection now.
    pub(super) fn abort(&self, cause: &Error) {
        self.token.abort_as(cause.clone());
        self.stopping.abort_as(cause.clone());
        // After the streams, whose calls that come back then report the cause.
        self.halves.interrupt().wake();
    }

    /// Why it was aborted, if it was.
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
