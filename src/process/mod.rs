//! Child processes: as a source, as a sink, and as a stage between the two.
//!
//! The pipe of the kernel gives the backpressure: a child that writes faster than it is read waits,
//! and one that reads slowly is waited for. What it says on its standard error is drained always,
//! so that it never waits for that.
//!
//! How it ends is part of the stream, as with `pipefail` of a shell. A child that exits with
//! another status than 0, or is killed, makes its stream fail; the error names the program, says
//! the status, and has the last of its standard error ([`Failed`]). A sink whose child exits well
//! without reading everything, as `head` does, answers [`Error::enough`].
//!
//! # Nothing is left
//!
//! A half that is dropped before its end, be it by an abort, an error or a panic elsewhere, kills
//! the child, which is reaped before the last half is gone. [`Spawn::grace`] asks it first. What
//! the child has started itself is not killed, unless [`Spawn::group`] says so. Where somebody else
//! in this process reaps every child, or `SIGCHLD` is ignored, nobody knows how a child has ended,
//! and that is an error too.
//!
//! Somebody who has inherited the pipes of a child may hold them after its exit. If the child has
//! ended well, the data goes on until the end of the pipe; a token ends that wait as every other.
//! If it has failed, that is told at once, behind what is in the pipe.
//!
//! # Threads
//!
//! Each child has one thread, which drains its standard error and waits for its exit. It starts
//! with the child, and does not outlive the last half.

mod child;
mod halves;
mod reaper;
mod stderr;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::channel::mark::READ_BYTES;
use crate::error::Error;
use crate::os as fd;
use crate::os::{FdSink, FdSource, Polled, Waker};
use crate::stage::source::read_pool;
use child::{ChildGuard, Shared};
use reaper::{KillPolicy, Reaped};
use stderr::{Drain, Lines, Stderr};

pub use halves::{ChildSink, ChildSource, Halves};

/// Starts a child and reads what it writes; see [`Spawn`] for more.
///
/// # Errors
///
/// Whatever keeps it from being started, with the program.
///
/// # Examples
///
/// ```
/// use std::error::Error as _;
/// use std::process::Command;
/// use highwater::{pipeline, process};
///
/// let mut seq = Command::new("seq");
/// seq.arg("3");
/// let (_, got) = pipeline(process::source(seq)?).to(Vec::new()).run_into()?;
/// assert_eq!(got.into_inner(), b"1\n2\n3\n");
///
/// let mut sh = Command::new("sh");
/// sh.args(["-c", "echo half; echo no more >&2; exit 3"]);
/// let failure = pipeline(process::source(sh)?).to(Vec::new()).run().unwrap_err();
/// assert_eq!(failure.report.bytes(), 5); // what was written before is delivered
/// assert!(failure.to_string().ends_with("exit status: 3"));
/// let failed = failure.source().unwrap().downcast_ref::<process::Failed>().unwrap();
/// assert_eq!(failed.status.code(), Some(3));
/// assert_eq!(failed.stderr, "no more\n");
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn source(command: Command) -> Result<ChildSource, Error> {
    Spawn::new(command).source()
}

/// Starts a child and writes what it reads; see [`Spawn`] for more.
///
/// # Errors
///
/// Whatever keeps it from being started, with the program.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use highwater::{pipeline, process};
///
/// let mut wc = Command::new("sh");
/// wc.args(["-c", "test $(wc -c) = 4"]);
/// let report = pipeline(&b"four"[..]).to(process::sink(wc)?).run()?; // it has exited, and well
/// assert_eq!(report.bytes(), 4);
///
/// let failure = process::sink(Command::new("no-such-program")).unwrap_err();
/// assert_eq!(failure.to_string(), "failed to start `no-such-program`");
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn sink(command: Command) -> Result<ChildSink, Error> {
    Spawn::new(command).sink()
}

/// Starts a child as a stage: what is written to one half comes out of the other; see [`Spawn`] for
/// more.
///
/// Both have to be used at the same time, for a child that cannot write reads no more.
///
/// # Errors
///
/// Whatever keeps it from being started, with the program.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use std::thread;
/// use highwater::{pipeline, process};
///
/// let halves = process::stage(Command::new("sort"))?;
/// let feeder = thread::spawn(move || pipeline(&b"b\nc\na\n"[..]).to(halves.sink).run());
/// let (_, sorted) = pipeline(halves.source).to(Vec::new()).run_into()?;
/// assert_eq!(sorted.into_inner(), b"a\nb\nc\n");
/// feeder.join().unwrap()?;
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn stage(command: Command) -> Result<Halves, Error> {
    Spawn::new(command).stage()
}

