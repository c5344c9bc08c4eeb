//! A server in peace: every byte to whoever connects, and no more connections than there may be.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use highwater::Batch;
use highwater::net::{Connection, RunningServer, Server, ServerEvent};
use highwater::{Error, ErrorKind, Sink, Source, pipeline};

use crate::net::scene::everything;
use crate::support::{Folder, bounded, pattern, until, watched};

/// What an echo reads at once, and so all that it holds of a connection.
const ECHO_BYTES: usize = 4096;

/// Sends back what comes, on the thread of the connection alone.
pub(crate) fn echo(connection: Connection) -> Result<(), Error> {
    let (source, mut sink) = connection.split();
    let mut source = source.chunk_bytes(ECHO_BYTES);
    let mut batch = Batch::new();
    while let Some(chunk) = source.read()? {
        let bytes = chunk.len();
        batch.push(chunk, bytes);
        while !batch.is_empty() {
            sink.write(&mut batch)?;
        }
    }
    sink.finish()
}

/// The same with a thread more and a buffer between.
pub(crate) fn piped_echo(connection: Connection) -> Result<(), Error> {
    let token = connection.token().clone();
    let (source, sink) = connection.split();
    let run = pipeline(source).cancel_with(&token).to(sink);
    bounded(&run.run()?);
    Ok(())
}

pub(crate) fn addr_of(server: &RunningServer) -> SocketAddr {
    server.local_addr().expect("it is a TCP server")
}

pub(crate) fn client_of(server: &RunningServer) -> TcpStream {
    let client = TcpStream::connect(addr_of(server)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client
}

/// Sends something, and waits until it has come back.
#[track_caller]
pub(crate) fn ping(client: &mut (impl Read + Write)) {
    client.write_all(b"ping").unwrap();
    let mut got = [0; 4];
    client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
}

fn exchange(mut client: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut sender = client.try_clone().unwrap();
    thread::scope(|threads| {
        threads.spawn(move || {
            sender.write_all(bytes).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        everything(&mut client).unwrap()
    })
}

#[test]
fn every_byte_comes_back() {
    for handler in [echo, piped_echo] {
        let server = Server::bind("127.0.0.1:0").unwrap().connections(4);
        let server = server.spawn(handler).unwrap();
        thread::scope(|threads| {
            for extra in 0..8 {
                let client = client_of(&server);
                threads.spawn(move || {
                    let sent = pattern(300_000 + extra);
                    assert!(exchange(client, &sent) == sent);
                });
            }
        });
        let counts = watched(move || server.stop().unwrap());
        assert_eq!((counts.accepted, counts.finished), (8, 8));
        assert_eq!((counts.open, counts.threads), (0, 0));
        assert!(counts.peak <= 4, "{counts:?}");
    }
}

#[test]
fn a_client_that_others_wrote_is_served() {
    const CLIENT: &str = "
import socket, sys, threading
sent = bytes(range(256)) * 4000
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
def send():
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
got = b''.join(iter(lambda: client.recv(65536), b''))
assert got == sent, len(got)
";
    let server = Server::bind("127.0.0.1:0").unwrap().spawn(echo).unwrap();
    let addr = addr_of(&server);
    let (ip, port) = (addr.ip().to_string(), addr.port().to_string());
    match Command::new("python3")
        .args(["-c", CLIENT, &ip, &port])
        .output()
    {
        Ok(ran) => assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        ),
        Err(error) => return eprintln!("SKIPPED: no python3: {error}"),
    }
    assert_eq!(watched(move || server.stop().unwrap()).finished, 1);
}

#[test]
fn a_unix_server_takes_its_file_away() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let server = Server::bind_unix(&path).unwrap().spawn(echo).unwrap();
    assert_eq!(server.local_addr(), None);
    let mut client = UnixStream::connect(&path).unwrap();
    ping(&mut client);
    drop(client);
    assert_eq!(watched(move || server.stop().unwrap()).finished, 1);
    assert!(!path.exists());
}

#[test]
fn who_comes_beyond_the_bound_waits_in_the_backlog() {
    let server = Server::bind("127.0.0.1:0").unwrap().connections(2);
    let server = server.spawn(echo).unwrap();
    let (mut first, mut second) = (client_of(&server), client_of(&server));
    ping(&mut first);
    ping(&mut second);
    let mut third = client_of(&server);
    third.write_all(b"ping").unwrap();
    third
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let waits = third.read(&mut [0; 4]).unwrap_err();
    assert_eq!(waits.kind(), io::ErrorKind::WouldBlock);
    let counts = server.counts();
    assert_eq!((counts.accepted, counts.open), (2, 2));

    drop(first);
    third
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut got = [0; 4];
    third.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
    drop((second, third));
    let counts = watched(move || server.stop().unwrap());
    assert_eq!((counts.peak, counts.finished, counts.dropped), (2, 3, 0));
}

#[test]
fn who_comes_beyond_the_bound_is_dropped_where_that_is_wanted() {
    let (tell, told) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().connections(1);
    let server = server.drop_when_full().on_event(move |event| {
        tell.send(event.clone()).expect("it listens");
    });
    let server = server.spawn(echo).unwrap();
    let mut first = client_of(&server);
    ping(&mut first);
    let refused = client_of(&server).read(&mut [0; 1]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionReset, "no end");
    let event = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(event, ServerEvent::Dropped { .. }), "{event}");
    assert_eq!(event.error().kind(), ErrorKind::LimitExceeded);
    assert!(event.to_string().contains("tcp://127.0.0.1:"), "{event}");

    ping(&mut first);
    drop(first);
    until("there is room", || server.counts().open == 0);
    ping(&mut client_of(&server));
    let counts = watched(move || server.stop().unwrap());
    assert_eq!((counts.accepted, counts.dropped), (3, 1));
    assert_eq!((counts.finished, counts.failed, counts.peak), (2, 0, 1));
}

