//! Rules 1 to 3: marks, what counts against them, and how much is held.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use highwater::{ErrorKind, HighWaterMark, Pressure, Writable, WriteError, channel};

use crate::support::{Census, Gate, in_time, task, until};

// Rule 1.
#[test]
fn a_low_mark_is_below_the_high_one_or_both_are_0() {
    in_time(|| {
        for (high, low, valid) in [
            (0, 0, true),
            (1, 0, true),
            (2, 1, true),
            (8, 7, true),
            (0, 1, false),
            (1, 1, false),
            (8, 8, false),
            (8, 9, false),
        ] {
            let mark = HighWaterMark::items(high).low(low);
            match mark {
                Ok(mark) => assert!(valid && mark.low_water_mark() == low),
                Err(error) => {
                    assert!(!valid, "{high} and {low} were refused");
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                }
            }
        }
    });
}

// Rule 1.
#[test]
fn a_rendezvous_write_waits_for_its_reader() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(0));
        assert!(writer.try_write(1).unwrap_err().is_full());
        let timed_out = writer.write_timeout(2, Duration::ZERO).unwrap_err();
        assert!(matches!(timed_out, WriteError::TimedOut(2)));

        let producer = task(move || {
            writer.write(3).unwrap();
            writer.write(4).unwrap();
            writer
        });
        producer.until_parked();
        assert_eq!(reader.len(), 0, "nothing is held without a reader");
        assert_eq!(reader.next().unwrap().unwrap(), 3);
        producer.until_parked();
        assert_eq!(reader.len(), 0);
        assert_eq!(reader.next().unwrap().unwrap(), 4);
        let _writer = producer.join();
        assert_eq!(reader.peak(), 1);
    });
}

// Rule 1.
#[test]
fn a_rendezvous_holds_one_chunk_at_most() {
    in_time(|| {
        let census = Census::default();
        let (mut writer, mut reader) = channel(HighWaterMark::items(0));
        let made = census.clone();
        let producer = task(move || {
            for number in 0..2_000 {
                writer.write(made.chunk(number)).unwrap();
            }
            writer.finish()
        });
        for number in 0..2_000 {
            assert_eq!(reader.next().unwrap().unwrap().number, number);
        }
        assert!(reader.next().is_none());
        producer.join().unwrap();
        assert_eq!(reader.peak(), 1);
        // The one on the way, the writer's next, and the reader's last.
        assert!(census.peak() <= 3, "{} were alive", census.peak());
    });
}

// Rule 1: what is weighed is what the user says.
#[test]
fn a_weight_of_the_users_own_is_what_counts() {
    in_time(|| {
        let mark = HighWaterMark::weighed(10, |text: &&str| text.len() * 2);
        let (mut writer, mut reader) = channel(mark);
        assert_eq!(writer.write("four").unwrap(), Pressure::Below);
        assert_eq!(writer.len(), 8);
        assert_eq!(writer.write("a").unwrap(), Pressure::Reached);
        assert!(writer.try_write("").unwrap_err().is_full());
        assert_eq!(reader.try_next().unwrap(), Some("four"));
        assert_eq!(writer.len(), 2);
        assert_eq!(reader.peak(), 10);
    });
}

// Rule 2.
#[test]
fn what_a_sink_has_in_hand_counts_until_it_is_written() {
    in_time(|| {
        let gate = Gate::new();
        let sink = gate.clone();
        let each = move |_: u32| {
            sink.pass();
            Ok(())
        };
        let mut out = Writable::from_fn(each, HighWaterMark::items(4).low(1).unwrap());
        out.write(0).unwrap();
        gate.until_arrived(1);
        for n in 1..4 {
            out.write(n).unwrap();
        }
        assert_eq!(out.len(), 4, "one in hand and three queued");
        assert!(out.try_write(4).unwrap_err().is_full());
        for left in (1..4).rev() {
            gate.open(1);
            until("it was written", || out.len() == left);
            assert_eq!(out.try_write(9).is_err(), left > 1, "{left} left");
            if left == 1 {
                break;
            }
        }
        gate.open(10);
        drop(out.finish().unwrap());
    });
}

// Rule 2: bytes leave as they are written, and not with the batch that they are in.
#[test]
fn a_batch_that_is_written_in_part_has_left_in_part() {
    in_time(|| {
        let gate = Gate::new();
        let sink = crate::support::hostile::Slow::new(gate.clone(), 1);
        let mut out = Writable::to(sink, HighWaterMark::bytes(8).low(2).unwrap());
        assert!(
            out.write(Bytes::from_static(b"12345678"))
                .unwrap()
                .reached()
        );
        for left in (3..8).rev() {
            gate.open(1);
            until("a byte was written", || out.len() == left);
            assert!(out.needs_drain());
            assert_eq!(out.confirmed(), 8 - left as u64);
        }
        gate.open(1);
        out.wait_drain().unwrap();
        assert_eq!(out.len(), 2, "a drain at the low mark, within the chunk");
        gate.open(10);
        assert_eq!(out.finish().unwrap().written, b"12345678");
    });
}

