//! The rules of a writer: which frames it may send, and which it may receive.

use super::frame::{CREDIT_MAX, DATA_BYTES_MAX, Frame, Role};
use super::refusal;
use crate::error::{Error, ErrorKind};

/// The rules of the writing side, without I/O, lock, thread or clock.
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
/// The credit that was [spent](Self::spend) is never more than the credit that was granted.
#[derive(Debug, Default)]
pub struct Sending {
    credit: u32,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Open,
    /// The end was sent, and the reader has not read it yet.
    Ended,
    /// Everything was read.
    Finished,
    /// The reader is gone, with this cause.
    Gone(Error),
}

impl Sending {
    /// Rules of a writer without credit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes may be sent now.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.credit
    }

    /// Takes credit for one frame of data: of `wanted` bytes, or of as many as may be sent now. With 0 the
    /// writer must wait.
    #[must_use = "the bytes whose credit is spent must be sent"]
    pub fn spend(&mut self, wanted: usize) -> u32 {
        if !matches!(self.phase, Phase::Open) {
            return 0;
        }
        let most = u32::try_from(wanted.min(DATA_BYTES_MAX)).unwrap_or(0);
        let spent = most.min(self.credit);
        self.credit -= spent;
        spent
    }

    /// The end is sent.
    pub fn end(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Ended;
        }
    }

    /// Whether the last frame was not sent yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether the reader has read everything.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    /// Why the reader is gone, if it has sent the cause.
    #[must_use]
    pub const fn closed(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Gone(cause) => Some(cause),
            _ => None,
        }
    }

    /// Handles a frame of the reader, which began at the byte `at` of what was received.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) of [`ErrorKind::Io`] for a frame that a reader may
    /// not send, or not in this state; [`ErrorKind::LimitExceeded`] for more credit than [`CREDIT_MAX`].
    pub fn on_frame(&mut self, frame: Frame, at: u64) -> Result<(), Error> {
        match (frame, &self.phase) {
            (Frame::Hello(Role::Reader), Phase::Open | Phase::Ended) => {}
            (Frame::Hello(Role::Writer), _) => {
                return Err(refusal("both sides only write", at));
            }
            (Frame::Credit(0), _) => return Err(refusal("a credit of nothing", at)),
            (Frame::Credit(more), Phase::Open | Phase::Ended) => {
                let credit = self.credit.checked_add(more);
                let Some(credit) = credit.filter(|credit| *credit <= CREDIT_MAX) else {
                    let message = format!("a credit of more than {CREDIT_MAX} bytes");
                    return Err(Error::new(ErrorKind::LimitExceeded, message).at(at));
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
