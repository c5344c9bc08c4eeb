//! Waits on descriptors that another thread can end.
//!
//! A thread that is blocked in `read` cannot be called back. So the threads of a stream never
//! block in one: they poll the descriptor together with a second one, that an [`Interrupt`] writes
//! to, and only then read what is known to be there.

mod pipe;

use std::borrow::Cow;
use std::io;
#[cfg(not(target_os = "linux"))]
use std::io::Write;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cancel::{Cancel, Interrupt};
use crate::error::{Error, ErrorKind};
use crate::pool::Pool;
use crate::source::{Source, read_chunk};

pub(crate) use pipe::{PipeSink, is_unread};

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
        rustix::io::ioctl_fionbio(&reader, true)?;
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
    Either,
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

    /// Makes it as it was before it was woken.
    pub(crate) fn clear(&self) {
        if let Ok(fd) = &self.0 {
            // It fails only when there is nothing to be read, and then it is as it was.
            let _ = rustix::io::read(&**fd, &mut [0_u8; 8]);
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
            Ready::Either => PollFlags::IN | PollFlags::OUT,
        };
        // A time that cannot be represented is no limit.
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        let mut fds = [
            PollFd::from_borrowed_fd(fd.as_fd(), flags),
            PollFd::from_borrowed_fd(self.fd()?, PollFlags::IN),
        ];
        if poll_until(&mut fds, deadline)? {
            return Ok(());
        }
        Err(Error::timed_out(match ready {
            Ready::ToRead => "the peer to send",
            Ready::ToWrite | Ready::Either => "the peer to take what was sent",
        }))
    }

    /// Waits until some of `fds` can be written, or have failed, and says which. None of them when
    /// the time was up first.
    pub(crate) fn wait_any(
        &self,
        fds: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
    ) -> Result<Vec<usize>, Error> {
        let fds_to_write = fds.iter().copied();
        let mut polled: Vec<_> = fds_to_write
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT))
            .collect();
        polled.push(PollFd::from_borrowed_fd(self.fd()?, PollFlags::IN));
        poll_until(&mut polled, deadline)?;
        let ready = polled.iter().take(fds.len()).enumerate();
        let ready = ready.filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(index, _)| index).collect())
    }

    /// Fails once it was woken. Does not wait.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.rest(Duration::ZERO)
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

/// Waits until one of `fds` is ready, the last of which is that of a wake. Says whether one is, for
/// the time may be up first.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Error> {
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // One too long for the system is no limit either.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let polled = match poll(fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            polled => polled.map_err(io::Error::from)?,
        };
        if fds.last().is_some_and(|wake| !wake.revents().is_empty()) {
            return Err(Error::interrupted());
        }
        return Ok(polled > 0);
    }
}

/// Wakes a wait that belongs to no stream yet, such as a connect, when its token is used.
#[derive(Debug)]
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
    idle: Option<Duration>,
    pool: Pool,
}

impl<F> FdSource<F> {
    pub(crate) fn new(file: F, name: impl Into<Cow<'static, str>>, pool: Pool) -> Self {
        Self {
            file,
            name: name.into(),
            waker: Waker::new(),
            idle: None,
            pool,
        }
    }

    /// Waits no longer than that for something to come.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle = Some(timeout);
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

    /// How long it waits for something to come.
    #[cfg(target_os = "linux")]
    pub(crate) const fn idle(&self) -> Option<Duration> {
        self.idle
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
            self.waker.wait(&self.file, Ready::ToRead, self.idle)?;
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
