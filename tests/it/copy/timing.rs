//! Limits and timeouts: what takes at least so long, and what gives up.

use std::fs;
use std::time::Duration;

use crate::copy::peers::{Server, peer};
use crate::support::child::{Running, copy, run};
use crate::support::{Folder, have, pattern};

#[test]
fn a_limit_is_kept() {
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(100_000)), folder.arg("to"));
    let outcome = run(copy(["--limit", "200000", &from, &to])).succeeded();
    assert!(
        outcome.took >= Duration::from_millis(500),
        "{:?}",
        outcome.took
    );
    assert!(outcome.stderr.contains("bottleneck: limit"));
    assert!(fs::read(&to).unwrap() == pattern(100_000));
}

#[test]
fn a_peer_that_does_nothing_is_given_up() {
    let (place, peer_that_keeps_silent) = peer(|stream| stream);
    run(copy(["--idle-timeout", "0.05", &*place, "/dev/null"])).failed(
        1,
        &[
            "failed to read from",
            &place,
            "timed out waiting for the peer to send",
        ],
    );
    drop(peer_that_keeps_silent.join().unwrap());

    let (place, peer_that_never_reads) = peer(|stream| stream);
    run(copy(["--idle-timeout", "0.05", "/dev/zero", &*place])).failed(
        1,
        &[
            "failed to write to",
            &place,
            "timed out waiting for the peer to take",
        ],
    );
    drop(peer_that_never_reads.join().unwrap());

    let mut listens = Running::start(copy([
        "--idle-timeout",
        "0.05",
        "tcp-listen://127.0.0.1:0",
        "/dev/null",
    ]));
    let addr = crate::copy::peers::listens(&mut listens);
    let silent = std::net::TcpStream::connect(addr).unwrap();
    listens
        .finish()
        .failed(1, &["timed out waiting for the peer to send"]);
    drop(silent);
}

#[test]
fn a_peer_that_takes_its_time_is_the_bottleneck() {
    const PYTHON: &str = "\
import socket, sys, time
server = socket.create_server(('127.0.0.1', 0))
print('listening on', server.getsockname()[1], file=sys.stderr, flush=True)
peer, _ = server.accept()
began, got, left = time.monotonic(), 0, bytearray(65536)
while True:
    n = peer.recv_into(left)
    if n == 0:
        break
    got += n
    if got < 20_000_000:
        time.sleep(max(0, got / 20_000_000 - (time.monotonic() - began)))";
    if !have(&["python3"]) {
        return;
    }
    let folder = Folder::new();
    let from = folder.file_arg("from", &pattern(40_000_000));
    let server = Server::script("python3", "-c", PYTHON);
    let outcome = run(copy([&from, &server.place])).succeeded();
    let told = format!("bottleneck: {}", server.place);
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    // 20 MB at 20 MB a second, less what the kernel holds for the peer.
    assert!(
        outcome.took > Duration::from_millis(500),
        "{:?}",
        outcome.took
    );
    let (peak, high) = outcome.held().unwrap();
    assert!(peak >= high, "{peak} of {high}: it was held up by nothing");
}
