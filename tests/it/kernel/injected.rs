//! The calls that are really made, and calls that fail in the middle, by way of strace.
//!
//! It is the example `copy` that is traced. What needs a tool that is not there says so on
//! standard error, and passes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::support::{Folder, SLICE_BYTES, example, pattern, skip, watched};

/// Several slices, and odd.
const BYTES: usize = 6 * SLICE_BYTES + 77;

/// What a traced copy has done.
struct Traced {
    output: Output,
    calls: String,
    got: Vec<u8>,
}

impl Traced {
    /// It has brought everything, by this way.
    #[track_caller]
    fn brought(&self, bytes: &[u8], path: &str) {
        let said = String::from_utf8_lossy(&self.output.stderr);
        assert!(self.output.status.success(), "{said}");
        assert!(self.got == bytes, "{} of {}", self.got.len(), bytes.len());
        assert!(said.contains(path), "no `{path}` in:\n{said}");
    }

    fn count(&self, call: &str) -> usize {
        let begins = |line: &&str| line.contains(&format!(" {call}("));
        self.calls.lines().filter(begins).count()
    }
}

/// An end of the copy that is traced: a file, or a socket with this test behind it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    File,
    Socket,
}

/// Copies under strace. None if that is not there, or may not trace.
fn trace(from: Place, to: Place, rules: &[&str], options: &[&str]) -> Option<Traced> {
    let folder = Folder::new();
    let bytes = pattern(BYTES);
    let (log, file, copied) = (
        folder.path("log"),
        folder.file("from", &bytes),
        folder.path("to"),
    );
    let (feeder, eater) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let address = |listener: &TcpListener| format!("tcp://{}", listener.local_addr().unwrap());
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log);
    for rule in rules {
        strace.args(["-e", rule]);
    }
    strace
        .arg(example("copy").get_program())
        .arg("--report")
        .args(options);
    match from {
        Place::File => strace.arg(&file),
        Place::Socket => strace.arg(address(&feeder)),
    };
    match to {
        Place::File => strace.arg(&copied),
        Place::Socket => strace.arg(address(&eater)),
    };
    strace.stdin(Stdio::null());
    let child = strace.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let Ok(child) = child else {
        skip("there is no `strace`");
        return None;
    };
    let fed = (from == Place::Socket).then(|| {
        let bytes = bytes.clone();
        thread::spawn(move || feeder.accept().unwrap().0.write_all(&bytes).unwrap())
    });
    let eaten = (to == Place::Socket).then(|| {
        thread::spawn(move || {
            let mut got = Vec::new();
            eater.accept().unwrap().0.read_to_end(&mut got).unwrap();
            got
        })
    });
    let output = watched(move || child.wait_with_output().unwrap());
    if String::from_utf8_lossy(&output.stderr).contains("strace: ") {
        skip("strace may not trace");
        return None;
    }
    if let Some(fed) = fed {
        fed.join().unwrap();
    }
    let got = match eaten {
        Some(eaten) => eaten.join().unwrap(),
        None => fs::read(copied).unwrap_or_default(),
    };
    let calls = fs::read_to_string(log).unwrap_or_default();
    Some(Traced { output, calls, got })
}

/// The calls that bring bytes through this process.
const BUFFERED: [&str; 4] = ["recvfrom", "sendmsg", "writev", "sendto"];

