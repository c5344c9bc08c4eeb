//! The body of a response: framed, and sent as it is written.
//!
//! Owner: a [`Writable`](crate::Writable), which calls it on the thread that writes as long as the kernel
//! takes the bytes, and else on a thread of its own; never on two at a time, so that there is no lock here.
//! Blocking: `write`, `flush` and `finish` wait for room, within the limits of the server; an abort or an
//! [`Interrupt`] wakes them. The `try_` methods do not wait.

use std::borrow::Cow;
use std::io::IoSlice;
use std::mem;

use bytes::Bytes;
use http::StatusCode;

use super::response_writer::ResponseWriter;
use super::trailers::Trailers;
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::http::proto::{BodyPlan, Framing, encode_chunk_head, encode_last_chunk};
use crate::os::Waker;
use crate::os::stall::WriteStall;
use crate::stage::sink::{Attempt, Direct, Sink};
use crate::state::batch::Batch;

/// What was sent of a body, once all of it was: what [`finish`](crate::Writable::finish) returns for the
/// body of a [`Response`](crate::http::Response).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    bytes: u64,
}

impl Sent {
    /// The length of the body in bytes. What was written in response to a HEAD, and not sent, counts as
    /// well.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The sink of the body.
///
/// # Invariants
///
/// 1. What is sent next is, in this order: the rest of `before`, the first `open` bytes of the batch that
///    were not sent, and the rest of `after`. Only then another chunk is begun.
/// 2. A byte is taken off the batch when the client can use it. So the last byte of a chunk stays in the
///    batch, sent, until the end of the chunk was sent as well: `ahead` counts it.
pub(in crate::http) struct BodySink {
    /// `None` once all of the response was sent.
    writer: Option<ResponseWriter>,
    /// Ends a wait for room.
    waker: Waker,
    encoder: BodyEncoder,
    keep_alive: bool,
    /// How many bytes were taken of the body.
    taken: u64,
    before: Vec<u8>,
    /// How many bytes of `before` were sent.
    before_sent: usize,
    open: usize,
    ahead: usize,
    after: &'static [u8],
    trailers: Option<Trailers>,
    /// What follows the body was put into `before`.
    closed: bool,
    /// The error of the first call, if the response could not be begun.
    rejected: Option<Error>,
}

/// How the body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum BodyEncoder {
    /// In chunks.
    Chunked,
    /// As it is, with this length.
    Length(u64),
    /// As it is, until the connection is closed.
    UntilClose,
    /// It is counted, and compared with the declared length, but not sent: the request was a HEAD.
    Counted(Option<u64>),
    /// It is rejected: a response with this status has no body.
    NoBody(StatusCode),
}

impl BodyEncoder {
    pub(in crate::http) const fn of(plan: BodyPlan, status: StatusCode) -> Self {
        match (plan.framing(), plan.is_sent()) {
            (Framing::Absent, _) => Self::NoBody(status),
            (Framing::Length(length), true) => Self::Length(length),
            (Framing::Length(length), false) => Self::Counted(Some(length)),
            (_, false) => Self::Counted(None),
            (Framing::Chunked, true) => Self::Chunked,
            (Framing::UntilClose, true) => Self::UntilClose,
        }
    }
}

/// How many slices one system call gets.
const SLICES: usize = 64;

const CHUNK_END: &[u8] = b"\r\n";

impl BodySink {
    /// The head is in the writer, and is sent with the first bytes.
    pub(in crate::http) fn new(
        mut writer: ResponseWriter,
        encoder: BodyEncoder,
        keep_alive: bool,
        trailers: Option<Trailers>,
    ) -> Self {
        let before = mem::take(&mut writer.head);
        let waker = Waker::new();
        writer.conn.writing.set(Some(waker.interrupt()));
        Self {
            writer: Some(writer),
            waker,
            encoder,
            keep_alive,
            taken: 0,
            before,
            before_sent: 0,
            open: 0,
            ahead: 0,
            after: &[],
            trailers,
            closed: false,
            rejected: None,
        }
    }

    /// A body that takes nothing: each call fails.
    pub(in crate::http) fn rejected(error: Error) -> Self {
        Self {
            writer: None,
            waker: Waker::new(),
            encoder: BodyEncoder::UntilClose,
            keep_alive: false,
            taken: 0,
            before: Vec::new(),
            before_sent: 0,
            open: 0,
            ahead: 0,
            after: &[],
            trailers: None,
            closed: false,
            rejected: Some(error),
        }
    }

    pub(in crate::http) const fn sent(&self) -> Sent {
        Sent { bytes: self.taken }
    }

