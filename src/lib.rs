//! Streams for blocking Rust: Node's `Readable`, `Writable`, `Transform` and `pipeline`, on plain threads.
//!
//! A buffer between two threads holds at most its high-water mark and one chunk. When it is full the
//! writer blocks, and when it is empty the reader blocks, so that the fast side runs at the speed of the
//! slow one, and memory is bounded whatever either does. There is no async, no runtime and no unsafe code.
//!
//! ```
//! use std::thread;
//! use highwater::{Bytes, HighWaterMark, channel};
//!
//! let (mut writer, reader) = channel(HighWaterMark::bytes(8)); // at most 8 bytes on the way
//! let producer = thread::spawn(move || {
//!     for word in ["back", "pressure", "is", "a", "blocked", "thread"] {
//!         writer.write(Bytes::from(word))?; // blocks while the buffer is full
//!     }
//!     writer.finish() // returns when everything was read
//! });
//! let words: Vec<Bytes> = reader.collect::<Result<_, _>>()?;
//! assert_eq!(words.concat(), b"backpressureisablockedthread");
//! producer.join().unwrap()?;
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! And from end to end, one result for all of it:
//!
//! ```
//! use highwater::{lines, pipeline};
//!
//! let log = &b"GET /\nPOST /form\nGET /style.css\n"[..]; // or fs::read("access.log")?
//! let (report, out) = pipeline(log)
//!     .through(lines::lines())
//!     .filter(|line| line.starts_with(b"GET"))
//!     .through(lines::append_end("\n"))
//!     .to(Vec::new()) // or net::connect("127.0.0.1:9000").open()?
//!     .run_into()?; // the first cause, or a report of what each stage did
//! assert_eq!(out.into_inner(), b"GET /\nGET /style.css\n");
//! assert_eq!(report.bytes(), 21);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Where to look
//!
//! | to do this | take | chapter |
//! | --- | --- | --- |
//! | pass data between two threads, bounded in bytes or items | [`channel`], [`HighWaterMark`] | [hello](guide::hello), [marks](guide::marks), [drain](guide::drain) |
//! | read ahead from anything; write behind to anything | [`Readable`], [`Writable`], [`Duplex`] | [hello](guide::hello), [endings](guide::endings) |
//! | run a source, stages and a sink with one result | [`pipeline`], [`Pipeline`], [`Report`] | [pipelines](guide::pipelines) |
//! | change what flows | [`Transform`], [`Pipeline::map`], [`Pipeline::par_map`] | [transforms](guide::transforms) |
//! | write to several places, read from several | [`broadcast`], [`Pipeline::tee`], [`merge`](stream::merge), [`concat`](fn@stream::concat) | [fan-out](guide::fan_out) |
//! | know what failed, where, and why | [`Error`], [`ErrorKind`], [`Failure`] | [errors](guide::errors) |
//! | end a call that blocks | [`CancelToken`] | [cancelling](guide::cancelling), [Ctrl-C](guide::ctrl_c) |
//! | bound many streams by one number | [`Budget`] | [memory](guide::memory) |
//! | make an end or a stage of your own | [`Source`], [`Sink`], [`Transform`] | [transforms](guide::transforms), [testing](guide::testing) |
//!
//! | module | is | chapter |
//! | --- | --- | --- |
//! | [`fs`] | files, pipes, terminals, standard streams | [files](guide::files) |
//! | [`net`] | TCP and Unix sockets, servers, relays | [sockets](guide::sockets) |
//! | [`process`] | child processes as sources, sinks and stages | [processes](guide::processes) |
//! | [`lines`](mod@lines) | lines, delimiters, frames, UTF-8 | [transforms](guide::transforms) |
//! | [`gzip`] | gzip, zlib and deflate, also on several threads | [transforms](guide::transforms) |
//! | [`http`] | an HTTP/1.1 server whose bodies are streams | [HTTP](guide::http) |
//! | [`wire`] | a stream between two processes, with ends and causes | [sockets](guide::sockets) |
//! | [`stream`] | what wraps an end of another library; one stream out of several; pairs | [fan-out](guide::fan_out) |
//! | [`stage`] | sinks that collect, a source that is opened again; `map`, `filter` and the others as stages | [transforms](guide::transforms) |
//! | [`mark`], [`report`], [`zero_copy`] | units and sizes; what a run was like; copies in the kernel | [marks](guide::marks), [pipelines](guide::pipelines), [files](guide::files) |
//! | [`state`] | the rules of a stream alone: no thread, lock or clock | [testing](guide::testing) |
//!
//! # The guide
//!
//! [`guide`] is a course in 24 chapters. Those that answer most questions:
//! [coming from Node](guide::from_node), [from channels](guide::from_channels) and
//! [from tokio](guide::from_tokio); [choosing marks](guide::marks);
//! [which thread runs what](guide::threads); [the memory formula](guide::memory);
//! [limits](guide::limits); [crate features](guide::features); [platforms](guide::platforms).
//!
//! # What it promises
//!
//! - A buffer holds at most its high-water mark and one chunk, whatever the writer does.
//! - Success is reported when the sink has written, flushed and closed, and not before.
//! - A writer that is dropped, or panics, without `end` is an error on the other side, never an end.
//! - One error, the first cause, in every handle, with the stage, the operation and the byte.
//! - Every call that blocks can be ended from another thread, except a call on a regular file.
//! - No thread and no descriptor outlives the handle that owns it.
//!
//! What a stream may do at any time is decided by the state machines in [`state`], which give what Node's
//! streams give for the same calls. They are public, to be embedded, tested or fuzzed.
//!
//! # Where it runs
//!
//! Rust 1.85 or later. Everything on any Unix; on Windows the streams, pipelines, [`lines`](mod@lines) and
//! [`gzip`]. See [platforms](guide::platforms).

