//! One direction of a relay: what is read from one side and not yet taken by the other.
//!
//! ```text
//!         received, sent                 sent                  finish
//!   Open ----------------- end(kind) --> Draining(kind) -----------------> Finished(kind)
//!     |                                      |           (nothing is held)
//!     +----------- break_off --> Failed <----+
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::Marks;

/// How a direction ends on the side that it goes to, behind everything that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndKind {
    /// As the end of a stream.
    End,
    /// As a reset: what came is not everything.
    Reset,
}

/// Where a direction is: see the picture at the top of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// More may be read.
    Open,
    /// Nothing more is read; what is held still goes out.
    Draining(EndKind),
    /// Everything that was read went out, and the end behind it.
    Finished(EndKind),
    /// Nothing goes out any more; what is held is given back.
    Failed,
}

/// The rules of one direction of a relay, with the bytes that are on the way.
///
/// It never reads or writes itself: it returns what there is room for and what is to be written,
/// and is passed the result. Two of them make a relay.
///
/// # Invariants
///
/// Between calls:
///
/// 1. It holds at most its high-water mark.
/// 2. What was read is what was confirmed and what is held: nothing else becomes of a byte.
/// 3. A direction that has finished holds nothing.
///
/// # Examples
///
/// ```
/// use highwater::state::{EndKind, Marks, RelayState};
///
/// let mut direction = RelayState::new(Marks::new(4, 0)?);
/// direction.room().copy_from_slice(b"ping");
/// direction.received(4);
/// assert!(!direction.wants_read()); // the mark is reached
///
/// direction.end(EndKind::End);
/// assert_eq!(direction.due(), None); // not before everything went out
/// assert_eq!(direction.held(), [&b"ping"[..], b""]);
/// direction.sent(4);
/// assert_eq!(direction.due(), Some(EndKind::End));
/// direction.finish();
/// assert!(direction.is_over());
/// # Ok::<(), highwater::state::InvalidMarks>(())
/// ```
#[derive(Clone, Debug)]
pub struct RelayState {
    phase: Phase,
    /// A ring; empty before the first byte, and again after a [`rest`](Self::rest). It grows while
    /// the peer is slower, up to the high-water mark.
    memory: Vec<u8>,
    /// Where in the ring the oldest byte is.
    start: usize,
    len: usize,
    marks: Marks,
    /// Whether the high-water mark was reached, and the low one not since.
    is_stalled: bool,
    read: u64,
    confirmed: u64,
}

/// How much is allocated at once, if the mark allows it.
const MEMORY_BYTES: usize = 256 * 1024;

impl RelayState {
    /// Makes a direction that holds at most `marks.high()` bytes, or one byte if that is 0, and
    /// goes on to read at `marks.low()`. It allocates with its first byte, and no more than twice
    /// what it had to hold, or 256 KiB.
    #[must_use]
    pub const fn new(marks: Marks) -> Self {
        Self {
            phase: Phase::Open,
            memory: Vec::new(),
            start: 0,
            len: 0,
            marks,
            is_stalled: false,
            read: 0,
            confirmed: 0,
        }
    }

    const fn high(&self) -> usize {
        // A rendezvous of two sockets needs one byte to pass on.
        if self.marks.high() == 0 {
            1
        } else {
            self.marks.high()
        }
    }

