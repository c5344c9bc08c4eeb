//! Stops a server and counts what it does, from any thread.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::event::ServerEvent;
use crate::cancel::{Cancel, CancelToken};
use crate::error::{Error, ErrorKind};
use crate::os::Waker;
use crate::threads::worker::{Worker, guard};

/// What a server has done so far, or in all: returned by [`ServerHandle::counts`] and
/// [`Server::serve`](super::Server::serve).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Connections that are being served.
    pub open: usize,
    /// The most connections that were served at once.
    pub peak: usize,
    /// Threads that serve connections, or wait for some; without the one that accepts.
    pub threads: usize,
    /// Connections that were accepted, the dropped ones with them.
    pub accepted: u64,
    /// Connections that were reset without being served.
    pub dropped: u64,
    /// Connections whose handler returned `Ok`.
    pub finished: u64,
    /// Connections whose handler returned an error, or panicked.
    pub failed: u64,
    /// Connections with a request that was refused because of what its client sent.
    pub refused: u64,
    /// Connections whose client reset them, or was too slow, before a response was complete.
    pub disconnected: u64,
    /// Connections whose handler failed because the server aborted it.
    pub aborted: u64,
    /// How often an accept failed.
    pub accept_failures: u64,
}

/// What the threads of a server share. It holds no lock; each field is set once, or is atomic.
pub(super) struct Control {
    local_addr: Option<SocketAddr>,
    /// Stopped when no further connection is to be accepted: it ends the accept.
    pub(super) acceptor: CancelToken,
    stopped: AtomicBool,
    aborted: OnceLock<Error>,
    /// One message for a stop and one for an abort, so that sending never waits.
    send_stop: Sender<()>,
    pub(super) stops: Receiver<()>,
    /// The acceptor waits for a connection to end.
    is_full: AtomicBool,
    /// Wakes the acceptor while that is so.
    bell: Waker,
    /// A message if there may be a connection that can be evicted.
    send_eviction: Sender<()>,
    pub(super) evictions: Receiver<()>,
    pub(super) stats: ServerStats,
    on_event: OnceLock<OnEvent>,
    /// The first panic that is to be returned by `join`.
    fault: OnceLock<Error>,
}

pub(super) type OnEvent = Box<dyn Fn(&ServerEvent) + Send + Sync>;

/// The counts, as they are counted.
#[derive(Debug, Default)]
pub(super) struct ServerStats {
    pub(super) open: AtomicUsize,
    pub(super) peak: AtomicUsize,
    pub(super) threads: AtomicUsize,
    pub(super) accepted: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) finished: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) disconnected: AtomicU64,
    pub(super) aborted: AtomicU64,
    pub(super) accept_failures: AtomicU64,
}

impl ServerStats {
    /// Counts a connection that is about to be served.
    pub(super) fn open(&self) {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(open, Ordering::SeqCst);
    }

    pub(super) fn snapshot(&self) -> ServerCounts {
        ServerCounts {
            open: self.open.load(Ordering::SeqCst),
            peak: self.peak.load(Ordering::SeqCst),
            threads: self.threads.load(Ordering::SeqCst),
            accepted: self.accepted.load(Ordering::SeqCst),
            dropped: self.dropped.load(Ordering::SeqCst),
            finished: self.finished.load(Ordering::SeqCst),
            failed: self.failed.load(Ordering::SeqCst),
            refused: self.refused.load(Ordering::SeqCst),
            disconnected: self.disconnected.load(Ordering::SeqCst),
            aborted: self.aborted.load(Ordering::SeqCst),
            accept_failures: self.accept_failures.load(Ordering::SeqCst),
        }
    }
}

impl Control {
    pub(super) fn new(local_addr: Option<SocketAddr>) -> Arc<Self> {
        let (send_stop, stops) = bounded(2);
        let (send_eviction, evictions) = bounded(1);
        Arc::new(Self {
            local_addr,
            acceptor: CancelToken::new(),
            stopped: AtomicBool::new(false),
            aborted: OnceLock::new(),
            send_stop,
            stops,
            is_full: AtomicBool::new(false),
            bell: Waker::new(),
            send_eviction,
            evictions,
            stats: ServerStats::default(),
            on_event: OnceLock::new(),
            fault: OnceLock::new(),
        })
    }

    pub(super) fn set_on_event(&self, on_event: OnEvent) {
        // The first one stays.
        let _ = self.on_event.set(on_event);
    }

    /// Calls `on_event`. Without it, a failure is a line on standard error. A panic of `on_event` is
    /// kept for the end.
    pub(super) fn report(&self, event: &ServerEvent) {
        if let Some(on_event) = self.on_event.get() {
            let called = guard(|| {
                on_event(event);
                Ok(())
            });
            if let Err(error) = called {
                // The first one stays.
                let _ = self.fault.set(error.during("tell", "on_event"));
            }
        } else if event.is_failure() {
            // One call, so that the lines of two threads do not mix; and no panic without a stderr.
            let _ = io::stderr().write_all(format!("highwater: {event}\n").as_bytes());
        }
    }

