//! The same requests to nginx: status, range and length, and why where they differ.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::http_files::kit::Temp;
use crate::http_files::site::{Head, Site, take_head};
use crate::support::Nginx;

/// Asks nginx.
fn ask(nginx: &Nginx, request: &str) -> Answer {
    let stream = UnixStream::connect(&nginx.socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    answer(stream, request)
}

/// What both say, as far as it is theirs to choose.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    content_range: Option<String>,
    /// How long the body is, where it is not a page of their own.
    bytes: Option<usize>,
    /// How many parts it has.
    parts: usize,
}

fn answer(mut stream: impl Read + Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let Head { status, headers } = take_head(&mut stream).unwrap();
    let mut body = Vec::new();
    stream.read_to_end(&mut body).unwrap();
    let body_text = String::from_utf8_lossy(&body).to_ascii_lowercase();
    let is_multipart = headers
        .get("content-type")
        .is_some_and(|of| of.starts_with("multipart/"));
    Answer {
        status,
        content_range: headers.get("content-range").cloned(),
        bytes: (status < 300 && !is_multipart).then_some(body.len()),
        parts: body_text.matches("content-range:").count(),
    }
}

/// What is asked, and why nginx answers otherwise, if it does.
const REQUESTS: [(&str, &[&str], Option<&str>); 41] = [
    ("GET", &[], None),
    ("HEAD", &[], None),
    ("GET", &["Range: bytes=0-9"], None),
    ("GET", &["Range: bytes=0-"], None),
    ("GET", &["Range: bytes=990-2000"], None),
    ("GET", &["Range: bytes=-10"], None),
    ("GET", &["Range: bytes=-2000"], None),
    ("GET", &["Range: bytes=999-999"], None),
    ("GET", &["Range: bytes=1000-"], None),
    ("GET", &["Range: bytes=1000-1001"], None),
    ("GET", &["Range: bytes=-0"], None),
    ("GET", &["Range: bytes=0-9, 500-509"], None),
    ("GET", &["Range: bytes=500-509,0-9,-10"], None),
    ("GET", &["Range: bytes=0-9,2000-"], None),
    (
        "GET",
        &["Range: bytes=0-999,0-999"],
        Some("it adds up what is asked for, and sends everything"),
    ),
    (
        "GET",
        &["Range: bytes=0-,0-,0-"],
        Some("it adds up what is asked for, and sends everything"),
    ),
    ("GET", &["Range: items=0-9"], None),
    ("GET", &["Range: bytes=0-0", "If-Range: \"x\""], None),
    ("GET", &["Range: bytes=0-0", "If-Range: {tag}"], None),
    ("GET", &["Range: bytes=0-0", "If-Range: {time}"], None),
    (
        "GET",
        &[
            "Range: bytes=0-0",
            "If-Range: Sun, 09 Sep 2001 01:46:39 GMT",
        ],
        None,
    ),
    ("GET", &["If-None-Match: {tag}"], None),
    ("GET", &["If-None-Match: W/{tag}"], None),
    ("GET", &["If-None-Match: \"x\", {tag}"], None),
    ("GET", &["If-None-Match: *"], None),
    ("GET", &["If-None-Match: \"x\""], None),
    (
        "GET",
        &["If-None-Match: \"x\"", "If-Modified-Since: {time}"],
        None,
    ),
    ("GET", &["If-Match: {tag}"], None),
    ("GET", &["If-Match: \"x\""], None),
    ("GET", &["If-Match: *"], None),
    ("GET", &["If-Match: W/{tag}"], None),
    ("GET", &["If-Modified-Since: {time}"], None),
    (
        "GET",
        &["If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT"],
        None,
    ),
    ("GET", &["If-Modified-Since: yesterday"], None),
    ("GET", &["If-Unmodified-Since: {time}"], None),
    (
        "GET",
        &["If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT"],
        None,
    ),
    ("GET", &["If-None-Match: {tag}", "Range: bytes=0-9"], None),
    (
        "HEAD",
        &["Range: bytes=0-9"],
        Some("a range means something to a GET alone: 14.2"),
    ),
    (
        "GET",
        &["Range: bytes=9-0"],
        Some("what is invalid is ignored: 14.2"),
    ),
    (
        "GET",
        &["Range: bytes=0-9,5-19"],
        Some("it sends the same bytes twice: 15.3.7.2 allows to make one of them"),
    ),
    ("POST", &["Content-Length: 0"], None),
];

#[test]
fn nginx_answers_the_same_or_it_is_known_why_not() {
    if Command::new("nginx").arg("-v").output().is_err() {
        eprintln!("skipped: there is no nginx");
        return;
    }
    let temp = Temp::with(&[("in/a.txt", &"0123456789".repeat(100))]);
    let site = Site::of(highwater::http::files::Folder::open(temp.path("in")).unwrap());
    let root = temp.path("in");
    let nginx = Nginx::of(
        &temp.path("nginx"),
        &format!(
            "types {{ text/plain txt; }} root {}; if_modified_since before;",
            root.display()
        ),
    );
    let request = |method: &str, lines: &str| {
        format!("{method} /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n")
    };
    let tag_of = |mut stream: Box<dyn ReadWrite>| {
        stream.write_all(request("HEAD", "").as_bytes()).unwrap();
        take_head(&mut BufReader::new(stream)).unwrap().headers["etag"].clone()
    };
    let tags = [
        tag_of(Box::new(site.connect().into_inner())),
        tag_of(Box::new(UnixStream::connect(&nginx.socket).unwrap())),
    ];
    let time = "Sun, 09 Sep 2001 01:46:40 GMT";
    let mut wrong = Vec::new();
    for (method, lines, reason) in REQUESTS {
        let of = |tag: &str| {
            let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            request(method, &lines.replace("{tag}", tag).replace("{time}", time))
        };
        let ours = answer(site.connect().into_inner(), &of(&tags[0]));
        let theirs = ask(&nginx, &of(&tags[1]));
        if (ours == theirs) != reason.is_none() {
            wrong.push(format!("{method} {lines:?}: {ours:?}, nginx {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}
