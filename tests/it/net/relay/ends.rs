//! Ends in peace: each is passed on, in either order, and the totals are exact.

use std::thread;

use highwater::net::{DirectionEnd, relay};

use super::{KINDS, Kind, Rig, end, everything, hear, pair, say};

use crate::support::pattern;

#[test]
fn an_end_is_passed_on_while_the_other_direction_goes_on() {
    for kinds in KINDS {
        for turned in [false, true] {
            let (first, second, relay) = Rig::new(kinds, |relay| relay).turned(turned);
            say(&first, b"asked");
            end(&first);
            assert_eq!(everything(&second).unwrap(), b"asked");
            for _ in 0..3 {
                say(&second, b"answered");
                assert_eq!(hear(&first, 8), b"answered"); // long after its own end
            }
            end(&second);
            assert_eq!(everything(&first).unwrap(), b"");
            let relayed = relay.join().unwrap().unwrap();
            let (asked, answered) = match turned {
                false => (relayed.a_to_b, relayed.b_to_a),
                true => (relayed.b_to_a, relayed.a_to_b),
            };
            assert_eq!((asked.read, asked.confirmed), (5, 5));
            assert_eq!((answered.read, answered.confirmed), (24, 24));
            assert!(matches!(asked.ended, DirectionEnd::End), "{asked}");
            assert!(matches!(answered.ended, DirectionEnd::End), "{answered}");
        }
    }
}

#[test]
fn a_peer_that_closes_whole_ends_in_peace_if_nothing_more_was_meant_for_it() {
    for kinds in KINDS {
        let Rig {
            client,
            server,
            relay,
        } = Rig::new(kinds, |relay| relay);
        say(&client, b"all that there is");
        drop(client);
        assert_eq!(everything(&server).unwrap(), b"all that there is");
        drop(server);
        let relayed = relay.join().unwrap().unwrap();
        assert_eq!(relayed.bytes(), 17);
        assert!(!relayed.was_stopped());
    }
}

#[test]
fn much_goes_both_ways_at_once_through_the_short_form() {
    const BYTES: usize = 4 << 20;
    for kinds in [[Kind::Tcp, Kind::Unix], [Kind::Unix, Kind::Tcp]] {
        let ((client, a), (server, b)) = (pair(kinds[0]), pair(kinds[1]));
        let (to_b, to_a) = (pattern(BYTES + 1), pattern(BYTES - 1));
        thread::scope(|scope| {
            let relay = scope.spawn(|| relay(a, b).map_err(Box::new));
            for (peer, bytes) in [(&client, &to_b), (&server, &to_a)] {
                scope.spawn(move || {
                    say(peer, bytes);
                    end(peer);
                });
            }
            let client_got = scope.spawn(|| everything(&client).unwrap());
            assert!(everything(&server).unwrap() == to_b);
            assert!(client_got.join().unwrap() == to_a);
            let relayed = relay.join().unwrap().unwrap();
            assert_eq!(relayed.a_to_b.confirmed, to_b.len() as u64);
            assert_eq!(relayed.b_to_a.confirmed, to_a.len() as u64);
        });
    }
}

#[test]
fn a_report_is_for_people() {
    let Rig {
        client,
        server,
        relay,
    } = Rig::new([Kind::Tcp, Kind::Unix], |relay| relay);
    say(&client, b"four");
    drop(client);
    assert_eq!(everything(&server).unwrap(), b"four");
    drop(server);
    let said = relay.join().unwrap().unwrap().to_string();
    assert!(said.starts_with("tcp://127.0.0.1:"), "{said}");
    assert!(
        said.contains(" to unix: 4 bytes, ended\nunix to tcp://127.0.0.1:"),
        "{said}"
    );
    assert!(said.contains(": 0 bytes, ended\n4 B in "), "{said}");
}

#[test]
fn progress_is_told_up_to_the_last_byte_and_a_panic_in_it_is_an_error() {
    let (tell, told) = std::sync::mpsc::channel();
    let every = std::time::Duration::ZERO;
    let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| {
        relay.progress_every(every, move |progress| tell.send(progress.bytes).unwrap())
    });
    say(&rig.client, b"asked");
    assert_eq!(hear(&rig.server, 5), b"asked");
    say(&rig.server, b"answered");
    drop(rig.server);
    assert_eq!(everything(&rig.client).unwrap(), b"answered");
    drop(rig.client);
    rig.relay.join().unwrap().unwrap();
    assert_eq!(told.iter().last(), Some(13));

    let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| {
        relay.progress_every(every, |_| panic!("no more"))
    });
    say(&rig.client, b"asked");
    let failure = rig.relay.join().unwrap().unwrap_err();
    assert_eq!(failure.error.kind(), highwater::ErrorKind::Panicked);
    super::accounts(&failure, 128 << 10);
}
