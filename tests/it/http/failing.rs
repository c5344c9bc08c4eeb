//! What becomes of an answer when its handler, its body or its client fails.

use std::io::{ErrorKind as Io, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use highwater::http::{Limits, StatusCode};
use highwater::mark::InBytes;
use highwater::net::RunningServer;
use highwater::stream::BranchPolicy;
use highwater::{Bytes, Error, ErrorKind, HighWaterMark, broadcast};

use crate::http::kit::{Client, Told, get, kinds, post, serve, serve_with};

fn mark() -> HighWaterMark<InBytes> {
    HighWaterMark::bytes(16 * 1024)
}

/// Stops a server once its connections have ended, of which one has failed, and says with what
/// kind of error.
#[track_caller]
fn ended_with(server: RunningServer, told: &Told, kind: ErrorKind) -> Error {
    let counts = server.stop().unwrap();
    assert_eq!((counts.failed, counts.open), (1, 0), "{counts:?}");
    assert_eq!((counts.refused, counts.disconnected), (0, 0), "{counts:?}");
    assert_eq!(kinds(told), [kind]);
    told.lock().unwrap()[0].clone()
}

#[test]
fn a_handler_that_fails_before_its_answer_answers_500() {
    let (server, told) = serve_with(Limits::default(), |_, mut response| {
        response.header("x-secret", "1")?;
        Err(Error::other("the disk is on fire"))
    });
    let mut client = Client::of(&server);
    let answer = client.say(get("/")).answer();
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("connection"), Some("close"));
    // What went wrong is for the log.
    assert!(!answer.text().contains("fire"), "{}", answer.text());
    assert_eq!(answer.header("x-secret"), None);
    client.is_over();
    drop(client);
    ended_with(server, &told, ErrorKind::Failed);
}

#[test]
fn a_handler_that_panics_before_its_answer_answers_500_and_the_server_lives() {
    let (server, told) = serve_with(Limits::default(), |request, response| {
        assert_ne!(request.path(), "/panic");
        response.send("well")
    });
    let mut client = Client::of(&server);
    assert_eq!(client.say(get("/panic")).answer().status, 500);
    client.is_over();
    drop(client);
    assert_eq!(Client::of(&server).say(get("/")).answer().text(), "well");
    let error = ended_with(server, &told, ErrorKind::Panicked);
    assert!(error.to_string().contains("/panic"), "{error}");
}

#[test]
fn an_answer_that_is_dropped_is_500_and_never_silence() {
    let (server, told) = serve_with(Limits::default(), |_, _| Ok(()));
    let mut client = Client::of(&server);
    assert_eq!(client.say(get("/")).answer().status, 500);
    client.is_over();
    drop(client);
    ended_with(server, &told, ErrorKind::Failed);
}

#[test]
fn a_body_that_is_broken_off_is_cut_with_a_reset_and_without_its_last_chunk() {
    for how in ["panic", "error", "drop", "fail"] {
        let (server, told) = serve_with(Limits::default(), move |_, response| {
            let mut out = response.writable(mark());
            out.write("part".into())?;
            match how {
                "panic" => panic!("in the middle"),
                "error" => return Err(Error::other("in the middle")),
                "fail" => out.fail(Error::other("in the middle")),
                _ => {}
            }
            Ok(())
        });
        let mut client = Client::of(&server);
        let error = client.say(get("/")).try_answer(false).unwrap_err();
        assert!(
            matches!(error.kind(), Io::ConnectionReset | Io::UnexpectedEof),
            "{error}"
        );
        let counts = server.stop().unwrap();
        assert_eq!(counts.failed, 1, "{how}");
        let kind = match how {
            "panic" => ErrorKind::Panicked,
            "drop" => ErrorKind::PrematureClose,
            _ => ErrorKind::Failed,
        };
        assert_eq!(kinds(&told), [kind], "{how}");
    }
}

#[test]
fn a_body_up_to_the_end_of_the_connection_is_reset_when_it_is_broken_off() {
    // Or a client of HTTP/1.0 would take what it has for everything.
    let server = serve(|_, response| {
        let mut out = response.writable(mark());
        out.write("part".into())?;
        Err(Error::other("in the middle"))
    });
    let mut client = Client::of(&server);
    client.say("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.rest().unwrap_err().kind(), Io::ConnectionReset);
}

#[test]
fn a_body_that_is_shorter_than_was_said_is_an_error_and_cut() {
    let (server, told) = serve_with(Limits::default(), |_, response| {
        let mut out = response.length(10).writable(mark());
        out.write("nine byte".into())?;
        let error = out.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.offset(), Some(9));
        Err(error)
    });
    let mut client = Client::of(&server);
    assert!(client.say(get("/")).try_answer(false).is_err());
    ended_with(server, &told, ErrorKind::InvalidInput);
}

