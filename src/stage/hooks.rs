//! What a source or a sink can do beside reading and writing: the extension points of their traits.
//!
//! The ends of this library use them. A user's own end needs none of them, and one that wraps
//! another end passes its hooks on, in one line.

use super::copy_path::BufferedReason;
use super::file_id::FileId;
use super::offer::{CopySource, ZeroCopy};
use crate::cancel::CancelToken;

/// What some sources can do beside [`read`](crate::Source::read). Returned by
/// [`Source::hooks`](crate::Source::hooks).
///
/// Each method does nothing if it is not implemented. A source that wraps another one passes the
/// hooks of that on, or, to change some, implements this and calls those of the other:
///
/// ```
/// use highwater::{Bytes, Error, Source, pipeline};
/// use highwater::stage::SourceHooks;
/// use highwater::stream::take_bytes;
///
/// /// Counts the chunks of another source.
/// struct Counted<S>(S, u64);
///
/// impl<S: Source<Bytes>> Source<Bytes> for Counted<S> {
///     fn read(&mut self) -> Result<Option<Bytes>, Error> {
///         let chunk = self.0.read()?;
///         self.1 += u64::from(chunk.is_some());
///         Ok(chunk)
///     }
///
///     fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
///         self.0.hooks()
///     }
/// }
///
/// let mut source = Counted(take_bytes(&b"some bytes"[..], 4), 0);
/// assert_eq!(source.read()?.as_deref(), Some(&b"some"[..]));
/// assert_eq!(source.1, 1);
/// # Ok::<(), highwater::Error>(())
/// ```
pub trait SourceHooks<T> {
    /// Returns whether [`finish`](Self::finish) is to be called when everything that it brought was
    /// read. The thread that reads it waits for that after the end. The [`offer`](Self::offer) of
    /// such a source is not used.
    fn confirms(&mut self) -> bool {
        false
    }

    /// Called when everything was read, right before it is dropped, if it
    /// [`confirms`](Self::confirms). If not everything was read, [`Source::fail`](crate::Source::fail)
    /// is called instead.
    fn finish(&mut self) {}

    /// Takes the token of the stream that reads it, before the first read.
    ///
    /// A source that is torn down from its other side, by a destroy, an abort or a cut, aborts that
    /// token with the cause. Its next [`read`](crate::Source::read) would return the same, but may
    /// come late: the stream may be blocked in a write of earlier chunks to a peer that does not
    /// read.
    fn aborts(&mut self, stream: &CancelToken) {
        let _ = stream;
    }

    /// The number of the source that it reads now, of several that follow one another. Its
    /// [name](crate::Source::name) is that of this one, and the [offset](crate::Error::offset) of an error
    /// counts from where this one began.
    fn part(&mut self) -> usize {
        0
    }

    /// The files that it reads, where they are known. A pipeline that writes one of them would
    /// empty its own input, or read its own output for ever: it fails before it begins.
    fn files(&mut self) -> Vec<FileId> {
        Vec::new()
    }

    /// Limits how many bytes it brings at once, so that a limit on the rate does not come in
    /// bursts. Called before the first [`read`](crate::Source::read). A source whose chunks have
    /// meaningful boundaries, or that reads less at once anyway, does nothing.
    fn set_chunk_bytes(&mut self, most: usize) {
        let _ = most;
    }

    /// Offers its sink a copy that no chunk takes part in. After what such a copy has moved,
    /// [`read`](crate::Source::read) goes on, if it comes to that.
    fn offer(&mut self) -> Option<CopySource> {
        None
    }
}

/// What some sinks can do beside [`write`](crate::Sink::write). Returned by
/// [`Sink::hooks`](crate::Sink::hooks).
///
/// Each method does nothing if it is not implemented. A sink that wraps another one, and neither
/// changes nor counts what is written, passes the hooks of that on.
pub trait SinkHooks<T> {
    /// The file that it writes, where that is known. See [`SourceHooks::files`]: a pipeline checks
    /// it before the first [`write`](crate::Sink::write), so the file must not be emptied before
    /// that.
    fn file(&mut self) -> Option<FileId> {
        None
    }

    /// Accepts the offer of a source, or returns why it cannot. What the copy moves counts as
    /// written; after it the sink is finished, or failed, as after writes.
    ///
    /// # Errors
    ///
    /// Why the chunks of the source have to be written instead.
    fn accept(&mut self, offer: CopySource) -> Result<ZeroCopy<T>, BufferedReason> {
        drop(offer);
        Err(BufferedReason::Sink)
    }
}
