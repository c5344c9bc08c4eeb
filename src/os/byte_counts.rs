//! Counting the bytes of a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes were read and written.
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

/// Counts the bytes of a [`Socket`](crate::net::Socket), from any thread, also after it is closed.
///
/// It does not keep the socket open. A clone counts the same socket.
///
/// # Examples
///
/// ```
/// use highwater::{net, pipeline};
///
/// let listener = net::listen("127.0.0.1:0")?;
/// let socket = net::connect(listener.local_addr()?.to_string()).open()?;
/// let monitor = socket.monitor();
/// pipeline(&b"counted"[..]).to(socket).run()?;
/// assert_eq!((monitor.bytes_read(), monitor.bytes_written()), (0, 7));
/// # Ok::<(), highwater::Error>(())
/// ```
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

    /// How many bytes were read from the socket.
    #[must_use]
    #[doc(alias = "bytesRead")]
    pub fn bytes_read(&self) -> u64 {
        self.moved.read.load(Ordering::Relaxed)
    }

    /// How many bytes the kernel has taken to send. The peer may not have received them yet.
    #[must_use]
    #[doc(alias = "bytesWritten")]
    pub fn bytes_written(&self) -> u64 {
        self.moved.written.load(Ordering::Relaxed)
    }
}