/// Why a child made its stream fail: the [`source`](std::error::Error::source) of the error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// Its exit status, or the signal that killed it.
    pub status: ExitStatus,
    /// The last 4 KiB of what it said on its standard error.
    pub stderr: Bytes,
}

/// Says what it said last; the error that this is the source of has said the status.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = String::from_utf8_lossy(&self.stderr);
        match said.trim_end() {
            "" => f.write_str("nothing on its standard error"),
            said => write!(f, "its standard error ends with: {said}"),
        }
    }
}

impl std::error::Error for Failed {}

/// A child that is about to be started.
///
/// Of its standard streams those that are needed are taken, and its standard error; a command's own
/// word on the others holds. So the child of a source inherits standard input, unless its command
/// says otherwise. A pipe that a command has asked for ([`Stdio::piped`](std::process::Stdio::piped))
/// and that is not taken is closed at once: the child reads an end there, or gets a broken pipe.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use std::sync::mpsc::channel;
/// use highwater::{pipeline, process::Spawn};
///
/// let mut sh = Command::new("sh");
/// sh.args(["-c", "echo data; echo one >&2; echo two >&2"]);
/// let (tell, told) = channel();
/// let source = Spawn::new(sh)
///     .stderr_lines(move |line| tell.send(line.to_owned()).unwrap())
///     .source()?;
/// pipeline(source).to(Vec::new()).run()?;
/// assert_eq!(told.iter().collect::<Vec<_>>(), [b"one", b"two"]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing runs before `source`, `sink` or `stage`"]
pub struct Spawn {
    command: Command,
    stderr: Stderr,
    pipe_bytes: Option<usize>,
    kill_policy: KillPolicy,
}

