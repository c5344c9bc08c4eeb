//! The options of a socket, and the timeouts of its calls.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, Socket, TcpKeepalive};

use super::address::invalid;
use crate::error::{Error, ErrorKind};
use crate::os::timeouts::Timeouts;

/// Options of a socket: for a [`Connect`](super::Connect), for the sockets that a
/// [`Listener`](super::Listener) accepts, and for a [`Socket`](super::Socket) that is connected already.
///
/// An option that is not set keeps the default of the operating system, except
/// [`no_delay`](Self::no_delay), which is on. A value that makes no sense, or that the operating system
/// refuses, is an error of the call that the options are given to. The error names the option.
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
    /// Options that are all at their defaults.
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

    /// Sets whether small segments are sent at once (`TCP_NODELAY`). The default is `true`, because a
    /// stream merges small writes already. With `false`, a small segment waits until the last one is
    /// acknowledged (Nagle's algorithm).
    #[doc(alias = "setNoDelay")]
    #[doc(alias = "TCP_NODELAY")]
    pub const fn no_delay(mut self, no_delay: bool) -> Self {
        self.no_delay = Some(no_delay);
        self
    }

    /// Probes a silent TCP peer (`SO_KEEPALIVE`), and fails the connection if it does not reply.
    #[doc(alias = "setKeepAlive")]
    #[doc(alias = "SO_KEEPALIVE")]
    pub const fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = Some(keep_alive);
        self
    }

    /// Sets how many bytes the kernel holds that the peer has not acknowledged. The kernel may allow
    /// fewer, and counts its own overhead too: Linux doubles the number.
    #[doc(alias = "SO_SNDBUF")]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Sets how many bytes the kernel holds that were not read. The kernel may allow fewer, as for
    /// [`send_buffer`](Self::send_buffer).
    #[doc(alias = "SO_RCVBUF")]
    pub const fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Makes a write block while this many bytes were not sent yet, however large the send buffer is.
    /// So the last byte written is never far behind in a queue of the kernel. Linux only.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    pub const fn notsent_lowat(mut self, bytes: usize) -> Self {
        self.notsent_lowat = Some(bytes);
        self
    }

    /// Fails the connection when bytes that were sent are not acknowledged for this time, rounded up to
    /// milliseconds. By default Linux tries for about fifteen minutes. Linux only.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub const fn user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = Some(timeout);
        self
    }

    /// Fails a read with [`ErrorKind::TimedOut`] when no byte has come for this time. By default a read
    /// waits for ever; with zero, it never waits.
    #[doc(alias = "setTimeout")]
    pub const fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// Fails a write with [`ErrorKind::TimedOut`] when the peer has taken no byte for this time.
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = Some(timeout);
        self
    }

    /// Sets [`read_timeout`](Self::read_timeout) and [`write_timeout`](Self::write_timeout) to the same
    /// time: Node's `socket.setTimeout`.
    #[doc(alias = "setTimeout")]
    pub const fn idle_timeout(self, timeout: Duration) -> Self {
        self.read_timeout(timeout).write_timeout(timeout)
    }

    /// Fails every read and every write with [`ErrorKind::TimedOut`] once the socket has been connected
    /// for this time, however many bytes still move.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets [`SocketSink::linger`](super::SocketSink::linger) for the sink of the socket.
    ///
    /// This is not `SO_LINGER`: nothing could end the wait of a close with that.
    pub const fn linger(mut self, silence: Duration) -> Self {
        self.linger = Some(silence);
        self
    }

    /// The timeouts of a socket that is connected now.
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

    /// Sets all options of a socket.
    pub(crate) fn apply(&self, socket: &Socket, domain: Domain) -> Result<(), Error> {
        self.size(socket)?;
        if domain == Domain::UNIX {
            return self.tcp_option().map_or(Ok(()), |option| {
                let message = format!("`{option}` is for TCP, and this is a Unix socket");
                Err(invalid(message))
            });
        }
        named(
            "no_delay",
            socket.set_tcp_nodelay(self.no_delay.unwrap_or(true)),
        )?;
        if let Some(keep_alive) = self.keep_alive {
            keep_alive.apply(socket)?;
        }
        if let Some(bytes) = self.notsent_lowat {
            let bytes = number("notsent_lowat", bytes)?;
            named("notsent_lowat", set_notsent_lowat(socket, bytes))?;
        }
        if let Some(timeout) = self.user_timeout {
            let millis = timeout.as_nanos().div_ceil(1_000_000);
            let millis = number("user_timeout", millis)?;
            named("user_timeout", set_user_timeout(socket, millis))?;
        }
        Ok(())
    }

    /// Sets the sizes of the buffers. Accepted sockets inherit them from the listener, and only then can
    /// the window of a connection be as large as the buffer.
    pub(crate) fn size(&self, socket: &Socket) -> Result<(), Error> {
        if let Some(bytes) = self.send_buffer {
            let bytes = number("send_buffer", bytes)? as usize;
            named("send_buffer", socket.set_send_buffer_size(bytes))?;
        }
        if let Some(bytes) = self.receive_buffer {
            let bytes = number("receive_buffer", bytes)? as usize;
            named("receive_buffer", socket.set_recv_buffer_size(bytes))?;
        }
        Ok(())
    }

    /// The name of an option that is set and that only TCP has.
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

