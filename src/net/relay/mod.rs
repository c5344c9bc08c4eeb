//! A relay: passes on what each of two sockets sends to the other.

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

/// Passes on what each of two sockets sends to the other, until both have ended. [`Relay`] has options.
///
/// The call blocks the thread that makes it. The wait ends with the end of both sides, with a failure of
/// either, or with the shorter idle timeout of the two sockets.
///
/// # Errors
///
/// As [`Relay::run`].
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
/// client.write_all(b"request")?;
/// client.shutdown(Shutdown::Write)?;
/// let mut got = String::new();
/// server.read_to_string(&mut got)?; // the end was passed on; the other direction is still open
/// server.write_all(b"response")?;
/// drop(server);
/// got.clear();
/// client.read_to_string(&mut got)?;
/// assert_eq!(got, "response");
///
/// let relayed = relay.join().unwrap()?;
/// assert_eq!((relayed.a_to_b.confirmed, relayed.b_to_a.confirmed), (7, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// What was not delivered comes back with the error, and a relay fails once.
#[expect(clippy::result_large_err)]
#[doc(alias = "pipe")]
pub fn relay(a: impl Into<Socket>, b: impl Into<Socket>) -> Result<Relayed, RelayFailure> {
    Relay::new(a, b).run()
}

/// Builder for a relay of two sockets.
///
/// One thread, that of the caller, serves both directions. Bytes that were read are written at once, and
/// only bytes that the other side does not take are held, up to the high-water mark. A direction that is
/// full stops reading, so that its peer blocks too.
///
/// # Ends
///
/// The end of one side is passed on to the other, behind everything that was read. The other direction
/// goes on until its own end.
///
/// A side that fails, such as by a reset, is not an end. Bytes that were read from it still go out, and
/// then the other side is reset as well, so that its peer cannot take them for the whole. Bytes for the
/// side that failed are returned in the [`RelayFailure`]. A side that takes no more bytes, because its
/// peer has closed, ends that direction; bytes that it still sends are passed on first.
///
/// A timeout or an abort ends the relay at once: bytes that were not delivered are returned, and a side
/// that has not got its end is reset. A Unix socket has no reset: there the peer reads an end, and must
/// know by other means that it came too early.
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
    progress: Teller<'static>,
}

/// How many bytes each direction holds by default: the size at which a loop that copies into a socket is
/// fastest.
const DEFAULT_BYTES: usize = 128 * 1024;

impl Relay {
    /// Prepares to relay two sockets, which may be of different kinds, and turns Nagle's algorithm off on
    /// both. [`run`](Self::run) relays.
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

    /// Sets how many bytes each direction may hold. The default is 128 KiB. A direction in which no byte
    /// has moved for a second frees its memory.
    #[doc(alias = "highWaterMark")]
    pub const fn high_water_mark(mut self, mark: HighWaterMark<InBytes>) -> Self {
        self.mark = mark;
        self
    }

    /// Fails the relay when no byte has moved in either direction for this time. By default the shorter
    /// idle timeout of the two sockets holds; without one the relay waits for ever.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    /// Fails the relay when it has not ended after this time.
    pub const fn deadline(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// Limits how many bytes a second are read from each side. A rate that was not used is not saved up:
    /// in any interval at most the bytes of that interval and of a twentieth of a second pass.
    ///
    /// With a `per_second` of 0, [`run`](Self::run) fails with
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) before it reads a byte.
    pub fn limit(mut self, per_second: u64) -> Self {
        self.limit = rate(per_second).map(Some);
        self
    }

    /// A monitor that counts, from any thread, the bytes that the relay has moved.
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
    /// client.write_all(b"counted")?;
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

    /// Ends the relay when `token` is used: `stop` reads no more and delivers what was read, as if both
    /// sides had ended; `abort` ends it at once.
    #[doc(alias = "AbortSignal")]
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Calls `on_progress` with the bytes confirmed in both directions together, at most once an
    /// `interval`, and once more at the end. It runs on the thread that runs the relay.
    pub fn progress_every(
        mut self,
        interval: Duration,
        on_progress: impl FnMut(&Progress) + Send + 'static,
    ) -> Self {
        self.progress = Teller::new(interval, on_progress);
        self
    }

    /// Relays until both sides have ended. Blocks the thread that calls it.
    ///
    /// The wait ends with that, with a failure of either side, the idle timeout, the deadline or a
    /// cancel.
    ///
    /// # Errors
    ///
    /// The first cause, in a [`RelayFailure`] with the counts and with the bytes that were read and not
    /// delivered:
    ///
    /// - [`ErrorKind::Io`](crate::ErrorKind::Io) if a read or a write fails, such as by a reset. The error
    ///   names the socket and the byte.
    /// - [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) after the idle timeout or the deadline.
    /// - [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) after an abort.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a [limit](Self::limit) of 0.
    /// - [`ErrorKind::Panicked`](crate::ErrorKind::Panicked) if `on_progress` panics.
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
