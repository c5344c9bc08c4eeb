//! What a child says on its standard error: drained always, so that it never waits for us.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::Bytes;

use crate::error::Error;
use crate::os::{Polled, Ready, Waker};
use crate::stage::sink::retry;
use crate::state::batch::Batch;
use crate::threads::worker::guard;

/// How much of it is kept for the error: the last of it, which is where a program says why it ends.
pub(super) const TAIL_BYTES: usize = 4096;

/// How much is read at once: what a pipe takes whole (`PIPE_BUF` of Linux), so that what is passed on
/// does not mix with what others write there.
const READ_BYTES: usize = 4096;

/// Where a child's standard error goes, besides into the error.
pub(super) enum Stderr {
    /// Nowhere.
    Kept,
    /// To that of this process.
    Passed(Ours),
    /// Line by line to a closure.
    Told(Lines),
    /// Where the command says. Nothing is kept.
    Left,
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "Kept",
            Self::Passed(_) => "Passed",
            Self::Told(_) => "Told",
            Self::Left => "Left",
        })
    }
}

/// Cuts what comes into lines.
///
/// # Invariants
///
/// Between calls `partial` has no line end in it, and is shorter than [`TAIL_BYTES`]. `cut` is set
/// if a piece of the line that it belongs to has been told.
pub(super) struct Lines {
    partial: Vec<u8>,
    cut: bool,
    tell: Tell,
}

type Tell = Box<dyn FnMut(&[u8]) + Send>;

impl Lines {
    pub(super) fn new(tell: impl FnMut(&[u8]) + Send + 'static) -> Self {
        Self {
            partial: Vec::new(),
            cut: false,
            tell: Box::new(tell),
        }
    }

    fn take(&mut self, said: &[u8]) {
        for piece in said.split_inclusive(|byte| *byte == b'\n') {
            let whole = piece.strip_suffix(b"\n");
            let mut rest = whole.unwrap_or(piece);
            // One that does not end is told in pieces, and not collected for ever.
            while self.partial.len() + rest.len() >= TAIL_BYTES {
                let (piece, after) = rest.split_at(TAIL_BYTES - self.partial.len());
                self.partial.extend_from_slice(piece);
                rest = after;
                self.tell();
                self.cut = true;
            }
            self.partial.extend_from_slice(rest);
            if whole.is_some() {
                // The end of one that was told to its last byte is no empty line.
                if !(self.cut && self.partial.is_empty()) {
                    self.tell();
                }
                self.cut = false;
            }
        }
    }

    fn end(&mut self) {
        if !self.partial.is_empty() {
            self.tell();
        }
    }

    fn tell(&mut self) {
        (self.tell)(&self.partial);
        self.partial.clear();
    }
}

/// The reading end of a child's standard error.
pub(super) struct Drain {
    /// None once it has ended, or if there is none.
    pipe: Option<File>,
    to: Stderr,
    /// The last of it, at most [`TAIL_BYTES`].
    tail: Vec<u8>,
}

impl Drain {
    pub(super) const fn new(pipe: Option<File>, to: Stderr) -> Self {
        Self {
            pipe,
            to,
            tail: Vec::new(),
        }
    }

    /// What to poll, as long as there is anything to come.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads once what is known to be there. Less is passed on once `order` is woken: what would
    /// have to wait then is dropped.
    ///
    /// # Errors
    ///
    /// A panic of the closure that it is told to.
    pub(super) fn read(&mut self, order: &Waker) -> Result<usize, Error> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(0);
        };
        let mut room = [0; READ_BYTES];
        // It does not fail but for a reason that ends it.
        let read = retry(|| pipe.read(&mut room)).unwrap_or(0);
        if read == 0 {
            self.pipe = None;
            return self.end().map(|()| 0);
        }
        let said = &room[..read];
        self.keep(said);
        match &mut self.to {
            Stderr::Passed(ours) => ours.pass(said, order),
            Stderr::Told(lines) => guard(|| {
                lines.take(said);
                Ok(())
            })?,
            Stderr::Kept | Stderr::Left => {}
        }
        Ok(read)
    }

    /// Reads what the child had said when it went, and no more: a child of its own may hold the
    /// pipe, and go on for ever.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(super) fn read_rest(&mut self, order: &Waker) -> Result<(), Error> {
        let there = self
            .pipe
            .as_ref()
            .and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok());
        let mut left = there
            .and_then(|there| usize::try_from(there).ok())
            .unwrap_or(0);
        while left > 0 && self.pipe.is_some() {
            left = left.saturating_sub(self.read(order)?);
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        match &mut self.to {
            Stderr::Told(lines) => guard(|| {
                lines.end();
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, said: &[u8]) {
        let said = &said[said.len().saturating_sub(TAIL_BYTES)..];
        let over = (self.tail.len() + said.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.tail.extend_from_slice(said);
    }

    /// The last that was said.
    pub(super) fn take_tail(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tail)
    }
}

/// The standard error of this process.
#[derive(Default)]
pub(super) struct Ours {
    /// None before the first write, or if it is a file on a disk.
    polled: Option<Polled>,
    looked: bool,
}

impl Ours {
    /// Writes to it what it takes, until the child is to end. If it is closed the bytes are dropped.
    fn pass(&mut self, said: &[u8], order: &Waker) {
        let stderr = rustix::stdio::stderr();
        if !self.looked {
            self.looked = true;
            self.polled = Polled::of(stderr, Ready::ToWrite).unwrap_or_default();
            if let Some(polled) = &mut self.polled {
                polled.set_waker(order.clone());
            }
        }
        let Some(polled) = &mut self.polled else {
            let _ = io::stderr().lock().write_all(said);
            return;
        };
        let mut batch = Batch::new();
        batch.push(Bytes::copy_from_slice(said), said.len());
        while !batch.is_empty() && polled.write(stderr, &mut batch).is_ok() {}
    }
}
