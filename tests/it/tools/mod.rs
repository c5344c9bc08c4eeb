//! The examples, as a user runs them: what all of them have in common.
//!
//! What needs a tool that is not there says so on standard error, and passes.

#![cfg(target_os = "linux")]

mod bar;
mod full;
mod help;
mod idle;
mod names;
mod places;
mod same;
mod signals;
mod sizes;
mod tour;
mod unread;
mod version;

use std::process::{Command, Output, Stdio};

use crate::support::example;

/// Runs a tool to its end, with nothing on standard input. It ends with this status, and does not panic.
#[track_caller]
fn run(tool: &str, args: &[&str], status: i32) -> Output {
    ends_with(example(tool).args(args).stdin(Stdio::null()), status)
}

#[track_caller]
fn ends_with(command: &mut Command, status: i32) -> Output {
    let output = command.output().expect("it runs");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(status), "{command:?}: {said}");
    assert!(!said.contains("panicked"), "{command:?}: {said}");
    output
}

/// What it said on standard error.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A command of a shell in which `$0` is the tool, and `$1` and so on are `args`.
fn shell(line: &str, tool: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(example(tool).get_program());
    command.args(args).stdin(Stdio::null());
    command
}
