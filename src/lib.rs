//! Streams for blocking Rust: what Node.js gave to callbacks, given to plain threads.
//!
//! A reader or a writer works at its own speed. Between them stands a buffer that holds no more
//! than a high-water mark; when it is full, the faster thread simply blocks.
//!
//! # Two threads
//!
//! A [`channel`] is a stream between two threads. The mark says how much may be on the way: here
//! eight bytes.
//!
//! ```
//! use std::thread;
//! use highwater::{Bytes, HighWaterMark, channel};
//!
//! let (mut writer, reader) = channel(HighWaterMark::bytes(8));
//! let producer = thread::spawn(move || {
//!     for word in ["back", "pressure", "is", "a", "blocked", "thread"] {
//!         writer.write(Bytes::from(word))?;
//!     }
//!     writer.finish() // everything was read
//! });
//! let words: Vec<Bytes> = reader.collect::<Result<_, _>>()?;
//! assert_eq!(words.concat(), b"backpressureisablockedthread");
//! producer.join().unwrap()?;
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Marks, and backpressure
//!
//! A write takes its chunk, and answers whether the next one would wait: [`Pressure`] is Node's
//! `false`. Ignoring it is safe, for the next write waits by itself.
//!
//! ```
//! use highwater::{HighWaterMark, Pressure, channel};
//!
//! let (mut writer, mut reader) = channel(HighWaterMark::items(2));
//! assert_eq!(writer.write('a')?, Pressure::Below);
//! assert_eq!(writer.write('b')?, Pressure::Reached);
//! // writer.write('c') would block here, for there is no other thread to read.
//! assert!(writer.try_write('c').unwrap_err().is_full());
//!
//! assert_eq!(reader.try_next()?, Some('a'));
//! writer.wait_drain()?; // at the low-water mark, half of the high one: there is room
//! assert_eq!(writer.write('c')?, Pressure::Reached);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! Marks are in bytes, in items, or in a weight of your own, and the type says which
//! ([`HighWaterMark`]). A mark of 0 is a rendezvous. One chunk is always admitted into an empty
//! buffer, however large it is, so a buffer holds at most its high-water mark and a chunk.
//!
//! # Ends
//!
//! There are three ways for a stream to end, and they are never mistaken for one another.
//!
//! ```
//! use highwater::{Error, ErrorKind, HighWaterMark, channel};
//!
//! // `end`: a reader gets everything, and then `None` for ever.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! writer.end();
//! assert_eq!(reader.next().transpose()?, Some(1));
//! assert!(reader.next().is_none());
//!
//! // Dropped without: a reader gets everything, and then an error.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! drop(writer);
//! assert_eq!(reader.next().transpose()?, Some(1));
//! assert_eq!(reader.next().unwrap().unwrap_err().kind(), ErrorKind::PrematureClose);
//!
//! // `destroy`: at once, on both sides, with the same error; what was buffered comes back.
//! let (mut writer, mut reader) = channel(HighWaterMark::items(4));
//! writer.write(1)?;
//! let given_back = writer.destroy(Error::other("enough"));
//! assert_eq!(given_back.len(), 1);
//! let error = reader.next().unwrap().unwrap_err();
//! assert!(error.is_same(&writer.error().unwrap()));
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! `fail` is `destroy` that waits its turn: the error travels behind the data. A reader that goes
//! away is noticed by its writer, whose blocked or next write says
//! [`Closed`](WriteError::Closed) and has the chunk.
//!
//! # Sources and sinks
//!
//! A stream need not have a thread of yours on the other side. A [`Writable`] takes what is written
//! to any [`Write`](std::io::Write), or to a [`Sink`]; a [`Readable`] reads ahead from any
//! [`Read`](std::io::Read), iterator, closure or [`Source`]. Each has a thread of its own for that,
//! which starts with the first chunk and never outlives its handle.
//!
//! ```
//! use std::io::{BufRead, Write};
//! use highwater::{HighWaterMark, Readable, Writable};
//!
//! let text = Readable::from_read(&b"one\ntwo\n"[..], HighWaterMark::default());
//! let lines: Result<Vec<String>, _> = text.lines().collect();
//! assert_eq!(lines?, ["one", "two"]);
//!
//! let mut out = Writable::to(Vec::new(), HighWaterMark::default());
//! writeln!(out, "small writes are merged")?;
//! assert_eq!(out.finish()?, b"small writes are merged\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Pipelines
//!
//! A [`pipeline`] runs a source, any number of [transforms](Transform) and a sink, each on a
//! thread, and joins them all. What comes back is the first cause, or a [`Report`] of what each
//! stage did, which says where the time went.
//!
//! ```
//! use highwater::{Bytes, Error, Out, pipeline};
//!
//! let twice = |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
//!     out.push(chunk.clone())?; // waits for room, however much comes of one chunk
//!     out.push(chunk)
//! };
//! let (report, out) = pipeline(&b"ha"[..]).through(twice).to(Vec::new()).run_into()?;
//! assert_eq!(out.into_inner(), b"haha");
//! assert_eq!(report.stages().len(), 3);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Many readers
//!
//! A [`broadcast`] gives every [`Branch`] everything, out of one queue whose chunks are shared and not
//! copied. A branch paces the writer, or has a cap, or misses something and is told how much: its
//! [`BranchPolicy`] says. A pipeline can end in a broadcast, and begin with a branch.
//!
//! ```
//! use highwater::{BranchPolicy, HighWaterMark, broadcast};
//!
//! let mut writer = broadcast(HighWaterMark::items(4));
//! let mut log = writer.subscribe(BranchPolicy::Slowest); // the writer waits for it
//! let mut screen = writer.subscribe(BranchPolicy::DropOldest(2)); // and never for this one
//! for n in 1..=4 {
//!     writer.write(n)?;
//! }
//! writer.end();
//! assert_eq!(log.by_ref().collect::<Result<Vec<_>, _>>()?, [1, 2, 3, 4]);
//! assert_eq!(screen.by_ref().collect::<Result<Vec<_>, _>>()?, [3, 4]);
//! assert_eq!(screen.dropped().chunks, 2);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Files and sockets
//!
//! The ends in `fs` and `net` name themselves in errors, with the byte at which something failed.
//!
//! ```
//! # #[cfg(unix)] {
//! use highwater::{fs, pipeline};
//!
//! let failure = pipeline(&b"too much"[..]).to(fs::create("/dev/full")?).run().unwrap_err();
//! assert_eq!(failure.to_string(), "failed to write to `/dev/full` at byte 0");
//! assert_eq!(failure.report.bytes(), 0); // what the sink has confirmed
//! assert_eq!(failure.undelivered.weight(), 8); // what it has not
//! # }
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! Where nothing stands between two of them that looks at the bytes, the kernel copies them by
//! itself, with all that a pipeline does otherwise; a file has to be promised not to change
//! ([`stable`](fs::FileSource::stable)) before it is sent so. [`Report::path`] says which way was
//! taken, and why.
//!
//! # Stopping
//!
//! A [`CancelToken`] ends any number of streams and pipelines from outside: `stop` lets through
//! what is buffered, `abort` ends now. Threads that are blocked for room or for data wake, and so do
//! those in a read or a write of a pipe or a socket. A call on a regular file is waited for.
//!
//! # Threads and memory
//!
//! | | threads | memory |
//! | --- | --- | --- |
//! | [`channel`] | none | high-water mark and a chunk |
//! | [`Readable`] of a source, [`Writable`] to a sink | one | high-water mark, a chunk, and the one in hand |
//! | a child process | one | what its pipes hold, in the kernel |
//! | [`broadcast`] | none | high-water mark and a chunk, or the largest cap of a branch |
//! | [`pipeline`] whose bytes the kernel copies | none | at most the high-water mark, in the kernel |
//! | [`pipeline`] of *n* stages | *n* - 1 | for each of *n* - 1 buffers its high-water mark and a chunk |
//!
//! Read buffers are recycled; one that was not half filled is copied out, so that what is held is
//! at most twice what is counted.
//!
//! # The rules alone
//!
//! What a stream may do at any time is decided by state machines with no thread, lock or clock, in
//! [`state`]. Those of a readable and a writable answer as Node's streams do. All are public, to be
//! embedded, tested or fuzzed.

