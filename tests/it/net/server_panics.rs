//! Rule 24 for servers: a bound is no allocation, and a panic on a thread of theirs is told to who
//! waits for them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::net::{Connection, Server};
use highwater::{Error, ErrorKind};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::net::server::{client_of, echo, ping};
use crate::support::{alone, until, watched};

#[test]
fn a_bound_on_connections_is_no_allocation() {
    alone(|| {
        let current = Some(1 << 30);
        let maximum = current;
        setrlimit(Resource::As, Rlimit { current, maximum }).unwrap();
        for bound in [100_000_000, usize::MAX] {
            let server = Server::bind("127.0.0.1:0").unwrap().connections(bound);
            let server = server.spawn(echo).unwrap();
            for _ in 0..3 {
                ping(&mut client_of(&server));
            }
            assert!(!server.is_finished());
            let counts = watched(move || server.stop().unwrap());
            assert_eq!((counts.accepted, counts.finished, counts.open), (3, 3, 0));
            assert!(counts.peak <= 3);
        }
    });
}

/// Panics when it is dropped.
struct Breaks;

impl Drop for Breaks {
    fn drop(&mut self) {
        panic!("the drop broke");
    }
}

fn is_told(error: &Error, of: &str) {
    assert_eq!(error.kind(), ErrorKind::Panicked, "{error:#}");
    assert!(format!("{error:#}").contains(of), "{error:#}");
}

#[test]
fn a_panic_of_what_a_handler_holds_is_told_to_who_waits_for_its_server() {
    let handler = || {
        let held = Breaks;
        move |connection: Connection| {
            let _ = &held;
            echo(connection)
        }
    };
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.spawn(handler()).unwrap();
    ping(&mut client_of(&server));
    let handle = server.handle().clone();
    let error = watched(move || server.stop().unwrap_err());
    is_told(&error, "the drop broke");
    assert!(format!("{error:#}").contains("serve on"), "{error:#}");
    assert_eq!((handle.counts().finished, handle.counts().threads), (1, 0));

    let server = Server::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    handle.stop();
    let error = watched(move || server.serve(handler()).unwrap_err());
    is_told(&error, "the drop broke");
}

#[test]
fn a_panic_of_on_event_ends_nothing_and_is_told_in_the_end() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.on_event(|event| panic!("cannot tell of {event}"));
    let handler = |connection: Connection| {
        if connection.number() == 1 {
            return Err(Error::other("not today"));
        }
        echo(connection)
    };
    let server = server.spawn(handler).unwrap();
    let mut refused = client_of(&server);
    assert!(matches!(refused.read(&mut [0; 1]), Ok(0) | Err(_)));
    until("the first has failed", || server.counts().failed == 1);
    for _ in 0..3 {
        ping(&mut client_of(&server));
    }
    assert!(!server.is_finished());
    let handle = server.handle().clone();
    handle.stop();
    let error = watched(move || server.join().unwrap_err());
    is_told(&error, "not today");
    let counts = handle.counts();
    assert_eq!((counts.finished, counts.failed, counts.open), (3, 1, 0));
}

// What is thrown may panic itself, when it is dropped.
#[test]
fn a_handler_that_throws_what_panics_is_an_event_like_any() {
    let told = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&told);
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.on_event(move |event| {
        assert_eq!(event.error().kind(), ErrorKind::Panicked);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let handler = |_: Connection| -> Result<(), Error> { std::panic::panic_any(Breaks) };
    let server = server.spawn(handler).unwrap();
    for n in 1..=3 {
        let mut client: TcpStream = client_of(&server);
        let _ = client.write_all(b"x");
        assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
        until("it is told", || told.load(Ordering::SeqCst) == n);
    }
    let counts = watched(move || server.stop().unwrap());
    assert_eq!((counts.failed, counts.open, counts.threads), (3, 0, 0));
}