#[test]
fn the_kernel_copies_and_nothing_is_read_or_sent_beside_it() {
    for (from, to, options, call) in [
        (Place::File, Place::File, &[][..], "copy_file_range"),
        (Place::File, Place::Socket, &["--stable"][..], "sendfile"),
        (Place::Socket, Place::File, &[][..], "splice"),
        (Place::Socket, Place::Socket, &[][..], "splice"),
    ] {
        let all = format!("trace={call},clone3,{}", BUFFERED.join(","));
        let Some(traced) = trace(from, to, &[&all], options) else {
            return;
        };
        traced.brought(&pattern(BYTES), &format!("path: {call}\n"));
        assert!(traced.count(call) > BYTES / SLICE_BYTES, "{}", traced.calls);
        // The end of the peer is waited for in `recvfrom`, and a signal is as well.
        let moved = traced.calls.lines().filter(|line| {
            let size = line.rsplit("= ").next().unwrap_or_default();
            let large = size.trim().parse().is_ok_and(|size: usize| size > 1);
            large
                && BUFFERED
                    .iter()
                    .any(|call| line.contains(&format!(" {call}(")))
        });
        assert_eq!(moved.count(), 0, "{}", traced.calls);
        // That for signals, and none for the source.
        assert_eq!(traced.count("clone3"), 1, "{}", traced.calls);
    }
}

#[test]
fn a_refusal_in_the_middle_goes_on_through_buffers_to_the_byte() {
    for (from, to, options, call, error) in [
        (
            Place::File,
            Place::Socket,
            &["--stable"][..],
            "sendfile",
            "EINVAL",
        ),
        (
            Place::File,
            Place::File,
            &[][..],
            "copy_file_range",
            "EXDEV",
        ),
        (Place::File, Place::File, &[][..], "copy_file_range", "EIO"),
        (Place::Socket, Place::File, &[][..], "splice", "EINVAL"),
        (
            Place::Socket,
            Place::Socket,
            &[][..],
            "splice",
            "EOPNOTSUPP",
        ),
    ] {
        // Of two calls a slice of splice it is once the one into the pipe, and once the one out;
        // and not before something has gone through, though the first calls find nothing.
        for when in [6, 7] {
            let rule = format!("inject={call}:error={error}:when={when}");
            let Some(traced) = trace(from, to, &[&rule], options) else {
                return;
            };
            traced.brought(&pattern(BYTES), &format!("path: {call} up to byte "));
            traced.brought(&pattern(BYTES), ", then buffered: the kernel refused: ");
        }
    }
}

#[test]
fn a_refusal_at_once_and_for_ever_is_a_copy_through_buffers() {
    for (from, to, options, call) in [
        (Place::File, Place::Socket, &["--stable"][..], "sendfile"),
        (Place::File, Place::File, &[][..], "copy_file_range"),
        (Place::Socket, Place::Socket, &[][..], "splice"),
    ] {
        let rule = format!("inject={call}:error=ENOSYS");
        let Some(traced) = trace(from, to, &[&rule], options) else {
            return;
        };
        traced.brought(&pattern(BYTES), "path: buffered: the kernel refused: ");
        assert_eq!(traced.count(call), 1, "{}", traced.calls);
    }
}

#[test]
fn calls_that_a_signal_has_interrupted_or_that_would_block_are_made_again() {
    for error in ["EINTR", "EAGAIN"] {
        for (from, to, options, call) in [
            (Place::File, Place::Socket, &["--stable"][..], "sendfile"),
            (Place::Socket, Place::Socket, &[][..], "splice"),
        ] {
            let rule = format!("inject={call}:error={error}:when=2+3");
            let Some(traced) = trace(from, to, &[&rule], options) else {
                return;
            };
            traced.brought(&pattern(BYTES), &format!("path: {call}\n"));
        }
    }
}

#[test]
fn no_descriptor_for_a_pipe_is_a_copy_through_buffers() {
    let rule = "inject=pipe2:error=EMFILE:when=1";
    // The signals of the example have a pipe too, and it is made first.
    let second = rule.replace("when=1", "when=2");
    for rule in [rule, &second] {
        let Some(traced) = trace(Place::Socket, Place::File, &[rule], &[]) else {
            return;
        };
        let said = String::from_utf8_lossy(&traced.output.stderr).into_owned();
        if said.contains("path: buffered: the kernel refused: Too many open files") {
            assert!(traced.got == pattern(BYTES));
            return;
        }
    }
    panic!("the pipe of the copy was never refused");
}
