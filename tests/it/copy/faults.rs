//! System calls that fail, by way of strace.

use std::fs;

use crate::support::child::{Outcome, PROMPT, copy, run, under};
use crate::support::{Folder, have, pattern, skip};

const BYTES: usize = 1_000_000;

/// Copies a file by reading and writing while strace does this to the calls of the copy, in turn.
///
/// None if strace is not there, or may not trace.
fn copy_under(inject: &[&str], options: &[&str], folder: &Folder) -> Option<Outcome> {
    if !have(&["strace"]) {
        return None;
    }
    let (from, to) = (folder.file_arg("from", &pattern(BYTES)), folder.arg("to"));
    let _ = fs::remove_file(&to);
    let mut strace = vec![
        "strace",
        "-qq",
        "-f",
        "-o",
        "/dev/null",
        "-P",
        &from,
        "-P",
        &to,
    ];
    for rule in inject {
        strace.extend(["-e", rule]);
    }
    // The calls that start threads have no path.
    if inject.iter().any(|rule| rule.contains("clone3")) {
        strace.drain(5..9);
    }
    let outcome = run(under(
        strace,
        &copy(
            ["--buffered"]
                .into_iter()
                .chain(options.iter().copied())
                .chain([&*from, &*to]),
        ),
    ));
    if outcome.stderr.contains("strace: ") {
        skip(&outcome.stderr);
        return None;
    }
    Some(outcome)
}

#[test]
fn calls_that_a_signal_has_interrupted_are_made_again() {
    let folder = Folder::new();
    let every_second = [
        "inject=read:error=EINTR:when=1+2",
        "inject=writev:error=EINTR:when=1+2",
        "inject=write:error=EINTR:when=1+2",
    ];
    if let Some(outcome) = copy_under(&every_second, &[], &folder) {
        outcome.succeeded();
        assert!(fs::read(folder.arg("to")).unwrap() == pattern(BYTES));
    }
}

#[test]
fn the_first_call_that_fails_is_the_cause_wherever_it_is() {
    let cases = [
        ("read", "EIO", "failed to read from", "Input/output error"),
        ("writev", "EIO", "failed to write to", "Input/output error"),
        (
            "writev",
            "ENOSPC",
            "failed to write to",
            "No space left on device",
        ),
        ("writev", "EDQUOT", "failed to write to", "uota exceeded"),
    ];
    let folder = Folder::new();
    for (call, error, did, why) in cases {
        for nth in ["1", "2", "7+"] {
            let inject = format!("inject={call}:error={error}:when={nth}");
            let Some(outcome) = copy_under(&[&inject], &["--high", "64K"], &folder) else {
                return;
            };
            let outcome = outcome.failed(1, &[did, why]);
            let got = fs::read(folder.arg("to")).unwrap();
            assert_eq!(outcome.confirmed(), got.len() as u64, "{inject}");
            assert!(pattern(BYTES).starts_with(&got), "{inject}");
            assert!(!outcome.stderr.contains("and then"), "{}", outcome.stderr);
        }
    }
}

#[test]
fn a_write_of_nothing_is_an_error_and_no_loop() {
    let folder = Folder::new();
    if let Some(outcome) = copy_under(&["inject=writev:retval=0:when=3+"], &[], &folder) {
        outcome.failed(1, &["failed to write to", "write zero"]);
    }
}

#[test]
fn a_disk_that_cannot_sync_is_a_failure() {
    let folder = Folder::new();
    let inject = ["inject=fsync:error=EIO"];
    if let Some(outcome) = copy_under(&inject, &["--sync"], &folder) {
        outcome.failed(1, &["failed to finish", "/to`", "Input/output error"]);
    }
    if let Some(outcome) = copy_under(&inject, &[], &folder) {
        outcome.succeeded();
    }
}

#[test]
fn a_thread_that_is_refused_is_an_error_and_no_hang() {
    let folder = Folder::new();
    // The first is that of the signals, the second that of the source.
    for (nth, said) in [
        ("1", "failed to handle signals"),
        ("2", "failed to start the thread of"),
    ] {
        let inject = format!("inject=clone3:error=EAGAIN:when={nth}");
        let Some(outcome) = copy_under(&[&inject], &[], &folder) else {
            return;
        };
        let outcome = outcome.failed(1, &[said, "Resource temporarily unavailable"]);
        assert!(outcome.took < PROMPT);
    }
}
