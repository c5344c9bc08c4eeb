//! The threads of a server, each of which serves one connection after another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::connection::{Connection, StopHandle};
use super::handle::Control;
use super::staff::{Staff, settle};
use crate::error::Error;
use crate::threads::sync::take_ended;
use crate::threads::worker::guard;

pub(super) type Handler = Arc<dyn Fn(Connection) -> Result<(), Error> + Send + Sync>;

/// A connection on its way to a thread.
struct ConnectionJob {
    connection: Connection,
    stop_handle: StopHandle,
}

/// Threads that serve connections, and are kept for the next ones for a while.
///
/// # Invariants
///
/// 1. `free` is how many threads wait for work that is not on the way to them yet. Whoever gives
///    work takes one from it, and so does a thread that leaves: so work that was given is taken.
/// 2. There are as many threads as connections are open, and `free` ones: if none is free, there is
///    room for another one below the bound on connections.
pub(super) struct Hands {
    turn: Arc<PoolContext>,
    jobs: Receiver<ConnectionJob>,
    work: Sender<ConnectionJob>,
    threads: Vec<JoinHandle<()>>,
    stack_bytes: usize,
}

/// What each thread has to know.
struct PoolContext {
    handler: Handler,
    control: Arc<Control>,
    free: AtomicUsize,
    /// For how long a thread waits for work before it leaves.
    quiet: Duration,
    ended: Sender<u64>,
}

/// How much work is on the way to threads that are about to take it.
const ON_THE_WAY: usize = 16;

impl Hands {
    pub(super) fn new(
        handler: Handler,
        control: Arc<Control>,
        ended: Sender<u64>,
        quiet: Duration,
        stack_bytes: usize,
    ) -> Self {
        let (work, jobs) = bounded(ON_THE_WAY);
        Self {
            turn: Arc::new(PoolContext {
                handler,
                control,
                free: AtomicUsize::new(0),
                quiet,
                ended,
            }),
            jobs,
            work,
            threads: Vec::new(),
            stack_bytes,
        }
    }
}

impl Staff for Hands {
    /// Takes a thread that is free, if there is one, for the work that is given next.
    fn claim(&self) -> bool {
        self.turn.claim()
    }

    /// Starts a thread, for the work that is given next.
    fn start(&mut self) -> io::Result<()> {
        let (turn, jobs) = (Arc::clone(&self.turn), self.jobs.clone());
        let builder = Builder::new()
            .name("highwater-conn".to_owned())
            .stack_size(self.stack_bytes);
        let tally = &self.turn.control.tally;
        // Before it starts, so that there are never more than are counted.
        tally.threads.fetch_add(1, Ordering::SeqCst);
        match builder.spawn(move || turn.run(&jobs)) {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                tally.threads.fetch_sub(1, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    /// Gives work to the thread that was claimed or started for it.
    fn give(&mut self, connection: Connection, stop_handle: StopHandle) {
        // There is a receiver here.
        let _ = self.work.send(ConnectionJob {
            connection,
            stop_handle,
        });
    }

    /// Says whether there is a thread, or one that has left and is not joined yet.
    fn has_any(&self) -> bool {
        !self.threads.is_empty()
    }

    /// Joins the threads that have left: until then the system keeps their stacks.
    fn tend(&mut self) {
        for thread in take_ended(&mut self.threads) {
            // It has caught the panics of the handlers.
            let _ = thread.join();
        }
    }

    /// Every connection has its own token for that.
    fn stop(&self) {}

    /// As above.
    fn abort(&self) {}

    /// Waits until every thread has left.
    fn join(self: Box<Self>) {
        drop(self.work);
        for thread in self.threads {
            // As above.
            let _ = thread.join();
        }
    }
}

impl PoolContext {
    fn claim(&self) -> bool {
        let one_fewer = |free: usize| free.checked_sub(1);
        let claimed = self
            .free
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_fewer);
        claimed.is_ok()
    }

    fn run(&self, jobs: &Receiver<ConnectionJob>) {
        loop {
            match jobs.recv_timeout(self.quiet) {
                Ok(job) => self.serve(job),
                // If none is free, work is on the way to this one or to another, and this one is
                // as good.
                Err(RecvTimeoutError::Timeout) if !self.claim() => {}
                Err(_) => break,
            }
        }
        self.control.tally.threads.fetch_sub(1, Ordering::SeqCst);
    }

    fn serve(&self, job: ConnectionJob) {
        let ConnectionJob {
            connection,
            stop_handle,
        } = job;
        let (number, peer) = (connection.number(), connection.peer().to_owned());
        let outcome = guard(|| (self.handler)(connection));
        settle(&self.control, outcome, peer, &stop_handle);
        // Free before it is told that the connection has ended, or the next one would be given a
        // new thread.
        self.free.fetch_add(1, Ordering::SeqCst);
        // It never waits.
        let _ = self.ended.send(number);
    }
}
