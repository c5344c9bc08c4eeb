//! A relay: two sockets, and what each sends passed on to the other.

mod monitor;
mod report;
mod run;
mod wait;

use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::socket::Socket;
use crate::cancel::CancelToken;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::Error;
use crate::pipeline::report::{Progress, Teller};
use crate::stage::rate::rate;

pub use monitor::{DirectionCounts, RelayCounts, RelayMonitor};
pub use report::{Direction, DirectionEnd, RelayFailure, Relayed};

/// Passes on what each of two sockets sends to the other, until both have ended; see [`Relay`].
///
/// # Errors
///
/// Whatever keeps it from that, with what was moved and what was not.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::Shutdown;
/// use std::os::unix::net::UnixStream;
/// use std::thread;
/// use highwater::net;
///
/// let (mut client, a) = UnixStream::pair()?;
/// let (b, mut server) = UnixStream::pair()?;
/// let relay = thread::spawn(move || net::relay(a, b));
///
/// client.write_all(b"asked")?;
/// client.shutdown(Shutdown::Write)?;
/// let mut got = String::new();
/// server.read_to_string(&mut got)?; // the end was passed on, and the other way is still open
/// server.write_all(b"answered")?;
/// drop(server);
/// got.clear();
/// client.read_to_string(&mut got)?;
/// assert_eq!(got, "answered");
///
/// let relayed = relay.join().unwrap()?;
/// assert_eq!((relayed.a_to_b.confirmed, relayed.b_to_a.confirmed), (5, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// What was not delivered comes back with the error, and a relay fails once.
#[expect(clippy::result_large_err)]
pub fn relay(a: impl Into<Socket>, b: impl Into<Socket>) -> Result<Relayed, RelayFailure> {
    Relay::new(a, b).run()
}

/// Two sockets that are about to be relayed.
///
/// One thread, the caller's, serves both directions: what was read is written at once, and only
/// what the other side does not take is held, up to the high-water mark. A direction that is full
/// stops reading, so that the peer is slowed down by its own system.
///
/// # Ends
///
/// The end of one side is passed on to the other, behind everything that was read, and the other
/// direction goes on until its own end.
///
/// A side that fails, as with a reset, is no end. What had been read from it still goes out, and
/// then the other side is reset as well, so that its peer cannot take what it got for everything.
/// What was meant for the side that failed is given back. A side that only takes no more, because
/// its peer has closed, ends that direction; what it still has to say is passed on first.
///
/// When the relay is ended from outside, by a timeout or an abort, that is at once: what was not
/// delivered is given back, and a side that has not got its end is reset. A Unix socket has no
/// reset. There the peer sees an end, and has to know by other means that it came too early.
#[must_use = "nothing is relayed before `run`"]
pub struct Relay {
    a: Socket,
    b: Socket,
    mark: HighWaterMark<InBytes>,
    idle: Option<Duration>,
    within: Option<Duration>,
    /// How fast each side is read at most, or why that cannot be.
    limit: Result<Option<NonZeroU64>, Error>,
    token: Option<CancelToken>,
    progress: Teller,
}

/// How much each direction holds, if nothing else is said: what a loop that copies into a socket
/// does best with.
const DEFAULT_BYTES: usize = 128 * 1024;

impl Relay {
    /// Prepares to relay two sockets, which may be of different kinds. They are set to send every
    /// write at once.
    pub fn new(a: impl Into<Socket>, b: impl Into<Socket>) -> Self {
        Self {
            a: a.into(),
            b: b.into(),
            mark: HighWaterMark::bytes(DEFAULT_BYTES),
            idle: None,
            within: None,
            limit: Ok(None),
            token: None,
            progress: Teller::default(),
        }
    }

    /// Lets each direction hold so much, in place of 128 KiB. It is held for a direction that
    /// moves, and let go of when nothing came for a second.
    pub const fn high_water_mark(mut self, mark: HighWaterMark<InBytes>) -> Self {
        self.mark = mark;
        self
    }

    /// Fails it when no byte has moved either way for so long. Without, the shorter idle timeout
    /// of the two sockets holds, and if they have none it waits for ever.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    /// Fails it when it has not ended within so long.
    pub const fn deadline(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// Reads no more than so many bytes a second from each side. What a side has not used for a
    /// while it does not get later: in any time there passes at most what the rate gives for it and
    /// for a twentieth of a second more.
    ///
    /// With a `per_second` of 0, at which nothing would ever move, [`run`](Self::run) fails with
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), before anything is read.
    pub fn limit(mut self, per_second: u64) -> Self {
        self.limit = rate(per_second).map(Some);
        self
    }

    /// What tells, from any thread, what it has moved.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use highwater::net::Relay;
    ///
    /// let (mut client, a) = UnixStream::pair()?;
    /// let (b, server) = UnixStream::pair()?;
    /// let relay = Relay::new(a, b);
    /// let monitor = relay.monitor();
    /// assert_eq!(monitor.snapshot().bytes(), 0);
    ///
    /// client.write_all(b"watched")?;
    /// drop(client);
    /// server.shutdown(std::net::Shutdown::Write)?;
    /// relay.run()?;
    /// assert_eq!(monitor.snapshot().a_to_b.confirmed, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn monitor(&self) -> RelayMonitor {
        RelayMonitor::of(&self.a, &self.b)
    }

    /// Puts it under a token: `stop` reads no more and delivers what was read, as if both sides had
    /// ended; `abort` ends it now.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Calls `tell` with what was confirmed, both ways together, no more often than once an
    /// `interval`, and once more at the end. It is called on the thread that runs the relay.
    pub fn progress_every(
        mut self,
        interval: Duration,
        tell: impl FnMut(&Progress) + Send + 'static,
    ) -> Self {
        self.progress = Teller::new(interval, tell);
        self
    }

    /// Relays until both sides have ended.
    ///
    /// The wait ends with that, with a failure of either side, the idle timeout, the deadline or a
    /// cancel.
    ///
    /// # Errors
    ///
    /// The first cause, with the socket and the byte at which it happened, with what was moved and
    /// with what was read and not delivered. The idle timeout and the deadline are
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut).
    #[expect(clippy::result_large_err)]
    pub fn run(self) -> Result<Relayed, RelayFailure> {
        run::RelayRun::new(self, Instant::now()).run()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("a", &self.a)
            .field("b", &self.b)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}
