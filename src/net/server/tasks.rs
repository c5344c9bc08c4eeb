//! The connections of a server on a rota: a thread each only while something is to be done.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::connection::{Connection, StopHandle};
use super::event::ServerEvent;
use super::handle::Control;
use super::staff::{Staff, settle};
use crate::error::Error;
use crate::leader::{LeaderFollowers, Owner, Poller, SystemPoller, Task, Vacancy};
use crate::threads::worker::guard;

/// Makes a guest of a connection.
pub(super) type MakeTask = Box<dyn Fn(Connection) -> Box<dyn Task> + Send>;

/// The rota of a server.
pub(super) struct ConnectionTasks<W: Poller = SystemPoller> {
    pool: Arc<LeaderFollowers<W, Arc<ServerStats>>>,
    stats: Arc<ServerStats>,
    make_guest: MakeTask,
}

/// What the server has to know of its guests.
struct ServerStats {
    control: Arc<Control>,
    ended: Sender<u64>,
}

/// What a guest is known by. When it is dropped, whichever way, the connection has ended.
struct ConnectionTag {
    number: u64,
    /// Taken when it is told how the guest has gone.
    peer: Option<String>,
    stop_handle: StopHandle,
    stats: Arc<ServerStats>,
}

impl<W: Poller> ConnectionTasks<W> {
    pub(super) fn new(
        watch: W,
        make_guest: MakeTask,
        control: Arc<Control>,
        ended: Sender<u64>,
        quiet: Duration,
        stack_bytes: usize,
    ) -> Self {
        let stats = Arc::new(ServerStats { control, ended });
        Self {
            pool: LeaderFollowers::new(watch, Arc::clone(&stats), quiet, stack_bytes),
            stats,
            make_guest,
        }
    }
}

impl<W: Poller> Staff for ConnectionTasks<W> {
    fn claim(&self) -> bool {
        self.pool.has_threads()
    }

    fn start(&mut self) -> io::Result<()> {
        self.pool.open()
    }

    fn give(&mut self, connection: Connection, stop_handle: StopHandle) {
        let tag = ConnectionTag {
            number: connection.number(),
            peer: Some(connection.peer().to_owned()),
            stop_handle,
            stats: Arc::clone(&self.stats),
        };
        match guard(|| Ok((self.make_guest)(connection))) {
            Ok(task) => self.pool.admit(task, tag),
            Err(error) => self.pool.owner().gone(tag, Err(error)),
        }
    }

    fn has_room_to_make(&self) -> bool {
        true
    }

    fn make_room(&self) -> Vacancy {
        self.pool.make_room()
    }

    fn has_any(&self) -> bool {
        self.pool.is_in_use()
    }

    fn tend(&mut self) {
        self.pool.tend();
    }

    fn stop(&self) {
        self.pool.stop();
    }

    fn abort(&self) {
        self.pool.abort();
    }

    fn join(self: Box<Self>) {
        self.pool.join();
    }
}

impl ConnectionTag {
    fn settle(&mut self, outcome: Result<(), Error>) {
        if let Some(peer) = self.peer.take() {
            settle(&self.stats.control, outcome, peer, &self.stop_handle);
        }
    }
}

impl Drop for ConnectionTag {
    fn drop(&mut self) {
        // Only a thread that comes down has not told how the guest has gone.
        self.settle(Err(Error::interrupted()));
        // It never waits.
        let _ = self.stats.ended.send(self.number);
    }
}

impl Owner for Arc<ServerStats> {
    type Tag = ConnectionTag;

    fn gone(&self, mut tag: ConnectionTag, outcome: Result<(), Error>) {
        tag.settle(outcome);
        drop(tag);
        self.control.room_came();
    }

    fn room_came(&self) {
        self.control.yields_came();
    }

    fn broken(&self, error: Error) {
        self.control.broke(&error);
    }

    fn starting(&self) {
        let threads = &self.control.tally.threads;
        threads.fetch_add(1, Ordering::SeqCst);
    }

    fn left(&self) {
        let threads = &self.control.tally.threads;
        threads.fetch_sub(1, Ordering::SeqCst);
    }

    fn refused(&self, error: io::Error) {
        let error = Error::from(error).during("start a thread for", "a connection");
        self.control.report(&ServerEvent::NoThread { error });
    }
}
