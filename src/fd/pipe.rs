//! A pipe as a sink.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Ready, Waker};
use crate::cancel::Interrupt;
use crate::chunk::Batch;
use crate::error::Error;
use crate::sink::{Sink, retry, write_vectored};

/// A pipe as a sink.
///
/// A pipe that is ready takes a page, and a write of more than that would block for the rest. So
/// it is opened anew, in this process only, to not block; whoever shares the pipe notices nothing.
/// Where that cannot be done a page is written at a time.
#[derive(Debug)]
pub(crate) struct PipeSink {
    /// None is a FIFO that nobody has read so far, and that cannot be opened before.
    file: Option<File>,
    path: PathBuf,
    blocks: bool,
    name: Cow<'static, str>,
    waker: Waker,
    idle: Option<Duration>,
}

/// How often it is looked whether somebody reads a FIFO by now: nothing can be waited on for that.
const UNREAD_TICK: Duration = Duration::from_millis(20);

/// What a pipe that is ready to be written takes without blocking: `PIPE_BUF` of Linux.
const PIPE_BYTES: usize = 4096;

impl PipeSink {
    pub(crate) fn new(pipe: impl AsFd, name: impl Into<Cow<'static, str>>) -> Result<Self, Error> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", pipe.as_fd().as_raw_fd()));
        let (file, blocks) = match open_to_write(&path) {
            Ok(file) => (file, false),
            Err(_) => (File::from(pipe.as_fd().try_clone_to_owned()?), true),
        };
        Ok(Self {
            file: Some(file),
            path,
            blocks,
            name: name.into(),
            waker: Waker::new(),
            idle: None,
        })
    }

    /// One end of a pipe that is nobody else's, so that it may be told not to block.
    pub(crate) fn owned(
        pipe: impl Into<OwnedFd>,
        name: impl Into<Cow<'static, str>>,
        waker: Waker,
    ) -> Result<Self, Error> {
        let pipe = pipe.into();
        rustix::io::ioctl_fionbio(&pipe, true).map_err(io::Error::from)?;
        Ok(Self {
            file: Some(pipe.into()),
            path: PathBuf::new(),
            blocks: false,
            name: name.into(),
            waker,
            idle: None,
        })
    }

    /// A FIFO that nobody reads yet. The first write waits for somebody.
    pub(crate) fn unread(path: &Path, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            file: None,
            path: path.to_owned(),
            blocks: false,
            name: name.into(),
            waker: Waker::new(),
            idle: None,
        }
    }

    /// Waits no longer than that for somebody to take something.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle = Some(timeout);
    }

    /// What it writes, if somebody reads that by now, and what ends its waits.
    #[cfg(target_os = "linux")]
    pub(crate) fn parts(&self) -> Option<(&File, &Waker)> {
        Some((self.file.as_ref()?, &self.waker))
    }

    /// How long it waits for somebody to take something.
    #[cfg(target_os = "linux")]
    pub(crate) const fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// The pipe, once somebody reads it.
    fn open(&mut self) -> Result<&mut File, Error> {
        Ok(match &mut self.file {
            Some(file) => file,
            unread => {
                let deadline = self.idle.and_then(|idle| Instant::now().checked_add(idle));
                loop {
                    match open_to_write(&self.path) {
                        Ok(file) => break unread.insert(file),
                        Err(error) if !is_unread(&error) => return Err(error.into()),
                        Err(_) if deadline.is_some_and(|at| at <= Instant::now()) => {
                            return Err(Error::timed_out("somebody to read the pipe"));
                        }
                        Err(_) => self.waker.rest(UNREAD_TICK)?,
                    }
                }
            }
        })
    }
}

/// Opens a pipe to write without blocking, be it in the opening or later.
fn open_to_write(path: &Path) -> io::Result<File> {
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(nonblock).open(path)
}

/// Says whether a FIFO could not be opened to write because nobody reads it.
pub(crate) fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

impl Sink<Bytes> for PipeSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        // Empty chunks are written by passing them over: nobody is waited for because of them.
        batch.advance(0);
        if batch.is_empty() {
            return Ok(());
        }
        let (waker, blocks, idle) = (self.waker.clone(), self.blocks, self.idle);
        let file = self.open()?;
        loop {
            let written = if blocks {
                waker.wait(&*file, Ready::ToWrite, idle)?;
                let first = batch.first().map_or(&[][..], |first| first);
                retry(|| file.write(&first[..first.len().min(PIPE_BYTES)]))
            } else {
                write_vectored(batch, |slices| file.write_vectored(slices))
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    waker.wait(&*file, Ready::ToWrite, idle)?;
                }
                outcome => {
                    batch.advance(outcome?);
                    return Ok(());
                }
            }
        }
    }

    /// Whoever reads a FIFO shall see its end, also if that is all there is.
    fn finish(&mut self) -> Result<(), Error> {
        self.open().map(drop)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}
