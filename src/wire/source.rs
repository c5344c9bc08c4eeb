//! The reading side of a wire.

use std::borrow::Cow;
use std::io;

use bytes::{Bytes, BytesMut};

use super::frame::{DATA_BYTES_MAX, Frame, Role};
use super::framed::{Came, Framed};
use super::receiving::Receiving;
use crate::cancel::Interrupt;
use crate::channel::mark::{HighWaterMark, InBytes, READ_BYTES};
use crate::error::{Error, ErrorKind};
use crate::net::socket::Socket;
use crate::stage::source::Source;

/// A socket as a source whose writer is a [`WireSink`](super::WireSink), in this process or in
/// another.
///
/// Its mark is what may be on its way from the writer to here, wherever that is: in the writer's
/// hands, in either kernel or in this process. What is handed to its stream is on its way no more,
/// and counts against the mark of that.
///
/// A read waits for data, the end or a failure of the writer. The wait ends as well with the
/// connection, with a cancel, or when nothing has come for the idle time of the socket. A
/// connection that closes before the end is
/// [`PrematureClose`](ErrorKind::PrematureClose).
///
/// Its stream tells it when everything was read, and it tells the writer, whose `finish` waits for
/// that; or why not, and that is the writer's error. In a pipeline it is the next stage that reads,
/// and if that is the sink, everything was written and finished there. One that is
/// [read](Source::read) by hand says so when it is dropped, after its end.
///
/// A reader that goes away says why without waiting for the writer to hear it. Where the network
/// loses that, the writer learns only that its reader is gone.
#[derive(Debug)]
pub struct WireSource {
    framed: Framed,
    state: Receiving,
    /// Data that came behind what was handed out last.
    next: Option<Bytes>,
    /// What is wrong with what came behind it.
    wrong: Option<Error>,
    /// What kept the writer from being told something. The system tells of a reset once.
    lost: Option<io::Error>,
    /// The writer was told how it has ended.
    told: bool,
}

/// Pieces that are smaller are copied into one: a peer that sends single bytes shall not cost a
/// chunk for each.
const PIECE_BYTES: usize = 4096;

/// What stands around the data in one read of small frames.
const HEAD_ROOM: usize = 64;

impl WireSource {
    /// Reads from `socket`, which nobody has written to or read from. The writer may send up to
    /// `mark` ahead of what is taken here, and one frame if that is 0.
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
            told: false,
        }
    }

    /// How many bytes have come.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.state.received()
    }

    /// Takes data out of what has come in: a large piece as it is, small ones as one.
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
            self.state.hear(frame, self.framed.begins())?;
        }
        Ok(frame)
    }

    /// Tells the writer how it has ended.
    fn tell(&mut self, frame: &Frame) {
        if !self.told && self.state.failed().is_none() {
            self.told = true;
            self.framed.say(frame);
            // Whoever does not hear it has gone away himself. It is so short that there is room
            // for it, whatever the writer does not read.
            let _ = self.framed.leave(false);
        }
    }
}

/// A connection whose writer is gone and has said neither that it has ended, nor why not.
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
            // That it is asked for more is how the stream says that there was room for the last: so
            // credit for that is given here, and not when it is handed out.
            if let Some(credit) = self.state.grant() {
                self.framed.say(&Frame::Credit(credit));
            }
            // A writer that is gone may have said something before, which is still to be read.
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
            // A copy stays here: it is the writer's error, and nothing is to be added to it.
            if let Some(cause) = self.state.failed() {
                return Err(cause.clone());
            }
            if self.state.is_ended() {
                return Ok(None);
            }
            match self.framed.fill() {
                Came::Bytes => {}
                Came::Nothing => self.framed.wait(self.framed.has_unsent())?,
                Came::End(cause) => return Err(premature(cause.or_else(|| self.lost.take()))),
            }
        }
    }

    fn confirms(&self) -> bool {
        true
    }

    fn finish(&mut self) {
        self.tell(&Frame::Done);
    }

    fn fail(&mut self, cause: &Error) {
        self.tell(&Frame::Closed(cause.clone()));
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.framed.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.framed.name())
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        self.framed.set_read_bytes(most.saturating_add(HEAD_ROOM));
    }
}

impl Drop for WireSource {
    fn drop(&mut self) {
        if self.state.is_ended() {
            self.tell(&Frame::Done);
        }
    }
}
