//! The connection of one side: frames in, frames out, and a wait that another thread can end.

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

/// A socket with bytes that were received and not decoded, and frames that are queued and not sent.
///
/// # Invariants
///
/// `out` is at most a hello and a few frames without data, so it is never long.
#[derive(Debug)]
pub(super) struct Framed {
    socket: Socket,
    waker: Waker,
    decoder: FrameDecoder,
    input: Bytes,
    out: Vec<u8>,
    pool: Pool,
}

/// The result of a receive that does not block.
pub(super) enum Received {
    Bytes,
    Nothing,
    /// The peer has ended, or the connection has failed with this error.
    End(Option<io::Error>),
}

/// How many slices one system call takes.
const SLICES: usize = 64;

/// How many receives are made before a close that does not wait.
const RECEIVES_MAX: usize = 64;

impl Framed {
    /// Queues the hello, which is sent with the first frame. One receive returns at most `read_bytes`.
    pub(super) fn new(socket: Socket, role: Role, read_bytes: usize) -> Self {
        // The end of a frame is a small segment, and so is credit. Nagle's algorithm would hold each
        // back until the last segment is acknowledged, which the peer's kernel delays by 40 ms.
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

    /// Sets the largest number of bytes that one receive returns.
    pub(super) fn set_read_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }

    /// Decodes the next frame of what was received.
    pub(super) fn decode(&mut self) -> Result<Option<Frame>, Error> {
        self.decoder.decode(&mut self.input)
    }

    /// The offset of the frame that was decoded last.
    pub(super) const fn begins(&self) -> u64 {
        self.decoder.begins()
    }

    /// Receives what is there, once everything received before is decoded. Does not block.
    pub(super) fn receive(&mut self) -> Received {
        match read_chunk(&self.pool, |room| self.socket.try_recv(room)) {
            Ok(Some(bytes)) => {
                self.input = bytes;
                Received::Bytes
            }
            Ok(None) => Received::End(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
            Err(error) => Received::End(Some(error)),
        }
    }

    /// Queues a frame, to be [sent](Self::send).
    pub(super) fn queue(&mut self, frame: &Frame) {
        frame.encode(&mut self.out);
    }

    /// Whether frames are queued and not sent.
    pub(super) fn has_unsent(&self) -> bool {
        !self.out.is_empty()
    }

    /// Sends the queued frames, and behind them the first `body` bytes of a batch, as far as the kernel
    /// takes them now. Returns how many bytes of the batch were sent.
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
        let queued = sent.min(self.out.len());
        self.out.drain(..queued);
        Ok(sent - queued)
    }

    /// Sends the queued frames, as far as the kernel takes them now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.has_unsent() {
            match self.send(&Batch::new(), 0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(())
    }

    /// Waits until more bytes come, or, if `unsent`, until the kernel takes more.
    ///
    /// The wait ends with that, with a wake, or after the idle timeout of the socket.
    pub(super) fn wait(&self, unsent: bool) -> Result<(), Error> {
        let ready = if unsent { Ready::Either } else { Ready::ToRead };
        self.socket.wait(&self.waker, ready)
    }

    /// Sends the queued frames, closes the writing half, and drops what was received: the kernel resets
    /// a connection that is closed with bytes to read, and the last frame can be lost.
    ///
    /// With `wait` it waits until everything is sent and the peer has ended. The wait ends with that, with
    /// a wake, or after the idle timeout.
    pub(super) fn close(&mut self, wait: bool) -> Result<(), Error> {
        let mut ended = false;
        // Bounded: a peer that never stops sending must not keep a caller that does not wait.
        let mut receives = 0;
        while wait || receives < RECEIVES_MAX {
            self.flush()?;
            if !self.has_unsent() && !ended {
                self.socket.end()?;
                ended = true;
            }
            match self.receive() {
                Received::Bytes => receives += 1,
                Received::Nothing if wait => self.wait(self.has_unsent())?,
                Received::Nothing | Received::End(_) => break,
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
