//! What a socket is told when it is made, and for how long it waits.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, Socket, TcpKeepalive};

use super::address::invalid;
use crate::error::{Error, ErrorKind};
use crate::os::timeouts::Timeouts;

/// What a socket is told when it is made: for [`Connect`](super::Connect), for those that a
/// [`Listener`](super::Listener) accepts, and for a [`Socket`](super::Socket) that is
/// there already.
///
/// What is not set stays as the system has it, but that small segments are sent at once. A value
/// that makes no sense, or that the system does not know, is refused by what the options are given
/// to, with the name of the option.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use highwater::{ErrorKind, net::{self, SocketOptions}};
///
/// let careful = SocketOptions::new()
///     .idle_timeout(Duration::from_secs(60))
///     .user_timeout(Duration::from_secs(30));
/// let listener = net::listen("127.0.0.1:0")?.options(&careful)?;
/// let address = listener.local_addr()?.to_string();
/// let socket = net::connect(&*address).options(&careful).open()?;
/// assert_eq!(socket.peer_addr()?.to_string(), address);
///
/// let senseless = SocketOptions::new().send_buffer(0);
/// let refused = net::connect(address).options(&senseless).open().unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::InvalidInput);
/// assert!(refused.to_string().contains("`send_buffer`"));
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing before they are given to something"]
pub struct SocketOptions {
    no_delay: Option<bool>,
    keep_alive: Option<KeepAlive>,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    notsent_lowat: Option<usize>,
    user_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    lifetime: Option<Duration>,
    linger: Option<Duration>,
}

impl SocketOptions {
    /// Leaves everything as it is by default.
    pub const fn new() -> Self {
        Self {
            no_delay: None,
            keep_alive: None,
            send_buffer: None,
            receive_buffer: None,
            notsent_lowat: None,
            user_timeout: None,
            read_timeout: None,
            write_timeout: None,
            lifetime: None,
            linger: None,
        }
    }

    /// Sends small segments at once (`TCP_NODELAY`), which is the default: what is written has been
    /// merged already. With `false` they wait for the answer to the last one (Nagle's algorithm).
    #[doc(alias = "setNoDelay")]
    #[doc(alias = "TCP_NODELAY")]
    pub const fn no_delay(mut self, no_delay: bool) -> Self {
        self.no_delay = Some(no_delay);
        self
    }

    /// Asks a TCP peer that is silent whether it is still there, and fails if it does not say so.
    #[doc(alias = "setKeepAlive")]
    #[doc(alias = "SO_KEEPALIVE")]
    pub const fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = Some(keep_alive);
        self
    }

    /// How many bytes the system keeps that the peer has not taken. It may allow fewer, and counts
    /// what they cost it: Linux doubles the number.
    #[doc(alias = "SO_SNDBUF")]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// How many bytes the system keeps that were not read. It may allow fewer, as for
    /// [`send_buffer`](Self::send_buffer).
    #[doc(alias = "SO_RCVBUF")]
    pub const fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Lets a write wait when so many bytes were not even sent, however large the send buffer is:
    /// what is written last is then not far behind in a queue of the system.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    pub const fn notsent_lowat(mut self, bytes: usize) -> Self {
        self.notsent_lowat = Some(bytes);
        self
    }

    /// Fails the connection when what was sent was not acknowledged for so long, to the
    /// millisecond. Without, Linux tries for about fifteen minutes.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub const fn user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = Some(timeout);
        self
    }

    /// Fails a read when nothing has come for so long. Without, it waits for ever; with zero, it
    /// never waits.
    pub const fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// Fails a write when the peer has taken nothing for so long, as
    /// [`read_timeout`](Self::read_timeout) does a read.
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = Some(timeout);
        self
    }

    /// Fails a read or a write when no byte has moved for so long: both timeouts in one.
    pub const fn idle_timeout(self, timeout: Duration) -> Self {
        self.read_timeout(timeout).write_timeout(timeout)
    }

    /// Fails every read and every write from so long after the socket was connected, however much
    /// still moves.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// As [`SocketSink::linger`](super::SocketSink::linger), for the sink of the socket.
    ///
    /// The system's own `SO_LINGER` is not used for that: nothing could end a close that waits.
    pub const fn linger(mut self, silence: Duration) -> Self {
        self.linger = Some(silence);
        self
    }

    /// What is waited for, and for how long, by a socket that is connected now.
    pub(crate) fn limits(&self) -> Timeouts {
        let end = |lifetime| Instant::now().checked_add(lifetime);
        Timeouts {
            read: self.read_timeout,
            write: self.write_timeout,
            // A time that cannot be represented is no limit.
            end: self.lifetime.and_then(end),
            linger: self.linger,
        }
    }

    /// Tells a socket all of it.
    pub(crate) fn apply(&self, socket: &Socket, domain: Domain) -> Result<(), Error> {
        self.size(socket)?;
        if domain == Domain::UNIX {
            return self.tcp_option().map_or(Ok(()), |option| {
                let message = format!("`{option}` is for TCP, and this is a Unix socket");
                Err(invalid(message))
            });
        }
        told(
            "no_delay",
            socket.set_tcp_nodelay(self.no_delay.unwrap_or(true)),
        )?;
        if let Some(keep_alive) = self.keep_alive {
            keep_alive.apply(socket)?;
        }
        if let Some(bytes) = self.notsent_lowat {
            let bytes = number("notsent_lowat", bytes)?;
            told("notsent_lowat", set_notsent_lowat(socket, bytes))?;
        }
        if let Some(timeout) = self.user_timeout {
            let millis = timeout.as_nanos().div_ceil(1_000_000);
            let millis = number("user_timeout", millis)?;
            told("user_timeout", set_user_timeout(socket, millis))?;
        }
        Ok(())
    }

    /// Tells a socket the sizes of its buffers. One that listens hands them on, and only so the
    /// window of a connection can be as large as they are.
    pub(crate) fn size(&self, socket: &Socket) -> Result<(), Error> {
        if let Some(bytes) = self.send_buffer {
            let bytes = number("send_buffer", bytes)? as usize;
            told("send_buffer", socket.set_send_buffer_size(bytes))?;
        }
        if let Some(bytes) = self.receive_buffer {
            let bytes = number("receive_buffer", bytes)? as usize;
            told("receive_buffer", socket.set_recv_buffer_size(bytes))?;
        }
        Ok(())
    }

    /// One that was set and that only TCP has.
    fn tcp_option(&self) -> Option<&'static str> {
        [
            (self.no_delay.is_some(), "no_delay"),
            (self.keep_alive.is_some(), "keep_alive"),
            (self.notsent_lowat.is_some(), "notsent_lowat"),
            (self.user_timeout.is_some(), "user_timeout"),
        ]
        .into_iter()
        .find_map(|(is_set, option)| is_set.then_some(option))
    }
}

