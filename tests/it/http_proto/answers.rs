//! The heads of answers: which framing, and what a client reads of them.

use highwater::ErrorKind;
use highwater::http::proto::{
    BodyPlan, Framing, encode_chunk_head, encode_head, encode_informational, encode_last_chunk,
};
use highwater::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::http as properties;

const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

fn plan(
    method: Method,
    version: Version,
    status: u16,
    headers: &HeaderMap,
    length: Option<u64>,
) -> Result<BodyPlan, highwater::Error> {
    let status = StatusCode::from_u16(status).unwrap();
    BodyPlan::new(&method, version, status, headers, length)
}

#[test]
fn the_framing_of_an_answer_follows_from_the_request_and_the_status() {
    use Framing::{Absent, Chunked, Length, UntilClose};
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    let none = HeaderMap::new();
    // RFC 9112 6.3, and 9110 of the status.
    for (method, version, status, length, framing, is_sent, closes) in [
        (Method::GET, v11, 200, None, Chunked, true, false),
        (Method::GET, v11, 200, Some(5), Length(5), true, false),
        (Method::GET, v11, 200, Some(0), Length(0), true, false),
        (Method::GET, v10, 200, None, UntilClose, true, true),
        (Method::GET, v10, 200, Some(5), Length(5), true, false),
        (Method::HEAD, v11, 200, None, Chunked, false, false),
        (Method::HEAD, v11, 200, Some(5), Length(5), false, false),
        (Method::HEAD, v10, 200, None, UntilClose, false, false),
        (Method::GET, v11, 204, None, Absent, false, false),
        (Method::GET, v11, 204, Some(0), Absent, false, false),
        (Method::GET, v11, 304, None, Absent, false, false),
        (Method::GET, v11, 304, Some(5), Absent, false, false),
        (Method::GET, v11, 205, None, Length(0), true, false),
        (Method::GET, v11, 101, None, Absent, false, false),
        (Method::CONNECT, v11, 200, None, Absent, false, false),
        (Method::CONNECT, v11, 404, None, Chunked, true, false),
        (Method::GET, v11, 599, None, Chunked, true, false),
    ] {
        let plan = plan(method.clone(), version, status, &none, length).unwrap();
        let is = (plan.framing(), plan.is_sent(), plan.closes());
        assert_eq!(
            is,
            (framing, is_sent, closes),
            "{method} {version:?} {status} {length:?}"
        );
    }
    for (method, status) in [
        (Method::GET, 204),
        (Method::GET, 205),
        (Method::CONNECT, 200),
    ] {
        let error = plan(method, v11, status, &none, Some(5)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("has no body"), "{error}");
    }
}

#[test]
fn a_handler_cannot_frame_an_answer_in_two_ways() {
    let with = |pairs: &[(HeaderName, &'static str)], length| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        plan(Method::GET, Version::HTTP_11, 200, &headers, length)
    };
    let length = header::CONTENT_LENGTH;
    // RFC 9112 6.2.
    for (pairs, known) in [
        (vec![(header::TRANSFER_ENCODING, "chunked")], None),
        (
            vec![
                (header::TRANSFER_ENCODING, "chunked"),
                (length.clone(), "5"),
            ],
            None,
        ),
        (vec![(length.clone(), "5"), (length.clone(), "5")], None),
        (vec![(length.clone(), "5")], Some(6)),
        (vec![(length.clone(), "+5")], None),
        (vec![(length.clone(), "")], None),
    ] {
        assert_eq!(
            with(&pairs, known).unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "{pairs:?}"
        );
    }
    let told = with(&[(length.clone(), "5")], None).unwrap();
    assert_eq!(told.framing(), Framing::Length(5));
    assert_eq!(with(&[(length, "5")], Some(5)).unwrap(), told);
    assert!(
        with(&[(header::CONNECTION, "x, Close")], None)
            .unwrap()
            .closes()
    );
}

#[test]
fn a_line_break_never_gets_into_a_head() {
    // RFC 9112 11.1: it is refused where it is set.
    for value in [&b"a\r\nX: y"[..], b"a\nb", b"a\rb", b"a\0b"] {
        assert!(HeaderValue::from_bytes(value).is_err());
    }
    for name in [&b"a\r\n"[..], b"a b", b"a:", b""] {
        assert!(HeaderName::from_bytes(name).is_err());
    }
    assert!(StatusCode::from_u16(99).is_err());
}

#[test]
fn what_becomes_of_the_connection_is_said_where_the_version_does_not() {
    let head = |version, keep_alive, status, pairs: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        let plan = BodyPlan::new(&Method::GET, version, status, &headers, Some(0)).unwrap();
        let mut out = Vec::new();
        encode_head(&mut out, version, status, &headers, plan, keep_alive, DATE);
        let text = String::from_utf8(out).unwrap();
        let connections = text
            .lines()
            .filter_map(|line| line.strip_prefix("connection: "));
        connections.collect::<Vec<_>>().join("|")
    };
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    assert_eq!(head(v11, true, 200, &[]), "");
    assert_eq!(head(v11, false, 200, &[]), "close");
    assert_eq!(head(v10, true, 200, &[]), "keep-alive");
    assert_eq!(head(v10, false, 200, &[]), "close");
    assert_eq!(head(v11, true, 200, &[("connection", "close")]), "close");
    assert_eq!(
        head(v11, false, 200, &[("connection", "x-mine")]),
        "x-mine|close"
    );
    assert_eq!(head(v11, true, 101, &[("upgrade", "websocket")]), "upgrade");
    let mut out = Vec::new();
    encode_informational(&mut out, StatusCode::EARLY_HINTS, &HeaderMap::new());
    assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\n\r\n");
}

