//! The two halves of a child: its standard output as a source, its standard input as a sink.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::child::{ChildGuard, Half};
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::os::{FdSink, FdSource, Waker};
use crate::stage::sink::Sink;
use crate::stage::source::{Source, read_pool};
use crate::state::batch::Batch;

/// For how long a broken pipe waits to be explained by the exit of the child, which closes its
/// pipes a moment before it is gone.
const STATUS_PATIENCE: Duration = Duration::from_secs(1);

/// Both halves of one child; see [`stage`](super::stage).
#[derive(Debug)]
pub struct Halves {
    /// What the child reads.
    pub sink: ChildSink,
    /// What the child writes.
    pub source: ChildSource,
}

/// The standard output of a child as a source.
///
/// It ends when the pipe has ended and the child has ended well; a child that fails makes it fail,
/// behind the data. Dropped before that it kills the child.
#[derive(Debug)]
pub struct ChildSource {
    /// None once it has ended.
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

    /// Reads at most so many bytes at once, in place of as many as the pipe holds, or
    /// [`READ_BYTES`](crate::READ_BYTES) if that is less, and never more than 1 MiB.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        if let Some(stdout) = &mut self.stdout {
            stdout.set_pool(read_pool(bytes));
        }
        self
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads from the pipe. `None` is its end, and not yet that of the child.
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
                let Some(Err(cause)) = self.child.shared().verdict(Half::Reader) else {
                    return Err(error);
                };
                // The child has failed, and somebody else holds its pipe. What it wrote itself
                // is in there, and comes first.
                match stdout.read_now() {
                    Ok(Some(chunk)) => Ok(Some(chunk)),
                    Ok(None) | Err(_) => Err(cause),
                }
            }
            outcome => outcome,
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

    fn set_chunk_bytes(&mut self, most: usize) {
        if let Some(stdout) = &mut self.stdout {
            stdout.set_chunk_bytes(most);
        }
    }
}

impl Drop for ChildSource {
    fn drop(&mut self) {
        self.child.break_off(Half::Reader, None);
    }
}

/// The standard input of a child as a sink.
///
/// Finishing it closes the pipe and waits for the exit of the child, unless that has a source
/// half, whose end tells of it. Dropped before that it kills the child, and waits for that before
/// it closes the pipe: the child does not take what it has got for everything.
///
/// What the sink confirms is in the pipe. Whether the child has used it, its exit status says.
#[derive(Debug)]
pub struct ChildSink {
    /// None once it has ended.
    stdin: Option<FdSink>,
    waker: Waker,
    /// The other half waits for the exit.
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

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says what a broken pipe means: it is an echo of the exit, if there was one.
    fn explain(&self, broken: Error) -> Error {
        let waited = self
            .child
            .wait(Half::Writer, &self.waker, Some(STATUS_PATIENCE));
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
            // The child has failed, and somebody else holds its pipe.
            ErrorKind::Cancelled => match self.child.shared().verdict(Half::Writer) {
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

    /// What comes out of the other half ends with the same error.
    fn fail(&mut self, cause: &Error) {
        self.child.break_off(Half::Writer, Some(cause));
    }

    fn is_done(&self) -> bool {
        let child = self.child.shared();
        // Who has read of a failure has left because of it: the next write tells it here.
        let is_failure = |error: &Error| !error.is_enough();
        child.reader_has_left()
            && !matches!(child.verdict(Half::Writer), Some(Err(error)) if is_failure(&error))
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
            self.child.break_off(Half::Writer, None);
            self.child.reaped();
        }
    }
}
