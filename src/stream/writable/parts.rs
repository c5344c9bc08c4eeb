//! The smaller parts of a writable: its getters, its cork, its `Drop`, and its face as a
//! [`Write`](io::Write).

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::{Peer, SEGMENT_BYTES, Segment, Writable};
use crate::channel::Channel;
use crate::error::Error;
use crate::stage::buffer_pool::Pool;
use crate::stage::drive::RunDue;

impl<T, S> Writable<T, S> {
    /// What is queued and in flight, in the unit of the mark: Node's `writableLength`.
    ///
    /// A reader's batch counts until its chunks are taken, which a fast reader reports now and
    /// then and not for each one. So this is never too low.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty queue"
    )]
    pub fn len(&self) -> usize {
        self.channel.with_state(|state, _| state.len())
    }

    /// The level at which a write waits: Node's `writableHighWaterMark`.
    #[must_use]
    #[doc(alias = "writableHighWaterMark")]
    pub fn high_water_mark(&self) -> usize {
        self.channel.with_state(|state, _| state.marks().high())
    }

    /// The level at which a write that waits goes on.
    #[must_use]
    pub fn low_water_mark(&self) -> usize {
        self.channel.with_state(|state, _| state.marks().low())
    }

    /// Returns whether a write would wait for a drain: Node's `writableNeedDrain`.
    #[must_use]
    #[doc(alias = "writableNeedDrain")]
    pub fn needs_drain(&self) -> bool {
        self.channel.with_state(|state, _| state.needs_drain())
    }

    /// How many corks are in: Node's `writableCorked`.
    #[must_use]
    pub fn corked(&self) -> usize {
        self.channel.with_state(|state, _| state.corked())
    }

    /// Returns whether this handle has ended, or the stream is gone: Node's `writableEnded`.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended || self.channel.with_state(|state, _| state.is_ended())
    }

    /// Returns whether everything has arrived: Node's `writableFinished`.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.channel.with_state(|state, _| state.is_finished())
    }

    /// Returns whether the stream is gone, with its sink: Node's `closed`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.channel.with_state(|state, _| state.is_closed())
    }

    /// The first cause, if the stream has failed: Node's `errored`.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        let error = self.channel.with_state(|state, _| state.errored().cloned());
        self.reported.fetch_or(error.is_some(), Ordering::Relaxed);
        error
    }

    /// How much of what was written has arrived, in the unit of the mark.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.channel.with_state(|_, stats| stats.confirmed)
    }
}

/// What is written while it lives goes out as one batch; see [`Writable::cork`].
#[must_use = "dropping it uncorks"]
pub struct Cork<T> {
    pub(super) channel: Arc<Channel<T>>,
    /// What has a sink run what was held back.
    pub(super) driver: Option<Arc<dyn RunDue>>,
}

impl<T> Drop for Cork<T> {
    fn drop(&mut self) {
        self.channel.uncork();
        if let Some(driver) = &self.driver {
            driver.run_due();
        }
    }
}

impl<T> fmt::Debug for Cork<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cork(..)")
    }
}

/// Small writes are merged into chunks of up to 32 KiB, or of the high-water mark if that is less.
/// Like a [`BufWriter`](io::BufWriter) it holds them back until a chunk is full, or until `flush`.
/// The first one that finds no room waits for it, as [`Writable::write`] does.
impl<S> io::Write for Writable<Bytes, S> {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if let Some(Segment::Filling { buffer, .. }) = &mut self.segment {
            let copied = buffer.copy_from(data);
            if !buffer.is_full() {
                return Ok(copied);
            }
            self.pass_on()?;
            return Ok(copied);
        }
        self.begin_segment(data)
    }

    /// Passes on what is held back. If a sink is at the other end it also waits until that has
    /// written and flushed everything; the reader of a channel is not waited for.
    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        if let Some(driver) = self.peer.driver() {
            self.note(driver.flush())?;
        }
        Ok(())
    }
}

impl<S> Writable<Bytes, S> {
    #[cold]
    fn begin_segment(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.ended {
            return Err(Error::ended().into());
        }
        if data.is_empty() {
            return Ok(0);
        }
        // One that found no room before goes first.
        self.pass_on()?;
        let high = self.high_water_mark();
        let pool = self
            .pool
            .get_or_insert_with(|| Pool::new(high.clamp(1, SEGMENT_BYTES), 4));
        let mut buffer = pool.take();
        let copied = buffer.copy_from(data);
        let full = buffer.is_full();
        self.segment = Some(Segment::Filling {
            buffer,
            seal: |buffer| buffer.freeze(),
        });
        if full {
            self.pass_on()?;
        }
        Ok(copied)
    }
}

/// One more producer of a channel. Each has to [`end`](Writable::end); one that is dropped without
/// breaks the stream off for all.
impl<T> Clone for Writable<T> {
    fn clone(&self) -> Self {
        if !self.ended {
            self.channel.add_producer();
        }
        let channel = Arc::clone(&self.channel);
        Self {
            channel,
            ended: self.ended,
            segment: None,
            pool: None,
            peer: match self.peer.driver() {
                Some(driver) => Peer::SharedSink(Arc::clone(driver), ()),
                None => Peer::Reader(()),
            },
            reported: AtomicBool::new(false),
        }
    }
}

impl<T, S> fmt::Debug for Writable<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.with_state(|state, _| {
            f.debug_struct("Writable")
                .field("len", &state.len())
                .field("high_water_mark", &state.marks().high())
                .field("needs_drain", &state.needs_drain())
                .field("ended", &state.is_ended())
                .field("errored", &state.errored())
                .finish_non_exhaustive()
        })
    }
}
