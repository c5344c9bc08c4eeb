//! The copies: one system call a step, and at most one pipe.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::{copy_file_range, sendfile};
use rustix::io::{Errno, retry_on_intr};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::end::{End, ReadEnd, check, failed};
use crate::error::Error;
use crate::os::Ready;
use crate::stage::copy_path::KernelCall;
use crate::stage::offer::{CopyFailure, CopySide, CopyStep, SliceCopier};
use crate::state::batch::Batch;

/// Waits for one of two ends.
fn wait(from: &mut ReadEnd, to: &mut End, side: CopySide) -> Result<(), Error> {
    match side {
        CopySide::Source => from.wait(),
        CopySide::Sink => to.wait(Ready::ToWrite),
    }
}

/// From a file to a file, or to a socket that does not block.
pub(super) struct OfFile {
    pub(super) from: ReadEnd,
    pub(super) to: End,
    call: KernelCall,
    /// Copies to the first from the second, at most this number of bytes.
    copy: fn(BorrowedFd<'_>, BorrowedFd<'_>, usize) -> rustix::io::Result<usize>,
}

impl OfFile {
    pub(super) fn to_socket(from: ReadEnd, to: End) -> Self {
        Self {
            from,
            to,
            call: KernelCall::Sendfile,
            copy: |to, from, most| sendfile(to, from, None, most),
        }
    }

    pub(super) fn to_file(from: ReadEnd, to: End) -> Self {
        Self {
            from,
            to,
            call: KernelCall::CopyFileRange,
            copy: |to, from, most| copy_file_range(from, None, to, None, most),
        }
    }
}

impl SliceCopier<Bytes> for OfFile {
    fn call(&self) -> KernelCall {
        self.call
    }

    fn step(&mut self, most: usize) -> Result<CopyStep, CopyFailure> {
        check(&self.from, &self.to)?;
        let most = self.from.most(most);
        if most == 0 {
            return Ok(CopyStep::End);
        }
        let Self { from, to, copy, .. } = self;
        match from.read(|from| to.write(|to| copy(to, from, most))) {
            Ok(0) => self.from.ended(),
            Ok(moved) => Ok(CopyStep::Moved(moved)),
            Err(errno) => failed(Some(&self.from), Some(&self.to), errno),
        }
    }

    fn wait(&mut self, side: CopySide) -> Result<(), Error> {
        wait(&mut self.from, &mut self.to, side)
    }
}

/// From or to a pipe.
pub(super) struct Splice {
    pub(super) from: ReadEnd,
    pub(super) to: End,
}

impl SliceCopier<Bytes> for Splice {
    fn call(&self) -> KernelCall {
        KernelCall::Splice
    }

    fn step(&mut self, most: usize) -> Result<CopyStep, CopyFailure> {
        check(&self.from, &self.to)?;
        let most = self.from.most(most);
        if most == 0 {
            return Ok(CopyStep::End);
        }
        if self.from.must_wait() {
            return Ok(CopyStep::Wait(CopySide::Source));
        }
        let Self { from, to } = self;
        let flags = SpliceFlags::NONBLOCK;
        match from.read(|from| to.write(|to| splice(from, None, to, None, most, flags))) {
            Ok(0) => self.from.ended(),
            Ok(moved) => Ok(CopyStep::Moved(moved)),
            Err(Errno::AGAIN) if !self.from.ready => Ok(CopyStep::Wait(CopySide::Source)),
            Err(errno) => failed(Some(&self.from), Some(&self.to), errno),
        }
    }

    fn wait(&mut self, side: CopySide) -> Result<(), Error> {
        wait(&mut self.from, &mut self.to, side)
    }
}

/// From a socket to a socket or a file, through a pipe of its own.
///
/// # Invariants
///
/// There are `held` bytes in the pipe, and `held <= room`. The pipe is filled only when it is
/// empty. So a slow sink blocks its source, and the source is at most a slice ahead.
pub(super) struct SpliceThrough {
    from: ReadEnd,
    to: End,
    filled: OwnedFd,
    drained: OwnedFd,
    held: usize,
    peak: usize,
    room: usize,
}

/// The largest pipe that a user without privileges may make, by the default of Linux.
const PIPE_MAX: usize = 1024 * 1024;

impl SpliceThrough {
    /// Makes the pipe. It holds at most `room` bytes, and fewer if the kernel refuses that size.
    pub(super) fn new(from: ReadEnd, to: End, room: usize) -> Result<Self, Errno> {
        let (drained, filled) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let room = room.min(PIPE_MAX);
        // A pipe that stays small is slower, and as correct.
        let _ = fcntl_setpipe_size(&filled, room);
        Ok(Self {
            from,
            to,
            filled,
            drained,
            held: 0,
            peak: 0,
            room,
        })
    }
}

impl SliceCopier<Bytes> for SpliceThrough {
    fn call(&self) -> KernelCall {
        KernelCall::Splice
    }

    fn step(&mut self, most: usize) -> Result<CopyStep, CopyFailure> {
        check(&self.from, &self.to)?;
        if self.held == 0 {
            if self.from.must_wait() {
                return Ok(CopyStep::Wait(CopySide::Source));
            }
            let most = most.min(self.room);
            let (pipe, flags) = (&self.filled, SpliceFlags::NONBLOCK);
            match self
                .from
                .read(|from| splice(from, None, pipe, None, most, flags))
            {
                Ok(0) => return self.from.ended(),
                Ok(moved) => {
                    self.held = moved;
                    self.peak = self.peak.max(moved);
                }
                Err(errno) => return failed(Some(&self.from), None, errno),
            }
        }
        let (pipe, held) = (&self.drained, self.held);
        let moved = self
            .to
            .write(|to| splice(pipe, None, to, None, held, SpliceFlags::NONBLOCK));
        match moved {
            // The pipe holds bytes, so 0 is an error.
            Ok(0) => failed(None, Some(&self.to), Errno::IO),
            Ok(moved) => {
                self.held -= moved;
                Ok(CopyStep::Moved(moved))
            }
            Err(errno) => failed(None, Some(&self.to), errno),
        }
    }

    fn wait(&mut self, side: CopySide) -> Result<(), Error> {
        wait(&mut self.from, &mut self.to, side)
    }

    fn peak(&self) -> usize {
        self.peak
    }

    fn take_held(&mut self) -> io::Result<Batch<Bytes>> {
        let mut rest = vec![0; self.held];
        let mut filled = 0;
        while filled < rest.len() {
            match retry_on_intr(|| rustix::io::read(&self.drained, &mut rest[filled..]))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        self.held = 0;
        let mut batch = Batch::new();
        if !rest.is_empty() {
            batch.push(Bytes::from(rest), filled);
        }
        Ok(batch)
    }
}
