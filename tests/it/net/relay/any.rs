//! Whatever the sizes, the marks and the stalls: everything arrives, in order, both ways.

use std::io::{Read, Write};
use std::thread;

use highwater::HighWaterMark;
use highwater::net::Relay;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{KINDS, end, pair};

use crate::support::{PATIENCE, pattern};

/// What one peer does.
#[derive(Clone, Debug)]
struct Peer {
    /// How much it sends in all.
    bytes: usize,
    /// How much it writes at once, over and over; a 0 is a pause.
    writes: Vec<usize>,
    /// How much it reads at once, over and over; a 0 is a pause.
    reads: Vec<usize>,
    /// How large its buffers are in the system, which rounds that up.
    buffer: usize,
}

fn any_peer() -> impl Strategy<Value = Peer> {
    let sizes = || vec(prop_oneof![Just(0), 1..50_usize, 1..40_000_usize], 1..6);
    (0..40_000_usize, sizes(), sizes(), 1..20_000_usize).prop_map(
        |(bytes, writes, mut reads, buffer)| {
            reads.push(1 + bytes / 7);
            Peer {
                bytes,
                writes,
                reads,
                buffer,
            }
        },
    )
}

/// A pause long enough for the other threads to fill and empty what there is.
fn pause() {
    for _ in 0..20 {
        thread::yield_now();
    }
}

fn talk(peer: &Peer, mut socket: &socket2::Socket) {
    let bytes = pattern(peer.bytes);
    let mut rest = &bytes[..];
    for size in peer.writes.iter().chain([&1000]).cycle() {
        let (now, later) = rest.split_at(rest.len().min(*size));
        socket.write_all(now).unwrap();
        if *size == 0 {
            pause();
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    end(socket);
}

fn listen(peer: &Peer, mut socket: &socket2::Socket) -> Vec<u8> {
    let mut got = Vec::new();
    let mut buffer = vec![0; 40_000];
    for size in peer.reads.iter().cycle() {
        if *size == 0 {
            pause();
            continue;
        }
        let size = buffer.len().min(*size);
        match socket.read(&mut buffer[..size]).unwrap() {
            0 => break,
            read => got.extend_from_slice(&buffer[..read]),
        }
    }
    got
}

fn everything_arrives(kinds: usize, marks: (usize, usize), peers: &[Peer; 2]) {
    let kinds = KINDS[kinds];
    let ((client, a), (server, b)) = (pair(kinds[0]), pair(kinds[1]));
    let (low, high) = (marks.0.min(marks.1), marks.0.max(marks.1) + 1);
    let mark = HighWaterMark::bytes(high).low(low).unwrap();
    let sockets = [client, server];
    for (peer, socket) in peers.iter().zip(&sockets) {
        socket.set_send_buffer_size(peer.buffer).unwrap();
        socket.set_recv_buffer_size(peer.buffer).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    thread::scope(|scope| {
        let relay = scope.spawn(|| {
            let relay = Relay::new(a, b).high_water_mark(mark);
            relay.run().map_err(Box::new)
        });
        let heard = [0, 1].map(|at| {
            let (peer, socket) = (&peers[at], &sockets[at]);
            scope.spawn(move || talk(peer, socket));
            scope.spawn(move || listen(peer, socket))
        });
        let [client_heard, server_heard] = heard.map(|heard| heard.join().unwrap());
        assert!(client_heard == pattern(peers[1].bytes));
        assert!(server_heard == pattern(peers[0].bytes));
        let relayed = relay.join().unwrap().unwrap();
        assert_eq!(relayed.a_to_b.confirmed, peers[0].bytes as u64);
        assert_eq!(relayed.b_to_a.confirmed, peers[1].bytes as u64);
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        // Full windows of a few bytes take their time. PROPTEST_CASES looks further.
        cases: std::env::var("PROPTEST_CASES").map_or(16, |cases| cases.parse().unwrap()),
        ..ProptestConfig::default()
    })]

    #[test]
    fn everything_arrives_whatever_the_sizes_and_the_stalls(
        kinds in 0..4_usize,
        marks in (0..3_000_usize, 0..60_000_usize),
        peers in [any_peer(), any_peer()],
    ) {
        everything_arrives(kinds, marks, &peers);
    }
}
