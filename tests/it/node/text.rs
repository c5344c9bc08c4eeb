//! Text out of bytes that are cut anywhere.

use std::io;

use bytes::Bytes;
use highwater::stage::apply;
use highwater::{Duplex, ErrorKind, HighWaterMark, Readable, lines};

use crate::node::parts::{Keeper, Log, Maker, filler};

/// A character of three bytes and one of two.
const EURO_AND_CENT: &[u8] = "\u{20ac}\u{a2}".as_bytes();

fn cut(text: &'static [u8], places: &[usize]) -> Vec<Bytes> {
    let (mut begin, mut chunks) = (0, Vec::new());
    for end in places.iter().copied().chain([text.len()]) {
        chunks.push(Bytes::from_static(&text[begin..end]));
        begin = end;
    }
    chunks
}

// test-stream2-decode-partial.js: cut after 2 bytes and after 4; and here at any two places.
#[test]
fn a_character_that_is_cut_in_two_comes_out_once_wherever_it_is_cut() {
    for first in 0..=EURO_AND_CENT.len() {
        for second in first..=EURO_AND_CENT.len() {
            let chunks = cut(EURO_AND_CENT, &[first, second]);
            let text = apply(&mut lines::utf8(), chunks.clone()).unwrap().concat();
            assert_eq!(text, "\u{20ac}\u{a2}");
            let lossy = apply(&mut lines::utf8_lossy(), chunks).unwrap().concat();
            assert_eq!(lossy, "\u{20ac}\u{a2}");
        }
    }
    let mark = HighWaterMark::bytes(8);
    let mut stream = Duplex::over(lines::utf8(), mark, HighWaterMark::items(8));
    for chunk in cut(EURO_AND_CENT, &[2, 4]) {
        stream.write(chunk).unwrap();
    }
    stream.end();
    let text: Vec<String> = stream.by_ref().map(Result::unwrap).collect();
    assert_eq!(text, ["\u{20ac}", "\u{a2}"]);
    assert!(stream.readable().peak() <= 2);
}

// test-stream2-decode-partial.js: what a decoder still holds at the end is told.
#[test]
fn what_the_end_cuts_off_is_an_error_or_a_replacement() {
    let begun = || cut(&EURO_AND_CENT[..4], &[2]);
    let failure = apply(&mut lines::utf8(), begun()).unwrap_err();
    let invalid = ErrorKind::Io(io::ErrorKind::InvalidData);
    assert_eq!((failure.kind(), failure.offset()), (invalid, Some(3)));
    let lossy = apply(&mut lines::utf8_lossy(), begun()).unwrap().concat();
    assert_eq!(lossy, "\u{20ac}\u{fffd}");

    let mark = HighWaterMark::bytes(8);
    let source = Maker::new(&Log::default(), move |n| Ok(begun().get(n).cloned()));
    let mut stream = Readable::from_source(source, mark).through(lines::utf8(), mark);
    assert_eq!(stream.next().unwrap().unwrap(), "\u{20ac}");
    assert_eq!(stream.next().unwrap().unwrap_err().kind(), invalid);
    assert!(stream.next().is_none());
    assert!(stream.peak() <= 3);
}

// test-stream2-set-encoding.js: a hundred letters, read by tens.
#[test]
fn text_comes_out_whole_however_it_is_read() {
    for len in [1, 7, 10, 100] {
        let mark = HighWaterMark::bytes(16);
        let source = Maker::new(&Log::default(), move |n| {
            let left = 100_usize.saturating_sub(len * n);
            Ok((left > 0).then(|| filler(left.min(len))))
        });
        let mut text = String::new();
        let mut stream = Readable::from_source(source, mark).through(lines::utf8(), mark);
        for piece in stream.by_ref() {
            text.push_str(&piece.unwrap());
        }
        assert_eq!(text, "x".repeat(100));
        assert!(stream.peak() < 16 + len);
    }
}

// test-stream2-base64-single-char-read-end.js: a byte, and the end with it.
#[test]
fn one_byte_that_is_the_last_one_too_is_not_lost() {
    let mark = HighWaterMark::bytes(8);
    let source = Maker::new(&Log::default(), |n| Ok((n == 0).then(|| filler(1))));
    let stream = Readable::from_source(source, mark).through(lines::utf8(), mark);
    let sink = Keeper::new(&Log::default());
    let kept = sink.kept();
    let dest = highwater::Writable::from_sink(sink, mark);
    assert_eq!(dest.len(), 0);
    drop(stream.pipe_to(dest).unwrap());
    assert_eq!(kept.chunks(), ["x"]);
}
