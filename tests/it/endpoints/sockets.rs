//! Sockets: every byte once, whichever side ends first, and a reset that is no end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use highwater::net::{self, Socket, SocketOptions};
use highwater::{CancelToken, ErrorKind, HighWaterMark, IntoSink, Sink, pipeline};

use crate::support::{Folder, bounded, pattern, until, watched};

/// Two ends of one connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn everything(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut got = Vec::new();
    from.read_to_end(&mut got).map(|_| got)
}

#[test]
fn std_sockets_are_ends_and_tiny_buffers_lose_nothing() {
    const BYTES: usize = 300_001;
    watched(|| {
        let (tcp, tcp_peer) = pair();
        socket2::SockRef::from(&tcp)
            .set_send_buffer_size(1)
            .unwrap();
        let reader = thread::spawn(move || pipeline(tcp_peer).to(Vec::new()).run_into());
        let mark = HighWaterMark::bytes(32 << 10);
        let report = pipeline(pattern(BYTES)).high_water_mark(mark).to(tcp).run();
        bounded(&report.unwrap());
        let (report, got) = reader.join().unwrap().unwrap();
        bounded(&report);
        assert!(got.into_inner() == pattern(BYTES));

        let (unix, unix_peer) = UnixStream::pair().unwrap();
        socket2::SockRef::from(&unix)
            .set_send_buffer_size(1)
            .unwrap();
        let reader = thread::spawn(move || pipeline(unix_peer).to(Vec::new()).run_into());
        let report = pipeline(pattern(BYTES))
            .high_water_mark(mark)
            .to(unix)
            .run();
        bounded(&report.unwrap());
        let (report, got) = reader.join().unwrap().unwrap();
        bounded(&report);
        assert!(got.into_inner() == pattern(BYTES));
    });
}

#[test]
fn an_answer_comes_after_our_end() {
    watched(|| {
        let (ours, mut peer) = pair();
        let answers = thread::spawn(move || {
            let got = everything(&peer).unwrap();
            peer.write_all(&got).unwrap();
        });
        let (source, sink) = Socket::from(ours).split();
        pipeline(&b"asked"[..]).to(sink).run().unwrap();
        let (report, got) = pipeline(source).to(Vec::new()).run_into().unwrap();
        assert_eq!(got.into_inner(), b"asked");
        bounded(&report);
        answers.join().unwrap();
    });
}

#[test]
fn we_may_go_on_after_the_end_of_the_peer() {
    watched(|| {
        let (ours, peer) = pair();
        peer.shutdown(Shutdown::Write).unwrap();
        let (source, sink) = Socket::from(ours).split();
        let report = pipeline(source).to(Vec::new()).run().unwrap();
        assert_eq!(report.bytes(), 0);
        let got = thread::spawn(move || everything(peer));
        bounded(&pipeline(pattern(100_000)).to(sink).run().unwrap());
        assert!(got.join().unwrap().unwrap() == pattern(100_000));
    });
}

