//! Sources that give little, fail and panic, and reads that want more than there is.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use highwater::{ErrorKind, HighWaterMark, Readable, channel};

use crate::support::hostile::{Pattern, Step, pattern};
use crate::support::{Census, in_time, task, until};

// Rule 17.
#[test]
fn a_short_read_is_a_chunk_and_no_end() {
    in_time(|| {
        for script in [
            vec![Step::Move(1)],
            vec![Step::Interrupt, Step::Move(13)],
            vec![Step::Move(1_000), Step::Interrupt, Step::Interrupt],
        ] {
            let source = Pattern::new(5_000, script);
            let mut reader = Readable::from_read(source, HighWaterMark::bytes(64));
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert!(read == pattern(5_000), "bytes are not the same");
            assert!(reader.peak() < 64 + 1_000);
        }
    });
}

// Rules 9 and 12: what came before an error is read before it.
#[test]
fn an_error_of_a_source_comes_behind_what_it_has_read() {
    in_time(|| {
        for good in [0, 1, 5, 40] {
            for (last, kind) in [
                (
                    Step::Fail(io::ErrorKind::ConnectionReset),
                    ErrorKind::Io(io::ErrorKind::ConnectionReset),
                ),
                (Step::Panic, ErrorKind::Panicked),
            ] {
                let mut script = vec![Step::Move(10); good];
                script.push(last);
                let source = Pattern::new(usize::MAX, script);
                let mut reader = Readable::from_read(source, HighWaterMark::bytes(25));
                let mut read = Vec::new();
                let error = loop {
                    match reader.next().unwrap() {
                        Ok(chunk) => read.extend_from_slice(&chunk),
                        Err(error) => break error,
                    }
                };
                assert!(read == pattern(10 * good));
                assert_eq!(error.kind(), kind);
                assert_eq!(error.operation(), Some("read from"));
                assert_eq!(error.stage(), Some("reader"));
                assert_eq!(error.offset(), Some(10 * good as u64));
                assert!(reader.next().is_none());
                assert!(reader.try_next().unwrap_err().is_same(&error));
                assert!(reader.error().unwrap().is_same(&error));
                assert!(reader.peak() < 25 + 10);
            }
        }
    });
}

// Rule 3: a source is read up to the mark, and no further.
#[test]
fn an_endless_source_is_read_no_further_than_the_mark() {
    in_time(|| {
        for high in [1, 2, 10] {
            let census = Census::default();
            let produced = Arc::new(AtomicUsize::new(0));
            let (made, count) = (census.clone(), Arc::clone(&produced));
            let endless = move || Ok(Some(made.chunk(count.fetch_add(1, Ordering::SeqCst))));
            let mark = HighWaterMark::items(high).low(0).unwrap();
            let mut reader = Readable::from_fn(endless, mark);
            for number in 0..100 {
                assert_eq!(reader.next().unwrap().unwrap().number, number);
                let ahead = produced.load(Ordering::SeqCst) - number - 1;
                assert!(ahead <= high, "{ahead} read ahead of {high}");
            }
            assert!(census.peak() <= high + 1);
            drop(reader);
            assert_eq!(census.live(), 0);
        }
    });
}

// Rule 16: nothing is read before somebody wants it.
#[test]
fn a_source_is_not_read_before_the_first_read() {
    in_time(|| {
        let produced = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&produced);
        let source = move || Ok(Some(count.fetch_add(1, Ordering::SeqCst)));
        let mut reader = Readable::from_fn(source, HighWaterMark::items(3));
        assert_eq!(produced.load(Ordering::SeqCst), 0);
        assert_eq!(reader.next().unwrap().unwrap(), 0);
        until("it reads ahead", || produced.load(Ordering::SeqCst) >= 3);
        drop(reader);
        assert!(produced.load(Ordering::SeqCst) <= 4 + 2);
    });
}

// Rule 14 of the design's `pause`: no more is pulled than was on its way.
#[test]
fn a_paused_stream_takes_in_no_more() {
    in_time(|| {
        let produced = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&produced);
        let source = move || Ok(Some(count.fetch_add(1, Ordering::SeqCst)));
        let mut reader = Readable::from_fn(source, HighWaterMark::items(2));
        assert_eq!(reader.next().unwrap().unwrap(), 0);
        until("it is full", || reader.len() >= 2);
        reader.pause();
        let before = produced.load(Ordering::SeqCst);
        let mut read = 0;
        while let Ok(Some(n)) = reader.try_next() {
            read += 1;
            assert_eq!(n, read);
        }
        // It has the time to read on, if it would.
        (0..1_000).for_each(|_| thread::yield_now());
        let after = produced.load(Ordering::SeqCst);
        assert!(after <= before + 1, "{before} and {after}");
        reader.resume();
        for n in read + 1..20 {
            assert_eq!(reader.next().unwrap().unwrap(), n);
        }
        assert!(reader.peak() <= 2);
    });
}