#[test]
fn a_thread_is_used_again_and_let_go_when_it_is_quiet() {
    let (tell, told) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().connections(8);
    let server = server
        .idle_threads(Duration::from_millis(200))
        .spawn(move |connection| {
            tell.send(thread::current().id()).expect("it listens");
            echo(connection)
        });
    let server = server.unwrap();
    for _ in 0..50 {
        let mut client = client_of(&server);
        ping(&mut client);
        drop(client);
        until("it is over", || server.counts().open == 0);
    }
    let ids: HashSet<_> = told.try_iter().collect();
    // More than one only if it was quiet for so long between two of them.
    assert!(ids.len() < 10, "{} threads for 50 connections", ids.len());
    assert!(server.counts().peak == 1);
    until("the thread is let go", || server.counts().threads == 0);
    ping(&mut client_of(&server));
    assert_eq!(watched(move || server.stop().unwrap()).finished, 51);
}

#[test]
fn a_failure_or_a_panic_is_that_of_one_connection() {
    let (tell, told) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().connections(2);
    let server = server.on_event(move |event| {
        tell.send(event.clone()).expect("it listens");
        // Nor does the telling end anything.
        panic!("no more");
    });
    let gate = Arc::new(std::sync::Barrier::new(2));
    let server = server.spawn(move |connection| match connection.number() {
        1 => Err(Error::other("out of order")),
        2 => panic!("out of mind"),
        3 => {
            gate.wait();
            drop(connection);
            Ok(())
        }
        _ => {
            gate.wait();
            echo(connection)
        }
    });
    let server = server.unwrap();
    for says in ["out of order", "out of mind"] {
        // Whom nobody has served is not told of an end.
        let reset = client_of(&server).read(&mut [0; 1]).unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        let event = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(matches!(event, ServerEvent::Failed { .. }), "{event}");
        assert!(event.to_string().contains(says), "{event}");
    }
    let (mut dropped, mut fourth) = (client_of(&server), client_of(&server));
    ping(&mut fourth);
    let reset = dropped.read(&mut [0; 1]).unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    drop(fourth);
    let handle = server.handle().clone();
    // And is told in the end.
    let told = watched(move || server.stop().unwrap_err());
    assert!(format!("{told:#}").contains("no more"), "{told:#}");
    let counts = handle.counts();
    assert_eq!((counts.failed, counts.finished, counts.aborted), (2, 2, 0));
}