#[test]
fn a_reset_is_an_error_to_whoever_reads_and_whoever_writes() {
    fn reset(peer: TcpStream) {
        let socket = socket2::SockRef::from(&peer);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    watched(|| {
        let (ours, peer) = pair();
        let ours = Socket::from(ours); // whose name is asked for while it is known
        reset(peer);
        let failure = pipeline(ours).to(Vec::new()).run().unwrap_err();
        let reset_by_peer = ErrorKind::Io(io::ErrorKind::ConnectionReset);
        assert_eq!(failure.error.kind(), reset_by_peer);
        assert!(
            failure.to_string().contains("tcp://127.0.0.1:"),
            "{failure}"
        );

        let (ours, peer) = pair();
        reset(peer);
        let failure = pipeline(pattern(1 << 20)).to(ours).run().unwrap_err();
        assert_eq!(failure.error.kind(), reset_by_peer);
        assert_eq!(failure.report.bytes(), 0);
        bounded(&failure.report);

        // The writing half is told first; the other one must not take that for an end.
        let (ours, peer) = pair();
        let (source, sink) = Socket::from(ours).split();
        reset(peer);
        pipeline(pattern(1 << 20)).to(sink).run().unwrap_err();
        let after = pipeline(source).to(Vec::new()).run().unwrap_err();
        assert_eq!(after.error.kind(), reset_by_peer);
    });
}

#[test]
fn a_sink_that_is_not_finished_resets_its_peer() {
    watched(|| {
        let (ours, peer) = pair();
        drop(Socket::from(ours).into_sink());
        let error = everything(peer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

        let (ours, peer) = pair();
        let failing = highwater::ReadSource::new(Fails, "fails");
        pipeline(failing).to(ours).run().unwrap_err();
        let error = everything(peer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

struct Fails;

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("no more"))
    }
}

#[test]
fn a_sink_that_lingers_waits_for_the_end_of_its_peer() {
    watched(|| {
        let (ours, mut peer) = pair();
        peer.write_all(b"hello").unwrap();
        let taker = thread::spawn(move || {
            let got = everything(&peer);
            peer.write_all(b"goodbye").unwrap();
            got
        });
        let sink = Socket::from(ours).into_sink().linger(Duration::MAX);
        bounded(&pipeline(pattern(100_000)).to(sink).run().unwrap());
        assert!(taker.join().unwrap().unwrap() == pattern(100_000));

        // One that does not end is left.
        let (ours, peer) = pair();
        let sink = Socket::from(ours).into_sink();
        pipeline(&b"x"[..])
            .to(sink.linger(Duration::from_millis(10)))
            .run()
            .unwrap();
        assert_eq!(everything(peer).unwrap(), b"x");

        // One that resets has not taken it.
        let (ours, peer) = pair();
        let sink = Socket::from(ours).into_sink().linger(Duration::MAX);
        let leaver = thread::spawn(move || {
            (&peer).read_exact(&mut [0; 1]).unwrap();
            socket2::SockRef::from(&peer)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        });
        pipeline(pattern(10)).to(sink).run().unwrap_err();
        leaver.join().unwrap();
    });
}

#[test]
fn a_sink_that_lingers_leaves_a_peer_that_sends_for_ever() {
    for by_cancel in [true, false] {
        let (ours, peer) = pair();
        let sends = thread::spawn(move || {
            (&peer).read_exact(&mut [0; 1]).unwrap();
            while (&peer).write_all(&[b'x'; 64 << 10]).is_ok() {}
        });
        let mut socket = Socket::from(ours);
        if !by_cancel {
            let options = SocketOptions::new().lifetime(Duration::from_millis(200));
            socket.set_options(&options).unwrap();
        }
        let (moved, sink) = (socket.monitor(), socket.into_sink().linger(Duration::MAX));
        let token = CancelToken::new();
        let held = token.clone();
        let runs = thread::spawn(move || pipeline(&b"x"[..]).cancel_with(&held).to(sink).run());
        until("it has sent what waits nowhere", || {
            moved.bytes_read() > 16 << 20
        });
        if by_cancel {
            token.abort("enough");
        }
        let ended = watched(|| runs.join().unwrap());
        match ended {
            Err(error) => assert_eq!(
                (by_cancel, error.error.kind()),
                (true, ErrorKind::Cancelled)
            ),
            Ok(report) => assert_eq!((by_cancel, report.bytes()), (false, 1)),
        }
        sends.join().unwrap();
    }
}

#[test]
fn a_listener_on_a_path_takes_away_its_file_and_no_other() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = net::listen_unix(&path).unwrap();
    let taken = net::listen_unix(&path).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Io(io::ErrorKind::AddrInUse));
    assert!(path.exists(), "taken away by one who never had it");
    let (give, take) = (path.clone(), listener);
    let client = thread::spawn(move || {
        let socket = net::connect_unix(give).open().unwrap();
        pipeline(pattern(100_000)).to(socket).run().unwrap()
    });
    let (report, got) = watched(move || {
        let socket = take.accept().unwrap();
        pipeline(socket).to(Vec::new()).run_into().unwrap()
    });
    bounded(&report);
    assert!(got.into_inner() == pattern(100_000));
    bounded(&client.join().unwrap());
    assert!(!path.exists());

    let listener = net::listen_unix(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists(), "it belongs to somebody else by now");
    drop(other);
}

#[test]
fn addresses_that_lead_nowhere_are_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let closed = closed.unwrap().to_string();
    let refused = watched(move || net::connect(closed).open().unwrap_err());
    let kind = ErrorKind::Io(io::ErrorKind::ConnectionRefused);
    assert_eq!(refused.kind(), kind);
    assert!(
        refused.to_string().contains("tcp://127.0.0.1:"),
        "{refused}"
    );

    let folder = Folder::new();
    let missing = net::connect_unix(folder.path("socket")).open().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io(io::ErrorKind::NotFound));
    let long = net::connect_unix("x".repeat(200)).open().unwrap_err();
    assert!(long.to_string().contains("unix:xxx"), "{long}");

    let owner = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = owner.local_addr().unwrap().to_string();
    let error = net::listen(&*taken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::AddrInUse));
    assert!(error.to_string().contains(&taken), "{error}");
}

#[test]
fn names_say_who_is_at_the_other_end() {
    let listener = net::listen("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let socket = net::connect(&*addr).open().unwrap();
    assert_eq!(socket.name(), format!("tcp://{addr}"));
    let sink = socket.into_sink();
    assert_eq!(sink.name(), format!("tcp://{addr}"));
    assert!(
        listener
            .accept()
            .unwrap()
            .name()
            .starts_with("tcp://127.0.0.1:")
    );
}
