//! Reads of so many bytes, cut out of chunks and across them.

use std::thread;

use bytes::Bytes;
use highwater::state::{Marks, Misuse, Pull, ReadableState, Reads};
use highwater::{HighWaterMark, Readable, channel};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::node::parts::{Log, Maker, bytes, filler};
use crate::support::in_time;

// test-stream2-readable-from-list.js: more than the first chunk, the rest of one, a part of one,
// and more than there is.
#[test]
fn a_read_takes_exactly_so_much_across_chunks_and_what_is_left_at_the_end() {
    let (mut writer, mut reader) = channel(HighWaterMark::bytes(16));
    for word in ["foog", "bark", "bazy", "kuel"] {
        writer.write(bytes(word)).unwrap();
    }
    writer.end();
    let expected = [(6, "foogba"), (2, "rk"), (2, "ba"), (100, "zykuel")];
    for (n, text) in expected {
        assert_eq!(reader.read_n(n).unwrap().unwrap(), text);
    }
    assert_eq!(reader.read_n(1).unwrap(), None);
    assert_eq!(reader.peak(), 16);
}

/// Writes some chunks, ends, and reads some amounts: against a list of bytes. Empty chunks are written,
/// and count 1 each until they are passed over; a push of Node would have dropped them.
fn reads_like_a_list(chunks: &[usize], amounts: &[usize]) {
    let all: Vec<u8> = (0..chunks.iter().sum()).map(|at: usize| at as u8).collect();
    let counted: usize = chunks.iter().map(|len| (*len).max(1)).sum();
    let (mut writer, mut reader) = channel(HighWaterMark::bytes(counted.max(1)));
    let (mut rest, mut left) = (&all[..], &all[..]);
    for len in chunks {
        let (chunk, behind) = rest.split_at(*len);
        writer.write(Bytes::copy_from_slice(chunk)).unwrap();
        rest = behind;
    }
    writer.end();
    for n in amounts.iter().chain([&usize::from(u16::MAX)]) {
        let (expected, behind) = left.split_at(left.len().min(*n));
        let is_end = expected.is_empty() && *n > 0;
        let read = reader.read_n(*n).unwrap();
        assert_eq!(read.as_deref(), (!is_end).then_some(expected));
        left = behind;
    }
    assert_eq!(reader.read_n(1).unwrap(), None);
    assert_eq!((reader.peak(), reader.len()), (counted, 0));
}

proptest! {
    // test-stream2-readable-from-list.js: the same of any list.
    #[test]
    fn a_read_of_any_list_of_chunks_is_a_read_of_their_bytes(
        chunks in vec(0..12_usize, 0..12),
        amounts in vec(0..40_usize, 0..12),
    ) {
        reads_like_a_list(&chunks, &amounts);
    }
}

/// The letters of a cycle, from one place to another.
fn asdf(from: usize, to: usize) -> Bytes {
    (from..to).map(|at| b"asdf"[at % 4]).collect()
}

// test-stream-unshift-read-race.js: 105 bytes, read by tens, of which each puts four back.
#[test]
fn what_is_put_back_between_reads_is_neither_lost_nor_doubled() {
    in_time(|| {
        const ALL: usize = 105;
        let log = Log::default();
        let source = Maker::new(&log, |n| {
            let (from, to) = (ALL.min(10 * n), ALL.min(10 * n + 10));
            Ok((from < to).then(|| asdf(from, to)))
        });
        let mut stream = Readable::from_source(source, HighWaterMark::bytes(10));
        let mut written = Vec::new();
        while let Some(chunk) = stream.read_n(10).unwrap() {
            if chunk.len() > 4 {
                stream.unshift(bytes("1234")).unwrap();
            }
            written.push(chunk);
        }
        let late = stream.unshift(bytes("1")).unwrap_err();
        assert_eq!(late, "1", "the end was read");

        assert_eq!(written.len(), 18);
        assert_eq!(written[0], "asdfasdfas");
        let mut at = 10;
        for chunk in &written[1..] {
            let (front, behind) = chunk.split_at(4);
            assert_eq!(front, b"1234");
            assert_eq!(behind, asdf(at, at + behind.len()));
            at += behind.len();
        }
        assert_eq!(at, ALL);
        assert!(stream.peak() <= 10 + 10);
        drop(stream);
        assert_eq!(log.count("read"), 12, "no read behind the end");
    });
}

// test-stream-unshift-read-race.js: an unshift behind the last push, and a push behind it.
#[test]
fn a_chunk_may_be_put_back_behind_the_last_push_and_none_may_be_pushed() {
    let marks = Marks::new(10, 0).unwrap();
    let mut state: ReadableState<Bytes, Misuse> =
        ReadableState::new(marks, Bytes::len, Reads::Bytes);
    let _ = state.read(Some(0)).unwrap();
    assert_eq!(state.next_pull(), Some(Pull::More));
    state.push_end();
    state.unshift(bytes("1234")).unwrap();
    assert_eq!(state.len(), 4);
    assert_eq!(state.next_pull(), None, "no read behind the end");
    let (taken, _) = state.read(None).unwrap();
    assert_eq!(taken.unwrap().concat(), "1234");
    let _ = state.read(None).unwrap();
    assert!(state.is_ended());
    assert!(state.unshift(bytes("1")).is_err());

    let mut state: ReadableState<Bytes, Misuse> =
        ReadableState::new(marks, Bytes::len, Reads::Bytes);
    state.push_end();
    assert!(state.push(bytes("x")).is_err());
    assert_eq!(state.errored(), Some(&Misuse::PushAfterEnd));
}

// test-stream2-large-read-stall.js: reads of 100 at a mark of 50, out of 1000 pushes of 20.
#[test]
fn a_read_of_more_than_the_mark_does_not_stall() {
    in_time(|| {
        let log = Log::default();
        let source = Maker::new(&log, |n| Ok((n < 1000).then(|| filler(20))));
        let mut stream = Readable::from_source(source, HighWaterMark::bytes(50));
        for _ in 0..200 {
            assert_eq!(stream.read_n(100).unwrap().unwrap(), filler(100));
        }
        assert_eq!(stream.read_n(100).unwrap(), None);
        // What a read has gathered is its own: what is buffered beside it is bounded as ever.
        assert!(stream.peak() < 50 + 20, "{}", stream.peak());
        drop(stream);
        assert_eq!(log.count("read"), 1001);
    });
}

// test-stream2-read-sync-stack.js: 262,144 reads of a byte, which in Node nest.
#[test]
fn a_quarter_of_a_million_reads_of_one_byte_need_no_stack() {
    const ALL: usize = 256 * 1024;
    in_time(|| {
        let mut made = 0;
        let next = move || {
            made += 1;
            Ok((made <= ALL).then(|| Bytes::from_static(b"x")))
        };
        let mut stream = Readable::from_fn(next, HighWaterMark::bytes(16 * 1024));
        let small = thread::Builder::new().stack_size(64 * 1024);
        let reading = small.spawn(move || {
            let all = stream.read_n(2 * ALL).unwrap().unwrap();
            assert_eq!(stream.read_n(2 * ALL).unwrap(), None);
            (all.len(), stream.peak())
        });
        let (read, peak) = reading.unwrap().join().unwrap();
        assert_eq!(read, ALL);
        assert!(peak <= 16 * 1024);
    });
}