#![warn(clippy::unwrap_used, clippy::expect_used)]

// In reading order, a row a paragraph: a module imports only from the rows above its own, save
// for a few pairs that a test names.

// Pure: no I/O, lock, thread or clock.
pub mod chunk;
pub mod state;

// Names that all share.
mod error;
mod mark;
mod sync;

// The only locks, condvars and channels.
mod cancel;
mod channel;
mod pool;

// A stream and its thread.
mod worker;

mod crew;
// What offers are made of only Linux knows.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
mod direct;

mod sink;
mod source;
mod transform;

mod collect;
mod inlet;
pub mod operators;
mod par;

mod readable;
mod writable;

mod ends;
mod flow;
mod pair;

mod duplex;
mod gather;
mod retry;

// Many streams, one result.
mod broadcast;
mod monitor;
mod report;

mod pipeline;

// Ready-made stages, and what stands at the ends.
pub mod lines;

#[cfg(unix)]
mod fd;

#[cfg(target_os = "linux")]
mod kernel;

#[cfg(unix)]
pub mod fs;
#[cfg(unix)]
mod socket;

#[cfg(unix)]
pub mod net;
#[cfg(unix)]
pub mod process;

// Stages ready made.
#[cfg(feature = "gzip")]
pub mod gzip;

pub use bytes::Bytes;

pub use broadcast::{Branch, Broadcast, broadcast};
pub use cancel::{CancelToken, Interrupt};
pub use channel::Budget;
pub use collect::{Collect, CollectBytes, Fold};
pub use direct::{CopyPath, Direct, KernelCall, Offer, Why};
pub use duplex::{Duplex, HalfOpen, duplex_pair};
pub use ends::{IntoSink, IntoSource, Memory, ReceiverSource, SenderSink};
pub use error::{Error, ErrorKind, WriteError};
pub use flow::{Flow, flow};
pub use gather::{Concat, concat, merge};
pub use mark::{
    DEFAULT_BYTES, DEFAULT_ITEMS, HighWaterMark, InBytes, InItems, InWeight, READ_BYTES, Unit,
};
pub use monitor::Monitor;
pub use pair::{channel, channel_within};
pub use pipeline::{Failure, Pipeline, Ready, pipeline, pipeline_of};
pub use pool::{Buffer, Pool};
pub use readable::Readable;
pub use report::{BufferReport, Progress, Report, StageReport};
pub use retry::Retry;
pub use sink::{Sink, WriteSink};
pub use source::{ReadSource, Source};
pub use state::{BranchPolicy, Dropped, Pressure};
#[cfg(loom)]
pub use sync::model::Hints;
pub use transform::{Out, Transform, apply};
pub use writable::{Cork, Writable};

/// Keeps the README true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
