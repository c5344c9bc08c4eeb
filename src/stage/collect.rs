//! Sinks that make one thing of everything.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::sink::Sink;
use crate::error::{Error, ErrorKind};
use crate::state::batch::Batch;

/// Keeps every item, up to a number: Node's `toArray`, which has no limit.
///
/// # Examples
///
/// ```
/// use highwater::{ErrorKind, HighWaterMark, Readable, pipeline_of};
/// use highwater::stage::Collect;
///
/// let mark = HighWaterMark::items(4);
/// let numbers = pipeline_of(Readable::from_iter(1.., mark), mark);
/// let failure = numbers.to(Collect::at_most(1_000)).run().unwrap_err();
/// assert_eq!(failure.error.kind(), ErrorKind::LimitExceeded);
/// ```
#[derive(Debug)]
pub struct Collect<T> {
    items: Vec<T>,
    most: usize,
}

impl<T> Collect<T> {
    /// Keeps at most this many items. One more is [`ErrorKind::LimitExceeded`].
    #[must_use]
    pub const fn at_most(items: usize) -> Self {
        Self {
            items: Vec::new(),
            most: items,
        }
    }

    /// What it has kept.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.items
    }
}

impl<T: Send> Sink<T> for Collect<T> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        if self.items.len() >= self.most {
            return Err(too_many(self.most, "items"));
        }
        self.items.extend(batch.pop().map(|first| first.chunk));
        Ok(())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("collect")
    }
}

/// What comes past the limit of a collection.
pub(crate) fn too_many(most: usize, what: &str) -> Error {
    let said = format!("more than {most} {what}, which is the limit");
    Error::new(ErrorKind::LimitExceeded, said)
}

/// Keeps every byte, up to a number.
///
/// # Examples
///
/// ```
/// use highwater::pipeline;
/// use highwater::stage::CollectBytes;
///
/// let (_, all) = pipeline(&b"abc"[..]).to(CollectBytes::at_most(1024)).run_into()?;
/// assert_eq!(all.into_bytes(), "abc");
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct CollectBytes {
    bytes: BytesMut,
    most: usize,
}

impl CollectBytes {
    /// Keeps at most this many bytes. More are [`ErrorKind::LimitExceeded`].
    #[must_use]
    pub fn at_most(bytes: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            most: bytes,
        }
    }

    /// What it has kept.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }

    pub(crate) fn add(&mut self, chunk: &[u8]) -> Result<(), Error> {
        if chunk.len() > self.most - self.bytes.len() {
            return Err(too_many(self.most, "bytes").at(self.bytes.len() as u64));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

impl Sink<Bytes> for CollectBytes {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        if let Some(first) = batch.first() {
            self.add(first)?;
        }
        batch.pop();
        Ok(())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("collect")
    }
}

/// Makes one value of everything: Node's `reduce`.
pub struct Fold<A, F> {
    /// None only while a step runs, or after one has panicked.
    value: Option<A>,
    step: F,
}

impl<A, F> Fold<A, F> {
    /// Begins with `value`, and makes the next of it with each chunk.
    pub const fn new(value: A, step: F) -> Self {
        Self {
            value: Some(value),
            step,
        }
    }
}

impl<A, F> Fold<A, F> {
    /// What it has come to.
    ///
    /// # Panics
    ///
    /// If a step has panicked, which is the error of its pipeline: that gives back no sink.
    #[expect(clippy::expect_used, reason = "see above")]
    pub fn into_inner(self) -> A {
        self.value.expect("no step has panicked")
    }
}

impl<A, F> std::fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fold(..)")
    }
}

impl<T, A: Send, F: FnMut(A, T) -> A + Send> Sink<T> for Fold<A, F> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        if let Some(first) = batch.pop() {
            if let Some(value) = self.value.take() {
                self.value = Some((self.step)(value, first.chunk));
            }
        }
        Ok(())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("fold")
    }
}
