//! Pipelines and reports: which method does what, and where the time went.
//!
#![doc = include_str!("pipeline.svg")]
//!
//! The source runs on a thread of its own, and so does each stage that works hard or may block. The sink
//! runs on the caller's thread. Between two threads there is a buffer with marks. A *light* stage (`map`,
//! `filter`, `inspect`) runs on the thread of the stage behind it, with no buffer between. Nothing
//! runs before [`run`](crate::report::ReadyPipeline::run), and no thread is left after it.
//!
//! # Which method for what
//!
//! | to do this | call | a thread and a buffer more |
//! | --- | --- | --- |
//! | begin, with bytes | [`pipeline(source)`](fn@crate::pipeline) | the source's |
//! | begin, with items | [`pipeline_of(source, mark)`](crate::pipeline_of) | the source's |
//! | add a stage that passes bytes on | [`through`](crate::Pipeline::through) | yes, unless it is light |
//! | add a stage that passes items on, with the mark of its buffer | [`through_with`](crate::Pipeline::through_with) | yes, unless it is light |
//! | change, pick or look at single items | [`map`](crate::Pipeline::map), [`filter`](crate::Pipeline::filter), [`inspect`](crate::Pipeline::inspect), ... | no |
//! | have what is before and behind run on two threads | [`buffered`](crate::Pipeline::buffered) | yes |
//! | share work among threads | [`par_map`](crate::Pipeline::par_map) | those |
//! | go through a child process or a connection | [`via`](crate::Pipeline::via) | one a half |
//! | give each chunk to a second sink | [`tee`](crate::Pipeline::tee) | yes |
//! | **finish**: write to a sink | [`to`](crate::Pipeline::to), then [`run`](crate::report::ReadyPipeline::run), or [`run_into`](crate::report::ReadyPipeline::run_into) to get the sink back | your own |
//! | **finish**: call a closure with each item | [`for_each`](crate::Pipeline::for_each), or [`try_for_each`](crate::Pipeline::try_for_each) if it may fail, then `run` | your own |
//! | **finish**: read the result here | [`readable`](crate::Pipeline::readable) | one |
//!
//! And for the whole, wherever in the chain it is called:
//! [`high_water_mark`](crate::Pipeline::high_water_mark) (of every buffer of bytes),
//! [`budget`](crate::Pipeline::budget) (one number over many pipelines),
//! [`limit`](crate::Pipeline::limit) (a rate), [`cancel_with`](crate::Pipeline::cancel_with),
//! [`progress`](crate::Pipeline::progress), [`monitor`](crate::Pipeline::monitor) and
//! [`in_buffers`](crate::Pipeline::in_buffers) (no copies in the kernel).
//!
//! A source is any [`Source`](crate::Source), and what [converts](crate::IntoSource) into one: `Bytes`,
//! `Vec<u8>`, `String`, `&'static str`, a `File`, a socket, `Stdin`, a `BufReader`, the output of a child, a
//! [`Readable`](crate::Readable). Wrap any other
//! [`Read`](std::io::Read) in [`ReadSource::new(reader, name)`](crate::ReadSource::new). A sink is any
//! [`Sink`](crate::Sink), and what [converts](crate::IntoSink) into one: `Vec<u8>`, a `File`, a socket,
//! `Stdout`, `Stderr`, the input of a child; wrap any other
//! [`Write`](std::io::Write) in [`WriteSink::new(writer, name)`](crate::WriteSink::new).
//!
//! # A value out of a pipeline
//!
//! [`Fold`](crate::stage::Fold), [`Collect`](crate::stage::Collect) and [`CollectBytes`](crate::stage::CollectBytes) are sinks
//! that keep something; `run_into` gives them back.
//!
//! ```
//! use highwater::{Bytes, pipeline};
//! use highwater::stage::Fold;
//!
//! let count = Fold::new(0, |lines: usize, chunk: Bytes| {
//!     lines + chunk.iter().filter(|byte| **byte == b'\n').count()
//! });
//! let (_, count) = pipeline(&b"one\ntwo\n"[..]).to(count).run_into()?;
//! assert_eq!(count.into_inner(), 2);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! To take a sum or a hash *on the way*, share it with the stage: an `Arc<AtomicU64>`, or an
//! `Arc<Mutex<Sha256>>`, whose lock no other thread wants until the run is over.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use sha2::{Digest, Sha256};
//! use highwater::{Bytes, pipeline};
//!
//! let hash = Arc::new(Mutex::new(Sha256::new()));
//! let taken = Arc::clone(&hash);
//! pipeline(&b"abc"[..])
//!     .inspect(move |chunk: &Bytes| taken.lock().unwrap().update(chunk))
//!     .to(Vec::new())
//!     .run()?;
//! let digest = hash.lock().unwrap().clone().finalize();
//! assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # The report
//!
//! A [`Report`](crate::Report) has a [`StageReport`](crate::report::StageReport) for each stage. Its
//! [`Display`](std::fmt::Display) is a table.
//!
//! | column | is |
//! | --- | --- |
//! | bytes, or items | what the stage passed on. Of the sink: what it **confirmed** |
//! | busy | for how long it worked; a read or a write of a regular file is work |
//! | starved | for how long it waited for the stage in front of it |
//! | blocked | for how long it waited for room behind it |
//! | waiting | for how long it waited for something outside: a peer, a child, another stream |
//! | peak | the most that the buffer in front of it held: at most its mark and a chunk |
//!
//! [`bottleneck`](crate::Report::bottleneck) names the stage that held the others up.
//! [`path`](crate::Report::path) tells whether the kernel copied, and if not, why. Report a wait in a
//! closure of your own, as on a queue of another kind, by [`waiting`](crate::stage::waiting()).
//!
//! ```
//! use std::time::Duration;
//! use highwater::pipeline;
//!
//! let report = pipeline(vec![0; 2000]).limit(20_000).to(Vec::new()).run()?;
//! assert!(report.elapsed() >= Duration::from_millis(50));
//! assert_eq!((report.bytes(), report.bottleneck()), (2000, "limit"));
//! assert!(report.to_string().contains("limit"));
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # While it runs
//!
//! [`progress`](crate::Pipeline::progress) calls a closure after each write of the sink;
//! [`progress_every`](crate::Pipeline::progress_every) no more often than an interval. A
//! [`Monitor`](crate::report::Monitor) takes a [snapshot](crate::report::Monitor::snapshot) from any thread.
//!
//! Next: [cancelling and timeouts](super::cancelling).
