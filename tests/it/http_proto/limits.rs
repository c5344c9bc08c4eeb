//! What a client may make a server keep, and when it is told.

use highwater::http::proto::{HeadParser, Limits, RejectionKind as Kind};

use crate::properties::http::{self as properties, End};

/// Pushes a byte at a time until there is a refusal; says which, and how much was pushed by then.
fn drip(input: &[u8], limits: Limits) -> (Kind, usize) {
    let mut parser = HeadParser::new(limits.head());
    for len in 1..=input.len() {
        if let Err(refusal) = parser.push(&input[..len]) {
            return (refusal.kind(), len);
        }
    }
    panic!("it is taken");
}

#[test]
fn a_request_line_of_8000_bytes_works_and_one_over_the_limit_is_414() {
    let limits = Limits::default();
    let with = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len));
    let overhead = "GET / HTTP/1.1".len();
    for (len, is_taken) in [(8_000, true), (16 << 10, true), ((16 << 10) + 1, false)] {
        let input = with(len - overhead);
        let session = properties::cutting_does_not_show(input.as_bytes(), &[1000, 1], limits);
        match session.end {
            End::Clean => assert!(is_taken && session.taken.len() == 1),
            End::Refused(refusal) => {
                assert!(!is_taken);
                assert_eq!(refusal.kind(), Kind::RequestLineTooLong);
                assert_eq!(refusal.status().as_u16(), 414);
            }
            End::InHead | End::InBody => panic!("{len}"),
        }
    }
    // One that never ends is not waited for.
    let endless = with(1 << 20);
    assert_eq!(
        drip(endless.as_bytes(), limits),
        (Kind::RequestLineTooLong, limits.request_line_bytes + 2)
    );
}

#[test]
fn a_head_over_the_limit_is_431_before_more_of_it_is_kept() {
    let limits = Limits::default();
    let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(64 << 10));
    assert_eq!(
        drip(endless.as_bytes(), limits),
        (Kind::HeadTooLarge, limits.head_bytes)
    );
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "X: y\r\n".repeat(9_000));
    assert_eq!(
        drip(many.as_bytes(), limits),
        (Kind::HeadTooLarge, limits.head_bytes)
    );
    let before = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    for (len, is_taken) in [(limits.head_bytes, true), (limits.head_bytes + 1, false)] {
        let value = "y".repeat(len - before);
        let input = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n");
        let session = properties::cutting_does_not_show(input.as_bytes(), &[1000, 1], limits);
        assert_eq!(session.taken.len() == 1, is_taken);
    }
}

#[test]
fn a_hundred_headers_are_taken_and_one_more_is_431() {
    for (count, is_taken) in [(99, true), (100, false)] {
        let lines: String = (0..count).map(|n| format!("X-{n}: y\r\n")).collect();
        let input = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let session =
            properties::cutting_does_not_show(input.as_bytes(), &[100], Limits::default());
        match session.end {
            End::Refused(refusal) => {
                assert!(!is_taken);
                assert_eq!(refusal.kind(), Kind::TooManyHeaders);
                assert_eq!(refusal.status().as_u16(), 431);
            }
            end => assert!(is_taken && end == End::Clean && session.taken.len() == 1),
        }
    }
    // And as many as a server allows.
    let lines: String = (0..2_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let input = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let limits = Limits::default().headers(2_001);
    assert_eq!(
        properties::play(input.as_bytes(), &[], limits).taken.len(),
        1
    );
}

#[test]
fn a_body_over_the_limit_is_413_before_it_is_read() {
    let limits = Limits::default().body_bytes(10);
    let length = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n".to_vec();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    // In a chunk at once, in the sum of two, and in a size that is not even whole.
    let bodies = ["b\r\n", "5\r\nhello\r\n6\r\n", "5\r\nhello\r\n10"];
    let chunked = bodies.map(|body| format!("{head}{body}").into_bytes());
    for input in chunked.into_iter().chain([length]) {
        let session = properties::cutting_does_not_show(&input, &[2, 9], limits);
        let End::Refused(refusal) = session.end else {
            panic!("{session:?}");
        };
        assert_eq!(refusal.kind(), Kind::BodyTooLarge);
        assert_eq!(refusal.status().as_u16(), 413);
        assert!(session.part.len() <= 5);
    }
    let most = format!("{head}5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
    let session = properties::play(most.as_bytes(), &[], limits);
    assert_eq!(session.taken[0].body, b"helloworld");
}

#[test]
fn a_head_that_drips_is_looked_at_once_and_not_from_its_start_each_time() {
    // With a search from the start each time this would be 3e10 steps, and not be done today.
    let limits = Limits::default().head_bytes(1 << 20).headers(100);
    let mut input = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    for n in 0..90 {
        input.extend_from_slice(format!("X-{n}: {}\r\n", "y".repeat(2_800)).as_bytes());
    }
    input.extend_from_slice(b"\r\n");
    let mut parser = HeadParser::new(limits.head());
    for len in 1..input.len() {
        assert!(parser.push(&input[..len]).unwrap().is_none());
    }
    assert_eq!(parser.push(&input).unwrap().unwrap().1, input.len());
}
