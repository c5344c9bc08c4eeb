//! What comes of a request's body, however it comes.

use std::io::{BufRead, Read};

use highwater::http::{Limits, StatusCode};
use highwater::{ErrorKind, HighWaterMark, pipeline};

use crate::http::kit::{Client, echo, get, kinds, post, serve, serve_with};

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_body_with_a_length_and_one_in_chunks_are_read_to_their_end() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    assert_eq!(
        client.say(post("/a", "hello")).answer().text(),
        "POST /a hello"
    );
    let chunks = format!("{CHUNKED}5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n");
    assert_eq!(client.say(&chunks).answer().text(), "POST / hello!");
    // However it is cut.
    for byte in chunks.as_bytes() {
        client.say([*byte]);
    }
    assert_eq!(client.answer().text(), "POST / hello!");
    assert_eq!(client.say(get("/b")).answer().text(), "GET /b ");
}

#[test]
fn trailers_are_there_behind_the_end() {
    let server = serve(|mut request, response| {
        let body = request.body();
        assert!(body.trailers().is_none());
        let mut said = String::new();
        body.read_to_string(&mut said)?;
        let trailers = body.trailers().expect("there are some");
        // RFC 9110 6.5.1: what belongs before a body is none.
        assert!(!trailers.contains_key("content-length"));
        let sum = trailers["x-sum"].to_str().unwrap();
        response.send(format!("{said} {sum}"))
    });
    let chunks = format!("{CHUNKED}2\r\nhi\r\n0\r\nX-Sum: 9\r\nContent-Length: 7\r\n\r\n");
    assert_eq!(Client::of(&server).say(chunks).answer().text(), "hi 9");
}

#[test]
fn a_body_has_every_face_of_a_stream() {
    let server = serve(|mut request, response| {
        let bytes = match request.path() {
            "/lines" => request
                .body()
                .lines()
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
            "/chunks" => {
                let chunks: Result<Vec<_>, _> = request.into_body().collect();
                String::from_utf8(chunks?.concat()).unwrap()
            }
            "/pipeline" => {
                let run = pipeline(request.into_body()).to(Vec::new()).run_into()?;
                String::from_utf8(run.1.into_inner()).unwrap()
            }
            "/ahead" => {
                let mark = HighWaterMark::bytes(1024);
                let bytes = request.into_body().readable(mark).to_bytes(1 << 20)?;
                String::from_utf8(bytes.to_vec()).unwrap()
            }
            other => panic!("{other}"),
        };
        response.send(bytes.replace('\n', ""))
    });
    let mut client = Client::of(&server);
    let long = "0123456789abcde\n".repeat(5_000);
    for path in ["/lines", "/chunks", "/pipeline", "/ahead"] {
        let answer = client.say(post(path, &long)).answer();
        assert!(answer.text() == long.replace('\n', ""), "{path}");
    }
}

#[test]
fn a_body_that_nobody_reads_is_skipped_and_never_a_request() {
    // RFC 9112 6.3: GET may have a body like any other.
    let server = serve(|request, response| response.send(request.path().to_owned()));
    let mut client = Client::of(&server);
    let inner = get("/inner");
    let outer = format!(
        "GET /outer HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        inner.len()
    );
    client.say(outer + &inner + &get("/next"));
    assert_eq!(client.answer().text(), "/outer");
    assert_eq!(client.answer().text(), "/next");
    // One that comes later, and one in chunks.
    client.say("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.answer().text(), "/late");
    client.say(String::from("hello") + CHUNKED);
    assert_eq!(client.answer().text(), "/");
    client.say(String::from("3\r\nabc\r\n0\r\n\r\n") + &get("/last"));
    assert_eq!(client.answer().text(), "/last");
}

#[test]
fn a_body_that_is_too_long_to_skip_ends_the_connection_behind_the_answer() {
    let limits = Limits::default().drain_bytes(1_000);
    let (server, _) = serve_with(limits, |_, response| response.send("no, thanks"));
    let mut client = Client::of(&server);
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    // What still comes must not take the answer back.
    client.say(vec![b'x'; 50_000]);
    assert_eq!(client.answer().text(), "no, thanks");
    client.is_over();
}

#[test]
fn a_client_that_asks_is_told_to_go_on_when_its_body_is_read() {
    // RFC 9110 10.1.1
    let server = serve(echo);
    let mut client = Client::of(&server);
    let asks = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(client.say(asks).answer().status, 100);
    assert_eq!(client.say("ok").answer().text(), "POST / ok");
    // It did not wait, so it is not told.
    assert_eq!(client.say(format!("{asks}ok")).answer().text(), "POST / ok");
    let unknown = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n";
    assert_eq!(client.say(unknown).answer().status, 417);
    client.is_over();
    // HTTP/1.0 has no such thing.
    let mut client = Client::of(&server);
    client.say("POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.say("ok").answer().text(), "POST / ok");
}

#[test]
fn a_client_that_asks_and_is_answered_at_once_is_not_told_to_go_on() {
    let server = serve(|_, response| response.status(StatusCode::FORBIDDEN).send("no"));
    let mut client = Client::of(&server);
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 403);
    // Whether the body comes cannot be known, so nothing may follow.
    assert_eq!(answer.header("connection"), Some("close"));
    client.end().is_over();
}

#[test]
fn a_body_that_ends_too_early_is_an_error() {
    // RFC 9112 8
    for (head, part) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
            "half",
        ),
        (CHUNKED, "5\r\nha"),
        (CHUNKED, "4\r\nhalf\r\n"),
    ] {
        let (tell, told) = std::sync::mpsc::channel();
        let server = serve(move |mut request, response| {
            let error = request.body().to_bytes(100).unwrap_err();
            tell.send(error.clone()).unwrap();
            drop(response);
            Err(error)
        });
        let mut client = Client::of(&server);
        client.say(head).say(part).end();
        let error = told.recv().unwrap();
        assert_eq!(error.kind(), ErrorKind::PrematureClose, "{error}");
    }
}

#[test]
fn a_body_that_is_too_long_answers_413() {
    // RFC 9110 15.5.14
    let limits = Limits::default().body_bytes(10);
    let (server, told) = serve_with(limits, echo);
    let long = format!("{CHUNKED}b\r\nhello world\r\n0\r\n\r\n");
    for request in [post("/", "hello world"), long.clone()] {
        let mut client = Client::of(&server);
        assert_eq!(client.say(request).answer().status, 413);
        client.is_over();
    }
    let counts = server.stop().unwrap();
    assert_eq!((counts.refused, counts.failed), (2, 0), "{counts:?}");
    assert_eq!(kinds(&told), [ErrorKind::LimitExceeded; 2]);
    // A handler may ask for less than the server lets in.
    let server = serve(|mut request, response| {
        let body = request.body().limit(10).next().transpose()?;
        response.send(body.unwrap_or_default())
    });
    for request in [post("/", "hello world"), long] {
        let mut client = Client::of(&server);
        assert_eq!(client.say(request).answer().status, 413);
        client.is_over();
    }
}

#[test]
fn a_body_that_is_malformed_answers_400() {
    // RFC 9112 7.1
    let (server, told) = serve_with(Limits::default(), echo);
    let mut client = Client::of(&server);
    let smuggled = format!("{CHUNKED}5\r\nhello!\r\n0\r\n\r\n{}", get("/smuggled"));
    assert_eq!(client.say(smuggled).answer().status, 400);
    client.is_over();
    drop(client);
    let counts = server.stop().unwrap();
    assert_eq!((counts.refused, counts.failed), (1, 0), "{counts:?}");
    assert_eq!(kinds(&told), [ErrorKind::InvalidInput]);
}
