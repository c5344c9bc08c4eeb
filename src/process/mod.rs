//! Child processes: as a source, as a sink, and as a stage between the two. Node's `child_process`.
//!
//! The kernel's pipe gives the backpressure: a child that writes faster than it is read blocks, and a
//! write to a child that reads slowly blocks. The standard error of the child is always drained, so
//! that the child never blocks on it.
//!
//! The exit status is part of the stream, as with `pipefail` in a shell. A child that exits with a
//! status other than 0, or is killed by a signal, makes its stream fail. The error names the program
//! and the status, and has the last 4 KiB of the standard error ([`Failed`]). A child that exits with
//! 0 without reading everything, as `head` does, ends its sink without a failure.
//!
//! # When the child is killed
//!
//! A half that is dropped before its end kills the child: after an abort, an error or a panic in
//! another stage. The child is reaped before the last half is dropped. [`Spawn::grace`] sends
//! `SIGTERM` first. Processes that the child has started are not killed, unless [`Spawn::group`] is
//! set. Where other code in this process reaps every child, or ignores `SIGCHLD`, the exit status is
//! lost, which is an error too.
//!
//! A process that has inherited the pipes of a child may hold them open after its exit. If the child
//! has exited with 0, the data goes on until the end of the pipe, and a cancel ends that wait. If the
//! child has failed, the error comes at once, behind what is in the pipe.
//!
//! # Threads
//!
//! Each child has one thread, which drains the standard error and waits for the exit. The thread
//! starts with the child, and ends before the last half is dropped.

mod child;
mod halves;
mod reaper;
mod shared;
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
use crate::os::{self, FdSink, FdSource, Polled, Waker};
use crate::stage::source::read_pool;
use child::ChildGuard;
use reaper::{KillPolicy, Reaped};
use shared::Shared;
use stderr::{Drain, Lines, OwnStderr, Stderr};

pub use halves::{ChildSink, ChildSource, Halves};

/// Starts a child and reads its standard output; [`Spawn`] has more options.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if the program is not found or may not be executed, or if
/// no pipe, process or thread can be created. The error names the program.
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
/// assert_eq!(failure.report.bytes(), 5); // what it had written before is delivered
/// assert!(failure.to_string().ends_with("exit status: 3"));
/// let failed = failure.source().unwrap().downcast_ref::<process::Failed>().unwrap();
/// assert_eq!(failed.status.code(), Some(3));
/// assert_eq!(failed.stderr, "no more\n");
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "spawn")]
#[doc(alias = "exec")]
#[doc(alias = "child_process")]
pub fn source(command: Command) -> Result<ChildSource, Error> {
    Spawn::new(command).source()
}

/// Starts a child and writes its standard input; [`Spawn`] has more options.
///
/// # Errors
///
/// As [`source`].
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use highwater::{pipeline, process};
///
/// let mut wc = Command::new("sh");
/// wc.args(["-c", "test $(wc -c) = 4"]);
/// let report = pipeline(&b"four"[..]).to(process::sink(wc)?).run()?; // `wc` has exited with status 0
/// assert_eq!(report.bytes(), 4);
///
/// let failure = process::sink(Command::new("no-such-program")).unwrap_err();
/// assert_eq!(failure.to_string(), "failed to start `no-such-program`");
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "spawn")]
pub fn sink(command: Command) -> Result<ChildSink, Error> {
    Spawn::new(command).sink()
}

/// Starts a child as a stage: bytes are written to one half, and read from the other. [`Spawn`] has
/// more options.
///
/// Use both halves at the same time, on two threads: a child whose output is not read stops reading
/// its input.
///
/// # Errors
///
/// As [`source`].
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
#[doc(alias = "spawn")]
pub fn stage(command: Command) -> Result<Halves, Error> {
    Spawn::new(command).stage()
}

/// How a child failed: the [`source`](std::error::Error::source) of the error of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// The exit status, or the signal that killed the child.
    pub status: ExitStatus,
    /// The last 4 KiB of the standard error.
    pub stderr: Bytes,
}

/// The end of the standard error. The status is in the error that this is the source of.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.stderr);
        match text.trim_end() {
            "" => f.write_str("nothing on its standard error"),
            text => write!(f, "its standard error ends with: {text}"),
        }
    }
}

impl std::error::Error for Failed {}

/// Builder for a child process: how it is started, ended, and what becomes of its standard error.
///
/// [`source`](Self::source) takes over standard output, [`sink`](Self::sink) standard input,
/// [`stage`](Self::stage) both, and each takes standard error. Stdio settings already made on the
/// [`Command`] are kept for the others: by default the child inherits them. A pipe that the command
/// asks for ([`Stdio::piped`](std::process::Stdio::piped)) and that is not taken over is closed at
/// once: the child reads an end there, or gets a broken pipe.
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
/// let (lines, received) = channel();
/// let source = Spawn::new(sh)
///     .stderr_lines(move |line| lines.send(line.to_owned()).unwrap())
///     .source()?;
/// pipeline(source).to(Vec::new()).run()?;
/// assert_eq!(received.iter().collect::<Vec<_>>(), [b"one", b"two"]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "no child is started before `source`, `sink` or `stage`"]
#[doc(alias = "spawn")]
pub struct Spawn {
    command: Command,
    stderr: Stderr,
    pipe_bytes: Option<usize>,
    kill_policy: KillPolicy,
}

