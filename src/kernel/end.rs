//! The ends of a copy, and which call goes from what to what.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::Errno;

use super::copies::{OfFile, Splice, SpliceThrough};
use crate::connection::Connection;
use crate::error::Error;
use crate::fd::{Polled, Ready, Waker};
use crate::offer::{Broken, KernelCopy, Offer, Side, Step};
use crate::options::Limits;
use crate::path::Why;
use crate::stall::Stall;

/// A call, given the descriptor that it is made on. It does not wait for a peer.
pub(crate) type Call<'a> = dyn FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize> + 'a;

/// What a copy is made on.
pub(crate) trait Descriptor: AsFd + Send + Sync {
    /// Makes a call that reads from it.
    fn reading(&self, call: &mut Call<'_>) -> rustix::io::Result<usize> {
        call(self.as_fd())
    }

    /// Makes a call that writes to it.
    fn writing(&self, call: &mut Call<'_>) -> rustix::io::Result<usize> {
        call(self.as_fd())
    }
}

/// What it moves is counted, and what breaks it is told to both halves.
impl Descriptor for Connection {
    fn reading(&self, call: &mut Call<'_>) -> rustix::io::Result<usize> {
        self.receiving(|| call(self.as_fd()))
    }

    fn writing(&self, call: &mut Call<'_>) -> rustix::io::Result<usize> {
        self.sending(|| call(self.as_fd()))
    }
}

/// A file on a disk.
impl Descriptor for File {}

/// An end of a pipe.
impl Descriptor for OwnedFd {}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Pipe,
    Socket,
}

/// One end of a copy.
pub(crate) struct End {
    fd: Arc<dyn Descriptor>,
    pub(super) kind: Kind,
    /// A regular file has none, and is waited for in the call.
    waker: Option<Waker>,
    limits: Limits,
    stall: Stall,
}

impl End {
    /// A regular file or a pipe, with how it waits; none if it is anything else. Its other
    /// owner does not use it for as long as the copy is made.
    pub(crate) fn file<D: Descriptor + 'static>(
        fd: &Arc<D>,
        polled: Option<&Polled>,
    ) -> Option<Self> {
        let mode = fstat(fd).ok()?.st_mode;
        let kind = match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Kind::File,
            FileType::Fifo => Kind::Pipe,
            _ => return None,
        };
        Some(Self {
            fd: Arc::<D>::clone(fd),
            kind,
            waker: polled.map(|polled| polled.waker().clone()),
            limits: Limits::idle_for(polled.and_then(Polled::idle)),
            stall: Stall::default(),
        })
    }

    pub(crate) fn socket(connection: &Arc<Connection>, waker: &Waker, limits: Limits) -> Self {
        Self {
            fd: Arc::<Connection>::clone(connection),
            kind: Kind::Socket,
            waker: Some(waker.clone()),
            limits,
            stall: Stall::default(),
        }
    }

    pub(super) fn wait(&mut self, ready: Ready) -> Result<(), Error> {
        let Some(waker) = &self.waker else {
            return Ok(());
        };
        match (self.kind, ready) {
            (Kind::Socket, Ready::ToWrite) => self.stall.wait(&self.limits, waker, &*self.fd),
            _ => self.limits.wait(waker, &*self.fd, ready),
        }
    }

    /// Says whether a call on it may wait for a peer, whatever flags it has. A pipe does not.
    fn blocks(&self) -> bool {
        self.kind == Kind::Socket && blocks(&*self.fd)
    }

    /// Makes a call that writes to it, and again what a signal has interrupted.
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
    /// Nobody changes what was read of it before it has arrived.
    stable: bool,
    /// What is left of the range that was asked for, which a buffered read goes on from.
    left: Option<Arc<AtomicU64>>,
    /// Something was moved.
    moved: bool,
    /// It has to be waited for before each call, and was.
    pub(super) ready: bool,
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

    /// Says whether it has to be waited for before the next call.
    pub(super) fn is_to_be_asked(&mut self) -> bool {
        self.asks && !self.ready
    }

    /// Makes a call that reads from it, and again what a signal has interrupted.
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

    /// A call has read nothing, of something that was asked for.
    pub(super) fn ended(&self) -> Result<Step, Broken> {
        if self.end.kind == Kind::File && !self.moved {
            // Those of /proc say that they are empty, and are not.
            return Ok(Step::Refused(Why::Empty));
        }
        match &self.left {
            // It was there when it was asked for.
            Some(_) => Err(Broken {
                side: Side::Source,
                error: io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            }),
            None => Ok(Step::End),
        }
    }
}

/// Says whether a call on a socket waits, whatever flags it has.
pub(super) fn blocks(socket: impl AsFd) -> bool {
    fcntl_getfl(socket).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK))
}

/// Says no when the life of one of the two is over.
pub(super) fn check(from: &ReadEnd, to: &End) -> Result<(), Broken> {
    let broken = |side| move |error| Broken { side, error };
    from.end.limits.check().map_err(broken(Side::Source))?;
    to.limits.check().map_err(broken(Side::Sink))
}

/// Puts an offer together with what takes it.
pub(crate) fn pair(offer: Offer, to: Option<End>) -> Result<KernelCopy<Bytes>, Why> {
    let room = offer.room();
    let from: ReadEnd = offer.into_end().ok_or(Why::Source)?;
    let to = to.ok_or(Why::Sink)?;
    // It may be another's too, and is not told to do otherwise.
    if from.end.blocks() || to.blocks() {
        return Err(Why::Blocks);
    }
    Ok(KernelCopy(match (from.end.kind, to.kind) {
        (Kind::File, Kind::File) => Box::new(OfFile::to_file(from, to)),
        (Kind::File, _) if !from.stable => return Err(Why::MayChange),
        (Kind::File, Kind::Socket) => Box::new(OfFile::to_socket(from, to)),
        (Kind::Socket, Kind::File | Kind::Socket) => {
            let through = SpliceThrough::new(from, to, room);
            Box::new(through.map_err(|errno| Why::Refused(errno.raw_os_error()))?)
        }
        (Kind::Pipe, _) | (_, Kind::Pipe) => Box::new(Splice { from, to }),
    }))
}

/// What an error of a call between these two means.
pub(super) fn failed(
    from: Option<&ReadEnd>,
    to: Option<&End>,
    errno: Errno,
) -> Result<Step, Broken> {
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
