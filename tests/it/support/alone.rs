//! Tests in a process of their own, and what a process has.

use std::any::type_name;
use std::env;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Set in a process that runs one test, to the name of that test.
const ALONE: &str = "HIGHWATER_ALONE";

/// After this time such a process hangs, on a machine that is busy with others.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs the body of a test in a process of its own. A test needs that if it counts the threads, the
/// descriptors or the memory of its process, if it sets a limit, the error hook or a standard stream,
/// or if it reads what the library writes to standard error.
///
/// The body is a closure of the test itself, for the name of the test is read from its type. Returns
/// what the process wrote to its standard error; nothing in that process.
pub(crate) fn alone<F: FnOnce()>(body: F) -> Option<String> {
    Alone::of::<F>().run(body)
}

/// The same with these variables in the environment of the process.
#[cfg(target_os = "linux")]
pub(crate) fn alone_with<F: FnOnce()>(variables: &[(&str, &str)], body: F) {
    let mut alone = Alone::of::<F>();
    alone.command.envs(variables.iter().copied());
    alone.run(body);
}

/// How a test is run in a process of its own.
pub(crate) struct Alone {
    test: String,
    command: Command,
}

impl Alone {
    /// The test is the one that the closure is written in.
    pub(crate) fn of<F>() -> Self {
        let path = type_name::<F>();
        let test = path.split("::{{closure}}").next().unwrap_or(path);
        let test = test.split_once("::").expect("it has a crate").1.to_owned();
        let command = Command::new(env::current_exe().expect("a test has a path"));
        Self { test, command }
    }

    /// Started by this program, as in `unshare --net PROGRAM`.
    #[cfg(target_os = "linux")]
    pub(crate) fn under(mut self, before: &[&str]) -> Self {
        let own = self.command.get_program().to_owned();
        self.command = Command::new(before[0]);
        self.command.args(&before[1..]).arg(own);
        self
    }

    pub(crate) fn run(mut self, body: impl FnOnce()) -> Option<String> {
        if is_alone() {
            body();
            return None;
        }
        self.command
            .args([&self.test, "--exact", "--test-threads=1", "--nocapture"])
            .env(ALONE, &self.test)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("a test can be run");
        let stdout = read(child.stdout.take().expect("it was piped"));
        let stderr = read(child.stderr.take().expect("it was piped"));
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is our child") {
                break status;
            }
            if began.elapsed() > LIMIT {
                let _ = child.kill();
            }
            thread::park_timeout(Duration::from_millis(1));
        };
        let [stdout, stderr] = [stdout, stderr].map(|read| read.join().expect("it is read"));
        // With a name that is no test's, the process runs nothing and succeeds.
        assert!(
            status.success() && stdout.contains("1 passed"),
            "{}: {status}\n{stdout}\n{stderr}",
            self.test
        );
        Some(stderr)
    }
}

/// Whether this process runs one test alone.
pub(crate) fn is_alone() -> bool {
    env::var_os(ALONE).is_some()
}

/// The test that this thread runs.
#[cfg(target_os = "linux")]
pub(crate) fn this_test() -> String {
    let alone = env::var(ALONE).ok();
    alone.unwrap_or_else(|| thread::current().name().unwrap_or("a test").to_owned())
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The test that this process runs alone, to be run in one more process.
#[cfg(target_os = "linux")]
pub(crate) fn once_more() -> Command {
    let test = env::var(ALONE).expect("this process runs one test");
    let mut command = Command::new(env::current_exe().expect("a test has a path"));
    command.args([&test, "--exact", "--nocapture"]);
    command
}

/// Runs a test in a network of its own, which has no interface that is up. Where the operating system
/// does not allow that, says so on standard error and runs nothing.
#[cfg(target_os = "linux")]
pub(crate) fn alone_in_network<F: FnOnce()>(body: F) {
    let may = |how: &&[&str]| {
        let tried = Command::new(how[0]).args(&how[1..]).arg("true").output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let ways: [&[&str]; 2] = [
        &["unshare", "--net"],
        &["unshare", "--map-root-user", "--net"],
    ];
    let alone = Alone::of::<F>();
    if is_alone() {
        body();
    } else if let Some(way) = ways.iter().find(|way| may(way)) {
        eprint!("{}", alone.under(way).run(body).unwrap_or_default());
    } else {
        super::skip("there is no network namespace");
    }
}

/// The names of the threads of this process that are the library's.
pub(crate) fn own_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this is Linux");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("highwater"))
        .collect()
}
