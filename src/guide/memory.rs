//! The memory formula: the most that a program can hold.
//!
//! **A buffer holds at most its high-water mark and one chunk.** Everything else follows from how many
//! buffers there are. A byte leaves a buffer when the sink has written it or the reader has taken it, so
//! what is *in flight* is counted.
//!
//! | | holds at most |
//! | --- | --- |
//! | [`channel`](crate::channel) | the mark and a chunk |
//! | [`Readable`](crate::Readable) of a source, [`Writable`](crate::Writable) to a sink | the mark, a chunk, and the one in hand |
//! | [`broadcast`](fn@crate::broadcast) | the mark and a chunk, or the largest cap of a branch; once, for all branches |
//! | a pipeline of *n* stages that are not light | for each of *n* - 1 buffers its mark and a chunk; 64 KiB for a sink behind light stages |
//! | a pipeline whose bytes the kernel copies | 1 MiB in the kernel, or the mark if one was set |
//! | [`par_map`](crate::Pipeline::par_map) on *n* threads | 2 *n* + 2 items and results, or the mark before it if that is more |
//! | [`tee`](crate::Pipeline::tee) | one buffer more |
//! | [`merge`](crate::stream::merge) of *n* | a buffer, and a chunk for each source |
//! | [`gzip::compress`](crate::gzip::compress) | 300 KiB and a piece of 64 KiB |
//! | [`gzip::decompress`](crate::gzip::decompress) | 50 KiB and a piece of 64 KiB |
//! | [`lines::lines`](crate::lines::lines()) | the longest line, at most [`MAX_BYTES`](crate::lines::MAX_BYTES) (1 MiB) unless it is set |
//! | a [relay](crate::net::relay()) | 128 KiB each direction |
//! | a [child process](crate::process) | what its pipes hold, in the kernel: 64 KiB each on Linux |
//! | a server | its threads' stacks, and what its handlers hold |
//! | an idle HTTP connection | about a kilobyte |
//! | an HTTP connection with a body | a read buffer of 64 KiB; for a `writable`, its mark and a chunk |
//!
//! A chunk of a byte source is at most what it reads at once: 64 KiB
//! ([`READ_BYTES`](crate::mark::READ_BYTES)), unless it is set with `chunk_bytes`. A chunk that you write is as
//! large as you make it.
//!
//! # What counts is what is held
//!
//! A slice of a large buffer keeps the whole buffer. Read buffers are recycled, and one that was not half
//! filled is copied out, so what is held is at most twice what is counted.
//!
//! # One number over many streams
//!
//! A mark is a trigger, one for each buffer. A [`Budget`](crate::Budget) is a capacity for all of them
//! together: a chunk is charged when it enters a buffer, and until its last slice is dropped. An empty
//! buffer takes one chunk whether it can be charged or not, so that no stream waits for ever. So the
//! total is at most the capacity, and a chunk for each buffer and each source.
//!
//! ```
//! use std::thread;
//! use highwater::{Budget, Error, HighWaterMark, pipeline};
//!
//! let budget = Budget::new(256 * 1024);
//! thread::scope(|scope| {
//!     let runs = [1, 2, 3, 4].map(|_| {
//!         scope.spawn(|| pipeline(vec![0; 2 << 20]).budget(&budget).to(Vec::new()).run())
//!     });
//!     for run in runs {
//!         assert_eq!(run.join().unwrap()?.bytes(), 2 << 20);
//!     }
//!     Ok::<(), Error>(())
//! })?;
//! assert!(budget.peak() <= budget.capacity()); // four pipelines, 8 MiB moved, 256 KiB at once
//! assert_eq!(budget.used(), 0);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Asserting it
//!
//! A stream reports the most that it held: [`Readable::peak`](crate::Readable::peak),
//! [`Broadcast::peak`](crate::Broadcast::peak), [`Budget::peak`](crate::Budget::peak), and for each
//! buffer of a pipeline [`BufferReport::peak`](crate::report::BufferReport). A test that moves data should assert
//! the bound:
//!
//! ```
//! use std::thread;
//! use highwater::{HighWaterMark, channel};
//!
//! let (mut writer, mut reader) = channel(HighWaterMark::items(8));
//! let producer = thread::spawn(move || {
//!     for n in 0..10_000 {
//!         writer.write(n)?;
//!     }
//!     writer.finish()
//! });
//! for n in 0..10_000 {
//!     assert_eq!(reader.next().transpose()?, Some(n));
//! }
//! assert!(reader.next().is_none());
//! producer.join().unwrap()?;
//! assert!(reader.peak() <= 8 + 1);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! A bound is a bound and not an allocation: a mark of `usize::MAX` costs nothing.
//!
//! Next: [limits](super::limits).