#![warn(clippy::unwrap_used, clippy::expect_used)]
// What an example ignores, a program may ignore.
#![doc(test(attr(deny(unused_must_use))))]
// On docs.rs each item is labelled with the feature that it needs. That it is not there under the model
// checker concerns no reader.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(docsrs, doc(auto_cfg(hide(loom))))]
// Links to what a feature or a platform leaves out are checked where everything is there.
#![cfg_attr(
    not(all(
        unix,
        feature = "gzip",
        feature = "files",
        feature = "process",
        feature = "wire"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

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
pub mod stage;

// 7. Descriptors, and waits on them that another thread can end; what a user holds; ready-made stages.
#[cfg(all(unix, not(loom)))]
mod os;

pub mod stream;

#[cfg(not(loom))]
pub mod lines;

#[cfg(all(feature = "gzip", not(loom)))]
pub mod gzip;

// 8. Many streams with one result; files, child processes, sockets; threads that share connections.
mod pipeline;

#[cfg(all(unix, not(loom)))] // `highwater::fs` needs a Unix, and is not there on Windows.
pub mod fs;
#[cfg(all(unix, any(feature = "net", loom)))]
mod leader;
#[cfg(all(unix, feature = "net", not(loom)))]
// `highwater::net` needs a Unix, and is not there on Windows.
pub mod net;
#[cfg(all(unix, feature = "process", not(loom)))]
// `highwater::process` needs a Unix, and is not there on Windows.
pub mod process;

// 9. A channel over a socket.
#[cfg(all(unix, feature = "wire", not(loom)))]
// `highwater::wire` needs a Unix, and is not there on Windows.
pub mod wire;

// 10. HTTP/1.1.
#[cfg(all(unix, feature = "http", not(loom)))]
// `highwater::http` needs a Unix, and is not there on Windows.
pub mod http;

pub use bytes::Bytes;

pub use cancel::CancelToken;
pub use channel::Budget;
pub use channel::mark::HighWaterMark;
pub use error::{Error, ErrorKind, WriteError, set_error_hook};
#[cfg(loom)]
pub use leader::{
    Evictable, Eviction, Key, LeaderFollowers, Next, Owner, Poller, ReadyList, RunReason, Task,
    Turn,
};
pub use pipeline::report::Report;
pub use pipeline::{Failure, Pipeline, pipeline, pipeline_of};
pub use stage::sink::Sink;
pub use stage::source::Source;
pub use stage::transform::{Out, Transform};
#[doc(inline)]
pub use state::{Batch, Pressure};
pub use stream::broadcast::{Branch, Broadcast, broadcast};
pub use stream::channel::channel;
pub use stream::duplex::Duplex;
pub use stream::into::{IntoSink, IntoSource};
pub use stream::readable::Readable;
pub use stream::std_io::{ReadSource, WriteSink};
pub use stream::writable::Writable;
#[cfg(loom)]
pub use threads::sync::model::{Deadlines, Hints};

/// What a buffer is measured in, and the sizes where none is set.
///
/// A [`HighWaterMark`] has a unit: bytes, items, or a weight that a function returns. The chapter
/// [choosing marks](guide::marks) has a table of marks for common cases.
pub mod mark {
    pub use crate::channel::mark::{
        DEFAULT_BYTES, DEFAULT_ITEMS, InBytes, InItems, InWeight, READ_BYTES, Unit,
    };
}

/// What a pipeline reports, while it runs and when it has ended.
///
/// [`Pipeline::to`] returns a [`ReadyPipeline`](report::ReadyPipeline), whose
/// [`run`](report::ReadyPipeline::run) returns a [`Report`]. A [`Monitor`](report::Monitor) reports
/// while it runs. See the chapter [pipelines and reports](guide::pipelines).
pub mod report {
    pub use crate::pipeline::ReadyPipeline;
    pub use crate::pipeline::monitor::Monitor;
    pub use crate::pipeline::report::{BufferReport, Progress, StageReport};
}

/// Copies that the kernel makes without the buffers of this process, and how files are told apart.
///
/// Where the source and the sink of a [`Pipeline`] are both descriptors, the kernel may copy
/// between them. [`Report::path`] returns which call did, or why none could.
pub mod zero_copy {
    #[cfg(not(loom))]
    pub use crate::stage::copy_path::BufferedReason;
    pub use crate::stage::copy_path::{CopyPath, KernelCall};
    pub use crate::stage::file_id::FileId;
    pub use crate::stage::offer::{CopySource, ZeroCopy};
}

// 11. The guide: prose alone, which links to everything above.
#[cfg(not(loom))]
pub mod guide;

/// The helpers of the tests call it so, which are here as well.
#[cfg(test)]
extern crate self as highwater;

/// Keeps the README true. Its programs need everything.
#[cfg(all(doctest, unix, feature = "gzip", feature = "http", feature = "process"))]
#[doc = include_str!("../README.md")]
struct Readme;