    /// A thread of the server itself has panicked: all connections are aborted, and `join` returns
    /// the panic.
    pub(super) fn broke(&self, error: &Error) {
        // The first one stays.
        let _ = self.fault.set(error.clone());
        let cause = Box::new(error.clone());
        self.abort(&Error::caused(ErrorKind::Cancelled, "cancelled", cause));
    }

    /// The panic that `join` returns, if there was one.
    pub(super) fn fault(&self) -> Result<(), Error> {
        self.fault.get().cloned().map_or(Ok(()), Err)
    }

    /// Whether the server was stopped or aborted.
    pub(super) fn is_stopping(&self) -> bool {
        self.acceptor.is_cancelled()
    }

    /// Why the server was aborted, if it was.
    pub(super) fn aborted(&self) -> Option<&Error> {
        self.aborted.get()
    }

    fn wake(&self) {
        self.acceptor.stop();
        // There is room, for a stop and an abort come here once each; or the acceptor has ended.
        let _ = self.send_stop.try_send(());
        self.bell.wake();
    }

    /// From now on the end of a connection rings the [`bell`](Self::bell).
    pub(super) fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    pub(super) const fn bell(&self) -> &Waker {
        &self.bell
    }

    /// A connection has ended, and is in the channel of those. The acceptor sets `is_full` and then
    /// looks into that channel: so either it finds the connection there, or this finds `is_full`.
    pub(super) fn room_came(&self) {
        if self.is_full.load(Ordering::SeqCst) {
            self.bell.wake();
        }
    }

    /// There may be a connection that can be evicted, after there was none.
    pub(super) fn eviction_came(&self) {
        // One message that is not yet received is enough.
        let _ = self.send_eviction.try_send(());
    }
}

impl Cancel for Control {
    fn stop(&self) {
        if !self.stopped.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn abort(&self, cause: &Error) {
        if self.aborted.set(cause.clone()).is_ok() {
            self.wake();
        }
    }

    fn was_stopped(&self) -> bool {
        self.aborted.get().is_none() && self.stopped.load(Ordering::SeqCst)
    }
}

/// Stops a [`Server`](super::Server) and returns its counts, from any thread. A clone is a handle of
/// the same server. It does not keep the server running.
#[derive(Clone)]
pub struct ServerHandle(pub(super) Arc<Control>);

impl ServerHandle {
    /// Accepts no further connection, and lets the open ones finish: those that have not within
    /// [`grace`](super::Server::grace) are aborted. Does not wait: [`RunningServer::join`] does.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Accepts no further connection, and aborts the open ones. Does not wait. `cause` is the source of
    /// their errors.
    pub fn abort(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        let cause = Error::caused(ErrorKind::Cancelled, "cancelled", cause.into());
        Cancel::abort(&*self.0, &cause);
    }

    /// The address that the server listens on, with the port that was chosen. `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr
    }

    /// What the server has done so far. Each count is exact; they are not all of the same moment.
    #[must_use]
    pub fn counts(&self) -> ServerCounts {
        self.0.stats.snapshot()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("local_addr", &self.0.local_addr)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// A server on a thread of its own, returned by [`Server::spawn`](super::Server::spawn).
///
/// The drop aborts the server and blocks until it has ended: no thread, connection or descriptor
/// outlives it.
#[derive(Debug)]
pub struct RunningServer {
    handle: ServerHandle,
    thread: Worker<Result<ServerCounts, Error>>,
}

impl RunningServer {
    pub(super) fn new(handle: ServerHandle, thread: Worker<Result<ServerCounts, Error>>) -> Self {
        Self { handle, thread }
    }

    /// A handle that stops the server and returns its counts. Clone it for other threads.
    #[must_use]
    pub const fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// The address that the server listens on, with the port that was chosen. `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle.local_addr()
    }

    /// What the server has done so far.
    #[must_use]
    pub fn counts(&self) -> ServerCounts {
        self.handle.counts()
    }

    /// Whether the server has ended, so that [`join`](Self::join) does not block.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Accepts no further connection, and blocks until every open one has ended. The wait ends when the
    /// last handler returns: by itself, or aborted at the end of [`grace`](super::Server::grace). Returns
    /// what the server has done in all.
    ///
    /// # Errors
    ///
    /// Those of [`join`](Self::join).
    pub fn stop(self) -> Result<ServerCounts, Error> {
        self.handle.stop();
        self.join()
    }

    /// Blocks until the server was stopped or aborted, by a handle or a token, and every connection has
    /// ended. Returns what the server has done in all.
    ///
    /// # Errors
    ///
    /// - `ErrorKind::Panicked` if a thread of the server itself has panicked: every connection was
    ///   aborted, with that as its cause. Or if [`on_event`](super::Server::on_event) has panicked, which
    ///   has ended no connection. A clone of [`handle`](Self::handle) still has the counts.
    pub fn join(mut self) -> Result<ServerCounts, Error> {
        match self.thread.join()? {
            Some(outcome) => outcome,
            None => Ok(self.handle.counts()),
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.handle.abort("the server was dropped");
        // After `join` this returns at once; without it, the outcome is not asked for.
        let _ = self.thread.join();
    }
}
