//! The built example.

use std::process::Command;

use crate::support::{Tool, example};

/// A proxy that listens.
#[track_caller]
pub(crate) fn start(args: &[&str]) -> Tool {
    Tool::listening(example("proxy").args(args), "listening on ")
}

/// The same with a program before it, which becomes it: that has its process.
#[track_caller]
pub(crate) fn start_under(before: &[&str], args: &[&str]) -> Tool {
    let mut command = Command::new(before[0]);
    command
        .args(&before[1..])
        .arg(example("proxy").get_program());
    Tool::listening(command.args(args), "listening on ")
}
