//! TCP and Unix sockets.
//!
//! A socket is connected or accepted, and then given whole, or in its two halves, to streams and
//! pipelines. Whatever a thread does with one, be it to connect, to accept, to read or to write,
//! a [`CancelToken`] ends it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Type};

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::fd::{Ready, WakeOnCancel, Waker};
pub use crate::relay::{Leg, LegEnd, Relay, RelayFailure, Relayed, relay};
use crate::socket::Options;
pub use crate::socket::{Socket, SocketSink, SocketSource};

/// Where a socket is, or shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`, looked up when it is used.
    Tcp(String),
    /// A path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// Looks the address up: one socket address, or several of one host.
    fn resolve(&self) -> Result<Vec<(Domain, SockAddr)>, Error> {
        match self {
            Self::Unix(path) => Ok(vec![(Domain::UNIX, SockAddr::unix(path)?)]),
            Self::Tcp(host) => {
                let found: Vec<_> = host
                    .to_socket_addrs()?
                    .map(|addr: SocketAddr| (Domain::for_address(addr), addr.into()))
                    .collect();
                if found.is_empty() {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        "the host has no address",
                    ));
                }
                Ok(found)
            }
        }
    }
}

/// Connects to `HOST:PORT`; see [`Connect`].
pub fn connect(host: impl Into<String>) -> Connect {
    Connect::to(Address::Tcp(host.into()))
}

/// Connects to a Unix socket; see [`Connect`].
pub fn connect_unix(path: impl AsRef<Path>) -> Connect {
    Connect::to(Address::Unix(path.as_ref().to_owned()))
}

/// Listens on `HOST:PORT`; port 0 takes one that is free.
///
/// # Errors
///
/// Whatever keeps it from that, with the address.
pub fn listen(host: impl Into<String>) -> Result<Listener, Error> {
    Listener::on(Address::Tcp(host.into()))
}

/// Listens on a Unix socket, which must not be there yet.
///
/// # Errors
///
/// Whatever keeps it from that, with the path.
pub fn listen_unix(path: impl AsRef<Path>) -> Result<Listener, Error> {
    Listener::on(Address::Unix(path.as_ref().to_owned()))
}

/// A connection that is about to be made.
///
/// # Examples
///
/// ```
/// use std::{thread, time::Duration};
/// use highwater::{net, pipeline};
///
/// let listener = net::listen("127.0.0.1:0")?;
/// let address = listener.local_addr()?.to_string();
/// let server = thread::spawn(move || {
///     let (_, got) = pipeline(listener.accept()?).to(Vec::new()).run_into()?;
///     Ok::<_, highwater::Error>(got.into_inner())
/// });
///
/// let socket = net::connect(address)
///     .timeout(Duration::from_secs(5))
///     .idle_timeout(Duration::from_secs(60))
///     .open()?;
/// pipeline(&b"over the wire"[..]).to(socket).run()?;
/// assert_eq!(server.join().unwrap()?, b"over the wire");
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is connected before `open`"]
pub struct Connect {
    address: Address,
    options: Options,
    within: Option<Duration>,
    token: Option<CancelToken>,
}

impl Connect {
    /// Prepares to connect to `address`.
    pub const fn to(address: Address) -> Self {
        Self {
            address,
            options: Options {
                delay: false,
                idle: None,
            },
            within: None,
            token: None,
        }
    }