    /// How many of `wanted` bytes fit into the declared length.
    fn admitted(&self, wanted: usize) -> Result<usize, Error> {
        let length = match self.encoder {
            BodyEncoder::Chunked | BodyEncoder::UntilClose | BodyEncoder::Counted(None) => {
                return Ok(wanted);
            }
            BodyEncoder::Length(length) | BodyEncoder::Counted(Some(length)) => length,
            BodyEncoder::NoBody(_) => 0,
        };
        let left = length - self.taken;
        let admitted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        if admitted > 0 || wanted == 0 {
            return Ok(admitted);
        }
        let message = match self.encoder {
            BodyEncoder::NoBody(status) => {
                format!("a response of status {} has no body", status.as_u16())
            }
            _ => format!("the body is longer than its content-length, {length} bytes"),
        };
        Err(Error::new(ErrorKind::LimitExceeded, message).at(self.taken))
    }

    /// Begins with the front of a batch: as a chunk, if the body is chunked.
    fn begin(&mut self, batch: &Batch<Bytes>) -> Result<(), Error> {
        let front = batch.iter().take(SLICES - 2);
        let wanted = front.fold(0, |sum: usize, chunk| sum.saturating_add(chunk.len()));
        self.open = self.admitted(wanted)?;
        if self.encoder == BodyEncoder::Chunked && self.open > 0 {
            encode_chunk_head(&mut self.before, self.open as u64);
            self.after = CHUNK_END;
        }
        Ok(())
    }

    /// Sends with one call what the kernel takes now, and takes it off the batch.
    fn push(&mut self, batch: &mut Batch<Bytes>) -> Result<Attempt, Error> {
        if self.open == 0 && self.ahead == 0 {
            self.begin(batch)?;
            if self.open == 0 {
                // Empty chunks need no bytes: they are written when they are taken off.
                batch.advance(0);
                return Ok(Attempt::Done);
            }
        }
        if matches!(self.encoder, BodyEncoder::Counted(_)) {
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

    /// Sends what comes next, as far as the kernel takes it now.
    fn send(&mut self, batch: &Batch<Bytes>) -> Result<Option<usize>, Error> {
        let Some(writer) = &mut self.writer else {
            return Err(self.rejected.take().unwrap_or_else(Error::ended));
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
        put(self.after);
        writer.begin();
        let sent = writer.conn.send(&slices[..used]);
        match &sent {
            Ok(Some(sent)) => writer.rate.moved(*sent),
            // This thread may wait for room next, or a thread that is woken: another one has to serve the
            // other connections.
            Ok(None) => writer.turn.promote_follower(),
            Err(_) => {}
        }
        writer.note(sent)
    }

    /// Accounts for sent bytes. Returns how many bytes of the batch are done.
    fn account(&mut self, sent: usize) -> usize {
        let before = sent.min(self.before.len() - self.before_sent);
        self.before_sent += before;
        if self.before_sent == self.before.len() {
            self.before.clear();
            self.before_sent = 0;
        }
        let data = (sent - before).min(self.open);
        let after = sent - before - data;
        self.open -= data;
        self.after = &self.after[after..];
        let sent_data = mem::take(&mut self.ahead) + data;
        if sent_data > 0 && self.open == 0 && !self.after.is_empty() {
            self.ahead = 1;
        }
        sent_data - self.ahead
    }

    /// Sends what precedes the next chunk, as far as the kernel takes it now.
    fn push_before(&mut self) -> Result<Attempt, Error> {
        while !self.before.is_empty() {
            let Some(sent) = self.send(&Batch::new())? else {
                return Ok(Attempt::WouldBlock);
            };
            self.account(sent);
        }
        Ok(Attempt::Done)
    }

    /// Repeats an attempt until it is done, and waits for room in between.
    fn until_done(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<Attempt, Error>,
    ) -> Result<(), Error> {
        let mut stall = WriteStall::default();
        while attempt(self)? == Attempt::WouldBlock {
            let Some(writer) = &mut self.writer else {
                return Err(Error::ended());
            };
            writer.wait_for_room(&mut stall, Some(&self.waker))?;
        }
        Ok(())
    }

    /// Puts what follows the body into `before`, once.
    fn close(&mut self) -> Result<(), Error> {
        if let Some(error) = self.rejected.take() {
            return Err(error);
        }
        if mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        // The response to a HEAD may declare a length without writing the body.
        if let BodyEncoder::Length(length) | BodyEncoder::Counted(Some(length)) = self.encoder {
            if self.taken < length
                && !(self.encoder == BodyEncoder::Counted(Some(length)) && self.taken == 0)
            {
                let message =
                    format!("the body is shorter than its content-length, {length} bytes");
                return Err(Error::new(ErrorKind::InvalidInput, message).at(self.taken));
            }
        }
        if self.encoder == BodyEncoder::Chunked {
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

    /// Sends the head, if nothing was written yet.
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
            // The next response gets the memory.
            writer.head = mem::take(&mut self.before);
            writer.finish(self.keep_alive);
        }
        Ok(Attempt::Done)
    }
}
