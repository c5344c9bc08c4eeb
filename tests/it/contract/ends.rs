//! Rules 7 to 9: how a stream ends, and how it is never mistaken for having ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use highwater::{Error, ErrorKind, HighWaterMark, Readable, Writable, WriteError, channel};

use crate::support::hostile::{Scripted, Slow, Step};
use crate::support::{Census, Gate, in_time, task};

// Rule 7.
#[test]
fn finish_waits_until_everything_was_read() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(4));
        for n in 0..3 {
            writer.write(n).unwrap();
        }
        let finishing = task(move || writer.finish());
        for n in 0..3 {
            finishing.until_parked();
            assert!(!finishing.is_finished());
            assert_eq!(reader.next().unwrap().unwrap(), n);
        }
        finishing.join().unwrap();
        assert!(reader.next().is_none());
        assert_eq!(reader.peak(), 3);
    });
}

// Rule 7.
#[test]
fn finish_gives_the_sink_back_once_it_has_flushed() {
    in_time(|| {
        let sink = Scripted::new([Step::Move(3)]);
        let mut out = Writable::to(sink, HighWaterMark::bytes(4));
        for _ in 0..10 {
            out.write(Bytes::from_static(b"hello")).unwrap();
            assert!(out.len() <= 4 + 5);
        }
        let sink = out.finish().unwrap();
        assert_eq!(sink.written, b"hello".repeat(10));
        assert!(sink.flushes > 0);
    });
}

// Rule 7: what a sink was given and did not flush is no success.
#[test]
fn finish_tells_a_flush_that_failed() {
    in_time(|| {
        for (flush, kind) in [
            (
                Step::Fail(std::io::ErrorKind::StorageFull),
                ErrorKind::Io(std::io::ErrorKind::StorageFull),
            ),
            (Step::Panic, ErrorKind::Panicked),
        ] {
            let mut sink = Scripted::new([Step::Move(1)]);
            sink.flush = flush;
            let mut out = Writable::to(sink, HighWaterMark::bytes(4));
            out.write(Bytes::from_static(b"hello")).unwrap();
            let error = out.wait_finish().unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(!out.is_finished());
            assert!(out.finish().unwrap_err().is_same(&error));
        }
    });
}

// Rule 7: a flush has happened when it says so.
#[test]
fn flush_waits_for_the_flush_of_the_sink_and_not_just_its_write() {
    in_time(|| {
        let mut sink = Scripted::new([Step::Move(usize::MAX)]);
        sink.flush = Step::Fail(std::io::ErrorKind::StorageFull);
        let mut out = Writable::to(sink, HighWaterMark::bytes(64));
        out.write(Bytes::from_static(b"not on disk")).unwrap();
        let error = out.flush().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io(std::io::ErrorKind::StorageFull));
    });
}

// Rule 7.
#[test]
fn flush_waits_for_everything_that_was_written_before() {
    in_time(|| {
        let gate = Gate::new();
        let mut out = Writable::to(Slow::new(gate.clone(), 2), HighWaterMark::bytes(64));
        for _ in 0..3 {
            out.write(Bytes::from_static(b"abcd")).unwrap();
        }
        let flushing = task(move || {
            out.flush().unwrap();
            (out.len(), out.confirmed(), out)
        });
        for permits in 1..6 {
            gate.open(1);
            gate.until_arrived(permits + 1);
            assert!(!flushing.is_finished());
        }
        gate.open(1);
        let (len, confirmed, out) = flushing.join();
        assert_eq!((len, confirmed), (0, 12));
        assert_eq!(out.finish().unwrap().written, b"abcdabcdabcd");
    });
}

// Rule 7.
#[test]
fn end_and_finish_may_be_called_again() {
    in_time(|| {
        let mut out = Writable::to(Vec::new(), HighWaterMark::default());
        out.write(Bytes::from_static(b"once")).unwrap();
        out.end();
        out.end();
        out.wait_finish().unwrap();
        out.wait_finish().unwrap();
        out.wait_finish_timeout(Duration::ZERO).unwrap();
        assert!(out.is_finished() && out.is_closed() && out.is_ended());
        let refused = out.write(Bytes::from_static(b"more")).unwrap_err();
        assert!(matches!(refused, WriteError::Ended(chunk) if chunk == "more"));
        assert_eq!(out.finish().unwrap(), b"once");
    });
}

