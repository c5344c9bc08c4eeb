//! Faults, for real: each with its cause, none that hangs, and nothing lost that was confirmed.

use std::io::{self, ErrorKind::ConnectionReset, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use highwater::net::{self, Socket, SocketOptions};
use highwater::stream::BranchPolicy;
use highwater::{
    Branch, Bytes, CancelToken, Error, ErrorKind, HighWaterMark, IntoSource, Sink, Source,
    broadcast, fs, pipeline,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;

use crate::net::scene::{everything, ours_and_peer};
use crate::support::{alone, bounded, held, pattern, until, watched};

const BYTES: usize = 3 << 20;

/// What is done in turn with somebody else, who never does his part.
fn pause(time: Duration) {
    let (_never, none) = mpsc::channel::<()>();
    let nothing = none.recv_timeout(time);
    assert_eq!(nothing, Err(mpsc::RecvTimeoutError::Timeout));
}

#[test]
fn a_reset_in_the_middle_is_told_to_both_halves_and_what_came_before_is_right() {
    watched(|| {
        let (ours, mut peer) = ours_and_peer(&SocketOptions::new());
        let (source, sink) = ours.split();
        let reader = thread::spawn(move || pipeline(source).to(Vec::new()).run().unwrap_err());
        let resets = thread::spawn(move || {
            peer.write_all(&pattern(1000)).unwrap();
            let mut got = vec![0; BYTES];
            peer.read_exact(&mut got).unwrap();
            // Only when what was sent has been taken: a reset throws away what is on the way.
            until("it was taken", || unacknowledged(&peer) == 0);
            SockRef::from(&peer)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            got
        });
        let run = pipeline(fs::read("/dev/zero").unwrap()).to(sink);
        let write = run.run().unwrap_err();
        let read = reader.join().unwrap();
        let got = resets.join().unwrap();
        assert!(got.iter().all(|byte| *byte == 0));
        for failure in [&write, &read] {
            assert_eq!(failure.error.kind(), ErrorKind::Io(ConnectionReset));
            bounded(&failure.report);
        }
        assert!(
            write.report.bytes() >= BYTES as u64,
            "what arrived was confirmed"
        );
        assert_eq!(write.error.offset(), Some(write.report.bytes()));
        assert_eq!(read.report.bytes(), 1000);
    });
}

/// How much of what was sent the other side has not taken, as the system tells in its table.
fn unacknowledged(socket: &TcpStream) -> u64 {
    let port = format!(":{:04X} ", socket.local_addr().unwrap().port());
    let peer = format!(":{:04X} ", socket.peer_addr().unwrap().port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let own = |line: &&str| {
        let words: Vec<_> = line.split_whitespace().take(3).collect();
        words[1].ends_with(port.trim_end()) && words[2].ends_with(peer.trim_end())
    };
    let line = table.lines().skip(1).find(own).unwrap();
    let queues = line.split_whitespace().nth(4).unwrap();
    u64::from_str_radix(queues.split(':').next().unwrap(), 16).unwrap()
}

#[test]
fn a_reset_before_the_end_is_why_it_cannot_be_ended() {
    for told in [true, false] {
        let (ours, peer) = ours_and_peer(&SocketOptions::new());
        let (mut source, mut sink) = ours.split();
        SockRef::from(&peer)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(peer);
        if told {
            let error = source.read().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io(ConnectionReset));
        }
        let error = sink.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io(ConnectionReset), "{error:#}");
        let error = source.read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io(ConnectionReset), "{error:#}");
    }
}

/// Sends and takes everything at the same time, on both sides; one of them ends first.
#[test]
fn whichever_side_ends_first_both_have_everything() {
    for ours_first in [true, false] {
        watched(move || {
            let (ours, peer) = ours_and_peer(&SocketOptions::new());
            let (source, sink) = ours.split();
            let (tell, told) = mpsc::channel();
            let peers = peer.try_clone().unwrap();
            let sends = thread::spawn(move || {
                if ours_first {
                    told.recv().unwrap();
                }
                (&peers).write_all(&pattern(BYTES)).unwrap();
                peers.shutdown(Shutdown::Write).unwrap();
                told
            });
            let takes = thread::spawn(move || {
                let got = everything(&peer).unwrap();
                let _ = tell.send(());
                got
            });
            let reader = thread::spawn(move || pipeline(source).to(Vec::new()).run_into().unwrap());
            let write = || bounded(&pipeline(pattern(BYTES)).to(sink).run().unwrap());
            let read = || reader.join().unwrap();
            let (report, got) = if ours_first {
                write();
                read()
            } else {
                let got = read();
                write();
                got
            };
            bounded(&report);
            assert!(got.into_inner() == pattern(BYTES));
            assert!(takes.join().unwrap() == pattern(BYTES));
            drop(sends.join().unwrap());
        });
    }
}

#[test]
fn a_peer_with_no_window_is_given_up_and_what_it_took_is_counted() {
    watched(|| {
        let brief = SocketOptions::new().write_timeout(Duration::from_millis(100));
        let (ours, mut peer) = ours_and_peer(&brief);
        let monitor = ours.monitor();
        let mark = HighWaterMark::bytes(64 << 10);
        let run = pipeline(pattern(16 << 20)).high_water_mark(mark).to(ours);
        let failure = run.run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
        let said = failure.error.to_string();
        assert!(said.contains("the peer to take"), "{said}");
        assert_eq!(failure.error.offset(), Some(monitor.bytes_written()));
        assert_eq!(failure.report.bytes(), monitor.bytes_written());
        bounded(&failure.report);
        // It has not got all of it, and is not to think so.
        let mut got = Vec::new();
        let error = peer.read_to_end(&mut got).unwrap_err();
        assert_eq!(error.kind(), ConnectionReset);
        assert!(pattern(16 << 20).starts_with(&got));
    });
}

