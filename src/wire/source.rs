//! The reading side of a wire.

use std::borrow::Cow;
use std::io;

use bytes::{Bytes, BytesMut};

use super::frame::{DATA_BYTES_MAX, Frame, Role};
use super::framed::{Framed, Received};
use super::receiving::Receiving;
use crate::cancel::Interrupt;
use crate::channel::mark::{HighWaterMark, InBytes, READ_BYTES};
use crate::error::{Error, ErrorKind};
use crate::net::socket::Socket;
use crate::stage::hooks::SourceHooks;
use crate::stage::source::Source;

/// A socket as a [`Source`] whose writer is a [`WireSink`](super::WireSink), in this process or in
/// another.
///
/// Its mark bounds the bytes in flight, wherever they are: sent by the writer, in either kernel, or
/// received here and not read. Bytes that were read count against the mark of the stream that reads.
///
/// A read waits for data, for the end, or for a failure of the writer. The wait ends with an error when
/// the connection closes, with a cancel, or after the idle timeout of the socket. A connection that closes
/// before the end is a [`PrematureClose`](ErrorKind::PrematureClose).
///
/// When everything was read, the source sends that to the writer, whose `finish` waits for it; if reading
/// has failed, it sends the cause, which becomes the error of the writer. In a pipeline, everything was
/// read when the next stage has taken it; if that is the sink, when the sink has finished. A source that is
/// [read](Source::read) by hand sends it when it is dropped, after its end.
///
/// A reader that goes away sends the cause and does not wait until the writer has received it. If the
/// network loses it, the writer finds only that the reader is gone.
#[derive(Debug)]
pub struct WireSource {
    framed: Framed,
    state: Receiving,
    /// A piece of data behind the chunk that was returned last.
    next: Option<Bytes>,
    /// The error of a frame behind it.
    wrong: Option<Error>,
    /// The error of a failed send. The kernel reports a reset once.
    lost: Option<io::Error>,
    /// The last frame was sent.
    closed: bool,
}

/// Smaller pieces are copied into one chunk: a peer that sends single bytes must not cost a chunk for
/// each.
const PIECE_BYTES: usize = 4096;

/// Room for the heads of frames in one receive.
const HEAD_ROOM: usize = 64;

impl WireSource {
    /// Reads from `socket`, which must not have been written to or read from. The writer may send up to
    /// `mark` ahead of what is read here, or one frame if that is 0.
    #[must_use]
    pub fn new(socket: Socket, mark: HighWaterMark<InBytes>) -> Self {
        let high = mark.high_water_mark();
        let most = if high == 0 { DATA_BYTES_MAX } else { high };
        let read_bytes = most.saturating_add(HEAD_ROOM).min(READ_BYTES);
        Self {
            framed: Framed::new(socket, Role::Reader, read_bytes),
            state: Receiving::new(mark),
            next: None,
            wrong: None,
            lost: None,
            closed: false,
        }
    }

    /// How many bytes of data were received.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.state.received()
    }

    /// Takes data out of what was received: a large piece as it is, small ones as one chunk.
    fn gather(&mut self) -> Option<Bytes> {
        let mut small = BytesMut::new();
        while let Some(piece) = self.next_piece() {
            let room = PIECE_BYTES.saturating_sub(small.len());
            if piece.len() <= room {
                small.extend_from_slice(&piece);
            } else if small.is_empty() {
                return Some(piece);
            } else {
                self.next = Some(piece);
                break;
            }
        }
        (!small.is_empty()).then(|| small.freeze())
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        if let Some(piece) = self.next.take() {
            return Some(piece);
        }
        while self.wrong.is_none() {
            match self.next_frame() {
                Ok(Some(Frame::Body(piece))) => return Some(piece),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => self.wrong = Some(error),
            }
        }
        None
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        let frame = self.framed.decode()?;
        if let Some(frame) = &frame {
            self.state.on_frame(frame, self.framed.begins())?;
        }
        Ok(frame)
    }

    /// Sends the last frame: the writer learns how the reading has ended.
    fn send_last(&mut self, frame: &Frame) {
        if !self.closed && self.state.failed().is_none() {
            self.closed = true;
            self.framed.queue(frame);
            // It is so short that the kernel has room for it, even if the writer reads nothing. If it
            // cannot be sent, the writer is gone.
            let _ = self.framed.close(false);
        }
    }
}

/// The error for a writer that is gone and has sent neither an end nor a failure.
fn premature(cause: Option<io::Error>) -> Error {
    match cause {
        Some(cause) => Error::caused(
            ErrorKind::PrematureClose,
            "the writer went away before the end of the stream",
            cause.into(),
        ),
        None => Error::premature_close(),
    }
}

impl Source<Bytes> for WireSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            // The next read shows that the stream had room for the last chunk, so credit for that chunk is
            // granted here, and not when it is returned.
            if let Some(credit) = self.state.grant() {
                self.framed.queue(&Frame::Credit(credit));
            }
            // A writer that is gone may have sent frames before, which are still to be read.
            if let Err(error) = self.framed.flush() {
                self.lost = Some(error);
            }
            if let Some(chunk) = self.gather() {
                self.state.take(chunk.len());
                return Ok(Some(chunk));
            }
            if let Some(error) = self.wrong.take() {
                return Err(error);
            }
            // A clone stays here, so that no stage adds its name to the error of the writer.
            if let Some(cause) = self.state.failed() {
                return Err(cause.clone());
            }
            if self.state.is_ended() {
                return Ok(None);
            }
            match self.framed.receive() {
                Received::Bytes => {}
                Received::Nothing => self.framed.wait(self.framed.has_unsent())?,
                Received::End(cause) => return Err(premature(cause.or_else(|| self.lost.take()))),
            }
        }
    }

    fn fail(&mut self, cause: &Error) {
        self.send_last(&Frame::Closed(cause.clone()));
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.framed.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.framed.name())
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for WireSource {
    fn confirms(&mut self) -> bool {
        true
    }

    fn finish(&mut self) {
        self.send_last(&Frame::Done);
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        self.framed.set_read_bytes(most.saturating_add(HEAD_ROOM));
    }
}

impl Drop for WireSource {
    fn drop(&mut self) {
        if self.state.is_ended() {
            self.send_last(&Frame::Done);
        }
    }
}
