//! Servers: a thread for each connection, and no more connections than there may be.
//!
//! What comes beyond the bound is not accepted: it waits in the backlog of the system, which pushes
//! back to whoever connects. Threads are kept for the next connection for a while. Whatever goes
//! wrong, be it in accepting, in starting a thread or in a handler, is told and is not the end of
//! the server.

mod acceptor;
mod connection;
mod event;
mod handle;
mod reporter;
mod staff;
mod tasks;
#[cfg(test)]
mod tests;
mod thread_pool;

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
pub(crate) use reporter::Reporter;
#[cfg(feature = "http")]
pub(crate) use staff::is_break_of;

use acceptor::{Acceptor, PAUSE_MIN, WhenFull};
use handle::Control;
use staff::Staff;
use tasks::ConnectionTasks;
use thread_pool::{Handler, Hands};

/// A server that is about to be.
///
/// Its handler is called on a thread of the connection's own, and has the connection to itself. An
/// error of it, or a panic, ends this connection alone, and is told to
/// [`on_event`](Self::on_event).
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
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "hello");
///
/// let counts = server.stop()?; // waits for the connections that run
/// assert_eq!((counts.accepted, counts.finished, counts.open), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nobody is let in before `serve` or `spawn`"]
pub struct Server {
    listener: Listener,
    control: Arc<Control>,
    connections: usize,
    when_full: WhenFull,
    grace: Duration,
    quiet: Duration,
    stack_bytes: usize,
}

/// As many threads as any system gives to a user.
const CONNECTIONS: usize = 1024;
/// Longer than an answer takes, and shorter than whoever stops a service waits before he kills it.
const GRACE: Duration = Duration::from_secs(30);
/// Long enough for a thread to be reused under any load, and then gone.
const QUIET: Duration = Duration::from_secs(10);
/// Of it only the pages that are used take memory: a pipeline between sockets uses a few.
const STACK_BYTES: usize = 256 * 1024;

impl Server {
    /// Listens on `HOST:PORT`; port 0 takes one that is free.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that, with the address.
    pub fn bind(owner: impl Into<String>) -> Result<Self, Error> {
        Ok(Self::on(Listener::on(Address::Tcp(owner.into()))?))
    }