// Rule 14.
#[test]
fn a_writer_waits_for_a_paused_reader() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(2));
        reader.pause();
        assert!(writer.try_write(1).unwrap_err().is_full());
        let writing = task(move || writer.write(1).map(|_| writer).unwrap());
        writing.until_parked();
        assert_eq!(reader.len(), 0);
        reader.resume();
        let _writer = writing.join();
        assert_eq!(reader.next().unwrap().unwrap(), 1);
    });
}

// Rule 14: a frame that is larger than the buffer never deadlocks, whatever was read before it.
#[test]
fn a_read_of_more_than_the_mark_never_deadlocks() {
    const CHUNK: usize = 7;
    in_time(|| {
        for (high, low) in [(0, 0), (1, 0), (8, 0), (8, 4), (8, 7), (64, 32), (64, 63)] {
            for frame in [1, 5, 8, 9, 30, 64, 65, 500] {
                let mark = HighWaterMark::bytes(high).low(low).unwrap();
                let (mut writer, mut reader) = channel(mark);
                let data = pattern(1_500);
                let sent = data.clone();
                let writing = task(move || {
                    for piece in sent.chunks(CHUNK) {
                        writer.write(Bytes::copy_from_slice(piece)).unwrap();
                        assert!(writer.len() < high.max(1) + CHUNK);
                    }
                    writer.finish()
                });
                let mut read = Vec::new();
                // A chunk, then a frame, in turns: each finds what the other has left.
                while let Some(chunk) = reader.next() {
                    read.extend_from_slice(&chunk.unwrap());
                    match reader.read_n(frame).unwrap() {
                        Some(bytes) => {
                            read.extend_from_slice(&bytes);
                            assert!(bytes.len() == frame || read.len() == data.len());
                        }
                        None => break,
                    }
                }
                assert!(read == data, "{high}, {low}, {frame}: {} read", read.len());
                writing.join().unwrap();
                assert!(reader.peak() < high.max(1) + CHUNK);
            }
        }
    });
}

// Rule 14: also from what is buffered above the low mark.
#[test]
fn a_read_of_more_than_is_left_above_the_low_mark_never_deadlocks() {
    in_time(|| {
        for (first, wanted) in [(3, 7), (3, 6), (2, 20)] {
            let (mut writer, mut reader) = channel(HighWaterMark::bytes(8).low(3).unwrap());
            writer
                .write(Bytes::from(pattern(8).split_off(8 - first)))
                .unwrap();
            writer.write(Bytes::from(vec![2; 5])).unwrap();
            let _ = writer.try_write(Bytes::from(vec![2; 5]));
            assert_eq!(reader.try_next().unwrap().unwrap().len(), first);
            let reading = task(move || (reader.read_n(wanted).unwrap().unwrap(), reader));
            until("there is enough", || {
                // Only what there is room for: what is held for the read does not count.
                let _ = writer.try_write(Bytes::from(vec![2; 5]));
                reading.is_finished()
            });
            let (read, reader) = reading.join();
            assert_eq!(read, vec![2; wanted]);
            drop(writer);
            assert!(reader.peak() < 8 + 5);
        }
    });
}

// Rule 14.
#[test]
fn a_read_of_at_least_so_much_takes_all_there_is() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4));
        let reading = task(move || (reader.read_at_least(10).unwrap().unwrap(), reader));
        for _ in 0..4 {
            writer.write(Bytes::from_static(b"abc")).unwrap();
            assert!(writer.len() < 4 + 3);
        }
        let (read, mut reader) = reading.join();
        assert_eq!(&read[..], b"abcabcabcabc");
        writer.write(Bytes::from_static(b"x")).unwrap();
        writer.end();
        assert_eq!(
            reader.read_at_least(10).unwrap().unwrap(),
            "x",
            "what is left"
        );
        assert!(reader.read_at_least(1).unwrap().is_none());
        assert_eq!(
            reader.read_n(1 << 31).unwrap_err().kind(),
            ErrorKind::LimitExceeded
        );
    });
}

// Rule 14: no wait has nothing to wait for.
#[test]
fn a_read_of_nothing_is_met_at_once() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(4));
        assert_eq!(reader.read_n(0).unwrap().unwrap(), "");
        assert!(writer.write(Bytes::from_static(b"abcd")).unwrap().reached());
        assert_eq!(reader.read_n(0).unwrap().unwrap(), "");
        assert_eq!(reader.read_n(4).unwrap().unwrap(), "abcd");
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        assert_eq!(reader.peak(), 4);
    });
}

// Rule 9.
#[test]
fn what_is_put_back_is_what_is_read_next() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(2));
        writer.write(3).unwrap();
        writer.write(4).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), 3);
        for n in [3, 2, 1] {
            reader.unshift(n).unwrap();
        }
        writer.end();
        let read: Result<Vec<_>, _> = reader.by_ref().collect();
        assert_eq!(read.unwrap(), [1, 2, 3, 4]);
        assert_eq!(reader.unshift(9), Err(9), "the end was read");
        assert_eq!(reader.peak(), 2);
    });
}
