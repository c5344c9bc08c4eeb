//! Copies inside the kernel, from descriptor to descriptor.
//!
//! What can be copied so, and with what:
//!
//! | from \ to | file | pipe | socket |
//! | --- | --- | --- | --- |
//! | file | `copy_file_range` | `splice`, if the file is stable | `sendfile`, if the file is stable |
//! | pipe | `splice` | `splice` | `splice` |
//! | socket | `splice`, by way of a pipe | `splice` | `splice`, by way of a pipe |
//!
//! A file is promised to be stable where the kernel sends its pages and not a copy of them:
//! sendfile(2) has the caller see to it that they "remain unmodified until the reader on the other
//! end of `out_fd` has consumed the transferred data". A socket or a pipe that is read has what
//! was sent to it, which nobody can change any more, save a sender who has made that promise
//! himself; and what goes into a file is copied there and then. The standard library draws the
//! same line (rust-lang/rust#108283, for #116451).

mod copies;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::Errno;

use crate::direct::{Broken, Direct, Offer, Side, Step, Why};
use crate::error::Error;
use crate::fd::{Ready, Waker};

use copies::{CopyFileRange, Sendfile, Splice, SpliceThrough};

/// What of a descriptor a copy has to know.
pub(crate) trait Descriptor: AsFd + Send + Sync {
    /// Makes a call that writes to it.
    fn writing(
        &self,
        call: &mut dyn FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        call(self.as_fd())
    }

    /// Says whether an end that was read is one.
    fn ended(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Descriptor for OwnedFd {}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Pipe,
    Socket,
}

/// One end of a copy.
pub(crate) struct End {
    fd: Arc<dyn Descriptor>,
    kind: Kind,
    /// A regular file has none, and is waited for in the call.
    waker: Option<Waker>,
    /// How long it may go without moving a byte.
    idle: Option<Duration>,
}

impl End {
    /// A regular file or a pipe, with what wakes a wait for it; none if it is anything else. It
    /// is opened once more for as long as the copy is made, with the position that it has.
    pub(crate) fn file(fd: impl AsFd, waker: Option<&Waker>) -> Option<Self> {
        let mode = fstat(&fd).ok()?.st_mode;
        let kind = match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Kind::File,
            FileType::Fifo => Kind::Pipe,
            _ => return None,
        };
        Some(Self {
            fd: Arc::new(fd.as_fd().try_clone_to_owned().ok()?),
            kind,
            waker: waker.cloned(),
            idle: None,
        })
    }

    pub(crate) fn socket(fd: Arc<dyn Descriptor>, waker: &Waker, idle: Option<Duration>) -> Self {
        Self {
            fd,
            kind: Kind::Socket,
            waker: Some(waker.clone()),
            idle,
        }
    }

    fn wait(&self, ready: Ready) -> Result<(), Error> {
        match &self.waker {
            Some(waker) => waker.wait(&*self.fd, ready, self.idle),
            None => Ok(()),
        }
    }

    /// Says whether a call on it may wait for a peer, whatever flags it has. A pipe does not.
    fn blocks(&self) -> bool {
        self.kind == Kind::Socket
            && fcntl_getfl(&*self.fd).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK))
    }

    /// Makes a call that writes to it.
    fn write(
        &self,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        rustix::io::retry_on_intr(|| self.fd.writing(&mut call))
    }
}

/// The end that is read.
pub(crate) struct ReadEnd {
    end: End,
    /// Nobody changes what was read of it before it has arrived.
    stable: bool,
    /// What is left of the range that was asked for, which a buffered read goes on from.
    left: Option<Arc<AtomicU64>>,
    /// Something was moved.
    moved: bool,
    /// It has to be waited for before each call, and was.
    ready: bool,
    asks: bool,
}

