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
//! A [`pipeline`] runs a source, any number of stages and a sink, and joins their threads. What comes
//! back is the first cause, or a [`Report`] of what each stage did, which says where the time went.
//!
//! A stage is a [`Transform`]: a chunk in, any number of chunks out. One that works hard has a
//! thread and a buffer of its own.
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
//! # Operators
//!
//! Node's operators (`map`, `filter`, `flat_map`, `take`, `drop` and so on) are methods of a
//! [`Pipeline`], where they run on the thread of the stage behind them and cost a call, and of a
//! [`Readable`], where they run when it is read. [`buffered`](Pipeline::buffered) puts a thread and a
//! buffer where you want one, and [`par_map`](Pipeline::par_map) shares work among threads, in order.
//!
//! ```
//! use highwater::{HighWaterMark, Readable, lines, pipeline};
//!
//! let log = &b"error: disk\nall well\nerror: net\n"[..];
//! let errors = pipeline(log)
//!     .through_with(lines::lines(), lines::mark(64 * 1024))
//!     .filter(|line| line.starts_with(b"error"))
//!     .par_map(2, |line| Ok(line.len())) // on two threads; the order stays
//!     .readable(); // and is read here
//! assert_eq!(errors.to_vec(100)?, [11, 10]);
//!
//! let squares = Readable::from_iter(1.., HighWaterMark::items(4)).map(|n: u64| n * n);
//! assert_eq!(squares.find(|n| *n > 50)?, Some(64)); // and no further
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! Ready-made stages are in [`lines`] (lines, delimiters, frames, text), `gzip` and `process`
//! (a child process, whose exit status and standard error are the cause if it fails).
//!
//! # Several at once
//!
//! [`tee`](Pipeline::tee) gives a pipeline a second sink, [`merge`] and [`concat`](fn@concat) make one
//! stream of many sources, a [`Duplex`] is read and written, [`Retry`] opens a source again where it
//! broke off, and a [`Budget`] is one number over the buffers of many pipelines.
//!
//! A [`broadcast`] gives every [`Branch`] everything, out of one queue whose chunks are shared and not
//! copied. A [`BranchPolicy`] says what becomes of a branch that is slow: it slows the writer down, or
//! is cut off, which aborts what reads it, or misses chunks and is told how many. A pipeline can end in a
//! broadcast, and begin with a branch. Each branch is read by a thread of its own, while the broadcast
//! is written: one that is to be read afterwards would be waited for.
//!
//! ```
//! use std::thread;
//! use highwater::{BranchPolicy, Error, HighWaterMark, broadcast, pipeline};
//!
//! let tee = broadcast(HighWaterMark::bytes(1024));
//! let log = tee.subscribe(BranchPolicy::Slowest); // a write waits for it
//! let screen = tee.subscribe(BranchPolicy::DropOldest(64)); // and never for this one
//! thread::scope(|scope| {
//!     let log = scope.spawn(|| pipeline(log).to(Vec::new()).run_into());
//!     let screen = scope.spawn(|| screen.last());
//!     pipeline(&b"some news"[..]).to(tee).run()?; // each has read everything
//!     let (_, logged) = log.join().unwrap()?;
//!     assert_eq!(logged.into_inner(), b"some news");
//!     let last = screen.join().unwrap().transpose()?;
//!     assert_eq!(last.as_deref(), Some(&b"some news"[..]));
//!     Ok::<(), Error>(())
//! })?;
//! # Ok::<(), Error>(())
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
//! What is written to a socket need not cost a thread: [`net::Socket::writable`], [`net::Socket::duplex`]
//! and [`Writable::from_sink`] of any sink that is [direct](Sink::direct), as a [`net::SocketSink`] is,
//! hand it to the system from the thread that writes, and start a thread only for what would block.
//! [`Writable::to`] takes any [`Write`](std::io::Write), which cannot say that it would block, and
//! always has one.
//!
//! A socket to another program of ours can carry a whole stream: in `wire`, credit in bytes, the end
//! and the cause of an error cross the network as they cross a channel.
//!
//! # HTTP
//!
//! In `http` the body of a request is read, and the body of an answer is a [`Writable`]: a client that
//! is slow makes its handler wait, and nothing else.
//!
//! # Stopping
//!
//! A [`CancelToken`] ends any number of streams and pipelines from outside: `stop` lets through
//! what is buffered, `abort` ends now. Threads that are blocked for room or for data wake, and so do
//! those in a read or a write of a pipe, a socket, a terminal or a device, also if it was inherited and
//! whichever way it blocks; its flags stay as they are. A call on a regular file is waited for.
//!
//! # Threads and memory
//!
//! | | threads | memory |
//! | --- | --- | --- |
//! | [`channel`] | none | high-water mark and a chunk |
//! | [`Readable`] of a source, [`Writable`] to a sink | one | high-water mark, a chunk, and the one in hand |
//! | [`Writable`] to a socket | none, and one while it would block | the same |
//! | a server of *n* connections | at most *n*, reused | the stacks of its threads, and what the handlers hold |
//! | an HTTP server | one for the watch, and as many as requests that are being waited for | what a connection holds is told in `http` |
//! | a [relay](net::relay) of two sockets | none | a high-water mark each way |
//! | a child process | one | what its pipes hold, in the kernel |
//! | [`broadcast`] | none | high-water mark and a chunk, or the largest cap of a branch |
//! | [`pipeline`] whose bytes the kernel copies | none | 1 MiB, or the high-water mark if one was set, in the kernel |
//! | [`pipeline`] of *n* stages that are not light | *n* - 1 | for each of *n* - 1 buffers its high-water mark and a chunk; 64 KiB for a sink behind light stages |
//! | [`par_map`](Pipeline::par_map) on *n* threads | at most *n* + 1, as work comes | 2 *n* + 2 items and results, or the mark before it if that is more |
//! | [`tee`](Pipeline::tee), [`merge`] of *n* | one; *n* | a buffer; a buffer, and a chunk for each source |
//!
//! Read buffers are recycled; one that was not half filled is copied out, so that what is held is
//! at most twice what is counted.
//!
//! # Where it runs
//!
//! Rust 1.85 or later. On any Unix there is everything. On Windows there are the streams, pipelines,
//! [`lines`] and `gzip`, over whatever of std is a [`Read`](std::io::Read) or a
//! [`Write`](std::io::Write); the modules `fs`, `net`, `process`, `wire` and `http` are not there,
//! whatever features are on. What only Linux can do, such as copies in the kernel, is done by other
//! means elsewhere.
//!
//! # The rules alone
//!
//! What a stream may do at any time is decided by state machines with no thread, lock or clock, in
//! [`state`]. Those of a readable and a writable answer as Node's streams do. All are public, to be
//! embedded, tested or fuzzed.

