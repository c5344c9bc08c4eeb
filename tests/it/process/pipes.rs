//! Pipes that a command has asked for, and that no half of the child takes.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use highwater::pipeline;
use highwater::process::{self, Spawn};

use crate::process::kin::{failed, reaped, sh};
use crate::support::{bounded, pattern, watched};

const BROKEN_PIPE: i32 = 13;

#[test]
fn an_input_pipe_that_is_not_taken_ends_at_once() {
    let mut cat = sh("cat; echo end");
    cat.stdin(Stdio::piped()).stdout(Stdio::null());
    let source = process::source(cat).unwrap();
    let id = source.id();
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    assert_eq!(got.into_inner(), b"end\n");
    bounded(&report);
    reaped(id);
}

#[test]
fn an_output_pipe_that_is_not_taken_is_a_broken_pipe() {
    // More than a pipe holds, so that it would wait.
    let mut cat = sh("exec cat");
    cat.stdout(Stdio::piped());
    let sink = process::sink(cat).unwrap();
    let id = sink.id();
    let failure = watched(|| pipeline(pattern(1 << 20)).to(sink).run().unwrap_err());
    assert_eq!(failed(&failure.error).status.signal(), Some(BROKEN_PIPE));
    bounded(&failure.report);
    reaped(id);

    // One that writes nothing notices nothing.
    let mut wc = sh("test $(wc -c) = 1000");
    wc.stdout(Stdio::piped());
    let sink = process::sink(wc).unwrap();
    let report = watched(|| pipeline(pattern(1000)).to(sink).run().unwrap());
    assert_eq!(report.bytes(), 1000);
    bounded(&report);
}

#[test]
fn a_standard_error_pipe_that_is_not_taken_is_a_broken_pipe() {
    let script = "trap '' PIPE; head -c 1000000 /dev/zero >&2 2>/dev/null; echo end";
    for piped in [false, true] {
        let mut command = sh(script);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let spawn = Spawn::new(command);
        // Its own pipe is drained; that of the command, which it is left to, is closed.
        let spawn = if piped { spawn.leave_stderr() } else { spawn };
        let source = spawn.source().unwrap();
        let id = source.id();
        let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
        assert_eq!(got.into_inner(), b"end\n");
        bounded(&report);
        reaped(id);
    }
}

#[test]
fn a_stage_closes_what_it_does_not_take() {
    for (script, broken) in [("cat", None), ("cat; echo heard >&2", Some(BROKEN_PIPE))] {
        let mut command = sh(script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let halves = Spawn::new(command).leave_stderr().stage().unwrap();
        let id = halves.source.id();
        let sink = halves.sink;
        let feeder = std::thread::spawn(move || pipeline(pattern(100_000)).to(sink).run());
        let run = pipeline(halves.source).to(Vec::new());
        let (report, signal) = match watched(move || run.run_into()) {
            Ok((report, got)) => {
                assert!(got.into_inner() == pattern(100_000));
                (report, None)
            }
            // Behind its data.
            Err(failure) => {
                let status = failed(&failure.error).status;
                (failure.report, status.signal())
            }
        };
        assert_eq!(signal, broken);
        assert_eq!(report.bytes(), 100_000);
        bounded(&report);
        let fed = feeder.join().unwrap().unwrap();
        assert_eq!(fed.bytes(), 100_000);
        bounded(&fed);
        reaped(id);
    }
}