// Rule 7: a stream that is torn down before anything was written to it is over, too.
#[test]
fn finish_returns_on_a_stream_that_was_destroyed_before_its_first_byte() {
    in_time(|| {
        let mut out = Writable::to(Vec::new(), HighWaterMark::default());
        let cause = Error::other("never mind");
        assert!(out.destroy(cause.clone()).is_empty());
        assert!(out.wait_finish().unwrap_err().is_same(&cause));
        assert!(out.finish().unwrap_err().is_same(&cause));
    });
}

// Rule 7.
#[test]
fn nothing_written_is_a_clean_end_as_well() {
    in_time(|| {
        let out = Writable::to(Vec::new(), HighWaterMark::default());
        assert!(out.finish().unwrap().is_empty());
        let (mut writer, mut reader) = channel::<u8, _>(HighWaterMark::items(1));
        writer.end();
        assert!(reader.next().is_none());
        writer.finish().unwrap();
    });
}

// Rule 8.
#[test]
fn a_writer_that_goes_away_without_end_is_no_clean_end() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(4));
        writer.write(1).unwrap();
        drop(writer);
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PrematureClose);
        assert!(reader.try_next().unwrap_err().is_same(&error));

        let (mut writer, mut reader) = channel(HighWaterMark::items(4));
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            writer.write(1).unwrap();
            panic!("in the middle");
        }));
        assert!(panicked.is_err());
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PrematureClose);
    });
}

// Rule 8: a sink sees it by being dropped unfinished.
#[test]
fn a_writer_that_goes_away_without_end_does_not_finish_its_sink() {
    struct Sink(std::sync::mpsc::Sender<&'static str>);
    impl highwater::Sink<u8> for Sink {
        fn write(&mut self, batch: &mut highwater::Batch<u8>) -> Result<(), Error> {
            while batch.pop().is_some() {
                let _ = self.0.send("write");
            }
            Ok(())
        }
        fn finish(&mut self) -> Result<(), Error> {
            let _ = self.0.send("finish");
            Ok(())
        }
    }
    impl Drop for Sink {
        fn drop(&mut self) {
            let _ = self.0.send("drop");
        }
    }
    in_time(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let mut out = Writable::from_sink(Sink(tell.clone()), HighWaterMark::items(4));
        out.write(1).unwrap();
        out.flush().unwrap();
        drop(out);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["write", "drop"]);

        let mut out = Writable::from_sink(Sink(tell), HighWaterMark::items(4));
        out.write(1).unwrap();
        out.end();
        drop(out);
        let all: Vec<_> = told.try_iter().collect();
        assert_eq!(
            all,
            ["write", "finish", "drop"],
            "an end is kept by the drop"
        );
    });
}

// Rule 9.
#[test]
fn a_reader_sees_every_chunk_in_order_and_then_the_end_for_ever() {
    in_time(|| {
        for high in [1, 2, 3, 50] {
            let census = Census::default();
            let made = census.clone();
            let chunks = (0..500).map(move |number| made.chunk(number));
            let mut reader = Readable::from_iter(chunks, HighWaterMark::items(high));
            for number in 0..500 {
                assert_eq!(reader.next().unwrap().unwrap().number, number);
            }
            for _ in 0..3 {
                assert!(reader.next().is_none());
                assert!(reader.try_next().unwrap().is_none());
                assert!(reader.next_timeout(Duration::ZERO).unwrap().is_none());
            }
            assert!(reader.peak() <= high);
            // What is buffered, what the source has in hand, and what the test has.
            assert!(census.peak() <= high + 2, "{} of {high}", census.peak());
            assert_eq!(census.live(), 0);
        }
    });
}

// Rule 7: a cork that comes too late holds nothing back.
#[test]
fn a_cork_after_the_end_holds_nothing_back() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(2));
        writer.write(1).unwrap();
        writer.end();
        let cork = writer.cork();
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        assert!(reader.next().is_none());
        assert_eq!(reader.peak(), 1);
        writer.finish().unwrap();
        drop(cork);
    });
}
