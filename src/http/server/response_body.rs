//! The body of an answer: framed, and sent as it is written.

use std::borrow::Cow;
use std::io::IoSlice;
use std::mem;

use bytes::Bytes;
use http::StatusCode;

use super::response::Sent;
use super::response_writer::ResponseWriter;
use super::trailers::Trailers;
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::http::proto::{BodyPlan, Framing, encode_chunk_head, encode_last_chunk};
use crate::os::Waker;
use crate::stage::sink::{Attempt, Direct, Sink};
use crate::state::batch::Batch;

/// Where the body of an answer goes.
///
/// # Invariants
///
/// 1. What is sent next is, in this order: what is left of `before`, the first `open` bytes of the
///    batch that were not sent, and what is left of `behind`. Only then another chunk is begun.
/// 2. A byte is taken off the batch when the peer can make something of it. So the last one of a
///    chunk stays there, sent, until what closes the chunk was sent too: `ahead` counts it.
pub(in crate::http) struct BodySink {
    /// None once the answer is whole.
    writer: Option<ResponseWriter>,
    /// Wakes it out of a wait for room.
    waker: Waker,
    way: BodyEncoder,
    keep_alive: bool,
    /// What was taken of the body.
    taken: u64,
    before: Vec<u8>,
    /// How much of `before` was sent.
    before_sent: usize,
    open: usize,
    ahead: usize,
    behind: &'static [u8],
    trailers: Option<Trailers>,
    /// What comes behind the body was put into `before`.
    closed: bool,
    /// What the first call tells: the answer could not be begun.
    refused: Option<Error>,
}

/// What becomes of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum BodyEncoder {
    /// It is cut into chunks, and a last one follows.
    Chunked,
    /// It is sent as it is, and there is so much of it.
    Length(u64),
    /// It is sent as it is, until the connection is closed.
    UntilClose,
    /// It is counted, against the length if one was told, and not sent: the request was a HEAD.
    Counted(Option<u64>),
    /// It is refused: the answer has a status that goes without.
    Refused(StatusCode),
}

impl BodyEncoder {
    pub(in crate::http) const fn of(plan: BodyPlan, status: StatusCode) -> Self {
        match (plan.framing(), plan.is_sent()) {
            (Framing::Absent, _) => Self::Refused(status),
            (Framing::Length(length), true) => Self::Length(length),
            (Framing::Length(length), false) => Self::Counted(Some(length)),
            (_, false) => Self::Counted(None),
            (Framing::Chunked, true) => Self::Chunked,
            (Framing::UntilClose, true) => Self::UntilClose,
        }
    }
}

/// How many slices one system call is given.
const SLICES: usize = 64;

const CHUNK_END: &[u8] = b"\r\n";

impl BodySink {
    /// The head is in the outlet, and is sent with the first bytes.
    pub(in crate::http) fn new(
        mut writer: ResponseWriter,
        way: BodyEncoder,
        keep_alive: bool,
        trailers: Option<Trailers>,
    ) -> Self {
        let before = mem::take(&mut writer.head);
        let waker = Waker::new();
        writer.conn.writing.set(Some(waker.interrupt()));
        Self {
            writer: Some(writer),
            waker,
            way,
            keep_alive,
            taken: 0,
            before,
            before_sent: 0,
            open: 0,
            ahead: 0,
            behind: &[],
            trailers,
            closed: false,
            refused: None,
        }
    }

    /// One that takes nothing, because of this.
    pub(in crate::http) fn refused(error: Error) -> Self {
        Self {
            writer: None,
            waker: Waker::new(),
            way: BodyEncoder::UntilClose,
            keep_alive: false,
            taken: 0,
            before: Vec::new(),
            before_sent: 0,
            open: 0,
            ahead: 0,
            behind: &[],
            trailers: None,
            closed: false,
            refused: Some(error),
        }
    }

    pub(in crate::http) const fn sent(&self) -> Sent {
        Sent::new(self.taken)
    }

    /// How much of `wanted` bytes may be written.
    fn admitted(&self, wanted: usize) -> Result<usize, Error> {
        let length = match self.way {
            BodyEncoder::Chunked | BodyEncoder::UntilClose | BodyEncoder::Counted(None) => {
                return Ok(wanted);
            }
            BodyEncoder::Length(length) | BodyEncoder::Counted(Some(length)) => length,
            BodyEncoder::Refused(_) => 0,
        };
        let left = length - self.taken;
        let admitted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        if admitted > 0 || wanted == 0 {
            return Ok(admitted);
        }
        let message = match self.way {
            BodyEncoder::Refused(status) => {
                format!("an answer of status {} has no body", status.as_u16())
            }
            _ => format!("the body is longer than its content-length, {length} bytes"),
        };
        Err(Error::new(ErrorKind::LimitExceeded, message).at(self.taken))
    }

    /// Begins with the front of a batch: as a chunk, where there are chunks.
    fn begin(&mut self, batch: &Batch<Bytes>) -> Result<(), Error> {
        let front = batch.iter().take(SLICES - 2);
        let wanted = front.fold(0, |sum: usize, chunk| sum.saturating_add(chunk.len()));
        self.open = self.admitted(wanted)?;
        if self.way == BodyEncoder::Chunked && self.open > 0 {
            encode_chunk_head(&mut self.before, self.open as u64);
            self.behind = CHUNK_END;
        }
        Ok(())
    }

