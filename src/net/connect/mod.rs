//! Connects to the first address of a host that answers.

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

/// A connection that is about to be made.
///
/// A host may have several addresses. They are tried as RFC 8305 has it, "happy eyeballs": the
/// families take turns, the next address is tried when the last one has failed or has not answered
/// for [a while](Self::attempt_delay), and the first that answers is taken.
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

/// How long an address may keep the next one waiting: what RFC 8305 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How soon, and how often in the end, a Unix socket is asked again that had too many waiting.
const FULL_TICK_MIN: Duration = Duration::from_millis(1);
const FULL_TICK_MAX: Duration = Duration::from_millis(20);

impl Connect {
    /// Prepares to connect to `address`.
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

    /// Gives up after so long, be it in looking up the host or in trying its addresses. Without, it
    /// tries for as long as the system does.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.within = Some(timeout);
        self
    }

    /// Gives up one address after so long, and goes on with the next.
    pub const fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_within = Some(timeout);
        self
    }

    /// Tries the next address when none has answered for so long, in place of 250 ms. The ones
    /// before are not given up for that.
    pub const fn attempt_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Tries these addresses, and does not look up the host: for names that are looked up by other
    /// means than those of the system.
    pub fn known_addrs(mut self, addrs: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.known = addrs.into_iter().collect();
        self
    }

    /// Connects from this address; port 0 takes one that is free. Addresses of the host that are of
    /// another family are not tried.
    #[doc(alias = "localAddress")]
    pub const fn local_addr(mut self, addr: SocketAddr) -> Self {
        self.local = Some(addr);
        self
    }

    /// Tells the socket these options, in place of those before.
    pub fn options(mut self, options: &SocketOptions) -> Self {
        self.options = options.clone();
        self
    }

    /// Fails a read or a write when no byte has moved for so long. Without, it waits for ever.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.idle_timeout(timeout);
        self
    }

    /// Lets small segments wait for the answer to the last one (Nagle's algorithm). They do not
    /// by default: what is written has been merged already.
    pub fn delay(mut self) -> Self {
        self.options = self.options.no_delay(false);
        self
    }

    /// Ends the connecting when `token` is used.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Connects, to the first address of the host that answers.
    ///
    /// The wait ends with an answer, with a timeout, or with a cancel; so does that for the name of
    /// the host to be looked up. No call can break off a lookup: one that is not waited for any
    /// more is left to end by itself, on a thread of its own.
    ///
    /// # Errors
    ///
    /// That of the address that failed first. With several, the message has each of them and its
    /// reason, and the others are attached to it.
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

    /// A Unix socket lets in at once, or has too many waiting. Nothing tells when it has not.
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
                outcome => {
                    outcome?;
                    return Ok(socket);
                }
            }
        }
    }

    /// The addresses that can be reached from the local one.
    fn suitable(&self, mut found: Vec<Resolved>) -> Result<Vec<Resolved>, Error> {
        if let Some(local) = self.local {
            found.retain(|(domain, _)| *domain == Domain::for_address(local));
            if found.is_empty() {
                return Err(invalid(format!("no address is of the family of {local}")));
            }
        }
        Ok(found)
    }

    /// Makes the socket of one attempt.
    fn socket(&self, domain: Domain) -> Result<socket2::Socket, Error> {
        let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // Before it is connected: the window of the connection depends on it.
        self.options.apply(&socket, domain)?;
        if let Some(local) = self.local {
            let bound = socket.bind(&local.into()).map_err(Error::from);
            bound.map_err(|error| error.during("bind to", &local.to_string()))?;
        }
        Ok(socket)
    }
}

/// Says whether a Unix socket has more waiting to be let in than it keeps.
fn is_full(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::AGAIN)
}
