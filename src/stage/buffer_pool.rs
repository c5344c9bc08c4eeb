//! Recycled buffers: a source reads into the buffers whose chunks were dropped.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

/// Buffers of one size, and a bounded number of them that are kept for reuse.
///
/// A [`Buffer`] is filled, frozen into [`Bytes`], and comes back when the last slice of those is
/// dropped, on whichever thread that happens. Buffers beyond `kept` are freed.
#[derive(Clone)]
pub struct Pool {
    bytes: usize,
    home: Arc<Home>,
}

/// Where the buffers of a pool wait for reuse. It grows as they come back.
struct Home {
    kept: usize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// Makes a pool of buffers of `bytes` bytes each, of which at most `kept` wait for reuse.
    ///
    /// It allocates a buffer, whole, when one is taken and none waits. Its memory at rest is at
    /// most `bytes` times `kept`, and no more than the buffers that came back: `kept` is a bound.
    #[must_use]
    pub fn new(bytes: usize, kept: usize) -> Self {
        Self {
            bytes: bytes.max(1),
            home: Arc::new(Home {
                kept: kept.max(1),
                spare: Mutex::default(),
            }),
        }
    }

    /// Takes an empty buffer. Never waits.
    #[must_use]
    pub fn take(&self) -> Buffer {
        let spare = self.home.spare.lock().pop();
        Buffer {
            memory: spare.unwrap_or_else(|| vec![0; self.bytes]),
            filled: 0,
            home: Arc::downgrade(&self.home),
        }
    }

    /// How large each buffer is, in bytes.
    #[must_use]
    pub const fn buffer_bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("bytes", &self.bytes)
            .field("spare", &self.home.spare.lock().len())
            .finish_non_exhaustive()
    }
}

/// A buffer out of a [`Pool`], on its way to become a chunk.
///
/// # Invariants
///
/// `filled <= memory.len()`. The memory was initialised when it was allocated, and is not again.
pub struct Buffer {
    memory: Vec<u8>,
    filled: usize,
    home: Weak<Home>,
}

impl Buffer {
    /// Copies as much of `data` as there is room for. Returns how much that was.
    #[inline]
    pub fn copy_from(&mut self, data: &[u8]) -> usize {
        let room = &mut self.memory[self.filled..];
        let copied = data.len().min(room.len());
        room[..copied].copy_from_slice(&data[..copied]);
        self.filled += copied;
        copied
    }

    /// The part that nothing was put into yet.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.filled..]
    }

    /// Counts the first `bytes` of the [`room`](Self::room) as filled.
    ///
    /// # Panics
    ///
    /// If there is less room: a `Read` that claims more than its buffer holds is broken.
    pub fn fill(&mut self, bytes: usize) {
        assert!(
            bytes <= self.memory.len() - self.filled,
            "more was filled than there is room"
        );
        self.filled += bytes;
    }

    /// How many bytes were put in.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Returns whether nothing was put in.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Returns whether nothing more goes in.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.filled == self.memory.len()
    }

    /// Makes a chunk of it, without copying, unless so little was put in that a copy is cheaper
    /// than to hold a whole buffer for it.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        // A slow source that fills a hundredth of each buffer must not make a mark of 64 KiB hold
        // megabytes: what counts against the mark are the bytes that were put in. So memory is at
        // most twice what is counted.
        if self.filled <= self.memory.len() / 2 {
            return Bytes::copy_from_slice(&self.memory[..self.filled]);
        }
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // One that finds no room in the pool, or no pool, is freed.
        let Some(home) = self.home.upgrade() else {
            return;
        };
        let mut spare = home.spare.lock();
        if spare.len() < home.kept {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("filled", &self.filled)
            .field("bytes", &self.memory.len())
            .finish_non_exhaustive()
    }
}
