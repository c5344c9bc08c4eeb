//! No thread can be started: real limits, of a process of its own.

use std::fs;
use std::io::{self, Read, Write};

use crossbeam_channel::unbounded;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::ErrorKind;
use crate::leader::{RunReason, Turn};
use crate::net::server::ServerEvent;

use super::kit::{is_alone, until, watched};
use super::{By, Echo, IDLE, client_of, ping, pong, server, spawn};

fn limit(current: Option<u64>) {
    let maximum = getrlimit(Resource::As).maximum;
    setrlimit(Resource::As, Rlimit { current, maximum }).unwrap();
}

fn vm_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let figure = line.unwrap().split_whitespace().next().unwrap();
    figure.parse::<u64>().unwrap() * 1024
}

#[test]
fn without_threads_tasks_wait_for_one_that_becomes_free() {
    if !is_alone(
        "net::server::tests::refused::without_threads_tasks_wait_for_one_that_becomes_free",
    ) {
        return;
    }
    // Far more than whatever else this process may take up meanwhile.
    const STACK: usize = 4 << 30;
    let little = || limit(Some(vm_bytes() + STACK as u64 / 2));
    let (tell, told) = unbounded();
    let (there, are_there) = unbounded();
    let (open, gate) = unbounded::<()>();
    let server = server().stack_bytes(STACK);
    let server = server.on_event(move |event| tell.send(event.clone()).expect("it listens"));
    let server = spawn(server, move |connection| {
        let (there, gate) = (there.clone(), gate.clone());
        let run = move |echo: &mut Echo, turn: &Turn, reason: RunReason| {
            if let Some(next) = echo.run_for(reason) {
                return next;
            }
            if echo.last() == b"wait" {
                turn.promote_follower();
                there.send(()).expect("it listens");
                let _ = gate.recv();
            }
            IDLE
        };
        By(Echo::new(connection), run)
    });

    // Not even the first one.
    little();
    let reset = client_of(&server).read(&mut [0; 1]).unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    let event = told.recv().unwrap();
    assert!(matches!(event, ServerEvent::Dropped { .. }), "{event}");

    // One, and none beside it: it serves all tasks that do not block.
    limit(Some(vm_bytes() + STACK as u64 * 3 / 2));
    let (mut first, mut second) = (client_of(&server), client_of(&server));
    ping(&mut second);
    // One was refused just now, and none is started again at once.
    until("a start has failed again", || {
        ping(&mut first);
        !told.is_empty()
    });
    let event = told.recv().unwrap();
    assert!(matches!(event, ServerEvent::NoThread { .. }), "{event}");
    let again = ErrorKind::Io(io::ErrorKind::WouldBlock);
    assert_eq!(event.error().kind(), again, "{event}");
    assert_eq!(server.counts().threads, 1);
    first.write_all(b"wait").unwrap();
    are_there.recv().unwrap();
    second.write_all(b"ping").unwrap();
    drop(open);
    first.read_exact(&mut [0; 4]).unwrap();
    pong(&mut second);
    assert_eq!(server.counts().threads, 1);

    // And when threads can be started again, they are.
    limit(None);
    until("there is a follower", || {
        ping(&mut first);
        server.counts().threads == 2
    });
    drop((first, second));
    let counts = watched(move || server.stop().unwrap());
    assert_eq!((counts.accepted, counts.finished), (3, 2));
    assert_eq!((counts.dropped, counts.threads), (1, 0));
}