    /// Returns whether more is to be read: it is open, and has not been full since it was last down
    /// at the low-water mark. Without that, a full buffer would be topped up in tiny reads.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.phase == Phase::Open && !self.is_stalled
    }

    /// Returns whether there is something to write.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.len > 0 && self.phase != Phase::Failed
    }

    /// Where to read to: one piece of what is free. Never empty while it
    /// [wants to read](Self::wants_read).
    pub fn room(&mut self) -> &mut [u8] {
        if self.len == self.memory.len() {
            self.grow();
        }
        let size = self.memory.len();
        let end = self.start + self.len;
        if end < size {
            &mut self.memory[end..]
        } else {
            &mut self.memory[end - size..self.start]
        }
    }

    /// Doubles the memory, if the mark allows it.
    fn grow(&mut self) {
        let size = self.len.saturating_mul(2).max(MEMORY_BYTES);
        let size = size.min(self.high());
        if size > self.memory.len() {
            // Zeros of the operating system: pages that are never used cost nothing.
            let mut larger = vec![0; size];
            let [first, second] = self.held();
            larger[..first.len()].copy_from_slice(first);
            larger[first.len()..self.len].copy_from_slice(second);
            (self.memory, self.start) = (larger, 0);
        }
    }

    /// Counts the first `bytes` of the [`room`](Self::room) as read.
    ///
    /// # Panics
    ///
    /// If there is less room, or nothing was to be read any more.
    pub fn received(&mut self, bytes: usize) {
        assert!(self.phase == Phase::Open, "read after the end");
        assert!(
            bytes <= self.room().len(),
            "more was read than there is room"
        );
        self.len += bytes;
        self.read += bytes as u64;
        self.is_stalled |= self.len == self.high();
        self.check();
    }

    /// What is to be written, in order: in two pieces where the ring begins anew.
    #[must_use]
    pub fn held(&self) -> [&[u8]; 2] {
        let first = self.len.min(self.memory.len() - self.start);
        [
            &self.memory[self.start..self.start + first],
            &self.memory[..self.len - first],
        ]
    }

    /// Counts the first `bytes` of what is [held](Self::held) as confirmed.
    ///
    /// # Panics
    ///
    /// If less is held, or nothing was to be written any more.
    pub fn sent(&mut self, bytes: usize) {
        assert!(self.phase != Phase::Failed, "written after a failure");
        assert!(bytes <= self.len, "{bytes} written of {}", self.len);
        self.len -= bytes;
        self.confirmed += bytes as u64;
        // From the front again when it is empty: in one piece, and where the cache is warm.
        self.start = match self.len {
            0 => 0,
            _ => (self.start + bytes) % self.memory.len(),
        };
        self.is_stalled &= self.len > self.marks.low();
        self.check();
    }

    /// Nothing more is read; the end of this kind goes out behind what is held. The first one stays.
    pub fn end(&mut self, kind: EndKind) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining(kind);
        }
        self.check();
    }

    /// The end that is to be passed on now, because everything before it went out.
    #[must_use]
    pub fn due(&self) -> Option<EndKind> {
        match self.phase {
            Phase::Draining(kind) if self.len == 0 => Some(kind),
            _ => None,
        }
    }

    /// The end that was [due](Self::due) was passed on.
    ///
    /// # Panics
    ///
    /// If none was due.
    pub fn finish(&mut self) {
        assert!(self.due().is_some(), "finished before its end");
        if let Phase::Draining(kind) = self.phase {
            self.phase = Phase::Finished(kind);
        }
        self.check();
    }

    /// Nothing goes out any more. One that has finished stays so.
    pub fn break_off(&mut self) {
        if !self.is_over() {
            self.phase = Phase::Failed;
        }
        self.check();
    }

    /// Returns whether it may still be read from: its end was not seen, and it did not fail.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns whether nothing more happens.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished(_) | Phase::Failed)
    }

    /// Returns whether the side that it goes to has got everything, and the end behind it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Finished(EndKind::End)
    }

    /// Returns whether it has memory and no use for it at the moment.
    #[must_use]
    pub fn can_rest(&self) -> bool {
        self.len == 0 && !self.memory.is_empty()
    }

    /// Frees memory that holds nothing: an idle connection should not keep any.
    pub fn rest(&mut self) {
        if self.can_rest() {
            self.memory = Vec::new();
        }
        self.check();
    }

    /// How many bytes are held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether no byte is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes were read.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// How many bytes were written.
    #[must_use]
    pub const fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// What was read and not written, in one piece.
    #[must_use]
    pub fn into_undelivered(self) -> Bytes {
        let mut joined = BytesMut::with_capacity(self.len);
        self.held().into_iter().for_each(|piece| joined.put(piece));
        joined.freeze()
    }

    fn check(&self) {
        debug_assert!(self.len <= self.high());
        debug_assert_eq!(self.read, self.confirmed + self.len as u64);
        debug_assert!(self.len == 0 || !matches!(self.phase, Phase::Finished(_)));
    }
}
