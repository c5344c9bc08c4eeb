//! Counts the bytes of a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes have come and gone.
#[derive(Debug, Default)]
pub(crate) struct ByteCounts {
    read: AtomicU64,
    written: AtomicU64,
}

impl ByteCounts {
    pub(crate) fn count_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// How many bytes have gone through a [`Socket`](crate::net::Socket), while it runs and afterwards.
///
/// It keeps no socket open. A clone looks at the same one.
#[derive(Clone, Debug)]
pub struct SocketMonitor {
    moved: Arc<ByteCounts>,
}

impl SocketMonitor {
    pub(crate) fn of(moved: &Arc<ByteCounts>) -> Self {
        Self {
            moved: Arc::clone(moved),
        }
    }

    /// How many bytes were read from it.
    #[must_use]
    #[doc(alias = "bytesRead")]
    pub fn bytes_read(&self) -> u64 {
        self.moved.read.load(Ordering::Relaxed)
    }

    /// How many bytes the system has taken to send. The peer may not have got them yet.
    #[must_use]
    #[doc(alias = "bytesWritten")]
    pub fn bytes_written(&self) -> u64 {
        self.moved.written.load(Ordering::Relaxed)
    }
}
