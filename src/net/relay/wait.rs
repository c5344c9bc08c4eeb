//! Waits on both sides of a relay, and on whoever wants to end it.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::net::socket::Socket;
use crate::os::{WakeOnCancel, Waker};

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

/// What is so on one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Readiness {
    /// A read will tell something.
    pub(super) read: bool,
    /// A write will tell something.
    pub(super) write: bool,
    /// The connection is gone, be it in peace or not.
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

/// What a wait has ended with.
#[derive(Clone, Copy, Debug)]
pub(super) enum WakeReason {
    Ready([Readiness; 2]),
    /// The token was used.
    Token,
    /// The time was up.
    Late,
}

/// The token of a relay, and what it wakes.
pub(super) struct Orders {
    token: CancelToken,
    waker: Waker,
    /// What the token reaches the waker by.
    _registered: Arc<WakeOnCancel>,
}

/// What a token wants.
pub(super) enum Order {
    Stop,
    Abort(Error),
}

impl Orders {
    pub(super) fn new(token: CancelToken) -> Self {
        let waker = Waker::new();
        let registered = WakeOnCancel::new(&waker);
        token.register(registered.target());
        Self {
            token,
            waker,
            _registered: registered,
        }
    }

    /// Hears what the token wants; its other arm wakes again.
    pub(super) fn hear(&self) -> Order {
        // Before it is looked: what is said from now on wakes anew.
        self.waker.clear();
        self.token.cause().map_or(Order::Stop, Order::Abort)
    }
}

/// Waits until a side is as wanted, the token is used, or `within` so long.
///
/// A side on which nothing is waited for still tells of its failure, unless it was `told` already.
pub(super) fn wait(
    sides: [&Socket; 2],
    interests: [Interest; 2],
    told: [bool; 2],
    orders: Option<&Orders>,
    within: Option<Duration>,
) -> Result<WakeReason, Error> {
    let deadline = within.and_then(|within| Instant::now().checked_add(within));
    // One that hung up says so in every poll, and its wait would never wait: in its place the
    // other one stands a second time. If both have, only the time is waited for.
    let left_out = [0, 1].map(|side| told[side] && interests[side].is_none());
    let place = |side: usize| match left_out[side] {
        true => PollFd::new(sides[1 - side], PollFlags::empty()),
        false => PollFd::new(sides[side], interests[side].flags()),
    };
    let wake = match orders {
        Some(orders) => orders.waker.fd()?,
        None => sides[0].as_fd(),
    };
    let mut fds = [
        place(0),
        place(1),
        PollFd::from_borrowed_fd(wake, PollFlags::IN),
    ];
    let first = if left_out == [true, true] { 2 } else { 0 };
    let end = if orders.is_some() { 3 } else { 2 };
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // One too long for the system is no limit.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds[first..end], timeout.as_ref()) {
            Err(Errno::INTR) => continue,
            Ok(0) => return Ok(WakeReason::Late),
            polled => polled.map_err(io::Error::from)?,
        };
        if orders.is_some() && !fds[2].revents().is_empty() {
            return Ok(WakeReason::Token);
        }
        return Ok(WakeReason::Ready([0, 1].map(|side| match left_out[side] {
            true => Readiness::default(),
            false => Readiness::of(fds[side].revents()),
        })));
    }
}
