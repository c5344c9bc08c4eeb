//! Waits that another thread can end.

#[cfg(not(target_os = "linux"))]
use std::fs::File;
use std::io;
#[cfg(not(target_os = "linux"))]
use std::io::Write;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(feature = "net")]
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cancel::Interrupt;
#[cfg(feature = "net")]
use crate::cancel::{Cancel, CancelToken};
use crate::error::{Error, ErrorKind};
use crate::threads::waits::{For, Waiting, is_measured};

/// Ends a wait on a descriptor from another thread: a second descriptor that is readable from the
/// moment it is woken. A clone is the same waker.
///
/// That descriptor is made by the first wait, so a short connection that never waits costs none. If
/// none can be made, the wait looks at a flag every 20 ms instead: a connection that was accepted is
/// served, and whatever owns a waker can be made without an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waker(Arc<Wake>);

#[derive(Debug, Default)]
struct Wake {
    /// Whether it was woken. Needed for a wake that comes before there is a descriptor.
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

/// Without eventfd a pipe does the same, with two descriptors.
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
    #[cfg(any(feature = "http", feature = "wire"))]
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

    /// Has `token` wake it, by `stop` and by `abort`. It stays registered until its last clone is
    /// dropped.
    #[cfg(feature = "net")]
    pub(crate) fn register_with(&self, token: &CancelToken) {
        let target: Weak<Wake> = Arc::downgrade(&self.0);
        token.register(target);
    }

    /// Ends the wait of now, and every later one at once.
    pub(crate) fn wake(&self) {
        self.0.wake();
    }

    /// Undoes the wakes so far. Only the thread that waits calls it. A wake that comes at the same time
    /// may be lost, so the thread looks at what a wake stands for after the call, and not before.
    #[cfg(feature = "net")]
    pub(crate) fn clear(&self) {
        // The flag, then the descriptor. A wake between the two leaves the flag up and the
        // descriptor empty; in the other order it would be the reverse. Hence the rule above, in
        // any order.
        self.0.woken.store(false, Ordering::SeqCst);
        if let Some(fd) = self.0.fd.get() {
            // It fails only when there is nothing to be read, and then it is as it was.
            let _ = rustix::io::read(fd, &mut [0_u8; 8]);
        }
    }

