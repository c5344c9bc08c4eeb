//! Descriptors that are read and written without blocking in the call.
//!
//! A thread that is blocked in `read` cannot be called back. So the threads of a stream never
//! block in one: they poll the descriptor together with a second one, that an [`Interrupt`] writes
//! to, and make calls that do not wait.
//!
//! Whether a call waits is a flag of the open file description (`O_NONBLOCK`), which is shared with
//! every process that has inherited it. So it is set only where we have opened the descriptor
//! ourselves. What was handed in keeps its flags, whatever they are, and is used like this:
//!
//! | kind | how a call does not wait |
//! | --- | --- |
//! | opened by path, save for regular files | `O_NONBLOCK`, ours alone |
//! | regular file, block device, folder | it waits for the disk; nothing ends that |
//! | file that the kernel makes as it is read, as `/proc/kmsg` | as a device |
//! | socket | `MSG_DONTWAIT` |
//! | terminal | opened once more with `O_NONBLOCK`, by way of `/proc/self/fd` or its name; else a byte after each poll |
//! | terminal, the master of a pseudo-terminal | [`MASTER_BYTES`](polled::MASTER_BYTES) at most after each poll |
//! | pipe, FIFO | `RWF_NOWAIT`; else opened once more as a terminal is; else `PIPE_BUF` at most after each poll |
//! | other devices | `RWF_NOWAIT`; else a page at most after each poll |
//!
//! After each poll means: only once poll says that it is ready, and no more than what is ready
//! takes whole. Only another process or thread that uses the same descriptor at the same moment can
//! then make the call wait. `RWF_NOWAIT` is Linux, for pipes since 6.4.

pub(crate) mod byte_counts;
mod close;
pub(crate) mod copy;
mod known;
mod polled;
pub(crate) mod shared_socket;
mod sink;
pub(crate) mod stall;
pub(crate) mod timeouts;
pub(crate) mod wait;
mod waker;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::error::Error;
use crate::stage::buffer_pool::Pool;
use crate::stage::source::{Source, read_chunk, shrink};

pub(crate) use close::close;
pub(crate) use known::Handed;
pub(crate) use polled::{NONBLOCK, Polled};
pub(crate) use sink::{FdSink, is_unread};
pub(crate) use waker::{Ready, WakeOnCancel, Waker};

/// A pipe: the end that is read, and the one that is written. No child inherits them.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    #[cfg(not(target_vendor = "apple"))]
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // Apple's systems have no one call for that: a child that is started in between has them too.
    #[cfg(target_vendor = "apple")]
    let (reader, writer) = {
        use rustix::io::{FdFlags, fcntl_setfd};

        let (reader, writer) = rustix::pipe::pipe()?;
        fcntl_setfd(&reader, FdFlags::CLOEXEC)?;
        fcntl_setfd(&writer, FdFlags::CLOEXEC)?;
        (reader, writer)
    };
    Ok((reader.into(), writer.into()))
}

/// A descriptor as a source: everything that `poll` tells something about.
#[derive(Debug)]
pub(crate) struct FdSource {
    fd: Arc<OwnedFd>,
    polled: Polled,
    name: Cow<'static, str>,
    pool: Pool,
}

impl FdSource {
    pub(crate) fn new(
        fd: impl Into<OwnedFd>,
        polled: Polled,
        name: impl Into<Cow<'static, str>>,
        pool: Pool,
    ) -> Self {
        Self {
            fd: Arc::new(fd.into()),
            polled,
            name: name.into(),
            pool,
        }
    }

    /// Waits no longer than that for something to come.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.polled.set_idle_timeout(timeout);
    }

    pub(crate) fn set_pool(&mut self, pool: Pool) {
        self.pool = pool;
    }

    /// What it reads, and how it waits.
    #[cfg(target_os = "linux")]
    pub(crate) const fn parts(&self) -> (&Arc<OwnedFd>, &Polled) {
        (&self.fd, &self.polled)
    }

    /// Reads what is there, woken or not. `WouldBlock`, if that is nothing.
    pub(crate) fn read_now(&mut self) -> io::Result<Option<Bytes>> {
        let Self {
            fd, polled, pool, ..
        } = self;
        read_chunk(pool, |room| polled.try_read(fd.as_fd(), room))
    }
}

impl Source<Bytes> for FdSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let Self {
            fd, polled, pool, ..
        } = self;
        polled.read_chunk(fd.as_fd(), pool)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.polled.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }
}
