//! Transforms: a chunk in, any number of chunks out.
//!
//! # A closure
//!
//! A stage of a [`pipeline`](fn@crate::pipeline) is a [`Transform`](crate::Transform). A closure is one.
//! [`Out::push`](crate::Out::push) waits for room, so one chunk that becomes a million is bounded too.
//!
//! ```
//! use highwater::{Bytes, Error, Out, pipeline};
//!
//! let twice = |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
//!     out.push(chunk.clone())?; // a clone of Bytes is no copy
//!     out.push(chunk)
//! };
//! let (report, out) = pipeline(&b"ha"[..]).through(twice).to(Vec::new()).run_into()?;
//! assert_eq!(out.into_inner(), b"haha");
//! assert_eq!(report.stages().len(), 3); // source, stage, sink
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # A type
//!
//! A type can keep what belongs to the next chunk, and push the rest in
//! [`flush`](crate::Transform::flush), after the last one.
//!
//! ```
//! use highwater::{Bytes, Error, Out, Transform};
//! use highwater::stage::apply;
//!
//! /// Records of 4 bytes, however the stream was cut.
//! #[derive(Default)]
//! struct Records {
//!     held: Vec<u8>,
//! }
//!
//! impl Transform<Bytes, [u8; 4]> for Records {
//!     fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, [u8; 4]>) -> Result<(), Error> {
//!         self.held.extend_from_slice(&chunk);
//!         let mut records = self.held.chunks_exact(4);
//!         for record in records.by_ref() {
//!             out.push([record[0], record[1], record[2], record[3]])?;
//!         }
//!         self.held = records.remainder().to_vec();
//!         Ok(())
//!     }
//!
//!     fn flush(&mut self, _out: &mut Out<'_, [u8; 4]>) -> Result<(), Error> {
//!         match self.held.len() {
//!             0 => Ok(()),
//!             left => Err(Error::other(format!("{left} bytes behind the last record"))),
//!         }
//!     }
//! }
//!
//! // `apply` runs a transform with no thread at all: for tests, and for data in memory.
//! let cut = [&b"abc"[..], b"defg", b"h"].map(Bytes::from);
//! assert_eq!(apply(&mut Records::default(), cut)?, [*b"abcd", *b"efgh"]);
//! # Ok::<(), Error>(())
//! ```
//!
//! | method | called | default |
//! | --- | --- | --- |
//! | [`transform`](crate::Transform::transform) | with each chunk | |
//! | [`idle`](crate::Transform::idle) | when no chunk is at hand now; more may come | nothing |
//! | [`flush`](crate::Transform::flush) | after the last chunk | nothing |
//! | [`fail`](crate::Transform::fail) | in place of `flush`, when the stream has failed | nothing |
//! | [`is_done`](crate::Transform::is_done) | before each chunk: `true` ends the stream well | `false` |
//! | [`is_light`](crate::Transform::is_light) | once: `true` means that no thread is worth it | `false` |
//! | [`name`](crate::Transform::name) | for errors and reports | `transform` |
//!
//! # Operators
//!
//! `map`, `try_map`, `filter`, `flat_map`, `inspect`, `take`, `skip`, `chunks_of` and others are methods of
//! a [`Pipeline`](crate::Pipeline), where they run on the thread of the stage behind them, and of the
//! [`Flow`](crate::stream::Flow) that [`Readable::flow`](crate::Readable::flow) makes, where they run when it is
//! read. Names and meanings are std's. Their closures may keep state: an `enumerate`, a `scan` or a `dedup`
//! is a `map` or a `filter` with a variable.
//!
//! A [`Readable`](crate::Readable) itself is an iterator over results, so `readable.map(...)` is that of
//! [`Iterator`], and its closure gets each `Result`. In a flow the closures get the items, and an error goes
//! through to the call that reads.
//!
//! ```
//! use highwater::{HighWaterMark, Readable, lines, pipeline};
//!
//! let log = &b"error: disk\nall well\nerror: net\n"[..];
//! let mut number = 0;
//! let errors = pipeline(log)
//!     .through(lines::lines())
//!     .map(move |line| {
//!         number += 1;
//!         (number, line)
//!     })
//!     .filter(|(_, line)| line.starts_with(b"error"))
//!     .map(|(number, _)| number)
//!     .readable(); // read it here, on this thread
//! assert_eq!(errors.to_vec(100)?, [1, 3]);
//!
//! let numbers = Readable::from_iter(1.., HighWaterMark::items(4));
//! let mut squares = numbers.flow().map(|n: u64| n * n);
//! assert_eq!(squares.find(|n| *n > 50)?, Some(64)); // and no further
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # On several threads
//!
//! [`par_map`](crate::Pipeline::par_map) shares work among threads and keeps the order;
//! [`par_map_unordered`](crate::Pipeline::par_map_unordered) passes results on as they come. How many
//! items are on the way is bounded.
//!
//! ```
//! use highwater::{HighWaterMark, Readable, pipeline_of};
//!
//! let mark = HighWaterMark::items(16);
//! let lengths = pipeline_of(Readable::from_iter(["one", "three", "fifteen"], mark), mark)
//!     .par_map(2, |word| Ok(word.len()))
//!     .readable();
//! assert_eq!(lengths.to_vec(10)?, [3, 5, 7]);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Stages that are there
//!
//! | stage | is |
//! | --- | --- |
//! | [`lines::lines`](crate::lines::lines()), [`lines::split`](crate::lines::split) | pieces between delimiters |
//! | [`lines::frames`](crate::lines::frames), [`lines::prepend_len`](crate::lines::prepend_len) | pieces with their length before each |
//! | [`lines::append_end`](crate::lines::append_end) | a line end behind each piece |
//! | [`lines::utf8`](crate::lines::utf8()), [`lines::utf8_lossy`](crate::lines::utf8_lossy) | text, no character cut in two |
//! | [`gzip::compress`](crate::gzip::compress), [`gzip::decompress`](crate::gzip::decompress) | gzip, zlib and deflate |
//! | [`gzip::compress_parallel`](crate::gzip::compress_parallel) | gzip on several threads |
//! | [`operators`](crate::stage::operators) | the operators as stages; [`compose`](crate::stage::operators::compose) makes one stage of two |
//! | [`Pipeline::via`](crate::Pipeline::via) | anything that is written and read: a child process, a connection |
//!
//! `compress` holds its output until a piece is full or the stream ends. For a log that is read while it
//! grows, set [`flush_each_chunk`](crate::gzip::Compress::flush_each_chunk).
//!
//! Next: [fan-out](super::fan_out).
