//! What a server asks of the system, counted by strace: what a short connection does not need it
//! does not cost.

use std::collections::HashMap;
use std::io::{Read, Write, stdin};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::{env, fs};

use highwater::net::Server;

use crate::net::scene::everything;
use crate::net::server::{addr_of, echo, ping};
use crate::support::{Folder, Running, have};

/// Set in the process that serves.
const SERVER: &str = "HIGHWATER_TEST_SERVER";

/// Many, and fewer than the descriptors that any process may have.
const CLIENTS: usize = 500;

#[test]
fn a_short_connection_costs_no_call_that_it_does_not_need() {
    const TEST: &str = "net::calls::a_short_connection_costs_no_call_that_it_does_not_need";
    if env::var_os(SERVER).is_some() {
        return serve_one_at_a_time();
    }
    if !have(&["strace"]) {
        return;
    }
    let folder = Folder::new();
    let counts = folder.path("counts").display().to_string();
    let own = env::current_exe().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o", &counts]).arg(own);
    strace
        .args(["--exact", TEST, "--nocapture"])
        .env(SERVER, "1");
    let mut server = Running::start(&mut strace, true);
    let place = server.says("listening on ");

    // The first one is served, and all the others wait in the backlog with what they have to say.
    let mut first = TcpStream::connect(&place).unwrap();
    ping(&mut first);
    let clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|number| {
            let mut client = TcpStream::connect(&place).unwrap();
            client.write_all(&number.to_be_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client
        })
        .collect();
    drop(first);
    for (number, client) in clients.into_iter().enumerate() {
        assert_eq!(everything(client).unwrap(), number.to_be_bytes());
    }
    drop(server.child.stdin.take());
    let (status, said) = server.finish();
    assert_eq!(status, Some(0), "{said}");

    let calls = counted(&fs::read_to_string(counts).unwrap());
    let of = |name: &str| calls.get(name).copied().unwrap_or(0);
    // What there was to read, and that there is no more.
    assert_eq!(of("sendmsg"), CLIENTS + 1, "{calls:?}");
    assert_eq!(of("shutdown"), CLIENTS + 1, "{calls:?}");
    // The rest is the first connection, and the program that starts and ends.
    let few = 40;
    for (name, wanted) in [
        ("recvfrom", 2 * CLIENTS),
        ("accept4", CLIENTS),
        ("close", CLIENTS),
        ("eventfd2", 0),
        ("setsockopt", 0),
        ("ppoll", 0),
        ("poll", 0),
        ("clone3", 0),
    ] {
        let made = of(name);
        assert!((wanted..wanted + few).contains(&made), "{name}: {calls:?}");
    }
}

/// Echoes until nobody holds the other end of standard input any more.
fn serve_one_at_a_time() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.connections(1).spawn(echo).unwrap();
    println!("listening on {}", addr_of(&server));
    stdin().read_to_end(&mut Vec::new()).unwrap();
    let counts = server.stop().unwrap();
    assert_eq!(counts.finished, 1 + CLIENTS as u64, "{counts:?}");
    assert_eq!((counts.peak, counts.failed), (1, 0), "{counts:?}");
}

/// How often each call was made, out of what strace says.
fn counted(summary: &str) -> HashMap<String, usize> {
    let lines = summary.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = fields.last()?;
        Some((name.to_string(), fields.get(3)?.parse().ok()?))
    });
    lines.collect()
}
