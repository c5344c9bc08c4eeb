//! Options: each reaches the system, and a wrong one is named.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use highwater::net::{self, Address, KeepAlive, Listen, Socket, SocketOptions};
use highwater::{ErrorKind, HighWaterMark, fs, pipeline};
use socket2::SockRef;

use crate::net::scene::{everything, ours_and_peer};
use crate::support::{Folder, bounded, pattern, watched};

const KIB: usize = 1 << 10;

fn all() -> SocketOptions {
    let keep_alive = KeepAlive::new()
        .idle(Duration::from_millis(6500))
        .interval(Duration::from_secs(3))
        .count(4);
    SocketOptions::new()
        .no_delay(false)
        .keep_alive(keep_alive)
        .send_buffer(40 * KIB)
        .receive_buffer(50 * KIB)
        .notsent_lowat(12345)
        .user_timeout(Duration::from_micros(1_234_500))
}

#[track_caller]
fn has_all(socket: &Socket) {
    let socket = SockRef::from(socket);
    assert!(!socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    assert_eq!(
        socket.tcp_keepalive_time().unwrap(),
        Duration::from_secs(7),
        "no less than was asked for"
    );
    let interval = socket.tcp_keepalive_interval().unwrap();
    assert_eq!(interval, Duration::from_secs(3));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    assert_eq!(socket.send_buffer_size().unwrap(), 80 * KIB);
    assert_eq!(socket.recv_buffer_size().unwrap(), 100 * KIB);
    assert_eq!(socket.tcp_notsent_lowat().unwrap(), 12345);
    let timeout = socket.tcp_user_timeout().unwrap();
    assert_eq!(timeout, Some(Duration::from_millis(1235)));
}

#[test]
fn every_option_reaches_sockets_that_connect_that_are_accepted_and_that_are_there() {
    let listen = Listen::on(Address::Tcp("127.0.0.1:0".into())).options(&all());
    let listener = listen.open().unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let mut plain = net::connect(&*addr).open().unwrap();
    assert!(SockRef::from(&plain).tcp_nodelay().unwrap(), "by default");
    has_all(&listener.accept().unwrap());
    plain.set_options(&all()).unwrap();
    has_all(&plain);

    has_all(&net::connect(&*addr).options(&all()).open().unwrap());
    let listener = listener.options(&SocketOptions::new()).unwrap();
    drop(listener.accept().unwrap());
    net::connect(&*addr).open().unwrap();
    let accepted = listener.accept().unwrap();
    assert!(SockRef::from(&accepted).tcp_nodelay().unwrap());
}

#[test]
fn a_value_that_makes_no_sense_is_refused_by_name() {
    let keep = KeepAlive::new;
    let new = SocketOptions::new;
    let wrong = [
        ("send_buffer", new().send_buffer(0)),
        ("send_buffer", new().send_buffer(usize::MAX)),
        ("receive_buffer", new().receive_buffer(0)),
        ("receive_buffer", new().receive_buffer(1 << 31)),
        ("notsent_lowat", new().notsent_lowat(0)),
        ("notsent_lowat", new().notsent_lowat(1 << 31)),
        ("user_timeout", new().user_timeout(Duration::ZERO)),
        ("user_timeout", new().user_timeout(Duration::MAX)),
        (
            "keep_alive.idle",
            new().keep_alive(keep().idle(Duration::ZERO)),
        ),
        (
            "keep_alive.idle",
            new().keep_alive(keep().idle(Duration::MAX)),
        ),
        // The system's own limits.
        (
            "keep_alive.interval",
            new().keep_alive(keep().interval(Duration::from_secs(40_000))),
        ),
        ("keep_alive.count", new().keep_alive(keep().count(0))),
        ("keep_alive.count", new().keep_alive(keep().count(1000))),
        ("keep_alive.count", new().keep_alive(keep().count(u32::MAX))),
    ];
    let (mut there, _peer) = ours_and_peer(&new());
    let nowhere = net::connect("127.0.0.1:1");
    for (name, options) in wrong {
        let listen = Listen::on(Address::Tcp("127.0.0.1:0".into()));
        let listener = net::listen("127.0.0.1:0").unwrap();
        let refusals = [
            nowhere.clone().options(&options).open().unwrap_err(),
            listen.options(&options).open().unwrap_err(),
            listener.options(&options).unwrap_err(),
            there.set_options(&options).unwrap_err(),
        ];
        for refused in refusals {
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused:?}");
            assert!(
                refused.to_string().contains(&format!("`{name}`")),
                "{refused}"
            );
            assert!(refused.stage().unwrap().contains("127.0.0.1"), "{refused}");
        }
    }
}