impl Spawn {
    /// Prepares to start `command`, and starts nothing yet.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            stderr: Stderr::Captured,
            pipe_bytes: None,
            kill_policy: KillPolicy::default(),
        }
    }

    /// Forwards the standard error of the child to that of this process, and keeps the last 4 KiB for
    /// the error.
    ///
    /// A child that writes faster than this process's standard error takes it blocks. When the child is
    /// ended early, bytes that are not taken at once are dropped.
    pub fn pass_stderr(mut self) -> Self {
        self.stderr = Stderr::Forwarded(OwnStderr::default());
        self
    }

    /// Calls `on_line` with each line of the standard error, without its line end, and keeps the last
    /// 4 KiB for the error. A line longer than 4 KiB comes in pieces.
    ///
    /// The closure runs on the thread of the child, which does nothing else meanwhile: while the
    /// closure blocks, the child is neither reaped nor killed. If the closure panics, the child is
    /// killed and the stream fails with [`ErrorKind::Panicked`](crate::ErrorKind::Panicked).
    pub fn stderr_lines(mut self, on_line: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.stderr = Stderr::Lines(Lines::new(on_line));
        self
    }

    /// Leaves standard error as the [`Command`] sets it, such as to a file. Nothing is kept for the
    /// error.
    pub fn leave_stderr(mut self) -> Self {
        self.stderr = Stderr::Command;
        self
    }

    /// Sets the capacity of each pipe in bytes, rounded up by the kernel. The default of Linux is
    /// 64 KiB. The kernel holds these bytes besides what the stream buffers.
    ///
    /// This has an effect on Linux only.
    pub const fn pipe_bytes(mut self, bytes: usize) -> Self {
        self.pipe_bytes = Some(bytes);
        self
    }

    /// Gives a child that is ended early this much time to exit after `SIGTERM`, before `SIGKILL`.
    /// By default it is sent `SIGKILL` at once.
    ///
    /// The drop that ends the child waits until it has exited.
    #[doc(alias = "killSignal")]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.kill_policy.grace = grace;
        self
    }

    /// Starts the child as the leader of a new process group, and signals the whole group when the
    /// child is ended early: for a shell that starts other programs.
    ///
    /// The new group is not in the foreground of the terminal: it gets no Ctrl-C, and cannot read from
    /// the terminal.
    #[doc(alias = "detached")]
    pub fn group(mut self) -> Self {
        self.kill_policy.group = true;
        self.command.process_group(0);
        self
    }

    /// Starts the child, and returns its standard output as a source.
    ///
    /// # Errors
    ///
    /// As the function [`source`].
    pub fn source(self) -> Result<ChildSource, Error> {
        self.named(Self::start_source)
    }

    /// Starts the child, and returns its standard input as a sink.
    ///
    /// # Errors
    ///
    /// As the function [`source`].
    pub fn sink(self) -> Result<ChildSink, Error> {
        self.named(Self::start_sink)
    }

    /// Starts the child, and returns its standard input as a sink and its standard output as a source.
    ///
    /// # Errors
    ///
    /// As the function [`source`].
    pub fn stage(self) -> Result<Halves, Error> {
        self.named(Self::start_stage)
    }

    /// Takes the command by value, because it owns the child's ends of the pipes: a pipe whose other
    /// end stays open in this process never ends.
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
        // `Polled::non_blocking` needs it, and the end is ours alone.
        rustix::io::ioctl_fionbio(&ours, true).map_err(io::Error::from)?;
        let pool = read_pool(pipe_bytes(&ours).min(READ_BYTES));
        let waker = Waker::new();
        let polled = Polled::non_blocking(waker.clone());
        Ok((FdSource::new(ours, polled, name.to_owned(), pool), waker))
    }

    /// A pipe of the size that was asked for. Its size is set before the child is started: a pipe
    /// that holds more bytes than that cannot be made smaller.
    fn pipe(&self) -> io::Result<(File, File)> {
        let pipe = os::pipe()?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(bytes) = self.pipe_bytes {
            rustix::pipe::fcntl_setpipe_size(&pipe.0, bytes)?;
        }
        Ok(pipe)
    }

    /// Starts the child, and the thread that watches it.
    fn start(&mut self, name: &str, halves: Vec<Waker>) -> Result<Arc<ChildGuard>, Error> {
        let shared = Shared::new(name.to_owned(), halves)?;
        let pipe = if matches!(self.stderr, Stderr::Command) {
            None
        } else {
            let (ours, theirs) = os::pipe()?;
            self.command.stderr(theirs);
            Some(ours)
        };
        let mut child = self.command.spawn()?;
        // Pipes that the command has asked for and that are not taken over: nothing uses our end, and
        // a child that reads from one would wait for ever.
        drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
        let child = Reaped::new(child, self.kill_policy);
        let to = std::mem::replace(&mut self.stderr, Stderr::Command);
        ChildGuard::new(child, Drain::new(pipe, to), shared)
    }
}

/// How many bytes a pipe holds, which is the most that one read returns: a busy child fills a buffer
/// of that size, and its chunk then need not be copied.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn pipe_bytes(pipe: &File) -> usize {
    rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or(USUAL_PIPE_BYTES)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn pipe_bytes(_: &File) -> usize {
    USUAL_PIPE_BYTES
}

const USUAL_PIPE_BYTES: usize = 64 * 1024;

/// The longest name of a child, in characters.
const NAME_CHARS: usize = 60;

/// The name of a child in errors and reports: the program with its arguments, shortened.
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
