//! Copies that a source and a sink make together, without a chunk in between.
//!
//! A source offers what the operating system can read from by itself, and a sink that the operating
//! system can write to takes the offer. What an offer is, and how the copy is made, depends on the
//! platform and is part of these ends; a pipeline moves one slice after another.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::copy_path::{BufferedReason, KernelCall};
use crate::error::Error;
use crate::state::batch::Batch;

/// What a source offers to its sink: an end that the kernel can read from by itself.
///
/// A source that wraps another one, and neither changes nor counts what that reads, passes its
/// offer on.
pub struct CopySource {
    end: Box<dyn Any + Send>,
    room: usize,
    /// How many bytes are still wanted, for each limit that was set.
    limits: Vec<Arc<AtomicU64>>,
}

impl CopySource {
    pub(crate) fn new(end: impl Any + Send) -> Self {
        Self {
            end: Box::new(end),
            room: usize::MAX,
            limits: Vec::new(),
        }
    }

    /// The same for at most `left` bytes, which is counted down with what arrives.
    pub(crate) fn up_to(mut self, left: &Arc<AtomicU64>) -> Self {
        self.limits.push(Arc::clone(left));
        self
    }

    /// The limits, taken out for the caller that counts them down.
    pub(crate) fn take_limits(&mut self) -> Vec<Arc<AtomicU64>> {
        std::mem::take(&mut self.limits)
    }

    /// The same, for a copy that holds at most this many bytes.
    pub(crate) fn within(mut self, room: usize) -> Self {
        self.room = room;
        self
    }

    /// How many bytes the copy may hold at once.
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// What was offered, for a sink that can downcast it.
    pub(crate) fn into_end<E: Any>(self) -> Option<E> {
        self.end.downcast().ok().map(|end| *end)
    }
}

impl fmt::Debug for CopySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CopySource(..)")
    }
}

/// A copy that is ready to be made, of what would have been chunks of `T`.
pub struct ZeroCopy<T>(pub(crate) Box<dyn SliceCopier<T>>);

impl<T> fmt::Debug for ZeroCopy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZeroCopy").field(&self.0.call()).finish()
    }
}

/// What a pipeline drives: source and sink in one.
pub(crate) trait SliceCopier<T>: Send {
    /// What it is made with.
    fn call(&self) -> KernelCall;

    /// Moves up to `most` bytes, without waiting for anything but regular files.
    fn step(&mut self, most: usize) -> Result<CopyStep, CopyFailure>;

    /// Waits until a side is ready.
    ///
    /// The wait ends then, with an interrupt of that side, or at the timeout of that side.
    fn wait(&mut self, side: CopySide) -> Result<(), Error>;

    /// How many bytes were read and not written yet, at most.
    fn peak(&self) -> usize {
        0
    }

    /// Takes out what was read and not written.
    fn take_held(&mut self) -> io::Result<Batch<T>> {
        Ok(Batch::new())
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CopyStep {
    /// This many bytes have arrived.
    Moved(usize),
    /// Nothing moves before that side is ready.
    Wait(CopySide),
    /// The source has nothing more.
    End,
    /// Nothing was moved, and nothing will be: the rest has to be read and written.
    Refused(BufferedReason),
}

/// A side of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopySide {
    Source,
    Sink,
}

/// A side has failed.
#[derive(Debug)]
pub(crate) struct CopyFailure {
    pub(crate) side: CopySide,
    pub(crate) error: Error,
}
