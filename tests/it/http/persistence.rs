//! One request after another on a connection, in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use highwater::ErrorKind;
use highwater::http::Limits;

use crate::http::kit::{Client, echo, get, kinds, serve, serve_with, talk};

#[test]
fn a_connection_takes_one_request_after_another() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    for n in 0..100 {
        let path = format!("/{n}");
        let answer = client.say(get(&path)).answer();
        assert_eq!(answer.text(), format!("GET {path} "));
    }
    drop(client);
    assert_eq!(server.stop().unwrap().accepted, 1);
}

#[test]
fn a_pipeline_is_answered_in_order() {
    // RFC 9112 9.3.2
    let server = serve(echo);
    let mut client = Client::of(&server);
    let count = 2_000;
    let all: String = (0..count).map(|n| get(&format!("/{n}"))).collect();
    client.say(all);
    for n in 0..count {
        assert_eq!(client.answer().text(), format!("GET /{n} "));
    }
}

#[test]
fn a_head_may_come_a_byte_at_a_time() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    for byte in format!("\r\n{}{}", get("/a"), get("/b")).as_bytes() {
        client.say([*byte]);
    }
    assert_eq!(client.answer().text(), "GET /a ");
    assert_eq!(client.answer().text(), "GET /b ");
}

#[test]
fn a_client_that_wants_to_close_is_served_for_the_last_time() {
    // RFC 9112 9.3 and 9.6
    let server = serve(echo);
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let text = talk(&server, format!("{close}{}", get("/ignored")));
    assert!(text.contains("connection: close\r\n"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    // HTTP/1.0 closes unless it is asked not to.
    let mut client = Client::of(&server);
    let answer = client.say("GET / HTTP/1.0\r\n\r\n").answer();
    assert_eq!(answer.header("connection"), Some("close"));
    client.is_over();
    let mut client = Client::of(&server);
    for _ in 0..2 {
        let answer = client
            .say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .answer();
        assert_eq!(answer.header("connection"), Some("keep-alive"));
        assert_eq!(answer.text(), "GET / ");
    }
}

#[test]
fn the_last_request_that_a_connection_may_have_says_so() {
    let (server, _) = serve_with(Limits::default().requests(3), echo);
    let mut client = Client::of(&server);
    for _ in 0..2 {
        assert_eq!(client.say(get("/")).answer().header("connection"), None);
    }
    let last = client.say(get("/")).answer();
    assert_eq!(last.header("connection"), Some("close"));
    client.is_over();
}

#[test]
fn a_head_that_takes_too_long_answers_408() {
    // RFC 9110 15.5.9; the time runs from the first byte, and not from the last one.
    let limits = Limits::default().head_timeout(Duration::from_millis(300));
    let (server, told) = serve_with(limits, echo);
    let mut client = Client::of(&server);
    client.say(get("/")).answer();
    let began = Instant::now();
    let mut drips = get("/slow").into_bytes().into_iter().cycle();
    let stream = client.stream.get_ref().try_clone().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let mut byte = [0];
    while stream.peek(&mut byte).is_err() {
        // As many as are a part of a head still, so that none is whole.
        let drip = drips.next().filter(|byte| *byte != b'\r' && *byte != b'\n');
        client.say([drip.unwrap_or(b'x')]);
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "it drips for ever"
        );
    }
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(began.elapsed() >= Duration::from_millis(290));
    drop((client, stream));
    assert_eq!(server.stop().unwrap().refused, 1);
    assert_eq!(kinds(&told), [ErrorKind::TimedOut]);
}

#[test]
fn a_client_that_says_nothing_is_let_go_without_a_word() {
    let limits = Limits::default()
        .head_timeout(Duration::from_millis(100))
        .keep_alive(Duration::from_millis(200));
    let (server, told) = serve_with(limits, echo);
    Client::of(&server).is_over();
    let mut client = Client::of(&server);
    client.say(get("/")).answer();
    let began = Instant::now();
    client.is_over();
    assert!(began.elapsed() >= Duration::from_millis(190));
    drop(server);
    assert_eq!(kinds(&told), []);
}

#[test]
fn a_server_that_stops_ends_idle_connections_at_once_and_others_with_their_answer() {
    let (tell, told) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let asked = AtomicUsize::new(0);
    let server = serve(move |request, response| {
        if request.path() == "/wait" {
            asked.fetch_add(1, Ordering::SeqCst);
            tell.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
        }
        response.send("done")
    });
    let mut idle = Client::of(&server);
    idle.say(get("/")).answer();
    let mut fresh = Client::of(&server);
    let mut busy = Client::of(&server);
    busy.say(get("/wait"));
    told.recv().unwrap();
    server.handle().stop();
    idle.is_over();
    fresh.is_over();
    go.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!(answer.text(), "done");
    assert_eq!(answer.header("connection"), Some("close"));
    busy.is_over();
    let counts = server.join().unwrap();
    assert_eq!((counts.open, counts.aborted, counts.failed), (0, 0, 0));
}
