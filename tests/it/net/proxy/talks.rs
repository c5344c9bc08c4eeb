//! Many small messages through the proxy: right, and passed on as they come.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use crate::support::{Folder, have, until};

use super::tool::{start, start_under};

/// What each answer has in it: more than a segment, and less than a buffer.
const BODY_BYTES: usize = 5000;

/// Counts what is right in a table of one thread, for wrk has them apart.
const SCRIPT: &str = r#"
local all = {}
function setup(thread) table.insert(all, thread) end
function init() right, wrong, body = 0, 0, string.rep("highwater ", 500) end
function response(status, headers, got)
  if status == 200 and got == body then right = right + 1 else wrong = wrong + 1 end
end
function done(summary)
  local failed = summary.errors
  local failures = failed.connect + failed.read + failed.write + failed.status + failed.timeout
  local right, wrong = all[1]:get("right"), all[1]:get("wrong")
  print("right " .. right .. " wrong " .. wrong .. " failed " .. failures)
end
"#;

/// Answers every request of a connection.
fn answer(mut client: TcpStream) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
    let answer = head + &"highwater ".repeat(BODY_BYTES / 10);
    let mut lines = BufReader::new(client.try_clone()?).lines();
    while let Some(line) = lines.next().transpose()? {
        if line.is_empty() {
            client.write_all(answer.as_bytes())?;
        }
    }
    Ok(())
}

#[test]
fn wrk_gets_the_right_answer_to_every_request() {
    if !have(&["wrk"]) {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in server.incoming().flatten() {
            thread::spawn(move || answer(client));
        }
    });
    let folder = Folder::new();
    let script = folder.path("script.lua").display().to_string();
    fs::write(&script, SCRIPT).unwrap();
    let mut proxy = start(&["127.0.0.1:0", &target]);
    let url = format!("http://{}/", proxy.place);
    let args = [
        "-t1",
        "-c32",
        "-d1",
        "--timeout",
        "20s",
        "-s",
        &script,
        &url,
    ];
    let wrk = Command::new("wrk").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&wrk.stdout);
    let (_, counts) = said.split_once("right ").expect(&said);
    let counts: Vec<&str> = counts.split_whitespace().collect();
    let right: u32 = counts[0].parse().unwrap();
    assert!(right > 0, "{said}");
    assert_eq!(counts[1..5], ["wrong", "0", "failed", "0"], "{said}");
    // Two marks for each connection, a stack, and the program itself.
    let peak = proxy.peak_bytes();
    assert!(peak < 48 << 20, "{peak}");
    proxy.stop("INT");
}

/// As somebody types who sees what he has typed.
#[test]
fn what_is_typed_is_passed_on_at_once_and_in_one_piece() {
    if !have(&["strace"]) {
        return;
    }
    let folder = Folder::new();
    let log = folder.path("log").display().to_string();
    let strace = ["strace", "-D", "-f", "-e", "trace=network", "-o", &log];
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().to_string();
    let mut proxy = start_under(&strace, &["127.0.0.1:0", &target]);
    let client = TcpStream::connect(&proxy.place).unwrap();
    let server = server.accept().unwrap().0;
    let messages = 60;
    for len in 1..=messages {
        let (typed, seen) = (vec![b'k'; len], vec![b's'; messages + 1 - len]);
        for (mut from, mut to, message) in [(&client, &server, typed), (&server, &client, seen)] {
            from.write_all(&message).unwrap();
            let mut got = vec![0; message.len()];
            to.read_exact(&mut got).unwrap();
            assert_eq!(got, message);
        }
    }
    for end in [client, server] {
        end.shutdown(Shutdown::Write).unwrap();
    }
    proxy.stop("INT");
    let read = || fs::read_to_string(&log).unwrap_or_default();
    until("strace has written", || read().contains("exited with"));

    let log = whole(&read());
    let nodelay = |line: &&str| line.contains("TCP_NODELAY, [1]");
    assert!(log.lines().filter(nodelay).count() >= 2, "{log}");
    // What is received is sent by the next call of the relay, in one piece.
    let moves = |line: &str| line.contains("recvfrom(") || line.contains("sendmsg(");
    let moved = |line: &&str| moves(line) && line.contains("MSG_DONTWAIT");
    let moved: Vec<&str> = log.lines().filter(moved).collect();
    let count = |line: &str| line.rsplit_once(" = ").and_then(|(_, n)| n.parse().ok());
    let (mut passed, mut sends) = (0, 0);
    for pair in moved.windows(2) {
        sends += usize::from(pair[1].contains("sendmsg("));
        let got: Option<usize> = count(pair[0]).filter(|got| *got > 0);
        if let Some(got) = got.filter(|_| pair[0].contains("recvfrom(")) {
            assert!(pair[1].contains("sendmsg("), "{pair:?}");
            assert_eq!(count(pair[1]), Some(got), "{pair:?}");
            passed += 1;
        }
    }
    assert_eq!((passed, sends), (2 * messages, 2 * messages), "{log}");
}

/// The log of strace with the two halves of a call in one line: it cuts a call that another thread's
/// comes in between.
fn whole(log: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in log.lines() {
        let thread = line.split(' ').next().unwrap_or(line);
        let Some((_, rest)) = line.split_once(" resumed>") else {
            lines.push(line.to_owned());
            continue;
        };
        let begun = lines.iter_mut().rfind(|begun| {
            begun.starts_with(&format!("{thread} ")) && begun.ends_with("<unfinished ...>")
        });
        if let Some(begun) = begun {
            *begun = begun.replace(" <unfinished ...>", rest);
        }
    }
    lines.join("\n")
}
