//! What a request costs: two calls and a share of a third, and nothing while nothing happens.

use std::collections::HashMap;
use std::io::Read;
use std::process::{self, Command};
use std::time::Duration;
use std::{env, fs};

use super::kit::{is_alone, until, watched};
use super::{Echo, client_of, on_both, ping, server, spawn};

const REQUESTS: usize = 2000;

/// The waits and wakes by which one thread comes to lead, and the other to follow.
const CALLS_A_TAKEOVER: usize = 4;

const TRACED: &str = "HIGHWATER_TEST_TRACED";

#[test]
fn a_request_costs_a_read_and_a_write_and_no_lock() {
    const NAME: &str = "net::server::tests::cost::a_request_costs_a_read_and_a_write_and_no_lock";
    if env::var_os(TRACED).is_some() {
        return ask();
    }
    let log = env::temp_dir().join(format!("highwater-cost-{}", process::id()));
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(TRACED, "1")
        .output();
    let said = match traced {
        Ok(traced) if traced.status.success() => String::from_utf8(traced.stdout).unwrap(),
        other => return eprintln!("SKIPPED {NAME}: no strace that works: {other:?}"),
    };
    let threads: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("on "))
        .collect();
    assert!(!threads.is_empty(), "{said}");
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let mut calls: HashMap<&str, usize> = HashMap::new();
    let mut disturbed = 0;
    for thread in &threads {
        let own = text.lines().filter_map(|line| line.strip_prefix(thread));
        let own = own.filter(|line| !line.contains("resumed>"));
        let own = own.filter_map(|line| line.trim_start().split_once('('));
        let mut since = None;
        for (call, _) in own {
            // Before its first request, the thread was started, or followed.
            if call == "recvfrom" {
                disturbed += usize::from(since == Some(true));
                since = Some(false);
            }
            if since.is_some() {
                *calls.entry(call).or_default() += 1;
            }
            if call == "futex" {
                since = since.map(|_| true);
            }
        }
    }
    let count = |call| calls.get(call).copied().unwrap_or(0);
    // A few, and those of each takeover: on a machine with other work a round may last so long that
    // the follower becomes the leader.
    let few = REQUESTS / 20 + CALLS_A_TAKEOVER * takeovers(&text);
    for call in ["recvfrom", "sendmsg", "epoll_pwait"] {
        let count = count(call);
        assert!(count.abs_diff(REQUESTS) <= few, "{call}: {calls:?}");
    }
    assert!(
        disturbed <= few,
        "{disturbed} rounds with a futex: {calls:?}"
    );
    let all: usize = calls.values().sum();
    let following = count("futex");
    assert!(all - following <= 3 * REQUESTS + few, "{calls:?}");
}

/// How many requests were answered by another thread than the one before.
fn takeovers(log: &str) -> usize {
    let reads = log.lines().filter(|line| line.contains(" recvfrom("));
    let threads: Vec<&str> = reads.filter_map(|line| line.split(' ').next()).collect();
    threads.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Sends so many requests, and prints the threads of the pool.
fn ask() {
    let server = spawn(server(), Echo::new);
    let mut client = client_of(&server);
    (0..REQUESTS).for_each(|_| ping(&mut client));
    tasks("highwater-pool").for_each(|task| println!("\non {task}"));
    assert_eq!(watched(move || server.stop().unwrap()).finished, 1);
}

/// The threads of that name.
fn tasks(name: &str) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter(move |task| {
            let comm = fs::read_to_string(task.path().join("comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        })
        .map(|task| task.file_name().into_string().unwrap())
}

/// How often the threads of the server have gone to sleep.
fn sleeps() -> usize {
    let of = |task: String| -> usize {
        let status = fs::read_to_string(format!("/proc/self/task/{task}/status")).unwrap();
        let mut lines = status.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.unwrap().trim().parse().unwrap()
    };
    tasks("highwater-pool").map(of).sum()
}

#[test]
fn an_idle_connection_costs_nothing() {
    if !is_alone("net::server::tests::cost::an_idle_connection_costs_nothing") {
        return;
    }
    on_both(|| {
        let server = server().idle_threads(Duration::from_secs(3600));
        let server = spawn(server, Echo::new);
        let mut clients: Vec<_> = (0..50).map(|_| client_of(&server)).collect();
        clients.iter_mut().for_each(ping);
        assert!(tasks("highwater-pool").count() >= 2);
        let waits = |client: &mut std::net::TcpStream, millis| {
            let limit = Some(Duration::from_millis(millis));
            client.set_read_timeout(limit).unwrap();
            client.read(&mut [0; 1]).unwrap_err();
        };
        // The follower looks a few times more. If it looked for ever there would be no such time.
        until("no thread wakes for a third of a second", || {
            let before = sleeps();
            waits(&mut clients[0], 300);
            sleeps() == before
        });
        // And is there again at once.
        let limit = Some(Duration::from_secs(10));
        clients[0].set_read_timeout(limit).unwrap();
        clients.iter_mut().for_each(ping);
        assert_eq!(watched(move || server.stop().unwrap()).finished, 50);
    });
}
