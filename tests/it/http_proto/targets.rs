//! The checklist of targets and hosts: the four forms, and what may stand in an authority.

use highwater::http::proto::{HeadParser, Limits, RejectionKind as Kind};

use crate::http_proto::heads::{GET, get, line, raw};
use crate::http_proto::table::{self, Row, Want};

#[test]
fn a_target_is_a_uri_in_the_form_of_its_method() {
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9112 3.2.4", "asterisk with OPTIONS", line("OPTIONS * HTTP/1.1"), Want::Taken(&[("OPTIONS *", b"")])),
        ("RFC 9112 3.2.4", "asterisk with GET", line("GET * HTTP/1.1"), Want::Refused(Kind::TargetForm)),
        ("RFC 9112 3.2.3", "authority with CONNECT", line("CONNECT b:443 HTTP/1.1"), Want::Taken(&[("CONNECT b:443", b"")])),
        ("RFC 9110 9.3.6", "CONNECT without a port", line("CONNECT b HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9110 9.3.6", "CONNECT with an empty port", line("CONNECT b: HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9110 9.3.6", "CONNECT to port 0", line("CONNECT b:0 HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 3986 3.2.2", "CONNECT to an address", line("CONNECT [::1]:443 HTTP/1.1"), Want::Taken(&[("CONNECT [::1]:443", b"")])),
        ("RFC 3986 3.2.2", "CONNECT to no address", line("CONNECT [x]:443 HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 3986 3.2.2", "CONNECT to a zone", line("CONNECT [fe80::1%25a]:443 HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9112 3.2.3", "CONNECT with a user", line("CONNECT u@b:443 HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9110 9.3.6", "CONNECT to no host", line("CONNECT :443 HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9110 9.3.6", "CONNECT to a port too high", line("CONNECT b:65536 HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 3986 3.2.2", "absolute to an address", line("GET http://[::1]:80/c HTTP/1.1"), Want::Taken(&[("GET http://[::1]:80/c", b"")])),
        ("RFC 3986 3.2.2", "absolute to no address", line("GET http://[evil.com]:80/c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9110 4.2.1", "absolute to a port alone", line("GET http://:80/c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 3986 3.2.3", "absolute to a port too high", line("GET http://b:65536/c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9112 3.2.3", "CONNECT with a path", line("CONNECT /b HTTP/1.1"), Want::Refused(Kind::TargetForm)),
        ("RFC 9112 3.2.3", "CONNECT with a URI", line("CONNECT http://b:1/ HTTP/1.1"), Want::Refused(Kind::TargetForm)),
        ("RFC 9112 3.2.3", "authority with GET", line("GET b:443 HTTP/1.1"), Want::Refused(Kind::TargetForm)),
        ("RFC 9112 3.2.2", "absolute", line("GET http://b/c HTTP/1.1"), Want::Taken(&[("GET http://b/c", b"")])),
        ("RFC 9110 4.2.1", "absolute without a host", line("GET http:///c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9110 4.2.4", "absolute with a user", line("GET http://u@b/c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9112 3.2.2", "absolute in any case", line("GET HTTP://b/c HTTP/1.1"), Want::Taken(&[("GET http://b/c", b"")])),
        ("RFC 9112 3.2.2", "absolute of another scheme", line("GET gopher://b/c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9112 3.2.2", "absolute without a scheme", line("GET ://b/c HTTP/1.1"), Want::Refused(Kind::Target)),
        ("RFC 9112 3.2", "a path without its slash", line("GET index.html HTTP/1.1"), Want::Refused(Kind::TargetForm)),
        ("RFC 9112 3.2.1", "two slashes are a path", line("GET //b/c HTTP/1.1"), Want::Taken(&[("GET //b/c", b"")])),
        ("RFC 9112 3.2", "obscure bytes in it", raw(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), Want::Refused(Kind::Target)),
    ];
    for target in [
        "/a#b",
        "/a\\b",
        "/\u{e9}",
        "/a\0",
        "/a\u{7f}",
        "/a\u{1}",
        "/<",
        "http://b/#c",
    ] {
        rows.push((
            "RFC 9112 3.2",
            "no URI",
            line(&format!("GET {target} HTTP/1.1")),
            Want::Refused(Kind::Target),
        ));
    }
    table::check(&rows, Limits::default());
}

#[test]
fn a_request_has_one_host() {
    #[rustfmt::skip]
    let mut rows: Vec<Row> = vec![
        ("RFC 9112 3.2", "none", raw(b"GET / HTTP/1.1\r\n\r\n"), Want::Refused(Kind::HostMissing)),
        ("RFC 9112 3.2", "none, with an absolute target", raw(b"GET http://a/ HTTP/1.1\r\n\r\n"), Want::Refused(Kind::HostMissing)),
        ("RFC 9112 3.2", "two", get("Host: b\r\n"), Want::Refused(Kind::HostTwice)),
        ("RFC 9112 3.2", "two equal ones", get("Host: a\r\n"), Want::Refused(Kind::HostTwice)),
        ("RFC 9112 3.2", "two in HTTP/1.0", raw(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), Want::Refused(Kind::HostTwice)),
        ("RFC 9112 3.2", "an empty one", raw(b"GET / HTTP/1.1\r\nHost:\r\n\r\n"), GET),
    ];
    for host in [
        "a/b",
        "u@a",
        "a,b",
        "a b",
        "a:b",
        "a:99999",
        "a:1:2",
        "[::1",
        "[]",
        "[::1]x",
        "::1",
        "a%zz",
        "a\"",
        "<a>",
        "a#b",
        "a?b",
        "\u{e9}",
        "[x]",
        "[evil.com]:80",
        "[127.0.0.1]",
        ":80",
        ":",
        "[::1%25eth0]",
        "[::1%eth0]",
        "[:::]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3]",
        "[::12345]",
        "[v.a]",
        "[vg.a]",
        "[v1.]",
        "[v1]",
        "[v1.a@b]",
        "[::1]:x",
        "[::1]80",
        "[[::1]]",
        "a]",
        "[::1",
        "u:p@a",
        "@a",
        "a:-1",
        "a:+1",
        "a:80 ,b",
        "a\\b",
    ] {
        rows.push((
            "RFC 9112 3.2",
            "a bad one",
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(),
            Want::Refused(Kind::Host),
        ));
    }
    for host in [
        "a:80",
        "a:",
        "a.b-c_d",
        "[::1]",
        "[::1]:80",
        "[::1]:",
        "[2001:DB8::7]",
        "[::ffff:192.0.2.1]:8080",
        "[v1.a:b]",
        "999.1.1.1",
        "127.0.0.1",
        "a%20b",
        "A",
    ] {
        rows.push((
            "RFC 9110 7.2",
            "a good one",
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(),
            GET,
        ));
    }
    table::check(&rows, Limits::default());
    let read = |input: &[u8]| {
        let read = HeadParser::new(Limits::default().head()).push(input);
        read.unwrap().unwrap().0
    };
    // The target's own host wins (RFC 9112 3.2.2).
    let absolute = read(b"GET http://b:1/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(absolute.host(), Some("b:1"));
    assert_eq!(
        read(b"GET / HTTP/1.1\r\nHost: a:2\r\n\r\n").host(),
        Some("a:2")
    );
    assert_eq!(read(b"GET / HTTP/1.0\r\n\r\n").host(), None);
}