    /// The descriptor that is readable once it is woken. Made by the first call.
    pub(crate) fn fd(&self) -> Result<BorrowedFd<'_>, Error> {
        if let Some(fd) = self.0.fd.get() {
            return Ok(fd.as_fd());
        }
        // Two threads may make one each: `get_or_init` keeps the first, and the other is closed.
        let made = WakeFd::new()?;
        let fd = self.0.fd.get_or_init(|| made);
        // The other side of the window in `Wake::wake`: the descriptor is stored, now the flag is
        // looked at. A wake that has come before found no descriptor, and is made up for here.
        fence(Ordering::SeqCst);
        if self.0.woken.load(Ordering::SeqCst) {
            fd.wake();
        }
        Ok(fd.as_fd())
    }

    /// Waits until `fd` is ready, or has failed: the call that follows returns the failure.
    ///
    /// The wait ends with that, with a wake, or after `within`.
    pub(crate) fn wait(
        &self,
        fd: impl AsFd,
        ready: Ready,
        within: Option<Duration>,
    ) -> Result<(), Error> {
        let flags = match ready {
            Ready::ToRead => PollFlags::IN,
            Ready::ToWrite => PollFlags::OUT,
            #[cfg(any(feature = "http", feature = "wire"))]
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
            // No descriptor is left in the process. The connection is served all the same.
            Err(_) => self.look_until(fd, deadline)?,
        };
        if is_ready {
            return Ok(());
        }
        Err(Error::timed_out(match ready {
            Ready::ToRead => "the peer to send",
            _ => "the peer to take what was sent",
        }))
    }

    /// The same without a wake descriptor: looks at the flag every 20 ms.
    fn look_until(&self, fd: PollFd<'_>, deadline: Option<Instant>) -> Result<bool, Error> {
        let mut fds = [fd];
        loop {
            // Before each poll: a wake right after this look is found by the next one, 20 ms later.
            // No descriptor is made here, so there is no second store that this load has to be
            // ordered with.
            if self.0.woken.load(Ordering::SeqCst) {
                return Err(Error::interrupted());
            }
            // Before the poll: when the deadline has passed there is one more look that does not
            // wait.
            let now = Instant::now();
            let next = now.checked_add(LOOK).into_iter().chain(deadline).min();
            let is_ready = poll_once(&mut fds, next)?;
            if is_ready || deadline.is_some_and(|at| at <= now) {
                return Ok(is_ready);
            }
        }
    }

    /// Waits until some of `fds` can be written, or have failed, and returns their indices: none if the
    /// deadline came first.
    ///
    /// The wait ends with that, with a wake, or at the deadline.
    #[cfg(feature = "net")]
    pub(crate) fn wait_any(
        &self,
        fds: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
    ) -> Result<Vec<usize>, Error> {
        let fds_to_write = fds.iter().copied();
        let mut polled: Vec<_> = fds_to_write
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT))
            .collect();
        // Last, as `poll_until` expects it.
        polled.push(PollFd::from_borrowed_fd(self.fd()?, PollFlags::IN));
        poll_until(&mut polled, deadline)?;
        let ready = polled.iter().take(fds.len()).enumerate();
        let ready = ready.filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(index, _)| index).collect())
    }

    /// Fails once it was woken. Neither waits nor makes a system call.
    #[cfg(feature = "net")]
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.woken.load(Ordering::SeqCst) {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    /// Waits for `within`, and returns. A wake ends the wait before, and is an error.
    pub(crate) fn rest(&self, within: Duration) -> Result<(), Error> {
        match self.wait(self.fd()?, Ready::ToRead, Some(within)) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
            result => result,
        }
    }
}

/// How often the flag is looked at where no wake descriptor could be made.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until one of `fds` is ready, the last of which is that of a wake. Returns whether one is:
/// `false` if the deadline came first.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Error> {
    let is_ready = poll_once(fds, deadline)?;
    if fds.last().is_some_and(|wake| !wake.revents().is_empty()) {
        // A wake goes before what is ready: a peer that always has something must not outrun a
        // cancel.
        return Err(Error::interrupted());
    }
    Ok(is_ready)
}

/// Waits until one of `fds` is ready. Returns whether one is.
fn poll_once(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Error> {
    // What is ready already is not waited for, and needs no clock.
    if is_measured() && poll(fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0) {
        return Ok(true);
    }
    let _waiting = Waiting::begin(For::Outside);
    loop {
        // Anew in each round: a signal must not prolong the wait.
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // A time too long for the kernel is no limit.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, timeout.as_ref()) {
            // A signal is no reason to return: it may be for any thread.
            Err(rustix::io::Errno::INTR) => {}
            polled => return Ok(polled.map_err(io::Error::from)? > 0),
        }
    }
}

impl Wake {
    fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        // A missed wake: this thread stores the flag and looks for the descriptor; the thread that
        // makes the descriptor (`Waker::fd`) stores it and looks for the flag. With a fence between
        // the two steps on both sides, one of them sees what the other has stored. `Release` and
        // `Acquire` would let both loads pass the stores, and the wait would not end. The fence is
        // needed beside the `SeqCst` of the flag, because a `OnceLock` is not `SeqCst`.
        fence(Ordering::SeqCst);
        if let Some(fd) = self.fd.get() {
            fd.wake();
        }
    }
}

/// Wakes a wait that belongs to no stream, such as a connect, when its token is used.
#[cfg(feature = "net")]
impl Cancel for Wake {
    fn stop(&self) {
        self.wake();
    }

    fn abort(&self, _cause: &Error) {
        self.wake();
    }

    fn was_stopped(&self) -> bool {
        false
    }
}