#[test]
fn what_only_tcp_has_is_refused_by_a_unix_socket() {
    let folder = Folder::new();
    let listener = net::listen_unix(folder.path("socket")).unwrap();
    let sized = SocketOptions::new().send_buffer(40 * KIB);
    let connect = net::connect_unix(folder.path("socket"));
    let ours = connect.clone().options(&sized).open().unwrap();
    assert_eq!(SockRef::from(&ours).send_buffer_size().unwrap(), 80 * KIB);
    let accepted = listener.accept().unwrap();
    for address in [ours.peer_addr(), ours.local_addr(), accepted.peer_addr()] {
        assert_eq!(address.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let wrong = [
        ("no_delay", SocketOptions::new().no_delay(true)),
        (
            "keep_alive",
            SocketOptions::new().keep_alive(KeepAlive::new()),
        ),
        ("notsent_lowat", SocketOptions::new().notsent_lowat(1)),
        (
            "user_timeout",
            SocketOptions::new().user_timeout(Duration::MAX),
        ),
    ];
    for (name, options) in wrong {
        let refused = connect.clone().options(&options).open().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(refused.to_string().contains(name), "{refused}");
    }
    let local = connect.local_addr("127.0.0.1:0".parse().unwrap());
    assert_eq!(local.open().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn bytes_are_counted_both_ways_while_they_move_and_afterwards() {
    watched(|| {
        let (ours, mut peer) = ours_and_peer(&SocketOptions::new());
        let name = ours.peer_addr().unwrap();
        assert_eq!(name, peer.local_addr().unwrap());
        assert_eq!(ours.local_addr().unwrap(), peer.peer_addr().unwrap());
        let monitor = ours.monitor();
        let (source, sink) = ours.split();
        peer.write_all(&pattern(100_000)).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let (report, got) = pipeline(source).to(Vec::new()).run_into().unwrap();
        assert!(got.into_inner() == pattern(100_000));
        bounded(&report);
        assert_eq!(
            (monitor.bytes_read(), monitor.bytes_written()),
            (100_000, 0)
        );

        // Nobody reads: what was written is what the system holds, and is known from outside.
        let run = pipeline(fs::read("/dev/zero").unwrap());
        let token = highwater::CancelToken::new();
        let run = run.cancel_with(&token).to(sink);
        let running = thread::spawn(move || run.run().unwrap_err());
        crate::support::until("it has written", || monitor.bytes_written() > 0);
        token.abort("enough");
        let failure = running.join().unwrap();
        assert_eq!(failure.report.bytes(), monitor.bytes_written());
        bounded(&failure.report);
        drop(peer);
    });
}

/// How much is written to a peer that reads nothing, until a write waits.
fn written_ahead(options: &SocketOptions) -> u64 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener)
        .set_recv_buffer_size(8 * KIB)
        .unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let impatient = options.clone().write_timeout(Duration::from_millis(50));
    let ours = net::connect(addr).options(&impatient).open().unwrap();
    let _peer = listener.accept().unwrap();
    let monitor = ours.monitor();
    let mark = HighWaterMark::bytes(4 * KIB);
    let failure = pipeline(fs::read("/dev/zero").unwrap())
        .high_water_mark(mark)
        .to(ours)
        .run()
        .unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    bounded(&failure.report);
    monitor.bytes_written()
}

#[test]
fn buffers_and_the_low_water_mark_of_the_system_bound_what_is_written_ahead() {
    watched(|| {
        let large = SocketOptions::new().send_buffer(2048 * KIB);
        let free = written_ahead(&large);
        let marked = written_ahead(&large.clone().notsent_lowat(16 * KIB));
        let small = written_ahead(&SocketOptions::new().send_buffer(8 * KIB));
        assert!(free > 400 * KIB as u64, "{free}");
        // A write that was let in is taken as a whole: a chunk may stand above the mark.
        assert!(marked < 300 * KIB as u64, "{marked}");
        assert!(small < 100 * KIB as u64, "{small}");
    });
}

#[test]
fn either_half_can_be_closed_and_the_other_goes_on() {
    watched(|| {
        let (ours, mut peer) = ours_and_peer(&SocketOptions::new());
        ours.shutdown(Shutdown::Write).unwrap();
        assert_eq!(everything(&peer).unwrap(), b"");
        peer.write_all(&pattern(50_000)).unwrap();
        drop(peer);
        let (report, got) = pipeline(ours).to(Vec::new()).run_into().unwrap();
        bounded(&report);
        assert!(got.into_inner() == pattern(50_000));

        let (ours, peer) = ours_and_peer(&SocketOptions::new());
        ours.shutdown(Shutdown::Read).unwrap();
        let (source, sink) = ours.split();
        assert_eq!(pipeline(source).to(Vec::new()).run().unwrap().bytes(), 0);
        let got = thread::spawn(move || everything(peer).unwrap());
        bounded(&pipeline(pattern(50_000)).to(sink).run().unwrap());
        assert!(got.join().unwrap() == pattern(50_000));

        // What was closed takes nothing, and says so.
        let (ours, _peer) = ours_and_peer(&SocketOptions::new());
        ours.shutdown(Shutdown::Both).unwrap();
        let failure = pipeline(pattern(10)).to(ours).run().unwrap_err();
        let broken = ErrorKind::Io(io::ErrorKind::BrokenPipe);
        assert_eq!(failure.error.kind(), broken);
        assert_eq!(failure.report.bytes(), 0);
    });
}

#[test]
fn a_socket_that_is_reset_says_so_to_its_peer() {
    let (ours, mut peer) = ours_and_peer(&SocketOptions::new());
    ours.reset().unwrap();
    let error = peer.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_life_that_is_over_ends_what_still_moves() {
    watched(|| {
        let brief = SocketOptions::new().lifetime(Duration::from_millis(50));
        let (ours, mut peer) = ours_and_peer(&brief);
        let sends = thread::spawn(move || while peer.write_all(&[0; 4096]).is_ok() {});
        let failure = pipeline(ours).to(Vec::new()).run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
        let said = failure.error.to_string();
        assert!(
            said.contains("lifetime") && said.contains("at byte"),
            "{said}"
        );
        bounded(&failure.report);
        sends.join().unwrap();

        let (ours, peer) = ours_and_peer(&brief);
        let takes = thread::spawn(move || everything(peer).unwrap_err());
        let write = pipeline(fs::read("/dev/zero").unwrap()).to(ours);
        let failure = write.run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
        bounded(&failure.report);
        assert_eq!(takes.join().unwrap().kind(), io::ErrorKind::ConnectionReset);

        // One that waits for a peer who does nothing ends as well, before a longer timeout.
        let patient = brief.read_timeout(Duration::MAX);
        let (ours, _peer) = ours_and_peer(&patient);
        let failure = pipeline(ours).to(Vec::new()).run().unwrap_err();
        assert!(failure.error.to_string().contains("lifetime"), "{failure}");
    });
}

#[test]
fn no_time_at_all_and_all_the_time_there_is_make_sense() {
    watched(|| {
        let never_waits = SocketOptions::new().idle_timeout(Duration::ZERO);
        let (ours, mut peer) = ours_and_peer(&never_waits);
        peer.write_all(b"is there").unwrap();
        let (mut got, run) = (Vec::new(), highwater::IntoSource::into_source(ours));
        let mut run = highwater::Readable::from_source(run, HighWaterMark::bytes(KIB));
        let error = loop {
            match run.next().unwrap() {
                Ok(chunk) => got.extend_from_slice(&chunk),
                Err(error) => break error,
            }
        };
        assert_eq!(
            (&*got, error.kind()),
            (&b"is there"[..], ErrorKind::TimedOut)
        );

        let for_ever = SocketOptions::new()
            .idle_timeout(Duration::MAX)
            .lifetime(Duration::MAX);
        let (ours, mut peer) = ours_and_peer(&for_ever);
        peer.write_all(b"ours").unwrap();
        drop(peer);
        let report = pipeline(ours).to(Vec::new()).run().unwrap();
        assert_eq!(report.bytes(), 4);
    });
}

#[test]
fn a_port_is_shared_by_those_who_say_so() {
    let share = |addr: String| Listen::on(Address::Tcp(addr)).reuse_port();
    let first = share("127.0.0.1:0".into()).open().unwrap();
    let addr = first.local_addr().unwrap().to_string();
    let second = share(addr.clone()).open().unwrap();
    assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    let taken = net::listen(addr).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Io(io::ErrorKind::AddrInUse));
}

#[test]
fn an_ipv6_listener_takes_ipv4_or_not_as_it_is_told() {
    let listen = |host: &str| Listen::on(Address::Tcp(host.into()));
    let both = match listen("[::]:0").dual_stack(true).open() {
        Ok(both) => both,
        Err(error) => return eprintln!("SKIPPED: there is no IPv6: {error:#}"),
    };
    let port = both.local_addr().unwrap().port();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    TcpStream::connect(("::1", port)).unwrap();
    let own = listen("[::]:0").dual_stack(false).open().unwrap();
    let port = own.local_addr().unwrap().port();
    TcpStream::connect(("::1", port)).unwrap();
    let refused = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let wrong = listen("127.0.0.1:0").dual_stack(true).open().unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
    assert!(wrong.to_string().contains("`dual_stack`"), "{wrong}");
}
