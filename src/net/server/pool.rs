//! The connections of a server as tasks of a Leader/Followers pool.
//!
//! The acceptor's thread admits connections; the pool's threads end them. A connection that has ended
//! is counted, then removed from the acceptor's table by the channel `ended`, then the acceptor is
//! woken if it waits for room. None of the three waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::Sender;

use super::connection::{Connection, StopHandle};
use super::event::ServerEvent;
use super::handle::Control;
use super::outcome::settle;
use super::{PoolSettings, ServerSettings};
use crate::error::Error;
use crate::leader::{Eviction, LeaderFollowers, Owner, Poller, Task};
use crate::threads::worker::guard;

/// Makes a task of a connection.
pub(super) type MakeTask = Box<dyn Fn(Connection) -> Box<dyn Task> + Send>;

/// The threads that serve the connections of a server.
pub(super) struct ConnectionPool<W: Poller> {
    pool: Arc<LeaderFollowers<W, Arc<PoolOwner>>>,
    owner: Arc<PoolOwner>,
    make_task: MakeTask,
    evicts: bool,
}

/// What the pool reports to.
struct PoolOwner {
    control: Arc<Control>,
    ended: Sender<u64>,
}

/// Identifies the connection of a task. When it is dropped, however that comes, the connection has
/// ended.
struct ConnectionTag {
    number: u64,
    /// Taken when the outcome of the connection is counted.
    peer: Option<String>,
    stop_handle: StopHandle,
    owner: Arc<PoolOwner>,
}

impl<W: Poller> ConnectionPool<W> {
    pub(super) fn new(settings: ServerSettings, pool: PoolSettings<W>) -> Self {
        let PoolSettings {
            poller,
            make_task,
            evicts,
        } = pool;
        let owner = Arc::new(PoolOwner {
            control: settings.control,
            ended: settings.ended,
        });
        let (quiet, stack_bytes) = (settings.quiet, settings.stack_bytes);
        Self {
            pool: LeaderFollowers::new(poller, Arc::clone(&owner), quiet, stack_bytes),
            owner,
            make_task,
            evicts,
        }
    }

    /// Whether there is a thread.
    pub(super) fn has_threads(&self) -> bool {
        self.pool.has_threads()
    }

    /// Starts the first thread, if there is none.
    pub(super) fn start_first(&self) -> io::Result<()> {
        self.pool.start_first()
    }

    /// Serves a connection. Does not wait: if no thread is free and none can be started, the
    /// connection waits for the next thread that is.
    pub(super) fn serve(&self, connection: Connection, stop_handle: StopHandle) {
        let tag = ConnectionTag {
            number: connection.number(),
            peer: Some(connection.peer().to_owned()),
            stop_handle,
            owner: Arc::clone(&self.owner),
        };
        match guard(|| Ok((self.make_task)(connection))) {
            Ok(task) => self.pool.admit(task, tag),
            Err(error) => self.owner.task_ended(tag, Err(error)),
        }
    }

    /// Whether an idle connection can be closed to make room for a new one.
    pub(super) const fn evicts(&self) -> bool {
        self.evicts
    }

    /// Closes the idle connection that loses least. It has ended then. Does not wait.
    pub(super) fn evict(&self) -> Eviction {
        if self.evicts {
            self.pool.evict()
        } else {
            Eviction::None
        }
    }

    /// Whether there is something to be [maintained](Self::maintain).
    pub(super) fn is_in_use(&self) -> bool {
        self.pool.is_in_use()
    }

    /// Joins the threads that have ended, and starts one that could not be started before. To be
    /// called now and then.
    pub(super) fn maintain(&self) {
        self.pool.maintain();
    }

    /// Asks the open connections to end. Does not wait.
    pub(super) fn stop(&self) {
        self.pool.stop();
    }

    /// Ends the open connections. Does not wait.
    pub(super) fn abort(&self) {
        self.pool.abort();
    }

    /// Waits until every thread has ended. No connection is open.
    pub(super) fn join(self) {
        self.pool.join();
    }
}

impl ConnectionTag {
    fn settle(&mut self, outcome: Result<(), Error>) {
        if let Some(peer) = self.peer.take() {
            settle(&self.owner.control, outcome, peer, &self.stop_handle);
        }
    }
}

impl Drop for ConnectionTag {
    fn drop(&mut self) {
        // Already counted, unless a panic of the pool's own thread drops it.
        self.settle(Err(Error::interrupted()));
        // The channel has no bound, so this does not wait.
        let _ = self.owner.ended.send(self.number);
    }
}

impl Owner for Arc<PoolOwner> {
    type Tag = ConnectionTag;

    fn task_ended(&self, mut tag: ConnectionTag, outcome: Result<(), Error>) {
        tag.settle(outcome);
        // Into `ended` before the wake: an acceptor that wakes finds it there. The other side is
        // `Acceptor::wait_for_room`, which says that it is full before it looks into `ended`.
        drop(tag);
        self.control.room_came();
    }

    fn may_evict(&self) {
        self.control.eviction_came();
    }

    fn pool_failed(&self, error: Error) {
        self.control.broke(&error);
    }

    fn thread_starting(&self) {
        let threads = &self.control.stats.threads;
        threads.fetch_add(1, Ordering::SeqCst);
    }

    fn thread_ended(&self) {
        let threads = &self.control.stats.threads;
        threads.fetch_sub(1, Ordering::SeqCst);
    }

    fn no_thread(&self, error: io::Error) {
        let error = Error::from(error).during("start a thread for", "a connection");
        self.control.report(&ServerEvent::NoThread { error });
    }
}
