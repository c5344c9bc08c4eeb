//! The standard error of a child. It is always drained, so that the child never blocks on it.

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

/// How many bytes are kept for the error: the last ones, where a program reports why it ends.
pub(super) const TAIL_BYTES: usize = 4096;

/// How many bytes are read at once: what a pipe takes as one piece (`PIPE_BUF` of Linux), so that what
/// is forwarded is not mixed with what other processes write there.
const READ_BYTES: usize = 4096;

/// Where the standard error of a child goes. All but `Command` keep the last of it for the error.
pub(super) enum Stderr {
    /// Into the error only.
    Captured,
    /// To the standard error of this process.
    Forwarded(OwnStderr),
    /// To a closure, line by line.
    Lines(Lines),
    /// Where the command sends it. Nothing is kept.
    Command,
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Captured => "Captured",
            Self::Forwarded(_) => "Forwarded",
            Self::Lines(_) => "Lines",
            Self::Command => "Command",
        })
    }
}

/// Cuts the bytes that come into lines, and calls a closure with each.
///
/// # Invariants
///
/// Between calls `partial` has no line end in it, and is shorter than [`TAIL_BYTES`]. `cut` is set if
/// the closure was called with an earlier piece of the same line.
pub(super) struct Lines {
    partial: Vec<u8>,
    cut: bool,
    on_line: OnLine,
}

type OnLine = Box<dyn FnMut(&[u8]) + Send>;

impl Lines {
    pub(super) fn new(on_line: impl FnMut(&[u8]) + Send + 'static) -> Self {
        Self {
            partial: Vec::new(),
            cut: false,
            on_line: Box::new(on_line),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = piece.strip_suffix(b"\n");
            let mut rest = whole.unwrap_or(piece);
            // A line without an end comes in pieces, and is not collected for ever.
            while self.partial.len() + rest.len() >= TAIL_BYTES {
                let (piece, after) = rest.split_at(TAIL_BYTES - self.partial.len());
                self.partial.extend_from_slice(piece);
                rest = after;
                self.emit();
                self.cut = true;
            }
            self.partial.extend_from_slice(rest);
            if whole.is_some() {
                // The end of a line whose last piece was full is no empty line.
                if !(self.cut && self.partial.is_empty()) {
                    self.emit();
                }
                self.cut = false;
            }
        }
    }

    fn end(&mut self) {
        if !self.partial.is_empty() {
            self.emit();
        }
    }

    fn emit(&mut self) {
        (self.on_line)(&self.partial);
        self.partial.clear();
    }
}

/// The end of the pipe that the standard error of a child is read from.
pub(super) struct Drain {
    /// `None` once it has ended, and if the command keeps it.
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

    /// The descriptor to poll, until the end.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads once from a pipe that is ready. Once `stop` is woken, bytes whose forwarding would block
    /// are dropped.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Panicked` if the closure that takes the lines panics.
    pub(super) fn read(&mut self, stop: &Waker) -> Result<usize, Error> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(0);
        };
        let mut room = [0; READ_BYTES];
        // A pipe that cannot be read has ended.
        let read = retry(|| pipe.read(&mut room)).unwrap_or(0);
        if read == 0 {
            self.pipe = None;
            return self.end().map(|()| 0);
        }
        let bytes = &room[..read];
        self.keep(bytes);
        match &mut self.to {
            Stderr::Forwarded(own) => own.forward(bytes, stop),
            Stderr::Lines(lines) => guard(|| {
                lines.push(bytes);
                Ok(())
            })?,
            Stderr::Captured | Stderr::Command => {}
        }
        Ok(read)
    }

    /// Reads what the child had written when it exited, and no more: a process that it has started
    /// may hold the pipe, and write for ever.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(super) fn read_rest(&mut self, stop: &Waker) -> Result<(), Error> {
        let there = self
            .pipe
            .as_ref()
            .and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok());
        let mut left = there
            .and_then(|there| usize::try_from(there).ok())
            .unwrap_or(0);
        while left > 0 && self.pipe.is_some() {
            left = left.saturating_sub(self.read(stop)?);
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        match &mut self.to {
            Stderr::Lines(lines) => guard(|| {
                lines.end();
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let over = (self.tail.len() + bytes.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.tail.extend_from_slice(bytes);
    }

    /// Takes the last bytes that were read.
    pub(super) fn take_tail(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tail)
    }
}

/// The standard error of this process.
#[derive(Default)]
pub(super) struct OwnStderr {
    /// `None` before the first write, and if it is a file on a disk.
    polled: Option<Polled>,
    is_inspected: bool,
}

impl OwnStderr {
    /// Writes `bytes` there. The wait for room ends with `stop`; what is left then is dropped, and so
    /// is everything if it is closed.
    fn forward(&mut self, bytes: &[u8], stop: &Waker) {
        let stderr = rustix::stdio::stderr();
        if !self.is_inspected {
            self.is_inspected = true;
            self.polled = Polled::of(stderr, Ready::ToWrite).unwrap_or_default();
            if let Some(polled) = &mut self.polled {
                polled.set_waker(stop.clone());
            }
        }
        let Some(polled) = &mut self.polled else {
            let _ = io::stderr().lock().write_all(bytes);
            return;
        };
        let mut batch = Batch::new();
        batch.push(Bytes::copy_from_slice(bytes), bytes.len());
        while !batch.is_empty() && polled.write(stderr, &mut batch).is_ok() {}
    }
}
