//! `Range` headers: RFC 9110, section 14.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "a list of one range is meant"
)]

use highwater::http::files::multipart::{Multipart, content_range};
use highwater::http::files::range::{RANGES_MAX, Selection, select};

/// A header for a file of a hundred bytes, and what is sent.
#[track_caller]
fn sent(header: &str, parts: &[std::ops::Range<u64>]) {
    let found = select(header.as_bytes(), 100);
    assert_eq!(found, Selection::Parts(parts.to_vec()), "{header}");
}

#[test]
fn each_form_of_a_range_means_what_the_rfc_says() {
    sent("bytes=0-9", &[0..10]);
    sent("bytes=0-0", &[0..1]);
    sent("bytes=99-99", &[99..100]);
    sent("bytes=10-", &[10..100]);
    sent("bytes=0-", &[0..100]);
    sent("bytes=-10", &[90..100]);
    sent("bytes=-1", &[99..100]);
    sent("bytes=-1000", &[0..100]); // more than there is: everything
    sent("bytes=50-1000", &[50..100]); // to its end
    sent("bytes=0-18446744073709551615", &[0..100]);
    sent("bytes=7-99999999999999999999999", &[7..100]);
    sent("bytes=-99999999999999999999999", &[0..100]);
    sent("BYTES=0-9", &[0..10]); // section 14.1: a unit is case-insensitive
    sent("bytes=007-009", &[7..10]);
    sent("bytes= 0-9 ", &[0..10]);
}

#[test]
fn several_are_sent_in_the_order_in_which_they_were_asked_for() {
    sent("bytes=0-0,99-99", &[0..1, 99..100]);
    sent("bytes=99-99,0-0", &[99..100, 0..1]);
    sent("bytes=50-59 ,\t10-19, 30-39", &[50..60, 10..20, 30..40]);
    sent("bytes=-1,0-0", &[99..100, 0..1]);
    // An element of a list may be empty: section 5.6.1.
    sent("bytes=,0-0,,,9-9,", &[0..1, 9..10]);
    // What is not there is left out.
    sent("bytes=200-300,0-0", &[0..1]);
    sent("bytes=-0,5-5", &[5..6]);
}

#[test]
fn what_overlaps_or_touches_is_sent_once() {
    sent("bytes=0-9,5-14", &[0..15]);
    sent("bytes=0-9,10-19", &[0..20]);
    sent("bytes=10-19,0-9", &[0..20]);
    sent("bytes=0-,0-,0-,0-", &[0..100]);
    sent("bytes=50-59,0-0,55-69,1-1", &[50..70, 0..2]);
    sent("bytes=0-0,2-2,1-1", &[0..3]);
    sent("bytes=0-50,10-19", &[0..51]);
    sent("bytes=55-69,0-0,50-59", &[50..70, 0..1]);
    let many = vec!["0-"; RANGES_MAX].join(",");
    sent(&format!("bytes={many}"), &[0..100]);
}

#[test]
fn what_lies_behind_the_end_cannot_be_satisfied() {
    for header in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=-000"] {
        assert_eq!(select(header.as_bytes(), 100), Selection::Unsatisfiable);
    }
    // Multiplied on and on without a bound, this number is 0 in any number of bits.
    let wraps = format!("bytes=2{}-", "0".repeat(90));
    assert_eq!(select(wraps.as_bytes(), 100), Selection::Unsatisfiable);
    for header in [
        "bytes=100-,200-300,-0",
        "bytes=18446744073709551615-",
        "bytes=18446744073709551616-", // which is 0 to a number that wraps
    ] {
        assert_eq!(select(header.as_bytes(), 100), Selection::Unsatisfiable);
    }
}

#[test]
fn what_is_malformed_is_ignored() {
    let headers = [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=0",
        "bytes=9-0",
        "bytes=0-0,9-8",
        "bytes=0-0,x",
        "bytes=0-0-0",
        "bytes=--1",
        "bytes=+0-1",
        "bytes=0 -1",
        "bytes=0- 1",
        "bytes=0x0-0x9",
        "bytes=1_0-20",
        "bytes 0-9",
        "bytes =0-9",
        " bytes=0-9",
        "bytes=0-9;a",
        "items=0-9",
        "none=0-9",
        "bytes=\u{0660}-\u{0661}",
        "bytes==0-1",
    ];
    for header in headers {
        assert_eq!(select(header.as_bytes(), 100), Selection::Whole, "{header}");
    }
}

#[test]
fn more_ranges_than_anybody_needs_are_ignored() {
    let apart = |count: usize| {
        let specs: Vec<String> = (0..count).map(|n| format!("{0}-{0}", n * 2)).collect();
        select(format!("bytes={}", specs.join(",")).as_bytes(), 1 << 20)
    };
    let Selection::Parts(parts) = apart(RANGES_MAX) else {
        panic!("as many are sent");
    };
    assert_eq!(parts.len(), RANGES_MAX);
    assert_eq!(apart(RANGES_MAX + 1), Selection::Whole);
    assert_eq!(apart(10_000), Selection::Whole);
}

#[test]
fn there_is_no_part_of_nothing() {
    for header in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-"] {
        assert_eq!(select(header.as_bytes(), 0), Selection::Whole, "{header}");
    }
}

#[test]
fn the_length_of_a_body_of_parts_is_known_before_it_is_sent() {
    let parts = Multipart::new(&[0..1, 9..12], 100, "text/plain", 0xab).unwrap();
    let boundary = "000000000000000000000000000000ab";
    let type_of_all = format!("multipart/byteranges; boundary={boundary}");
    assert_eq!(parts.content_type(), type_of_all);
    let mut body = String::new();
    for part in parts.parts() {
        body.push_str(std::str::from_utf8(&part.head).unwrap());
        part.range.clone().for_each(|_| body.push('x'));
    }
    body.push_str(std::str::from_utf8(parts.tail()).unwrap());
    assert_eq!(
        body,
        format!(
            "--{boundary}\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-0/100\r\n\r\nx\
             \r\n--{boundary}\r\ncontent-type: text/plain\r\ncontent-range: bytes 9-11/100\r\n\r\nxxx\
             \r\n--{boundary}--\r\n"
        )
    );
    assert_eq!(parts.len(), body.len() as u64);
    assert_eq!(content_range(&(0..100), 100), "bytes 0-99/100");
    assert_eq!(
        Multipart::new(&[0..u64::MAX, 0..1], u64::MAX, "a/b", 1),
        None
    );
}
