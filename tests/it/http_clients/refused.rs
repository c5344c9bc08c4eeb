//! Clients that send on, after they were answered: each of them gets its answer.
//!
//! `HIGHWATER_ROUNDS=40` has each client ask forty times for each of the five answers.

use std::env;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use highwater::http::{Request, Response, Server, StatusCode};
use highwater::net::RunningServer;
use highwater::{Error, HighWaterMark};

use crate::http_clients::crowd::ANSWER_LIMIT;
use crate::http_clients::site::{has, run};
use crate::support::{Folder, Nginx};

/// More than waits anywhere on the way.
const BODY_BYTES: usize = 8 << 20;

/// Each way to answer without having read the body, and with what status.
const WAYS: [(&str, u16); 5] = [
    ("/held", 403),
    ("/given-back", 405),
    ("/limited", 413),
    ("/early", 200),
    ("/written", 200),
];

/// How often each client asks for each of the answers.
fn rounds() -> usize {
    let asked = env::var("HIGHWATER_ROUNDS").ok();
    asked.map_or(2, |rounds| rounds.parse().expect("a number"))
}

fn answer(mut request: Request, response: Response) -> Result<(), Error> {
    match request.path() {
        "/held" => response.status(StatusCode::FORBIDDEN).send("no\n"),
        "/given-back" => {
            drop(request);
            response.status(StatusCode::METHOD_NOT_ALLOWED).send("no\n")
        }
        "/limited" => {
            let body = request.body().to_bytes(1000)?;
            response.send(body)
        }
        "/written" => {
            let mut out = response.writable(HighWaterMark::bytes(1024));
            let _ = out.write("early\n".into())?;
            out.finish().map(drop)
        }
        _ => response.send("early\n"),
    }
}

fn serve() -> (RunningServer, SocketAddr) {
    let server = Server::bind("127.0.0.1:0").unwrap().spawn(answer).unwrap();
    let addr = server.local_addr().unwrap();
    (server, addr)
}

/// What each client is to say that it got.
fn expected() -> Vec<String> {
    let each = WAYS.map(|(path, status)| format!("{path} {status}"));
    let all = std::iter::repeat_n(each, rounds());
    all.flatten().collect()
}

/// Compares what a client got with what it was to get, and tells how many were lost.
#[track_caller]
fn got_all(client: &str, server: RunningServer, got: &[String]) {
    let expected = expected();
    let pairs = expected.iter().zip(got);
    let lost: Vec<_> = pairs.filter(|(expected, got)| expected != got).collect();
    eprintln!("{client}: {} of {} answers lost", lost.len(), got.len());
    assert_eq!(got.len(), expected.len(), "{got:?}");
    assert!(lost.is_empty(), "{lost:?}");
    let counts = server.stop().unwrap();
    assert_eq!((counts.failed, counts.aborted), (0, 0), "{counts:?}");
}

/// Says everything, and then reads to the end.
fn say_all(mut stream: impl Read + Write, path: &str, length: usize, body: &[u8]) -> String {
    let mut ask = || -> io::Result<String> {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        status_of(&mut stream)
    };
    let said = ask().unwrap_or_else(|error| format!("{error:?}"));
    format!("{path} {said}")
}

fn status_of(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    stream.set_write_timeout(Some(ANSWER_LIMIT)).unwrap();
    stream
}

#[test]
fn a_client_that_sends_all_before_it_reads_gets_its_answer() {
    let (server, addr) = serve();
    let body = vec![b'x'; BODY_BYTES];
    let got: Vec<String> = (0..rounds())
        .flat_map(|_| WAYS)
        .map(|(path, _)| say_all(connect(addr), path, body.len(), &body))
        .collect();
    got_all("a raw socket", server, &got);
}

#[test]
fn a_client_that_sends_slowly_gets_its_answer() {
    // 20 kB/s, for longer than nothing may come.
    const PIECE: usize = 2_000;
    const PIECES: usize = 60;
    let (server, addr) = serve();
    let slowly = |path: &'static str| {
        let mut stream = connect(addr);
        let mut ask = || -> io::Result<String> {
            let length = PIECE * PIECES;
            let head =
                format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            for _ in 0..PIECES {
                stream.write_all(&[b'x'; PIECE])?;
                thread::park_timeout(Duration::from_millis(100));
            }
            status_of(&mut stream)
        };
        let said = ask().unwrap_or_else(|error| format!("{error:?}"));
        format!("{path} {said}")
    };
    let got: Vec<String> = thread::scope(|scope| {
        let asked = (0..rounds()).flat_map(|_| WAYS);
        let asked = asked.map(|(path, _)| scope.spawn(move || slowly(path)));
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    got_all("a client at 20 kB/s", server, &got);
}

fn lines(output: Vec<u8>) -> Vec<String> {
    let said = String::from_utf8(output).unwrap();
    said.lines().map(str::to_owned).collect()
}

#[test]
fn pythons_client_gets_its_answer() {
    if !has("python3", &["--version"]) {
        return;
    }
    let (server, addr) = serve();
    let mut python = Command::new("python3");
    python.args(["-c", include_str!("refused.py")]);
    let got = run(asks(&mut python, addr), b"");
    got_all("http.client", server, &lines(got.stdout));
}

#[test]
fn nodes_client_gets_its_answer() {
    if !has("node", &["--version"]) {
        return;
    }
    let (server, addr) = serve();
    let mut node = Command::new("node");
    node.args(["-e", include_str!("refused.js"), "--"]);
    let got = run(asks(&mut node, addr), b"");
    got_all("node", server, &lines(got.stdout));
}

fn asks(command: &mut Command, addr: SocketAddr) -> &mut Command {
    command.args([
        addr.to_string(),
        rounds().to_string(),
        BODY_BYTES.to_string(),
    ]);
    command.args(WAYS.map(|(path, _)| path))
}

#[test]
fn curl_gets_its_answer() {
    if !has("curl", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let file = folder.path("body");
    std::fs::write(&file, vec![b'x'; BODY_BYTES]).unwrap();
    // It waits for a word, or does not, or sends at the speed of a line.
    for how in [
        &[][..],
        &["-H", "Expect:"],
        &["-H", "Expect:", "--limit-rate", "20M"],
    ] {
        let (server, addr) = serve();
        let mut got = Vec::new();
        for (path, _) in (0..rounds()).flat_map(|_| WAYS) {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--max-time", "60", "-o", "/dev/null"]);
            curl.args(["-w", "%{http_code} %{errormsg}", "-T"]);
            curl.arg(&file)
                .args(how)
                .arg(format!("http://{addr}{path}"));
            let output = curl.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            got.push(format!("{path} {}", said.trim_end()));
        }
        got_all(&format!("curl {how:?}"), server, &got);
    }
}

#[test]
fn nginx_in_front_hands_the_answer_on() {
    if !has("nginx", &["-v"]) {
        return;
    }
    let (server, addr) = serve();
    let folder = Folder::new();
    let proxy = format!(
        "client_max_body_size 0; location / {{ proxy_pass http://{addr}; proxy_http_version 1.1; \
         proxy_request_buffering off; }}"
    );
    let nginx = Nginx::of(&folder.path("nginx"), &proxy);
    let body = vec![b'x'; BODY_BYTES];
    let ask = |(path, _): (&str, u16)| {
        let stream = UnixStream::connect(&nginx.socket).unwrap();
        stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        stream.set_write_timeout(Some(ANSWER_LIMIT)).unwrap();
        say_all(stream, path, body.len(), &body)
    };
    let got: Vec<String> = (0..rounds()).flat_map(|_| WAYS).map(ask).collect();
    got_all("nginx in front", server, &got);
}
