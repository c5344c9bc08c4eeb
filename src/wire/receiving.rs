//! The rules of a reader: which frames it may send, and which it may receive.

use super::frame::{CREDIT_MAX, DATA_BYTES_MAX, Frame, Role};
use super::refusal;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};

/// The rules of the reading side, without I/O, lock, thread or clock.
///
/// Credit is granted up to the high-water mark, and again when the bytes in flight are at the low-water
/// mark, and not for each chunk that is taken.
///
/// # Invariants
///
/// Until the end, `owed` (what the writer may still send), the bytes received and not taken, and `taken`
/// add up to `high`. So the bytes in flight are never more than that, wherever they are.
#[derive(Debug)]
pub struct Receiving {
    high: u32,
    /// How many bytes are taken before credit is granted again.
    step: u32,
    owed: u32,
    /// Bytes that were taken and not granted again yet.
    taken: u32,
    received: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Open,
    Ended,
    Failed(Error),
}

impl Receiving {
    /// Rules that grant credit up to `mark`. A mark of 0 has room for one frame.
    #[must_use]
    pub fn new(mark: HighWaterMark<InBytes>) -> Self {
        let bytes = |bytes: usize| u32::try_from(bytes).map_or(CREDIT_MAX, |at| at.min(CREDIT_MAX));
        let (high, low) = match mark.high_water_mark() {
            0 => (bytes(DATA_BYTES_MAX), 0),
            high => (bytes(high), bytes(mark.low_water_mark())),
        };
        Self {
            high,
            // Both marks can be above the largest credit, and are equal then.
            step: (high - low).max(1),
            owed: 0,
            taken: high,
            received: 0,
            phase: Phase::Open,
        }
    }

    /// How many bytes the writer may still send.
    #[must_use]
    pub const fn owed(&self) -> u32 {
        self.owed
    }

    /// The largest number of bytes in flight.
    #[must_use]
    pub const fn high_water_mark(&self) -> u32 {
        self.high
    }

    /// How many bytes of data were received.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Counts bytes that the reader has taken.
    pub fn take(&mut self, bytes: usize) {
        let there = self.high - self.owed - self.taken;
        self.taken += u32::try_from(bytes).unwrap_or(there).min(there);
    }

    /// The credit to send now, if there is enough for a frame.
    #[must_use = "the credit must be sent to the writer"]
    pub fn grant(&mut self) -> Option<u32> {
        if self.taken < self.step || !matches!(self.phase, Phase::Open) {
            return None;
        }
        let granted = std::mem::take(&mut self.taken);
        self.owed += granted;
        Some(granted)
    }

    /// Whether the end was received.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// The error of the writer, if it has sent one.
    #[must_use]
    pub const fn failed(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Failed(cause) => Some(cause),
            _ => None,
        }
    }

    /// Handles a frame of the writer, which began at the byte `at` of what was received.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitExceeded`] for more data than there was credit for, before any of it is received;
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) of [`ErrorKind::Io`] for a frame that a writer may
    /// not send, or not in this state.
    pub fn on_frame(&mut self, frame: &Frame, at: u64) -> Result<(), Error> {
        match (frame, &self.phase) {
            (Frame::Hello(Role::Writer), Phase::Open) => {}
            (Frame::Hello(Role::Reader), _) => return Err(refusal("both sides only read", at)),
            (Frame::Data(bytes), Phase::Open) => {
                let Some(owed) = self.owed.checked_sub(*bytes) else {
                    let message = format!("{bytes} bytes of data, with a credit of {}", self.owed);
                    return Err(Error::new(ErrorKind::LimitExceeded, message).at(at));
                };
                self.owed = owed;
            }
            (Frame::Body(piece), Phase::Open) => self.received += piece.len() as u64,
            (Frame::End, Phase::Open) => self.phase = Phase::Ended,
            (Frame::Fail(cause), _) if cause.is_enough() => {
                return Err(refusal("a failure that is none", at));
            }
            (Frame::Fail(cause), Phase::Open) => self.phase = Phase::Failed(cause.clone()),
            _ => return Err(refusal("a frame that a writer may not send now", at)),
        }
        Ok(())
    }
}
