//! Listening sockets, and accepting connections from them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionbio;
use socket2::{Domain, SockAddr, Type};

use super::address::{Address, invalid};
use super::options::{SocketOptions, named};
use super::socket::{Socket, of_tcp};
use super::unix_file::{SocketFile, bind_to_file};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::os::wait::CancellableWait;
use crate::os::{Ready, Waker};

/// Builder for a [`Listener`]: options that must be set before it listens. Node's `server.listen`.
///
/// # Examples
///
/// ```
/// use highwater::net::{self, Address, Listen};
///
/// let listener = Listen::on(Address::Tcp("[::]:0".into())).dual_stack(true).open()?;
/// let port = listener.local_addr()?.port();
/// net::connect(format!("127.0.0.1:{port}")).open()?; // by IPv4 as well
/// assert!(listener.accept()?.peer_addr()?.is_ipv6());
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing listens before `open`"]
pub struct Listen {
    address: Address,
    options: SocketOptions,
    backlog: u32,
    reuse_port: bool,
    dual_stack: Option<bool>,
    replace_stale: bool,
}

/// How many connections may wait to be accepted. The kernel may allow fewer.
const BACKLOG: u32 = 1024;

impl Listen {
    /// Prepares to listen on `address`. [`open`](Self::open) listens.
    pub const fn on(address: Address) -> Self {
        Self {
            address,
            options: SocketOptions::new(),
            backlog: BACKLOG,
            reuse_port: false,
            dual_stack: None,
            replace_stale: false,
        }
    }

    /// Sets the options of the sockets that are accepted.
    pub fn options(mut self, options: &SocketOptions) -> Self {
        self.options = options.clone();
        self
    }

    /// Sets how many connections may wait to be accepted. The default is 1024, and the kernel may
    /// allow fewer. A client that comes when the backlog is full waits and tries again, as on a slow
    /// network.
    pub const fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Lets other sockets with the same option listen on the same port (`SO_REUSEPORT`). Linux shares
    /// the connections among them.
    #[doc(alias = "SO_REUSEPORT")]
    #[doc(alias = "reusePort")]
    pub const fn reuse_port(mut self) -> Self {
        self.reuse_port = true;
        self
    }

    /// Sets whether an IPv6 address accepts connections by IPv4 as well. By default the operating
    /// system decides.
    #[doc(alias = "ipv6Only")]
    #[doc(alias = "IPV6_V6ONLY")]
    pub const fn dual_stack(mut self, dual_stack: bool) -> Self {
        self.dual_stack = Some(dual_stack);
        self
    }

    /// Removes a stale file of a Unix socket, such as a killed server leaves. A file on which a socket
    /// listens is never removed, nor is any other file.
    pub const fn replace_stale(mut self) -> Self {
        self.replace_stale = true;
        self
    }

    /// Listens on the address.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`] if the host cannot be resolved, the address may not be used, or no
    ///   descriptor is left; [`AddrInUse`](io::ErrorKind::AddrInUse) if the port is taken or there is
    ///   a file at the path, and the message says whether a socket listens on it.
    /// - [`ErrorKind::InvalidInput`] if an option does not suit the address.
    ///
    /// The error names the address.
    #[doc(alias = "listen")]
    pub fn open(&self) -> Result<Listener, Error> {
        self.try_open()
            .map_err(|error| error.during("listen on", &self.address.to_string()))
    }

    fn try_open(&self) -> Result<Listener, Error> {
        let mut first = None;
        for (domain, addr) in self.address.resolve()? {
            match self.bind(domain, &addr) {
                Ok(socket) => {
                    let port = socket.local_addr()?.as_socket();
                    return Ok(Listener {
                        _file: SocketFile::of(&self.address),
                        socket,
                        domain,
                        // With the port that the kernel has chosen.
                        address: port.map_or_else(
                            || self.address.clone(),
                            |port| Address::Tcp(port.to_string()),
                        ),
                        options: self.options.clone(),
                        changed_late: false,
                        waiter: CancellableWait::new(None),
                    });
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| invalid("the host has no address")))
    }

    fn bind(&self, domain: Domain, addr: &SockAddr) -> Result<socket2::Socket, Error> {
        let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
        // An option that an accepted socket would refuse is refused here, before there are any.
        self.options.apply(&socket, domain)?;
        if domain != Domain::UNIX {
            // A server that is restarted must not wait until its old connections are forgotten.
            socket.set_reuse_address(true)?;
        }
        if self.reuse_port {
            named("reuse_port", socket.set_reuse_port(true))?;
        }
        match self.dual_stack {
            Some(dual) if domain == Domain::IPV6 => {
                named("dual_stack", socket.set_only_v6(!dual))?;
            }
            Some(_) => return Err(invalid("`dual_stack` is for an IPv6 address")),
            None => {}
        }
        match &self.address {
            Address::Unix(path) => self.bind_to_path(&socket, addr, path)?,
            _ => socket.bind(addr)?,
        }
        // A number too large for the kernel means as many as it allows.
        socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    fn bind_to_path(
        &self,
        socket: &socket2::Socket,
        addr: &SockAddr,
        path: &Path,
    ) -> Result<(), Error> {
        bind_to_file(socket, addr, path, self.replace_stale)
    }
}

/// A listening socket: Node's `net.Server` without its events.
///
/// [`accept`](Self::accept) returns one connection at a time, on the thread that calls it; for a
/// handler on a thread of its own for each there is [`Server`](super::Server). A listener on a path
/// removes its file when it is dropped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use highwater::{CancelToken, ErrorKind, net};
///
/// let token = CancelToken::new();
/// let listener = net::listen("127.0.0.1:0")?.cancel_with(&token);
/// let late = listener.accept_timeout(Duration::from_millis(1)).unwrap_err();
/// assert_eq!(late.kind(), ErrorKind::TimedOut);
///
/// token.abort("enough"); // from any thread, also while `accept` waits
/// assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::Cancelled);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    /// The file of a Unix socket. Declared first, so that it is removed before the socket is closed: no
    /// client finds a file on which no socket listens.
    _file: Option<SocketFile>,
    socket: socket2::Socket,
    domain: Domain,
    address: Address,
    options: SocketOptions,
    /// The options were changed while it listened: connections that were in the backlog by then have
    /// the old ones.
    changed_late: bool,
    /// One for all accepts, so that an accept after a cancel fails at once.
    waiter: CancellableWait,
}

impl Listener {
    /// Listens on `address`; [`Listen`] has more options.
    ///
    /// # Errors
    ///
    /// As [`Listen::open`].
    pub fn on(address: Address) -> Result<Self, Error> {
        Listen::on(address).open()
    }

