//! A relay: every byte once, every end passed on, and nothing left.

mod any;
mod ends;
mod faults;
mod left;
mod paces;
mod waits;
mod window;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use highwater::net::{Relay, RelayFailure, Relayed, Socket};

use crate::support::PATIENCE;

type Outcome = Result<Relayed, Box<RelayFailure>>;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Tcp,
    Unix,
}

const KINDS: [[Kind; 2]; 4] = [
    [Kind::Tcp, Kind::Tcp],
    [Kind::Tcp, Kind::Unix],
    [Kind::Unix, Kind::Tcp],
    [Kind::Unix, Kind::Unix],
];

/// A peer, and the socket that leads to it.
fn pair(kind: Kind) -> (socket2::Socket, Socket) {
    match kind {
        Kind::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (peer.into(), listener.accept().unwrap().0.into())
        }
        Kind::Unix => {
            let (peer, ours) = UnixStream::pair().unwrap();
            (peer.into(), ours.into())
        }
    }
}

/// A relay that runs between two peers. A peer that hangs fails its test.
struct Rig {
    client: socket2::Socket,
    server: socket2::Socket,
    relay: JoinHandle<Outcome>,
}

impl Rig {
    fn new(kinds: [Kind; 2], set: impl FnOnce(Relay) -> Relay) -> Self {
        let ((client, a), (server, b)) = (pair(kinds[0]), pair(kinds[1]));
        for peer in [&client, &server] {
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.set_write_timeout(Some(PATIENCE)).unwrap();
        }
        let relay = set(Relay::new(a, b));
        Self {
            client,
            server,
            relay: thread::spawn(move || relay.run().map_err(Box::new)),
        }
    }

    /// Both peers, so that either can play either part.
    fn turned(self, turned: bool) -> (socket2::Socket, socket2::Socket, JoinHandle<Outcome>) {
        match turned {
            false => (self.client, self.server, self.relay),
            true => (self.server, self.client, self.relay),
        }
    }
}

fn everything(mut from: &socket2::Socket) -> io::Result<Vec<u8>> {
    let mut got = Vec::new();
    from.read_to_end(&mut got).map(|_| got)
}

fn say(mut to: &socket2::Socket, bytes: &[u8]) {
    to.write_all(bytes).unwrap();
}

fn hear(mut from: &socket2::Socket, len: usize) -> Vec<u8> {
    let mut got = vec![0; len];
    from.read_exact(&mut got).unwrap();
    got
}

fn end(peer: &socket2::Socket) {
    peer.shutdown(Shutdown::Write).unwrap();
}

/// Closes with a reset, and not with an end.
fn reset(peer: socket2::Socket) {
    peer.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Every byte that was read is confirmed or given back, and no more was held than the mark.
#[track_caller]
fn accounts(failure: &RelayFailure, high: usize) {
    let report = &failure.report;
    for (leg, undelivered) in [
        (&report.a_to_b, &failure.undelivered_to_b),
        (&report.b_to_a, &failure.undelivered_to_a),
    ] {
        assert_eq!(leg.read, leg.confirmed + undelivered.len() as u64, "{leg}");
        assert!(undelivered.len() <= high, "{}", undelivered.len());
    }
}
