//! The server: listens, and calls a handler for each request.
//!
//! Owner: [`net::Server`](crate::net::Server) owns the listener and the leader threads; each connection
//! has a [`Dispatcher`], which owns the parser and shares a [`Conn`] with the request and the response.
//! Locks: those of [`exchange`] alone. Blocking: handlers, and the waits of [`conn`]; before each of them
//! a follower is promoted, so that the other connections are served.

pub(super) mod body_reader;
pub(super) mod config;
pub(super) mod conn;
pub(super) mod date;
pub(super) mod dispatch;
pub(super) mod events;
pub(super) mod exchange;
pub(super) mod field;
pub(super) mod file;
pub(super) mod min_rate;
pub(super) mod read_buf;
pub(super) mod request;
pub(super) mod request_body;
pub(super) mod response;
pub(super) mod response_body;
pub(super) mod response_end;
pub(super) mod response_writer;
pub(super) mod serve;
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
use dispatch::Dispatcher;
use request::Request;
use response::Response;

pub(super) type Handler = Arc<dyn Fn(Request, Response) -> Result<(), Error> + Send + Sync>;

/// Builder for an HTTP server.
///
/// Create it with [`bind`](Self::bind), or with [`on`](Self::on) from a configured
/// [`net::Server`]; set limits; then [`serve`](Self::serve) on this thread or [`spawn`](Self::spawn)
/// threads. The handler is called for each request, with the [`Request`] and the [`Response`]. It is
/// plain blocking code: it has its thread to itself until it returns, and other connections are served by
/// other threads meanwhile. Parts of the request or the response that it has moved to other threads are
/// waited for before the next request of the connection is read.
///
/// **A handler that fails.** If it returns an error or panics, the response is 500 if nothing was sent, and
/// is cut with a reset if a part was sent, so that the client can tell. Both end that connection and no
/// other one. If the whole response was sent already, it stands, and the next request is served. The error
/// goes to [`on_event`](Self::on_event); without that it is a line on standard error.
///
/// **Lingering close.** After the last response of a connection the server closes its sending side, and
/// reads on until the client has closed, or has been silent for [`linger`](Limits::linger). So a client that
/// sends its whole body before it reads can still read why that was rejected. No thread waits for that.
/// Only a response that fits into the socket's send buffer does not wait for such a client: for a larger
/// one, drop the request first, and its body is discarded while the response is sent.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use std::time::Duration;
/// use highwater::http::{Limits, Request, Response, Server};
///
/// let limits = Limits::default().body_bytes(1 << 20).keep_alive(Duration::from_secs(10));
/// let server = Server::bind("127.0.0.1:0")?.connections(500).limits(limits);
/// let server = server.spawn(|request: Request, mut response: Response| {
///     response.header("content-type", "text/plain")?;
///     response.send(format!("you want {}\n", request.path()))
/// })?;
///
/// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
/// client.write_all(b"GET /tea HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")?;
/// let mut received = String::new();
/// client.read_to_string(&mut received)?;
/// assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
/// assert!(received.ends_with("\r\n\r\nyou want /tea\n"), "{received}");
/// assert_eq!(server.stop()?.finished, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "createServer")]
#[must_use = "no connection is accepted before `serve` or `spawn`"]
pub struct Server {
    server: net::Server,
    limits: Limits,
}

impl Server {
    /// Listens on `HOST:PORT`; for port 0 the kernel chooses a free one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the name cannot be resolved or the address cannot be
    /// listened on; the error names the address.
    pub fn bind(host: impl Into<String>) -> Result<Self, Error> {
        net::Server::bind(host).map(Self::on)
    }

    /// Builds on a configured [`net::Server`]: for a Unix socket, options of the sockets, or the grace time
    /// of connections when the server is stopped.
    pub fn on(server: net::Server) -> Self {
        Self {
            server,
            limits: Limits::default(),
        }
    }

    /// Limits the number of connections; see [`net::Server::connections`] for the default.
    ///
    /// When the limit is reached, a new connection replaces one that is idle between two requests, the
    /// longest idle first; if there is none, one that has had its last response for a second or more. If
    /// there is neither, new connections wait in the backlog of the kernel.
    #[doc(alias = "maxConnections")]
    pub fn connections(mut self, connections: usize) -> Self {
        self.server = self.server.connections(connections);
        self
    }

    /// Sets the limits of every connection: sizes, times and rates.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Calls `on_event` for each handler that fails, each request that is rejected, and each client that
    /// disconnects in the middle of a request; see [`net::Server::on_event`].
    #[doc(alias = "clientError")]
    pub fn on_event(mut self, on_event: impl Fn(&ServerEvent) + Send + Sync + 'static) -> Self {
        self.server = self.server.on_event(on_event);
        self
    }

    /// Stops or aborts the server with `token`, as a [`ServerHandle`] does.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.server = self.server.cancel_with(token);
        self
    }

    /// A handle to stop and to observe the server, from any thread.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves, on the caller's thread and on others.
    ///
    /// Returns when the server was stopped, by a handle or a token, and every connection has ended: an idle
    /// one at once, another one after its current response or at the end of the grace time. After an abort,
    /// which is a stop without grace time, it returns the counts too, and no error. The grace time is that of
    /// the [`net::Server`] given to [`on`](Self::on).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the descriptor used to stop the server cannot be
    /// created.
    pub fn serve(
        self,
        handler: impl Fn(Request, Response) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<ServerCounts, Error> {
        let (server, make) = self.ready(Arc::new(handler));
        server.serve_tasks(make)
    }

    /// Serves on threads of its own, which end with the returned [`RunningServer`].
    ///
    /// # Errors
    ///
    /// Those of [`serve`](Self::serve), and [`ErrorKind::Io`](crate::ErrorKind::Io) if a thread cannot be
    /// started.
    #[doc(alias = "listen")]
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
    ) -> (
        net::Server,
        impl Fn(Connection) -> Dispatcher + Send + 'static,
    ) {
        let config = Arc::new(ServerConfig::new(self.limits));
        let make = move |connection: Connection| {
            let stopping = connection.stopping().clone();
            let reporter = connection.reporter().clone();
            let socket = connection.into_socket();
            let conn = Arc::new(Conn::new(socket, Arc::clone(&config), stopping));
            let target: Weak<Conn> = Arc::downgrade(&conn);
            conn.token().register(target as Weak<dyn Cancel>);
            Dispatcher::new(conn, Arc::clone(&handler), reporter)
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
