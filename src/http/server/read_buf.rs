//! The read buffer: what was received on a connection and not parsed yet.
//!
//! Owner: the thread that reads a head. Its memory belongs to the thread and not to the connection, so
//! that an idle connection holds none. There is no lock, and [`ReadBuf::receive`] does not wait.

use std::cell::Cell;
use std::mem;

use bytes::Bytes;

use super::conn::{Conn, Got};
use crate::error::Error;

thread_local! {
    /// The memory that heads are read into.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How many bytes are read at once. That reads pipelined requests with few calls. Larger would cost
/// more than it saves: what comes of a body with its head is copied, and a thread holds the memory for
/// as long as it serves a request.
const READ_BYTES: usize = 8 * 1024;

/// Received bytes, in memory of the thread.
///
/// # Invariants
///
/// `start <= end <= memory.len()`: the bytes in between are not parsed yet.
#[derive(Default)]
pub(in crate::http) struct ReadBuf {
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuf {
    /// Takes the memory of this thread, and copies what was left over before into it.
    pub(in crate::http) fn with(leftover: &[u8]) -> Self {
        // Taken and not borrowed: a handler may run another server on this thread.
        let mut input = Self {
            memory: SCRATCH.take(),
            start: 0,
            end: 0,
        };
        input.put(leftover);
        input
    }

    /// Gives the memory back. Returns a copy of the rest, of exactly its size.
    pub(in crate::http) fn into_rest(self) -> Vec<u8> {
        self.rest().to_vec()
    }

    /// What is not parsed yet.
    pub(in crate::http) fn rest(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    pub(in crate::http) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes the first bytes.
    pub(in crate::http) fn consume(&mut self, bytes: usize) {
        self.start += bytes.min(self.end - self.start);
    }

    /// Takes out the first bytes, at most as many as there are.
    pub(in crate::http) fn take(&mut self, bytes: u64) -> Bytes {
        let rest = self.rest();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(rest.len());
        let taken = Bytes::copy_from_slice(&rest[..bytes]);
        self.consume(bytes);
        taken
    }

    /// Appends bytes.
    pub(in crate::http) fn put(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        let end = self.end + bytes.len();
        self.memory[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }

    /// Receives what is there, and appends it. There may be more if the room was filled.
    pub(in crate::http) fn receive(&mut self, conn: &Conn) -> Result<(Got, More), Error> {
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

/// Whether a read may have left bytes in the socket.
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
