//! A token and a timeout, wherever a thread may be blocked.

use std::io::ErrorKind::ConnectionReset;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use highwater::net::{self, Socket};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, IntoSink, IntoSource, Sink, Source, fs, pipeline,
};

use crate::endpoints::sockets::pair;
use crate::support::{Folder, bounded, interrupted, watched};

/// The two arms of a token.
const ARMS: [fn(&CancelToken); 2] = [|token| token.stop(), |token| token.abort("enough")];

#[track_caller]
fn is_cancelled(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:#}");
}

/// Somebody who lets nobody in: his backlog is full. Gone with what keeps it so.
fn full() -> (SocketAddr, socket2::Socket, TcpStream) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    let first = TcpStream::connect(addr).unwrap();
    (addr, socket, first)
}

#[test]
fn a_connect_that_nobody_answers_is_ended() {
    let (addr, ..) = &full();
    for arm in ARMS {
        let token = CancelToken::new();
        let connect = net::connect(addr.to_string()).cancel_with(&token);
        let again = connect.clone();
        let error = interrupted("poll", move || connect.open().unwrap_err(), || arm(&token));
        is_cancelled(&error);
        is_cancelled(&watched(move || again.open().unwrap_err()));
    }
    let brief = net::connect(addr.to_string()).timeout(Duration::from_millis(20));
    let error = watched(move || brief.open().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
}

#[test]
fn a_connect_that_is_ended_is_no_empty_stream_to_the_peer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let token = CancelToken::new();
    token.abort("too late");
    is_cancelled(&net::connect(addr).cancel_with(&token).open().unwrap_err());
    let got = watched(move || listener.accept().unwrap().0.read(&mut [0; 1]));
    assert_eq!(got.unwrap_err().kind(), ConnectionReset);
}

#[test]
fn an_accept_that_nobody_comes_for_is_ended() {
    let folder = Folder::new();
    for arm in ARMS {
        for unix in [false, true] {
            let token = CancelToken::new();
            let listener = if unix {
                net::listen_unix(folder.path("socket"))
            } else {
                net::listen("127.0.0.1:0")
            };
            let listener = listener.unwrap().cancel_with(&token);
            let call = move || (listener.accept().unwrap_err(), listener);
            let (error, listener) = interrupted("poll", call, || arm(&token));
            is_cancelled(&error);
            is_cancelled(&watched(move || listener.accept().unwrap_err()));
        }
    }
}

#[test]
fn a_read_that_nothing_comes_for_is_ended() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    for (number, arm) in ARMS.into_iter().enumerate() {
        let (ours, _peer) = pair();
        let sources: [Box<dyn Source<Bytes>>; 2] = [
            Box::new(fs::read(&fifo).unwrap()),
            Box::new(Socket::from(ours).into_source()),
        ];
        for source in sources {
            let token = CancelToken::new();
            let run = pipeline(source).cancel_with(&token).to(Vec::new());
            let outcome = interrupted("futex", move || run.run(), || arm(&token));
            match outcome {
                Ok(report) => assert!(number == 0 && report.was_stopped()),
                Err(failure) if number == 1 => is_cancelled(&failure.error),
                Err(failure) => panic!("{failure:?}"),
            }
        }
    }
}

#[test]
fn a_write_that_nobody_takes_is_ended() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    let (ours, peer) = pair();
    let nobody_reads: [Box<dyn Sink<Bytes>>; 2] = [
        Box::new(fs::create(&fifo).unwrap()),
        Box::new(Socket::from(ours).into_sink()),
    ];
    for sink in nobody_reads {
        let token = CancelToken::new();
        let run = pipeline(fs::read("/dev/zero").unwrap()).cancel_with(&token);
        let run = run.to(sink);
        let failure = interrupted(
            "poll",
            move || run.run().unwrap_err(),
            || token.abort("enough"),
        );
        is_cancelled(&failure.error);
        bounded(&failure.report);
    }
    drop(peer);
}

#[test]
fn a_stop_lets_through_what_a_peer_still_takes() {
    let (ours, mut peer) = pair();
    let token = CancelToken::new();
    let run = pipeline(fs::read("/dev/zero").unwrap()).cancel_with(&token);
    let run = run.to(ours);
    let mut taken = 0;
    let mut taker = None;
    let report = interrupted(
        "poll",
        move || run.run().unwrap(),
        || {
            token.stop();
            taker = Some(thread::spawn(move || {
                let mut got = Vec::new();
                peer.read_to_end(&mut got).map(|_| got.len())
            }));
        },
    );
    if let Some(taker) = taker {
        taken = taker.join().unwrap().unwrap();
    }
    assert!(report.was_stopped());
    assert_eq!(report.bytes(), taken as u64, "confirmed, and arrived");
    bounded(&report);
}

#[test]
fn a_peer_that_moves_nothing_is_given_up() {
    let listener = net::listen("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let brief = Duration::from_millis(20);
    let ours = net::connect(addr).idle_timeout(brief).open().unwrap();
    let peer = listener.idle_timeout(brief).accept().unwrap();
    let (source, sink) = ours.split();
    let read = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    assert_eq!(read.error.kind(), ErrorKind::TimedOut, "{read:?}");
    let write = pipeline(fs::read("/dev/zero").unwrap()).to(sink);
    let write = watched(|| write.run().unwrap_err());
    assert_eq!(write.error.kind(), ErrorKind::TimedOut, "{write:?}");
    bounded(&write.report);
    drop(peer);
}
