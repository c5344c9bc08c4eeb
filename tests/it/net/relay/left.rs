//! What is left when it is over: no thread, and no descriptor; and what it costs while it runs.

use highwater::CancelToken;
use highwater::net::Relay;

use super::{KINDS, Kind, Rig, end, everything, hear, pair, reset, say};
use crate::support::{alone, listed, until};

/// Threads and descriptors are those of a process, so it is looked at in one of its own.
#[test]
fn a_relay_costs_no_thread_and_one_descriptor_and_leaves_neither() {
    alone(|| {
        let scenarios: [(&str, fn()); 4] = [
            ("in peace", in_peace),
            ("resets", resets),
            ("cancels", cancels),
            ("never run", never_run),
        ];
        for (what, scenario) in scenarios {
            let before = (listed("/proc/self/fd"), listed("/proc/self/task"));
            scenario();
            // The kernel forgets a thread a moment after it was joined.
            until(what, || {
                before == (listed("/proc/self/fd"), listed("/proc/self/task"))
            });
        }
    });
}

fn in_peace() {
    for kinds in KINDS {
        let before = (
            listed("/proc/self/fd").len(),
            listed("/proc/self/task").len(),
        );
        let token = CancelToken::new();
        let rig = Rig::new(kinds, |relay| relay.cancel_with(&token));
        say(&rig.client, b"asked");
        assert_eq!(hear(&rig.server, 5), b"asked");
        // Two pairs of sockets and what the token wakes; the thread is the rig's own.
        let running = (
            listed("/proc/self/fd").len(),
            listed("/proc/self/task").len(),
        );
        assert_eq!(running, (before.0 + 5, before.1 + 1));
        end(&rig.client);
        end(&rig.server);
        assert_eq!(everything(&rig.client).unwrap(), b"");
        rig.relay.join().unwrap().unwrap();
        until("the kernel has forgotten its thread", || {
            listed("/proc/self/task").len() == before.1
        });
    }
}

fn resets() {
    for turned in [false, true] {
        let rig = Rig::new([Kind::Tcp, Kind::Tcp], |relay| relay);
        let (first, second, relay) = rig.turned(turned);
        reset(first);
        everything(&second).unwrap_err();
        relay.join().unwrap().unwrap_err();
    }
}

fn cancels() {
    let token = CancelToken::new();
    let rig = Rig::new([Kind::Unix, Kind::Tcp], |relay| relay.cancel_with(&token));
    say(&rig.client, b"asked");
    assert_eq!(hear(&rig.server, 5), b"asked");
    token.abort("enough");
    rig.relay.join().unwrap().unwrap_err();
    // One that comes after the fact does nothing.
    let ((client, a), (_server, b)) = (pair(Kind::Tcp), pair(Kind::Unix));
    say(&client, b"too late");
    let late = Relay::new(a, b).cancel_with(&token).run().unwrap_err();
    assert_eq!(late.report.a_to_b.confirmed, 0);
}

fn never_run() {
    let ((client, a), (_server, b)) = (pair(Kind::Tcp), pair(Kind::Tcp));
    drop(Relay::new(a, b));
    assert_eq!(everything(&client).unwrap(), b"");
}
