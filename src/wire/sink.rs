//! The writing side of a wire.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use super::frame::{DATA_BYTES_MAX, Frame, Role};
use super::framed::{Framed, Received};
use super::sending::Sending;
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::net::socket::Socket;
use crate::stage::sink::Sink;
use crate::state::batch::Batch;

/// A socket as a [`Sink`] whose reader is a [`WireSource`](super::WireSource), in this process or in
/// another.
///
/// A write waits for credit, which the reader grants as it takes bytes, and for room in the kernel.
/// [`finish`](Sink::finish) waits until the reader has read everything. Both waits end with an error when
/// the connection closes, with a cancel, or after the idle timeout of the socket. Bytes are confirmed once
/// the kernel has taken them; only `finish` confirms that they were read.
///
/// The reader gets the error that ended the stream on this side, behind the data. [`fail`](Sink::fail)
/// waits until the reader has read it and has closed, as `finish` does. An abort does not wait: a writer
/// that is stopped within a frame, or whose socket is full, closes the connection, which the reader takes
/// for a premature close and not for an end.
#[derive(Debug)]
pub struct WireSink {
    framed: Framed,
    state: Sending,
    /// How many bytes are still to be sent of the data frame whose head is queued or sent.
    body: usize,
    /// A write or the finish has failed.
    broken: bool,
}

/// The frames of a reader are short.
const READ_BYTES: usize = 1024;

impl WireSink {
    /// Writes to `socket`, which must not have been written to or read from.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self {
            framed: Framed::new(socket, Role::Writer, READ_BYTES),
            state: Sending::new(),
            body: 0,
            broken: false,
        }
    }

    /// The credit: how many bytes the writer may send now.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.state.credit()
    }

    /// Handles the frames that the reader has sent. Does not block.
    fn read_frames(&mut self) -> Result<(), Error> {
        loop {
            while let Some(frame) = self.framed.decode()? {
                self.state.on_frame(frame, self.framed.begins())?;
            }
            if self.state.is_finished() {
                return Ok(());
            }
            // A clone stays here, so that no stage adds its name to the error of the reader.
            if let Some(cause) = self.state.closed() {
                return Err(cause.clone());
            }
            match self.framed.receive() {
                Received::Bytes => {}
                Received::Nothing => return Ok(()),
                Received::End(cause) => return Err(gone(cause)),
            }
        }
    }

    /// Waits until the reader sends a frame, or the kernel has room for what is unsent.
    fn wait(&mut self) -> Result<(), Error> {
        let unsent = self.body > 0 || self.framed.has_unsent();
        self.framed.wait(unsent)?;
        self.read_frames()
    }

    /// The error for a failed send: the cause that the reader has sent before it went away, if it has.
    fn lost(&mut self, error: io::Error) -> Error {
        match self.read_frames() {
            Err(cause) if self.state.closed().is_some() => cause,
            _ => gone(Some(error)),
        }
    }

    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.read_frames()?;
        loop {
            if self.body == 0 && !self.begin_frame(batch) {
                // A batch of empty chunks: there is nothing to send.
                batch.advance(0);
                return Ok(());
            }
            if self.body == 0 && !self.framed.has_unsent() {
                self.wait()?;
                continue;
            }
            match self.framed.send(batch, self.body) {
                Ok(sent) => {
                    batch.advance(sent);
                    self.body -= sent;
                    // Only at the end of a frame, so that a `fail` can follow as a frame.
                    if sent > 0 && self.body == 0 {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(error) => return Err(self.lost(error)),
            }
        }
    }

    /// Begins a data frame with as many bytes of the batch as there is credit for. Returns whether the
    /// batch has any bytes.
    fn begin_frame(&mut self, batch: &Batch<Bytes>) -> bool {
        let mut wanted = 0;
        for chunk in batch.iter() {
            wanted += chunk.len();
            if wanted >= DATA_BYTES_MAX {
                break;
            }
        }
        let spent = self.state.spend(wanted);
        if spent > 0 {
            self.framed.queue(&Frame::Data(spent));
            self.body = spent as usize;
        }
        wanted > 0
    }

    fn try_finish(&mut self) -> Result<(), Error> {
        match self.read_frames() {
            Err(error) if !error.is_enough() => return Err(error),
            // The reader needs no more, so nothing has to arrive.
            Err(_) => return self.framed.close(false),
            Ok(()) => {}
        }
        self.state.end();
        self.framed.queue(&Frame::End);
        while !self.state.is_finished() {
            if let Err(error) = self.framed.flush() {
                return Err(self.lost(error));
            }
            match self.wait() {
                Err(error) if error.is_enough() => break,
                result => result?,
            }
        }
        // The reader has read everything: an error of the close does not matter.
        let _ = self.framed.close(false);
        Ok(())
    }
}

/// The error for a reader that is gone and has sent no cause.
fn gone(cause: Option<io::Error>) -> Error {
    let message = "the reader went away before the end of the stream";
    match cause {
        Some(cause) => Error::caused(ErrorKind::Closed, message, cause.into()),
        None => Error::new(ErrorKind::Closed, message),
    }
}

impl Sink<Bytes> for WireSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        let written = self.try_write(batch);
        self.broken = written.is_err();
        written
    }

    fn finish(&mut self) -> Result<(), Error> {
        let finished = self.try_finish();
        self.broken = finished.is_err();
        finished
    }

    fn fail(&mut self, cause: &Error) {
        if !self.state.is_open() || self.body > 0 {
            // The reader is gone, or has the end, or waits for the rest of a frame.
            return;
        }
        self.framed.queue(&Frame::Fail(cause.clone()));
        // Waits until the reader has read it; but not if a write or the finish has failed before: then
        // the reader breaks the rules, or takes no bytes.
        let _ = self.framed.close(!self.broken);
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.framed.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.framed.name())
    }
}
