//! Calls that must come back, what only waiting can tell, and tests with a process of their own.

use std::io::{self, Read};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// The longest that a call or a wait may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Set in a process that runs one test.
const ALONE: &str = "HIGHWATER_ALONE";

/// Makes a call on a thread of its own, and fails if it does not come back.
#[track_caller]
pub(super) fn watched<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> R {
    let (give, given) = channel();
    let caller = thread::spawn(move || give.send(call()).expect("it is received"));
    let result = given.recv_timeout(PATIENCE).ok();
    assert!(
        result.is_some() || caller.is_finished(),
        "the call did not come back"
    );
    caller.join().expect("the call does not panic");
    result.expect("the call returned")
}

/// Waits for something that no event reports.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Returns whether this process runs that test alone. If not, runs the test in a process of its own,
/// because it counts the threads or the descriptors of its process, or sets limits.
pub(super) fn is_alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    let output = command.env(ALONE, "1").output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    // With a name that is no test's, the process runs nothing and succeeds.
    let has_passed = output.status.success() && stdout.contains("1 passed");
    assert!(has_passed, "{test}: {stdout}{stderr}");
    eprint!("{stderr}");
    false
}

/// Everything until the end.
pub(super) fn everything(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut got = Vec::new();
    from.read_to_end(&mut got).map(|_| got)
}

/// How many threads and descriptors this process has.
pub(super) fn held() -> (usize, usize) {
    let count = |folder| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}
