//! A body that nobody reads, and what becomes of the connection behind the answer to it.

use std::io::{ErrorKind as Io, Write};
use std::thread;
use std::time::{Duration, Instant};

use highwater::http::{Limits, Request, Response, StatusCode};
use highwater::{Error, HighWaterMark};

use crate::http::kit::{Answer, Client, get, kinds, serve, serve_with};

const LARGE: usize = 8 << 20;
const NEXT: &str = "/next";

/// Answers without a look at the body, in each way that there is.
fn answer(mut request: Request, response: Response) -> Result<(), Error> {
    let path = request.path().to_owned();
    match &path[..] {
        "/given-back" => drop(request),
        "/written" => {
            let mut out = response.writable(HighWaterMark::bytes(1024));
            out.write_all(path.as_bytes())?;
            return out.finish().map(drop);
        }
        "/read" => {
            // Nearly all of it.
            let mut bytes = 0;
            while bytes < LARGE - (100 << 10) {
                bytes += request.body().next().transpose()?.unwrap_or_default().len();
            }
        }
        _ => {}
    }
    response.send(path)
}

fn with_length(path: &str) -> Vec<u8> {
    let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n");
    let mut request = head.into_bytes();
    request.resize(request.len() + LARGE, b'x');
    request
}

fn in_chunks(path: &str) -> Vec<u8> {
    const CHUNK: usize = 32 << 10;
    let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut request = head.into_bytes();
    for _ in 0..LARGE / CHUNK {
        request.extend_from_slice(format!("{CHUNK:x}\r\n").as_bytes());
        request.resize(request.len() + CHUNK, b'x');
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// Sends a request and the next one behind it, and gives the answer to the first. What it says of
/// the connection is true for the next.
#[track_caller]
fn answer_before_the_next(client: &mut Client, request: &[u8]) -> Answer {
    let mut stream = client.stream.get_ref().try_clone().unwrap();
    let all = [request, get(NEXT).as_bytes()].concat();
    let sent = thread::spawn(move || stream.write_all(&all));
    let answer = client.answer();
    if answer.header("connection") == Some("close") {
        client.is_over();
    } else {
        assert_eq!(client.answer().text(), NEXT);
    }
    sent.join().unwrap().unwrap();
    answer
}

#[test]
fn a_close_is_said_or_the_next_request_is_answered() {
    // RFC 9112 9.6
    let server = serve(answer);
    for path in ["/held", "/given-back", "/written", "/read"] {
        for request in [with_length(path), in_chunks(path)] {
            let answer = answer_before_the_next(&mut Client::of(&server), &request);
            assert_eq!((answer.status, answer.text()), (200, path));
        }
    }
    let counts = server.stop().unwrap();
    assert_eq!((counts.failed, counts.finished), (0, 8), "{counts:?}");
}

#[test]
fn a_close_is_said_where_more_is_left_of_a_body_than_is_skipped() {
    let server = serve(answer);
    let closes = |path| {
        let answer = answer_before_the_next(&mut Client::of(&server), &with_length(path));
        answer.header("connection") == Some("close")
    };
    assert!(closes("/held"));
    assert!(closes("/given-back"));
    assert!(!closes("/read"), "little is left of it");
}

#[test]
fn a_large_answer_reaches_a_client_that_reads_it_behind_its_body() {
    // More than waits anywhere on the way, both of them.
    const ANSWER: usize = 32 << 20;
    let server = serve(|request, response| {
        let path = request.path().to_owned();
        drop(request);
        if path == "/next" {
            return response.send(path);
        }
        let mark = HighWaterMark::bytes(64 << 10);
        let mut out = match &path[..] {
            "/sent" => return response.send(vec![b'y'; ANSWER]),
            "/length" => response.length(ANSWER as u64).writable(mark),
            _ => response.writable(mark),
        };
        for _ in 0..ANSWER / (32 << 10) {
            out.write_all(&[b'y'; 32 << 10])?;
            assert!(out.len() <= (64 + 32) << 10, "{} wait", out.len());
        }
        out.finish().map(drop)
    });
    for path in ["/sent", "/length", "/chunks"] {
        for request in [with_length(path), in_chunks(path)] {
            let mut client = Client::of(&server);
            client.say(&request).say(get(NEXT));
            let answer = client.answer();
            assert_eq!((answer.status, answer.body.len()), (200, ANSWER), "{path}");
            if answer.header("connection") == Some("close") {
                client.is_over();
            } else {
                assert_eq!(client.answer().text(), NEXT, "{path}");
            }
        }
    }
    assert_eq!(server.stop().unwrap().failed, 0);
}

#[test]
fn a_handler_that_fails_behind_its_answer_keeps_its_word() {
    let (server, told) = serve_with(Limits::default(), |request, response| {
        let path = request.path().to_owned();
        response.send(path.clone())?;
        match &path[..] {
            "/error" => Err(Error::other("too late")),
            "/panic" => panic!("too late"),
            _ => Ok(()),
        }
    });
    for path in ["/error", "/panic"] {
        let mut client = Client::of(&server);
        let answer = answer_before_the_next(&mut client, get(path).as_bytes());
        assert_eq!((answer.text(), answer.header("connection")), (path, None));
    }
    assert_eq!(server.stop().unwrap().failed, 2);
    assert_eq!(kinds(&told).len(), 2);
}

#[test]
fn a_client_that_is_left_has_as_long_as_it_sends() {
    const SILENCE: Duration = Duration::from_secs(1);
    let limits = Limits::default().linger(SILENCE);
    let (server, _) = serve_with(limits, |_, response| {
        response.status(StatusCode::FORBIDDEN).send("no")
    });
    let mut client = Client::of(&server);
    client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    // Three times as long as nothing may come, and much more than fits anywhere on the way.
    for _ in 0..30 {
        client.say(vec![b'x'; 1 << 20]);
        thread::park_timeout(SILENCE / 10);
    }
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (403, "no"));
    client.is_over();
    // One that sends no more is closed on, though it does not close.
    let closed = || server.counts().open == 0;
    while !closed() {
        thread::park_timeout(Duration::from_millis(5));
    }
    assert_eq!(server.counts().finished, 1);
}

#[test]
fn a_client_that_is_left_has_no_longer_than_the_total() {
    let limits = Limits::default().linger_total(Duration::from_millis(200));
    let (server, _) = serve_with(limits, |_, response| {
        response.status(StatusCode::FORBIDDEN).send("no")
    });
    let mut client = Client::of(&server);
    client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    let stream = client.stream.get_mut();
    // Until it is cut off: by its own timeout this fails otherwise.
    let error = loop {
        if let Err(error) = stream.write_all(&[b'x'; 16 << 10]) {
            break error.kind();
        }
    };
    assert!(
        matches!(error, Io::BrokenPipe | Io::ConnectionReset),
        "{error}"
    );
    assert_eq!(server.stop().unwrap().aborted, 0);
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_client_that_sends_for_ever() {
    let (server, _) = serve_with(Limits::default(), |_, response| {
        response.status(StatusCode::FORBIDDEN).send("no")
    });
    let limit = Limits::default().linger;
    let mut client = Client::of(&server);
    client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    assert_eq!(client.answer().status, 403);
    let stream = client.stream.get_ref().try_clone().unwrap();
    let sends = thread::spawn(move || {
        let mut stream = &stream;
        while stream.write_all(&[b'x'; 16 << 10]).is_ok() {}
    });
    let began = Instant::now();
    let counts = server.stop().unwrap();
    assert_eq!((counts.aborted, counts.finished), (0, 1), "{counts:?}");
    assert!(began.elapsed() < limit * 4, "{:?}", began.elapsed());
    sends.join().unwrap();
}