    /// Tries each address of the host for so long. Without, for as long as the system does.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.within = Some(timeout);
        self
    }

    /// Fails a read or a write when no byte has moved for so long. Without, it waits for ever.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle = Some(timeout);
        self
    }

    /// Lets small segments wait for the answer to the last one (Nagle's algorithm). They do not
    /// by default: what is written has been merged already.
    pub const fn delay(mut self) -> Self {
        self.options.delay = true;
        self
    }

    /// Ends the connecting when `token` is used.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Connects, to the first address of the host that answers.
    ///
    /// The wait ends with an answer, with the timeout, or with a cancel. Looking up the name of a
    /// host is waited for.
    ///
    /// # Errors
    ///
    /// That of the last address that was tried, with the address.
    pub fn open(&self) -> Result<Socket, Error> {
        self.try_open()
            .map_err(|error| error.during("connect to", &self.address.to_string()))
    }

    fn try_open(&self) -> Result<Socket, Error> {
        let patience = Patience::new(self.token.as_ref());
        let mut last = Error::new(ErrorKind::InvalidInput, "the host has no address");
        for (domain, addr) in self.address.resolve()? {
            match self.try_addr(domain, &addr, &patience) {
                Ok(socket) => {
                    return Socket::new(socket, self.address.to_string(), self.options);
                }
                Err(error) => last = patience.explain(error)?,
            }
        }
        Err(last)
    }

    fn try_addr(
        &self,
        domain: Domain,
        addr: &SockAddr,
        patience: &Patience,
    ) -> Result<socket2::Socket, Error> {
        let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(addr) {
            Ok(()) => {}
            Err(error) if is_in_progress(&error) => {
                let waited = patience.waker.wait(&socket, Ready::ToWrite, self.within);
                waited.map_err(|error| {
                    // It may have been let in by now. A close would look like an empty stream.
                    let _ = socket.set_linger(Some(Duration::ZERO));
                    match error.kind() {
                        ErrorKind::TimedOut => Error::timed_out("an answer"),
                        _ => error,
                    }
                })?;
                if let Some(error) = socket.take_error()? {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(socket)
    }
}

/// A Unix socket whose backlog is full says `EAGAIN`, and means that it cannot be waited for.
fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

/// A wait that a token ends.
struct Patience {
    waker: Waker,
    token: Option<CancelToken>,
    /// What the token reaches the waker by.
    _registered: Arc<WakeOnCancel>,
}

impl Patience {
    fn new(token: Option<&CancelToken>) -> Self {
        let waker = Waker::new();
        let registered = WakeOnCancel::new(&waker);
        if let Some(token) = token {
            token.register(registered.target());
        }
        Self {
            waker,
            token: token.cloned(),
            _registered: registered,
        }
    }

    /// Gives an error back to go on with; if it was a cancel, with which to end.
    fn explain(&self, error: Error) -> Result<Error, Error> {
        if error.kind() != ErrorKind::Cancelled {
            return Ok(error);
        }
        let cause = self.token.as_ref().and_then(CancelToken::cause);
        Err(cause.unwrap_or_else(|| Error::new(ErrorKind::Cancelled, "stopped")))
    }
}

/// A socket that others connect to.
///
/// That of a Unix socket takes its file away again when it is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: socket2::Socket,
    address: Address,
    options: Options,
    token: Option<CancelToken>,
    /// The file of a Unix socket: its device, and its number there.
    file: Option<(u64, u64)>,
}

/// How many connections may wait to be accepted. The system may allow fewer.
const BACKLOG: i32 = 1024;

impl Listener {
    /// Listens on `address`.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that, with the address.
    pub fn on(address: Address) -> Result<Self, Error> {
        match Self::bind(&address) {
            Ok(socket) => Ok(Self {
                file: file_of(&address),
                socket,
                address,
                options: Options::default(),
                token: None,
            }),
            Err(error) => Err(error.during("listen on", &address.to_string())),
        }
    }

    fn bind(address: &Address) -> Result<socket2::Socket, Error> {
        let mut last = Error::new(ErrorKind::InvalidInput, "the host has no address");
        for (domain, addr) in address.resolve()? {
            let bound = (|| {
                let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
                if domain != Domain::UNIX {
                    // A server that is started again shall not wait for its old connections.
                    socket.set_reuse_address(true)?;
                }
                socket.bind(&addr)?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                Ok::<_, io::Error>(socket)
            })();
            match bound {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// Ends an [`accept`](Self::accept) when `token` is used.
    #[must_use]
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// As [`Connect::idle_timeout`], for every socket that is accepted.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle = Some(timeout);
        self
    }

    /// The address that it listens on, with the port that was free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a Unix socket.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        let addr = self.socket.local_addr()?.as_socket();
        addr.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a Unix socket has no port"))
    }

    /// Waits for somebody to connect.
    ///
    /// The wait ends then, or with a cancel.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from accepting, with the address.
    pub fn accept(&self) -> Result<Socket, Error> {
        self.try_accept()
            .map_err(|error| error.during("accept on", &self.address.to_string()))
    }

    fn try_accept(&self) -> Result<Socket, Error> {
        let patience = Patience::new(self.token.as_ref());
        loop {
            match self.socket.accept() {
                Ok((socket, peer)) => {
                    let name = match peer.as_socket() {
                        Some(addr) => Address::Tcp(addr.to_string()),
                        None => self.address.clone(),
                    };
                    return Socket::new(socket, name.to_string(), self.options);
                }
                Err(error) if is_passing(error.kind()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waited = patience
                        .waker
                        .wait(self.socket.as_fd(), Ready::ToRead, None);
                    if let Err(error) = waited {
                        return Err(patience.explain(error)?);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Somebody who has left before being let in, or a signal.
fn is_passing(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
    )
}

/// What tells the file of a Unix socket from another of the same name.
fn file_of(address: &Address) -> Option<(u64, u64)> {
    let Address::Unix(path) = address else {
        return None;
    };
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Somebody else may have taken it away, and put his own there.
        if let Address::Unix(path) = &self.address
            && self.file.is_some()
            && self.file == file_of(&self.address)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}
