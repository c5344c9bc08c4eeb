//! A peer that vanishes: from one moment on every packet is lost, in a network of our own.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use highwater::net::{self, KeepAlive, Socket, SocketOptions};
use highwater::{CancelToken, Error, ErrorKind, fs, pipeline};

use crate::net::scene::{does, everything, ours_and_peer};
use crate::support::{alone_in_network, bounded, held, interrupted, pattern, skip, until, watched};

const TIMED_OUT: ErrorKind = ErrorKind::Io(io::ErrorKind::TimedOut);

/// Loses what is sent over the loopback from now on, or not any more.
fn lose(lost: bool) -> bool {
    let what = if lost { "replace" } else { "del" };
    let how = if lost { " blackhole" } else { "" };
    does(&format!("tc qdisc {what} dev lo root{how}"))
}

/// Says whether packets can be lost here; if not, says so loudly.
fn can_lose() -> bool {
    let can = does("ip link set lo up") && lose(true) && lose(false);
    if !can {
        skip("packets cannot be lost here (ip, tc, sch_blackhole)");
    }
    can
}

/// Two ends that have talked.
fn talked(options: &SocketOptions) -> (Socket, TcpStream) {
    let (ours, mut peer) = ours_and_peer(options);
    peer.write_all(b"hello").unwrap();
    (ours, peer)
}

#[test]
fn whoever_reads_or_writes_learns_that_its_peer_has_vanished() {
    alone_in_network(|| {
        if !can_lose() {
            return;
        }
        let before = held();
        let brief = Duration::from_millis(300);
        let new = SocketOptions::new;
        let asks = KeepAlive::new().idle(brief).interval(brief).count(1);
        let reading = [
            (
                "read timeout",
                new().read_timeout(brief),
                ErrorKind::TimedOut,
            ),
            ("lifetime", new().lifetime(brief), ErrorKind::TimedOut),
            ("keep-alive", new().keep_alive(asks), TIMED_OUT),
        ];
        for (what, options, kind) in reading {
            let (ours, peer) = talked(&options);
            assert!(lose(true));
            let failure = watched(|| pipeline(ours).to(Vec::new()).run().unwrap_err());
            assert_eq!(failure.error.kind(), kind, "{what}: {failure:?}");
            assert_eq!(failure.error.offset(), Some(5), "what has come was read");
            bounded(&failure.report);
            drop(peer);
            assert!(lose(false));
        }
        let writing = [
            (
                "write timeout",
                new().write_timeout(brief),
                ErrorKind::TimedOut,
            ),
            ("lifetime", new().lifetime(brief), ErrorKind::TimedOut),
            ("user timeout", new().user_timeout(brief), TIMED_OUT),
        ];
        for (what, options, kind) in writing {
            let (ours, peer) = talked(&options);
            assert!(lose(true));
            let run = pipeline(fs::read("/dev/zero").unwrap()).to(ours);
            let failure = watched(|| run.run().unwrap_err());
            assert_eq!(failure.error.kind(), kind, "{what}: {failure:?}");
            assert!(
                failure.report.bytes() > 0,
                "what the system has taken counts"
            );
            bounded(&failure.report);
            drop(peer);
            assert!(lose(false));
        }
        // The system tells it once, to one of the halves. The other one is not to see an end.
        for _ in 0..5 {
            let (ours, peer) = talked(&new().user_timeout(brief));
            let (source, sink) = ours.split();
            let reader = thread::spawn(|| pipeline(source).to(Vec::new()).run().unwrap_err());
            assert!(lose(true));
            let run = pipeline(fs::read("/dev/zero").unwrap()).to(sink);
            let write = watched(|| run.run().unwrap_err());
            let read = watched(move || reader.join().unwrap());
            assert_eq!(
                (write.error.kind(), read.error.kind()),
                (TIMED_OUT, TIMED_OUT)
            );
            drop(peer);
            assert!(lose(false));
        }
        until("nothing is left", || held() == before);
    });
}

#[test]
fn what_was_lost_on_the_way_is_sent_again_when_the_network_is_back() {
    alone_in_network(|| {
        if !can_lose() {
            return;
        }
        // Closed with its greeting unread, it would be reset: so it waits for the end of its peer.
        let (ours, mut peer) = talked(&SocketOptions::new().linger(Duration::MAX));
        assert!(lose(true));
        let run = pipeline(pattern(8 << 20)).to(ours);
        let call = move || run.run().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let report = interrupted("poll", call, || {
            assert!(lose(false));
            let taker = thread::spawn(move || everything(&mut peer).unwrap());
            tell.send(taker).unwrap();
        });
        let got = told.recv().unwrap().join().unwrap();
        assert!(got == pattern(8 << 20));
        assert_eq!(report.bytes(), got.len() as u64);
        bounded(&report);
    });
}

#[test]
fn a_connect_that_is_lost_and_a_name_server_that_has_gone_are_not_waited_for() {
    alone_in_network(|| {
        if !can_lose() {
            return;
        }
        let brief = Duration::from_millis(100);
        let known = net::listen("127.0.0.1:0").unwrap();
        let known = net::connect(known.local_addr().unwrap().to_string());
        assert!(lose(true));
        let lost = known.clone().timeout(brief);
        let error = watched(move || lost.open().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        // The server that names are asked of is ours now, and what it is asked is lost.
        let Some(server) = name_server() else {
            return skip("a part: no IPv4 name server is set");
        };
        assert!(does(&format!("ip addr add {server}/32 dev lo")));
        let name = net::connect("a-name-to-look-up.invalid:80");
        let late = name.clone().timeout(brief);
        let error = watched(move || late.open().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("looked up"), "{error}");
        let token = CancelToken::new();
        let cancelled = name.cancel_with(&token);
        let call = move || cancelled.open().unwrap_err();
        let error: Error = interrupted("poll", call, || token.stop());
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:#}");
    });
}

fn name_server() -> Option<String> {
    let text = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    let servers = text.lines().filter_map(|it| it.strip_prefix("nameserver "));
    let mut servers = servers.map(str::trim).map(str::to_owned);
    servers.find(|server| server.parse::<std::net::Ipv4Addr>().is_ok())
}
