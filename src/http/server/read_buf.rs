//! What was read of a connection and not yet understood.

use std::cell::Cell;
use std::mem;

use bytes::Bytes;

use super::conn::{Conn, Got};
use crate::error::Error;

thread_local! {
    /// The memory that heads are read into, one for each thread: a connection that is idle has none.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How much is read at once. A pipeline of requests is then read with few calls, and what comes of
/// a body with its head is copied, which for more would cost more than another call. Nor is it more
/// because a thread has it for as long as it serves a request: a thousand slow ones have a thousand.
const READ_BYTES: usize = 8 * 1024;

/// Bytes in the order in which they came, in memory that is the thread's.
///
/// # Invariants
///
/// `start <= end <= memory.len()`: what is between is not yet understood.
#[derive(Default)]
pub(in crate::http) struct ReadBuf {
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuf {
    /// Takes the memory of this thread, with what was left over before in it.
    pub(in crate::http) fn with(leftover: &[u8]) -> Self {
        // Taken and not borrowed: a handler may serve others, on this very thread.
        let mut input = Self {
            memory: SCRATCH.take(),
            start: 0,
            end: 0,
        };
        input.put(leftover);
        input
    }

    /// Gives the memory back, and what is left in it as a copy that is no larger.
    pub(in crate::http) fn leave(self) -> Vec<u8> {
        self.left().to_vec()
    }

    /// What is not yet understood.
    pub(in crate::http) fn left(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    pub(in crate::http) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first so many bytes were understood.
    pub(in crate::http) fn consume(&mut self, bytes: usize) {
        self.start += bytes.min(self.end - self.start);
    }

    /// Takes out the first so many bytes, or as many as there are.
    pub(in crate::http) fn take(&mut self, bytes: u64) -> Bytes {
        let left = self.left();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(left.len());
        let taken = Bytes::copy_from_slice(&left[..bytes]);
        self.consume(bytes);
        taken
    }

    /// Puts bytes in that come next, when all the others were understood or are before them.
    pub(in crate::http) fn put(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        let end = self.end + bytes.len();
        self.memory[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }

    /// Reads what is there. Says whether there may be more, which is so when the room was filled.
    pub(in crate::http) fn read(&mut self, conn: &Conn) -> Result<(Got, More), Error> {
        self.make_room(READ_BYTES);
        let room = &mut self.memory[self.end..];
        let room_bytes = room.len();
        let got = conn.receive(room)?;
        let Got::Bytes(bytes) = got else {
            return Ok((got, More::No));
        };
        self.end += bytes;
        let more = if bytes == room_bytes {
            More::Maybe
        } else {
            More::No
        };
        Ok((got, more))
    }

    fn make_room(&mut self, bytes: usize) {
        if self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.memory.len() - self.end < bytes {
            self.memory.resize(self.end + bytes, 0);
        }
    }
}

/// Whether a read has left something behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum More {
    No,
    Maybe,
}

impl Drop for ReadBuf {
    fn drop(&mut self) {
        let memory = mem::take(&mut self.memory);
        if !memory.is_empty() {
            SCRATCH.set(memory);
        }
    }
}