impl Spawn {
    /// Prepares to start `command`.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            stderr: Stderr::Kept,
            pipe_bytes: None,
            kill_policy: KillPolicy::default(),
        }
    }

    /// Passes what the child says on its standard error on to that of this process, and keeps the
    /// last of it as always.
    ///
    /// A child that says more than is taken there waits. It may be set to not block. Once the child is
    /// to end before its time, what is not taken at once is dropped.
    pub fn pass_stderr(mut self) -> Self {
        self.stderr = Stderr::Passed(stderr::Ours::default());
        self
    }

    /// Calls `tell` with each line that the child says on its standard error, without its end, and
    /// keeps the last of it as always. A line longer than 4 KiB comes in pieces.
    ///
    /// It is called on the thread of the child, which does nothing else meanwhile: while it blocks
    /// the child is not reaped, nor killed. If it panics, the child is killed and the stream fails.
    pub fn stderr_lines(mut self, tell: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.stderr = Stderr::Told(Lines::new(tell));
        self
    }

    /// Leaves standard error to the command, which may send it to a file. Nothing of it is kept.
    pub fn leave_stderr(mut self) -> Self {
        self.stderr = Stderr::Left;
        self
    }

    /// Makes the pipes hold so many bytes, rounded up by the system, in place of the 64 KiB of
    /// Linux. That is held by the kernel, for each pipe, besides what the stream buffers.
    ///
    /// Only on Linux; elsewhere a pipe is as it is.
    pub const fn pipe_bytes(mut self, bytes: usize) -> Self {
        self.pipe_bytes = Some(bytes);
        self
    }

    /// Asks a child that has to end before its time to do so (`SIGTERM`), and kills it only
    /// (`SIGKILL`) if it has not exited within so long. Without, it is killed at once.
    ///
    /// The drop that ends it waits for that.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.kill_policy.grace = grace;
        self
    }

    /// Starts the child as the leader of a process group, and ends that whole group with it: for a
    /// shell that starts others.
    ///
    /// A group of its own is not in the foreground of a terminal: it gets no Ctrl-C, and must not
    /// read from there.
    pub fn group(mut self) -> Self {
        self.kill_policy.group = true;
        self.command.process_group(0);
        self
    }

    /// Starts it, and reads what it writes.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being started, with the program.
    pub fn source(self) -> Result<ChildSource, Error> {
        self.named(Self::start_source)
    }

    /// Starts it, and writes what it reads.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being started, with the program.
    pub fn sink(self) -> Result<ChildSink, Error> {
        self.named(Self::start_sink)
    }

    /// Starts it, and does both.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being started, with the program.
    pub fn stage(self) -> Result<Halves, Error> {
        self.named(Self::start_stage)
    }

    /// Takes the command, which has the child's ends of the pipes: they would never end if it
    /// stayed.
    fn named<H>(
        mut self,
        start: impl FnOnce(&mut Self, &str) -> Result<H, Error>,
    ) -> Result<H, Error> {
        let name = name_of(&self.command);
        start(&mut self, &name).map_err(|error| error.during("start", &name))
    }

    fn start_source(&mut self, name: &str) -> Result<ChildSource, Error> {
        let (stdout, waker) = self.take_stdout(name)?;
        let child = self.start(name, vec![waker.clone()])?;
        Ok(ChildSource::new(stdout, waker, child))
    }

    fn start_sink(&mut self, name: &str) -> Result<ChildSink, Error> {
        let (stdin, waker) = self.take_stdin(name)?;
        let child = self.start(name, vec![waker.clone()])?;
        Ok(ChildSink::new(stdin, waker, false, child))
    }

    fn start_stage(&mut self, name: &str) -> Result<Halves, Error> {
        let (stdin, writer) = self.take_stdin(name)?;
        let (stdout, reader) = self.take_stdout(name)?;
        let child = self.start(name, vec![writer.clone(), reader.clone()])?;
        Ok(Halves {
            sink: ChildSink::new(stdin, writer, true, Arc::clone(&child)),
            source: ChildSource::new(stdout, reader, child),
        })
    }

    fn take_stdin(&mut self, name: &str) -> Result<(FdSink, Waker), Error> {
        let (theirs, ours) = self.pipe()?;
        self.command.stdin(theirs);
        let waker = Waker::new();
        let stdin = FdSink::owned(ours, name.to_owned(), waker.clone())?;
        Ok((stdin, waker))
    }

    fn take_stdout(&mut self, name: &str) -> Result<(FdSource, Waker), Error> {
        let (ours, theirs) = self.pipe()?;
        self.command.stdout(theirs);
        // It is read without waiting only where it must not wait.
        rustix::io::ioctl_fionbio(&ours, true).map_err(io::Error::from)?;
        let pool = read_pool(pipe_bytes(&ours).min(READ_BYTES));
        let waker = Waker::new();
        let polled = Polled::non_blocking(waker.clone());
        Ok((FdSource::new(ours, polled, name.to_owned(), pool), waker))
    }

    /// A pipe of the size that was asked for. Before the child is there: one that holds more than
    /// it shall cannot be made smaller.
    fn pipe(&self) -> io::Result<(File, File)> {
        let pipe = fd::pipe()?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(bytes) = self.pipe_bytes {
            rustix::pipe::fcntl_setpipe_size(&pipe.0, bytes)?;
        }
        Ok(pipe)
    }

    /// Starts the child, and the thread that watches it.
    fn start(&mut self, name: &str, halves: Vec<Waker>) -> Result<Arc<ChildGuard>, Error> {
        let shared = Shared::new(name.to_owned(), halves)?;
        let said = if matches!(self.stderr, Stderr::Left) {
            None
        } else {
            let (ours, theirs) = fd::pipe()?;
            self.command.stderr(theirs);
            Some(ours)
        };
        let mut child = self.command.spawn()?;
        // What the command has asked pipes for beside those that are taken has no other end that is
        // used. The child would wait for it for ever.
        drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
        let child = Reaped::new(child, self.kill_policy);
        let to = std::mem::replace(&mut self.stderr, Stderr::Left);
        ChildGuard::new(child, Drain::new(said, to), shared)
    }
}

/// How much a pipe holds, which is the most that one read brings: a buffer of that size is filled
/// by a busy child, and then need not be copied.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn pipe_bytes(pipe: &File) -> usize {
    rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or(USUAL_PIPE_BYTES)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn pipe_bytes(_: &File) -> usize {
    USUAL_PIPE_BYTES
}

const USUAL_PIPE_BYTES: usize = 64 * 1024;

/// How long a name may be, in characters.
const NAME_CHARS: usize = 60;

/// What errors and reports call a child: the program with its arguments, shortened.
fn name_of(command: &Command) -> String {
    let mut name = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        name.push(' ');
        name.push_str(&arg.to_string_lossy());
    }
    // A script of several lines is one line here.
    let mut chars = name.chars().map(|c| if c.is_control() { ' ' } else { c });
    let short: String = chars.by_ref().take(NAME_CHARS).collect();
    if chars.next().is_some() {
        return short + "...";
    }
    short
}
