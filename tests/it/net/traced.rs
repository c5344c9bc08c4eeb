//! What a write costs, counted by strace.

use std::env;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::net::journey::pair;

const TEST: &str = "net::traced::a_peer_that_keeps_up_costs_a_call_a_write_and_nothing_else";
const TRACED: &str = "HIGHWATER_TRACED";
const WRITES: usize = 200;

/// What is traced stands between two calls that fail.
const MARKER: &str = "/proc/self/no-such-file";

fn traced() {
    let (mut out, mut peer) = pair();
    let mut got = [0; 100];
    // What is made once is made by now.
    out.write(got.to_vec().into()).unwrap();
    peer.read_exact(&mut got).unwrap();
    let chunk = bytes::Bytes::from(got.to_vec());
    File::open(MARKER).unwrap_err();
    for _ in 0..WRITES {
        assert!(!out.write(chunk.clone()).unwrap().reached());
        peer.read_exact(&mut got).unwrap();
    }
    File::open(MARKER).unwrap_err();
    out.finish().unwrap();
}

#[test]
fn a_peer_that_keeps_up_costs_a_call_a_write_and_nothing_else() {
    if env::var_os(TRACED).is_some() {
        traced();
        return;
    }
    let log = env::temp_dir().join(format!("highwater-traced-{}", std::process::id()));
    let ran = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&log)
        .arg(env::current_exe().unwrap())
        .args([TEST, "--exact", "--test-threads=1"])
        .env(TRACED, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let Ok(status) = ran else {
        eprintln!("skipped: there is no strace");
        return;
    };
    let calls = std::fs::read_to_string(&log).unwrap_or_default();
    let _ = std::fs::remove_file(&log);
    if calls.is_empty() {
        eprintln!("skipped: strace may not trace here");
        return;
    }
    assert!(status.success(), "{calls}");

    let mut lines = calls.lines().skip_while(|line| !line.contains(MARKER));
    let thread = lines
        .next()
        .and_then(|line| line.split(' ').next())
        .unwrap();
    let mut costs = std::collections::BTreeMap::<&str, usize>::new();
    for line in lines.take_while(|line| !line.contains(MARKER)) {
        let (number, call) = line.split_once(' ').unwrap();
        assert_eq!(number, thread, "another thread is at work: {line}");
        let name = call.trim_start().split('(').next().unwrap();
        *costs.entry(name).or_default() += 1;
    }
    assert_eq!(costs, [("recvfrom", WRITES), ("sendmsg", WRITES)].into());
}
