//! The one thread of a child: it drains what the child says, waits for it, and reaps it.
//!
//! It alone has the child, so that nothing is ever sent to a process that was reaped, and whose
//! number may be another's by then. What the two halves want of it they say by one wake, the
//! order: nobody needs the child any more. What they get of it is one outcome, and a wake.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::Failed;
use super::child::Shared;
use super::stderr::Drain;
use crate::error::{Error, ErrorKind};
use crate::threads::worker::guard;

/// How often a child is looked at where nothing can be waited on for its exit.
const EXIT_TICK: Duration = Duration::from_millis(20);

/// How a child is ended before its time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KillPolicy {
    /// How long it has between `SIGTERM` and `SIGKILL`. With none there is no `SIGTERM`.
    pub(super) grace: Duration,
    /// It leads a process group, which is ended with it.
    pub(super) group: bool,
}

/// A child that does not outlive this, and leaves no zombie.
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

    /// Sends a signal. One who has gone already does not mind.
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        let _ = if self.kill_policy.group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }

    /// Kills it if it runs, and reaps it.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if self.child.try_wait()?.is_none() {
            self.signal(Signal::KILL);
        }
        self.child.wait()
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // That it cannot be waited for means that somebody else has reaped it.
        let _ = self.end();
    }
}

/// What has been done to end the child.
enum KillState {
    /// Nothing: it runs for as long as it wants.
    Free,
    /// It was asked to, and has until then.
    Asked {
        until: Instant,
    },
    Killed,
}

/// What a poll has found.
struct ReaperEvent {
    ordered: bool,
    said: bool,
    exited: bool,
}

pub(super) struct Reaper {
    child: Reaped,
    /// Readable once the child has exited. None after that, or where there is no such thing.
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
            kill_state: KillState::Free,
            shared,
        }
    }

    /// Sees the child to its end, and tells the halves.
    pub(super) fn run(mut self) {
        // The halves wait for what is published, whatever becomes of this.
        let outcome = match guard(|| self.attend()) {
            Ok(status) => self.judge(status),
            Err(error) => {
                // Whatever it is, nobody watches the child any more.
                let _ = self.child.end();
                Err(error.during("run", &self.shared.name))
            }
        };
        self.pidfd = None;
        self.shared.publish(outcome);
        self.see_off();
    }

    /// Drains and waits until the child is reaped; ends it once nobody needs it any more.
    fn attend(&mut self) -> Result<ExitStatus, Error> {
        loop {
            let woken = self.poll(true)?;
            if woken.exited {
                if let Some(status) = self.child.child.try_wait()? {
                    self.stderr.read_rest(&self.shared.order)?;
                    return Ok(status);
                }
            }
            if woken.said {
                self.stderr.read(&self.shared.order)?;
            }
            match self.kill_state {
                KillState::Free if woken.ordered => self.dismiss(),
                KillState::Asked { until } if Instant::now() >= until => self.kill(),
                _ => {}
            }
        }
    }

    fn dismiss(&mut self) {
        let grace = self.child.kill_policy.grace;
        // One that cannot be represented is as good as for ever.
        let until = Instant::now().checked_add(grace);
        match until {
            Some(until) if !grace.is_zero() => {
                self.child.signal(Signal::TERM);
                self.kill_state = KillState::Asked { until };
            }
            _ => self.kill(),
        }
    }

    fn kill(&mut self) {
        self.child.signal(Signal::KILL);
        self.kill_state = KillState::Killed;
    }

    fn judge(&mut self, status: ExitStatus) -> Result<(), Error> {
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

    /// A child of the child may go on in its place, and shall not wait for us either, nor get a
    /// broken pipe for what it says.
    fn see_off(&mut self) {
        while self.stderr.fd().is_some() {
            let seen = self.poll(false).and_then(|woken| {
                if woken.said && !woken.ordered {
                    self.stderr.read(&self.shared.order)?;
                }
                Ok(woken.ordered)
            });
            if !matches!(seen, Ok(false)) {
                return;
            }
        }
    }

    /// How long a wait may be. One that does not see an exit looks for itself now and then.
    fn patience(&self, blind: bool) -> Option<Timespec> {
        let left = match self.kill_state {
            KillState::Asked { until } => Some(until.saturating_duration_since(Instant::now())),
            KillState::Free | KillState::Killed => None,
        };
        let tick = blind.then_some(EXIT_TICK);
        let within = left.into_iter().chain(tick).min()?;
        // One too long for the system is no limit.
        Timespec::try_from(within).ok()
    }

    /// Waits for anything to do.
    fn poll(&self, running: bool) -> Result<ReaperEvent, Error> {
        // It stays woken: one that was followed is not looked at again.
        let order = match self.kill_state {
            KillState::Asked { .. } | KillState::Killed if running => None,
            _ => Some(self.shared.order.fd()?),
        };
        let exit = self.pidfd.as_ref().map(AsFd::as_fd);
        let watched: [Option<BorrowedFd<'_>>; 3] = [order, self.stderr.fd(), exit];
        let mut fds: Vec<PollFd<'_>> = watched
            .iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        let blind = running && self.pidfd.is_none();
        let timeout = self.patience(blind);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            // Nothing is ready then, which is looked at anew.
            Err(rustix::io::Errno::INTR) => fds.iter_mut().for_each(PollFd::clear_revents),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut is_ready = |fd: Option<BorrowedFd<'_>>| fd.is_some() && ready.next() == Some(true);
        let [ordered, said, exited] = watched.map(&mut is_ready);
        Ok(ReaperEvent {
            ordered,
            said,
            exited: exited || blind,
        })
    }
}

#[cfg(target_os = "linux")]
fn open_pidfd(child: &Child) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};

    // An old kernel has none.
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_pidfd(_: &Child) -> Option<OwnedFd> {
    None
}