/// When a silent TCP peer is probed, how often, and after how many probes the connection fails. A value
/// that is not set keeps the default of the operating system: on Linux after two hours, every 75
/// seconds, nine probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it does nothing before it is an option of a socket"]
pub struct KeepAlive {
    idle: Option<Duration>,
    interval: Option<Duration>,
    count: Option<u32>,
}

impl KeepAlive {
    /// Values that are all at the defaults of the operating system.
    pub const fn new() -> Self {
        Self {
            idle: None,
            interval: None,
            count: None,
        }
    }

    /// Sets the silence after which the first probe is sent, rounded up to seconds.
    #[doc(alias = "TCP_KEEPIDLE")]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Sets the time between two probes, rounded up to seconds.
    #[doc(alias = "TCP_KEEPINTVL")]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets after how many probes without a reply the connection fails.
    #[doc(alias = "TCP_KEEPCNT")]
    pub const fn count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    fn apply(self, socket: &Socket) -> Result<(), Error> {
        named("keep_alive", socket.set_keepalive(true))?;
        // One at a time, so that the error names the one that the operating system refuses.
        if let Some(idle) = self.idle {
            let idle = seconds("keep_alive.idle", idle)?;
            let probes = TcpKeepalive::new().with_time(idle);
            named("keep_alive.idle", socket.set_tcp_keepalive(&probes))?;
        }
        if let Some(interval) = self.interval {
            let interval = seconds("keep_alive.interval", interval)?;
            let probes = TcpKeepalive::new().with_interval(interval);
            named("keep_alive.interval", socket.set_tcp_keepalive(&probes))?;
        }
        if let Some(count) = self.count {
            let count = number("keep_alive.count", count)?;
            let probes = TcpKeepalive::new().with_retries(count);
            named("keep_alive.count", socket.set_tcp_keepalive(&probes))?;
        }
        Ok(())
    }
}

/// A number as the kernel takes it: a C `int` of 1 or more. Zero is refused, because it means the default
/// for some of the options.
fn number(option: &str, value: impl TryInto<i32>) -> Result<u32, Error> {
    match value.try_into() {
        Ok(value @ 1..) => Ok(value.unsigned_abs()),
        Ok(_) => Err(invalid(format!("`{option}` must be more than zero"))),
        Err(_) => Err(invalid(format!(
            "`{option}` is more than the operating system takes"
        ))),
    }
}

/// Rounds up to whole seconds.
fn seconds(option: &str, time: Duration) -> Result<Duration, Error> {
    let seconds = time.as_nanos().div_ceil(1_000_000_000);
    number(option, seconds).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Names the option in the error of a system call.
pub(crate) fn named(option: &str, result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|error| {
        let (kind, message) = match Errno::from_io_error(&error) {
            Some(Errno::NOPROTOOPT | Errno::OPNOTSUPP) => (
                ErrorKind::Io(io::ErrorKind::Unsupported),
                format!("the operating system does not support `{option}`"),
            ),
            Some(Errno::INVAL | Errno::DOM) => (
                ErrorKind::InvalidInput,
                format!("`{option}` has a value that the operating system refuses"),
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

/// The address family of a socket.
pub(crate) fn domain_of(socket: &Socket) -> Result<Domain, Error> {
    Ok(socket.local_addr()?.domain())
}
