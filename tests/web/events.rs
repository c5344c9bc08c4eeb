//! Events that all listeners hear.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{got, start};
use crate::tool::have;

/// Somebody who listens, and has heard that he does.
fn listener(addr: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(addr).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut reader = BufReader::new(stream);
    assert_eq!(line_with(&mut reader, "HTTP/1.1 "), "HTTP/1.1 200 OK");
    assert_eq!(
        line_with(&mut reader, "content-type"),
        "content-type: text/event-stream"
    );
    line_with(&mut reader, ": here you are");
    reader
}

fn line_with(reader: &mut impl BufRead, words: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(
            reader.read_line(&mut line).unwrap(),
            0,
            "it ended before `{words}`"
        );
        if line.contains(words) {
            return line.trim_end().to_owned();
        }
    }
}

#[test]
fn every_listener_hears_what_is_posted() {
    if !have(&["curl"]) {
        return;
    }
    let mut events = start("events", &["--quiet", "0.05"]);
    let addr = events.place.trim_end_matches('/').to_owned();
    let url = format!("http://{addr}/events");
    assert!(got(&[&format!("http://{addr}/")]).contains("EventSource"));
    let mut listeners = [listener(&addr), listener(&addr)];
    assert_eq!(got(&["-d", "one\ntwo", "-w", "%{http_code}", &url]), "204");
    for listener in &mut listeners {
        assert_eq!(line_with(listener, "data"), "data: one");
        assert_eq!(line_with(listener, "data"), "data: two");
        // While nothing comes it is told that somebody is there.
        line_with(listener, ":");
    }
    assert_eq!(
        events.stop("INT").0,
        Some(130),
        "listeners do not hold it up"
    );
    for mut listener in listeners {
        // The stream was ended, and not broken off.
        line_with(&mut listener, "0");
        let mut rest = Vec::new();
        listener.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"\r\n");
    }
}

#[test]
fn who_is_too_far_behind_is_told_what_he_has_missed() {
    if !have(&["curl"]) {
        return;
    }
    let mut events = start("events", &["--behind", "2"]);
    let addr = events.place.trim_end_matches('/').to_owned();
    let url = format!("http://{addr}/events");
    let mut slow = listener(&addr);
    // More than the sockets and the buffer of the answer hold, of which he reads nothing.
    let text = "x".repeat(60_000);
    let posts = 400;
    let mut poster = TcpStream::connect(&addr).unwrap();
    poster.set_nodelay(true).unwrap();
    let mut answers = BufReader::new(poster.try_clone().unwrap());
    let head = format!(
        "POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    for _ in 0..posts {
        poster.write_all(head.as_bytes()).unwrap();
        poster.write_all(text.as_bytes()).unwrap();
        line_with(&mut answers, "204");
    }
    assert!(events.peak_bytes() < 32 << 20, "24 MB were posted");
    assert_eq!(got(&["-d", "last", "-w", "%{http_code}", &url]), "204");
    let (mut heard, mut missed) = (0, 0);
    loop {
        let line = line_with(&mut slow, "data: ");
        match line.strip_prefix("data: ").unwrap() {
            "last" => break,
            text if text.starts_with('x') => heard += 1,
            number => missed += number.parse::<usize>().unwrap(),
        }
    }
    assert!(missed > 0);
    assert_eq!(heard + missed, posts);
    assert_eq!(events.stop("TERM").0, Some(143));
}
