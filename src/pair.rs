//! Two threads, one stream.

use std::sync::Arc;

use crate::channel::Join;
use crate::mark::{HighWaterMark, Unit};
use crate::readable::Readable;
use crate::writable::Writable;

/// Makes a stream between two threads: what is written to one end is read from the other.
///
/// The writing end can be cloned, for many producers.
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
    let join = Arc::new(Join::new(mark.gauge()));
    (
        Writable::of_channel(Arc::clone(&join)),
        Readable::of_channel(join),
    )
}
