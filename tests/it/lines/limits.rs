//! What is held, what is copied, and what is refused.

use std::io;

use bytes::Bytes;
use highwater::lines::{self, Decoder, MAX_BYTES, Prefix, Splitter};
use highwater::stage::apply;
use highwater::{Error, ErrorKind, HighWaterMark, Readable};

/// All pieces of some chunks, with the error behind them.
fn all(splitter: Splitter, chunks: &[&[u8]]) -> (Vec<Bytes>, Option<Error>) {
    let chunks: Vec<_> = chunks
        .iter()
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    let mut pieces = Vec::new();
    for piece in splitter.over(chunks.into_iter()) {
        match piece {
            Ok(piece) => pieces.push(piece),
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

#[test]
fn a_line_of_the_limit_is_a_line_and_one_byte_more_is_not() {
    for (end, slack) in [("\n", 1), ("\r\n", 2), ("", 0)] {
        let fits = format!("a\n12345{end}");
        let (pieces, error) = all(lines::lines().max_bytes(5), &[fits.as_bytes()]);
        assert_eq!(
            (pieces.len(), error.is_none()),
            (2, true),
            "with an end of {slack}"
        );

        let over = format!("a\n123456{end}");
        let (pieces, error) = all(lines::lines().max_bytes(5), &[over.as_bytes()]);
        let error = error.expect("it is over the limit");
        assert_eq!(pieces, ["a"], "what came before has come out");
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(error.offset(), Some(2));
        assert!(error.to_string().contains("5 bytes"), "{error}");
    }
}

#[test]
fn a_limit_is_told_before_the_end_of_the_line_has_come() {
    let mut lines = lines::lines().max_bytes(1000);
    let chunk = Bytes::from(vec![b'x'; 300]);
    let mut most = 0;
    let error = (1..=4)
        .find_map(|chunks| {
            lines.push(chunk.clone());
            let held = lines.held();
            most = most.max(held);
            let told = lines.next().err();
            assert_eq!(told.is_some(), chunks == 4, "after {chunks} chunks");
            told
        })
        .expect("1200 bytes are more than 1000");
    assert_eq!(error.offset(), Some(0));
    assert!(most <= 1000 + 1 + 300, "{most} held");
    assert_eq!(lines.held(), 0, "nothing is held behind an error");
}

#[test]
fn a_frame_is_refused_by_its_length_before_any_of_it_is_held() {
    let mut frames = lines::frames(Prefix::U32Be);
    frames.push(Bytes::from_static(b"\0\0\0\x02hi\xff\xff\xff\xff"));
    assert_eq!(frames.next().unwrap(), Some(Bytes::from("hi")));
    let error = frames.next().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(error.offset(), Some(6));
    let said = format!(
        "over the limit of {MAX_BYTES} bytes: a frame of 4294967295, which begins at byte 6"
    );
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_frame_that_the_end_cuts_off_is_an_error_with_its_place() {
    for (input, len) in [(&b"\0\x02hi\0"[..], 1), (b"\0\x02hi\0\x05four", 6)] {
        let (pieces, error) = all(lines::frames(Prefix::U16Be), &[input]);
        let error = error.expect("the second frame is not whole");
        assert_eq!(pieces, ["hi"]);
        assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::UnexpectedEof));
        assert_eq!(error.offset(), Some(4));
        assert!(
            error.to_string().contains(&format!("after {len} bytes")),
            "{error}"
        );
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::UnexpectedEof);
    }
}

// The fuzzer's: its length and that of its prefix are more than can be counted.
#[test]
fn the_longest_frame_there_is_is_cut_off_like_any_other() {
    for (prefix, head) in [
        (Prefix::U64Be, &[0xff; 8][..]),
        (Prefix::Varint, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ] {
        for cut in 0..head.len() {
            let chunks = [&head[..cut], &head[cut..], b"some"];
            let (_, error) = all(lines::frames(prefix).max_bytes(usize::MAX), &chunks);
            let kind = error.expect("it is not whole").kind();
            assert_eq!(kind, ErrorKind::Io(io::ErrorKind::UnexpectedEof));
        }
    }
}

#[test]
fn a_line_within_a_chunk_is_a_slice_of_it_and_one_across_is_a_copy() {
    let chunk = Bytes::from(b"one\ntwo\r\n\nthree".to_vec());
    let mut lines = lines::lines();
    lines.push(chunk.clone());
    for at in [0, 4] {
        let line = lines.next().unwrap().unwrap();
        assert_eq!(line.as_ptr(), chunk[at..].as_ptr());
    }
    assert_eq!(lines.next().unwrap().unwrap(), "");
    assert_eq!(lines.next().unwrap(), None);
    // Nothing of the chunk is kept: what is held of it is a copy.
    assert!(chunk.is_unique());
    lines.push(Bytes::from("\n"));
    assert_eq!(lines.next().unwrap().unwrap(), "three");
    assert_eq!(lines.held(), 0);
}

#[test]
fn the_last_line_without_an_end_is_a_slice_too() {
    let chunk = Bytes::from("one\ntwo");
    let mut lines = lines::lines();
    lines.push(chunk.clone());
    lines.finish();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    assert_eq!(lines.next().unwrap().unwrap().as_ptr(), chunk[4..].as_ptr());
    assert_eq!(lines.next().unwrap(), None);
}

/// How often a byte is copied when a line comes in pieces: what grows must double.
#[test]
fn a_line_over_many_chunks_costs_no_more_than_its_length() {
    const CHUNKS: usize = 1 << 16;
    for (mut splitter, end) in [
        (lines::lines(), "\n"),
        (lines::split("\r\n\r\n"), "\r\n\r\n"),
    ] {
        let mut grown = 0;
        let mut held = 0;
        for _ in 0..CHUNKS {
            splitter.push(Bytes::from_static(b"0123456"));
            assert_eq!(splitter.next().unwrap(), None);
            grown += usize::from(splitter.held() != held);
            held = splitter.held();
        }
        assert!(grown <= 14, "its memory has grown {grown} times");
        splitter.push(Bytes::from_static(end.as_bytes()));
        assert_eq!(splitter.next().unwrap().unwrap().len(), 7 * CHUNKS);
    }
}

#[test]
fn pieces_that_were_not_taken_are_there_behind_the_next_chunk() {
    let mut lines = lines::lines();
    lines.push(Bytes::from("one\ntwo\nth"));
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    lines.push(Bytes::from("ree\n"));
    assert_eq!(lines.next().unwrap().unwrap(), "two");
    assert_eq!(lines.next().unwrap().unwrap(), "three");
    assert_eq!(lines.next().unwrap(), None);
}

#[test]
fn a_chunk_behind_the_end_is_refused() {
    let mut lines = lines::lines();
    lines.finish();
    lines.push(Bytes::from("one\n"));
    assert_eq!(lines.next().unwrap_err().kind(), ErrorKind::Ended);
    let mut text = lines::utf8();
    text.finish();
    text.push(Bytes::from("one"));
    assert_eq!(text.next().unwrap_err().kind(), ErrorKind::Ended);
}

#[test]
fn a_head_of_lines_gives_its_body_back() {
    let stream = Readable::from_iter(
        ["GET / HTTP/1.1\r\nHost: a\r\n", "\r\nbo", "dy"].map(Bytes::from),
        HighWaterMark::bytes(64),
    );
    let mut lines = lines::lines().over(stream);
    let head: Vec<_> = lines
        .by_ref()
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(head, ["GET / HTTP/1.1", "Host: a"]);
    let (stream, lines) = lines.into_parts();
    let mut body = vec![lines.into_rest()];
    body.extend(stream.to_vec(9).unwrap());
    assert_eq!(body.concat(), b"body");
}

#[test]
fn the_rest_has_the_beginning_of_a_line_in_it() {
    let mut lines = lines::lines();
    lines.push(Bytes::from("on"));
    assert_eq!(lines.next().unwrap(), None);
    lines.push(Bytes::from("e\ntwo\nthree"));
    assert_eq!(lines.clone().into_rest(), "one\ntwo\nthree");
    assert_eq!(lines.next_slice().unwrap(), Some(&b"one"[..]));
    assert_eq!(lines.into_rest(), "two\nthree");
}

#[test]
fn an_error_of_the_stream_comes_behind_the_lines_before_it_and_once() {
    let chunks = [
        Ok(Bytes::from("one\ntw")),
        Err(Error::other("the disk is gone").at(6)),
        Ok(Bytes::from("never\n")),
    ];
    let mut lines = lines::lines().over(chunks.into_iter());
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    assert_eq!(lines.next().unwrap().unwrap_err().offset(), Some(6));
    assert!(lines.next().is_none());
}

#[test]
fn a_frame_too_long_for_its_prefix_is_not_written() {
    let pieces = [Bytes::from("ok"), Bytes::from(vec![0; 256])];
    let error = apply(&mut lines::prepend_len(Prefix::U8), pieces).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(error.offset(), Some(3));
    assert!(error.to_string().contains("a frame of 256"), "{error}");
}

#[test]
fn a_long_piece_is_joined_by_reference() {
    let long = Bytes::from(vec![b'x'; 100_000]);
    let chunks = apply(&mut lines::append_end("\n"), [long.clone()]).unwrap();
    assert_eq!(chunks.len(), 2);
    assert_eq!(chunks[0].as_ptr(), long.as_ptr());
}

#[test]
fn text_says_where_it_is_none() {
    let chunks = || [&b"caf\xc3"[..], b"\xa9 au \xe2\x82", b"lait"].map(Bytes::from);
    let text: Vec<_> = lines::utf8().over(chunks().into_iter().map(Ok)).collect();
    assert_eq!(text[0].as_ref().unwrap(), "caf");
    assert_eq!(text[1].as_ref().unwrap(), "é au ");
    let error = text[2].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::InvalidData));
    assert_eq!(error.offset(), Some(9));
    assert!(
        format!("{error:#}").starts_with("no UTF-8 at byte 9: invalid utf-8"),
        "{error:#}"
    );
    assert_eq!(text.len(), 3);

    let error = apply(&mut lines::utf8(), [Bytes::from_static(b"a\xf0\x9f")]).unwrap_err();
    assert_eq!(error.offset(), Some(1));
    assert!(error.to_string().contains("cut off by the end"), "{error}");
}

#[test]
#[should_panic(expected = "an empty delimiter")]
fn an_empty_delimiter_is_refused() {
    let _ = lines::split("");
}
