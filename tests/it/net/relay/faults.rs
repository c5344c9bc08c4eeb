//! Faults: a reset is passed on as one, and what was read is delivered or given back.

use std::io::{ErrorKind as Io, Write};
use std::net::Shutdown;

use highwater::net::DirectionEnd;
use highwater::{CancelToken, ErrorKind, HighWaterMark};

use super::{Kind, Rig, accounts, end, everything, hear, reset, say};

use crate::support::{pattern, until};

#[test]
fn a_reset_is_passed_on_as_a_reset_behind_what_came_before_it() {
    for turned in [false, true] {
        let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| relay);
        let (first, second, relay) = rig.turned(turned);
        say(&first, b"half of it");
        assert_eq!(hear(&second, 10), b"half of it");
        reset(first);
        let error = everything(&second).unwrap_err();
        assert_eq!(error.kind(), Io::ConnectionReset);
        let failure = relay.join().unwrap().unwrap_err();
        let reset_by_peer = ErrorKind::Io(Io::ConnectionReset);
        assert_eq!(failure.error.kind(), reset_by_peer, "{failure:?}");
        assert_eq!(failure.error.offset(), Some(10));
        let said = failure.to_string();
        assert!(
            said.starts_with("failed to read from `tcp://127.0.0.1:"),
            "{said}"
        );
        let (broken, other) = match turned {
            false => (&failure.report.a_to_b, &failure.report.b_to_a),
            true => (&failure.report.b_to_a, &failure.report.a_to_b),
        };
        assert_eq!((broken.read, broken.confirmed), (10, 10));
        assert!(
            matches!(broken.ended, DirectionEnd::ReadFailed(_)),
            "{broken}"
        );
        assert!(matches!(other.ended, DirectionEnd::BrokenOff), "{other}");
        accounts(&failure, 128 << 10);
    }
}

#[test]
fn a_reset_is_noticed_on_a_side_that_is_only_written_to() {
    let Rig {
        client,
        server,
        relay,
    } = Rig::new([Kind::Tcp, Kind::Tcp], |relay| relay);
    end(&client);
    assert_eq!(everything(&server).unwrap(), b""); // from now on nothing is read from the client
    reset(client);
    let failure = relay.join().unwrap().unwrap_err();
    // What Linux calls a reset of a peer that has ended.
    assert_eq!(failure.error.kind(), ErrorKind::Io(Io::BrokenPipe));
    // The server, which has had an end, learns of it when it answers.
    until("the server is told", || (&server).write(b"answer").is_err());
    let report = &failure.report;
    assert!(matches!(report.a_to_b.ended, DirectionEnd::End), "{report}");
    assert!(
        matches!(report.b_to_a.ended, DirectionEnd::WriteFailed(_)),
        "{report}"
    );
}

#[test]
fn an_answer_arrives_although_its_server_takes_no_more() {
    // One that says so, and goes on.
    let Rig {
        client,
        server,
        relay,
    } = Rig::new([Kind::Tcp, Kind::Unix], |relay| relay);
    server.shutdown(Shutdown::Read).unwrap();
    say(&client, b"unheard");
    say(&server, b"still ");
    assert_eq!(hear(&client, 6), b"still ");
    say(&server, b"here");
    end(&server);
    assert_eq!(everything(&client).unwrap(), b"here");
    let failure = relay.join().unwrap().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::Io(Io::BrokenPipe));
    assert_eq!(failure.undelivered_to_b, &b"unheard"[..]);
    let report = &failure.report;
    assert!(
        matches!(report.a_to_b.ended, DirectionEnd::WriteFailed(_)),
        "{report}"
    );
    assert!(matches!(report.b_to_a.ended, DirectionEnd::End), "{report}");
    accounts(&failure, 128 << 10);

    // One that closes on what it was sent: its system makes that a reset.
    let Rig {
        client,
        server,
        relay,
    } = Rig::new([Kind::Tcp, Kind::Tcp], |relay| relay);
    say(&client, b"unread");
    until("the server has got it", || {
        server
            .peek(&mut [std::mem::MaybeUninit::uninit(); 6])
            .unwrap()
            == 6
    });
    say(&server, b"no");
    drop(server);
    assert_eq!(hear(&client, 2), b"no");
    assert_eq!(everything(&client).unwrap_err().kind(), Io::ConnectionReset);
    let failure = relay.join().unwrap().unwrap_err();
    assert_eq!(failure.report.b_to_a.confirmed, 2);
    accounts(&failure, 128 << 10);
}

#[test]
fn a_peer_that_never_reads_costs_a_mark_and_slows_the_other_down() {
    const HIGH: usize = 64 << 10;
    let bytes = pattern(64 << 20);
    for kinds in super::KINDS {
        let token = CancelToken::new();
        let rig = Rig::new(kinds, |relay| {
            let mark = HighWaterMark::bytes(HIGH);
            relay.high_water_mark(mark).cancel_with(&token)
        });
        // Its write times out when there is no room left between here and the server.
        let brief = std::time::Duration::from_millis(200);
        rig.client.set_write_timeout(Some(brief)).unwrap();
        let mut written = 0;
        while let Ok(more) = (&rig.client).write(&bytes[written..]) {
            written += more;
        }
        assert!(written < bytes.len(), "nothing slowed it down");
        token.abort("it never reads");
        let failure = rig.relay.join().unwrap().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
        accounts(&failure, HIGH);
        let held = &failure.undelivered_to_b;
        assert!(
            held.len() > HIGH / 2,
            "{} held: it was held up by nothing",
            held.len()
        );
        let from = usize::try_from(failure.report.a_to_b.confirmed).unwrap();
        assert!(
            held == &bytes[from..from + held.len()],
            "what is given back comes next"
        );
        drop(rig.server);
    }
}

#[test]
fn what_was_read_before_a_reset_waits_for_a_slow_peer() {
    const HIGH: usize = 64 << 10;
    let rig = Rig::new([Kind::Unix, Kind::Unix], |relay| {
        relay.high_water_mark(HighWaterMark::bytes(HIGH))
    });
    // A Unix socket that is closed with something unread in it fails as with a reset.
    let bytes = pattern(64 << 20);
    rig.client.set_nonblocking(true).unwrap();
    let mut written = 0;
    let mut rest = 200; // looks, until nothing has moved for long
    while rest > 0 {
        match (&rig.client).write(&bytes[written..]) {
            Ok(more) => (written, rest) = (written + more, 200),
            Err(_) => {
                rest -= 1;
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
        }
    }
    say(&rig.server, b"unread");
    until("the client has got it", || {
        rig.client
            .peek(&mut [std::mem::MaybeUninit::uninit(); 6])
            .is_ok_and(|got| got == 6)
    });
    drop(rig.client);
    let got = everything(&rig.server).unwrap();
    assert!(got == bytes[..written], "{} of {written}", got.len());
    let failure = rig.relay.join().unwrap().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::Io(Io::ConnectionReset));
    assert_eq!(failure.report.a_to_b.confirmed, written as u64);
    accounts(&failure, HIGH);
}
