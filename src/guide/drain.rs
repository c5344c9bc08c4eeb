//! Drain: when a writer waits, and when it goes on.
//!
#![doc = include_str!("drain.svg")]
//!
//! A write takes its chunk and returns a [`Pressure`](crate::Pressure).
//!
//! - [`Below`](crate::Pressure::Below): the buffer is below its high mark. The next write does not wait.
//! - [`Reached`](crate::Pressure::Reached): the buffer has reached its high mark. The next write blocks
//!   until the buffer is down at the low mark. This is Node's `false`.
//!
//! **Ignoring it is safe**: the next write waits by itself. In Node the queue would grow.
//!
//! ```
//! use highwater::{HighWaterMark, Pressure, channel};
//!
//! let (mut writer, mut reader) = channel(HighWaterMark::items(2));
//! assert_eq!(writer.write('a')?, Pressure::Below);
//! assert_eq!(writer.write('b')?, Pressure::Reached);
//! // writer.write('c') would block here, since no other thread reads.
//! assert!(writer.try_write('c').unwrap_err().is_full());
//!
//! assert_eq!(reader.try_next()?, Some('a'));
//! writer.wait_drain()?; // down at the low mark, half of the high one: there is room
//! assert_eq!(writer.write('c')?, Pressure::Reached);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Which call waits
//!
//! | call | at a full buffer |
//! | --- | --- |
//! | [`write`](crate::Writable::write) | blocks until the drain, then takes the chunk |
//! | [`try_write`](crate::Writable::try_write) | returns at once with the chunk, in [`WriteError::Full`](crate::WriteError::Full) |
//! | [`write_timeout`](crate::Writable::write_timeout) | blocks for at most that long, then returns the chunk |
//! | [`write_batch`](crate::Writable::write_batch) | takes what there is room for, blocks for the rest |
//! | [`wait_drain`](crate::Writable::wait_drain) | blocks until the drain, and writes nothing |
//! | [`flush`](crate::Writable::flush) | blocks until everything written before has left the buffer |
//!
//! Each wait ends with room, with the end or the failure of the stream, or with a
//! [cancel](super::cancelling). A writer of a channel whose reader is on the *same* thread, in a process
//! with no other thread, would wait for ever: on Linux that is an error,
//! [`Deadlock`](crate::ErrorKind::Deadlock).
//!
//! # Something else meanwhile
//!
//! `Reached` is for a thread that has other work. It writes what there is room for and returns to the
//! stream later.
//!
//! ```
//! use highwater::{HighWaterMark, Writable};
//!
//! let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(16));
//! let mut put_off = 0;
//! for n in 0..100 {
//!     if out.write(format!("{n:02} ").into())?.reached() {
//!         put_off += 1; // here: answer a question, draw a bar, write to another stream
//!         out.wait_drain()?;
//!     }
//! }
//! assert!(put_off > 0);
//! assert_eq!(out.finish()?.len(), 300);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Why there are two marks
//!
//! With one mark a writer would be woken for each chunk that is read, and the two threads would take
//! turns. With a low mark at half, the reader reads half a buffer, then wakes the writer once, and both
//! run at the same time. A drain is signalled once for each time that a writer has had to wait.
//!
//! Next: [ending, failing, destroying](super::endings).
