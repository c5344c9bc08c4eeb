//! Children to be had, and what has become of them.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use highwater::process::Failed;
use highwater::{Error, ErrorKind};

/// A shell that runs a script. Its `$0` is `arg`.
pub(crate) fn sh_with(script: &str, arg: impl AsRef<Path>) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", script]).arg(arg.as_ref());
    sh
}

pub(crate) fn sh(script: &str) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", script]);
    sh
}

/// A child that says nothing, reads nothing and does not exit.
pub(crate) fn idle() -> Command {
    let mut sleep = Command::new("sleep");
    sleep.arg("1000");
    sleep
}

/// What a child failed with, which the error has to have.
#[track_caller]
pub(crate) fn failed(error: &Error) -> &Failed {
    assert_eq!(error.kind(), ErrorKind::Failed, "{error:#}");
    let failed = error.source().expect("it has a source");
    let failed: &Failed = failed.downcast_ref().expect("of that type");
    assert!(
        error.to_string().ends_with(&failed.status.to_string()),
        "{error}"
    );
    failed
}

/// The exit status that it failed with.
#[track_caller]
pub(crate) fn code(error: &Error) -> i32 {
    let status: ExitStatus = failed(error).status;
    status.code().expect("it has exited")
}

/// A child that was reaped is in no list.
#[track_caller]
pub(crate) fn reaped(id: u32) {
    let entry = PathBuf::from(format!("/proc/{id}"));
    assert!(!entry.exists(), "{id} is left");
}

/// Says whether a process that is not ours to reap still runs.
pub(crate) fn runs(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !stat.is_empty() && !state.starts_with('Z')
}

/// Ends a process that a child has left behind.
pub(crate) fn put_down(id: &str) {
    assert!(runs(id), "{id}");
    let status = Command::new("kill").args(["-KILL", id]).status();
    assert!(status.expect("kill runs").success());
}

/// The number that a child has printed.
pub(crate) fn printed(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next().unwrap_or_default().to_owned()
}
