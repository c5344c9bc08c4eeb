//! The example `tee`, as a user runs it: one source, and files, sockets and a hash at the same time.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::support::{Folder, example};

fn tee<const N: usize>(args: [&str; N]) -> Command {
    let mut command = example("tee");
    command.args(args).stdin(Stdio::null());
    command
}

#[track_caller]
fn run(command: &mut Command, status: i32) -> Output {
    let output = command.output().expect("`cargo test` builds it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    output
}

fn data(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|n| (n ^ (n >> 7) ^ (n >> 15)) as u8)
        .collect()
}

#[test]
fn everything_arrives_everywhere_and_the_hash_is_that_of_sha256sum() {
    let folder = Folder::new();
    let (source, one, two) = (folder.arg("source"), folder.arg("one"), folder.arg("two"));
    for bytes in [0, 1, 3_000_000] {
        fs::write(&source, data(bytes)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = format!("tcp://{}", listener.local_addr().unwrap());
        let received = thread::spawn(move || {
            let mut received = Vec::new();
            listener
                .accept()
                .unwrap()
                .0
                .read_to_end(&mut received)
                .unwrap();
            received
        });
        let output = run(&mut tee(["--report", &source, &one, &peer, &two]), 0);
        assert!(received.join().unwrap() == data(bytes));
        assert!(fs::read(&one).unwrap() == data(bytes));
        assert!(fs::read(&two).unwrap() == data(bytes));
        let sum = Command::new("sha256sum").arg(&source).output().unwrap();
        assert_eq!(output.stdout, sum.stdout);
        // The memory bound: no buffer has held more than its mark and a chunk.
        let report = String::from_utf8(output.stderr).unwrap();
        assert_eq!(report.matches("mark 256 KiB, peak ").count(), 3, "{report}");
        let peaks = report.lines().filter_map(|line| line.split_once(", peak "));
        let mut peaks = peaks.map(|(_, peak)| peak);
        assert!(peaks.all(|peak| !peak.contains("MiB")), "{report}");
    }
}

#[test]
fn standard_input_is_a_source_and_files_are_appended_to() {
    let folder = Folder::new();
    let one = folder.arg("one");
    for _ in 0..2 {
        let mut child = tee(["--append", "-", &one])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"again ").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(output.stdout.ends_with(b"  -\n"));
    }
    assert_eq!(fs::read(&one).unwrap(), b"again again ");
}

#[test]
fn the_destination_that_fails_is_named_and_the_source_is_not_read_on() {
    let folder = Folder::new();
    let one = folder.arg("one");
    for places in [["/dev/full", &one], [&one, "/dev/full"]] {
        let output = run(&mut tee(["/dev/zero", places[0], places[1]]), 1);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("failed to write to `/dev/full` at byte 0: No space left"),
            "{said}"
        );
        assert!(output.stdout.is_empty(), "a hash of what did not arrive");
        assert!(fs::metadata(&one).unwrap().len() < 10 << 20);
    }
}

#[test]
fn a_wrong_call_touches_nothing() {
    let folder = Folder::new();
    let one = folder.arg("one");
    for (args, status) in [
        (vec!["--help"], 0),
        (vec![], 2),
        (vec!["one-place"], 2),
        (vec!["--no-such-option", "a", "b"], 2),
        (vec!["no-such-file", &one], 1),
        (vec!["/dev/null", "tcp://127.0.0.1:1"], 1),
    ] {
        let mut command = tee([]);
        let output = run(command.args(&args), status);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.starts_with("tee: "), status != 0, "{args:?}: {said}");
    }
    assert!(!Path::new(&one).exists());
}

#[test]
fn ctrl_c_ends_it_while_its_source_is_silent() {
    let folder = Folder::new();
    let one = folder.arg("one");
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let mut child = tee(["-", &one])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Kept, for an end would be a good one.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"heard").unwrap();
        while fs::read(&one).unwrap_or_default() != b"heard" {
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            thread::yield_now();
        }
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(status));
        drop(stdin);
        fs::remove_file(&one).unwrap();
    }
}
