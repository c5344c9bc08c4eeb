//! Who listens, and has each request answered.

pub(super) mod config;
pub(super) mod conn;
pub(super) mod date;
pub(super) mod dispatch;
pub(super) mod exchange;
pub(super) mod field;
pub(super) mod file;
pub(super) mod min_rate;
pub(super) mod read_buf;
pub(super) mod request;
pub(super) mod request_body;
pub(super) mod response;
pub(super) mod response_body;
pub(super) mod response_writer;
pub(super) mod trailers;
pub(super) mod unread;
pub(super) mod upgrade;

use std::fmt;
use std::sync::{Arc, Weak};

use super::proto::Limits;
use crate::cancel::{Cancel, CancelToken};
use crate::error::Error;
use crate::net;
use crate::net::{Connection, RunningServer, ServerCounts, ServerEvent, ServerHandle};
use config::ServerConfig;
use conn::Conn;
use dispatch::Session;
use request::Request;
use response::Response;

pub(super) type Handler = Arc<dyn Fn(Request, Response) -> Result<(), Error> + Send + Sync>;

/// An HTTP server that is about to be.
///
/// Its handler is called for each request, with the answer to be given. It may take its time, and
/// wait for whatever it likes: it has a thread to itself until it returns. What it has given away of
/// the request or of the answer, to other threads, is waited for.
///
/// An error of a handler, or a panic, answers 500 if nothing was answered so far, and cuts an answer
/// short that is not whole, so that the client can tell. Either ends the connection, and nobody
/// else's; an answer that was whole stands, and the next request is served. It is told to
/// [`on_event`](Self::on_event), and without that is a line on standard error.
///
/// A client that was answered for the last time is read from until it has closed, or has sent nothing
/// for [a while](Limits::linger): one that sends a body to its end before it reads gets to see why
/// that was not wanted. It has no thread meanwhile. The answer must not wait for the client, though:
/// one that is larger than what the system keeps is taken while the body is sent only if the handler
/// has dropped the request.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use highwater::http::{Request, Response, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.spawn(|request: Request, mut response: Response| {
///     response.header("content-type", "text/plain")?;
///     response.send(format!("you want {}\n", request.path()))
/// })?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"GET /tea HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
/// assert!(answer.ends_with("\r\n\r\nyou want /tea\n"), "{answer}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nobody is let in before `serve` or `spawn`"]
pub struct Server {
    server: net::Server,
    limits: Limits,
}

impl Server {
    /// Listens on `HOST:PORT`; port 0 takes one that is free.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that, with the address.
    pub fn bind(host: impl Into<String>) -> Result<Self, Error> {
        net::Server::bind(host).map(Self::on)
    }

    /// Takes a server that was told more, such as how many connections there may be at once, how
    /// long they may take to finish when it is stopped, or to listen on a Unix socket.
    pub fn on(server: net::Server) -> Self {
        Self {
            server,
            limits: Limits::default(),
        }
    }

    /// Serves at most so many connections at once; see [`net::Server::connections`]. When there are so
    /// many, one gives way to a new one that is idle between two requests, the longest idle first; if
    /// there is none, one that was answered for the last time a second ago or more.
    pub fn connections(mut self, connections: usize) -> Self {
        self.server = self.server.connections(connections);
        self
    }

    /// Holds every connection to these limits.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Tells of what goes wrong; see [`net::Server::on_event`]. A request that is refused is among
    /// it, a client that goes away in the middle of one, and a handler that fails.
    pub fn on_event(mut self, on_event: impl Fn(&ServerEvent) + Send + Sync + 'static) -> Self {
        self.server = self.server.on_event(on_event);
        self
    }

    /// Puts the server under `token`, whose arms are those of [`ServerHandle`].
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.server = self.server.cancel_with(token);
        self
    }

    /// What the server is stopped and watched by, from other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves on the caller's thread, and on others.
    ///
    /// Comes back when the server was stopped, by a handle or a token, and every connection has
    /// ended: one that is idle at once, one that is served with what it is being answered, or at the
    /// end of the grace time.
    ///
    /// # Errors
    ///
    /// For want of the descriptor by which it could be stopped.
    pub fn serve(
        self,
        handler: impl Fn(Request, Response) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<ServerCounts, Error> {
        let (server, make) = self.ready(Arc::new(handler));
        server.serve_tasks(make)
    }

    /// Serves on threads that belong to what it gives.
    ///
    /// # Errors
    ///
    /// Those of [`serve`](Self::serve), and whatever keeps a thread from being started.
    pub fn spawn(
        self,
        handler: impl Fn(Request, Response) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<RunningServer, Error> {
        let (server, make) = self.ready(Arc::new(handler));
        server.spawn_tasks(make)
    }

    fn ready(
        self,
        handler: Handler,
    ) -> (net::Server, impl Fn(Connection) -> Session + Send + 'static) {
        let rules = Arc::new(ServerConfig::new(self.limits));
        let make = move |connection: Connection| {
            let stopping = connection.stopping().clone();
            let reporter = connection.reporter().clone();
            let socket = connection.into_socket();
            let conn = Arc::new(Conn::new(socket, Arc::clone(&rules), stopping));
            let target: Weak<Conn> = Arc::downgrade(&conn);
            conn.token().register(target as Weak<dyn Cancel>);
            Session::new(conn, Arc::clone(&handler), reporter)
        };
        (self.server, make)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("server", &self.server)
            .field("limits", &self.limits)
            .finish()
    }
}
