//! Waits that another thread can end.

#[cfg(not(target_os = "linux"))]
use std::fs::File;
use std::io;
#[cfg(not(target_os = "linux"))]
use std::io::Write;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cancel::{Cancel, Interrupt};
use crate::error::{Error, ErrorKind};
use crate::threads::waits::{For, Waiting, is_measured};

/// A descriptor that is readable from the moment it is woken.
///
/// It is made by the first wait: what never has to wait, such as a short connection whose peer is
/// quick, costs none. If there is none to be had, that wait looks now and then whether it was woken:
/// whoever was let in is served, and what owns a waker can be made without fail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waker(Arc<Wake>);

#[derive(Debug, Default)]
struct Wake {
    /// Whether it was woken, for a wake that comes before there is a descriptor.
    woken: AtomicBool,
    fd: OnceLock<WakeFd>,
}

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
struct WakeFd(File, File);

#[cfg(not(target_os = "linux"))]
impl WakeFd {
    fn new() -> io::Result<Self> {
        let (reader, writer) = super::pipe()?;
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
        Self::default()
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        let waker = self.clone();
        Interrupt::new(move || waker.wake())
    }

    /// Makes it readable, for ever.
    pub(crate) fn wake(&self) {
        self.0.woken.store(true, Ordering::SeqCst);
        // Either this finds the descriptor, or whoever makes it finds the flag.
        fence(Ordering::SeqCst);
        if let Some(fd) = self.0.fd.get() {
            fd.wake();
        }
    }

    /// Makes it as it was before it was woken. For the one that waits; a wake that comes at the
    /// same time may be lost, so what it tells of is looked at afterwards.
    pub(crate) fn clear(&self) {
        self.0.woken.store(false, Ordering::SeqCst);
        if let Some(fd) = self.0.fd.get() {
            // It fails only when there is nothing to be read, and then it is as it was.
            let _ = rustix::io::read(fd, &mut [0_u8; 8]);
        }
    }

    /// What another wait can look at: readable once it is woken. Made now, if there is none yet.
    pub(crate) fn fd(&self) -> Result<BorrowedFd<'_>, Error> {
        if let Some(fd) = self.0.fd.get() {
            return Ok(fd.as_fd());
        }
        let made = WakeFd::new()?;
        let fd = self.0.fd.get_or_init(|| made);
        // See `wake`.
        fence(Ordering::SeqCst);
        if self.0.woken.load(Ordering::SeqCst) {
            fd.wake();
        }
        Ok(fd.as_fd())
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
        let fd = PollFd::from_borrowed_fd(fd.as_fd(), flags);
        let is_ready = match self.fd() {
            Ok(wake) => {
                let wake = PollFd::from_borrowed_fd(wake, PollFlags::IN);
                poll_until(&mut [fd, wake], deadline)?
            }
            Err(_) => self.look_until(fd, deadline)?,
        };
        if is_ready {
            return Ok(());
        }
        Err(Error::timed_out(match ready {
            Ready::ToRead => "the peer to send",
            Ready::ToWrite | Ready::Either => "the peer to take what was sent",
        }))
    }

    /// Waits without a descriptor of its own.
    fn look_until(&self, fd: PollFd<'_>, deadline: Option<Instant>) -> Result<bool, Error> {
        let mut fds = [fd];
        loop {
            if self.0.woken.load(Ordering::SeqCst) {
                return Err(Error::interrupted());
            }
            let now = Instant::now();
            let next = now.checked_add(LOOK).into_iter().chain(deadline).min();
            let is_ready = poll_once(&mut fds, next)?;
            if is_ready || deadline.is_some_and(|at| at <= now) {
                return Ok(is_ready);
            }
        }
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

    /// Fails once it was woken. Does not wait, and asks nothing of the system.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.woken.load(Ordering::SeqCst) {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    /// Waits for a wake, and fails with it; or comes back after so long.
    pub(crate) fn rest(&self, within: Duration) -> Result<(), Error> {
        match self.wait(self.fd()?, Ready::ToRead, Some(within)) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
            outcome => outcome,
        }
    }
}

/// How often it is looked for a wake where there is no descriptor to be had.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until one of `fds` is ready, the last of which is that of a wake. Says whether one is, for
/// the time may be up first.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Error> {
    let is_ready = poll_once(fds, deadline)?;
    if fds.last().is_some_and(|wake| !wake.revents().is_empty()) {
        return Err(Error::interrupted());
    }
    Ok(is_ready)
}

/// Waits until one of `fds` is ready. Says whether one is.
fn poll_once(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Error> {
    // What is ready by now is not waited for, and needs no clock.
    if is_measured() && poll(fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0) {
        return Ok(true);
    }
    let _waiting = Waiting::begin(For::Outside);
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // One too long for the system is no limit either.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            polled => return Ok(polled.map_err(io::Error::from)? > 0),
        }
    }
}

/// Wakes a wait that belongs to no stream yet, such as a connect, when its token is used.
#[derive(Debug)]
pub(crate) struct WakeOnCancel(Waker);

impl WakeOnCancel {
    /// What a token is given to hold; it works for as long as the `Arc` lives.
    pub(crate) fn new(waker: &Waker) -> Arc<Self> {
        Arc::new(Self(waker.clone()))
    }

    pub(crate) fn target(self: &Arc<Self>) -> Weak<dyn Cancel> {
        let target: Weak<Self> = Arc::downgrade(self);
        target
    }
}

impl Cancel for WakeOnCancel {
    fn stop(&self) {
        self.0.wake();
    }

    fn abort(&self, _cause: &Error) {
        self.stop();
    }

    fn was_stopped(&self) -> bool {
        false
    }
}
