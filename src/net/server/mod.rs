//! A server: the thread that accepts, and the pool that serves what it accepts.
//!
//! The acceptor (`acceptor.rs`) bounds the connections; a Leader/Followers pool (`pool.rs`) runs them
//! as tasks. A connection with a blocking handler (`blocking.rs`) is a task that promotes a follower
//! first, and so has a thread of its own; an HTTP connection is a task that has a thread only while
//! it has something to do. Each connection has a `StopHandle` (`connection.rs`), which the acceptor
//! stops or aborts. Counts and the ways to stop are in `handle.rs`, shared by all threads.

mod acceptor;
mod blocking;
mod connection;
mod event;
mod handle;
mod outcome;
mod pool;
mod reporter;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};

use super::address::Address;
use super::listen::Listener;
use crate::cancel::CancelToken;
use crate::error::Error;
use crate::leader::{Poller, SystemPoller, Task};
use crate::threads::worker::Worker;

pub use connection::Connection;
pub use event::{RequestSummary, ServerEvent};
pub use handle::{RunningServer, ServerCounts, ServerHandle};
#[cfg(feature = "http")]
pub(crate) use outcome::is_break_of;
#[cfg(feature = "http")]
pub(crate) use reporter::Reporter;

use acceptor::{Acceptor, PAUSE_MIN, WhenFull};
use blocking::{BlockingHandler, BlockingTask};
use handle::Control;
use pool::{ConnectionPool, MakeTask};

/// A builder for a server, and the server once it runs.
///
/// The handler is called for each connection, on a thread that does nothing else until the handler
/// returns. So the handler may block as it likes: read, write, run a pipeline, wait for another
/// thread. An error that it returns, or a panic, ends this one connection and is reported to
/// [`on_event`](Self::on_event); the server goes on.
///
/// # Which method for what
///
/// | To | use |
/// |---|---|
/// | listen on TCP, on a Unix socket, or with socket options | [`bind`](Self::bind), [`bind_unix`](Self::bind_unix), [`on`](Self::on) a [`Listener`] |
/// | serve on this thread until the server is stopped | [`serve`](Self::serve) |
/// | serve in the background | [`spawn`](Self::spawn), which returns a [`RunningServer`] |
/// | bound the connections | [`connections`](Self::connections), and [`drop_when_full`](Self::drop_when_full) |
/// | see failures | [`on_event`](Self::on_event); [`ServerHandle::counts`] has the numbers |
/// | stop it | [`RunningServer::stop`], a [`handle`](Self::handle) from any thread, or a token by [`cancel_with`](Self::cancel_with) |
///
/// # Threads
///
/// The builder starts none. [`serve`](Self::serve) accepts on the thread that calls it,
/// [`spawn`](Self::spawn) on a thread of its own. The first connection starts the threads of a pool,
/// named `highwater-pool`: one for each connection that is open, one that waits for the next
/// connection, and at times one more. A thread that has nothing to do stays for the next connection,
/// and leaves after [`idle_threads`](Self::idle_threads). If the operating system starts no further
/// thread, the connection waits for one that becomes free, and
/// [`ServerEvent::NoThread`] is reported.
///
/// # What the bound does
///
/// At [`connections`](Self::connections) open ones the server accepts no further connection. The
/// clients that come then wait in the kernel's backlog, whose length is
/// [`Listen::backlog`](super::Listen::backlog); with a full backlog their connects are delayed, as TCP
/// has it. So the bound pushes back to the clients, and costs no memory here. With
/// [`drop_when_full`](Self::drop_when_full) they are accepted and reset at once.
///
/// # What a stop waits for
///
/// A stop closes the listener first. Then it stops each connection's
/// [`stopping`](Connection::stopping) token and waits until the handlers have returned. At the end of
/// [`grace`](Self::grace) it aborts each connection's [`token`](Connection::token): streams that are
/// registered with it fail, also in a call that blocks, and their handlers return. It waits for a
/// handler that does not notice that, for as long as that takes. In the end all threads of the server
/// have been joined. An abort is a stop without grace time. Counts of the whole life of the server are
/// what [`serve`](Self::serve), [`RunningServer::stop`] and [`RunningServer::join`] return.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use highwater::net::{Connection, Server};
/// use highwater::pipeline;
///
/// let echo = |connection: Connection| {
///     let token = connection.token().clone();
///     let (source, sink) = connection.split();
///     pipeline(source).cancel_with(&token).to(sink).run()?;
///     Ok(())
/// };
/// let server = Server::bind("127.0.0.1:0")?.connections(100).spawn(echo)?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"hello")?;
/// client.shutdown(Shutdown::Write)?;
/// let mut reply = String::new();
/// client.read_to_string(&mut reply)?;
/// assert_eq!(reply, "hello");
///
/// let counts = server.stop()?; // waits for the connections that are open
/// assert_eq!((counts.accepted, counts.finished, counts.open), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "createServer")]
#[must_use = "no connection is accepted before `serve` or `spawn`"]
pub struct Server {
    listener: Listener,
    control: Arc<Control>,
    connections: usize,
    when_full: WhenFull,
    grace: Duration,
    quiet: Duration,
    stack_bytes: usize,
}

