//! Waits on descriptors that another thread can end.
//!
//! A thread that is blocked in `read` cannot be called back. So the threads of a stream never
//! block in one: they poll the descriptor together with a second one, that an [`Interrupt`] writes
//! to, and only then read what is known to be there.

mod pipe;
mod waker;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::error::Error;
use crate::pool::Pool;
use crate::source::{Source, read_chunk};

pub(crate) use pipe::{PipeSink, is_unread};
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

/// A pipe, a terminal or a device as a source: everything that `poll` tells something about.
#[derive(Debug)]
pub(crate) struct FdSource<F> {
    file: F,
    name: Cow<'static, str>,
    waker: Waker,
    idle: Option<Duration>,
    pool: Pool,
}

impl<F> FdSource<F> {
    pub(crate) fn new(file: F, name: impl Into<Cow<'static, str>>, pool: Pool) -> Self {
        Self {
            file,
            name: name.into(),
            waker: Waker::new(),
            idle: None,
            pool,
        }
    }

    /// Waits no longer than that for something to come.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle = Some(timeout);
    }

    pub(crate) fn set_pool(&mut self, pool: Pool) {
        self.pool = pool;
    }

    /// Waits with this waker, which its owner has other uses for.
    pub(crate) fn set_waker(&mut self, waker: Waker) {
        self.waker = waker;
    }
}

impl<F: AsFd> FdSource<F> {
    /// What it reads, and what ends its waits.
    #[cfg(target_os = "linux")]
    pub(crate) const fn parts(&self) -> (&F, &Waker) {
        (&self.file, &self.waker)
    }

    /// How long it waits for something to come.
    #[cfg(target_os = "linux")]
    pub(crate) const fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// Reads what is there, woken or not. A descriptor that does not block is `WouldBlock` when
    /// that is nothing.
    pub(crate) fn read_now(&self) -> io::Result<Option<Bytes>> {
        read_chunk(&self.pool, |room| Ok(rustix::io::read(&self.file, room)?))
    }
}

impl<F: AsFd + Send> Source<Bytes> for FdSource<F> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            self.waker.wait(&self.file, Ready::ToRead, self.idle)?;
            match self.read_now() {
                // Somebody else has read it, or a descriptor that does not block was not ready.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}
