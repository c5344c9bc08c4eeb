//! Connecting to the first address of a host that accepts.

mod race;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Type};

use super::address::{Address, Resolved, invalid, tcp};
use super::options::SocketOptions;
use super::resolve::resolve;
use super::socket::Socket;
use crate::cancel::CancelToken;
use crate::error::Error;
use crate::os::wait::CancellableWait;

use race::Race;

/// Builder for a connection: Node's `net.connect`.
///
/// A host may have several addresses. They are tried as RFC 8305, "Happy Eyeballs", recommends: IPv6
/// and IPv4 take turns, the next address is tried when the last one has failed or has not accepted
/// within the [attempt delay](Self::attempt_delay), and the first that accepts is used.
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
    options: SocketOptions,
    known: Vec<SocketAddr>,
    local: Option<SocketAddr>,
    within: Option<Duration>,
    attempt_within: Option<Duration>,
    delay: Duration,
    token: Option<CancelToken>,
}

/// How long the next address waits for the last one: what RFC 8305, section 8, recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How soon a Unix socket whose backlog is full is tried again. The time doubles up to the second value.
const FULL_TICK_MIN: Duration = Duration::from_millis(1);
const FULL_TICK_MAX: Duration = Duration::from_millis(20);

impl Connect {
    /// Prepares to connect to `address`. [`open`](Self::open) connects.
    pub const fn to(address: Address) -> Self {
        Self {
            address,
            options: SocketOptions::new(),
            known: Vec::new(),
            local: None,
            within: None,
            attempt_within: None,
            delay: ATTEMPT_DELAY,
            token: None,
        }
    }

    /// Limits the whole connect, from resolving the host to the last address. By default the limits of
    /// the operating system hold.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.within = Some(timeout);
        self
    }

    /// Limits the attempt at one address. The next address is tried then.
    pub const fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_within = Some(timeout);
        self
    }

    /// Sets how long the next address waits for the last one. The default is 250 ms. Attempts that were
    /// started before go on.
    #[doc(alias = "autoSelectFamilyAttemptTimeout")]
    pub const fn attempt_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Tries these addresses and does not resolve the host: for a resolver other than that of the
    /// operating system.
    #[doc(alias = "lookup")]
    pub fn known_addrs(mut self, addrs: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.known = addrs.into_iter().collect();
        self
    }

    /// Binds the socket to this local address; port 0 takes a free one. Addresses of the host that are
    /// of another family are not tried.
    #[doc(alias = "localAddress")]
    pub const fn local_addr(mut self, addr: SocketAddr) -> Self {
        self.local = Some(addr);
        self
    }

    /// Sets the options of the socket, in place of those before.
    pub fn options(mut self, options: &SocketOptions) -> Self {
        self.options = options.clone();
        self
    }

    /// Sets [`SocketOptions::idle_timeout`]: a read or a write fails when no byte has moved for this
    /// time. By default it waits for ever.
    #[doc(alias = "setTimeout")]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.idle_timeout(timeout);
        self
    }

    /// Turns Nagle's algorithm on: a small segment waits until the last one is acknowledged. See
    /// [`SocketOptions::no_delay`].
    pub fn delay(mut self) -> Self {
        self.options = self.options.no_delay(false);
        self
    }

    /// Ends a blocked [`open`](Self::open) when `token` is used.
    #[doc(alias = "AbortSignal")]
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Connects to the first address of the host that accepts.
    ///
    /// The wait ends when an address accepts or all have failed, with the timeout, or with a cancel.
    /// That includes the time to resolve the host. Nothing can end a call of the resolver itself: if
    /// the wait ends first, the call goes on, on a detached thread of its own.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`](crate::ErrorKind::Io), such as `ConnectionRefused`: that of the address that
    ///   failed first. With several addresses the message has each and its reason, and
    ///   [`others`](Error::others) has the other errors.
    /// - [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) after the timeout,
    ///   [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) after a cancel.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if an option or the local address
    ///   does not suit the address.
    ///
    /// The error names the address.
    #[doc(alias = "connect")]
    pub fn open(&self) -> Result<Socket, Error> {
        let waiter = CancellableWait::new(self.token.as_ref());
        self.try_open(&waiter)
            .map_err(|error| waiter.explain(error))
            .map_err(|error| error.during("connect to", &self.address.to_string()))
    }

    fn try_open(&self, waiter: &CancellableWait) -> Result<Socket, Error> {
        // A time that cannot be represented is no limit.
        let deadline = self.within.and_then(|it| Instant::now().checked_add(it));
        let found = match &self.known[..] {
            [] => resolve(&self.address, waiter, deadline)?,
            known => tcp(known.to_vec())?,
        };
        let socket = match &found[..] {
            [(Domain::UNIX, addr)] => self.open_unix(addr, waiter, deadline)?,
            _ => Race::new(self, waiter, deadline, self.suitable(found)?).run()?,
        };
        let name = self.address.to_string();
        Ok(Socket::new(socket, name, self.options.limits()))
    }

    /// A Unix socket accepts at once, or its backlog is full. No descriptor reports when it is not.
    fn open_unix(
        &self,
        addr: &SockAddr,
        waiter: &CancellableWait,
        deadline: Option<Instant>,
    ) -> Result<socket2::Socket, Error> {
        if self.local.is_some() {
            return Err(invalid("a Unix socket has no local address"));
        }
        let socket = self.socket(Domain::UNIX)?;
        let mut tick = FULL_TICK_MIN;
        loop {
            match socket.connect(addr) {
                Err(error) if is_full(&error) => {
                    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                    if left == Some(Duration::ZERO) {
                        return Err(Error::timed_out("an answer"));
                    }
                    waiter
                        .waker
                        .rest(left.map_or(tick, |left| left.min(tick)))?;
                    tick = FULL_TICK_MAX.min(tick * 2);
                }
                result => {
                    result?;
                    return Ok(socket);
                }
            }
        }
    }

    /// The addresses of the family of the local one.
    fn suitable(&self, mut found: Vec<Resolved>) -> Result<Vec<Resolved>, Error> {
        if let Some(local) = self.local {
            found.retain(|(domain, _)| *domain == Domain::for_address(local));
            if found.is_empty() {
                return Err(invalid(format!("no address is of the family of {local}")));
            }
        }
        Ok(found)
    }

    /// The socket of one attempt.
    fn socket(&self, domain: Domain) -> Result<socket2::Socket, Error> {
        let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // Before the connect: the receive buffer decides the window of the connection.
        self.options.apply(&socket, domain)?;
        if let Some(local) = self.local {
            let bound = socket.bind(&local.into()).map_err(Error::from);
            bound.map_err(|error| error.during("bind to", &local.to_string()))?;
        }
        Ok(socket)
    }
}

/// Whether the backlog of a Unix socket is full.
fn is_full(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::AGAIN)
}
