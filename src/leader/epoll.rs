//! The poller of Linux: epoll with edge-triggered descriptors.
//!
//! A descriptor is added once and reports each edge once, so a round takes no call but the wait. An
//! edge that comes while a task runs is reported to the next leader, and is pending in the task's slot
//! until the task is given back. No lock: the kernel has one. Only `wait` blocks; it ends by a write
//! to `wake`, an eventfd, also if that comes before it begins.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use super::poller::{Poller, READY_MAX, ReadyList};
use super::rules::Key;

/// An epoll with a descriptor that wakes it.
#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
    /// Each write to it is an edge, so it need never be read.
    wake: OwnedFd,
}

/// No task has this number: there are fewer descriptors.
const WAKE: u64 = u64::MAX;

const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Epoll {
    /// # Errors
    ///
    /// If there is no descriptor left, for the process or for the operating system.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edge-triggered, or a wake that is never read would end every wait from then on. An edge
        // that comes before a wait stays until one reports it.
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), edge)?;
        Ok(Self { epoll, wake })
    }
}

impl Poller for Epoll {
    fn add(&self, fd: BorrowedFd<'_>, key: Key) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(key.number());
        Ok(epoll::add(&self.epoll, fd, data, flags)?)
    }

    fn arm(&self, _key: Key) {}

    fn remove(&self, fd: BorrowedFd<'_>, _key: Key) {
        // The kernel forgets a descriptor by itself only when its last duplicate is closed.
        let _ = epoll::delete(&self.epoll, fd);
    }

    fn wait(&self, ready: &mut ReadyList, timeout: Option<Duration>) {
        // The kernel takes no longer one, and the wait may end without a reason.
        let timeout = timeout.map(|timeout| timeout.min(TIMEOUT_MAX));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let nothing = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(WAKE),
        };
        let mut events = [nothing; READY_MAX];
        // It fails only when it is interrupted.
        let count = epoll::wait(&self.epoll, &mut events, timeout.as_ref()).unwrap_or(0);
        // What does not fit is reported by the next wait: the kernel keeps it in its list.
        for event in &events[..count] {
            let Event { flags, data } = *event;
            if data.u64() != WAKE {
                let ends = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
                ready.push(Key::of(data.u64()), flags.intersects(ends));
            }
        }
    }

    fn wake(&self) {
        // It fails only when the count is at its maximum, which takes ages.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}
