//! Ending, failing, destroying: how a stream ends, and what the other side sees.
//!
#![doc = include_str!("endings.svg")]
//!
//! | call | the reader sees | what is buffered | waits |
//! | --- | --- | --- | --- |
//! | [`end`](crate::Writable::end) | everything, then `None` for ever | is delivered | no |
//! | [`finish`](crate::Writable::finish) | the same | is delivered | until the reader has read it, or the sink has written, flushed and closed |
//! | [`fail(error)`](crate::Writable::fail) | everything, then the error | is delivered | no |
//! | [`destroy(error)`](crate::Writable::destroy) | the error, at once | comes back to the writer | no |
//! | drop without one of these, or a panic | everything, then [`PrematureClose`](crate::ErrorKind::PrematureClose) | is delivered by a channel, dropped before a sink | for the call that a sink is in |
//! | drop of the *reader* | | is dropped | the writer's blocked or next write fails with [`Closed`](crate::WriteError::Closed), and returns its chunk |
//!
//! ```
//! use highwater::{Error, ErrorKind, HighWaterMark, channel};
//!
//! // end: the reader gets everything, and then None for ever.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! writer.end();
//! assert_eq!(reader.next().transpose()?, Some(1));
//! assert!(reader.next().is_none());
//!
//! // Dropped without end: the reader gets everything, and then an error.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! drop(writer);
//! assert_eq!(reader.next().transpose()?, Some(1));
//! assert_eq!(reader.next().unwrap().unwrap_err().kind(), ErrorKind::PrematureClose);
//!
//! // fail: the error travels behind the data.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! writer.fail(Error::other("the disk is gone"));
//! assert_eq!(reader.next().transpose()?, Some(1));
//! assert_eq!(reader.next().unwrap().unwrap_err().kind(), ErrorKind::Failed);
//!
//! // destroy: at once, on both sides, with the same error. What was buffered comes back.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! let given_back = writer.destroy(Error::other("enough"));
//! assert_eq!(given_back.len(), 1);
//! let error = reader.next().unwrap().unwrap_err();
//! assert!(error.is_same(&writer.error().unwrap()));
//!
//! // A reader that goes away: the writer gets the chunk back.
//! let (mut writer, reader) = channel(HighWaterMark::items(4));
//! drop(reader);
//! assert_eq!(writer.write(7).unwrap_err().into_chunk(), 7);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Success is reported when it is true
//!
//! `end` returns at once. [`finish`](crate::Writable::finish) waits until the sink has written, flushed
//! and closed, and returns the sink, or the error. A network file system may report only at `close`
//! that a file was not kept: that is an error of `finish` too.
//!
//! After `end`, a drop still waits until the sink has finished. What fails then, no call can return: it
//! goes to [`set_error_hook`](crate::set_error_hook), by default a line on standard error. So end a
//! stream with `finish` when you need to know.
//!
//! ```
//! use std::io;
//! use highwater::{ErrorKind, HighWaterMark, Writable};
//!
//! struct Full;
//! impl io::Write for Full {
//!     fn write(&mut self, _: &[u8]) -> io::Result<usize> {
//!         Err(io::ErrorKind::StorageFull.into())
//!     }
//!     fn flush(&mut self) -> io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! let mut out = Writable::to(Full, HighWaterMark::default());
//! out.write("lost".into())?; // buffered: this succeeds
//! let error = out.finish().map(drop).unwrap_err(); // and this reports what became of it
//! assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::StorageFull));
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Several writers
//!
//! A [`Writable`](crate::Writable) of a channel can be cloned. The stream ends when every clone has
//! ended; one that is dropped without `end` is a `PrematureClose` for all.
//!
//! # Enough
//!
//! A stage or a sink that needs no more, as `take(10)` or `head`, ends the stream well: it returns
//! [`Error::enough`](crate::Error::enough). What is before it is stopped, and the pipeline succeeds.
//!
//! Next: [errors and first causes](super::errors).
