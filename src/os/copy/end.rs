//! The two ends of a copy: how each is waited for, and what its errors mean.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::Errno;

use crate::error::Error;
#[cfg(feature = "net")]
use crate::os::shared_socket::SharedSocket;
use crate::os::stall::WriteStall;
use crate::os::timeouts::Timeouts;
use crate::os::{Polled, Ready, Waker};
use crate::stage::copy_path::BufferedReason;
use crate::stage::offer::{CopyFailure, CopySide, CopySource, CopyStep};

/// A system call on a descriptor. It does not wait for a peer.
pub(crate) type CopyCall<'a> = dyn FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize> + 'a;

/// A descriptor that a copy reads from or writes to.
pub(crate) trait Descriptor: AsFd + Send + Sync {
    /// Makes a call that reads from it.
    fn reading(&self, call: &mut CopyCall<'_>) -> rustix::io::Result<usize> {
        call(self.as_fd())
    }

    /// Makes a call that writes to it.
    fn writing(&self, call: &mut CopyCall<'_>) -> rustix::io::Result<usize> {
        call(self.as_fd())
    }
}

/// Counts what is moved, and keeps an error of the connection for the other half.
#[cfg(feature = "net")]
impl Descriptor for SharedSocket {
    fn reading(&self, call: &mut CopyCall<'_>) -> rustix::io::Result<usize> {
        self.receiving(|| call(self.as_fd()))
    }

    fn writing(&self, call: &mut CopyCall<'_>) -> rustix::io::Result<usize> {
        self.sending(|| call(self.as_fd()))
    }
}

/// A file on a disk.
impl Descriptor for File {}

/// An end of a pipe.
impl Descriptor for OwnedFd {}

/// The kind of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DescriptorKind {
    File,
    Pipe,
    Socket,
}

/// One end of a copy.
pub(crate) struct End {
    fd: Arc<dyn Descriptor>,
    pub(super) kind: DescriptorKind,
    /// `None` for a regular file, whose calls block.
    waker: Option<Waker>,
    limits: Timeouts,
    stall: WriteStall,
}

impl End {
    /// A regular file or a pipe, with how to wait on it; `None` for anything else. The other owner of the
    /// descriptor does not use it while the copy runs.
    pub(crate) fn file<D: Descriptor + 'static>(
        fd: &Arc<D>,
        polled: Option<&Polled>,
    ) -> Option<Self> {
        let mode = fstat(fd).ok()?.st_mode;
        let kind = match FileType::from_raw_mode(mode) {
            FileType::RegularFile => DescriptorKind::File,
            FileType::Fifo => DescriptorKind::Pipe,
            _ => return None,
        };
        Some(Self {
            fd: Arc::<D>::clone(fd),
            kind,
            waker: polled.map(|polled| polled.waker().clone()),
            limits: Timeouts::idle_for(polled.and_then(Polled::idle)),
            stall: WriteStall::default(),
        })
    }

    #[cfg(feature = "net")]
    pub(crate) fn socket(connection: &Arc<SharedSocket>, waker: &Waker, limits: Timeouts) -> Self {
        Self {
            fd: Arc::<SharedSocket>::clone(connection),
            kind: DescriptorKind::Socket,
            waker: Some(waker.clone()),
            limits,
            stall: WriteStall::default(),
        }
    }

    pub(super) fn wait(&mut self, ready: Ready) -> Result<(), Error> {
        let Some(waker) = &self.waker else {
            return Ok(());
        };
        match (self.kind, ready) {
            (DescriptorKind::Socket, Ready::ToWrite) => {
                self.stall.wait(&self.limits, waker, &*self.fd)
            }
            _ => self.limits.wait(waker, &*self.fd, ready),
        }
    }

    /// Whether a call on it may wait for a peer, whatever its own flags are. A call on a pipe does not.
    pub(super) fn blocks(&self) -> bool {
        self.kind == DescriptorKind::Socket && blocks(&*self.fd)
    }

    /// Makes a call that writes to it, and repeats it after a signal.
    pub(super) fn write(
        &mut self,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        let moved = rustix::io::retry_on_intr(|| self.fd.writing(&mut call));
        if moved.is_ok() {
            self.stall.is_over();
        }
        moved
    }
}

/// The end that is read.
pub(crate) struct ReadEnd {
    pub(super) end: End,
    /// The caller has promised that the file does not change before its bytes have arrived.
    pub(super) stable: bool,
    /// How many bytes are left of the range. A buffered read goes on from there.
    left: Option<Arc<AtomicU64>>,
    /// A byte was moved.
    moved: bool,
    /// It was waited for since the last call.
    pub(super) ready: bool,
    /// It must be waited for before each call.
    waits_first: bool,
}

