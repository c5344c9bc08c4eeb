//! The example as a child that is watched, and what stands around it: tools, folders, bytes.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Transcript, example};

pub(crate) use crate::support::outcome::Outcome;

/// Well above what anything takes that is ended from outside, on a machine with other work.
pub(crate) const PROMPT: Duration = Duration::from_secs(5);

/// The most that is read at once.
pub(crate) const CHUNK_BYTES: usize = highwater::mark::READ_BYTES;

/// A copy that reports, so that what it has held can be checked.
pub(crate) fn copy<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = bare([] as [&str; 0]);
    command.arg("--report").args(args);
    command
}

/// A copy as a user calls it.
pub(crate) fn bare<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = example("copy");
    command.args(args);
    command
}

/// The same call with something before it: `under(["strace", "-f"], copy(..))`.
pub(crate) fn under<A: AsRef<OsStr>>(
    before: impl IntoIterator<Item = A>,
    command: &Command,
) -> Command {
    let mut before = before.into_iter();
    let program = before.next().expect("a program to put before it");
    let mut longer = Command::new(program);
    longer
        .args(before)
        .arg(command.get_program())
        .args(command.get_args());
    longer
}

/// Runs a command to its end, with nothing on standard input.
#[track_caller]
pub(crate) fn run(command: Command) -> Outcome {
    Running::start(command).finish()
}

/// A child, with a thread that watches its memory and ends it when it hangs.
pub(crate) struct Running {
    child: Owned,
    began: Instant,
    said: Transcript,
    watch: Sender<()>,
    watcher: JoinHandle<Watched>,
}

/// A child that is gone with a test that fails.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Watched {
    resident: u64,
    late: bool,
}

impl Running {
    /// Starts a command, with nothing on standard input.
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        Self::start_fed(command)
    }

    /// Starts a command with a standard input of its own choice.
    #[track_caller]
    pub(crate) fn start_fed(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        Self::start_between(command)
    }

    /// Starts a command with standard streams of its own choice.
    #[track_caller]
    pub(crate) fn start_between(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        // Before it runs: what is shown is that it took at least so long.
        let began = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = child.stderr.take().expect("it was piped");
        let said = Transcript::of(vec![Box::new(stderr)]);
        let (watch, ended) = channel();
        let pid = child.id();
        Self {
            child: Owned(child),
            began,
            said,
            watch,
            watcher: thread::spawn(move || watch_over(pid, &ended)),
        }
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child
            .0
            .stdin
            .take()
            .expect("it was piped, and is there")
    }

    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.0.stdout.take().expect("it was piped")
    }

    /// Waits for a line on standard error, and gives what stands behind `words` in it.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) -> String {
        self.said.says(words)
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.0.id(), name);
    }

    /// Waits until one of its threads waits in the kernel, in a function with that in its name.
    #[track_caller]
    pub(crate) fn waits_in(&self, function: &str) {
        let began = Instant::now();
        while !self.is_in(function) {
            assert!(
                began.elapsed() < PROMPT,
                "no thread waits in {function}: {}",
                self.waits()
            );
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn is_in(&self, function: &str) -> bool {
        self.waits().contains(function)
    }

    /// Where its threads wait.
    fn waits(&self) -> String {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.child.0.id())) else {
            return String::new();
        };
        let waits = tasks.flatten().map(|task| {
            let waits = fs::read_to_string(task.path().join("wchan"));
            waits.unwrap_or_default() + " "
        });
        waits.collect()
    }

    /// Waits for its end, and keeps what it has said.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        drop(self.child.0.stdin.take());
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.child.0.stdout.take() {
            let _ = pipe.read_to_end(&mut stdout);
        }
        let status = self.child.0.wait().expect("a child can be waited for");
        let took = self.began.elapsed();
        drop(self.watch);
        let watched = self.watcher.join().expect("the watcher does not panic");
        let stderr = self.said.whole();
        assert!(!watched.late, "it hung, after it said:\n{stderr}");
        Outcome {
            status,
            stdout,
            stderr,
            took,
            resident: watched.resident,
        }
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let kill = format!("kill -{name} {pid}");
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.expect("sh runs").success());
}

/// It runs a program of its own.
fn is_itself(pid: u32) -> bool {
    let program = |process: &str| fs::read_link(format!("/proc/{process}/exe")).ok();
    program(&pid.to_string()) != program("self")
}

/// Looks at a child now and then, until it has ended or has taken too long.
fn watch_over(pid: u32, ended: &Receiver<()>) -> Watched {
    let began = Instant::now();
    let mut resident = 0;
    loop {
        // A spawn may return a moment before the child has memory of its own: until then it shares that
        // of the program that started it.
        if is_itself(pid) {
            resident = resident.max(resident_max(pid).unwrap_or(0));
        }
        match ended.recv_timeout(Duration::from_millis(2)) {
            Err(RecvTimeoutError::Timeout) if began.elapsed() < PATIENCE => {}
            outcome => {
                let late = outcome == Err(RecvTimeoutError::Timeout);
                if late {
                    signal(pid, "KILL");
                }
                return Watched { resident, late };
            }
        }
    }
}

/// The most memory that a process has had so far.
fn resident_max(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}
