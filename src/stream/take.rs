//! The first bytes of a source, and no more.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::into::IntoSource;
use crate::cancel::{CancelToken, Interrupt};
use crate::error::Error;
use crate::stage::file_id::FileId;
use crate::stage::hooks::SourceHooks;
use crate::stage::offer::CopySource;
use crate::stage::source::{HookedSource, Source};

/// The first bytes of a source; see [`take_bytes`].
#[derive(Debug)]
pub struct TakeBytes<S> {
    inner: S,
    /// A copy in the kernel counts it down too.
    left: Arc<AtomicU64>,
    /// The source has ended by itself.
    ended: bool,
}

/// Reads the first `most` bytes of a source, or all of it if there are fewer, and ends there.
///
/// A copy in the kernel stays one. What the source has read beyond that goes with it.
///
/// # Examples
///
/// ```
/// use highwater::{fs, pipeline};
/// use highwater::stream::take_bytes;
///
/// let head = take_bytes(fs::read("Cargo.toml")?, 9);
/// let (_, head) = pipeline(head).to(Vec::new()).run_into()?;
/// assert_eq!(head.into_inner(), b"[package]");
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn take_bytes<S: IntoSource<Bytes>>(source: S, most: u64) -> TakeBytes<S::Source> {
    TakeBytes {
        inner: source.into_source(),
        left: Arc::new(AtomicU64::new(most)),
        ended: false,
    }
}

impl<S: Source<Bytes>> Source<Bytes> for TakeBytes<S> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(None);
        }
        let Some(mut chunk) = self.inner.read()? else {
            self.ended = true;
            return Ok(None);
        };
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.left.fetch_sub(chunk.len() as u64, Ordering::Relaxed);
        Ok(Some(chunk))
    }

    fn fail(&mut self, cause: &Error) {
        self.inner.fail(cause);
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.inner.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        self.inner.name()
    }

    fn len_hint(&self) -> Option<u64> {
        let left = self.left.load(Ordering::Relaxed);
        Some(self.inner.len_hint()?.min(left))
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl<S: Source<Bytes>> SourceHooks<Bytes> for TakeBytes<S> {
    fn confirms(&mut self) -> bool {
        self.inner.confirms()
    }

    fn finish(&mut self) {
        if self.ended {
            self.inner.finish();
        } else {
            self.inner.fail(&Error::enough());
        }
    }

    fn aborts(&mut self, stream: &CancelToken) {
        self.inner.aborts(stream);
    }

    fn part(&mut self) -> usize {
        self.inner.part()
    }

    fn files(&mut self) -> Vec<FileId> {
        self.inner.files()
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        self.inner.set_chunk_bytes(most);
    }

    fn offer(&mut self) -> Option<CopySource> {
        Some(self.inner.offer()?.up_to(&self.left))
    }
}
