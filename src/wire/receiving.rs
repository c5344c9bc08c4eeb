//! What a reader on a wire may say, and what it may be told.

use super::frame::{CREDIT_MAX, DATA_BYTES_MAX, Frame, Role};
use super::refusal;
use crate::channel::mark::{HighWaterMark, InBytes};
use crate::error::{Error, ErrorKind};

/// The rules of the reading side. No I/O, lock, thread or clock.
///
/// Credit is given up to the high-water mark, and given again when what is on its way is down at
/// the low one, and not for each chunk that is taken.
///
/// # Invariants
///
/// Until the end, `owed` (what the writer may still send), what has come and was not taken, and
/// `taken` are together `high`. So what is on its way is never more than that, wherever it is.
#[derive(Debug)]
pub struct Receiving {
    high: u32,
    /// How much is taken before credit is given again.
    step: u32,
    owed: u32,
    /// What was taken and not given as credit yet.
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
    /// Makes one that gives credit up to `mark`. One of 0 has room for one frame.
    #[must_use]
    pub fn new(mark: HighWaterMark<InBytes>) -> Self {
        let bytes = |bytes: usize| u32::try_from(bytes).map_or(CREDIT_MAX, |at| at.min(CREDIT_MAX));
        let (high, low) = match mark.high_water_mark() {
            0 => (bytes(DATA_BYTES_MAX), 0),
            high => (bytes(high), bytes(mark.low_water_mark())),
        };
        Self {
            high,
            // Both can be more than there is credit for, and then be alike.
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

    /// The most that is on its way.
    #[must_use]
    pub const fn high_water_mark(&self) -> u32 {
        self.high
    }

    /// How many bytes have come.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// So many bytes were taken by whoever reads.
    pub fn take(&mut self, bytes: usize) {
        let there = self.high - self.owed - self.taken;
        self.taken += u32::try_from(bytes).unwrap_or(there).min(there);
    }

    /// The credit to be given now, if there is any worth a frame.
    #[must_use = "the writer has to be told"]
    pub fn grant(&mut self) -> Option<u32> {
        if self.taken < self.step || !matches!(self.phase, Phase::Open) {
            return None;
        }
        let granted = std::mem::take(&mut self.taken);
        self.owed += granted;
        Some(granted)
    }

    /// Says whether the end has come.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Why the writer has failed, if it has said so.
    #[must_use]
    pub const fn failed(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Failed(cause) => Some(cause),
            _ => None,
        }
    }

    /// Hears what the writer says, in a frame that began at a byte of what came in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitExceeded`] for more data than there was credit for, which is known before
    /// any of it has come; [`InvalidData`](std::io::ErrorKind::InvalidData) of [`ErrorKind::Io`] for
    /// what a writer may not say, or not now.
    pub fn hear(&mut self, frame: &Frame, at: u64) -> Result<(), Error> {
        match (frame, &self.phase) {
            (Frame::Hello(Role::Writer), Phase::Open) => {}
            (Frame::Hello(Role::Reader), _) => return Err(refusal("both sides only read", at)),
            (Frame::Data(bytes), Phase::Open) => {
                let Some(owed) = self.owed.checked_sub(*bytes) else {
                    let says = format!("{bytes} bytes of data, with a credit of {}", self.owed);
                    return Err(Error::new(ErrorKind::LimitExceeded, says).at(at));
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
