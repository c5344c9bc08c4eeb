//! The checklist of heads: request lines, headers, and what they say about a body.

use highwater::http::proto::{BodyFraming, HeadParser, Limits, RejectionKind as Kind};

use crate::http_proto::table::{self, Row, Want};

pub(crate) const GET: Want = Want::Taken(&[("GET /", b"")]);

/// A GET with these headers besides Host.
pub(crate) fn get(headers: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n").into_bytes()
}

/// A POST with these headers, a body of ten bytes, and a request behind it.
fn post(headers: &str) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n0123456789GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    .into_bytes()
}

/// With this request line, and a Host.
pub(crate) fn line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n\r\n").into_bytes()
}

#[test]
fn what_comes_behind_a_close_is_ignored() {
    let closing = |version, headers| {
        format!("GET / HTTP/{version}\r\nHost: a\r\n{headers}\r\nGET /b HTTP/1.1\r\n\r\n")
            .into_bytes()
    };
    let rows = [
        (
            "RFC 9112 9.6",
            "a close",
            closing("1.1", "Connection: close\r\n"),
            GET,
        ),
        ("RFC 9112 9.3", "HTTP/1.0", closing("1.0", ""), GET),
    ];
    table::check(&rows, Limits::default());
}

pub(crate) fn raw(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

#[test]
fn the_framing_of_a_body_is_certain_or_the_request_is_refused() {
    let ten = Want::Taken(&[("POST /", b"0123456789"), ("GET /b", b"")]);
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9112 6.3", "a length and chunked", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), Want::Refused(Kind::TwoFramings)),
        ("RFC 9112 6.3", "chunked and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"), Want::Refused(Kind::TwoFramings)),
        ("RFC 9112 6.3", "two lengths", post("Content-Length: 5\r\nContent-Length: 10\r\n"), Want::Refused(Kind::ContentLengthTwice)),
        ("RFC 9112 6.3", "two equal lengths", post("Content-Length: 10\r\ncontent-length: 10\r\n"), Want::Refused(Kind::ContentLengthTwice)),
        ("RFC 9112 6.3", "a list of equal lengths", post("Content-Length: 10, 10\r\n"), Want::Refused(Kind::ContentLengthTwice)),
        ("RFC 9110 8.6", "a length with a zero before it", post("Content-Length: 010\r\n"), ten),
        ("RFC 9110 8.6", "a length with space around it", post("Content-Length: \t10 \r\n"), ten),
        ("RFC 9112 6.1", "chunked in any case", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ChunKed\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_vec(), Want::Taken(&[("POST /", b"x")])),
        ("RFC 9112 6.1", "a coding before chunked", post("Transfer-Encoding: gzip, chunked\r\n"), Want::Refused(Kind::CodingUnknown)),
        ("RFC 9112 6.1", "a coding before chunked, on two lines", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), Want::Refused(Kind::CodingUnknown)),
        ("RFC 9112 6.1", "codings before chunked, on three lines", post("Transfer-Encoding: gzip, br\r\nTransfer-Encoding: x\r\nA: b\r\nTransfer-Encoding: chunked\r\n"), Want::Refused(Kind::CodingUnknown)),
        ("RFC 9112 6.3", "chunked before a coding, on two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"), Want::Refused(Kind::TransferEncoding)),
        ("RFC 9112 6.3", "no coding on the second line", post("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"), Want::Refused(Kind::TransferEncoding)),
        ("RFC 9112 7.1", "chunked twice behind a coding", post("Transfer-Encoding: gzip, chunked\r\nTransfer-Encoding: chunked\r\n"), Want::Refused(Kind::TransferEncoding)),
        ("RFC 9112 6.3", "a length and codings on two lines", post("Transfer-Encoding: gzip\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n"), Want::Refused(Kind::TwoFramings)),
        ("RFC 9112 7.1", "chunked twice", post("Transfer-Encoding: chunked, chunked\r\n"), Want::Refused(Kind::TransferEncoding)),
        ("RFC 9112 7.1", "chunked on two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), Want::Refused(Kind::TransferEncoding)),
        ("RFC 9112 6.3", "chunked and then identity", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), Want::Refused(Kind::TransferEncoding)),
        ("RFC 9112 6.1", "chunked in HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(), Want::Refused(Kind::CodingTooOld)),
        ("RFC 9112 5.1", "a space before the colon", post("Transfer-Encoding : chunked\r\n"), Want::Refused(Kind::HeaderName)),
        ("RFC 9110 5.1", "an underscore makes another name", get("Transfer_Encoding: chunked\r\n"), GET),
        ("RFC 9112 8", "a body that is too short", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234".to_vec(), Want::Short(b"1234")),
        ("RFC 9112 6.3", "a terabyte that does not come", b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n".to_vec(), Want::Short(b"")),
        ("RFC 9110 15.5.14", "a body over the limit", post("Content-Length: 1099511627776\r\n"), Want::Refused(Kind::BodyTooLarge)),
        ("RFC 9110 9.3.6", "a CONNECT with a body", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n\r\nhello".to_vec(), Want::Refused(Kind::ConnectBody)),
    ];
    let inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let outer = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{inner}GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        inner.len()
    );
    rows.push((
        "RFC 9112 6.3",
        "the body of a GET is its own",
        outer.into_bytes(),
        Want::Taken(&[
            ("GET /", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET /b", b""),
        ]),
    ));
    for value in [
        "+5",
        "-5",
        "-0",
        "0x5",
        "5_0",
        "1Z",
        "5 5",
        "",
        "5;",
        "99999999999999999999",
        "18446744073709551616",
        "1e1",
        "\u{661}",
    ] {
        rows.push((
            "RFC 9110 8.6",
            "a length that is no number",
            post(&format!("Content-Length: {value}\r\n")),
            Want::Refused(Kind::ContentLength),
        ));
    }
    for value in [
        "chunked, gzip",
        "gzip",
        "identity",
        "xchunked",
        "",
        ",chunked",
        "chunked,",
        "chunked;a=b",
        "\"chunked\"",
        "chunked chunked",
        "chunked\u{b}x",
    ] {
        let kind = if value.contains('\u{b}') {
            Kind::HeaderValue
        } else {
            Kind::TransferEncoding
        };
        rows.push((
            "RFC 9112 6.3",
            "a coding that is not chunked at the end",
            post(&format!("Transfer-Encoding: {value}\r\n")),
            Want::Refused(kind),
        ));
    }
    rows.push((
        "RFC 9110 5.5",
        "a control character before chunked",
        post("Transfer-Encoding: \u{b}chunked\r\n"),
        Want::Refused(Kind::HeaderValue),
    ));
    rows.push((
        "RFC 9112 5.1",
        "a byte behind the name",
        raw(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\x85: chunked\r\n\r\n"),
        Want::Refused(Kind::HeaderName),
    ));
    table::check(&rows, Limits::default());
}

#[test]
fn a_line_ends_with_cr_lf_and_nothing_else() {
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        ("RFC 9112 2.2", "LF at the end of the request line", raw(b"GET / HTTP/1.1\nHost: a\r\n\r\n"), Want::Refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF at the end of a header", raw(b"GET / HTTP/1.1\r\nHost: a\n\r\n"), Want::Refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF as the empty line", raw(b"GET / HTTP/1.1\r\nHost: a\r\n\n"), Want::Refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF everywhere", raw(b"GET / HTTP/1.1\nHost: a\n\n"), Want::Refused(Kind::BareLf)),
        ("RFC 9112 2.2", "LF before the request", raw(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Want::Refused(Kind::BareLf)),
        ("RFC 9112 2.2", "CR in a value", raw(b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), Want::Refused(Kind::BareCr)),
        ("RFC 9112 2.2", "CR in a name", raw(b"GET / HTTP/1.1\r\nHost: a\r\nX\rY: a\r\n\r\n"), Want::Refused(Kind::BareCr)),
        ("RFC 9112 2.2", "CR in a target", raw(b"GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n"), Want::Refused(Kind::BareCr)),
        ("RFC 9112 2.2", "CR CR LF", raw(b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), Want::Refused(Kind::BareCr)),
        ("RFC 9112 2.2", "CR and then something", raw(b"GET / HTTP/1.1\r\nHost: a\r\n\rZ\r\n\r\n"), Want::Refused(Kind::BareCr)),
        ("RFC 9112 2.2", "CR before the request", raw(b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Want::Refused(Kind::BareCr)),
        ("RFC 9112 2.2", "one empty line before", raw(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), GET),
        ("RFC 9112 2.2", "two empty lines before", raw(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), GET),
        ("RFC 9112 2.2", "three empty lines before", raw(b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Want::Refused(Kind::EmptyLines)),
        ("RFC 9112 2.2", "a thousand of them", b"\r\n".repeat(1000), Want::Refused(Kind::EmptyLines)),
        ("RFC 9112 2.2", "CR alone, for ever", raw(b"GET / HTTP/1.1\rHost: a\r\r"), Want::Short(b"")),
    ];
    table::check(&rows, Limits::default());
}

#[test]
fn a_header_is_a_name_a_colon_and_a_value() {
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9110 5.5", "bytes above 0x7f are opaque", raw(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x85\xa0\xff\x80\r\n\r\n"), GET),
        ("RFC 9110 5.5", "a tab in a value", get("X: a\tb\r\n"), GET),
        ("RFC 9110 5.5", "an empty value", get("X:\r\n"), GET),
        ("RFC 9112 5.2", "a fold with a space", get("X: a\r\n b\r\n"), Want::Refused(Kind::HeaderFold)),
        ("RFC 9112 5.2", "a fold with a tab", get("X: a\r\n\tb: c\r\n"), Want::Refused(Kind::HeaderFold)),
        ("RFC 9112 2.2", "a space before the first header", raw(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"), Want::Refused(Kind::HeaderName)),
        ("RFC 9112 5.1", "a tab before the colon", get("X\t: a\r\n"), Want::Refused(Kind::HeaderName)),
        ("RFC 9110 5.1", "no name", get(": a\r\n"), Want::Refused(Kind::HeaderName)),
        ("RFC 9112 5", "no colon", get("X\r\n"), Want::Refused(Kind::HeaderName)),
        ("RFC 9112 5.1", "a name over two lines", get("X\r\nY: a\r\n"), Want::Refused(Kind::HeaderName)),
    ];
    for byte in [
        "[", "]", "{", "}", "\"", "(", "@", "\u{7}", "\0", "\u{7f}", "/", "\\", ",",
    ] {
        rows.push((
            "RFC 9110 5.6.2",
            "no token",
            get(&format!("X{byte}: a\r\n")),
            Want::Refused(Kind::HeaderName),
        ));
    }
    for byte in ["\0", "\u{1}", "\u{7}", "\u{b}", "\u{1b}", "\u{7f}"] {
        rows.push((
            "RFC 9110 5.5",
            "a control character",
            get(&format!("X: a{byte}b\r\n")),
            Want::Refused(Kind::HeaderValue),
        ));
        rows.push((
            "RFC 9110 5.5",
            "one at the end",
            get(&format!("X: a{byte}\r\n")),
            Want::Refused(Kind::HeaderValue),
        ));
    }
    table::check(&rows, Limits::default());
    // Nothing is trimmed but spaces and tabs.
    let input = b"GET / HTTP/1.1\r\nHost: a\r\nX: \xa0a\x85 \t\r\n\r\n";
    let head = HeadParser::new(Limits::default().head())
        .push(input)
        .unwrap()
        .unwrap()
        .0;
    assert_eq!(head.to_headers()["x"].as_bytes(), b"\xa0a\x85");
}

#[test]
fn a_request_line_is_a_method_a_target_and_a_version() {
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9112 2.3", "HTTP/1.0 without a host", raw(b"GET / HTTP/1.0\r\n\r\n"), GET),
        ("RFC 9112 3", "HTTP/0.9, refused before more comes", raw(b"GET /\r\n"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "no target", line("GET HTTP/1.1"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "an empty target", line("GET  HTTP/1.1"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "two spaces", line("GET  / HTTP/1.1"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "two spaces before the version", line("GET /  HTTP/1.1"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "a tab for a space", line("GET\t/ HTTP/1.1"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "a tab before the version", line("GET /\tHTTP/1.1"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "something behind the version", line("GET / HTTP/1.1 X"), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "a space behind the version", line("GET / HTTP/1.1 "), Want::Refused(Kind::RequestLine)),
        ("RFC 9112 3", "a space before the method", line(" GET / HTTP/1.1"), Want::Refused(Kind::Method)),
        ("RFC 9112 3.1", "a method of our own", line("BREW / HTTP/1.1"), Want::Taken(&[("BREW /", b"")])),
        ("RFC 9112 3.1", "a method that is no token", line("G@T / HTTP/1.1"), Want::Refused(Kind::Method)),
        ("RFC 9112 3", "a method of 10 kB", line(&format!("{} / HTTP/1.1", "G".repeat(10_000))), Want::Refused(Kind::MethodTooLong)),
        ("RFC 9112 3", "a method of 20 kB", line(&format!("{} / HTTP/1.1", "G".repeat(20_000))), Want::Refused(Kind::MethodTooLong)),
        ("RFC 9112 2", "the hello of TLS", raw(b"\x16\x03\x01\x02\0\x01\0"), Want::Refused(Kind::Method)),
        ("RFC 9113 3.4", "the preface of HTTP/2", raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Want::Refused(Kind::Version)),
    ];
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/9.9", "HTTP/0.9"] {
        rows.push((
            "RFC 9110 2.5",
            "a version not spoken here",
            line(&format!("GET / {version}")),
            Want::Refused(Kind::Version),
        ));
    }
    for version in [
        "http/1.1",
        "HTTP/1.",
        "HTTP/01.1",
        "HTTP/1,1",
        "HTTP/1.10",
        "HTTPS/1.1",
        "HTTP 1.1",
        "ICE/1.0",
        "HTTP/a.1",
    ] {
        rows.push((
            "RFC 9112 2.3",
            "no version",
            line(&format!("GET / {version}")),
            Want::Refused(Kind::RequestLine),
        ));
    }
    table::check(&rows, Limits::default());
}

#[test]
fn what_becomes_of_the_connection_is_for_both_to_say() {
    let read = |input: &str| {
        let read = HeadParser::new(Limits::default().head()).push(input.as_bytes());
        read.unwrap().unwrap().0
    };
    // RFC 9112 9.3.
    for (version, connection, is_kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive, Close\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = read(&format!(
            "GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n"
        ));
        assert_eq!(head.keep_alive(), is_kept, "{version} {connection}");
    }
    // RFC 9110 7.8: only with the option, and not in HTTP/1.0.
    for (version, headers, wanted) in [
        ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
        (
            "1.1",
            "Connection: keep-alive, upgrade\r\nUpgrade: a, b\r\n",
            true,
        ),
        ("1.1", "Upgrade: websocket\r\n", false),
        ("1.1", "Connection: upgrade\r\n", false),
        (
            "1.0",
            "Connection: upgrade\r\nUpgrade: websocket\r\n",
            false,
        ),
    ] {
        let head = read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{headers}\r\n"));
        assert_eq!(head.wants_upgrade(), wanted, "{version} {headers}");
        assert_eq!(head.upgrades().count() > 0, wanted);
    }
    // RFC 9110 10.1.1: only where there is a body to wait with, and not in HTTP/1.0.
    for (version, headers, expects) in [
        ("1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n", true),
        ("1.1", "Expect: 100-continue\r\n", false),
        ("1.1", "Content-Length: 1\r\n", false),
        (
            "1.0",
            "Expect: 100-continue\r\nContent-Length: 1\r\n",
            false,
        ),
        ("1.0", "Expect: the-unexpected\r\n", false),
    ] {
        let head = read(&format!("PUT / HTTP/{version}\r\nHost: a\r\n{headers}\r\n"));
        assert_eq!(head.expects_continue(), expects, "{version} {headers}");
    }
    let unknown = get("Expect: 100-continue, the-unexpected\r\n");
    let row = (
        "RFC 9110 10.1.1",
        "another",
        unknown,
        Want::Refused(Kind::Expectation),
    );
    table::check(&[row], Limits::default());
    let empty = read("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(empty.framing(), BodyFraming::None);
}
