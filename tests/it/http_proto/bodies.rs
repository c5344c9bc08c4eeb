//! The checklist of chunked bodies, and of what may come behind them.

use highwater::http::proto::{Limits, RejectionKind as Kind};

use crate::http_proto::table::{self, Row, Want};
use crate::properties::http::{self as properties, End};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunked(body: &[u8]) -> Vec<u8> {
    [HEAD.as_bytes(), body].concat()
}

const fn refused(kind: Kind) -> Want {
    Want::Refused(kind)
}

#[test]
fn a_chunk_is_a_size_and_as_much_data() {
    let hello = Want::Taken(&[("POST /", b"hello")]);
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9112 7.1", "two chunks", chunked(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), hello),
        ("RFC 9112 7.1", "digits of either case", chunked(b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), Want::Taken(&[("POST /", b"01234567890123456789")])),
        ("RFC 9112 7.1", "zeros before the size", chunked(b"0000000000000005\r\nhello\r\n000\r\n\r\n"), hello),
        ("RFC 9112 7.1", "17 digits", chunked(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), refused(Kind::ChunkSize)),
        ("RFC 9112 7.1", "more than there can be", chunked(b"ffffffffffffffff\r\nhello"), refused(Kind::BodyTooLarge)),
        ("RFC 9112 7.1", "one more than 64 bits", chunked(b"10000000000000005\r\nhello"), refused(Kind::BodyTooLarge)),
        ("RFC 9112 7.1", "data longer than its size", chunked(b"5\r\nhello!\r\n0\r\n\r\n"), refused(Kind::ChunkEnd)),
        ("RFC 9112 7.1", "data shorter than its size", chunked(b"6\r\nhello\r\n0\r\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 7.1", "no CR LF behind the data", chunked(b"5\r\nhello0\r\n\r\n"), refused(Kind::ChunkEnd)),
        ("RFC 9112 7.1", "two other bytes behind the data", chunked(b"5\r\nhelloXX0\r\n\r\n"), refused(Kind::ChunkEnd)),
        ("RFC 9112 7.1", "CR and no LF behind the data", chunked(b"5\r\nhello\rX0\r\n\r\n"), refused(Kind::ChunkEnd)),
        ("RFC 9112 7.1", "two other bytes at the end", chunked(b"5\r\nhello\r\n0\r\nXX"), Want::Short(b"hello")),
        ("RFC 9112 8", "the last chunk does not come", chunked(b"5\r\nhello\r\n"), Want::Short(b"hello")),
        ("RFC 9112 8", "the last line does not come", chunked(b"5\r\nhello\r\n0\r\n"), Want::Short(b"hello")),
        ("RFC 9112 8", "a chunk is cut off", chunked(b"9\r\nhello"), Want::Short(b"hello")),
        ("RFC 9112 2.2", "LF behind the size", chunked(b"5\nhello\r\n0\r\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF behind the data", chunked(b"5\r\nhello\n0\r\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF behind the last size", chunked(b"0\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF as the last line", chunked(b"0\r\n\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF in an extension", chunked(b"5;a\nhello\r\n0\r\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF in quotes", chunked(b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF behind a trailer", chunked(b"0\r\nX: y\n\r\n"), refused(Kind::BareLf)),
        ("RFC 9112 2.2", "CR CR behind the size", chunked(b"5\r\rhello\r\n0\r\n\r\n"), refused(Kind::BareCr)),
        ("RFC 9112 2.2", "CR X behind the size", chunked(b"5\rX\nhello\r\n0\r\n\r\n"), refused(Kind::BareCr)),
        ("RFC 9112 9.3.2", "a request behind it", chunked(b"0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"), Want::Taken(&[("POST /", b""), ("GET /b", b"")])),
    ];
    for size in [
        "", ";x", "0x5", "+5", "-5", "5_0", " 5", "5 ", "5\t", "Z", "5g", "\u{661}", "5,", "5:",
        "5\0", "\r\n5", "5 5",
    ] {
        let body = format!("{size}\r\nhello\r\n0\r\n\r\n");
        let what = "a size that is no number";
        rows.push((
            "RFC 9112 7.1",
            what,
            chunked(body.as_bytes()),
            refused(Kind::ChunkSize),
        ));
    }
    table::check(&rows, Limits::default());
}

#[test]
fn a_chunk_extension_is_a_name_with_an_optional_value() {
    let hello = Want::Taken(&[("POST /", b"hello")]);
    let mut rows: Vec<Row> = Vec::new();
    let good = [
        "5;a",
        "5;a=b",
        "5;a=\"b c\"",
        "5;a=\"\\\"\"",
        "5 ; a = b ;c",
        "5;a;b=c",
        "5;a=\"\u{e9}\"",
        "5;a=\"\"",
        "5;a=\"b\" ;c",
        "5\t;\ta\t=\t\"b\"",
    ];
    for line in good {
        let body = format!("{line}\r\nhello\r\n0{}\r\n\r\n", &line[1..]);
        rows.push((
            "RFC 9112 7.1.1",
            "in order",
            chunked(body.as_bytes()),
            hello,
        ));
    }
    let bad = [
        "5;",
        "5;a=",
        "5;=b",
        "5;a=b=c",
        "5;a=\"b",
        "5;a=\"b\"c",
        "5;\0",
        "5;a\u{1}",
        "5;a=\"\0\"",
        "5;a=\"\u{7f}\"",
        "5;a b",
        "5;a=b c",
        "5;;",
        "5;a ",
        "5;a\t",
        "5;a=b ",
        "5;a=b\t",
        "5;a=\"b\" ",
        "5;a=\"b\"\t",
        "5;a ;b=c ",
        "5;a= ",
        "5; ",
        "5;a=\"b\" c",
        "5;(",
        "5;a=\"\\\0\"",
        "5;\u{e9}",
    ];
    for line in bad {
        let body = format!("{line}\r\nhello\r\n0\r\n\r\n");
        let want = refused(Kind::ChunkExtension);
        rows.push((
            "RFC 9112 7.1.1",
            "malformed",
            chunked(body.as_bytes()),
            want,
        ));
    }
    table::check(&rows, Limits::default());
}

#[test]
fn chunk_extensions_are_limited_over_the_whole_body() {
    let limits = Limits::default();
    let long = format!("1;a={}\r\nx\r\n0\r\n\r\n", "b".repeat(64 << 10));
    // Each chunk alone would be within the limit.
    let many = format!("1;a={}\r\nx\r\n", "b".repeat(1 << 10)).repeat(17);
    for body in [long, many] {
        let input = chunked(body.as_bytes());
        let session = properties::cutting_does_not_show(&input, &[1000], limits);
        let End::Refused(refusal) = session.end else {
            panic!("{:?}", session.end);
        };
        assert_eq!(refusal.kind(), Kind::ExtensionsTooLarge);
        assert_eq!(refusal.status().as_u16(), 413);
        assert!(refusal.at() < (limits.extension_bytes + 17 * 8) as u64);
    }
    let within = format!(
        "1;{}\r\nx\r\n0\r\n\r\n",
        "b".repeat(limits.extension_bytes - 1)
    );
    let session = properties::play(&chunked(within.as_bytes()), &[], limits);
    assert_eq!((session.end, session.taken.len()), (End::Clean, 1));
}

#[test]
fn what_would_change_a_request_is_dropped_from_its_trailers() {
    let body = "1\r\nx\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\
        Authorization: Basic eDp5\r\nContent-Type: text/html\r\nIf-Match: x\r\nDigest: good\r\n\
        X-Sum: 1\r\nX-Sum: 2\r\n\r\n";
    let session =
        properties::cutting_does_not_show(&chunked(body.as_bytes()), &[3, 5], Limits::default());
    assert_eq!(session.end, End::Clean);
    let taken = &session.taken[0];
    // RFC 9110 6.5.1: they are dropped, and never come among the headers.
    let trailers = taken.trailers.as_ref().unwrap();
    assert_eq!(trailers.len(), 3);
    assert_eq!(trailers["digest"], "good");
    assert_eq!(trailers.get_all("x-sum").iter().count(), 2);
    assert_eq!(taken.headers.len(), 2);
    assert_eq!(taken.headers["host"], "a");
}

#[test]
fn trailers_are_held_to_the_rules_and_limits_of_headers() {
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9112 7.1.2", "a trailer", chunked(b"0\r\nX: y\r\n\r\n"), Want::Taken(&[("POST /", b"")])),
        ("RFC 9112 5.1", "a space before the colon", chunked(b"0\r\nX : y\r\n\r\n"), refused(Kind::HeaderName)),
        ("RFC 9112 5", "no colon", chunked(b"0\r\nX\r\n\r\n"), refused(Kind::HeaderName)),
        ("RFC 9112 5.2", "a fold", chunked(b"0\r\nX: y\r\n z\r\n\r\n"), refused(Kind::HeaderFold)),
        ("RFC 9110 5.5", "a control character", chunked(b"0\r\nX: \x01\r\n\r\n"), refused(Kind::HeaderValue)),
        ("RFC 9112 2.2", "CR in a trailer", chunked(b"0\r\nX: a\rb\r\n\r\n"), refused(Kind::BareCr)),
        ("RFC 9112 7.1.2", "the end does not come", chunked(b"0\r\nX: y\r\n"), Want::Short(b"")),
    ];
    let many = format!("0\r\n{}\r\n", "X: y\r\n".repeat(101));
    rows.push((
        "RFC 6585 5",
        "101 trailers",
        chunked(many.as_bytes()),
        refused(Kind::TooManyHeaders),
    ));
    let most = format!("0\r\n{}\r\n", "X: y\r\n".repeat(100));
    rows.push((
        "RFC 6585 5",
        "100 trailers",
        chunked(most.as_bytes()),
        Want::Taken(&[("POST /", b"")]),
    ));
    table::check(&rows, Limits::default());
    // One that never ends is refused as soon as it is over the limit.
    let limits = Limits::default();
    let endless = chunked(format!("0\r\nX: {}", "y".repeat(64 << 10)).as_bytes());
    let End::Refused(refusal) = properties::cutting_does_not_show(&endless, &[999], limits).end
    else {
        panic!("it is taken");
    };
    assert_eq!(refusal.kind(), Kind::TrailersTooLarge);
    assert_eq!(
        refusal.at() as usize,
        "0\r\n".len() + limits.trailer_bytes + 2
    );
}
