//! Two processes: one of ours that is killed, and one in another language that knows the format
//! from the docs alone.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use highwater::net::{self, Socket};
use highwater::wire::{self, WireSink, WireSource};
use highwater::{Bytes, Error, ErrorKind, HighWaterMark, pipeline};

use crate::support::{pattern, watched};

const PORT: &str = "HIGHWATER_WIRE_PORT";
const JOB: &str = "HIGHWATER_WIRE_JOB";
const BYTES: usize = 1_000_000;

/// Starts this test in a process of its own, and accepts it.
fn child(job: &str) -> (Child, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "wire::processes::what_a_child_does",
            "--exact",
            "--nocapture",
        ])
        .env(JOB, job)
        .env(PORT, port)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (child, listener.accept().unwrap().0.into())
}

/// Does nothing, unless another test has started it.
#[test]
fn what_a_child_does() {
    let Ok(port) = env::var(PORT) else {
        return;
    };
    let socket = net::connect(format!("127.0.0.1:{port}")).open().unwrap();
    let mark = HighWaterMark::bytes(10_000);
    match &*env::var(JOB).unwrap() {
        "write" => {
            let mut writer = wire::send(socket, mark);
            writer.write(pattern(BYTES).into()).unwrap();
            drop(writer.finish().unwrap());
        }
        "write for ever" => {
            let mut writer = wire::send(socket, mark);
            while writer.write(Bytes::from_static(&[7; 1_000])).is_ok() {}
        }
        "fail" => {
            let mut writer = wire::send(socket, mark);
            writer.write(Bytes::from_static(b"half")).unwrap();
            writer.fail(
                Error::other("disk on fire")
                    .during("read from", "/dev/sda")
                    .at(4096),
            );
        }
        "read for ever" => {
            let reader = wire::receive(socket, mark);
            for chunk in reader {
                drop(chunk.unwrap());
            }
        }
        job => panic!("{job:?} is no job"),
    }
}

#[test]
fn another_process_writes_and_is_told_that_it_arrived() {
    watched(|| {
        let (mut child, socket) = child("write");
        let reader = wire::receive(socket, HighWaterMark::bytes(1_000));
        let got: Vec<Bytes> = reader.collect::<Result<_, _>>().unwrap();
        assert!(got.concat() == pattern(BYTES));
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn another_process_says_why_it_failed() {
    watched(|| {
        let (mut child, socket) = child("fail");
        let mut reader = wire::receive(socket, HighWaterMark::default());
        assert_eq!(reader.next().unwrap().unwrap(), "half");
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        let says = "failed to read from `/dev/sda` at byte 4096: disk on fire";
        assert_eq!(format!("{error:#}"), says);
        drop(reader);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_process_that_is_killed_is_no_end_to_its_reader_and_no_success_to_its_writer() {
    watched(|| {
        let (mut killed, socket) = child("write for ever");
        let mut reader = wire::receive(socket, HighWaterMark::bytes(10_000));
        for _ in 0..100 {
            reader.next().unwrap().unwrap();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        let error = reader.find_map(Result::err).expect("an error is no end");
        assert_eq!(error.kind(), ErrorKind::PrematureClose, "{error:#}");

        let (mut killed, socket) = child("read for ever");
        let mut writer = wire::send(socket, HighWaterMark::bytes(10_000));
        for _ in 0..100 {
            writer.write(Bytes::from_static(&[7; 1_000])).unwrap();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        while writer.write(Bytes::from_static(&[7; 1_000])).is_ok() {}
        let error = writer.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error:#}");
    });
}

/// Starts the peer that is written in Python, and connects to it. `None` if there is no Python.
fn python(job: &str) -> Option<(Child, Socket)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wire/peer.py");
    let mut child = Command::new("python3")
        .args([script, job])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| eprintln!("skipped: python3: {error}"))
        .ok()?;
    let mut port = String::new();
    let mut said = BufReader::new(child.stdout.as_mut().unwrap());
    said.read_line(&mut port).unwrap();
    let socket = net::connect(format!("127.0.0.1:{}", port.trim())).open();
    Some((child, socket.unwrap()))
}

/// What it says when it has ended well.
fn last_words(mut child: Child) -> String {
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said.trim().to_owned()
}

#[test]
fn a_peer_that_was_written_from_the_docs_is_understood() {
    watched(|| {
        let Some((child, socket)) = python("write") else {
            return;
        };
        let source = WireSource::new(socket, HighWaterMark::bytes(5_000));
        let (_, got) = pipeline(source).to(Vec::new()).run_into().unwrap();
        let counted: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        assert!(got.into_inner() == counted);
        assert_eq!(last_words(child), "done");

        let (child, socket) = python("fail").unwrap();
        let mut reader = wire::receive(socket, HighWaterMark::default());
        assert_eq!(reader.next().unwrap().unwrap(), "half");
        let error = reader.next().unwrap().unwrap_err();
        let kind = ErrorKind::Io(std::io::ErrorKind::StorageFull);
        assert_eq!((error.kind(), error.offset()), (kind, Some(4096)));
        let says = "failed to write to `tape` at byte 4096: no room: really none";
        assert_eq!(format!("{error:#}"), says);
        drop(reader);
        assert_eq!(last_words(child), "closed by the reader");
    });
}

#[test]
fn a_peer_that_was_written_from_the_docs_understands() {
    watched(|| {
        let Some((child, socket)) = python("read") else {
            return;
        };
        pipeline(pattern(BYTES))
            .to(WireSink::new(socket))
            .run()
            .unwrap();
        let sum: u64 = pattern(BYTES).iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(last_words(child), format!("{BYTES} bytes, sum {sum}, end"));

        let (child, socket) = python("read").unwrap();
        let mut writer = wire::send(socket, HighWaterMark::default());
        writer.write(Bytes::from_static(b"ha")).unwrap();
        writer.fail(
            Error::other("disk on fire")
                .during("read from", "/dev/sda")
                .at(4096),
        );
        drop(writer);
        let says = "2 bytes, sum 201, fail: 11 0 4096 byte read from /dev/sda ['disk on fire']";
        assert_eq!(last_words(child), says);

        let (child, socket) = python("leave").unwrap();
        let failure = pipeline(pattern(BYTES)).to(WireSink::new(socket)).run();
        let error = failure.unwrap_err().error;
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Closed, None));
        assert_eq!(error.to_string(), "tired");
        last_words(child);
    });
}
