//! Counting what a relay has moved, from any thread.

use crate::net::socket::Socket;
use crate::os::byte_counts::SocketMonitor;

/// How many bytes a relay has moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayCounts {
    /// From the first socket to the second.
    pub a_to_b: DirectionCounts,
    /// From the second socket to the first.
    pub b_to_a: DirectionCounts,
}

impl RelayCounts {
    /// How many bytes were confirmed, in both directions together.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.a_to_b.confirmed + self.b_to_a.confirmed
    }
}

/// How many bytes one direction of a relay has moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectionCounts {
    /// How many bytes were read.
    pub read: u64,
    /// How many of them were confirmed: the kernel has taken them for the other side.
    pub confirmed: u64,
}

/// Counts the bytes of a [`Relay`](super::Relay), from any thread, while it runs and afterwards. A clone
/// counts the same relay.
#[derive(Clone, Debug)]
pub struct RelayMonitor {
    sides: [SocketMonitor; 2],
    /// What the sockets had moved before the relay.
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

    /// The counts so far. Each is exact. They are not all taken at the same moment, but `read` is never
    /// less than `confirmed`.
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
