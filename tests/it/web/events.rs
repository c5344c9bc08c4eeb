//! Events that all listeners hear.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::ask::ask;
use super::{got, start};
use crate::support::{Running, have};

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

/// Reads a stream of events as HTML, section 9.2.6, has it, and prints each as JSON.
const EVENT_SOURCE: &str = r#"
require('http').get(process.argv[1], answer => {
  let buffer = '', type = '', data = null
  console.error('it listens')
  answer.setEncoding('utf8').on('data', text => {
    buffer += text
    let found
    while ((found = /^([^\r\n]*)(\r\n|\n|\r(?=[^]))/.exec(buffer))) {
      buffer = buffer.slice(found[0].length)
      const line = found[1], colon = line.indexOf(':')
      if (line === '') {
        if (data !== null) console.error('event ' + JSON.stringify([type, data.slice(0, -1)]))
        type = ''; data = null
      } else if (colon !== 0) {
        const field = colon < 0 ? line : line.slice(0, colon)
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (field === 'data') data = (data ?? '') + value + '\n'
        else if (field === 'event') type = value
        else console.error('event ' + JSON.stringify([field, value]))
      }
    }
  })
})
"#;

#[test]
fn whatever_text_is_posted_is_one_event_of_that_text_and_nothing_else() {
    if !have(&["node"]) {
        return;
    }
    let events = start("events", &[]);
    let addr = events.place.trim_end_matches('/').to_owned();
    let mut node = Command::new("node");
    node.args(["-e", EVENT_SOURCE, &format!("http://{addr}/events")]);
    let mut node = Running::start(&mut node, false);
    node.says("it listens");
    let texts = [
        "hello",
        "two\nlines",
        "a\rdata: forged",
        "x\r\revent: missed\rdata: 9\r\r",
        "x\r\n\r\nretry: 1\r\n\r\n",
        "\revent: evil\rdata: y",
        "\r\r\n\n",
        "",
        "\n",
        "last\n",
        "last\r\n",
        " a blank before it",
        ": no comment",
        "id: 7",
        "\u{feff}a mark",
        "one\u{2028}line\u{85}only",
    ];
    for text in texts {
        let answer = ask(&addr, "POST /events", "", text.as_bytes());
        assert_eq!(answer.status(), 204, "{text:?}");
    }
    for text in texts {
        let told: Vec<String> = serde_json::from_str(&node.says("event ")).unwrap();
        // The lines are kept, and not what they ended with.
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(told, ["", &lines], "{text:?}");
    }
}

#[test]
fn each_path_has_its_methods_and_head_is_as_get_without_a_body() {
    let events = start("events", &[]);
    let addr = events.place.trim_end_matches('/');
    let (page, stream) = ("GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS, POST");
    for (request, status, allow) in [
        ("HEAD /", 200, None),
        ("HEAD /events", 200, None),
        ("POST /", 405, Some(page)),
        ("DELETE /", 405, Some(page)),
        ("OPTIONS /", 204, Some(page)),
        ("DELETE /events", 405, Some(stream)),
        ("PUT /events", 405, Some(stream)),
        ("OPTIONS /events", 204, Some(stream)),
        ("BREW /events", 501, None),
        ("GET /none", 404, None),
        ("DELETE /none", 404, None),
    ] {
        let answer = ask(addr, request, "", b"");
        assert_eq!(answer.status(), status, "{request}");
        assert_eq!(answer.field("allow"), allow, "{request}");
        if request.starts_with("HEAD") {
            assert_eq!(answer.body, b"", "{request}");
        }
    }
    let head = ask(addr, "HEAD /", "", b"");
    let page = ask(addr, "GET /", "", b"");
    for field in ["content-length", "content-type"] {
        assert_eq!(head.field(field), page.field(field));
    }
    let head = ask(addr, "HEAD /events", "", b"");
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    assert_eq!(ask(addr, "POST /events", "", b"\xff").status(), 400);
}
