//! The one thread of a child: it drains the standard error of the child, waits for its exit, and
//! reaps it.
//!
//! The thread alone owns the child, so that no signal is ever sent to a process that was reaped, and
//! whose id may belong to another process by then. The two halves wake `stop` when they need the
//! child no more. The thread sets one result, and wakes the halves.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::Failed;
use super::shared::Shared;
use super::stderr::Drain;
use crate::error::{Error, ErrorKind};
use crate::threads::worker::guard;

/// How often the exit status is asked for where no descriptor reports the exit.
const EXIT_TICK: Duration = Duration::from_millis(20);

/// How a child is ended early.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KillPolicy {
    /// How long the child has between `SIGTERM` and `SIGKILL`. With zero there is no `SIGTERM`.
    pub(super) grace: Duration,
    /// The child leads a process group, and the whole group is signalled.
    pub(super) group: bool,
}

/// A child that is killed and reaped when this is dropped.
pub(super) struct Reaped {
    child: Child,
    kill_policy: KillPolicy,
}

impl Reaped {
    pub(super) const fn new(child: Child, kill_policy: KillPolicy) -> Self {
        Self { child, kill_policy }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. To a child that has exited and is not reaped it does nothing.
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        let _ = if self.kill_policy.group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }

    /// Kills the child if it still runs, and reaps it.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if self.child.try_wait()?.is_none() {
            self.signal(Signal::KILL);
        }
        self.child.wait()
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // A child that cannot be waited for was reaped by other code of this process.
        let _ = self.end();
    }
}

/// What has been done to end the child.
enum KillState {
    /// Nothing: the child runs until it exits by itself.
    Running,
    /// `SIGTERM` was sent. `SIGKILL` follows at `deadline`.
    Terminated { deadline: Instant },
    /// `SIGKILL` was sent.
    Killed,
}

/// What a poll has found.
struct ReaperEvent {
    /// No half needs the child any more.
    stop: bool,
    /// The standard error can be read.
    stderr: bool,
    /// The child may have exited.
    exited: bool,
}

pub(super) struct Reaper {
    child: Reaped,
    /// Readable once the child has exited. `None` after that, and where the kernel has no pidfd.
    pidfd: Option<OwnedFd>,
    stderr: Drain,
    kill_state: KillState,
    shared: Arc<Shared>,
}

impl Reaper {
    pub(super) fn new(child: Reaped, stderr: Drain, shared: Arc<Shared>) -> Self {
        Self {
            pidfd: open_pidfd(&child.child),
            child,
            stderr,
            kill_state: KillState::Running,
            shared,
        }
    }

    /// Runs until the child is reaped and its standard error has ended.
    pub(super) fn run(mut self) {
        // The halves wait for the result, so it is set after a panic or a failed poll as well.
        let exit = match guard(|| self.wait_for_exit()) {
            Ok(status) => self.result_of(status),
            Err(error) => {
                // No thread watches the child from here on.
                let _ = self.child.end();
                Err(error.during("run", &self.shared.name))
            }
        };
        self.pidfd = None;
        self.shared.set_exit(exit);
        self.drain_stderr();
    }

    /// Drains the standard error until the child is reaped, and ends the child once `stop` is woken.
    fn wait_for_exit(&mut self) -> Result<ExitStatus, Error> {
        loop {
            let event = self.poll(true)?;
            if event.exited {
                if let Some(status) = self.child.child.try_wait()? {
                    self.stderr.read_rest(&self.shared.stop)?;
                    return Ok(status);
                }
            }
            if event.stderr {
                self.stderr.read(&self.shared.stop)?;
            }
            match self.kill_state {
                KillState::Running if event.stop => self.terminate(),
                KillState::Terminated { deadline } if Instant::now() >= deadline => self.kill(),
                _ => {}
            }
        }
    }

    /// Sends `SIGTERM`, or `SIGKILL` if the child has no grace.
    fn terminate(&mut self) {
        let grace = self.child.kill_policy.grace;
        // A grace that is too long to be added to the clock is treated as none: the alternative is a
        // child that is never killed.
        match Instant::now().checked_add(grace) {
            Some(deadline) if !grace.is_zero() => {
                self.child.signal(Signal::TERM);
                self.kill_state = KillState::Terminated { deadline };
            }
            _ => self.kill(),
        }
    }

    fn kill(&mut self) {
        self.child.signal(Signal::KILL);
        self.kill_state = KillState::Killed;
    }

    /// The result of a child with this exit status.
    fn result_of(&mut self, status: ExitStatus) -> Result<(), Error> {
        if status.success() {
            return Ok(());
        }
        let failed = Failed {
            status,
            stderr: self.stderr.take_tail().into(),
        };
        let cause = Box::new(failed);
        Err(Error::caused(ErrorKind::Failed, &status.to_string(), cause)
            .during("run", &self.shared.name))
    }

    /// Drains the standard error until it ends or `stop` is woken: a process that the child has
    /// started may go on writing there, and must neither be blocked nor get a broken pipe.
    fn drain_stderr(&mut self) {
        while self.stderr.fd().is_some() {
            let stopped = self.poll(false).and_then(|event| {
                if event.stderr && !event.stop {
                    self.stderr.read(&self.shared.stop)?;
                }
                Ok(event.stop)
            });
            if !matches!(stopped, Ok(false)) {
                return;
            }
        }
    }

    /// How long a poll may wait. Without a pidfd it ends now and then to ask for the exit status.
    fn timeout(&self, has_no_exit_fd: bool) -> Option<Timespec> {
        let left = match self.kill_state {
            KillState::Terminated { deadline } => {
                Some(deadline.saturating_duration_since(Instant::now()))
            }
            KillState::Running | KillState::Killed => None,
        };
        let tick = has_no_exit_fd.then_some(EXIT_TICK);
        let within = left.into_iter().chain(tick).min()?;
        // A time that is too long for the kernel is no limit.
        Timespec::try_from(within).ok()
    }

    /// Waits for `stop`, for bytes on the standard error, for the exit, or for the end of the grace.
    fn poll(&self, running: bool) -> Result<ReaperEvent, Error> {
        // `stop` stays readable. Once the child was signalled it is left out, or every poll would
        // return at once.
        let stop = match self.kill_state {
            KillState::Terminated { .. } | KillState::Killed if running => None,
            _ => Some(self.shared.stop.fd()?),
        };
        let exit = self.pidfd.as_ref().map(AsFd::as_fd);
        let polled: [Option<BorrowedFd<'_>>; 3] = [stop, self.stderr.fd(), exit];
        let mut fds: Vec<PollFd<'_>> = polled
            .iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        let has_no_exit_fd = running && self.pidfd.is_none();
        let timeout = self.timeout(has_no_exit_fd);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            // Then nothing is known to be ready, and the caller polls again.
            Err(rustix::io::Errno::INTR) => fds.iter_mut().for_each(PollFd::clear_revents),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut is_ready = |fd: Option<BorrowedFd<'_>>| fd.is_some() && ready.next() == Some(true);
        let [stop, stderr, exited] = polled.map(&mut is_ready);
        Ok(ReaperEvent {
            stop,
            stderr,
            exited: exited || has_no_exit_fd,
        })
    }
}

#[cfg(target_os = "linux")]
fn open_pidfd(child: &Child) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};

    // Linux has had it since 5.3.
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_pidfd(_: &Child) -> Option<OwnedFd> {
    None
}
