//! Calls that do not block on a descriptor that other processes may share.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fstat};
use rustix::net::sockopt::{Timeout, socket_timeout};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

use super::{Ready, Waker};
use crate::cancel::Interrupt;
use crate::error::{Error, ErrorKind};
use crate::stage::buffer_pool::Pool;
use crate::stage::sink::write_vectored;
use crate::stage::source::read_chunk;
use crate::state::batch::Batch;

/// The flags with which anything but a regular file is opened by path: no call on it blocks, including the
/// open, and a terminal does not become the controlling terminal of the process.
pub(crate) const NONBLOCK: i32 = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;

/// How many bytes a pipe that is writable takes without blocking: `PIPE_BUF`.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 4096;
#[cfg(not(target_os = "linux"))]
const PIPE_BYTES: usize = 512;

/// How many bytes a terminal that is writable takes whole: a line end may become two bytes, and there may
/// be room for just these.
const TERMINAL_BYTES: usize = 1;

/// How many bytes the master of a pseudo-terminal that is writable takes whole: no byte becomes two there,
/// and room comes in pieces of this size.
pub(super) const MASTER_BYTES: usize = 256;

/// How many bytes are written at once to another device that is writable.
const DEVICE_BYTES: usize = 4096;

/// How long to wait after poll has reported a descriptor as ready twice, and it was not.
const UNREADY_TICK: Duration = Duration::from_millis(5);

/// How a descriptor is read or written without blocking, and what ends its waits.
///
/// It does not own the descriptor: each call is given it.
#[derive(Debug)]
pub(crate) struct Polled {
    how: How,
    waker: Waker,
    idle: Option<Duration>,
}

/// See the table in the docs of the parent module.
#[derive(Debug)]
enum How {
    /// `O_NONBLOCK` is set, and the description is ours alone.
    NonBlocking,
    /// The same, on a descriptor that was opened anew and is used in place of the one each call is given.
    Again(OwnedFd),
    Socket,
    /// `RWF_NOWAIT` in each call.
    #[cfg(target_os = "linux")]
    NoWait(Kind),
    /// No flag keeps a call from blocking: poll before each, and write at most this number of bytes.
    Little(usize),
}

/// The kind of a descriptor, for the case that `RWF_NOWAIT` is not supported.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Pipe,
    Device,
}