#[test]
fn a_body_that_is_longer_than_was_said_is_refused_at_the_byte() {
    let (server, told) = serve_with(Limits::default(), |_, response| {
        let mut out = response.length(10).writable(mark());
        out.write_all(b"0123456789ab")?;
        let error = out.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(error.offset(), Some(10));
        Err(error)
    });
    let mut client = Client::of(&server);
    // No more than was said ever leaves.
    client.say(get("/"));
    let mut all = Vec::new();
    let _ = client.stream.read_to_end(&mut all);
    let text = String::from_utf8(all).unwrap();
    assert!(
        text.is_empty() || text.ends_with("\r\n\r\n0123456789"),
        "{text}"
    );
    ended_with(server, &told, ErrorKind::LimitExceeded);
}

#[test]
fn a_body_of_another_length_than_was_said_is_known_before_it_is_sent() {
    let (server, told) = serve_with(Limits::default(), |_, mut response| {
        response.header("content-length", "3")?;
        response.send("four")
    });
    assert_eq!(Client::of(&server).say(get("/")).answer().status, 500);
    ended_with(server, &told, ErrorKind::InvalidInput);
}

#[test]
fn a_header_that_frames_the_body_is_refused_by_whatever_way_it_came() {
    // RFC 9112 6.1
    for writes in [false, true] {
        let server = serve(move |_, mut response| {
            let chunked = "chunked".parse().unwrap();
            response.headers_mut().insert("transfer-encoding", chunked);
            if writes {
                let mut out = response.writable(mark());
                out.write("x".into())?;
                return out.finish().map(drop);
            }
            response.send("x")
        });
        let answer = Client::of(&server).say(get("/")).answer();
        assert_eq!(answer.status, 500);
        assert_eq!(answer.header("transfer-encoding"), None);
    }
}

#[test]
fn a_client_that_goes_away_ends_the_write() {
    let (tell, told) = mpsc::channel();
    let server = serve(move |_, response| {
        let mut out = response.writable(mark());
        let error = loop {
            if let Err(error) = out.write(Bytes::from_static(&[7; 8192])) {
                break Error::from(error);
            }
        };
        tell.send(error.clone()).unwrap();
        Err(error)
    });
    let mut client = Client::of(&server);
    client
        .say(get("/"))
        .stream
        .read_exact(&mut [0; 1000])
        .unwrap();
    drop(client);
    let error = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
}

#[test]
fn a_client_that_takes_nothing_is_cut_when_its_time_is_up() {
    let limits = Limits::default().write_stall(Duration::from_millis(300));
    let (server, told) = serve_with(limits, |_, response| {
        let mut out = response.writable(mark());
        loop {
            out.write(Bytes::from_static(&[7; 8192]))?;
        }
    });
    let mut client = Client::of(&server);
    client.say(get("/"));
    let counts = loop {
        let counts = server.counts();
        if counts.disconnected > 0 {
            break counts;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert_eq!(counts.open, 0);
    assert_eq!(kinds(&told), [ErrorKind::TimedOut]);
    // It was reset, so that it does not take what it has for everything.
    assert!(client.rest().is_err());
}

#[test]
fn a_body_that_comes_too_slowly_answers_408() {
    let limits = Limits::default().body_idle(Duration::from_millis(200));
    let (server, told) = serve_with(limits, |mut request, response| {
        let body = request.body().to_bytes(100)?;
        response.send(body)
    });
    let mut client = Client::of(&server);
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    client.is_over();
    drop(client);
    let counts = server.stop().unwrap();
    assert_eq!((counts.refused, counts.failed), (1, 0), "{counts:?}");
    assert_eq!(kinds(&told), [ErrorKind::TimedOut]);
    assert_eq!(told.lock().unwrap()[0].offset(), Some(4));
}

#[test]
fn a_handler_may_answer_what_it_likes_to_a_body_that_fails() {
    let server = serve(|mut request, response| {
        let status = match request.body().limit(2).next() {
            Some(Err(error)) if error.kind() == ErrorKind::LimitExceeded => StatusCode::IM_A_TEAPOT,
            _ => StatusCode::OK,
        };
        response.status(status).send("")
    });
    let mut client = Client::of(&server);
    let answer = client.say(post("/", "three")).answer();
    assert_eq!(answer.status, 418);
    client.is_over();
}

#[test]
fn a_client_that_does_not_read_is_cut_off_from_what_its_handler_passes_on() {
    const MOST: Duration = Duration::from_millis(20);
    let source = Arc::new(Mutex::new(broadcast(mark()).keep_open()));
    let joined = Arc::clone(&source);
    let (server, told) = serve_with(Limits::default(), move |_, response| {
        let branch = joined
            .lock()
            .unwrap()
            .subscribe(BranchPolicy::Disconnect(MOST));
        branch.pipe_to(response.writable(mark())).map(drop)
    });
    let mut client = Client::of(&server);
    client.say(get("/"));
    let mut has_come = false;
    loop {
        let mut source = source.lock().unwrap();
        match source.branches() {
            0 if has_come => break,
            0 => {}
            _ => has_come = true,
        }
        source.write(Bytes::from_static(&[7; 8192])).unwrap();
        assert!(source.peak() < 16 * 1024 + 8192);
    }
    // The client is there, and reads nothing.
    ended_with(server, &told, ErrorKind::TimedOut);
    drop(client);
}