/// When a silent peer is asked whether it is still there, how often, and how many times before it
/// is given up. What is not set stays as the system has it: on Linux after two hours, every 75
/// seconds, nine times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it does nothing before it is an option of a socket"]
pub struct KeepAlive {
    idle: Option<Duration>,
    interval: Option<Duration>,
    count: Option<u32>,
}

impl KeepAlive {
    /// Leaves the times as the system has them.
    pub const fn new() -> Self {
        Self {
            idle: None,
            interval: None,
            count: None,
        }
    }

    /// Asks for the first time after so long a silence, in whole seconds.
    #[doc(alias = "TCP_KEEPIDLE")]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Asks again after so long, in whole seconds.
    #[doc(alias = "TCP_KEEPINTVL")]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Gives up when so many questions were not answered.
    #[doc(alias = "TCP_KEEPCNT")]
    pub const fn count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    fn apply(self, socket: &Socket) -> Result<(), Error> {
        told("keep_alive", socket.set_keepalive(true))?;
        // One at a time, so that the one which the system refuses can be named.
        if let Some(idle) = self.idle {
            let idle = seconds("keep_alive.idle", idle)?;
            let asked = TcpKeepalive::new().with_time(idle);
            told("keep_alive.idle", socket.set_tcp_keepalive(&asked))?;
        }
        if let Some(interval) = self.interval {
            let interval = seconds("keep_alive.interval", interval)?;
            let asked = TcpKeepalive::new().with_interval(interval);
            told("keep_alive.interval", socket.set_tcp_keepalive(&asked))?;
        }
        if let Some(count) = self.count {
            let count = number("keep_alive.count", count)?;
            let asked = TcpKeepalive::new().with_retries(count);
            told("keep_alive.count", socket.set_tcp_keepalive(&asked))?;
        }
        Ok(())
    }
}

/// What the system takes for a number: an `int` that is not negative. Zero is none: for some of the
/// options it would mean their default, which is not what was said.
fn number(option: &str, value: impl TryInto<i32>) -> Result<u32, Error> {
    match value.try_into() {
        Ok(value @ 1..) => Ok(value.unsigned_abs()),
        Ok(_) => Err(invalid(format!("`{option}` must be more than zero"))),
        Err(_) => Err(invalid(format!("`{option}` is more than the system takes"))),
    }
}

/// Whole seconds, and no fewer than were asked for.
fn seconds(option: &str, time: Duration) -> Result<Duration, Error> {
    let seconds = time.as_nanos().div_ceil(1_000_000_000);
    number(option, seconds).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Says which option it was that the system has refused.
pub(crate) fn told(option: &str, outcome: io::Result<()>) -> Result<(), Error> {
    outcome.map_err(|error| {
        let (kind, message) = match Errno::from_io_error(&error) {
            Some(Errno::NOPROTOOPT | Errno::OPNOTSUPP) => (
                ErrorKind::Io(io::ErrorKind::Unsupported),
                format!("the system does not know `{option}`"),
            ),
            Some(Errno::INVAL | Errno::DOM) => (
                ErrorKind::InvalidInput,
                format!("`{option}` has a value that the system does not take"),
            ),
            _ => (
                ErrorKind::Io(error.kind()),
                format!("`{option}` could not be set"),
            ),
        };
        Error::caused(kind, &message, Box::new(error))
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_notsent_lowat(socket: &Socket, bytes: u32) -> io::Result<()> {
    socket.set_tcp_notsent_lowat(bytes)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_notsent_lowat(_: &Socket, _: u32) -> io::Result<()> {
    Err(Errno::NOPROTOOPT.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_user_timeout(socket: &Socket, millis: u32) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_tcp_user_timeout(socket, millis)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_user_timeout(_: &Socket, _: u32) -> io::Result<()> {
    Err(Errno::NOPROTOOPT.into())
}

/// Of what family a socket is.
pub(crate) fn domain_of(socket: &Socket) -> Result<Domain, Error> {
    Ok(socket.local_addr()?.domain())
}
