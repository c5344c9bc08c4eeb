//! The reading half of a socket as a source.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::cancel::Interrupt;
use crate::channel::mark::READ_BYTES;
use crate::error::Error;
#[cfg(target_os = "linux")]
use crate::os::copy::{End, ReadEnd};
use crate::os::shared_socket::SharedSocket;
use crate::os::timeouts::Timeouts;
use crate::os::{Ready, Waker};
use crate::stage::buffer_pool::Pool;
use crate::stage::hooks::SourceHooks;
#[cfg(target_os = "linux")]
use crate::stage::offer::CopySource;
use crate::stage::source::{Source, read_chunk, read_pool, shrink};

/// The reading half of a [`Socket`](super::Socket) as a [`Source`].
///
/// A read waits for bytes or for the end. A cancel, the [read timeout](crate::net::SocketOptions::read_timeout) and
/// the end of the [lifetime](crate::net::SocketOptions::lifetime) end the wait with an error.
#[derive(Debug)]
pub struct SocketSource {
    shared: Arc<SharedSocket>,
    waker: Waker,
    limits: Timeouts,
    pool: Pool,
}

impl SocketSource {
    pub(super) fn new(shared: Arc<SharedSocket>, limits: Timeouts) -> Self {
        Self {
            shared,
            waker: Waker::new(),
            limits,
            pool: read_pool(READ_BYTES),
        }
    }

    /// Sets the largest number of bytes that one read returns, up to 1 MiB. The default is
    /// [`READ_BYTES`].
    #[must_use]
    #[doc(alias = "highWaterMark")]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.pool = read_pool(bytes);
        self
    }
}

impl Source<Bytes> for SocketSource {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let Self {
            shared,
            waker,
            limits,
            pool,
        } = self;
        limits.check()?;
        loop {
            // An empty buffer goes back to the pool before the wait: an idle connection holds none.
            let got = read_chunk(pool, |room| shared.receive(room));
            match got {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    limits.wait(waker, &**shared, Ready::ToRead)?;
                }
                result => return Ok(result?),
            }
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(self.waker.interrupt())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.shared.name())
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl SourceHooks<Bytes> for SocketSource {
    fn set_chunk_bytes(&mut self, most: usize) {
        shrink(&mut self.pool, most);
    }

    #[cfg(target_os = "linux")]
    fn offer(&mut self) -> Option<CopySource> {
        let end = End::socket(&self.shared, &self.waker, self.limits);
        Some(ReadEnd::new(end).offer())
    }
}