    /// Sets the options of the sockets that are accepted from now on, in place of those before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if an option has a value that makes no sense or does not suit the
    /// address, and [`ErrorKind::Io`] if the operating system refuses it. The error names the option.
    pub fn options(mut self, options: &SocketOptions) -> Result<Self, Error> {
        let applied = options.apply(&self.socket, self.domain);
        applied.map_err(|error| error.during("set an option of", &self.address.to_string()))?;
        self.options = options.clone();
        self.changed_late = true;
        Ok(self)
    }

    /// Ends a blocked [`accept`](Self::accept) when `token` is used, and fails every later one.
    #[must_use]
    #[doc(alias = "AbortSignal")]
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.waiter = CancellableWait::new(Some(token));
        self
    }

    /// Sets [`SocketOptions::idle_timeout`] for every socket that is accepted from now on.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.idle_timeout(timeout);
        self
    }

    /// The address that it listens on, with the port that the kernel has chosen if it was 0.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a Unix socket.
    #[doc(alias = "address")]
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        of_tcp(&self.socket.local_addr()?)
    }

    /// Accepts the next connection, and waits for one if there is none.
    ///
    /// The wait ends with a connection or with a cancel. After a cancel every accept fails at once.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Cancelled`] after a cancel.
    /// - [`ErrorKind::Io`] if no descriptor or no memory is left. The connection stays in the backlog,
    ///   so the call can be made again.
    ///
    /// The error names the address.
    pub fn accept(&self) -> Result<Socket, Error> {
        self.accept_until(None)
    }

    /// Accepts the next connection, and waits for one at most for `timeout`.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and [`ErrorKind::TimedOut`] if no connection came in time.
    pub fn accept_timeout(&self, timeout: Duration) -> Result<Socket, Error> {
        // A time that cannot be represented is no limit.
        self.accept_until(Instant::now().checked_add(timeout))
    }

    /// Waits until there is a connection to accept, and accepts none. Returns whether there is one.
    ///
    /// The wait ends with that, or when `waker` is woken.
    pub(crate) fn wait_by(&self, waker: &Waker) -> bool {
        let waited = waker.wait(&self.socket, Ready::ToRead, None);
        waited.is_ok()
    }

    /// Fails if the descriptor by which an accept is woken cannot be made.
    pub(crate) fn check_waker(&self) -> Result<(), Error> {
        self.waiter.waker.fd().map(drop)
    }

    /// Its name in errors.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    fn accept_until(&self, deadline: Option<Instant>) -> Result<Socket, Error> {
        self.try_accept(deadline)
            .map_err(|error| self.waiter.explain(error))
            .map_err(|error| error.during("accept on", &self.address.to_string()))
    }

    /// Whether an accepted socket inherits the options of the listener. On Linux those of TCP are
    /// inherited, which saves system calls for each connection.
    fn options_are_inherited(&self) -> bool {
        cfg!(target_os = "linux") && self.domain != Domain::UNIX
    }

    fn try_accept(&self, deadline: Option<Instant>) -> Result<Socket, Error> {
        // First, so that a full backlog does not keep a stopped server accepting.
        self.waiter.check()?;
        loop {
            match self.socket.accept() {
                Ok((socket, peer)) => {
                    // Its description is ours alone, and `splice` has no other way not to block.
                    ioctl_fionbio(&socket, true).map_err(io::Error::from)?;
                    let name = match peer.as_socket() {
                        Some(addr) => Address::Tcp(addr.to_string()),
                        None => self.address.clone(),
                    };
                    if self.changed_late || !self.options_are_inherited() {
                        self.options.apply(&socket, self.domain)?;
                    }
                    let limits = self.options.limits();
                    return Ok(Socket::new(socket, name.to_string(), limits));
                }
                Err(error) if is_passing(error.kind()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                    let waited = self.waiter.waker.wait(&self.socket, Ready::ToRead, left);
                    waited.map_err(|error| match error.kind() {
                        ErrorKind::TimedOut => Error::timed_out("a connection"),
                        _ => error,
                    })?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// For calls that this crate does not offer, such as an option that only one operating system has.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Errors of a single connection that is gone before it was accepted, and of a signal: accept again.
fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
    };

    matches!(
        kind,
        ConnectionAborted | Interrupted | HostUnreachable | NetworkDown | NetworkUnreachable
    )
}
