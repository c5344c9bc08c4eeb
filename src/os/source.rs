//! A descriptor as a source.

use std::borrow::Cow;
#[cfg(feature = "process")]
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Polled;
use crate::cancel::Interrupt;
use crate::error::Error;
use crate::stage::buffer_pool::Pool;
use crate::stage::hooks::SourceHooks;
#[cfg(feature = "process")]
use crate::stage::source::read_chunk;
use crate::stage::source::{Source, shrink};

/// A descriptor as a source: anything that can be polled.
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

    /// A read fails after this time without a byte.
    pub(crate) const fn set_idle_timeout(&mut self, timeout: Duration) {
        self.polled.set_idle_timeout(timeout);
    }

    pub(crate) fn set_pool(&mut self, pool: Pool) {
        self.pool = pool;
    }

    /// Its descriptor, and how to wait on it.
    #[cfg(target_os = "linux")]
    pub(crate) const fn parts(&self) -> (&Arc<OwnedFd>, &Polled) {
        (&self.fd, &self.polled)
    }

    /// Reads what is there, also after a wake. `WouldBlock` if there is nothing.
    #[cfg(feature = "process")]
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

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for FdSource {
    fn set_chunk_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }
}
