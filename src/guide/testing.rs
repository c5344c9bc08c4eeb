//! Testing your own stages: sources, sinks and transforms.
//!
//! # A transform, with no thread
//!
//! [`apply`](crate::stage::apply) runs a transform over some chunks and to its end, on the calling thread. A stage
//! of bytes must give the same however the stream was cut, so try every cut:
//!
//! ```
//! use highwater::{Bytes, lines};
//! use highwater::stage::apply;
//!
//! let text = Bytes::from("one\ntwo\r\n\nthree");
//! let whole = apply(&mut lines::lines(), [text.clone()])?;
//! assert_eq!(whole, ["one", "two", "", "three"]);
//! for at in 0..=text.len() {
//!     let cut = [text.slice(..at), text.slice(at..)];
//!     assert_eq!(apply(&mut lines::lines(), cut)?, whole, "cut at byte {at}");
//! }
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! Random cuts of random data are a property for `proptest` or a fuzzer: the test above is its body.
//!
//! # A source that fails where you say
//!
//! A closure is a source: a list of what happens, one step a call.
//!
//! ```
//! use std::io;
//! use highwater::{Bytes, Error, ErrorKind, HighWaterMark, Readable, pipeline};
//!
//! let mut script = vec![
//!     Ok(Some(Bytes::from("half"))),
//!     Err(Error::from(io::Error::from(io::ErrorKind::ConnectionReset))),
//! ]
//! .into_iter();
//! let source = Readable::from_fn(move || script.next().unwrap_or(Ok(None)), HighWaterMark::bytes(1024));
//!
//! let failure = pipeline(source).to(Vec::new()).run().unwrap_err();
//! assert_eq!(failure.error.kind(), ErrorKind::Io(io::ErrorKind::ConnectionReset));
//! assert_eq!(failure.error.offset(), Some(4)); // behind what came before it
//! assert_eq!(failure.report.bytes(), 4); // which was delivered
//! ```
//!
//! # Readers and writers that misbehave
//!
//! What is between [`Read`](std::io::Read) and a stream must bear short reads and writes, and calls that a
//! signal interrupts ([`Interrupted`](std::io::ErrorKind::Interrupted)).
//!
//! ```
//! use std::io;
//! use highwater::{ReadSource, WriteSink, pipeline};
//!
//! struct OneByte<T> { inner: T, calls: usize }
//!
//! impl<T> OneByte<T> {
//!     fn interrupted(&mut self) -> bool {
//!         self.calls += 1;
//!         self.calls % 3 == 0
//!     }
//! }
//! impl<R: io::Read> io::Read for OneByte<R> {
//!     fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
//!         if self.interrupted() {
//!             return Err(io::ErrorKind::Interrupted.into());
//!         }
//!         let one = room.len().min(1);
//!         self.inner.read(&mut room[..one])
//!     }
//! }
//! impl<W: io::Write> io::Write for OneByte<W> {
//!     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
//!         if self.interrupted() {
//!             return Err(io::ErrorKind::Interrupted.into());
//!         }
//!         self.inner.write(&bytes[..bytes.len().min(1)])
//!     }
//!     fn flush(&mut self) -> io::Result<()> {
//!         self.inner.flush()
//!     }
//! }
//!
//! let reader = ReadSource::new(OneByte { inner: &b"every byte, once"[..], calls: 0 }, "short reads");
//! let writer = WriteSink::new(OneByte { inner: Vec::new(), calls: 0 }, "short writes");
//! let (report, writer) = pipeline(reader).to(writer).run_into()?;
//! assert_eq!(writer.into_inner().inner, b"every byte, once");
//! assert_eq!(report.bytes(), 16);
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # A source of your own
//!
//! A [`Source`](crate::Source) may block in `read`. Wrap the wait in [`waiting`](crate::stage::waiting()), so
//! that the report counts it as a wait and not as work. A cancel waits for the call, unless the source has an
//! [`interrupt`](crate::Source::interrupt); [`Interrupt`](crate::stage::Interrupt) has an example.
//!
//! ```
//! use std::sync::mpsc;
//! use std::thread;
//! use highwater::stage::waiting;
//! use highwater::{Error, HighWaterMark, Source, pipeline_of};
//!
//! struct Jobs(mpsc::Receiver<u64>);
//!
//! impl Source<u64> for Jobs {
//!     fn read(&mut self) -> Result<Option<u64>, Error> {
//!         Ok(waiting(|| self.0.recv()).ok()) // the last sender is gone: the end
//!     }
//! }
//!
//! let (sender, jobs) = mpsc::sync_channel(1);
//! let producer = thread::spawn(move || (1..=100).try_for_each(|job| sender.send(job)));
//! let mut sum = 0;
//! let report = pipeline_of(Jobs(jobs), HighWaterMark::items(4)).for_each(|job| sum += job).run()?;
//! assert_eq!((sum, report.bytes()), (5050, 100)); // each once
//! assert!(report.stages()[1].buffer.unwrap().peak <= 4 + 1); // and bounded
//! producer.join().unwrap().unwrap();
//! # Ok::<(), Error>(())
//! ```
//!
//! # A sink of your own
//!
//! A [`Sink`](crate::Sink) takes chunks off the front of a [`Batch`](crate::Batch). What it leaves comes
//! again. Test it behind a [`Writable`](crate::Writable), or at the end of a pipeline:
//!
//! ```
//! use highwater::{Batch, Error, HighWaterMark, Readable, Sink, pipeline_of};
//!
//! /// Inserts rows, a hundred at a time.
//! #[derive(Default)]
//! struct Table { rows: Vec<u64>, inserts: usize }
//!
//! impl Sink<u64> for Table {
//!     fn write(&mut self, batch: &mut Batch<u64>) -> Result<(), Error> {
//!         self.inserts += 1;
//!         for _ in 0..100 {
//!             let Some(row) = batch.pop() else { break };
//!             self.rows.push(row.chunk);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mark = HighWaterMark::items(64);
//! let rows = Readable::from_iter(0..1000, mark);
//! let (report, table) = pipeline_of(rows, mark).to(Table::default()).run_into()?;
//! assert!(table.rows.iter().copied().eq(0..1000)); // each once, in order
//! assert!(table.inserts < 1000); // in batches
//! assert!(report.stages()[1].buffer.unwrap().peak <= 64 + 1); // and bounded
//! # Ok::<(), Error>(())
//! ```
//!
//! # A test that decides when things happen
//!
//! No test needs a sleep. Let a sink wait on a channel until the test lets it go on:
//!
//! ```
//! use std::sync::mpsc;
//! use highwater::{Error, HighWaterMark, Writable};
//!
//! let (go, gate) = mpsc::channel();
//! let held = move |_chunk: u8| {
//!     gate.recv().map_err(Error::other)?; // one chunk for each `go`
//!     Ok(())
//! };
//! let mut out = Writable::from_fn(held, HighWaterMark::items(2));
//! out.write(1)?; // now in the hand of the sink, which waits: it still counts
//! assert!(out.write(2)?.reached());
//! assert!(out.try_write(3).unwrap_err().is_full());
//!
//! go.send(()).unwrap();
//! out.wait_drain()?; // one of two was taken: the low mark
//! assert!(out.write(3)?.reached());
//! (0..2).for_each(|_| go.send(()).unwrap());
//! out.finish().map(drop)?; // it gives the closure back
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Assert the bound
//!
//! A suite that passes with backpressure switched off proves little. Wherever data moves, assert what was
//! held: [`peak`](crate::Readable::peak), or the [`buffer`](crate::report::BufferReport) of each stage. See
//! [memory](super::memory#asserting-it).
//!
//! # The rules alone
//!
//! The state machines in [`state`](crate::state) have no thread, lock or clock: feed them a list of
//! operations, and check each answer. They are what every stream here runs, so what a fuzzer finds there
//! is found everywhere.
//!
//! ```
//! use highwater::Pressure;
//! use highwater::state::{Batching, Marks, Misuse, WritableState};
//!
//! let marks = Marks::new(4, 2).unwrap();
//! let mut machine: WritableState<&str, Misuse> =
//!     WritableState::new(marks, |text| text.len(), Batching::All);
//! assert_eq!(machine.write("abc").ok(), Some(Pressure::Below));
//! assert_eq!(machine.write("de").ok(), Some(Pressure::Reached));
//! assert_eq!(machine.len(), 5);
//! ```
//!
//! Next: [coming from Node](super::from_node).
