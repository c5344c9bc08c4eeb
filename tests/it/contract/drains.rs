//! Rules 4 to 7: pressure, the drain, and chunks with nothing in them.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use highwater::{ErrorKind, HighWaterMark, Pressure, WriteError, channel};

use crate::support::{Census, in_time, task};

// Rule 4.
#[test]
fn a_write_answers_whether_the_next_one_would_wait() {
    in_time(|| {
        for high in 1..20 {
            let (mut writer, _reader) = channel(HighWaterMark::items(high));
            for n in 1..=high {
                let reached = writer.write(n).unwrap().reached();
                assert_eq!(reached, n == high);
                assert_eq!(writer.needs_drain(), reached);
            }
            assert!(writer.try_write(0).unwrap_err().is_full());
            assert_eq!(writer.len(), high);
        }
    });
}

// Rule 4.
#[test]
#[deny(unused_must_use)]
fn an_answer_that_is_ignored_is_no_warning_and_the_next_write_waits() {
    in_time(|| {
        const CHUNKS: usize = 100;
        let (mut writer, reader) = channel(HighWaterMark::items(2));
        let census = Census::default();
        let made = census.clone();
        let producer = task(move || {
            for number in 0..CHUNKS {
                writer.write(made.chunk(number))?;
            }
            writer.finish()
        });
        let count = reader.flow().fold(0, |count, chunk| {
            assert_eq!(chunk.number, count);
            count + 1
        });
        assert_eq!(count.unwrap(), CHUNKS);
        producer.join().unwrap();
        // What is buffered, what is being written, and what was just read.
        assert!(census.peak() <= 2 + 1 + 1, "{}", census.peak());
    });
}

// Rule 4.
#[test]
fn a_write_that_may_not_wait_hands_its_chunk_back() {
    in_time(|| {
        let census = Census::default();
        let (mut writer, mut reader) = channel(HighWaterMark::items(1));
        writer.write(census.chunk(0)).unwrap();
        let full = writer.try_write(census.chunk(1)).unwrap_err();
        assert!(matches!(&full, WriteError::Full(chunk) if chunk.number == 1));
        let (chunk, error) = full.into_parts();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        let timed_out = writer
            .write_timeout(chunk, Duration::from_millis(1))
            .unwrap_err();
        assert!(matches!(&timed_out, WriteError::TimedOut(chunk) if chunk.number == 1));
        let chunk = timed_out.into_chunk();
        assert_eq!(census.live(), 2, "nothing was lost or queued");

        assert_eq!(reader.try_next().unwrap().unwrap().number, 0);
        writer.write_timeout(chunk, Duration::from_secs(1)).unwrap();
        assert_eq!(reader.try_next().unwrap().unwrap().number, 1);
        assert_eq!(reader.peak(), 1);
    });
}

// Rule 5.
#[test]
fn a_drain_comes_once_at_the_low_mark_and_not_at_each_chunk() {
    in_time(|| {
        for (high, low) in [(4, 0), (4, 1), (4, 3), (9, 4), (32, 16), (100, 1)] {
            let (mut writer, mut reader) = channel(HighWaterMark::items(high).low(low).unwrap());
            for round in 0..3 {
                let mut drains = 0;
                while !writer.needs_drain() {
                    writer.try_write(round).unwrap();
                }
                while writer.needs_drain() {
                    let before = writer.len();
                    assert!(before > low);
                    assert!(writer.try_write(round).unwrap_err().is_full());
                    assert_eq!(reader.try_next().unwrap(), Some(round));
                    drains += usize::from(!writer.needs_drain());
                    assert_eq!(writer.needs_drain(), writer.len() > low, "{high}, {low}");
                }
                assert_eq!(drains, 1);
                assert_eq!(writer.len(), low);
                writer.wait_drain().unwrap();
                while reader.try_next().is_ok() {}
            }
            assert_eq!(reader.peak(), high);
        }
    });
}

// Rule 5.
#[test]
fn who_waits_for_a_drain_is_woken_by_it_and_by_nothing_less() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(8).low(2).unwrap());
        for n in 0..8 {
            writer.write(n).unwrap();
        }
        let timed_out = writer.wait_drain_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(timed_out.kind(), ErrorKind::TimedOut);
        let waiting = task(move || {
            writer.wait_drain().unwrap();
            (writer.len(), writer)
        });
        for n in 0..6 {
            waiting.until_parked();
            assert_eq!(reader.next().unwrap().unwrap(), n);
        }
        let (len, writer) = waiting.join();
        assert_eq!(len, 2);
        assert!(!writer.needs_drain());
        assert_eq!(reader.peak(), 8);
    });
}

// Rules 3 and 6.
#[test]
fn an_empty_chunk_arrives_and_counts_one_against_the_mark() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4));
        let parts = [&b"a"[..], b"", b""];
        let mut chunks: VecDeque<_> = parts.map(Bytes::from_static).into();
        assert_eq!(writer.write_batch(&mut chunks).unwrap(), Pressure::Below);
        assert!(writer.write(Bytes::new()).unwrap().reached());
        assert!(writer.try_write(Bytes::new()).unwrap_err().is_full());
        assert_eq!((writer.len(), writer.confirmed()), (4, 0));
        for (expected, left) in [("a", 3), ("", 2)] {
            assert_eq!(reader.next().unwrap().unwrap(), expected);
            assert!(writer.len() >= left);
        }
        // Rule 5: at the low mark there is room again, for empty chunks as for others.
        assert_eq!((writer.len(), writer.needs_drain()), (2, false));
        assert!(writer.try_write(Bytes::new()).is_ok());
        writer.end();
        let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
        assert_eq!(read, ["", "", ""]);
        assert_eq!((writer.len(), writer.confirmed()), (0, 1));
        assert_eq!(reader.peak(), 4);
        writer.finish().unwrap();
    });
}

// Rule 7: also an empty chunk is waited for.
#[test]
fn a_flush_waits_for_an_empty_chunk_too() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4));
        let _ = writer.write(Bytes::new()).unwrap();
        let flushing = task(move || {
            writer.flush().unwrap();
            writer
        });
        flushing.until_parked();
        assert!(!flushing.is_finished());
        assert_eq!(reader.next().unwrap().unwrap(), "");
        drop(flushing.join());
        assert_eq!(reader.peak(), 1);
    });
}

// Rule 6: between bytes that are read by number there are no boundaries.
#[test]
fn a_read_of_some_bytes_passes_over_empty_chunks_however_many() {
    in_time(|| {
        const BLANKS: usize = 1_000;
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4));
        let writing = task(move || {
            for byte in ["", "a", "b", "c"] {
                let _ = writer.write(byte.into()).unwrap();
                for _ in 0..BLANKS {
                    let _ = writer.write(Bytes::new()).unwrap();
                }
            }
            writer.end();
        });
        assert_eq!(reader.read_n(2).unwrap().unwrap(), "ab");
        assert_eq!(reader.read_n(2).unwrap().unwrap(), "c");
        assert_eq!(reader.read_n(1).unwrap(), None);
        writing.join();
        assert_eq!(reader.peak(), 4);
    });
}

// Rule 6.
#[test]
fn an_empty_item_is_an_item() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(2));
        writer.write("").unwrap();
        assert!(writer.write("").unwrap().reached());
        assert!(writer.try_write("").unwrap_err().is_full());
        assert_eq!(reader.try_next().unwrap(), Some(""));
        assert_eq!(reader.peak(), 2);
    });
}
