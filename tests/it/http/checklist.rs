//! What must be answered to inputs that attack, or are just wrong: each with the rule that says so.

use highwater::ErrorKind;
use highwater::http::Limits;

use crate::http::kit::{Client, echo, get, kinds, serve, serve_with};

/// An input, how it is answered, and the rule. Where it is refused the connection ends, and what
/// follows the input is never served.
struct Row {
    rule: &'static str,
    input: &'static str,
    status: u16,
}

const fn row(rule: &'static str, input: &'static str, status: u16) -> Row {
    Row {
        rule,
        input,
        status,
    }
}

const REFUSED: [Row; 40] = [
    row(
        "RFC 9112 6.3",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 6.3",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 10\r\n\r\nhello",
        400,
    ),
    row(
        "RFC 9112 6.3",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        400,
    ),
    row(
        "RFC 9110 8.6",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        400,
    ),
    row(
        "RFC 9110 8.6",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nhello",
        400,
    ),
    row(
        "RFC 9110 8.6",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 6.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    row(
        "RFC 9112 6.3",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 7.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 6.1",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 5.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 7.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 7.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 7.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        413,
    ),
    row(
        "RFC 9112 7.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 7.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
        400,
    ),
    row("RFC 9112 2.2", "GET / HTTP/1.1\nHost: a\n\n", 400),
    row(
        "RFC 9112 2.2",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        400,
    ),
    row(
        "RFC 9110 5.5",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 5.2",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        400,
    ),
    row("RFC 9112 2.2", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    row(
        "RFC 9112 5.1",
        "GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n",
        400,
    ),
    row(
        "RFC 9112 2.2",
        "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    row("RFC 9110 2.5", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    row("RFC 9112 2.3", "GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    row("RFC 9112 3", "GET /\r\n\r\n", 400),
    row("RFC 9112 3", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    row("RFC 9112 3", "GET / HTTP/1.1 X\r\nHost: a\r\n\r\n", 400),
    row("RFC 9112 3.2", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    row("RFC 9112 3.2", "GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    row("RFC 9112 3.2.4", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    row(
        "RFC 9112 3.2.3",
        "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    row("RFC 9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    row("RFC 9112 3.2", "GET / HTTP/1.1\r\n\r\n", 400),
    row(
        "RFC 9112 3.2",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        400,
    ),
    row("RFC 9112 3.2", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    row(
        "RFC 9110 10.1.1",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n",
        417,
    ),
    row(
        "RFC 9110 9.3.8",
        "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n",
        405,
    ),
    row(
        "RFC 9110 9.3.6",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        501,
    ),
    row(
        "RFC 9110 15.5.14",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\n",
        413,
    ),
];

#[test]
fn what_cannot_be_trusted_is_refused_and_nothing_behind_it_is_served() {
    let server = serve(echo);
    for Row {
        rule,
        input,
        status,
    } in REFUSED
    {
        for cut in [false, true] {
            let mut client = Client::of(&server);
            // Served well before, on the same connection.
            assert_eq!(client.say(get("/before")).answer().status, 200);
            if cut {
                for byte in input.as_bytes() {
                    // The server may have closed before the last one.
                    let _ = std::io::Write::write(client.stream.get_mut(), &[*byte]);
                }
            } else {
                client.say(input);
            }
            let _ = std::io::Write::write(client.stream.get_mut(), get("/smuggled").as_bytes());
            let answer = client.answer();
            assert_eq!(answer.status, status, "{rule}: {input:?}");
            assert_eq!(
                answer.header("connection"),
                Some("close"),
                "{rule}: {input:?}"
            );
            assert_eq!(client.rest().unwrap(), b"", "{rule}: {input:?}");
        }
    }
}

const SERVED: [(&str, &str); 10] = [
    ("RFC 9112 2.2", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "RFC 9112 7",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "RFC 9110 8.6",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 002\r\n\r\nhi",
    ),
    (
        "RFC 9112 5.1",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n",
    ),
    ("RFC 9112 3.2", "GET / HTTP/1.0\r\n\r\n"),
    (
        "RFC 9112 3.2.2",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    ("RFC 9112 3.2.4", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("RFC 9110 9.1", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    // RFC 9110 7.8: an upgrade without `Connection: upgrade`, or in HTTP/1.0, is not one.
    (
        "RFC 9110 7.8",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
    ),
    (
        "RFC 9110 7.8",
        "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    ),
];

#[test]
fn what_is_in_order_is_served() {
    let server = serve(echo);
    for (rule, input) in SERVED {
        let answer = Client::of(&server).say(input).answer();
        assert_eq!(answer.status, 200, "{rule}: {input:?}");
    }
}

#[test]
fn every_limit_of_a_head_has_its_status() {
    let (server, told) = serve_with(Limits::default(), echo);
    let headers = |count: usize| -> String { (0..count).map(|n| format!("X{n}: a\r\n")).collect() };
    let long = |bytes: usize| "x".repeat(bytes);
    let cases = [
        // RFC 9112 3: 8,000 bytes at least.
        (get(&format!("/{}", long(8_000))), 200),
        (get(&format!("/{}", long(17_000))), 414),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", headers(99)),
            200,
        ),
        // RFC 6585 5
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", headers(100)),
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
                long(64 * 1024)
            ),
            431,
        ),
    ];
    let refused = cases.iter().filter(|(_, status)| *status > 200).count();
    for (input, status) in cases {
        let mut client = Client::of(&server);
        let _ = std::io::Write::write_all(client.stream.get_mut(), input.as_bytes());
        assert_eq!(client.answer().status, status, "{}", &input[..60]);
    }
    assert_eq!(server.stop().unwrap().refused, refused as u64);
    assert_eq!(kinds(&told), vec![ErrorKind::LimitExceeded; refused]);
}

#[test]
fn more_connections_than_there_may_be_wait_outside() {
    let server = highwater::http::Server::bind("127.0.0.1:0").unwrap();
    let server = server.connections(1).spawn(echo).unwrap();
    // In the middle of a request it gives way to nobody.
    let mut first = Client::of(&server);
    first.say("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhal");
    let mut second = Client::of(&server);
    second.say(get("/second"));
    assert_eq!(first.say("f").answer().text(), "POST /first half");
    drop(first);
    assert_eq!(second.answer().text(), "GET /second ");
    let counts = server.counts();
    assert_eq!((counts.accepted, counts.peak), (2, 1), "{counts:?}");
}
