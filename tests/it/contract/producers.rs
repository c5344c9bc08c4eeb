//! Many producers of one stream, and what they may expect of each other.

use bytes::Bytes;
use highwater::{Error, ErrorKind, HighWaterMark, WriteError, channel};

use crate::support::{Census, in_time, task};

// Rules 3 and 9.
#[test]
fn many_producers_are_bounded_together_and_each_is_in_order() {
    const PRODUCERS: usize = 8;
    const EACH: usize = 300;
    in_time(|| {
        for high in [0, 1, 3, 16] {
            let census = Census::default();
            let (mut first, mut reader) = channel(HighWaterMark::items(high));
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|who| {
                    let (mut writer, made) = (first.clone(), census.clone());
                    task(move || {
                        for n in 0..EACH {
                            writer.write(made.chunk(who * EACH + n)).unwrap();
                            assert!(writer.len() <= high.max(1));
                        }
                        writer.end();
                        writer.finish()
                    })
                })
                .collect();
            first.end();
            let mut next = [0; PRODUCERS];
            for chunk in reader.by_ref() {
                let number = chunk.unwrap().number;
                let (who, n) = (number / EACH, number % EACH);
                assert_eq!(n, next[who], "of producer {who}");
                next[who] += 1;
            }
            assert_eq!(next, [EACH; PRODUCERS]);
            for producer in producers {
                producer.join().unwrap();
            }
            assert!(reader.peak() <= high.max(1), "{} of {high}", reader.peak());
            // What is buffered, what the reader has, and what each blocked write has.
            assert!(census.peak() <= high.max(1) + 1 + PRODUCERS);
            assert_eq!(census.live(), 0);
        }
    });
}

// Rule 7.
#[test]
fn a_stream_ends_with_its_last_producer() {
    in_time(|| {
        let (mut first, mut reader) = channel(HighWaterMark::items(4));
        let mut second = first.clone();
        first.write(1).unwrap();
        first.end();
        assert!(matches!(first.write(2), Err(WriteError::Ended(2))));
        assert_eq!(reader.try_next().unwrap(), Some(1));
        assert_eq!(reader.try_next().unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut third = second.clone();
        second.end();
        third.write(3).unwrap();
        drop(first.clone());
        third.end();
        assert_eq!(reader.next().unwrap().unwrap(), 3);
        assert!(reader.next().is_none());
        for writer in [first, second, third] {
            writer.finish().unwrap();
        }
        assert_eq!(reader.peak(), 1);
    });
}

// Rules 8 and 12.
#[test]
fn a_producer_that_breaks_off_breaks_the_stream_off_for_all() {
    in_time(|| {
        let (mut first, mut reader) = channel(HighWaterMark::items(4));
        let mut second = first.clone();
        first.write(1).unwrap();
        drop(first);
        let refused = second.write(2).unwrap_err();
        let cause = refused.cause().unwrap().clone();
        assert_eq!(cause.kind(), ErrorKind::PrematureClose);
        assert_eq!(reader.next().unwrap().unwrap(), 1);
        assert!(reader.next().unwrap().unwrap_err().is_same(&cause));
        assert!(second.finish().unwrap_err().is_same(&cause));
    });
}

// Rule 12.
#[test]
fn the_first_cause_wins_and_the_others_are_attached_to_it() {
    in_time(|| {
        let (mut first, mut reader) = channel::<Bytes, _>(HighWaterMark::bytes(4));
        let (mut second, mut third) = (first.clone(), first.clone());
        let causes = ["first", "second", "third"].map(Error::other);
        first.fail(causes[0].clone());
        second.fail(causes[1].clone());
        drop(third.destroy(causes[2].clone()));
        reader.destroy(causes[0].clone());
        let told = reader.next().unwrap().unwrap_err();
        assert!(told.is_same(&causes[0]));
        let others: Vec<_> = told.others().collect();
        assert_eq!(others.len(), 2);
        assert!(others[0].is_same(&causes[1]) && others[1].is_same(&causes[2]));
        for writer in [first, second, third] {
            assert!(writer.error().unwrap().is_same(&told));
            assert!(writer.finish().unwrap_err().is_same(&told));
        }
    });
}

// Rule 12: who goes because the stream is over adds nothing to why it is.
#[test]
fn an_echo_is_not_attached() {
    in_time(|| {
        let (mut writer, reader) = channel::<u8, _>(HighWaterMark::items(4));
        let cause = Error::other("broken");
        drop(writer.destroy(cause.clone()));
        drop(reader);
        assert!(writer.finish().unwrap_err().is_same(&cause));
        assert_eq!(cause.others().count(), 0);
    });
}

// Rule 14.
#[test]
fn every_producer_that_is_blocked_is_woken() {
    in_time(|| {
        for destroys in [true, false] {
            let (mut first, mut reader) = channel(HighWaterMark::items(1));
            first.write(0).unwrap();
            let blocked: Vec<_> = (1..6)
                .map(|n| {
                    let mut writer = first.clone();
                    task(move || {
                        let written = writer.write(n).map(drop);
                        writer.end();
                        written
                    })
                })
                .collect();
            for producer in &blocked {
                producer.until_parked();
            }
            first.end();
            if destroys {
                let cause = Error::other("broken");
                reader.destroy(cause.clone());
                for producer in blocked {
                    let refused = producer.join().unwrap_err();
                    assert!(refused.cause().unwrap().is_same(&cause));
                }
            } else {
                let mut read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
                read.sort_unstable();
                assert_eq!(read, [0, 1, 2, 3, 4, 5]);
                for producer in blocked {
                    producer.join().unwrap();
                }
            }
            assert_eq!(reader.peak(), 1);
        }
    });
}