impl Polled {
    /// How to use a descriptor that was handed in, and that other processes may share. `None` for a file
    /// on a disk.
    pub(crate) fn of(fd: impl AsFd, ready: Ready) -> io::Result<Option<Self>> {
        let fd = fd.as_fd();
        let stat = fstat(fd)?;
        let (how, idle) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if is_of_the_kernel(fd, &stat, ready) => {
                (How::first(Kind::Device, fd, ready), None)
            }
            kind if !is_polled(kind) => return Ok(None),
            FileType::Socket => (How::Socket, socket_idle(fd, ready)),
            FileType::CharacterDevice if fd.is_terminal() => (of_terminal(fd, &stat, ready), None),
            FileType::Fifo => (How::first(Kind::Pipe, fd, ready), None),
            _ => (How::first(Kind::Device, fd, ready), None),
        };
        Ok(Some(Self {
            how,
            waker: Waker::new(),
            idle,
        }))
    }

    /// The same for a path that was opened here with [`NONBLOCK`]. Some paths, such as `/dev/stdin`, name
    /// a descriptor that was open before: then the flag is not set.
    pub(crate) fn opened(fd: impl AsFd, ready: Ready) -> io::Result<Option<Self>> {
        let kind = FileType::from_raw_mode(fstat(&fd)?.st_mode);
        let is_ours = fcntl_getfl(&fd)?.contains(OFlags::NONBLOCK);
        if is_ours && is_polled(kind) && kind != FileType::Socket {
            return Ok(Some(Self::non_blocking(Waker::new())));
        }
        Self::of(fd, ready)
    }

    /// For a descriptor with `O_NONBLOCK` whose description is ours alone.
    pub(crate) const fn non_blocking(waker: Waker) -> Self {
        Self {
            how: How::NonBlocking,
            waker,
            idle: None,
        }
    }

    /// A read or a write fails after this time without progress.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle = Some(timeout);
    }

    /// Closes the descriptor that was opened anew, if there is one.
    pub(crate) fn let_go(&mut self) {
        self.how = How::NonBlocking;
    }

    pub(crate) const fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// Waits with this waker, which also ends other waits of its owner.
    #[cfg(feature = "process")]
    pub(crate) fn set_waker(&mut self, waker: Waker) {
        self.waker = waker;
    }

    pub(crate) const fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        self.waker.interrupt()
    }

    /// Waits until the descriptor is ready, or has failed: the call that follows returns the failure.
    ///
    /// The wait ends with that, with a wake, or after the idle timeout.
    pub(crate) fn wait(&self, fd: BorrowedFd<'_>, ready: Ready) -> Result<(), Error> {
        self.waker.wait(fd, ready, self.idle)
    }

    /// Reads what is there. `WouldBlock` if there is nothing.
    pub(crate) fn try_read(&mut self, fd: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
        Ok(match &self.how {
            How::NonBlocking | How::Little(_) => rustix::io::read(fd, room)?,
            How::Again(own) => rustix::io::read(own, room)?,
            How::Socket => recv(fd, room, RecvFlags::DONTWAIT)?.1,
            #[cfg(target_os = "linux")]
            How::NoWait(kind) => {
                use rustix::io::{ReadWriteFlags, preadv2};

                let mut rooms = [io::IoSliceMut::new(room)];
                match preadv2(fd, &mut rooms, HERE, ReadWriteFlags::NOWAIT) {
                    Err(errno) if is_unknown(errno) => {
                        self.how = How::without(*kind, fd, Ready::ToRead);
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    read => read?,
                }
            }
        })
    }

    /// Writes what is taken now. `WouldBlock` if nothing is.
    fn try_write(&mut self, fd: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(match &self.how {
            How::NonBlocking => rustix::io::writev(fd, slices)?,
            How::Again(own) => rustix::io::writev(own, slices)?,
            How::Little(most) => {
                let first = slices.first().map_or(&[][..], |first| first);
                rustix::io::write(fd, &first[..first.len().min(*most)])?
            }
            How::Socket => {
                let mut nothing_else = SendAncillaryBuffer::default();
                sendmsg(fd, slices, &mut nothing_else, SEND)?
            }
            #[cfg(target_os = "linux")]
            How::NoWait(kind) => {
                use rustix::io::{ReadWriteFlags, pwritev2};

                match pwritev2(fd, slices, HERE, ReadWriteFlags::NOWAIT) {
                    Err(errno) if is_unknown(errno) => {
                        self.how = How::without(*kind, fd, Ready::ToWrite);
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    written => written?,
                }
            }
        })
    }

    /// Reads the next chunk. `None` is the end.
    ///
    /// The wait ends with data, the end, a wake, or the idle timeout.
    pub(crate) fn read_chunk(
        &mut self,
        fd: BorrowedFd<'_>,
        pool: &Pool,
    ) -> Result<Option<Bytes>, Error> {
        let mut waited = WaitClock::default();
        loop {
            // Before the read, and not after one in vain: a FIFO without a writer reads as if it had
            // ended. And before a buffer is taken from the pool.
            waited.wait(self, fd, Ready::ToRead)?;
            match read_chunk(pool, |room| self.try_read(fd, room)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Ok(result?),
            }
        }
    }

    /// Writes at least one byte of the front of a batch, and removes what was written.
    ///
    /// The wait ends with room, a failure, a wake, or after the idle timeout.
    pub(crate) fn write(
        &mut self,
        fd: BorrowedFd<'_>,
        batch: &mut Batch<Bytes>,
    ) -> Result<(), Error> {
        let mut waited = WaitClock::default();
        if matches!(self.how, How::Little(_)) {
            waited.wait(self, fd, Ready::ToWrite)?;
        }
        loop {
            match write_vectored(batch, |slices| self.try_write(fd, slices)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    waited.wait(self, fd, Ready::ToWrite)?;
                }
                result => {
                    batch.advance(result?);
                    return Ok(());
                }
            }
        }
    }
}

/// Whether poll reports the readiness of this kind of file.
const fn is_polled(kind: FileType) -> bool {
    !matches!(
        kind,
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory
    )
}

/// Whether the kernel makes the content of this file while it is read, as of `/proc/kmsg`, so that a read
/// may block.
#[cfg(target_os = "linux")]
fn is_of_the_kernel(fd: BorrowedFd<'_>, stat: &Stat, ready: Ready) -> bool {
    use rustix::fs::{FsWord, PROC_SUPER_MAGIC, fstatfs};

    const DEBUGFS_MAGIC: FsWord = 0x6462_6720;
    const TRACEFS_MAGIC: FsWord = 0x7472_6163;

    let made = [PROC_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC];
    // A file with a length is on a disk, and needs no system call.
    stat.st_size == 0
        && matches!(ready, Ready::ToRead)
        && fstatfs(fd).is_ok_and(|found| made.contains(&found.f_type))
}

#[cfg(not(target_os = "linux"))]
fn is_of_the_kernel(_: BorrowedFd<'_>, _: &Stat, _: Ready) -> bool {
    false
}

/// The waits of one read or write.
///
/// Poll is always called on the original descriptor: on a FIFO that was opened anew after its writers had
/// gone, poll does not report the end.
#[derive(Debug, Default)]
struct WaitClock {
    times: u32,
    deadline: Option<Instant>,
    late: Option<Error>,
}

