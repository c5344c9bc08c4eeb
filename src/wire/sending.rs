//! What a writer on a wire may say, and what it may be told.

use super::frame::{CREDIT_MAX, DATA_BYTES_MAX, Frame, Role};
use super::refusal;
use crate::error::{Error, ErrorKind};

/// The rules of the writing side. No I/O, lock, thread or clock.
///
/// ```text
///          end            Done
///   Open ------> Ended ---------> Finished
///     |            |
///     +------------+--- Closed ---> Gone
/// ```
///
/// # Invariants
///
/// What was [spent](Self::spend) is never more than what was granted.
#[derive(Debug, Default)]
pub struct Sending {
    credit: u32,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Open,
    /// The end was said, and the reader has not said that it was read.
    Ended,
    /// Everything was read.
    Finished,
    /// The reader has gone away, because of this.
    Gone(Error),
}

impl Sending {
    /// Makes one that has no credit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes may be sent.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.credit
    }

    /// Takes credit for one frame of data, of `wanted` bytes or as many as may be sent now. 0 is
    /// none: the writer has to wait.
    #[must_use = "what is spent has to be sent"]
    pub fn spend(&mut self, wanted: usize) -> u32 {
        if !matches!(self.phase, Phase::Open) {
            return 0;
        }
        let most = u32::try_from(wanted.min(DATA_BYTES_MAX)).unwrap_or(0);
        let spent = most.min(self.credit);
        self.credit -= spent;
        spent
    }

    /// The end is said.
    pub fn end(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Ended;
        }
    }

    /// Says whether nothing was said yet that is the last.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Says whether everything was read.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    /// Why the reader has gone away, if it has said so.
    #[must_use]
    pub const fn closed(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Gone(cause) => Some(cause),
            _ => None,
        }
    }

    /// Hears what the reader says, in a frame that began at a byte of what came in.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) of [`ErrorKind::Io`] for what a reader may
    /// not say, or not now; [`ErrorKind::LimitExceeded`] for more credit than [`CREDIT_MAX`].
    pub fn hear(&mut self, frame: Frame, at: u64) -> Result<(), Error> {
        match (frame, &self.phase) {
            (Frame::Hello(Role::Reader), Phase::Open | Phase::Ended) => {}
            (Frame::Hello(Role::Writer), _) => {
                return Err(refusal("both sides only write", at));
            }
            (Frame::Credit(0), _) => return Err(refusal("a credit of nothing", at)),
            (Frame::Credit(more), Phase::Open | Phase::Ended) => {
                let credit = self.credit.checked_add(more);
                let Some(credit) = credit.filter(|credit| *credit <= CREDIT_MAX) else {
                    let says = format!("a credit of more than {CREDIT_MAX} bytes");
                    return Err(Error::new(ErrorKind::LimitExceeded, says).at(at));
                };
                self.credit = credit;
            }
            (Frame::Done, Phase::Ended) => self.phase = Phase::Finished,
            (Frame::Closed(cause), Phase::Open | Phase::Ended) => self.phase = Phase::Gone(cause),
            _ => return Err(refusal("a frame that a reader may not send now", at)),
        }
        Ok(())
    }
}