impl ReadEnd {
    pub(crate) fn new(end: End) -> Self {
        // A FIFO that nobody writes to yet looks as if it had ended.
        let asks = end.kind == Kind::Pipe;
        Self {
            end,
            stable: false,
            left: None,
            moved: false,
            ready: false,
            asks,
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

    pub(crate) fn offer(self) -> Offer {
        Offer::new(self)
    }

    /// How much of `most` is within the range.
    fn most(&self, most: usize) -> usize {
        self.left.as_ref().map_or(most, |left| {
            usize::try_from(left.load(Ordering::Relaxed)).map_or(most, |left| left.min(most))
        })
    }

    fn wait(&mut self) -> Result<(), Error> {
        self.end.wait(Ready::ToRead)?;
        self.ready = true;
        Ok(())
    }

    /// Says whether it has to be waited for before the next call.
    fn is_to_be_asked(&mut self) -> bool {
        self.asks && !self.ready
    }

    fn took(&mut self, bytes: usize) {
        self.moved = true;
        self.ready = false;
        if let Some(left) = &self.left {
            left.fetch_sub(bytes as u64, Ordering::Relaxed);
        }
    }

    /// A call has read nothing, of something that was asked for.
    fn ended(&self) -> Result<Step, Broken> {
        if self.end.kind == Kind::File && !self.moved {
            // Those of /proc say that they are empty, and are not.
            return Ok(Step::Refused(Why::Empty));
        }
        let ended = match &self.left {
            // It was there when it was asked for.
            Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            None => self.end.fd.ended(),
        };
        match ended {
            Ok(()) => Ok(Step::End),
            Err(error) => Err(Broken {
                side: Side::Source,
                error: error.into(),
            }),
        }
    }
}

/// Puts an offer together with what takes it.
pub(crate) fn pair(offer: Offer, to: Option<End>) -> Result<Direct<Bytes>, Why> {
    let room = offer.room();
    let from: ReadEnd = offer.into_end().ok_or(Why::Source)?;
    let to = to.ok_or(Why::Sink)?;
    // It may be another's too, and is not told to do otherwise.
    if [&from.end, &to].iter().any(|end| end.blocks()) {
        return Err(Why::Blocks);
    }
    Ok(Direct(match (from.end.kind, to.kind) {
        (Kind::File, Kind::File) => Box::new(CopyFileRange { from, to }),
        (Kind::File, _) if !from.stable => return Err(Why::MayChange),
        (Kind::File, Kind::Socket) => Box::new(Sendfile { from, to }),
        (Kind::Socket, Kind::File | Kind::Socket) => {
            let through = SpliceThrough::new(from, to, room);
            Box::new(through.map_err(|errno| Why::Refused(errno.raw_os_error()))?)
        }
        (Kind::Pipe, _) | (_, Kind::Pipe) => Box::new(Splice { from, to }),
    }))
}

/// What an error of a call between these two means.
fn failed(from: Option<&ReadEnd>, to: Option<&End>, errno: Errno) -> Result<Step, Broken> {
    let side = match errno {
        // Whoever has to be asked was.
        Errno::AGAIN if to.is_some() => return Ok(Step::Wait(Side::Sink)),
        Errno::AGAIN => return Ok(Step::Wait(Side::Source)),
        Errno::PIPE if to.is_some_and(|to| to.kind == Kind::Socket) => Side::Sink,
        errno if is_of_a_connection(errno) => {
            if from.is_some_and(|from| from.end.kind == Kind::Socket) {
                Side::Source
            } else {
                Side::Sink
            }
        }
        // Anything else a read or a write meets again, and knows what to say of it: such as that a
        // pipe has lost its reader, which is no failure if there was nothing more to write.
        errno => return Ok(Step::Refused(Why::Refused(errno.raw_os_error()))),
    };
    Err(Broken {
        side,
        error: io::Error::from(errno).into(),
    })
}

/// Says whether it is a connection that has failed, which tells of it only once.
fn is_of_a_connection(errno: Errno) -> bool {
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