/// As many threads as any operating system gives to a user.
const CONNECTIONS: usize = 1024;
/// Longer than a response takes, and shorter than a service manager waits before it kills.
const GRACE: Duration = Duration::from_secs(30);
/// Long enough for a thread to be used again under any load.
const QUIET: Duration = Duration::from_secs(10);
/// Only the pages of it that are used take memory: a pipeline between sockets uses a few.
const STACK_BYTES: usize = 256 * 1024;

impl Server {
    /// Listens on `HOST:PORT`. Port 0 lets the operating system choose one: see
    /// [`ServerHandle::local_addr`].
    ///
    /// # Errors
    ///
    /// `ErrorKind::Io` if the host cannot be resolved, or no address of it can be listened on; the
    /// error names `HOST:PORT`.
    pub fn bind(host: impl Into<String>) -> Result<Self, Error> {
        Ok(Self::on(Listener::on(Address::Tcp(host.into()))?))
    }

    /// Listens on a Unix socket: on a path, whose file is removed when the server has ended, or on the
    /// abstract name behind an `@`.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Io` if the socket cannot be made, for example because another server listens
    /// there; the error names the path.
    pub fn bind_unix(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::on(Listener::on(Address::unix(path))?))
    }

    /// Builds on a configured listener. A token that it was given is forgotten: see
    /// [`cancel_with`](Self::cancel_with).
    pub fn on(listener: Listener) -> Self {
        let control = Control::new(listener.local_addr().ok());
        Self {
            listener: listener.cancel_with(&control.acceptor),
            control,
            connections: CONNECTIONS,
            when_full: WhenFull::Wait,
            grace: GRACE,
            quiet: QUIET,
            stack_bytes: STACK_BYTES,
        }
    }

    /// Serves at most `connections` at once, at least 1; 1024 by default. Further clients are not
    /// accepted, and wait in the kernel's backlog.
    #[doc(alias = "maxConnections")]
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// Accepts connections beyond the bound too, and resets them at once: for clients that had better
    /// try another server. Each is counted, and reported as [`ServerEvent::Dropped`].
    #[doc(alias = "drop")]
    pub const fn drop_when_full(mut self) -> Self {
        self.when_full = WhenFull::Drop;
        self
    }

    /// How long open connections may take to finish after the server was stopped; 30 seconds by
    /// default. Then they are aborted.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long a thread that has nothing to do stays; 10 seconds by default.
    pub const fn idle_threads(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// The size of each thread's stack in bytes; 256 KiB by default. That is address space: only what
    /// is used of it takes memory.
    pub const fn stack_bytes(mut self, bytes: usize) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// Calls `on_event` for each failed accept, each dropped connection, each handler that fails or
    /// panics, and each fault of a client. It is called on the thread where that happens, so on
    /// several threads at once, and should not block. The first one that is given stays.
    ///
    /// Without it a failure of the server is a line on standard error, and a fault of a client is only
    /// [counted](ServerCounts).
    pub fn on_event(self, on_event: impl Fn(&ServerEvent) + Send + Sync + 'static) -> Self {
        self.control.set_on_event(Box::new(on_event));
        self
    }

    /// Stops or aborts the server with `token`, as [`ServerHandle::stop`] and [`ServerHandle::abort`]
    /// do.
    #[doc(alias = "signal")]
    pub fn cancel_with(self, token: &CancelToken) -> Self {
        let target: Weak<Control> = Arc::downgrade(&self.control);
        token.register(target);
        self
    }

    /// A handle that stops the server and returns its counts, from any thread.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.control))
    }

    /// Serves, and accepts on this thread.
    ///
    /// Blocks until the server was stopped or aborted, by a handle or a token, and every handler has
    /// returned: see [what a stop waits for](Self#what-a-stop-waits-for). Returns what the server has
    /// done in all. An abort is no error of this call: it returns the counts too, and
    /// [`aborted`](ServerCounts::aborted) is how many handlers failed by it.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Io` if a descriptor that the server needs to wait or to be stopped cannot be
    /// created, before the first accept; and those of [`RunningServer::join`].
    #[doc(alias = "listen")]
    pub fn serve(
        self,
        handler: impl Fn(Connection) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<ServerCounts, Error> {
        let pool = self.blocking(Arc::new(handler))?;
        self.run(pool)
    }

    /// Serves, and accepts on a thread that belongs to the returned [`RunningServer`]. Does not block.
    ///
    /// # Errors
    ///
    /// Those of [`serve`](Self::serve) that come before the first accept, and `ErrorKind::Io` if the
    /// thread cannot be started.
    #[doc(alias = "listen")]
    pub fn spawn(
        self,
        handler: impl Fn(Connection) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<RunningServer, Error> {
        let pool = self.blocking(Arc::new(handler))?;
        self.start(pool)
    }

    /// Does what [`serve`](Self::serve) does, but a connection has a thread only while its task runs,
    /// and an idle one may be evicted for a new one. `make_task` is called on the thread that accepts,
    /// so it must not block.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    #[cfg(feature = "http")]
    pub(crate) fn serve_tasks<T: Task + 'static>(
        self,
        make_task: impl Fn(Connection) -> T + Send + 'static,
    ) -> Result<ServerCounts, Error> {
        let pool = PoolSettings::of_tasks(self.poller()?, make_task);
        self.run(pool)
    }

    /// The same on a thread that belongs to the returned [`RunningServer`].
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    #[cfg(any(feature = "http", test))]
    pub(crate) fn spawn_tasks<T: Task + 'static>(
        self,
        make_task: impl Fn(Connection) -> T + Send + 'static,
    ) -> Result<RunningServer, Error> {
        let poller = self.poller()?;
        self.spawn_tasks_on(poller, make_task)
    }

    /// The same with another poller.
    #[cfg(any(feature = "http", test))]
    fn spawn_tasks_on<T: Task + 'static>(
        self,
        poller: impl Poller,
        make_task: impl Fn(Connection) -> T + Send + 'static,
    ) -> Result<RunningServer, Error> {
        self.check()?;
        self.start(PoolSettings::of_tasks(poller, make_task))
    }

    /// A pool in which each connection has a thread until its handler returns.
    fn blocking(&self, handler: BlockingHandler) -> Result<PoolSettings<SystemPoller>, Error> {
        let make_task = move |connection| {
            Box::new(BlockingTask::new(connection, Arc::clone(&handler))) as Box<dyn Task>
        };
        Ok(PoolSettings {
            poller: self.poller()?,
            make_task: Box::new(make_task),
            evicts: false,
        })
    }

    fn check(&self) -> Result<(), Error> {
        let name = self.listener.address().to_string();
        let checked = self.listener.check_waker();
        checked.map_err(|error| error.during("serve on", &name))
    }

    fn poller(&self) -> Result<SystemPoller, Error> {
        self.check()?;
        let name = self.listener.address().to_string();
        SystemPoller::new().map_err(|error| Error::from(error).during("serve on", &name))
    }

    /// Runs on a thread of its own.
    fn start<P: Poller>(self, pool: PoolSettings<P>) -> Result<RunningServer, Error> {
        let handle = self.handle();
        let name = self.listener.address().to_string();
        let mut thread = Worker::new("highwater-serve".to_owned(), move || self.run(pool));
        let started = thread.start();
        started.map_err(|error| Error::from(error).during("start a thread for", &name))?;
        Ok(RunningServer::new(handle, thread))
    }

    fn run<P: Poller>(self, pool: PoolSettings<P>) -> Result<ServerCounts, Error> {
        // Not bounded by a capacity, which would be allocated: there is never more in it than
        // connections are open, and those are bounded. So a thread that reports the end of one never
        // waits.
        let (ended, receive_ended) = unbounded();
        let name = self.listener.address().to_string();
        let settings = ServerSettings {
            control: Arc::clone(&self.control),
            ended,
            quiet: self.quiet,
            stack_bytes: self.stack_bytes,
        };
        let acceptor = Acceptor {
            pool: ConnectionPool::new(settings, pool),
            control: self.control,
            connections: self.connections,
            when_full: self.when_full,
            grace: self.grace,
            quiet: self.quiet,
            ended: receive_ended,
            open: HashMap::new(),
            number: 0,
            pause: PAUSE_MIN,
        };
        acceptor
            .run(self.listener)
            .map_err(|error| error.during("serve on", &name))
    }
}

/// What the pool needs of the server.
struct ServerSettings {
    control: Arc<Control>,
    ended: Sender<u64>,
    quiet: Duration,
    stack_bytes: usize,
}

/// How the pool serves a connection.
struct PoolSettings<P> {
    poller: P,
    make_task: MakeTask,
    /// An idle connection may be closed for a new one.
    evicts: bool,
}

#[cfg(any(feature = "http", test))]
impl<P: Poller> PoolSettings<P> {
    /// Each connection is a task that may be idle.
    fn of_tasks<T: Task + 'static>(
        poller: P,
        make_task: impl Fn(Connection) -> T + Send + 'static,
    ) -> Self {
        let make_task = move |connection| Box::new(make_task(connection)) as Box<dyn Task>;
        Self {
            poller,
            make_task: Box::new(make_task),
            evicts: true,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("connections", &self.connections)
            .field("when_full", &self.when_full)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