// Rule 3.
#[test]
fn a_write_at_the_mark_waits_until_the_low_one() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::items(4).low(1).unwrap());
        let producer = task(move || {
            for n in 0..5 {
                writer.write(n).unwrap();
            }
            writer.end();
        });
        producer.until_parked();
        for n in 0..3 {
            assert!(!producer.is_finished(), "went on above the low mark");
            producer.until_parked();
            assert!((4 - n..=4).contains(&reader.len()));
            assert_eq!(reader.next().unwrap().unwrap(), n);
        }
        producer.join();
        assert_eq!(
            reader.by_ref().map(Result::unwrap).collect::<Vec<_>>(),
            [3, 4]
        );
        assert_eq!(reader.peak(), 4);
    });
}

// Rule 3.
#[test]
fn an_oversized_chunk_is_admitted_into_an_empty_buffer() {
    in_time(|| {
        for (high, low) in [(1, 0), (2, 1), (100, 50)] {
            let mark = HighWaterMark::bytes(high).low(low).unwrap();
            let (mut writer, mut reader) = channel(mark);
            assert!(
                writer
                    .write(Bytes::from(vec![7; 10_000]))
                    .unwrap()
                    .reached()
            );
            assert!(
                writer
                    .try_write(Bytes::from_static(b"x"))
                    .unwrap_err()
                    .is_full()
            );
            assert_eq!(reader.try_next().unwrap().unwrap().len(), 10_000);
            assert!(
                writer
                    .write(Bytes::from(vec![8; 10_000]))
                    .unwrap()
                    .reached()
            );
            assert_eq!(reader.peak(), 10_000);
        }
    });
}

// Rule 3.
#[test]
fn a_buffer_never_holds_more_than_the_mark_and_a_chunk() {
    const CHUNK: usize = 7;
    in_time(|| {
        for high in [1, 6, 7, 8, 64, 1000] {
            for low in [0, high / 2, high - 1] {
                let mark = HighWaterMark::bytes(high).low(low).unwrap();
                let (mut writer, reader) = channel(mark);
                let producer = task(move || {
                    for n in 0..500_usize {
                        let chunk = Bytes::from(vec![0; 1 + n % CHUNK]);
                        let pressure = writer.write(chunk).unwrap();
                        assert!(writer.len() < high + CHUNK);
                        // To know better than the pressure is allowed, and of no use.
                        let _ = pressure;
                    }
                    writer.finish()
                });
                let mut reader = reader;
                let read: usize = reader.by_ref().map(|chunk| chunk.unwrap().len()).sum();
                producer.join().unwrap();
                assert_eq!(read, (0..500).map(|n| 1 + n % CHUNK).sum::<usize>());
                assert!(reader.peak() < high + CHUNK, "{} of {high}", reader.peak());
            }
        }
    });
}

// Rule 3: without a reader, what is written is what is held.
#[test]
fn a_writer_without_a_reader_stops_at_the_mark() {
    in_time(|| {
        let census = Census::default();
        let (mut writer, mut reader) = channel(HighWaterMark::items(10));
        let made = census.clone();
        let producer = task(move || {
            for number in 0..100 {
                writer.write(made.chunk(number)).unwrap();
            }
            writer.end();
        });
        producer.until_parked();
        // What is buffered, and the one that the blocked write has.
        assert_eq!(census.live(), 11);
        for number in 0..100 {
            assert_eq!(reader.next().unwrap().unwrap().number, number);
            assert!(census.live() <= 11);
        }
        producer.join();
        assert_eq!(census.live(), 0);
    });
}

// Rule 3: a batch is no way around it.
#[test]
fn a_batch_of_writes_is_bounded_like_single_ones() {
    in_time(|| {
        let census = Census::default();
        let (mut writer, mut reader) = channel(HighWaterMark::items(4).low(2).unwrap());
        let mut chunks: VecDeque<_> = (0..100).map(|number| census.chunk(number)).collect();
        let producer = task(move || {
            let pressure = writer.write_batch(&mut chunks).unwrap();
            assert!(chunks.is_empty());
            writer.end();
            pressure
        });
        producer.until_parked();
        assert_eq!(reader.len(), 4);
        for number in 0..100 {
            assert_eq!(reader.next().unwrap().unwrap().number, number);
        }
        assert!(reader.next().is_none());
        let _ = producer.join();
        assert_eq!(reader.peak(), 4);
    });
}
