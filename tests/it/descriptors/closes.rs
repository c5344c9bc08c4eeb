//! What the system says to a close is part of success.
//!
//! strace has a close fail, as that of a network file system or of one with a quota does. Where it is
//! not there, or may not trace, that is said on standard error, and the test passes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use highwater::fs::FileSink;
use highwater::pipeline;

use crate::descriptors::kinds::{Kind, Way};
use crate::support::{Folder, SLICE_BYTES, bounded, example, pattern, watched};

/// Several slices, and odd.
const BYTES: usize = 2 * SLICE_BYTES + 77;

/// What a tool has come to whose closes of `path` fail so.
struct Closed {
    status: Option<i32>,
    said: String,
    /// How often it was closed.
    closes: usize,
}

/// Runs a tool with every close of `path` failing. None if strace cannot.
fn closing(path: &Path, error: &str, tool: &Command, stdout: Stdio) -> Option<Closed> {
    let folder = Folder::new();
    let log = folder.path("log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=close", "-o"]);
    strace.arg(&log).arg("-P").arg(path);
    strace.args(["-e", &format!("inject=close:error={error}")]);
    strace.arg(tool.get_program()).args(tool.get_args());
    strace.stdin(Stdio::null()).stdout(stdout);
    let child = strace.stderr(Stdio::piped()).spawn();
    let output = watched(move || child.and_then(std::process::Child::wait_with_output));
    let said = output.as_ref().map_or_else(ToString::to_string, |output| {
        String::from_utf8_lossy(&output.stderr).into_owned()
    });
    if output.is_err() || said.contains("strace: ") {
        writeln!(io::stderr().lock(), "skipped: no strace that works: {said}").unwrap();
        return None;
    }
    let calls = fs::read_to_string(log).unwrap();
    let closes = calls.lines().filter(|line| line.contains(" close("));
    Some(Closed {
        status: output.unwrap().status.code(),
        said,
        closes: closes.count(),
    })
}

fn tool(name: &str, args: &[&str], paths: [&Path; 2]) -> Command {
    let mut tool = example(name);
    tool.args(args);
    tool.args(paths.iter().filter(|path| !path.as_os_str().is_empty()));
    tool
}

#[test]
fn a_close_that_fails_is_the_failure_of_the_sink_and_is_made_once() {
    for (name, args) in [
        ("copy", &[][..]), // the kernel copies
        ("copy", &["--buffered"]),
        ("copy", &["--append"]),
        ("copy", &["--sync"]),
        ("copy", &["--limit", "1G"]),
    ] {
        for (error, reason) in [
            ("EDQUOT", "Disk quota exceeded"),
            ("EIO", "Input/output error"),
            ("EINTR", "Interrupted system call"),
        ] {
            let folder = Folder::new();
            let (from, to) = (folder.file("from", &pattern(BYTES)), folder.path("to"));
            let command = tool(name, args, [&from, &to]);
            let Some(closed) = closing(&to, error, &command, Stdio::null()) else {
                return;
            };
            let case = format!("{name} {args:?}: {}", closed.said);
            assert_eq!(closed.status, Some(1), "{case}");
            let words = format!("failed to close `{}` at byte {BYTES}", to.display());
            assert!(closed.said.contains(&words), "{case}");
            assert!(closed.said.contains(reason), "{case}");
            assert_eq!(closed.closes, 1, "{case}");
            assert!(fs::read(&to).unwrap() == pattern(BYTES), "{case}");
        }
    }
}

#[test]
fn a_standard_output_that_cannot_be_closed_is_a_failure_too() {
    let folder = Folder::new();
    let text = "a line\n".repeat(10_000);
    let from = folder.file("from", text.as_bytes());
    let packed = folder.path("packed");
    let packing = tool("gzip", &["-c"], [&from, Path::new("")])
        .stdout(File::create(&packed).unwrap())
        .status();
    assert!(packing.unwrap().success());
    let none = Path::new("");
    for command in [
        tool("copy", &[], [&from, Path::new("-")]),
        tool("lines", &[], [&from, none]),
        tool("gzip", &["-dc"], [&packed, none]),
    ] {
        let to = folder.path("to");
        let stdout = Stdio::from(File::create(&to).unwrap());
        let Some(closed) = closing(&to, "EDQUOT", &command, stdout) else {
            return;
        };
        // As `grep` has it, 1 of `lines` is that nothing was found.
        assert!(
            matches!(closed.status, Some(1 | 2)),
            "{command:?}: {}",
            closed.said
        );
        let words = "failed to close `stdout`";
        assert!(closed.said.contains(words), "{command:?}: {}", closed.said);
        assert!(fs::read(&to).unwrap() == text.as_bytes(), "{command:?}");
    }
}

#[test]
fn a_file_whose_close_has_failed_takes_no_others_place() {
    let folder = Folder::new();
    let from = folder.file("from", &pattern(BYTES));
    let to = folder.path("from.gz");
    let command = tool("gzip", &[], [&from, Path::new("")]);
    let Some(closed) = closing(&to, "EDQUOT", &command, Stdio::null()) else {
        return;
    };
    assert_eq!(closed.status, Some(1), "{}", closed.said);
    assert!(closed.said.contains("failed to close `"), "{}", closed.said);
    assert!(!to.exists());
    assert!(fs::read(&from).unwrap() == pattern(BYTES));
}

#[test]
fn a_fifo_that_cannot_be_closed_is_a_failure_too() {
    let folder = Folder::new();
    let (from, fifo) = (folder.file("from", &pattern(BYTES)), folder.fifo("fifo"));
    let read = fifo.clone();
    let reader = thread::spawn(move || fs::read(read).unwrap());
    let command = tool("copy", &[], [&from, &fifo]);
    let Some(closed) = closing(&fifo, "EIO", &command, Stdio::null()) else {
        // The reader waits for a writer.
        drop(File::options().write(true).open(&fifo));
        return;
    };
    assert_eq!(closed.status, Some(1), "{}", closed.said);
    assert!(closed.said.contains("failed to close `"), "{}", closed.said);
    assert!(watched(move || reader.join().unwrap()) == pattern(BYTES));
}

#[test]
fn a_finished_sink_is_closed_even_while_it_is_still_held() {
    for kind in [Kind::Pipe, Kind::Fifo, Kind::Unix, Kind::Tcp] {
        for blocks in [true, false] {
            let (ours, mut peer) = kind.pair(Way::Out, blocks);
            let run = pipeline(pattern(1000)).to(FileSink::from(File::from(ours)));
            let (report, sink) = watched(move || run.run_into().unwrap());
            assert_eq!(report.bytes(), 1000);
            bounded(&report);
            let got = watched(move || {
                let mut got = Vec::new();
                peer.read_to_end(&mut got).map(|_| got).unwrap()
            });
            assert!(got == pattern(1000), "{kind:?}");
            drop(sink);
        }
    }
}
