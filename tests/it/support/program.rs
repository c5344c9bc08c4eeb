//! A built example as a child, and the tools of others.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use super::child::signal;
use super::{PATIENCE, Transcript};

/// A built example, to be run.
pub(crate) fn example(name: &str) -> Command {
    let test = env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("a/deps/test");
    let example = profile.join("examples").join(name);
    assert!(
        example.exists(),
        "{} is not there: `cargo test` builds it, and so does `cargo build --example {name}`",
        example.display()
    );
    Command::new(example)
}

/// Runs it to its end: its status, and what it said.
pub(crate) fn call(tool: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = example(tool).args(args).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), stderr)
}

/// A child that says lines, and is gone with a test that fails.
pub(crate) struct Running {
    pub(crate) child: Child,
    said: Transcript,
}

impl Running {
    /// Starts it with its standard error read, or its standard output.
    pub(crate) fn start(command: &mut Command, on_stdout: bool) -> Self {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stderr = child.stderr.take().expect("it was piped");
        let mut streams: Vec<Box<dyn io::Read + Send>> = vec![Box::new(stderr)];
        if on_stdout {
            streams.push(Box::new(child.stdout.take().expect("it was piped")));
        }
        let said = Transcript::of(streams);
        Self { child, said }
    }

    /// Waits for a line with `words` in it, and gives what stands behind them.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) -> String {
        self.said.says(words)
    }

    /// Waits for its end: its status, and what it said.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status.code(), self.said.whole());
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it hangs, after:\n{}",
                self.said.so_far()
            );
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tool that listens.
pub(crate) struct Tool {
    running: Running,
    pub(crate) place: String,
}

impl Tool {
    /// Starts it. What it says behind `words` is its place.
    #[track_caller]
    pub(crate) fn listening(command: &mut Command, words: &str) -> Self {
        let mut running = Running::start(command, false);
        let place = running.says(words);
        Self { running, place }
    }

    /// The most memory that it has had.
    pub(crate) fn peak_bytes(&self) -> usize {
        let status = format!("/proc/{}/status", self.running.child.id());
        let status = fs::read_to_string(status).expect("it runs");
        let peak = status.split_once("VmHWM:").expect("it is Linux").1;
        let kib = peak.split_whitespace().next().map(str::parse::<usize>);
        kib.expect("a figure").expect("a number") * 1024
    }

    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) -> String {
        self.running.says(words)
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.running.child.id(), name);
    }

    #[track_caller]
    pub(crate) fn finish(&mut self) -> (Option<i32>, String) {
        self.running.finish()
    }

    #[track_caller]
    pub(crate) fn stop(&mut self, name: &str) -> (Option<i32>, String) {
        self.signal(name);
        self.finish()
    }
}

/// Whether the tools are there. If not, says what is skipped, past what the harness captures.
pub(crate) fn have(tools: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing = tools.iter().find(|tool| !is_there(tool));
    if let Some(tool) = missing {
        skip(&format!("there is no `{tool}`"));
    }
    missing.is_none()
}

/// Says that the test of this thread is skipped, past what the harness captures.
pub(crate) fn skip(why: &str) {
    let name = super::alone::this_test();
    writeln!(io::stderr(), "skipped: {name}: {why}").expect("there is a standard error");
}