#[test]
fn a_status_without_a_name_has_an_empty_one_and_a_date_of_the_handlers_own_stays() {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::DATE,
        HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"),
    );
    let (status, version) = (StatusCode::from_u16(299).unwrap(), Version::HTTP_11);
    let plan = BodyPlan::new(&Method::GET, version, status, &headers, None).unwrap();
    let mut out = Vec::new();
    encode_head(&mut out, version, status, &headers, plan, true, DATE);
    let text = "HTTP/1.1 299 \r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
        transfer-encoding: chunked\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), text);
}

#[test]
fn a_head_that_fits_into_its_buffer_moves_nothing() {
    let (status, version) = (StatusCode::OK, Version::HTTP_11);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let plan = BodyPlan::new(&Method::GET, version, status, &headers, Some(u64::MAX)).unwrap();
    let mut out = Vec::with_capacity(256);
    let memory = out.as_ptr();
    for _ in 0..3 {
        out.clear();
        encode_head(&mut out, version, status, &headers, plan, false, DATE);
        assert_eq!((out.as_ptr(), out.capacity()), (memory, 256));
    }
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("content-length: 18446744073709551615\r\n")
    );
}

proptest! {
    #![proptest_config(crate::http_proto::any::config())]

    /// What is written is read by another parser, with one framing and every header.
    #[test]
    fn any_answer_is_read_as_it_was_written(
        status in 200u16..600,
        pairs in vec(("[a-zA-Z][a-zA-Z-]{0,12}", vec(any::<u8>(), 0..20)), 0..8),
        length in any::<Option<u64>>(),
        keep_alive in any::<bool>(),
        is_11 in any::<bool>(),
    ) {
        let headers = properties::headers(&pairs);
        let version = if is_11 { Version::HTTP_11 } else { Version::HTTP_10 };
        let Ok(plan) = plan(Method::GET, version, status, &headers, length) else {
            return Ok(());
        };
        let mut out = Vec::new();
        let code = StatusCode::from_u16(status).unwrap();
        encode_head(&mut out, version, code, &headers, plan, keep_alive, DATE);

        let mut lines = [httparse::EMPTY_HEADER; 32];
        let mut read = httparse::Response::new(&mut lines);
        prop_assert_eq!(read.parse(&out), Ok(httparse::Status::Complete(out.len())));
        prop_assert_eq!(read.code, Some(status));
        let values = |name: &str| -> Vec<Vec<u8>> {
            let same = read.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
            same.map(|line| line.value.to_vec()).collect()
        };
        let lengths = values("content-length");
        let codings = values("transfer-encoding");
        match plan.framing() {
            Framing::Length(length) => {
                prop_assert_eq!(lengths, vec![length.to_string().into_bytes()]);
                prop_assert!(codings.is_empty());
            }
            Framing::Chunked => {
                prop_assert!(lengths.is_empty());
                prop_assert_eq!(codings, vec![b"chunked".to_vec()]);
            }
            Framing::Absent | Framing::UntilClose => {
                prop_assert!(lengths.is_empty() && codings.is_empty());
            }
        }
        prop_assert_eq!(values("date").len(), headers.get_all("date").iter().count().max(1));
        for name in headers.keys().filter(|name| *name != header::CONTENT_LENGTH) {
            let own: Vec<_> = headers.get_all(name).iter().map(|v| v.as_bytes().to_vec()).collect();
            let read = values(name.as_str());
            prop_assert!(read.starts_with(&own), "{} {:?}", name, read);
        }
        let closes = values("connection").iter().any(|value| value.eq_ignore_ascii_case(b"close"));
        prop_assert!(closes || (keep_alive && !plan.closes()));
    }

    #[test]
    fn any_chunk_is_as_long_as_its_head_says(size in 1u64..) {
        let mut out = Vec::new();
        encode_chunk_head(&mut out, size);
        prop_assert_eq!(out, format!("{size:x}\r\n").into_bytes());
    }
}

#[test]
fn what_may_not_come_behind_a_body_is_not_written_there() {
    let mut trailers = HeaderMap::new();
    trailers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
    trailers.insert("x", HeaderValue::from_static("y"));
    let mut out = Vec::new();
    encode_last_chunk(&mut out, &trailers);
    assert_eq!(out, b"0\r\nx: y\r\n\r\n");
}
