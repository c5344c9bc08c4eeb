//! What a relay has moved so far, seen from any thread.

use crate::net::socket::Socket;
use crate::os::byte_counts::SocketMonitor;

/// What a relay has moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayCounts {
    /// From the first socket to the second.
    pub a_to_b: DirectionCounts,
    /// From the second socket to the first.
    pub b_to_a: DirectionCounts,
}

impl RelayCounts {
    /// How many bytes were confirmed, both ways together.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.a_to_b.confirmed + self.b_to_a.confirmed
    }
}

/// What one direction of a relay has moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectionCounts {
    /// How many bytes were read.
    pub read: u64,
    /// How many of them the other side has confirmed: its system has taken them.
    pub confirmed: u64,
}

/// Tells, from any thread, what a [`Relay`](super::Relay) is doing, and afterwards what it has
/// done. A clone tells of the same relay.
#[derive(Clone, Debug)]
pub struct RelayMonitor {
    sides: [SocketMonitor; 2],
    /// What the sockets had moved before.
    before: RelayCounts,
}

impl RelayMonitor {
    pub(super) fn of(a: &Socket, b: &Socket) -> Self {
        let mut monitor = Self {
            sides: [a.monitor(), b.monitor()],
            before: RelayCounts::default(),
        };
        monitor.before = monitor.snapshot();
        monitor
    }

    /// What it has moved so far. Each count is exact; they are not all of the same moment, but what
    /// was read is never less than what was confirmed.
    #[must_use]
    pub fn snapshot(&self) -> RelayCounts {
        let [a, b] = &self.sides;
        let direction = |from: &SocketMonitor, to: &SocketMonitor, before: DirectionCounts| {
            // The writes are looked at first: a byte is read before it is written, so `read` is never
            // less than `confirmed`.
            let confirmed = to.bytes_written() - before.confirmed;
            DirectionCounts {
                read: from.bytes_read() - before.read,
                confirmed,
            }
        };
        RelayCounts {
            a_to_b: direction(a, b, self.before.a_to_b),
            b_to_a: direction(b, a, self.before.b_to_a),
        }
    }
}
