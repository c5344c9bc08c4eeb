//! The two halves of a child: its standard output as a source, its standard input as a sink.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::child::ChildGuard;
use super::shared::Half;
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::os::{FdSink, FdSource, Waker};
use crate::stage::hooks::SourceHooks;
use crate::stage::sink::Sink;
use crate::stage::source::{Source, read_pool};
use crate::state::batch::Batch;

/// How long a broken pipe waits for the exit status that explains it: a child that exits closes its
/// pipes a moment before it can be reaped.
const STATUS_WAIT: Duration = Duration::from_secs(1);

/// Both halves of one child, as [`stage`](super::stage) returns them.
#[derive(Debug)]
pub struct Halves {
    /// The standard input of the child.
    pub sink: ChildSink,
    /// The standard output of the child.
    pub source: ChildSource,
}

/// The standard output of a child as a [`Source`]: Node's `child.stdout`.
///
/// The source ends when the pipe has ended and the child has exited with status 0. A child that exits
/// with another status, or is killed by a signal, makes the source fail, behind the data, with
/// [`ErrorKind::Failed`]. A source that is dropped before its end kills the child.
///
/// A read waits for bytes, and at the end of the pipe for the exit of the child. A cancel ends both
/// waits.
#[derive(Debug)]
pub struct ChildSource {
    /// `None` once the pipe has ended.
    stdout: Option<FdSource>,
    waker: Waker,
    child: Arc<ChildGuard>,
}

impl ChildSource {
    pub(super) const fn new(stdout: FdSource, waker: Waker, child: Arc<ChildGuard>) -> Self {
        Self {
            stdout: Some(stdout),
            waker,
            child,
        }
    }

    /// Sets the largest number of bytes that one read returns, up to 1 MiB. The default is what the
    /// pipe holds, and at most [`READ_BYTES`](crate::mark::READ_BYTES).
    #[must_use]
    #[doc(alias = "highWaterMark")]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        if let Some(stdout) = &mut self.stdout {
            stdout.set_pool(read_pool(bytes));
        }
        self
    }

    /// The id of the process.
    #[must_use]
    #[doc(alias = "pid")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads from the pipe. `None` is the end of the pipe; the child may still run.
    fn read_pipe(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(stdout) = &mut self.stdout else {
            return Ok(None);
        };
        match stdout.read() {
            Ok(None) => {
                self.stdout = None;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                let Some(Err(cause)) = self.child.shared().result_for(Half::Reader) else {
                    return Err(error);
                };
                // The child has failed, and another process holds its pipe open. What the child wrote
                // is in there, and comes first.
                match stdout.read_now() {
                    Ok(Some(chunk)) => Ok(Some(chunk)),
                    Ok(None) | Err(_) => Err(cause),
                }
            }
            result => result,
        }
    }
}

impl Source<Bytes> for ChildSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(chunk) = self.read_pipe()? {
            return Ok(Some(chunk));
        }
        self.child.wait(Half::Reader, &self.waker, None)?;
        Ok(None)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.child.shared().name)
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for ChildSource {
    fn set_chunk_bytes(&mut self, most: usize) {
        if let Some(stdout) = &mut self.stdout {
            stdout.set_chunk_bytes(most);
        }
    }
}

impl Drop for ChildSource {
    fn drop(&mut self) {
        self.child.end_early(Half::Reader, None);
    }
}

/// The standard input of a child as a [`Sink`]: Node's `child.stdin`.
///
/// [`finish`](Sink::finish) closes the pipe and waits for the exit of the child, unless the child has
/// a source half as well: then the end of the source waits for it. A sink that is dropped before that
/// kills the child, and waits until it is dead before it closes the pipe, so that the child cannot
/// take what it has read for the whole.
///
/// Bytes that the sink confirms are in the pipe. Only the exit status shows whether the child has
/// used them.
///
/// A write waits for room in the pipe. A cancel ends the wait.
#[derive(Debug)]
pub struct ChildSink {
    /// `None` once it is closed.
    stdin: Option<FdSink>,
    waker: Waker,
    /// There is a source half, which waits for the exit.
    has_source: bool,
    finished: bool,
    child: Arc<ChildGuard>,
}

impl ChildSink {
    pub(super) const fn new(
        stdin: FdSink,
        waker: Waker,
        has_source: bool,
        child: Arc<ChildGuard>,
    ) -> Self {
        Self {
            stdin: Some(stdin),
            waker,
            has_source,
            finished: false,
            child,
        }
    }

    /// The id of the process.
    #[must_use]
    #[doc(alias = "pid")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The error for a broken pipe: that of the exit, if the child has exited.
    fn explain(&self, broken: Error) -> Error {
        let waited = self
            .child
            .wait(Half::Writer, &self.waker, Some(STATUS_WAIT));
        match waited {
            Ok(()) => Error::enough(),
            Err(error) if error.kind() == ErrorKind::TimedOut => broken,
            Err(cause) => cause,
        }
    }
}

impl Sink<Bytes> for ChildSink {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        let Some(stdin) = &mut self.stdin else {
            return Err(Error::ended());
        };
        stdin.write(batch).map_err(|error| match error.kind() {
            ErrorKind::Io(io::ErrorKind::BrokenPipe) => self.explain(error),
            // The child has failed, and another process holds its pipe open.
            ErrorKind::Cancelled => match self.child.shared().result_for(Half::Writer) {
                Some(Err(cause)) => cause,
                _ => error,
            },
            _ => error,
        })
    }

    fn finish(&mut self) -> Result<(), Error> {
        if let Some(mut stdin) = self.stdin.take() {
            stdin.finish()?;
        }
        if !self.has_source {
            self.child.wait(Half::Writer, &self.waker, None)?;
        }
        self.finished = true;
        Ok(())
    }

    /// Ends the child. The source half then fails with the same error.
    fn fail(&mut self, cause: &Error) {
        self.child.end_early(Half::Writer, Some(cause));
    }

    fn is_done(&self) -> bool {
        let child = self.child.shared();
        // A reader that has read of a failure is gone because of it: the next write returns it here.
        let is_failure = |error: &Error| !error.is_enough();
        child.is_reader_gone()
            && !matches!(child.result_for(Half::Writer), Some(Err(error)) if is_failure(&error))
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.child.shared().name)
    }
}

impl Drop for ChildSink {
    fn drop(&mut self) {
        if !self.finished {
            self.child.end_early(Half::Writer, None);
            self.child.wait_until_reaped();
        }
    }
}
