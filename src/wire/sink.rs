//! The writing side of a wire.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use super::frame::{DATA_BYTES_MAX, Frame, Role};
use super::framed::{Came, Framed};
use super::sending::Sending;
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::net::socket::Socket;
use crate::stage::sink::Sink;
use crate::state::batch::Batch;

/// A socket as a sink whose reader is a [`WireSource`](super::WireSource), in this process or in
/// another.
///
/// A write waits for credit, which the reader gives as it takes what has come, and for room in the
/// kernel. Finishing waits until the reader has read everything. Both waits end as well with the
/// connection, with a cancel, or when nothing has moved for the idle time of the socket. What was
/// written counts as confirmed once the kernel has it; that it was read is what `finish` tells.
///
/// Whatever breaks the stream off here is told to the reader, behind what was sent. What `fail` has
/// told is waited for until the reader has it all and closes, as a finish is. What tears the stream
/// down at once is not: a writer that is stopped in the middle of a frame, or with its socket full,
/// just closes the connection, which the reader does not mistake for an end.
#[derive(Debug)]
pub struct WireSink {
    framed: Framed,
    state: Sending,
    /// How much is still to be sent of the frame whose head was said.
    body: usize,
    /// A write or the finish has failed.
    broken: bool,
}

/// What a reader says is short.
const READ_BYTES: usize = 1024;

impl WireSink {
    /// Writes to `socket`, which nobody has written to or read from.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self {
            framed: Framed::new(socket, Role::Writer, READ_BYTES),
            state: Sending::new(),
            body: 0,
            broken: false,
        }
    }

    /// How many bytes the reader has room for.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.state.credit()
    }

    /// Hears everything that the reader has said. Does not wait.
    fn hear(&mut self) -> Result<(), Error> {
        loop {
            while let Some(frame) = self.framed.decode()? {
                self.state.hear(frame, self.framed.begins())?;
            }
            if self.state.is_finished() {
                return Ok(());
            }
            // A copy stays here: it is the reader's error, and nothing is to be added to it.
            if let Some(cause) = self.state.closed() {
                return Err(cause.clone());
            }
            match self.framed.fill() {
                Came::Bytes => {}
                Came::Nothing => return Ok(()),
                Came::End(cause) => return Err(gone(cause)),
            }
        }
    }

    /// Waits until the reader says something, or there is room for what is unsent.
    fn wait(&mut self) -> Result<(), Error> {
        let unsent = self.body > 0 || self.framed.has_unsent();
        self.framed.wait(unsent)?;
        self.hear()
    }

    /// What is to be told when a send has failed: the reader may have said why before it went.
    fn lost(&mut self, error: io::Error) -> Error {
        match self.hear() {
            Err(cause) if self.state.closed().is_some() => cause,
            _ => gone(Some(error)),
        }
    }

    fn try_write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.hear()?;
        loop {
            if self.body == 0 && !self.begin_frame(batch) {
                // What has no bytes and weighs something is written by passing it over.
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
                    // At the end of a frame, so that a failure that is told finds no half of one.
                    if sent > 0 && self.body == 0 {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(error) => return Err(self.lost(error)),
            }
        }
    }

    /// Begins a frame with as much of the batch as there is credit for. Says whether there is
    /// anything in it.
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
            self.framed.say(&Frame::Data(spent));
            self.body = spent as usize;
        }
        wanted > 0
    }

    fn try_finish(&mut self) -> Result<(), Error> {
        match self.hear() {
            Err(error) if !error.is_enough() => return Err(error),
            // It needs no more, so nothing has to arrive.
            Err(_) => return self.framed.leave(false),
            Ok(()) => {}
        }
        self.state.end();
        self.framed.say(&Frame::End);
        while !self.state.is_finished() {
            if let Err(error) = self.framed.flush() {
                return Err(self.lost(error));
            }
            match self.wait() {
                Err(error) if error.is_enough() => break,
                outcome => outcome?,
            }
        }
        // It has read everything: what the socket says to the end is no matter any more.
        let _ = self.framed.leave(false);
        Ok(())
    }
}

/// A connection whose reader is gone and has not said why.
fn gone(cause: Option<io::Error>) -> Error {
    let says = "the reader went away before the end of the stream";
    match cause {
        Some(cause) => Error::caused(ErrorKind::Closed, says, cause.into()),
        None => Error::new(ErrorKind::Closed, says),
    }
}

impl Sink<Bytes> for WireSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        let outcome = self.try_write(batch);
        self.broken = outcome.is_err();
        outcome
    }

    fn finish(&mut self) -> Result<(), Error> {
        let outcome = self.try_finish();
        self.broken = outcome.is_err();
        outcome
    }

    fn fail(&mut self, cause: &Error) {
        if !self.state.is_open() || self.body > 0 {
            // The reader is gone or has all there is, or waits for the rest of a frame.
            return;
        }
        self.framed.say(&Frame::Fail(cause.clone()));
        // Behind the data, until the reader has it all; but one that does not keep to the rules, or
        // takes nothing, is not waited for again.
        let _ = self.framed.leave(!self.broken);
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.framed.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.framed.name())
    }
}