#[test]
fn a_peer_that_takes_little_is_not_taken_for_one_that_takes_nothing() {
    watched(|| {
        let patience = Duration::from_millis(400);
        let (ours, mut peer) = ours_and_peer(&SocketOptions::new().write_timeout(patience));
        let began = Instant::now();
        let (tell, told) = mpsc::channel();
        let taker = thread::spawn(move || {
            let mut got = vec![0; 64 << 10];
            let mut taken = 0;
            // Much too slow for a third of what the system keeps to be free in that time.
            while told.try_recv().is_err() {
                pause(Duration::from_millis(40));
                taken += peer.read(&mut got).unwrap();
            }
            taken + everything(peer).unwrap().len()
        });
        let report = pipeline(pattern(5 << 20)).to(ours).run().unwrap();
        let took = began.elapsed();
        tell.send(()).unwrap();
        assert_eq!(taker.join().unwrap(), 5 << 20);
        assert!(took > patience, "it was never kept waiting: {took:?}");
        bounded(&report);
    });
}

fn is_emfile(error: &Error) -> bool {
    let emfile = rustix::io::Errno::MFILE.raw_os_error();
    error.io_error().and_then(io::Error::raw_os_error) == Some(emfile)
}

#[test]
fn when_descriptors_are_exhausted_each_call_says_so_and_whoever_waits_is_not_lost() {
    alone(|| {
        watched(|| {
            let listener = net::listen("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap().to_string();
            let ours = net::connect(&*addr).open().unwrap();
            let before = held();
            let limit = getrlimit(Resource::Nofile);
            let few = Rlimit {
                current: Some(before.1 as u64 + 8),
                ..limit
            };
            setrlimit(Resource::Nofile, few).unwrap();
            let mut hoard = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                hoard.push(file);
            }
            let accept = listener.accept().unwrap_err();
            assert!(accept.to_string().contains(&addr), "{accept}");
            let connect = net::connect(&*addr).open().unwrap_err();
            let listen = net::listen("127.0.0.1:0").unwrap_err();
            for error in [&accept, &connect, &listen] {
                assert!(is_emfile(error), "{error:?}");
            }
            // A half that has no descriptor to be woken by is woken all the same.
            let (mut source, sink) = ours.split();
            source.interrupt().unwrap().wake();
            assert_eq!(source.read().unwrap_err().kind(), ErrorKind::Cancelled);
            drop((source, sink));

            hoard.clear();
            let accepted = listener.accept().unwrap();
            let error = pipeline(accepted).to(Vec::new()).run().unwrap_err();
            // By the sink that was dropped.
            assert_eq!(error.error.kind(), ErrorKind::Io(ConnectionReset));
            setrlimit(Resource::Nofile, limit).unwrap();
            until("nothing is left", || held().1 < before.1);
        });
    });
}

#[test]
fn nobody_is_accepted_once_a_token_was_used_although_somebody_waits() {
    let token = CancelToken::new();
    let listener = net::listen("127.0.0.1:0").unwrap().cancel_with(&token);
    let addr = listener.local_addr().unwrap().to_string();
    let mut waiting = net::connect(addr).open().unwrap();
    token.stop();
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let no_time = SocketOptions::new().read_timeout(Duration::ZERO);
    waiting.set_options(&no_time).unwrap();
    let mut source: <Socket as IntoSource<_>>::Source = waiting.into_source();
    let still_there = source.read().unwrap_err();
    assert_eq!(still_there.kind(), ErrorKind::TimedOut);
    drop(listener);
    let reset = source.read().unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::Io(ConnectionReset));
}

#[test]
fn a_client_that_does_not_read_is_cut_off_from_a_broadcast_with_its_socket() {
    watched(|| {
        const MARK: usize = 64 * 1024;
        let mark = HighWaterMark::bytes(MARK);
        let mut writer = broadcast::<Bytes, _>(mark);
        let all = writer.subscribe(BranchPolicy::Slowest);
        let counted = thread::spawn(move || all.map(|chunk| chunk.unwrap().len()).sum::<usize>());
        let begins: [fn(Branch<Bytes>, Socket) -> Error; 2] = [
            |branch, socket| {
                let failure = pipeline(branch).to(socket).run().unwrap_err();
                bounded(&failure.report);
                failure.error
            },
            |branch, socket| {
                let out = socket.writable(HighWaterMark::bytes(MARK));
                branch.pipe_to(out).map(drop).unwrap_err()
            },
        ];
        let mut written = 0;
        for begin in begins {
            for policy in [
                BranchPolicy::Disconnect(Duration::from_millis(10)),
                BranchPolicy::Cap(2 * MARK),
            ] {
                let (ours, mut peer) = ours_and_peer(&SocketOptions::new());
                let branch = writer.subscribe(policy);
                let client = thread::spawn(move || begin(branch, ours));
                while writer.branches() > 1 {
                    let chunk = pattern(8 * 1024);
                    written += chunk.len();
                    writer.write(chunk.into()).unwrap();
                }
                // The peer is there, and reads nothing.
                let error = client.join().unwrap();
                let kind = match policy {
                    BranchPolicy::Cap(_) => ErrorKind::LimitExceeded,
                    _ => ErrorKind::TimedOut,
                };
                assert_eq!(error.kind(), kind, "{error:?}");
                // Its socket is closed: there is an end, or a reset, behind what was sent.
                let _ = peer.read_to_end(&mut Vec::new());
            }
        }
        assert!(writer.peak() <= 2 * MARK + 8 * 1024);
        writer.finish().unwrap();
        assert_eq!(counted.join().unwrap(), written);
    });
}
