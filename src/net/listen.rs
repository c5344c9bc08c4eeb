//! Listens, and accepts who connects.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionbio;
use socket2::{Domain, SockAddr, Type};

use super::address::{Address, invalid};
use super::options::{SocketOptions, told};
use super::socket::{Socket, of_tcp};
use super::unix_file::{SocketFile, bind_to_file};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::os::wait::CancellableWait;
use crate::os::{Ready, Waker};

/// A listener that is about to be: for what has to be said before it listens.
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

/// How many connections may wait to be accepted. The system may allow fewer.
const BACKLOG: u32 = 1024;

impl Listen {
    /// Prepares to listen on `address`.
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

    /// Tells the sockets that are accepted these options.
    pub fn options(mut self, options: &SocketOptions) -> Self {
        self.options = options.clone();
        self
    }

    /// Lets so many connections wait to be accepted, in place of 1024. The system may allow fewer;
    /// to whoever comes then it is as if the network were slow.
    pub const fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Shares the port with others that say the same (`SO_REUSEPORT`): on Linux each of them gets
    /// its part of the connections.
    #[doc(alias = "SO_REUSEPORT")]
    pub const fn reuse_port(mut self) -> Self {
        self.reuse_port = true;
        self
    }

    /// Says whether an IPv6 address takes those that come by IPv4 as well. Without, it is as the
    /// system has it.
    #[doc(alias = "ipv6Only")]
    #[doc(alias = "IPV6_V6ONLY")]
    pub const fn dual_stack(mut self, dual_stack: bool) -> Self {
        self.dual_stack = Some(dual_stack);
        self
    }

    /// Takes away the file of a Unix socket that nobody listens on any more, such as one that was
    /// killed has left. One that somebody listens on is never taken away, nor any other file.
    pub const fn replace_stale(mut self) -> Self {
        self.replace_stale = true;
        self
    }

    /// Listens.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from that, with the address. Where there is the file of a Unix socket
    /// already, [`AddrInUse`](io::ErrorKind::AddrInUse), which says whether somebody listens on it.
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
                        // With the port that was free.
                        address: port.map_or_else(
                            || self.address.clone(),
                            |port| Address::Tcp(port.to_string()),
                        ),
                        options: self.options.clone(),
                        told_late: false,
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
        // What the accepted ones could not be told is known before there are any.
        self.options.apply(&socket, domain)?;
        if domain != Domain::UNIX {
            // A server that is started again shall not wait for its old connections.
            socket.set_reuse_address(true)?;
        }
        if self.reuse_port {
            told("reuse_port", socket.set_reuse_port(true))?;
        }
        match self.dual_stack {
            Some(dual) if domain == Domain::IPV6 => {
                told("dual_stack", socket.set_only_v6(!dual))?;
            }
            Some(_) => return Err(invalid("`dual_stack` is for an IPv6 address")),
            None => {}
        }
        match &self.address {
            Address::Unix(path) => self.bind_to_path(&socket, addr, path)?,
            _ => socket.bind(addr)?,
        }
        // A number too large for the system is all that it allows.
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

/// A socket that others connect to.
///
/// That of a Unix socket takes its file away again when it is dropped.
#[derive(Debug)]
pub struct Listener {
    /// The file of a Unix socket. Taken away before the socket is closed, so that nobody finds it without one.
    _file: Option<SocketFile>,
    socket: socket2::Socket,
    domain: Domain,
    address: Address,
    options: SocketOptions,
    /// Whether it was told other options while it listened: who was in the backlog by then has not
    /// got them.
    told_late: bool,
    /// One for all accepts: what a token has ended stays so.
    waiter: CancellableWait,
}

impl Listener {
    /// Listens on `address`; [`Listen`] can be told more.
    ///
    /// # Errors
    ///
    /// Those of [`Listen::open`].
    pub fn on(address: Address) -> Result<Self, Error> {
        Listen::on(address).open()
    }

    /// Tells the sockets that are accepted from now on these options, in place of those before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`], or what the system says, with the name of the option.
    pub fn options(mut self, options: &SocketOptions) -> Result<Self, Error> {
        let told = options.apply(&self.socket, self.domain);
        told.map_err(|error| error.during("set an option of", &self.address.to_string()))?;
        self.options = options.clone();
        self.told_late = true;
        Ok(self)
    }

    /// Ends an [`accept`](Self::accept) when `token` is used.
    #[must_use]
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.waiter = CancellableWait::new(Some(token));
        self
    }

    /// As [`SocketOptions::idle_timeout`], for every socket that is accepted.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.idle_timeout(timeout);
        self
    }

    /// The address that it listens on, with the port that was free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a Unix socket.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        of_tcp(&self.socket.local_addr()?)
    }

    /// Waits for somebody to connect.
    ///
    /// The wait ends then, or with a cancel, after which nobody is accepted any more.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from accepting, with the address. Whoever was about to be accepted then
    /// stays, and is by the next call: one with too many descriptors open can be made again.
    pub fn accept(&self) -> Result<Socket, Error> {
        self.accept_until(None)
    }

    /// Waits for somebody to connect, but not longer than that.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and [`ErrorKind::TimedOut`].
    pub fn accept_timeout(&self, timeout: Duration) -> Result<Socket, Error> {
        // A time that cannot be represented is no limit.
        self.accept_until(Instant::now().checked_add(timeout))
    }

    /// Waits until a connection waits to be accepted, and accepts none. Says whether one does.
    ///
    /// The wait ends then, and when `waker` is woken.
    pub(crate) fn wait_by(&self, waker: &Waker) -> bool {
        let waited = waker.wait(&self.socket, Ready::ToRead, None);
        waited.is_ok()
    }

    /// Fails if nothing could wake it out of an accept, for want of a descriptor.
    pub(crate) fn check_waker(&self) -> Result<(), Error> {
        self.waiter.waker.fd().map(drop)
    }

    /// What errors call it.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    fn accept_until(&self, deadline: Option<Instant>) -> Result<Socket, Error> {
        self.try_accept(deadline)
            .map_err(|error| self.waiter.explain(error))
            .map_err(|error| error.during("accept on", &self.address.to_string()))
    }

    /// Whether the system gives the options of what listens to what is accepted. Linux does, with
    /// those of TCP, and so saves a call for each connection.
    fn hands_on(&self) -> bool {
        cfg!(target_os = "linux") && self.domain != Domain::UNIX
    }

    fn try_accept(&self, deadline: Option<Instant>) -> Result<Socket, Error> {
        // Or those who wait already would keep a server going that was told to stop.
        self.waiter.check()?;
        loop {
            match self.socket.accept() {
                Ok((socket, peer)) => {
                    // It is nobody else's, and a copy in the kernel knows no other way not to block.
                    ioctl_fionbio(&socket, true).map_err(io::Error::from)?;
                    let name = match peer.as_socket() {
                        Some(addr) => Address::Tcp(addr.to_string()),
                        None => self.address.clone(),
                    };
                    if self.told_late || !self.hands_on() {
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
                        ErrorKind::TimedOut => Error::timed_out("somebody to connect"),
                        _ => error,
                    })?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// For what is not offered here, such as an option that one system has.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Somebody who has left before being let in, or whom the network has lost; or a signal.
fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
    };

    matches!(
        kind,
        ConnectionAborted | Interrupted | HostUnreachable | NetworkDown | NetworkUnreachable
    )
}
