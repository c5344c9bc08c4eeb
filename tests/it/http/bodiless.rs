//! An answer to a HEAD has no body, whatever it says (RFC 9110 9.3.2).

use std::time::Duration;

use highwater::Error;
use highwater::http::Limits;

use crate::http::kit::{Client, get, serve_with};

const SHORT: Duration = Duration::from_millis(200);

/// What is sent, and with what status it is answered.
const REFUSED: [(&str, u16); 13] = [
    ("HEAD / HTTP/1.1\r\n\r\n", 400),
    ("HEAD / HTTP/1.1\r\nHost: [x]\r\n\r\n", 400),
    ("\r\nHEAD / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
    ("HEAD  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n",
        413,
    ),
    ("HEAD / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
    ("HEAD / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (
        "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
    ),
    ("HEAD /fails HTTP/1.1\r\nHost: a\r\n\r\n", 500),
    ("HEAD /panics HTTP/1.1\r\nHost: a\r\n\r\n", 500),
    ("HEAD /drops HTTP/1.1\r\nHost: a\r\n\r\n", 500),
    // Neither comes to its end in time.
    ("HEAD /slow HTTP/1.1\r\nHost: a\r\nX: ", 408),
    (
        "HEAD /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nslow",
        408,
    ),
];

#[test]
fn a_head_that_is_refused_or_fails_has_no_body() {
    let limits = Limits::default().head_timeout(SHORT).body_idle(SHORT);
    let (server, _) = serve_with(limits, |mut request, response| match request.path() {
        "/fails" => Err(Error::other("out of order")),
        "/panics" => panic!("out of mind"),
        "/reads" => {
            let body = request.body().to_bytes(100)?;
            response.send(body)
        }
        "/served" => response.send("served"),
        _ => Ok(()),
    });
    let long = format!("HEAD /{} HTTP/1.1\r\n", "x".repeat(17_000));
    let many = format!(
        "HEAD / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "A: b\r\n".repeat(200)
    );
    let limits = [(&long[..], 414), (&many[..], 431)];
    for (input, status) in REFUSED.into_iter().chain(limits) {
        let shown = &input[..input.len().min(70)];
        let mut client = Client::of(&server);
        // Served well before, on the same connection.
        client.say(get("/served"));
        assert_eq!(client.answer().text(), "served");
        let answer = client.say(input).answer_to_head();
        assert_eq!(answer.status, status, "{shown:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
        assert_eq!(client.rest().unwrap(), b"", "{shown:?}");
    }
    // Any other has one.
    let answer = Client::of(&server).say("GET / HTTP/1.1\r\n\r\n").answer();
    assert_eq!((answer.status, answer.text()), (400, "400 Bad Request\n"));
}