impl WaitClock {
    fn wait(&mut self, polled: &Polled, fd: BorrowedFd<'_>, ready: Ready) -> Result<(), Error> {
        if let Some(late) = self.late.take() {
            return Err(late);
        }
        if self.times == 0 {
            // A time that cannot be represented is no limit.
            self.deadline = polled
                .idle
                .and_then(|idle| Instant::now().checked_add(idle));
        } else if self.times > 1 {
            // Some devices cannot be polled, and are always reported as ready.
            polled.waker.rest(UNREADY_TICK)?;
        }
        self.times += 1;
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        match polled.waker.wait(fd, ready, left) {
            // As in `WriteStall`: a slow peer may have taken less than a third of the buffer, which poll
            // does not report. So the write is tried once more.
            Err(error)
                if matches!(polled.how, How::Socket) && error.kind() == ErrorKind::TimedOut =>
            {
                self.late = Some(error);
                Ok(())
            }
            result => result,
        }
    }
}

impl How {
    #[cfg(target_os = "linux")]
    const fn first(kind: Kind, _: BorrowedFd<'_>, _: Ready) -> Self {
        Self::NoWait(kind)
    }

    #[cfg(not(target_os = "linux"))]
    fn first(kind: Kind, fd: BorrowedFd<'_>, ready: Ready) -> Self {
        Self::without(kind, fd, ready)
    }

    /// How to use a descriptor that does not support `RWF_NOWAIT`.
    fn without(kind: Kind, fd: BorrowedFd<'_>, ready: Ready) -> Self {
        match kind {
            Kind::Pipe => again(fd, ready).map_or(Self::Little(PIPE_BYTES), Self::Again),
            // To open a device anew may have side effects.
            Kind::Device => Self::Little(DEVICE_BYTES),
        }
    }
}

fn of_terminal(fd: BorrowedFd<'_>, stat: &Stat, ready: Ready) -> How {
    if is_master(stat) {
        // To open `/dev/ptmx` anew makes another terminal.
        return How::Little(MASTER_BYTES);
    }
    again(fd, ready).map_or(How::Little(TERMINAL_BYTES), How::Again)
}

/// Whether it is `/dev/ptmx`: major 5, minor 2 on Linux.
#[cfg(target_os = "linux")]
fn is_master(stat: &Stat) -> bool {
    let number = stat.st_rdev;
    (rustix::fs::major(number), rustix::fs::minor(number)) == (5, 2)
}

/// Elsewhere a master has no name, and so is not opened anew either.
#[cfg(not(target_os = "linux"))]
fn is_master(_: &Stat) -> bool {
    false
}

/// Opens a pipe or a terminal anew with `O_NONBLOCK`. The new description is ours alone, so the flags of the
/// other processes do not change. It fails if the file belongs to another user, for example.
fn again(fd: BorrowedFd<'_>, ready: Ready) -> Option<OwnedFd> {
    let mut options = OpenOptions::new();
    match ready {
        Ready::ToRead => options.read(true),
        Ready::ToWrite => options.write(true),
        #[cfg(any(feature = "http", feature = "wire"))]
        Ready::Either => options.read(true).write(true),
    };
    let opened: File = options.custom_flags(NONBLOCK).open(name_of(fd)?).ok()?;
    let is_same = fstat(fd).ok()?.st_rdev == fstat(&opened).ok()?.st_rdev;
    is_same.then(|| opened.into())
}

#[cfg(target_os = "linux")]
fn name_of(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;

    Some(PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd())))
}

/// A pipe has no name.
#[cfg(not(target_os = "linux"))]
fn name_of(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    let name = rustix::termios::ttyname(fd, Vec::new()).ok()?;
    Some(PathBuf::from(name.into_string().ok()?))
}

/// The timeout that is set on the socket itself (`SO_RCVTIMEO`, `SO_SNDTIMEO`).
fn socket_idle(fd: BorrowedFd<'_>, ready: Ready) -> Option<Duration> {
    let which = match ready {
        Ready::ToRead => Timeout::Recv,
        _ => Timeout::Send,
    };
    socket_timeout(fd, which).ok().flatten()
}

#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::DONTWAIT;

/// The offset of `preadv2` that stands for the current position.
#[cfg(target_os = "linux")]
const HERE: u64 = u64::MAX;

/// Whether the kernel does not support `RWF_NOWAIT` for this descriptor. If the error has another cause,
/// the call that is made instead returns it too.
#[cfg(target_os = "linux")]
fn is_unknown(errno: rustix::io::Errno) -> bool {
    use rustix::io::Errno;

    [Errno::OPNOTSUPP, Errno::INVAL, Errno::NOSYS, Errno::PERM].contains(&errno)
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests;