    /// Listens on a Unix socket: on a path, whose file is taken away again in the end, or by the
    /// abstract name behind an `@`.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that, with the path.
    pub fn bind_unix(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::on(Listener::on(Address::unix(path))?))
    }

    /// Takes a listener that was told more. If it was given a token, that is forgotten: see
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

    /// Serves at most so many connections at once, one at least; 1024 by default. Those beyond are
    /// not accepted, and wait in the backlog.
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// Accepts the connections beyond the bound as well, and resets them at once: for peers that
    /// had better try elsewhere. Each is counted, and told as [`ServerEvent::Dropped`].
    pub const fn drop_when_full(mut self) -> Self {
        self.when_full = WhenFull::Drop;
        self
    }

    /// Lets the connections that run take so long to finish when the server is stopped; 30 seconds
    /// by default.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Keeps a thread that has nothing to do for so long; 10 seconds by default.
    pub const fn idle_threads(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// Gives each thread a stack of so many bytes; 256 KiB by default. That is address space: only
    /// what is used of it takes memory.
    pub const fn stack_bytes(mut self, bytes: usize) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// Tells of accepts that failed, of connections that were dropped, of handlers that failed or
    /// panicked, and of clients that did. It is called on the thread that it happens on, so on
    /// several at once. The first one that is given stays.
    ///
    /// Without it, what failed here is a line on standard error each time, and what clients have
    /// done wrong is only [counted](ServerCounts).
    pub fn on_event(self, on_event: impl Fn(&ServerEvent) + Send + Sync + 'static) -> Self {
        self.control.set_on_event(Box::new(on_event));
        self
    }

    /// Puts the server under `token`, whose arms are those of [`ServerHandle`].
    pub fn cancel_with(self, token: &CancelToken) -> Self {
        let target: Weak<Control> = Arc::downgrade(&self.control);
        token.register(target);
        self
    }

    /// What the server is stopped and watched by, from other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.control))
    }

    /// Serves on the caller's thread.
    ///
    /// Comes back when the server was stopped, by a handle or a token, and every connection has
    /// ended: by itself, or aborted at the end of the grace time. A handler that does not notice
    /// that is waited for. Gives what the server has done in all.
    ///
    /// # Errors
    ///
    /// For want of the descriptor by which it could be stopped, and those of
    /// [`RunningServer::join`].
    pub fn serve(
        self,
        handler: impl Fn(Connection) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<ServerCounts, Error> {
        self.check()?;
        self.run(|settings| settings.hands(Arc::new(handler)))
    }

    /// Serves on a thread that belongs to what it gives.
    ///
    /// # Errors
    ///
    /// Those of [`serve`](Self::serve), and whatever keeps the thread from being started.
    pub fn spawn(
        self,
        handler: impl Fn(Connection) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<RunningServer, Error> {
        self.check()?;
        let handler: Handler = Arc::new(handler);
        self.start(|settings| settings.hands(handler))
    }

    /// Serves guests on the caller's thread: what [`serve`](Self::serve) does, but that a
    /// connection has a thread only while something is to be done for it. `make_guest` is called on
    /// the thread that accepts, so it had better be quick.
    ///
    /// # Errors
    ///
    /// For want of a descriptor.
    #[cfg_attr(
        not(feature = "http"),
        allow(dead_code, reason = "what it serves is not built")
    )]
    pub(crate) fn serve_guests<G: Task + 'static>(
        self,
        make_guest: impl Fn(Connection) -> G + Send + 'static,
    ) -> Result<ServerCounts, Error> {
        self.check()?;
        let watch = self.watch()?;
        self.run(|settings| settings.tasks(watch, make_guest))
    }

    /// The same on a thread that belongs to what it gives.
    ///
    /// # Errors
    ///
    /// Those of [`serve_guests`](Self::serve_guests), and whatever keeps the thread from being
    /// started.
    #[cfg_attr(
        not(feature = "http"),
        allow(dead_code, reason = "what it serves is not built")
    )]
    pub(crate) fn spawn_guests<G: Task + 'static>(
        self,
        make_guest: impl Fn(Connection) -> G + Send + 'static,
    ) -> Result<RunningServer, Error> {
        let watch = self.watch()?;
        self.spawn_guests_on(watch, make_guest)
    }

    /// The same, watched by something else.
    fn spawn_guests_on<G: Task + 'static>(
        self,
        watch: impl Poller,
        make_guest: impl Fn(Connection) -> G + Send + 'static,
    ) -> Result<RunningServer, Error> {
        self.check()?;
        self.start(|settings| settings.tasks(watch, make_guest))
    }

    fn check(&self) -> Result<(), Error> {
        let name = self.listener.address().to_string();
        let checked = self.listener.check_waker();
        checked.map_err(|error| error.during("serve on", &name))
    }

    fn watch(&self) -> Result<SystemPoller, Error> {
        let name = self.listener.address().to_string();
        SystemPoller::new().map_err(|error| Error::from(error).during("serve on", &name))
    }

    /// Runs on a thread of its own.
    fn start(
        self,
        staff: impl FnOnce(ServerSettings) -> Box<dyn Staff> + Send + 'static,
    ) -> Result<RunningServer, Error> {
        let handle = self.handle();
        let name = self.listener.address().to_string();
        let mut thread = Worker::new("highwater-serve".to_owned(), move || self.run(staff));
        let started = thread.start();
        started.map_err(|error| Error::from(error).during("start a thread for", &name))?;
        Ok(RunningServer::new(handle, thread))
    }

    fn run(
        self,
        staff: impl FnOnce(ServerSettings) -> Box<dyn Staff>,
    ) -> Result<ServerCounts, Error> {
        // A thread whose connection has ended never waits to tell. There is never more in it than
        // connections are open, so it has a bound, and allocates for those that there are.
        let (tell, ended) = unbounded();
        let name = self.listener.address().to_string();
        let settings = ServerSettings {
            control: Arc::clone(&self.control),
            ended: tell,
            quiet: self.quiet,
            stack_bytes: self.stack_bytes,
        };
        let acceptor = Acceptor {
            staff: staff(settings),
            control: self.control,
            connections: self.connections,
            when_full: self.when_full,
            grace: self.grace,
            quiet: self.quiet,
            ended,
            open: HashMap::new(),
            number: 0,
            pause: PAUSE_MIN,
        };
        acceptor
            .run(self.listener)
            .map_err(|error| error.during("serve on", &name))
    }
}

/// What the staff has to be told.
struct ServerSettings {
    control: Arc<Control>,
    ended: Sender<u64>,
    quiet: Duration,
    stack_bytes: usize,
}

impl ServerSettings {
    fn hands(self, handler: Handler) -> Box<dyn Staff> {
        Box::new(Hands::new(
            handler,
            self.control,
            self.ended,
            self.quiet,
            self.stack_bytes,
        ))
    }

    fn tasks<W: Poller, G: Task + 'static>(
        self,
        watch: W,
        make_guest: impl Fn(Connection) -> G + Send + 'static,
    ) -> Box<dyn Staff> {
        let make_guest = move |connection| Box::new(make_guest(connection)) as Box<dyn Task>;
        Box::new(ConnectionTasks::new(
            watch,
            Box::new(make_guest),
            self.control,
            self.ended,
            self.quiet,
            self.stack_bytes,
        ))
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
