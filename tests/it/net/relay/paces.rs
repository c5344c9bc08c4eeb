//! A limit on how fast a relay reads, and what is seen of it from another thread.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use highwater::net::{DirectionCounts, Relay};
use highwater::{CancelToken, ErrorKind, HighWaterMark};
use rustix::time::{ClockId, clock_gettime};

use super::{Kind, Rig, end, everything, pair, say};

use crate::support::{interrupted, pattern, until};

const PER_SECOND: u64 = 1 << 20;

/// What may be read in so long, and the twentieth of a second that is allowed beyond.
fn allowed(elapsed: Duration) -> u64 {
    (PER_SECOND as f64 * (elapsed.as_secs_f64() + 0.05)) as u64 + 1
}

#[test]
fn each_direction_is_read_no_faster_than_the_limit_and_every_byte_arrives() {
    let bytes = pattern(PER_SECOND as usize / 2);
    for kinds in super::KINDS {
        let rig = Rig::new(kinds, |relay| relay.limit(PER_SECOND));
        let began = Instant::now();
        let both = [(&rig.client, &rig.server), (&rig.server, &rig.client)];
        thread::scope(|threads| {
            let bytes = &bytes;
            for (from, to) in both {
                threads.spawn(move || {
                    say(from, bytes);
                    end(from);
                });
                threads.spawn(move || {
                    let (mut to, mut got) = (to, vec![0; 64 << 10]);
                    let mut arrived = 0;
                    loop {
                        let more = to.read(&mut got).unwrap();
                        assert!(bytes[arrived..].starts_with(&got[..more]));
                        arrived += more;
                        assert!(arrived as u64 <= allowed(began.elapsed()), "{arrived}");
                        if more == 0 {
                            break;
                        }
                    }
                    assert_eq!(arrived, bytes.len());
                });
            }
        });
        let relayed = rig.relay.join().unwrap().unwrap();
        assert_eq!(relayed.bytes(), 2 * bytes.len() as u64);
        assert!(bytes.len() as u64 <= allowed(relayed.elapsed));
    }
}

#[test]
fn a_peer_that_was_silent_gets_no_burst_for_it() {
    let ((client, a), (server, b)) = (pair(Kind::Unix), pair(Kind::Unix));
    let relay = Relay::new(a, b).limit(PER_SECOND);
    let monitor = relay.monitor();
    let relay = thread::spawn(move || relay.run().map_err(Box::new));
    thread::park_timeout(Duration::from_millis(300));
    let began = Instant::now();
    let bytes = pattern(PER_SECOND as usize / 4);
    thread::scope(|threads| {
        threads.spawn(|| {
            say(&client, &bytes);
            end(&client);
        });
        let (mut arrived, mut got) = (0, vec![0; 64 << 10]);
        while arrived < bytes.len() {
            arrived += (&server).read(&mut got).unwrap();
            assert!(arrived as u64 <= allowed(began.elapsed()), "{arrived}");
        }
    });
    end(&server);
    relay.join().unwrap().unwrap();
    assert_eq!(monitor.snapshot().bytes(), bytes.len() as u64);
}

#[test]
fn a_limit_that_holds_both_ways_is_ended_by_a_token_and_costs_no_time_of_the_processor() {
    let ((client, a), (server, b)) = (pair(Kind::Unix), pair(Kind::Unix));
    let token = CancelToken::new();
    // The second byte of each side is due after a second, and both sides have hung up by then.
    let relay = Relay::new(a, b).limit(1).cancel_with(&token);
    let monitor = relay.monitor();
    for peer in [&client, &server] {
        say(peer, b"ab");
        peer.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let run = move || {
        let outcome = relay.run().map_err(Box::new);
        (outcome, clock_gettime(ClockId::ThreadCPUTime))
    };
    let (outcome, worked) = interrupted("poll", run, || {
        let moved = || monitor.snapshot().bytes() == 2;
        until("the first bytes have moved", moved);
        thread::park_timeout(Duration::from_millis(300));
        token.abort("enough");
    });
    let failure = outcome.unwrap_err();
    let worked = (worked.tv_sec, worked.tv_nsec / 1_000_000);
    assert!(worked < (0, 100), "{worked:?}");
    assert_eq!(
        (failure.report.a_to_b.read, failure.report.b_to_a.read),
        (1, 1)
    );
    drop((client, server));
}

#[test]
fn a_limit_at_which_nothing_moves_fails_before_anything_is_read() {
    let ((client, a), (server, b)) = (pair(Kind::Unix), pair(Kind::Unix));
    say(&client, b"unread");
    let failure = Relay::new(a, b).limit(0).run().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::InvalidInput);
    let said = failure.error.to_string();
    assert!(said.contains("a limit of 0 a second"), "{said}");
    assert_eq!((failure.report.a_to_b.read, failure.report.bytes()), (0, 0));
    drop((client, server));
}

#[test]
fn a_monitor_sees_what_is_held_while_nobody_reads_and_what_came_of_it() {
    let ((mut client, a), (server, b)) = (pair(Kind::Tcp), pair(Kind::Tcp));
    let high = 16 << 10;
    let relay = Relay::new(a, b).high_water_mark(HighWaterMark::bytes(high));
    let monitor = relay.monitor();
    assert_eq!(monitor.snapshot().a_to_b, DirectionCounts::default());
    let relay = thread::spawn(move || relay.run().map_err(Box::new));
    let bytes = pattern(64 << 20);
    client.set_nonblocking(true).unwrap();
    // Nobody reads: it goes on until all that is between is full.
    let (mut written, mut full) = (0, 0);
    while full < 200 {
        match client.write(&bytes[written..]) {
            Ok(more) => (written, full) = (written + more, 0),
            Err(_) => {
                full += 1;
                thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
    let seen = monitor.snapshot();
    let held = seen.a_to_b.read - seen.a_to_b.confirmed;
    // Below its low mark it would have read again.
    assert!(
        (high as u64 / 2 + 1..=high as u64).contains(&held),
        "{held}"
    );
    assert_eq!((seen.b_to_a.read, seen.b_to_a.confirmed), (0, 0));
    client.set_nonblocking(false).unwrap();
    end(&client);
    let got = thread::spawn(move || {
        let got = everything(&server).unwrap();
        end(&server);
        got
    });
    assert!(got.join().unwrap() == bytes[..written]);
    let relayed = relay.join().unwrap().unwrap();
    let seen = monitor.snapshot();
    assert_eq!(seen.a_to_b.confirmed, relayed.a_to_b.confirmed);
    assert_eq!(seen.bytes(), written as u64);
}
