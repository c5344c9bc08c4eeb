//! Choosing marks: how large a buffer should be.
//!
//! A [`HighWaterMark`](crate::HighWaterMark) has two levels. A writer waits when the buffer has
//! reached the **high** mark, and goes on when it has fallen to the **low** mark. The low mark is half
//! of the high one unless it is [set](crate::HighWaterMark::low).
//!
//! A chunk is never split or refused for its size: one is always admitted into a buffer that is below
//! its mark. So a buffer holds **at most its high mark and one chunk**.
//!
//! # Units
//!
//! | unit | made by | each chunk counts |
//! | --- | --- | --- |
//! | bytes | [`HighWaterMark::bytes`](crate::HighWaterMark::bytes) | its length |
//! | items | [`HighWaterMark::items`](crate::HighWaterMark::items) | 1 |
//! | a weight of your own | [`HighWaterMark::weighed`](crate::HighWaterMark::weighed) | what your function returns |
//!
//! The unit is part of the type: a sink of bytes cannot be bounded by a number of chunks by mistake.
//! An empty chunk counts 1, so that empty lines are bounded too.
//!
//! ```
//! use highwater::{HighWaterMark, Pressure, channel};
//!
//! struct Row { cells: Vec<String> }
//!
//! // Rows of very different sizes: the mark is on what they hold, about.
//! let mark = HighWaterMark::weighed(1024, |row: &Row| {
//!     row.cells.iter().map(String::len).sum()
//! });
//! let (mut writer, _reader) = channel(mark);
//! let small = Row { cells: vec!["a".repeat(100)] };
//! let large = Row { cells: vec!["b".repeat(2000)] };
//! assert_eq!(writer.write(small)?, Pressure::Below);
//! assert_eq!(writer.write(large)?, Pressure::Reached); // admitted; the next write would wait
//! assert_eq!(writer.len(), 2100);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Which size
//!
//! | you have | take | because |
//! | --- | --- | --- |
//! | bytes, one pipeline or a few | the default, 256 KiB | four reads of 64 KiB: one is written while the next are read |
//! | a connection each for thousands of clients | 16 to 64 KiB | the memory is that, times the clients that are slow |
//! | a sink that pauses: `fsync`, a remote store, a rate limit | rate × pause, such as 100 MB/s × 50 ms = 5 MB | the source works on during the pause |
//! | a source that pauses: a download in bursts | rate of the sink × pause | the sink has work during the pause |
//! | items of about one size | the default, 64 items | |
//! | items of very different sizes | `weighed` | a count bounds nothing when one item is 1000 times another |
//! | lines | [`lines::mark`](crate::lines::mark)`(64 * 1024)` | each line counts its bytes and one more |
//! | data that gets old: frames, metrics | a small mark | what is in the buffer is late by *mark / rate* |
//! | work to be produced only when it is wanted | `items(0)`, a rendezvous | each write waits for its reader |
//!
//! More than a few times the default gains nothing where both sides run steadily: the slower side sets
//! the speed. If the [report](super::pipelines#the-report) shows that source and sink are each blocked
//! or starved a part of the time, they pause in turns, and a larger mark helps.
//!
//! The low mark decides how often threads wake each other. Half is right nearly always. `low(0)` is
//! Node's rule: a writer goes on only when the buffer is empty, so the reader then waits for it.
//!
//! # A worked example
//!
//! A program reads files and sends each, compressed, to a client: `pipeline(file).through(gzip).to(socket)`.
//!
//! | what | holds at most |
//! | --- | --- |
//! | the buffer between the file and gzip | 256 KiB mark + 64 KiB chunk |
//! | gzip | 300 KiB, and the 64 KiB piece that it fills |
//! | the buffer between gzip and the socket | 256 KiB mark + 64 KiB chunk |
//! | together | about 1 MiB |
//! | 200 clients at once | about 200 MiB |
//! | with `.high_water_mark(HighWaterMark::bytes(32 * 1024))` | 556 KiB each, 110 MiB for 200 |
//! | with a [`Budget`](crate::Budget) of 16 MiB over all of them | 16 MiB and a chunk for each buffer and source, and gzip |
//!
//! It does not matter how large the files are, or how slow the clients. The bound can be asserted:
//!
//! ```
//! use highwater::{Bytes, Error, HighWaterMark, Out, pipeline};
//!
//! let halve = |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
//!     out.push(chunk.slice(..chunk.len() / 2))
//! };
//! let report = pipeline(vec![b'x'; 4 << 20])
//!     .high_water_mark(HighWaterMark::bytes(32 * 1024))
//!     .through(halve)
//!     .to(Vec::new())
//!     .run()?;
//! assert_eq!(report.bytes(), 2 << 20);
//! for stage in &report.stages()[1..] {
//!     let buffer = stage.buffer.unwrap(); // a source has none in front of it
//!     assert!(buffer.peak <= buffer.high_water_mark + 64 * 1024);
//! }
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! The whole formula: [memory](super::memory). Next: [drain](super::drain).
