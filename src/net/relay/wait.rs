//! Waits on both sides of a relay, and on its token.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::Error;
use crate::net::socket::Socket;
use crate::os::wait::CancellableWait;

/// What is waited for on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Interest {
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.read);
        flags.set(PollFlags::OUT, self.write);
        flags
    }
}

/// What a poll has reported of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Readiness {
    /// A read would not block: it returns bytes, the end, or an error.
    pub(super) read: bool,
    /// A write would not block.
    pub(super) write: bool,
    /// The connection is gone, with or without an error.
    pub(super) hung: bool,
}

impl Readiness {
    fn of(events: PollFlags) -> Self {
        let hung = events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        Self {
            read: hung || events.contains(PollFlags::IN),
            write: hung || events.contains(PollFlags::OUT),
            hung,
        }
    }
}

/// What has ended a wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum WakeReason {
    Ready([Readiness; 2]),
    /// The token was used.
    Token,
    /// The time is up.
    Late,
}

/// Waits until a side is ready for what is wanted of it.
///
/// The wait ends with that, when the token is used, or after `within`. A side of which nothing is
/// wanted still ends the wait when it fails, unless it is `hung_up` and that was handled already.
pub(super) fn wait(
    sides: [&Socket; 2],
    interests: [Interest; 2],
    hung_up: [bool; 2],
    cancel: Option<&CancellableWait>,
    within: Option<Duration>,
) -> Result<WakeReason, Error> {
    let deadline = within.and_then(|within| Instant::now().checked_add(within));
    // A side that hung up is reported by every poll, which would then never wait: the other side
    // takes its place. If both have, the wait is for the time and the token.
    let left_out = [0, 1].map(|side| hung_up[side] && interests[side].is_none());
    let place = |side: usize| match left_out[side] {
        true => PollFd::new(sides[1 - side], PollFlags::empty()),
        false => PollFd::new(sides[side], interests[side].flags()),
    };
    let wake = match cancel {
        Some(cancel) => cancel.waker.fd()?,
        None => sides[0].as_fd(),
    };
    let mut fds = [
        place(0),
        place(1),
        PollFd::from_borrowed_fd(wake, PollFlags::IN),
    ];
    let first = if left_out == [true, true] { 2 } else { 0 };
    let end = if cancel.is_some() { 3 } else { 2 };
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // A time too long for the kernel is no limit.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds[first..end], timeout.as_ref()) {
            Err(Errno::INTR) => continue,
            Ok(0) => return Ok(WakeReason::Late),
            polled => polled.map_err(io::Error::from)?,
        };
        if cancel.is_some() && !fds[2].revents().is_empty() {
            return Ok(WakeReason::Token);
        }
        return Ok(WakeReason::Ready([0, 1].map(|side| match left_out[side] {
            true => Readiness::default(),
            false => Readiness::of(fds[side].revents()),
        })));
    }
}
