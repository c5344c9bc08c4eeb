//! Waits on descriptors that another thread can end.
//!
//! A thread that is blocked in `read` cannot be called back. So the threads of a stream never
//! block in one: they poll the descriptor together with a second one, that an [`Interrupt`] writes
//! to, and only then read what is known to be there.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cancel::{Cancel, Interrupt};
use crate::chunk::Batch;
use crate::error::{Error, ErrorKind};
use crate::pool::Pool;
use crate::sink::{Sink, retry, write_vectored};
use crate::source::{Source, read_chunk};

/// A descriptor that is readable from the moment it is woken.
///
/// If there is none to be had, the first wait says so: what owns a waker can be made without fail.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Result<Arc<WakeFd>, Error>);

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct WakeFd(OwnedFd);

#[cfg(target_os = "linux")]
impl WakeFd {
    fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};

        Ok(Self(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    fn wake(&self) {
        // It fails only when the count is at its maximum, and then it is readable.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// A pipe does the same at the price of a second descriptor.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct WakeFd(io::PipeReader, io::PipeWriter);

#[cfg(not(target_os = "linux"))]
impl WakeFd {
    fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Self(reader, writer))
    }

    fn wake(&self) {
        // It fails only when the pipe is full, and then it is readable.
        let _ = (&self.1).write(&[1]);
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a thread waits for on a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready {
    ToRead,
    ToWrite,
}

impl Waker {
    pub(crate) fn new() -> Self {
        Self(WakeFd::new().map(Arc::new).map_err(Error::from))
    }

    pub(crate) fn interrupt(&self) -> Option<Interrupt> {
        let fd = Arc::clone(self.0.as_ref().ok()?);
        Some(Interrupt::new(move || fd.wake()))
    }

    /// Makes it readable, for ever.
    pub(crate) fn wake(&self) {
        if let Ok(fd) = &self.0 {
            fd.wake();
        }
    }

    /// What another wait can look at: readable once it is woken.
    pub(crate) fn fd(&self) -> Result<BorrowedFd<'_>, Error> {
        Ok(self.0.as_ref().map_err(Error::clone)?.as_fd())
    }

    /// Waits until `fd` is ready, or has failed, which the call that follows will tell.
    ///
    /// The wait ends then, with a wake, or `within` so long.
    pub(crate) fn wait(
        &self,
        fd: impl AsFd,
        ready: Ready,
        within: Option<Duration>,
    ) -> Result<(), Error> {
        let flags = match ready {
            Ready::ToRead => PollFlags::IN,
            Ready::ToWrite => PollFlags::OUT,
        };
        let wake = self.0.as_ref().map_err(Error::clone)?;
        // A time that cannot be represented is no limit.
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(fd.as_fd(), flags),
                PollFd::new(&**wake, PollFlags::IN),
            ];
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            // One too long for the system is no limit either.
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            let polled = match poll(&mut fds, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled.map_err(io::Error::from)?,
            };
            if !fds[1].revents().is_empty() {
                return Err(Error::interrupted());
            }
            if polled > 0 {
                return Ok(());
            }
            return Err(Error::timed_out(match ready {
                Ready::ToRead => "the peer to send",
                Ready::ToWrite => "the peer to take what was sent",
            }));
        }
    }

    /// Waits for a wake, and fails with it; or comes back after so long.
    pub(crate) fn rest(&self, within: Duration) -> Result<(), Error> {
        let wake = self.0.as_ref().map_err(Error::clone)?;
        match self.wait(&**wake, Ready::ToRead, Some(within)) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
            outcome => outcome,
        }
    }
}

/// Wakes a wait that belongs to no stream yet, such as a connect, when its token is used.
pub(crate) struct WakeOnCancel(Option<Interrupt>);

impl WakeOnCancel {
    /// What a token is given to hold; it works for as long as the `Arc` lives.
    pub(crate) fn new(waker: &Waker) -> Arc<Self> {
        Arc::new(Self(waker.interrupt()))
    }

    pub(crate) fn target(self: &Arc<Self>) -> Weak<dyn Cancel> {
        let target: Weak<Self> = Arc::downgrade(self);
        target
    }
}

impl Cancel for WakeOnCancel {
    fn stop(&self) {
        if let Some(interrupt) = &self.0 {
            interrupt.wake();
        }
    }

    fn abort(&self, _cause: &Error) {
        self.stop();
    }

    fn was_stopped(&self) -> bool {
        false
    }
}

/// A pipe, a terminal or a device as a source: everything that `poll` tells something about.
#[derive(Debug)]
pub(crate) struct FdSource<F> {
    file: F,
    name: Cow<'static, str>,
    waker: Waker,
    pool: Pool,
}

impl<F> FdSource<F> {
    pub(crate) fn new(file: F, name: impl Into<Cow<'static, str>>, pool: Pool) -> Self {
        Self {
            file,
            name: name.into(),
            waker: Waker::new(),
            pool,
        }
    }

    pub(crate) fn set_pool(&mut self, pool: Pool) {
        self.pool = pool;
    }

    /// Waits with this waker, which its owner has other uses for.
    pub(crate) fn set_waker(&mut self, waker: Waker) {
        self.waker = waker;
    }
}

impl<F: AsFd> FdSource<F> {
    /// What it reads, and what ends its waits.
    #[cfg(target_os = "linux")]
    pub(crate) const fn parts(&self) -> (&F, &Waker) {
        (&self.file, &self.waker)
    }

    /// Reads what is there, woken or not. A descriptor that does not block is `WouldBlock` when
    /// that is nothing.
    pub(crate) fn read_now(&self) -> io::Result<Option<Bytes>> {
        read_chunk(&self.pool, |room| Ok(rustix::io::read(&self.file, room)?))
    }
}

impl<F: AsFd + Send> Source<Bytes> for FdSource<F> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            self.waker.wait(&self.file, Ready::ToRead, None)?;
            match self.read_now() {
                // Somebody else has read it, or a descriptor that does not block was not ready.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.waker.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}

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
        }
    }

    /// What it writes, if somebody reads that by now, and what ends its waits.
    #[cfg(target_os = "linux")]
    pub(crate) fn parts(&self) -> Option<(&File, &Waker)> {
        Some((self.file.as_ref()?, &self.waker))
    }

    /// The pipe, once somebody reads it.
    fn open(&mut self) -> Result<&mut File, Error> {
        Ok(match &mut self.file {
            Some(file) => file,
            unread => loop {
                match open_to_write(&self.path) {
                    Ok(file) => break unread.insert(file),
                    Err(error) if is_unread(&error) => self.waker.rest(UNREAD_TICK)?,
                    Err(error) => return Err(error.into()),
                }
            },
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
        let (waker, blocks) = (self.waker.clone(), self.blocks);
        let file = self.open()?;
        loop {
            let written = if blocks {
                waker.wait(&*file, Ready::ToWrite, None)?;
                let first = batch.first().map_or(&[][..], |first| first);
                retry(|| file.write(&first[..first.len().min(PIPE_BYTES)]))
            } else {
                write_vectored(batch, |slices| file.write_vectored(slices))
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    waker.wait(&*file, Ready::ToWrite, None)?;
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
        self.waker.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}
