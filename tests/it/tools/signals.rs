//! The signals that ask for an end are one: Ctrl-C, a system that shuts down, a terminal that is closed.

use std::fs;
use std::io::Write;
use std::process::Command;

use crate::support::{Folder, Running, Tool, example};

/// Whatever the process that runs the tests does with the signal.
fn under_default(tool: &str, args: &[&str]) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM");
    command.arg(example(tool).get_program()).args(args);
    command
}

fn send(signal: &str, running: &Running) {
    let kill = format!("kill -{signal} {}", running.child.id());
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.expect("sh runs").success());
}

const SIGNALS: [(&str, i32, &str); 3] = [
    ("INT", 130, "interrupted"),
    ("TERM", 143, "terminated"),
    ("HUP", 129, "hung up"),
];

#[test]
fn each_of_them_ends_a_tool_that_waits_and_is_its_status() {
    let folder = Folder::new();
    let to = folder.path("to").display().to_string();
    for (signal, status, said) in SIGNALS {
        for (tool, args) in [
            ("copy", &["-", &*to][..]),
            ("tee", &["-", &to]),
            ("lines", &["-"]),
            ("gzip", &["-c"]),
        ] {
            let mut running = Running::start(&mut under_default(tool, args), true);
            // It waits for more once what it has got has gone through.
            let mut stdin = running.child.stdin.take().unwrap();
            match tool {
                "lines" => {
                    stdin.write_all(b"heard\n").unwrap();
                    running.says("heard");
                }
                "gzip" => catches(&running, signal),
                _ => {
                    stdin.write_all(b"heard").unwrap();
                    while fs::read(&to).unwrap_or_default() != b"heard" {
                        std::thread::yield_now();
                    }
                }
            }
            send(signal, &running);
            let (code, told) = running.finish();
            assert_eq!(code, Some(status), "{tool}: {told}");
            assert!(told.contains(said), "{tool}: {told}");
            let _ = fs::remove_file(&to);
        }
    }
}

/// Waits until the process handles the signal itself.
fn catches(running: &Running, signal: &str) {
    let bit = match signal {
        "HUP" => 0,
        "INT" => 1,
        _ => 14,
    };
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
        if mask & 1 << bit != 0 {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn each_of_them_has_a_proxy_take_its_socket_away() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let listen = format!("unix:{}", socket.display());
    for (signal, status, _) in SIGNALS {
        let mut command = under_default("proxy", &[&listen, "127.0.0.1:1"]);
        let mut proxy = Tool::listening(&mut command, "listening on ");
        assert!(socket.exists());
        let (code, said) = proxy.stop(signal);
        assert_eq!(code, Some(status), "{said}");
        assert!(!socket.exists(), "{signal}: {said}");
    }
}

#[test]
fn a_tool_that_was_told_to_outlive_its_terminal_does() {
    let folder = Folder::new();
    let to = folder.path("to").display().to_string();
    let mut command = Command::new("env");
    command.arg("--ignore-signal=HUP");
    command.arg(example("copy").get_program()).args(["-", &to]);
    let mut running = Running::start(&mut command, true);
    catches(&running, "INT");
    send("HUP", &running);
    let mut stdin = running.child.stdin.take().unwrap();
    stdin.write_all(b"all of it").unwrap();
    drop(stdin);
    assert_eq!(running.finish(), (Some(0), String::new()));
    assert_eq!(fs::read(&to).unwrap(), b"all of it");
}
