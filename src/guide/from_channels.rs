//! Coming from channels: std's `mpsc`, crossbeam, flume.
//!
//! | you want | take |
//! | --- | --- |
//! | messages between threads, all of about one size, a bound on their number | [`std::sync::mpsc::sync_channel`], or crossbeam: smaller and faster |
//! | several **receivers** of one queue (work sharing) | crossbeam, or [`par_map`](crate::Pipeline::par_map) |
//! | `select!` over several channels | crossbeam, and its ends in a pipeline by [`ReceiverSource`](crate::stream::ReceiverSource) and [`SenderSink`](crate::stream::SenderSink) |
//! | a queue without a bound | crossbeam; here it is refused on purpose |
//! | one value, once | `sync_channel(1)` |
//! | a bound in **bytes** | [`channel`](crate::channel) |
//! | to know that everything was read, not only sent | [`Writable::finish`](crate::Writable::finish) |
//! | an end that is not mistaken for a crash, and a cause that arrives | [`channel`](crate::channel) |
//! | to end a blocked call from outside | [`CancelToken`](crate::CancelToken) |
//! | files, sockets, child processes, stages at the ends | [`pipeline`](fn@crate::pipeline) |
//!
//! # What differs
//!
//! | | a bounded channel | [`channel`](crate::channel) |
//! | --- | --- | --- |
//! | the bound | messages: 1000 messages of 30 MB are 30 GB | bytes, items or a weight |
//! | the sender is dropped | the end | an error, unless it has called `end` |
//! | the sender panics | the end | [`PrematureClose`](crate::ErrorKind::PrematureClose) |
//! | an error of the producer | has to be a message | [`fail`](crate::Writable::fail), behind the data |
//! | the receiver is dropped | `SendError` | [`Closed`](crate::WriteError::Closed), with the chunk and the cause |
//! | wakes | one a message | one for half a buffer |
//!
//! ```
//! use std::sync::mpsc;
//! use std::thread;
//! use highwater::{ErrorKind, HighWaterMark, channel};
//!
//! // A producer that panics looks like an end to a channel of std.
//! let (sender, receiver) = mpsc::sync_channel(4);
//! let producer = thread::spawn(move || {
//!     sender.send(1).unwrap();
//!     if sender.send(2).is_ok() {
//!         panic!("half of it");
//!     }
//! });
//! assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2]); // all of it?
//! assert!(producer.join().is_err());
//!
//! // Here it is an error.
//! let (mut writer, reader) = channel(HighWaterMark::items(4));
//! let producer = thread::spawn(move || {
//!     writer.write(1).unwrap();
//!     panic!("half of it");
//! });
//! let read: Result<Vec<i32>, _> = reader.collect();
//! assert_eq!(read.unwrap_err().kind(), ErrorKind::PrematureClose);
//! assert!(producer.join().is_err());
//! ```
//!
//! # Speed
//!
//! A channel of messages does less, and is faster at it: for small chunks std's and crossbeam's take about
//! two thirds to nine tenths of the time for each. Where a chunk is the work of a microsecond or more the
//! difference does not show.
//!
//! # Both together
//!
//! A crossbeam channel is a source or a sink of a pipeline:
//!
//! ```
//! use highwater::{HighWaterMark, pipeline_of};
//! use highwater::stream::{ReceiverSource, SenderSink};
//!
//! let (sender, numbers) = crossbeam_channel::bounded(16);
//! (1..=3).for_each(|n| sender.send(n).unwrap());
//! drop(sender); // the end of a crossbeam channel
//!
//! let (out, squares) = crossbeam_channel::bounded(16);
//! pipeline_of(ReceiverSource::new(numbers), HighWaterMark::items(16))
//!     .map(|n: u32| n * n)
//!     .to(SenderSink::new(out))
//!     .run()?;
//! assert_eq!(squares.iter().collect::<Vec<_>>(), [1, 4, 9]);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! For any other queue: [`Readable::from_fn`](crate::Readable::from_fn), with
//! [`waiting`](crate::stage::waiting()) around the call that blocks, and
//! [`Pipeline::for_each`](crate::Pipeline::for_each).
//!
//! Next: [coming from tokio](super::from_tokio).
