//! Streams that are read and written: rules 3, 7, 8, 12 and 19, for each half and for both.

use std::io::{Read, Write};

use bytes::Bytes;
use highwater::stage::operators::{flat_map, map, try_map};
use highwater::stream::{HalfOpen, duplex_pair};
use highwater::{Duplex, Error, ErrorKind, HighWaterMark};

use crate::support::hostile::pattern;
use crate::support::{alone, in_time, own_threads, task};

#[test]
fn each_end_of_a_pair_reads_what_the_other_one_writes() {
    in_time(|| {
        let mark = HighWaterMark::bytes(64);
        let (mut here, mut there) = duplex_pair::<Bytes, Bytes, _, _>(mark, mark);
        let echo = task(move || {
            let mut read = Vec::new();
            there.read_to_end(&mut read).unwrap();
            there.write_all(&read).unwrap();
            there.end();
            there.readable().peak()
        });
        here.write_all(&pattern(5_000)).unwrap();
        here.end();
        let mut back = Vec::new();
        here.read_to_end(&mut back).unwrap();
        assert!(back == pattern(5_000));
        // The mark, and a segment of as much at most.
        assert!(echo.join() <= 128);
        assert!(here.readable().peak() <= 128);
    });
}

#[test]
fn what_becomes_of_the_writing_half_at_the_end_is_a_policy() {
    in_time(|| {
        let mark = HighWaterMark::items(2);
        for policy in [HalfOpen::Stays, HalfOpen::Ends] {
            let (here, mut there) = duplex_pair::<u8, u8, _, _>(mark, mark);
            let mut here = here.half_open(policy);
            there.end();
            assert!(here.next().is_none());
            let stays = policy == HalfOpen::Stays;
            assert_eq!(here.write(1).is_ok(), stays);
            here.end();
            assert_eq!(there.next().transpose().unwrap(), stays.then_some(1));
            assert!(there.next().is_none());
        }
    });
}

// Rule 8, for one half at a time.
#[test]
fn a_half_that_is_dropped_breaks_off_its_own_direction_only() {
    in_time(|| {
        let mark = HighWaterMark::items(2);
        let (here, mut there) = duplex_pair::<u8, u8, _, _>(mark, mark);
        let (mut reads, writes) = here.split();
        drop(writes);
        assert!(there.write(1).is_ok());
        assert_eq!(reads.next().transpose().unwrap(), Some(1));
        let error = there.next().transpose().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PrematureClose);
        drop(reads);
        assert!(there.write(2).unwrap_err().is_closed());
    });
}

#[test]
fn a_destroy_takes_down_both_halves_with_one_error() {
    in_time(|| {
        let mark = HighWaterMark::items(2);
        let (mut here, mut there) = duplex_pair::<u8, u8, _, _>(mark, mark);
        assert!(there.write(1).is_ok());
        here.destroy(Error::other("enough"));
        let read = there.next().transpose().unwrap_err();
        let (_, written) = there.write(2).unwrap_err().into_parts();
        assert!(read.is_same(&written));
        assert_eq!(read.kind(), ErrorKind::Failed);
    });
}

// Rules 3 and 19: it makes room by itself, on a thread of its own, as far as the marks allow.
#[test]
fn a_duplex_over_a_transform_takes_as_much_as_its_two_buffers() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        let mut squares = Duplex::over(map(|n: u64| n * n), mark, mark);
        // Past the first mark, before anything is read.
        for n in 0..8 {
            assert!(squares.write(n).is_ok());
        }
        let mut taken = 8;
        while squares
            .writable()
            .write_timeout(taken, std::time::Duration::from_millis(50))
            .is_ok()
        {
            taken += 1;
        }
        // Two buffers of the mark and a chunk, and what the stage has in hand.
        assert!((8..=2 * 5 + 1).contains(&taken), "{taken} taken");
        squares.end();
        let read: Vec<_> = squares.by_ref().map(Result::unwrap).collect();
        assert_eq!(read, (0..taken).map(|n| n * n).collect::<Vec<_>>());
        assert!(squares.readable().peak() <= 5);
    });
}

// Rules 12 and 13.
#[test]
fn a_duplex_over_a_transform_that_fails_tells_both_halves() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        for panics in [false, true] {
            let fails = try_map(move |n: u64| match n {
                3 if panics => panic!("three"),
                3 => Err(Error::other("three")),
                n => Ok(n),
            });
            let (mut reads, mut writes) = Duplex::over(fails, mark, mark).split();
            let writing = task(move || {
                (0..)
                    .find_map(|n| writes.write(n).err())
                    .unwrap()
                    .into_parts()
                    .1
            });
            let mut read = Vec::new();
            let error = loop {
                match reads.next().unwrap() {
                    Ok(n) => read.push(n),
                    Err(error) => break error,
                }
            };
            assert_eq!(read, [0, 1, 2]);
            let expected = if panics {
                ErrorKind::Panicked
            } else {
                ErrorKind::Failed
            };
            assert_eq!(error.kind(), expected);
            assert!(writing.join().is_same(&error));
        }
    });
}

// Rule 16: whichever half goes last.
#[test]
fn no_thread_outlives_a_duplex_over_a_transform() {
    in_time(|| {
        alone(|| {
            let mark = HighWaterMark::items(4);
            for reads_first in [true, false] {
                let many = flat_map(|n: u64| 0..n);
                let (reads, mut writes) = Duplex::over(many, mark, mark).split();
                assert!(writes.write(1_000_000).is_ok());
                if reads_first {
                    drop(reads);
                    drop(writes);
                } else {
                    drop(writes);
                    drop(reads);
                }
                assert_eq!(own_threads(), [""; 0]);
            }
        });
    });
}
