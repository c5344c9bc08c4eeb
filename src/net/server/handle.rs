//! What a server is watched and stopped by, from any thread.

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

/// What a server has done so far, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Connections that are being served.
    pub open: usize,
    /// The most that ever were at once.
    pub peak: usize,
    /// Threads that serve one, or wait for one to serve.
    pub threads: usize,
    /// Connections that were accepted, the dropped ones with them.
    pub accepted: u64,
    /// Connections that were reset without being served.
    pub dropped: u64,
    /// Connections whose handler has ended well.
    pub finished: u64,
    /// Connections whose handler has failed, or panicked.
    pub failed: u64,
    /// Connections of which a request was refused, for what its client has done.
    pub refused: u64,
    /// Connections whose client has gone away, or was too slow, in the middle of something.
    pub disconnected: u64,
    /// Connections whose handler has failed because it was aborted.
    pub aborted: u64,
    /// How often nobody could be accepted.
    pub accept_failures: u64,
}

/// What the threads of a server share.
pub(super) struct Control {
    local_addr: Option<SocketAddr>,
    /// Stopped when nobody is to be let in any more: it ends the accept.
    pub(super) acceptor: CancelToken,
    stopped: AtomicBool,
    aborted: OnceLock<Error>,
    /// One for each arm, so that telling never waits.
    tell: Sender<()>,
    pub(super) told: Receiver<()>,
    /// Nobody is accepted before a connection has ended.
    is_full: AtomicBool,
    /// Wakes whoever waits for the backlog while that is so.
    bell: Waker,
    /// There may be a connection that gives way.
    tell_yields: Sender<()>,
    pub(super) yields: Receiver<()>,
    pub(super) tally: Tally,
    on_event: OnceLock<OnEvent>,
    /// The first panic that nobody was told of.
    fault: OnceLock<Error>,
}

pub(super) type OnEvent = Box<dyn Fn(&ServerEvent) + Send + Sync>;

/// The counts, as they are counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
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

impl Tally {
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
        let (tell, told) = bounded(2);
        let (tell_yields, yields) = bounded(1);
        Arc::new(Self {
            local_addr,
            acceptor: CancelToken::new(),
            stopped: AtomicBool::new(false),
            aborted: OnceLock::new(),
            tell,
            told,
            is_full: AtomicBool::new(false),
            bell: Waker::new(),
            tell_yields,
            yields,
            tally: Tally::default(),
            on_event: OnceLock::new(),
            fault: OnceLock::new(),
        })
    }

    pub(super) fn set_on_event(&self, on_event: OnEvent) {
        // The builder that gives it is one, and the first that is given stays.
        let _ = self.on_event.set(on_event);
    }

    /// Tells a user of what went wrong: by a line on standard error, if that is a failure and there
    /// is no other way. What the telling itself does wrong is told in the end.
    pub(super) fn report(&self, event: &ServerEvent) {
        if let Some(on_event) = self.on_event.get() {
            let told = guard(|| {
                on_event(event);
                Ok(())
            });
            if let Err(error) = told {
                // The first one stays.
                let _ = self.fault.set(error.during("tell", "on_event"));
            }
        } else if event.is_failure() {
            // One call, so that the lines of two threads do not mix; and no panic without a stderr.
            let _ = io::stderr().write_all(format!("highwater: {event}\n").as_bytes());
        }
    }

    /// A thread has panicked that connections need: all end, and whoever waits is told.
    pub(super) fn broke(&self, error: &Error) {
        // The first one stays.
        let _ = self.fault.set(error.clone());
        let cause = Box::new(error.clone());
        self.abort(&Error::caused(ErrorKind::Cancelled, "cancelled", cause));
    }

    /// What went wrong and is to be told in the end.
    pub(super) fn fault(&self) -> Result<(), Error> {
        self.fault.get().cloned().map_or(Ok(()), Err)
    }

    /// Says whether either arm was used.
    pub(super) fn is_told(&self) -> bool {
        self.acceptor.is_cancelled()
    }

    /// Why it is to end now, if it is.
    pub(super) fn aborted(&self) -> Option<&Error> {
        self.aborted.get()
    }

    fn wake(&self) {
        self.acceptor.stop();
        // There is room, for each arm comes here once; or else nobody listens any more.
        let _ = self.tell.try_send(());
        self.bell.wake();
    }

    /// From now on whoever ends a connection wakes the wait of [`bell`](Self::bell).
    pub(super) fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    pub(super) const fn bell(&self) -> &Waker {
        &self.bell
    }

    /// A connection has ended, and that was told.
    pub(super) fn room_came(&self) {
        if self.is_full.load(Ordering::SeqCst) {
            self.bell.wake();
        }
    }

    /// There may be a connection that gives way, after there was none.
    pub(super) fn yields_came(&self) {
        // One that was told and not yet heard is enough.
        let _ = self.tell_yields.try_send(());
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

/// Stops a [`Server`](super::Server), and tells how it is doing, from any thread. A clone is the
/// same handle.
#[derive(Clone)]
pub struct ServerHandle(pub(super) Arc<Control>);

impl ServerHandle {
    /// Lets nobody in any more, and the connections that run finish: those that have not within the
    /// grace time are aborted. Does not wait.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Lets nobody in any more, and aborts the connections that run. Does not wait. `cause` is what
    /// their errors have as source.
    pub fn abort(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        let cause = Error::caused(ErrorKind::Cancelled, "cancelled", cause.into());
        Cancel::abort(&*self.0, &cause);
    }

    /// The address that it listens on, with the port that was free. None of a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr
    }

    /// What it has done so far. Each count is exact; they are not all of the same moment.
    #[must_use]
    pub fn counts(&self) -> ServerCounts {
        self.0.tally.snapshot()
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

/// A server on a thread of its own, which [`Server::spawn`](super::Server::spawn) gives.
///
/// Dropped, it is aborted and waited for: no thread, connection or descriptor outlives it.
#[derive(Debug)]
pub struct RunningServer {
    handle: ServerHandle,
    thread: Worker<Result<ServerCounts, Error>>,
}

impl RunningServer {
    pub(super) fn new(handle: ServerHandle, thread: Worker<Result<ServerCounts, Error>>) -> Self {
        Self { handle, thread }
    }

    /// What it is stopped and watched by. Clones of it may be given to others.
    #[must_use]
    pub const fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// The address that it listens on, with the port that was free. None of a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle.local_addr()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> ServerCounts {
        self.handle.counts()
    }

    /// Says whether it has ended, so that a [`join`](Self::join) does not wait: it was stopped, or
    /// has failed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets nobody in any more, and waits until every connection has ended: by itself, or at the
    /// end of the grace time. Gives what the server has done in all.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn stop(self) -> Result<ServerCounts, Error> {
        self.handle.stop();
        self.join()
    }

    /// Waits until somebody else has stopped it, by a handle or a token, and every connection has
    /// ended. Gives what the server has done in all.
    ///
    /// # Errors
    ///
    /// A panic of a thread of the server, be it in code of ours or of a user: then every connection
    /// was aborted, with that as its cause. Or the first panic of
    /// [`on_event`](super::Server::on_event), which has ended nothing. [`handle`](Self::handle) still
    /// has the counts.
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
        // After a `channel` there is nothing to be waited for, and else nobody who asks.
        let _ = self.thread.join();
    }
}
