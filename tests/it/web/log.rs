//! A line for each request.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::ask::{ask, connect};
use super::{start, until};
use crate::support::{Folder, example};

#[test]
fn each_request_has_a_line_in_the_common_log_format() {
    let folder = Folder::new();
    fs::write(folder.path("a.txt"), "hello\n").unwrap();
    let shown = folder.path("").display().to_string();
    let mut serve = start("serve", &[&shown]);
    let addr = serve.place.trim_end_matches('/').to_owned();
    for (request, line) in [
        ("GET /a.txt", "\"GET /a.txt HTTP/1.1\" 200 6"),
        ("GET /a.txt?q=1", "\"GET /a.txt?q=1 HTTP/1.1\" 200 6"),
        ("HEAD /a.txt", "\"HEAD /a.txt HTTP/1.1\" 200 -"),
        ("GET /n%22one", "\"GET /n%22one HTTP/1.1\" 404 14"),
        ("OPTIONS *", "\"OPTIONS * HTTP/1.1\" 204 -"),
        ("BREW /", "\"BREW / HTTP/1.1\" 501 20"),
    ] {
        ask(&addr, request, "", b"");
        let rest = serve.says("127.0.0.1 - - [");
        let (time, rest) = rest.split_once("] ").unwrap();
        assert_eq!(rest, line);
        assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    }
    assert_eq!(serve.stop("HUP").0, Some(129));

    let mut silent = start("serve", &["--no-log", &shown]);
    let addr = silent.place.trim_end_matches('/').to_owned();
    assert_eq!(ask(&addr, "GET /a.txt", "", b"").text(), "hello\n");
    let (code, said) = silent.stop("TERM");
    assert_eq!(code, Some(143));
    assert!(!said.contains("GET"), "{said}");
}

#[test]
fn a_server_goes_on_and_ends_though_nobody_reads_what_it_tells() {
    const REQUESTS: usize = 2_000;

    let folder = Folder::new();
    fs::write(folder.path("a.txt"), "hello\n").unwrap();
    let mut command = example("serve");
    command.args(["--listen", "0"]).arg(folder.path(""));
    let mut serve = Gone(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(serve.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let (_, place) = line.trim_end().split_once("at http://").unwrap();
    assert!(place.starts_with("127.0.0.1:"), "a port alone: {place}");

    // More lines than a pipe holds.
    let mut client = connect(place.trim_end_matches('/'));
    let mut answers = BufReader::new(client.try_clone().unwrap());
    for _ in 0..REQUESTS {
        let request = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(request).unwrap();
        let mut line = String::new();
        while line != "hello\n" {
            line.clear();
            assert_ne!(answers.read_line(&mut line).unwrap(), 0);
        }
    }
    let kill = format!("kill -TERM {}", serve.0.id());
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.unwrap().success());
    until(|| serve.0.try_wait().unwrap().is_some());
    assert_eq!(serve.0.wait().unwrap().code(), Some(143));
    let mut told = String::new();
    said.read_to_string(&mut told).unwrap();
    let lines = told.lines().count();
    assert!((100..REQUESTS).contains(&lines), "{lines} lines");
}

/// A child that is gone with a test that fails.
struct Gone(Child);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
