//! A descriptor as a sink.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{NONBLOCK, Polled, Waker, close};
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::stage::sink::Sink;
use crate::state::batch::Batch;

/// A descriptor as a sink: anything that can be polled.
#[derive(Debug)]
pub(crate) struct FdSink {
    /// `None` for a FIFO that has no reader yet, and so cannot be opened; and after the close.
    fd: Option<Arc<OwnedFd>>,
    /// The path of that FIFO.
    unread: Option<PathBuf>,
    polled: Polled,
    name: Cow<'static, str>,
}

/// How often the open of a FIFO without a reader is tried again: no descriptor reports a reader.
const UNREAD_TICK: Duration = Duration::from_millis(20);

impl FdSink {
    pub(crate) fn new(
        fd: impl Into<OwnedFd>,
        polled: Polled,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            fd: Some(Arc::new(fd.into())),
            unread: None,
            polled,
            name: name.into(),
        }
    }

    /// One end of a pipe that this process alone has, so that `O_NONBLOCK` may be set on it.
    #[cfg(feature = "process")]
    pub(crate) fn owned(
        pipe: impl Into<OwnedFd>,
        name: impl Into<Cow<'static, str>>,
        waker: Waker,
    ) -> Result<Self, Error> {
        let pipe = pipe.into();
        rustix::io::ioctl_fionbio(&pipe, true).map_err(io::Error::from)?;
        Ok(Self::new(pipe, Polled::non_blocking(waker), name))
    }

    /// A FIFO without a reader. The first write waits for a reader.
    pub(crate) fn unread(path: &Path, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            fd: None,
            unread: Some(path.to_owned()),
            polled: Polled::non_blocking(Waker::new()),
            name: name.into(),
        }
    }

    /// A write fails after this time in which the peer took no byte.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.polled.set_idle_timeout(timeout);
    }

    /// Its descriptor, if it is open, and how to wait on it.
    #[cfg(target_os = "linux")]
    pub(crate) fn parts(&self) -> Option<(&Arc<OwnedFd>, &Polled)> {
        Some((self.fd.as_ref()?, &self.polled))
    }

    /// Opens a FIFO once it has a reader.
    ///
    /// The wait ends with that, with a wake, or after the idle timeout.
    fn open(&mut self) -> Result<(), Error> {
        let Some(path) = &self.unread else {
            return Ok(());
        };
        let idle = self.polled.idle();
        let deadline = idle.and_then(|idle| Instant::now().checked_add(idle));
        let fd = loop {
            match open_to_write(path) {
                Ok(file) => break OwnedFd::from(file),
                Err(error) if !is_unread(&error) => return Err(error.into()),
                Err(_) if deadline.is_some_and(|at| at <= Instant::now()) => {
                    return Err(Error::timed_out("a reader of the pipe"));
                }
                Err(_) => self.polled.waker().rest(UNREAD_TICK)?,
            }
        };
        self.fd = Some(Arc::new(fd));
        self.unread = None;
        Ok(())
    }
}

/// Opens a pipe for writing. Neither the open nor a later write blocks.
fn open_to_write(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(NONBLOCK).open(path)
}

/// Says whether a FIFO could not be opened to write because it has no reader.
pub(crate) fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

impl Sink<Bytes> for FdSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        // Empty chunks are written by passing them over: no reader is waited for because of them.
        batch.advance(0);
        if batch.is_empty() {
            return Ok(());
        }
        self.open()?;
        let Some(fd) = &self.fd else {
            return Err(Error::ended());
        };
        self.polled.write(fd.as_fd(), batch)
    }

    /// Closes it, so that the peer sees the end. A FIFO without a reader is waited for with that too.
    fn finish(&mut self) -> Result<(), Error> {
        self.open()?;
        self.polled.let_go();
        match self.fd.take() {
            Some(fd) => close(fd).map_err(|error| Error::from(error).during("close", &self.name)),
            None => Ok(()),
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.polled.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}
