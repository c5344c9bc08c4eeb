//! Two threads, one stream.

use std::sync::Arc;

use bytes::Bytes;

use super::readable::Readable;
use super::writable::Writable;
use crate::channel::mark::{HighWaterMark, Unit};
use crate::channel::{Budget, Channel};

/// Makes a stream between two threads: what is written to one end is read from the other.
///
/// The writing end can be cloned, for many producers.
///
/// One thread can use both ends, if it never waits: beyond the mark a write waits for a read, and a
/// read waits for a write. In a process without another thread such a wait fails with
/// [`Deadlock`](crate::ErrorKind::Deadlock), and a write gives its chunk back; with one, the wait
/// goes on, because a reader may still start.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use highwater::{HighWaterMark, channel};
///
/// let (mut writer, reader) = channel(HighWaterMark::items(2));
/// let producer = thread::spawn(move || {
///     for n in 0..1_000 {
///         // The third write waits until the reader has taken one.
///         writer.write(n)?;
///     }
///     writer.finish()
/// });
/// let sum: i32 = reader.sum::<Result<_, _>>()?;
/// assert_eq!(sum, 499_500);
/// producer.join().unwrap()?;
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn channel<T, U: Unit<T>>(mark: HighWaterMark<U>) -> (Writable<T>, Readable<T>) {
    let channel = Arc::new(Channel::new(mark.strategy()));
    channel.between_threads();
    (
        Writable::of_channel(Arc::clone(&channel)),
        Readable::of_channel(channel),
    )
}

/// Makes a stream of bytes between two threads, as [`channel`] does, whose chunks are charged to a
/// budget.
///
/// # Examples
///
/// ```
/// use highwater::{Budget, Bytes, HighWaterMark};
/// use highwater::stream::channel_within;
///
/// let budget = Budget::new(100);
/// let (mut writer, mut reader) = channel_within(HighWaterMark::bytes(1024), &budget);
/// writer.write(Bytes::from_static(b"charged"))?;
/// let chunk = reader.next().transpose()?;
/// assert_eq!(budget.used(), 7);
/// drop(chunk);
/// assert_eq!(budget.used(), 0);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn channel_within<U: Unit<Bytes>>(
    mark: HighWaterMark<U>,
    budget: &Budget,
) -> (Writable<Bytes>, Readable<Bytes>) {
    let channel = Channel::within(mark.strategy(), Some(budget));
    channel.between_threads();
    (
        Writable::of_channel(Arc::clone(&channel)),
        Readable::of_channel(channel),
    )
}
