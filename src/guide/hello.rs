//! Hello: two threads and a mark, then a pipeline.
//!
//! ```toml
//! [dependencies]
//! highwater = "0.1"
//! ```
//!
//! # Two threads
//!
//! A [`channel`](crate::channel) is a stream between two threads: one writes, one reads. The
//! *high-water mark* bounds what may be on the way. Here it is eight bytes.
//!
//! ```
//! use std::thread;
//! use highwater::{Bytes, HighWaterMark, channel};
//!
//! let (mut writer, reader) = channel(HighWaterMark::bytes(8));
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
//! Three things happened that a plain channel of messages does not do.
//!
//! - The bound is in **bytes**, not in messages. See [choosing marks](super::marks).
//! - [`finish`](crate::Writable::finish) returned when the reader had read everything, and not
//!   before. A writer that is dropped without `end` or `finish` is an error for the reader, and never
//!   a clean end. See [endings](super::endings).
//! - The reader is an iterator of `Result`, so an error of the producer reaches the consumer. See
//!   [errors](super::errors).
//!
//! # Anything that is read or written
//!
//! A stream need not have a thread of yours on its other side. A [`Readable`](crate::Readable) reads
//! ahead from any [`Read`](std::io::Read), iterator, closure or [`Source`](crate::Source). A
//! [`Writable`](crate::Writable) takes what is written to any [`Write`](std::io::Write) or
//! [`Sink`](crate::Sink). Each has one thread for that. The thread starts with the first chunk and
//! ends with its handle.
//!
//! ```
//! use std::io::{BufRead, Write};
//! use highwater::{HighWaterMark, Readable, Writable};
//!
//! let text = Readable::from_read(&b"one\ntwo\n"[..], HighWaterMark::default());
//! let lines: Result<Vec<String>, _> = text.lines().collect(); // a Readable of bytes is BufRead
//! assert_eq!(lines?, ["one", "two"]);
//!
//! let mut out = Writable::to(Vec::new(), HighWaterMark::default());
//! writeln!(out, "small writes are merged")?; // a Writable of bytes is Write
//! assert_eq!(out.finish()?, b"small writes are merged\n"); // and gives the Vec back
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # A pipeline
//!
//! A [`pipeline`](fn@crate::pipeline) runs a source, any number of stages and a sink, joins their
//! threads, and returns one result: the first cause of a failure, or a [`Report`](crate::Report).
//!
//! ```
//! use highwater::{lines, pipeline};
//!
//! let log = &b"GET /\nPOST /form\nGET /style.css\n"[..];
//! let (report, out) = pipeline(log)
//!     .through(lines::lines())
//!     .filter(|line| line.starts_with(b"GET"))
//!     .through(lines::append_end("\n"))
//!     .to(Vec::new())
//!     .run_into()?;
//! assert_eq!(out.into_inner(), b"GET /\nGET /style.css\n");
//! assert_eq!(report.bytes(), 21);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! With `fs::read` in place of `log`, and `net::connect` in place of `Vec::new()`, the same pipeline
//! ships a file of any size to a server of any speed, in a few hundred KiB of memory.
//!
//! Next: [choosing marks](super::marks).