#![warn(clippy::unwrap_used, clippy::expect_used)]
// What an example ignores, a program may ignore.
#![doc(test(attr(deny(unused_must_use))))]

// The rooms, bottom first. A room imports only from those above its line here; what may import from
// its own row is named in tests/tidy.rs.

// 1. The rules of a stream: pure, with no I/O, lock, thread or clock.
pub mod state;

// 2. One error for everything.
mod error;

// 3. The lock, the condvar and the atomics by one name each; a thread that has an owner.
mod threads;

// 4. Stopping a stream from outside.
mod cancel;

// 5. The only thing that blocks: marks, the channel between two threads, the budget of many.
mod channel;

// 6. What a stream is made of: sources, sinks, transforms, and what drives them.
mod stage;

// 7. Descriptors, and waits on them that another thread can end; what a user holds; ready-made stages.
#[cfg(all(unix, not(loom)))]
mod os;

mod stream;

#[cfg(not(loom))]
pub mod lines;

#[cfg(all(feature = "gzip", not(loom)))]
pub mod gzip;

// 8. Many streams with one result; files, child processes, sockets; threads that share connections.
mod pipeline;

#[cfg(all(unix, not(loom)))] // `highwater::fs` needs a Unix, and is not there on Windows.
pub mod fs;
#[cfg(unix)]
mod leader;
#[cfg(all(unix, not(loom)))] // `highwater::net` needs a Unix, and is not there on Windows.
pub mod net;
#[cfg(all(unix, not(loom)))] // `highwater::process` needs a Unix, and is not there on Windows.
pub mod process;

// 9. A channel over a socket.
#[cfg(all(unix, not(loom)))] // `highwater::wire` needs a Unix, and is not there on Windows.
pub mod wire;

// 10. HTTP/1.1.
#[cfg(all(unix, feature = "http", not(loom)))]
// `highwater::http` needs a Unix, and is not there on Windows.
pub mod http;

pub use bytes::Bytes;

pub use cancel::{CancelToken, Interrupt};
pub use channel::Budget;
pub use channel::mark::{
    DEFAULT_BYTES, DEFAULT_ITEMS, HighWaterMark, InBytes, InItems, InWeight, READ_BYTES, Unit,
};
pub use error::{Error, ErrorKind, WriteError, set_error_hook};
#[cfg(loom)]
pub use leader::{
    Key, LeaderFollowers, Next, Owner, Poller, ReadyList, Task, Turn, Vacancy, Why, Yields,
};
pub use pipeline::monitor::Monitor;
pub use pipeline::report::{BufferReport, Progress, Report, StageReport};
pub use pipeline::{Failure, Pipeline, ReadyPipeline, pipeline, pipeline_of};
pub use stage::buffer_pool::{Buffer, Pool};
pub use stage::collect::{Collect, CollectBytes, Fold};
#[cfg(not(loom))]
pub use stage::copy_path::BufferedReason;
pub use stage::copy_path::{CopyPath, KernelCall};
pub use stage::file_id::FileId;
pub use stage::offer::{CopySource, ZeroCopy};
pub use stage::operators;
pub use stage::retry::Retry;
pub use stage::sink::{Direct, Sink, Tried};
pub use stage::source::Source;
pub use stage::transform::{Out, Transform, apply};
pub use state::{Batch, BranchPolicy, Dropped, Load, Pressure, Weighed};
pub use stream::broadcast::{Branch, Broadcast, broadcast};
pub use stream::channel::{channel, channel_within};
pub use stream::duplex::{Duplex, HalfOpen, duplex_pair};
pub use stream::flow::{Flow, flow};
pub use stream::into::{IntoSink, IntoSource, Memory, ReceiverSource, SenderSink};
pub use stream::merge::{Concat, concat, merge};
pub use stream::readable::Readable;
pub use stream::std_io::{ReadSource, WriteSink};
pub use stream::take::{TakeBytes, take_bytes};
pub use stream::writable::{Cork, Writable};
#[cfg(loom)]
pub use threads::sync::model::{Deadlines, Hints};
pub use threads::waits::waiting;

/// Keeps the README true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