impl ReadEnd {
    pub(crate) fn new(end: End) -> Self {
        // A FIFO that has no writer yet reads as if it had ended.
        let waits_first = end.kind == DescriptorKind::Pipe;
        Self {
            end,
            stable: false,
            left: None,
            moved: false,
            ready: false,
            waits_first,
        }
    }

    pub(crate) fn stable(mut self, stable: bool) -> Self {
        self.stable = stable;
        self
    }

    pub(crate) fn range(mut self, left: Option<Arc<AtomicU64>>) -> Self {
        self.left = left;
        self
    }

    pub(crate) fn offer(self) -> CopySource {
        CopySource::new(self)
    }

    /// How much of `most` is within the range.
    pub(super) fn most(&self, most: usize) -> usize {
        self.left.as_ref().map_or(most, |left| {
            usize::try_from(left.load(Ordering::Relaxed)).map_or(most, |left| left.min(most))
        })
    }

    pub(super) fn wait(&mut self) -> Result<(), Error> {
        self.end.wait(Ready::ToRead)?;
        self.ready = true;
        Ok(())
    }

    /// Whether it must be waited for before the next call.
    pub(super) const fn must_wait(&self) -> bool {
        self.waits_first && !self.ready
    }

    /// Makes a call that reads from it, and repeats it after a signal.
    pub(super) fn read(
        &mut self,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        let moved = rustix::io::retry_on_intr(|| self.end.fd.reading(&mut call))?;
        if moved > 0 {
            self.took(moved);
        }
        Ok(moved)
    }

    fn took(&mut self, bytes: usize) {
        self.moved = true;
        self.ready = false;
        if let Some(left) = &self.left {
            left.fetch_sub(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The result of a call that has read no byte, although some were wanted.
    pub(super) fn ended(&self) -> Result<CopyStep, CopyFailure> {
        if self.end.kind == DescriptorKind::File && !self.moved {
            // Files in /proc have the length 0, and are not empty.
            return Ok(CopyStep::Refused(BufferedReason::Empty));
        }
        match &self.left {
            // The range was within the file when it was set.
            Some(_) => Err(CopyFailure {
                side: CopySide::Source,
                error: io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            }),
            None => Ok(CopyStep::End),
        }
    }
}

/// Whether a call on a socket may block, whatever its own flags are.
pub(super) fn blocks(socket: impl AsFd) -> bool {
    fcntl_getfl(socket).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK))
}

/// Fails when the lifetime of one of the two is over.
pub(super) fn check(from: &ReadEnd, to: &End) -> Result<(), CopyFailure> {
    let broken = |side| move |error| CopyFailure { side, error };
    from.end.limits.check().map_err(broken(CopySide::Source))?;
    to.limits.check().map_err(broken(CopySide::Sink))
}

/// What the error of a call between these two means.
pub(super) fn failed(
    from: Option<&ReadEnd>,
    to: Option<&End>,
    errno: Errno,
) -> Result<CopyStep, CopyFailure> {
    let side = match errno {
        // A source that must be waited for was, so it is the sink that is full.
        Errno::AGAIN if to.is_some() => return Ok(CopyStep::Wait(CopySide::Sink)),
        Errno::AGAIN => return Ok(CopyStep::Wait(CopySide::Source)),
        Errno::PIPE if to.is_some_and(|to| to.kind == DescriptorKind::Socket) => CopySide::Sink,
        errno if is_of_a_connection(errno) => {
            if from.is_some_and(|from| from.end.kind == DescriptorKind::Socket) {
                CopySide::Source
            } else {
                CopySide::Sink
            }
        }
        // Any other error is met again by a buffered read or write, which handles it: such as a pipe that
        // has lost its reader, which is not a failure if there was nothing more to write.
        errno => {
            return Ok(CopyStep::Refused(BufferedReason::Refused(
                errno.raw_os_error(),
            )));
        }
    };
    Err(CopyFailure {
        side,
        error: io::Error::from(errno).into(),
    })
}

/// Whether it is an error of the connection, which the kernel reports only once.
pub(super) fn is_of_a_connection(errno: Errno) -> bool {
    [
        Errno::CONNRESET,
        Errno::CONNABORTED,
        Errno::TIMEDOUT,
        Errno::HOSTUNREACH,
        Errno::HOSTDOWN,
        Errno::NETUNREACH,
        Errno::NETDOWN,
        Errno::NETRESET,
        Errno::NOTCONN,
    ]
    .contains(&errno)
}
