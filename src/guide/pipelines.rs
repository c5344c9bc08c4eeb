//! Pipelines and reports: which method does what, and where the time went.
//!
#![doc = include_str!("pipeline.svg")]
//!
//! The source runs on a thread of its own, and so does each stage that works hard or may block. The sink
//! runs on the caller's thread. Between two threads there is a buffer with marks. A *light* stage runs on
//! the thread of the stage behind it, with no buffer between. Nothing runs before
//! [`run`](crate::report::ReadyPipeline::run), and no thread is left after it.
//!
//! These stages are light: the operators (`map`, `try_map`, `filter`, `flat_map`, `inspect`, `take`,
//! `skip`, `chunks_of`), and in [`lines`](crate::lines) `lines`, `split`, `frames`, `append_end`,
//! `prepend_len`, `utf8` and `utf8_lossy`. [`compose`](crate::stage::operators::compose) is light if both
//! of its stages are. `gzip` and a transform of your own are not light. A type of your own is light if its
//! [`is_light`](crate::Transform::is_light) returns `true`.
//!
//! # Which method for what
//!
//! | to do this | call | threads and buffers that it adds |
//! | --- | --- | --- |
//! | begin, with bytes | [`pipeline(source)`](fn@crate::pipeline) | one, for the source |
//! | begin, with items | [`pipeline_of(source, mark)`](crate::pipeline_of) | one, for the source |
//! | add a stage that passes bytes on | [`through`](crate::Pipeline::through) | one; none if the stage is light |
//! | add a stage that passes items on, with the mark of its buffer | [`through_with`](crate::Pipeline::through_with) | one; none if the stage is light |
//! | change, pick or look at single items | [`map`](crate::Pipeline::map), [`filter`](crate::Pipeline::filter), [`inspect`](crate::Pipeline::inspect), ... | none |
//! | have what is before and behind run on two threads | [`buffered`](crate::Pipeline::buffered) | one |
//! | share work among threads | [`par_map`](crate::Pipeline::par_map) | its worker threads, and one that gives them work |
//! | go through a child process or a connection | [`via`](crate::Pipeline::via) | one thread for each half |
//! | give each chunk to a second sink | [`tee`](crate::Pipeline::tee) | one, for the second sink |
//! | **finish**: write to a sink | [`to`](crate::Pipeline::to), then [`run`](crate::report::ReadyPipeline::run), or [`run_into`](crate::report::ReadyPipeline::run_into) to get the sink back | none: your thread runs the sink |
//! | **finish**: call a closure with each item | [`for_each`](crate::Pipeline::for_each), or [`try_for_each`](crate::Pipeline::try_for_each) if it may fail, then `run` | none: your thread calls the closure |
//! | **finish**: read the result here | [`readable`](crate::Pipeline::readable) | none; behind a light stage one |
//!
//! These hold for the whole pipeline. Call them anywhere before `to`, `for_each` or `readable`:
//! [`high_water_mark`](crate::Pipeline::high_water_mark) (of every buffer of bytes),
//! [`budget`](crate::Pipeline::budget) (one number over many pipelines),
//! [`limit`](crate::Pipeline::limit) (a rate), [`cancel_with`](crate::Pipeline::cancel_with),
//! [`progress`](crate::Pipeline::progress), [`monitor`](crate::Pipeline::monitor) and
//! [`in_buffers`](crate::Pipeline::in_buffers) (no copies in the kernel).
//!
//! A source is any [`Source`](crate::Source), and what [converts](crate::IntoSource) into one: `Bytes`,
//! `Vec<u8>`, `String`, `&str`, `&[u8]`, a `File`, a socket, `Stdin`, a `BufReader`, the output of a child, a
//! [`Readable`](crate::Readable). Wrap any other
//! [`Read`](std::io::Read) in [`ReadSource::new(reader, name)`](crate::ReadSource::new). A sink is any
//! [`Sink`](crate::Sink), and what [converts](crate::IntoSink) into one: `Vec<u8>`, a `File`, a socket,
//! `Stdout`, `Stderr`, the input of a child; wrap any other
//! [`Write`](std::io::Write) in [`WriteSink::new(writer, name)`](crate::WriteSink::new).
//!
//! A [`Writable`](crate::Writable) is not a sink. Write `pipeline.readable().pipe_to(writable)`. Do not wrap
//! it in a `WriteSink`, which flushes it and does not finish it: the run would return
//! `Ok`, and the stream would be broken off.
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
//! To take a sum or a hash *on the way*, let a closure borrow it:
//!
//! ```
//! use sha2::{Digest, Sha256};
//! use highwater::pipeline;
//!
//! let (mut hash, mut bytes) = (Sha256::new(), 0);
//! pipeline(&b"abc"[..])
//!     .inspect(|chunk| hash.update(chunk))
//!     .inspect(|chunk| bytes += chunk.len())
//!     .to(Vec::new())
//!     .run()?;
//! assert_eq!(hash.finalize()[..4], [0xba, 0x78, 0x16, 0xbf]);
//! assert_eq!(bytes, 3);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # What a pipeline may borrow
//!
//! `run` joins every thread before it returns, in every case. So the source, the stages, the closures and
//! the sink may borrow from the function that calls it, as with [`std::thread::scope`]. Two stages may run
//! at once on two threads: what both of them borrow is shared (`&AtomicU64`, `&Mutex<T>`), and what one of
//! them alone borrows may be `&mut`.
//!
//! | to borrow | give the pipeline |
//! | --- | --- |
//! | bytes | `&bytes[..]`. Each chunk is a copy. [`Bytes::from_static`](crate::Bytes::from_static) of a constant, and a `Bytes`, are not copied |
//! | a [`Source`](crate::Source), a [`Readable`](crate::Readable) | `&mut source` |
//! | a reader | [`ReadSource::borrowed(&mut reader, name)`](crate::ReadSource::borrowed) |
//! | an iterator | [`flow(iterator.map(Ok))`](crate::stream::flow()) |
//! | a `Vec<u8>` to append to | `&mut vec` |
//! | a [`Sink`](crate::Sink), a `dyn Sink` | `&mut sink` |
//! | a writer | [`WriteSink::borrowed(&mut writer, name)`](crate::WriteSink::borrowed) |
//! | a reader or a writer that borrows itself, or is `dyn` | [`ReadSource::blocking`](crate::ReadSource::blocking), [`WriteSink::blocking`](crate::WriteSink::blocking). A cancel waits for a call of it |
//! | a table, for the threads of [`par_map`](crate::Pipeline::par_map) | a closure that uses `&table` |
//!
//! A borrowed source can be read on after the run, from behind what the pipeline has read: that may be a
//! buffer more than what arrived. A borrowed sink is flushed and finished, and not dropped: a file is not
//! closed by that, and a socket is not reset by a run that fails.
//!
//! ```
//! use highwater::{HighWaterMark, pipeline_of};
//! use highwater::stream::flow;
//!
//! let squares: Vec<usize> = (0..100).map(|n| n * n).collect();
//! let wanted = [3, 5, 7];
//! let mut found = Vec::new();
//! pipeline_of(flow(wanted.iter().copied().map(Ok)), HighWaterMark::items(4))
//!     .par_map(2, |n| Ok(squares[n]))
//!     .for_each(|square| found.push(square))
//!     .run()?;
//! assert_eq!(found, [9, 25, 49]);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! What goes on after the call borrows nothing: [`readable`](crate::Pipeline::readable), whose threads
//! run as long as the stream that it returns, and every [`Readable`](crate::Readable) and
//! [`Writable`](crate::Writable) of its own.
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
