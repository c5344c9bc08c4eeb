//! What ends a wait: the idle timeout, the deadline, and both arms of a token.

use std::io::{ErrorKind as Io, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use highwater::net::{DirectionEnd, Relay};
use highwater::{CancelToken, ErrorKind, HighWaterMark};

use super::{Kind, Rig, accounts, everything, hear, pair, say};

use crate::support::{interrupted, pattern};

#[test]
fn a_relay_in_which_nothing_moves_is_given_up() {
    let brief = Duration::from_millis(200);
    let began = Instant::now();
    let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| relay.idle_timeout(brief));
    // Whatever moves, either way, is a sign of life.
    while began.elapsed() < brief * 3 {
        say(&rig.client, b"x");
        assert_eq!(hear(&rig.server, 1), b"x");
        thread::park_timeout(Duration::from_millis(5));
    }
    let last = Instant::now();
    let failure = rig.relay.join().unwrap().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert!(last.elapsed() > brief / 2, "{:?}", last.elapsed());
    assert!(
        failure.to_string().contains("a byte to move either way"),
        "{failure}"
    );
    assert!(
        failure
            .to_string()
            .contains("failed to relay between `tcp://127"),
        "{failure}"
    );
    accounts(&failure, 128 << 10);
    for peer in [rig.client, rig.server] {
        assert_eq!(everything(&peer).unwrap_err().kind(), Io::ConnectionReset);
    }
}

#[test]
fn the_idle_timeout_of_a_socket_holds_if_the_relay_has_none() {
    let listener = highwater::net::listen("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let brief = Duration::from_millis(20);
    let ours = highwater::net::connect(addr)
        .idle_timeout(brief)
        .open()
        .unwrap();
    let (_server, b) = pair(Kind::Unix);
    let _client = listener.accept().unwrap();
    let failure = Relay::new(ours, b).run().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    accounts(&failure, 128 << 10);
}

#[test]
fn a_deadline_ends_a_relay_that_moves() {
    let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| {
        relay.deadline(Duration::from_millis(100))
    });
    let (mut client, mut server) = (rig.client, rig.server);
    let reader = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while server.read(&mut buffer).is_ok_and(|got| got > 0) {}
    });
    while client.write(&[0; 1000]).is_ok() {}
    let failure = rig.relay.join().unwrap().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert!(
        failure.to_string().contains("the end of both sides"),
        "{failure}"
    );
    assert!(failure.report.bytes() > 0);
    accounts(&failure, 128 << 10);
    reader.join().unwrap();
}

#[test]
fn a_relay_that_waits_is_ended_by_either_arm() {
    for kinds in super::KINDS {
        let ((_client, a), (_server, b)) = (pair(kinds[0]), pair(kinds[1]));
        let token = CancelToken::new();
        let relay = Relay::new(a, b).cancel_with(&token);
        let run = move || relay.run().map_err(Box::new);
        let failure = interrupted("poll", run, || token.abort("enough")).unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
        accounts(&failure, 128 << 10);

        let ((client, a), (_server, b)) = (pair(kinds[0]), pair(kinds[1]));
        let token = CancelToken::new();
        let relay = Relay::new(a, b).cancel_with(&token);
        let run = move || relay.run().map_err(Box::new);
        let relayed = interrupted("poll", run, || token.stop()).unwrap();
        assert!(relayed.was_stopped());
        assert!(
            matches!(relayed.a_to_b.ended, DirectionEnd::Stopped),
            "{relayed}"
        );
        assert_eq!(everything(&client).unwrap(), b"");
    }
}

/// A relay whose server reads nothing, with all buffers full.
fn stuck(token: &CancelToken) -> (Rig, Vec<u8>) {
    let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| {
        let mark = HighWaterMark::bytes(16 << 10);
        relay.high_water_mark(mark).cancel_with(token)
    });
    let brief = Duration::from_millis(200);
    rig.client.set_write_timeout(Some(brief)).unwrap();
    let bytes = pattern(64 << 20);
    let mut written = 0;
    while let Ok(more) = (&rig.client).write(&bytes[written..]) {
        written += more;
    }
    (rig, bytes)
}

#[test]
fn a_stop_delivers_what_was_read_and_an_abort_may_follow_it() {
    let token = CancelToken::new();
    let (rig, bytes) = stuck(&token);
    token.stop();
    let got = everything(&rig.server).unwrap();
    let relayed = rig.relay.join().unwrap().unwrap();
    assert!(relayed.was_stopped());
    assert_eq!(relayed.a_to_b.read, got.len() as u64);
    assert_eq!(relayed.a_to_b.confirmed, got.len() as u64);
    assert!(bytes.starts_with(&got));

    let token = CancelToken::new();
    let (rig, _) = stuck(&token);
    token.stop();
    // It has heard that when it passes the end on the way back, where nothing is held.
    rig.client.set_nonblocking(false).unwrap();
    assert_eq!(everything(&rig.client).unwrap(), b"");
    token.abort("enough");
    let failure = rig.relay.join().unwrap().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
    assert!(!failure.undelivered_to_b.is_empty());
    accounts(&failure, 16 << 10);
}