    /// Sends, with one call, as much as the kernel takes now, and takes it off the batch.
    fn push(&mut self, batch: &mut Batch<Bytes>) -> Result<Attempt, Error> {
        if self.open == 0 && self.ahead == 0 {
            self.begin(batch)?;
            if self.open == 0 {
                // Chunks without a byte are written by passing them over.
                batch.advance(0);
                return Ok(Attempt::Done);
            }
        }
        if matches!(self.way, BodyEncoder::Counted(_)) {
            let counted = mem::take(&mut self.open);
            self.taken += counted as u64;
            batch.advance(counted);
            return Ok(Attempt::Done);
        }
        loop {
            let Some(sent) = self.send(batch)? else {
                return Ok(Attempt::WouldBlock);
            };
            let done = self.account(sent);
            self.taken += done as u64;
            batch.advance(done);
            if done > 0 {
                return Ok(Attempt::Done);
            }
        }
    }

    /// Sends what is next, as far as the kernel takes it now.
    fn send(&mut self, batch: &Batch<Bytes>) -> Result<Option<usize>, Error> {
        let Some(writer) = &mut self.writer else {
            return Err(self.refused.take().unwrap_or_else(Error::ended));
        };
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut put = |slice| {
            slices[used] = IoSlice::new(slice);
            used += 1;
        };
        put(&self.before[self.before_sent..]);
        let (mut skip, mut left) = (self.ahead, self.open);
        for chunk in batch.iter() {
            if left == 0 {
                break;
            }
            let unsent = &chunk[skip.min(chunk.len())..];
            skip -= chunk.len() - unsent.len();
            let piece = &unsent[..unsent.len().min(left)];
            left -= piece.len();
            put(piece);
        }
        put(self.behind);
        writer.begun();
        let sent = writer.conn.send(&slices[..used]);
        match &sent {
            Ok(Some(sent)) => writer.pace.moved(*sent),
            // Whoever waits for room now, it is not the watch of the others.
            Ok(None) => writer.turn.promote_follower(),
            Err(_) => {}
        }
        writer.noted(sent)
    }

    /// Takes note of what was sent. Says how much of the batch is done with that.
    fn account(&mut self, sent: usize) -> usize {
        let before = sent.min(self.before.len() - self.before_sent);
        self.before_sent += before;
        if self.before_sent == self.before.len() {
            self.before.clear();
            self.before_sent = 0;
        }
        let data = (sent - before).min(self.open);
        let behind = sent - before - data;
        self.open -= data;
        self.behind = &self.behind[behind..];
        let there = mem::take(&mut self.ahead) + data;
        if there > 0 && self.open == 0 && !self.behind.is_empty() {
            self.ahead = 1;
        }
        there - self.ahead
    }

    /// Sends, with one call, as much as the kernel takes of what is before the next chunk. Says
    /// whether that was all.
    fn push_before(&mut self) -> Result<Attempt, Error> {
        while !self.before.is_empty() {
            let Some(sent) = self.send(&Batch::new())? else {
                return Ok(Attempt::WouldBlock);
            };
            self.account(sent);
        }
        Ok(Attempt::Done)
    }

    /// Does until it is done what is tried, waiting for room in between.
    fn until_done(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<Attempt, Error>,
    ) -> Result<(), Error> {
        let mut late = None;
        while attempt(self)? == Attempt::WouldBlock {
            let Some(writer) = &mut self.writer else {
                return Err(Error::ended());
            };
            if let Some(late) = late {
                return writer.noted(Err(late));
            }
            let waited = writer
                .conn
                .wait_for_room(&self.waker, &writer.turn, &mut writer.pace);
            late = writer.noted(waited)?;
        }
        Ok(())
    }

    /// Puts what comes behind the body to what is sent next, once.
    fn close(&mut self) -> Result<(), Error> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        if mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        // A HEAD needs no body to be told how long that would be.
        if let BodyEncoder::Length(length) | BodyEncoder::Counted(Some(length)) = self.way {
            if self.taken < length
                && !(self.way == BodyEncoder::Counted(Some(length)) && self.taken == 0)
            {
                let message =
                    format!("the body is shorter than its content-length, {length} bytes");
                return Err(Error::new(ErrorKind::InvalidInput, message).at(self.taken));
            }
        }
        if self.way == BodyEncoder::Chunked {
            let trailers = self.trailers.as_ref().map(Trailers::take);
            encode_last_chunk(&mut self.before, &trailers.unwrap_or_default());
        }
        Ok(())
    }
}

impl Sink<Bytes> for BodySink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.until_done(|sink| sink.push(batch))
    }

    /// Sends the head, if nothing was written so far.
    fn flush(&mut self) -> Result<(), Error> {
        self.until_done(Self::push_before)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.until_done(Self::try_finish)
    }

    fn fail(&mut self, cause: &Error) {
        if let Some(writer) = &mut self.writer {
            writer.cut(cause.clone());
        }
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<Bytes>> {
        Some(self)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        match &self.writer {
            Some(writer) => Cow::Owned(writer.conn.peer().to_owned()),
            None => Cow::Borrowed("response body"),
        }
    }
}

impl Direct<Bytes> for BodySink {
    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<Attempt, Error> {
        self.push(batch)
    }

    fn try_finish(&mut self) -> Result<Attempt, Error> {
        self.close()?;
        if self.push_before()? == Attempt::WouldBlock {
            return Ok(Attempt::WouldBlock);
        }
        if let Some(mut writer) = self.writer.take() {
            // For the next head.
            writer.head = mem::take(&mut self.before);
            writer.finish(self.keep_alive);
        }
        Ok(Attempt::Done)
    }
}
