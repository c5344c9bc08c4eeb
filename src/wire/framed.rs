//! One side's connection: frames in, frames out, and a wait that can be ended.

use std::io::{self, IoSlice};

use bytes::Bytes;

use super::decoder::FrameDecoder;
use super::frame::{Frame, Role};
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::net::socket::Socket;
use crate::os::{Ready, Waker};
use crate::stage::buffer_pool::Pool;
use crate::stage::source::{read_chunk, read_pool, shrink};
use crate::state::batch::Batch;

/// A socket with what has come in and was not read, and what is said and was not sent.
///
/// # Invariants
///
/// `out` is a hello and a few frames that are no data: there is never more to be said at once.
#[derive(Debug)]
pub(super) struct Framed {
    socket: Socket,
    waker: Waker,
    decoder: FrameDecoder,
    input: Bytes,
    out: Vec<u8>,
    pool: Pool,
}

/// What a look at the socket has brought.
pub(super) enum Came {
    Bytes,
    Nothing,
    /// The peer has ended, or is gone because of this.
    End(Option<io::Error>),
}

/// How many slices one system call is given.
const SLICES: usize = 64;

/// How often one who leaves at once looks for what has come in.
const LOOKS_MAX: usize = 64;

impl Framed {
    /// Says hello, with the first that is sent. At most `read_bytes` are read at once.
    pub(super) fn new(socket: Socket, role: Role, read_bytes: usize) -> Self {
        // What ends a frame is a small segment, and so is credit. Held back until the last one is
        // confirmed, which the peer's system puts off for 40 ms, each would cost that.
        socket.send_at_once();
        let mut out = Vec::new();
        Frame::Hello(role).encode(&mut out);
        Self {
            socket,
            waker: Waker::new(),
            decoder: FrameDecoder::new(),
            input: Bytes::new(),
            out,
            pool: read_pool(read_bytes),
        }
    }

    /// Reads no more than so many bytes at once.
    pub(super) fn set_read_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }

    /// Takes the next frame out of what has come in.
    pub(super) fn decode(&mut self) -> Result<Option<Frame>, Error> {
        self.decoder.decode(&mut self.input)
    }

    /// Where the frame began that was read last.
    pub(super) const fn begins(&self) -> u64 {
        self.decoder.begins()
    }

    /// Looks whether more has come in, once all is read that had. Does not wait.
    pub(super) fn fill(&mut self) -> Came {
        match read_chunk(&self.pool, |room| self.socket.try_recv(room)) {
            Ok(Some(bytes)) => {
                self.input = bytes;
                Came::Bytes
            }
            Ok(None) => Came::End(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Came::Nothing,
            Err(error) => Came::End(Some(error)),
        }
    }

    /// Says something, once it is [sent](Self::send).
    pub(super) fn say(&mut self, frame: &Frame) {
        frame.encode(&mut self.out);
    }

    /// Says whether something was said that was not sent.
    pub(super) fn has_unsent(&self) -> bool {
        !self.out.is_empty()
    }

    /// Sends what was said, and behind it the first `body` bytes of a batch, as far as the kernel
    /// takes them now. Says how much of the batch was sent.
    pub(super) fn send(&mut self, batch: &Batch<Bytes>, body: usize) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        slices[0] = IoSlice::new(&self.out);
        let mut used = 1;
        let mut left = body;
        for (slot, chunk) in slices[1..].iter_mut().zip(batch.iter()) {
            if left == 0 {
                break;
            }
            let piece = &chunk[..chunk.len().min(left)];
            *slot = IoSlice::new(piece);
            left -= piece.len();
            used += 1;
        }
        let sent = self.socket.try_send(&slices[..used])?;
        let said = sent.min(self.out.len());
        self.out.drain(..said);
        Ok(sent - said)
    }

    /// Sends what was said, as far as the kernel takes it now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.has_unsent() {
            match self.send(&Batch::new(), 0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                outcome => outcome?,
            };
        }
        Ok(())
    }

    /// Waits until more comes in, or, if `unsent`, until the kernel takes more.
    ///
    /// The wait ends then, with a wake, or when nothing has moved for the idle time of the socket.
    pub(super) fn wait(&self, unsent: bool) -> Result<(), Error> {
        let ready = if unsent { Ready::Either } else { Ready::ToRead };
        self.socket.wait(&self.waker, ready)
    }

    /// Sends what was said, ends, and drops what has come in: a socket that is closed with
    /// something to read in it is reset, and what was said last can be lost.
    ///
    /// With `patience` it waits for that, and for the peer to end. The wait ends then, with a wake,
    /// or when nothing has moved for the idle time.
    pub(super) fn leave(&mut self, patience: bool) -> Result<(), Error> {
        let mut ended = false;
        // A peer that never stops must not keep one here who has no patience.
        let mut looks = 0;
        while patience || looks < LOOKS_MAX {
            self.flush()?;
            if !self.has_unsent() && !ended {
                self.socket.end()?;
                ended = true;
            }
            match self.fill() {
                Came::Bytes => looks += 1,
                Came::Nothing if patience => self.wait(self.has_unsent())?,
                Came::Nothing | Came::End(_) => break,
            }
        }
        Ok(())
    }

    pub(super) fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    pub(super) fn name(&self) -> &str {
        self.socket.name()
    }
}
