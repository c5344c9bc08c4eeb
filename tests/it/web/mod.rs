//! The tools that speak HTTP, as their users run them, with clients that others wrote.

#![cfg(target_os = "linux")]

mod ask;
mod conditions;
mod events;
mod log;
mod serve;
mod transfer;
mod upload;

use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Tool, call, example};

/// A server that listens.
#[track_caller]
fn start(name: &str, args: &[&str]) -> Tool {
    let mut command = example(name);
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    Tool::listening(&mut command, "at http://")
}

/// Waits for something that no event tells.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// What curl says, and its status.
#[track_caller]
fn curl(args: &[&str]) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "30"]).args(args);
    curl.output().expect("curl runs")
}

/// What curl gets, which must go well.
#[track_caller]
fn got(args: &[&str]) -> String {
    let output = curl(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_wrong_call_is_told_and_help_is_help() {
    let calls: &[(&str, &[&str], &str)] = &[
        (
            "serve",
            &["--connections", "0"],
            "--connections: at 0 nothing would ever move",
        ),
        ("serve", &["one", "two"], "unexpected argument \"two\""),
        ("serve", &["--listen", "localhost"], "has no port"),
        (
            "serve",
            &["--listen", "99999"],
            "--listen: `99999` is no port",
        ),
        ("serve", &["--listen", ":8080"], "0.0.0.0:8080"),
        ("serve", &["--listen", "::1"], "without brackets"),
        (
            "serve",
            &["--grace", "soon"],
            "--grace: `soon` is no number",
        ),
        ("upload", &[], "DIRECTORY is wanted"),
        (
            "upload",
            &["--max", "much", "x"],
            "--max: `much` is no number of bytes",
        ),
        ("events", &["x"], "unexpected argument \"x\""),
        ("events", &["--quiet", "0"], "--quiet: `0` is too short"),
        (
            "events",
            &["--quiet", "1e-9"],
            "--quiet: `1e-9` is too short",
        ),
        ("transfer", &["one"], "FROM and TO are wanted, 1 given"),
        (
            "transfer",
            &["--limit", "0", "http://a/", "http://b/"],
            "--limit: at 0 nothing would ever move",
        ),
        (
            "transfer",
            &["https://a/", "http://b/"],
            "`https://a/` wants TLS, which this tool has not",
        ),
        (
            "transfer",
            &["http://a/", "ftp://b/"],
            "`ftp://b/` does not begin with http://",
        ),
    ];
    for (name, args, words) in calls {
        let (code, said) = call(name, args);
        assert_eq!(code, Some(2), "{name} {args:?}: {said}");
        assert!(said.contains(words), "{name} {args:?}: {said}");
    }
    for name in ["serve", "upload", "events", "transfer"] {
        let (code, said) = call(name, &["--help"]);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{name}");
        let version = example(name).arg("--version").output().unwrap();
        let wanted = format!("{name} (highwater {})\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(version.stdout).unwrap(), wanted);
        assert!(version.status.success(), "{name}");
    }
}

#[test]
fn what_cannot_be_is_told_with_what_to_try() {
    let (code, said) = call("serve", &["--listen", "127.0.0.1:0", "/nowhere"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`/nowhere`"), "{said}");
    let serve = start("serve", &[]);
    let addr = serve.place.trim_end_matches('/');
    let (code, said) = call("serve", &["--listen", addr]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("a server listens there already"), "{said}");
}
