//! What is written to a socket goes to the system at once, and to a thread only when it must.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use highwater::net::{Socket, SocketOptions};
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, IntoSink, Writable, WriteError};
use socket2::{Domain, SockRef, Socket as Socket2, Type};

use crate::support::{alone, in_time, own_threads, task, until};

const MARK: usize = 8 << 10;
const CHUNK_MAX: usize = 20_000;

type Out = Writable<Bytes, Socket>;

/// A stream over a connection that holds little, and its peer.
pub(crate) fn pair() -> (Out, TcpStream) {
    pair_of(1, 1)
}

/// The same, where our side and the peer hold so much. With a window of next to nothing a connection lives on
/// the timers of the system.
fn pair_of(ours_bytes: usize, peer_bytes: usize) -> (Out, TcpStream) {
    let (socket, peer) = sockets(ours_bytes, peer_bytes);
    (socket.writable(HighWaterMark::bytes(MARK)), peer)
}

fn sockets(ours_bytes: usize, peer_bytes: usize) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = Socket2::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Before the peer connects: if its window were large first and small then, each piece would wait for
    // a timer of the kernel.
    peer.set_recv_buffer_size(peer_bytes).unwrap();
    peer.connect(&listener.local_addr().unwrap().into())
        .unwrap();
    let (ours, _) = listener.accept().unwrap();
    SockRef::from(&ours)
        .set_send_buffer_size(ours_bytes)
        .unwrap();
    ours.set_nodelay(true).unwrap();
    (Socket::from(ours), peer.into())
}

fn reset(peer: TcpStream) {
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

/// Bytes in which a lost, doubled or moved piece shows.
fn pattern(at: usize, len: usize) -> Bytes {
    let byte = |n: usize| (n.wrapping_mul(0x9E37_79B9) >> 11) as u8;
    (at..at + len).map(byte).collect()
}

/// Numbers that look random, and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Writes until the system takes no more and the buffer is at its mark. Says how much that was.
fn fill(out: &mut Out) -> usize {
    let mut written = 0;
    loop {
        match out.try_write(pattern(written, 1000)) {
            Ok(_) => written += 1000,
            Err(refused) => {
                assert!(refused.is_full(), "{refused:?}");
                assert!(out.len() >= MARK && out.len() < MARK + 1000);
                return written;
            }
        }
    }
}

#[test]
fn a_peer_that_stalls_gets_a_thread_that_goes_when_it_is_quiet() {
    alone(|| {
        in_time(|| {
            let (mut out, mut peer) = pair();
            let mut at = 0;
            for _ in 0..3 {
                out.write(pattern(at, 100)).unwrap();
                assert_eq!((out.len(), own_threads().len()), (0, 0), "it was sent");
                let mut got = vec![0; 100];
                peer.read_exact(&mut got).unwrap();
                assert!(got == pattern(at, 100));

                let written = fill(&mut out);
                until("there is a thread", || {
                    own_threads() == ["highwater-write\n"]
                });
                let mut got = vec![0; written];
                peer.read_exact(&mut got).unwrap();
                assert!(got == pattern(0, written));
                at += 100 + written;
                until("it is all confirmed", || out.confirmed() == at as u64);
                // While the thread is there it is not used.
                out.write(pattern(at, 100)).unwrap();
                assert_eq!(out.len(), 0);
                peer.read_exact(&mut got[..100]).unwrap();
                at += 100;
                until("the thread is gone", || own_threads().is_empty());
            }
            out.finish().unwrap();
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        });
    });
}

#[test]
fn the_sink_of_a_socket_is_written_by_the_thread_that_writes_too() {
    alone(|| {
        in_time(|| {
            let (socket, mut peer) = sockets(1, 1);
            let mark = HighWaterMark::bytes(MARK);
            let mut out = Writable::from_sink(socket.into_sink(), mark);
            out.write(pattern(0, 100)).unwrap();
            assert_eq!((out.len(), own_threads().len()), (0, 0), "it was sent");
            drop(out.finish().unwrap());
            assert!(own_threads().is_empty());
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            assert!(got == pattern(0, 100));
        });
    });
}

#[test]
fn what_a_socket_was_told_holds_for_its_stream() {
    in_time(|| {
        let (mut socket, _peer) = sockets(1, 1);
        let stalled = SocketOptions::new().write_timeout(Duration::from_millis(20));
        socket.set_options(&stalled).unwrap();
        let mut out = socket.writable(HighWaterMark::bytes(MARK));
        let written = fill(&mut out) as u64;
        let error = out.wait_finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
        let rest = out.take_undelivered().weight() as u64;
        assert_eq!(out.confirmed() + rest, written);

        let (mut socket, mut peer) = sockets(1, 1);
        let over = SocketOptions::new().lifetime(Duration::from_nanos(1));
        socket.set_options(&over).unwrap();
        let mut out = socket.writable(HighWaterMark::bytes(MARK));
        let (chunk, error) = out.write(pattern(0, 10)).unwrap_err().into_parts();
        assert!(chunk == pattern(0, 10), "it has its chunk");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
        let error = peer.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_thread_that_waits_for_more_goes_with_its_stream() {
    for way in 0..5 {
        in_time(move || {
            let (mut out, mut peer) = pair();
            let token = CancelToken::new();
            out.cancel_with(&token);
            let written = fill(&mut out);
            peer.read_exact(&mut vec![0; written]).unwrap();
            until("it is all confirmed", || out.len() == 0);
            match way {
                0 => assert!(out.destroy(Error::other("enough")).is_empty()),
                1 => out.fail(Error::other("enough")),
                2 => token.abort("enough"),
                3 => token.stop(),
                _ => out.end(),
            }
            assert!(out.is_closed());
            let read = peer.read(&mut [0]).map_err(|error| error.kind());
            let reset = Err(io::ErrorKind::ConnectionReset);
            assert_eq!(read, if way < 3 { reset } else { Ok(0) });
            assert_eq!(out.finish().is_ok(), way >= 3);
        });
    }
}

#[test]
fn whatever_way_they_take_bytes_stay_in_order() {
    // How many writes went out before they were over, and how many did not.
    let ways = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    for seed in 0..24 {
        let counted = Arc::clone(&ways);
        in_time(move || {
            let mut dice = Dice(seed);
            let (mut out, mut peer) = pair_of([1, 32 << 10][seed as usize % 2], 128 << 10);
            let reader = task(move || {
                let mut dice = Dice(!seed);
                let mut got = Vec::new();
                let mut room = [0; 9000];
                loop {
                    let most = 1 + dice.below(room.len());
                    match peer.read(&mut room[..most]).unwrap() {
                        0 => return got,
                        read => got.extend_from_slice(&room[..read]),
                    }
                    if dice.below(4) == 0 {
                        (0..dice.below(50)).for_each(|_| std::thread::yield_now());
                    }
                }
            });
            let mut at = 0;
            let mut corks = Vec::new();
            for _ in 0..150 {
                let len = 1 + dice.below(CHUNK_MAX);
                let chunk = pattern(at, len);
                let written = match dice.below(7) {
                    0 => out.try_write(chunk).map(drop),
                    1 => out
                        .write_timeout(chunk, Duration::from_micros(50))
                        .map(drop),
                    2 => {
                        out.write_all(&chunk[..]).unwrap();
                        Ok(())
                    }
                    3 => {
                        let parts = [chunk.slice(..len / 2), chunk.slice(len / 2..)];
                        out.write_batch(&mut parts.into()).map(drop).unwrap();
                        Ok(())
                    }
                    _ => out.write(chunk).map(drop),
                };
                match written {
                    Ok(()) => at += len,
                    Err(WriteError::Full(chunk) | WriteError::TimedOut(chunk)) => {
                        assert!(chunk == pattern(at, len));
                    }
                    Err(error) => panic!("{error:?}"),
                }
                let held = out.len();
                assert!(held < MARK + CHUNK_MAX, "{held}");
                counted[usize::from(held > 0)].fetch_add(1, Ordering::Relaxed);
                match dice.below(10) {
                    0 => corks.push(out.cork()),
                    1 => drop(corks.pop()),
                    2 => {
                        Writable::flush(&mut out).unwrap();
                        assert_eq!(out.len(), 0);
                    }
                    _ => {}
                }
            }
            out.end();
            out.wait_finish().unwrap();
            assert_eq!(out.confirmed(), at as u64);
            drop(out);
            assert!(reader.join() == pattern(0, at), "seed {seed}");
        });
    }
    let [at_once, later] = ways.each_ref().map(|way| way.load(Ordering::Relaxed));
    assert!(at_once > 100 && later > 100, "{at_once} and {later}");
}

#[test]
fn a_reset_is_told_by_the_write_that_meets_it() {
    in_time(|| {
        let (mut out, peer) = pair();
        out.write(pattern(0, 10)).unwrap();
        reset(peer);
        let mut at = 10;
        let refused = loop {
            match out.write(pattern(at, 10)) {
                Ok(_) => at += 10,
                Err(refused) => break refused,
            }
        };
        let (chunk, error) = refused.into_parts();
        assert!(chunk == pattern(at, 10), "it has its chunk");
        assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
        assert_eq!(error.operation(), Some("write to"));
        assert_eq!(error.offset(), Some(at as u64));
        assert_eq!(out.confirmed(), at as u64);
        assert!(out.is_closed() && out.take_undelivered().is_empty());
        let again = out.write(chunk).unwrap_err();
        assert!(again.cause().unwrap().is_same(&error));
        assert!(out.finish().unwrap_err().is_same(&error));
    });
}

#[test]
fn a_reset_gives_back_what_was_queued() {
    in_time(|| {
        let (mut out, peer) = pair();
        let written = fill(&mut out) as u64;
        reset(peer);
        let error = out.wait_finish().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
        assert_eq!(error.offset(), Some(out.confirmed()));
        let rest = out.take_undelivered();
        assert_eq!(out.confirmed() + rest.weight() as u64, written);
        assert!(rest.weight() >= MARK);
    });
}

#[test]
fn a_token_ends_a_stream_that_has_no_thread() {
    in_time(|| {
        let (out, mut peer) = pair();
        let token = CancelToken::new();
        out.cancel_with(&token);
        token.abort("enough");
        let error = peer.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(out.is_closed());

        let (mut out, mut peer) = pair();
        let token = CancelToken::new();
        out.cancel_with(&token);
        out.write(pattern(0, 10)).unwrap();
        token.stop();
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        assert!(got == pattern(0, 10) && out.is_finished());
    });
}

#[test]
fn a_token_ends_a_write_that_is_blocked() {
    in_time(|| {
        let (mut out, _peer) = pair();
        let written = fill(&mut out) as u64;
        let token = CancelToken::new();
        out.cancel_with(&token);
        let writer = task(move || {
            let refused = out.write(pattern(0, 10)).unwrap_err();
            (refused, out)
        });
        writer.until_parked();
        token.abort("enough");
        let (refused, mut out) = writer.join();
        let cause = refused.cause().unwrap();
        assert_eq!(cause.kind(), ErrorKind::Cancelled);
        assert!(out.wait_finish().unwrap_err().is_same(cause));
        let rest = out.take_undelivered().weight() as u64;
        assert_eq!(out.confirmed() + rest, written);
    });
}

#[test]
fn what_is_corked_goes_out_with_the_cork() {
    in_time(|| {
        let (mut out, mut peer) = pair();
        let cork = out.cork();
        out.write("head".into()).unwrap();
        out.write("body".into()).unwrap();
        assert_eq!((out.len(), out.confirmed()), (8, 0));
        drop(cork);
        assert_eq!((out.len(), out.confirmed()), (0, 8));
        let mut got = [0; 8];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"headbody");

        // One that holds more than the mark is lifted by the writer that it would block.
        let cork = out.cork();
        while !out.write(pattern(0, 1000)).unwrap().reached() {}
        assert!(out.len() >= MARK);
        let reader = task(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).map(|_| got.len())
        });
        out.write(pattern(0, 1000)).unwrap();
        assert_eq!(out.corked(), 0);
        drop(cork);
        let all = out.confirmed() + out.len() as u64 - 8;
        out.finish().unwrap();
        assert_eq!(reader.join().unwrap() as u64, all);
    });
}

#[test]
fn an_end_reaches_the_peer_before_the_handle_is_gone() {
    in_time(|| {
        let (mut out, mut peer) = pair();
        out.end();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        assert!(out.is_finished());
        peer.write_all(b"an answer").unwrap();
        drop(peer);
        let socket = out.finish().unwrap();
        let (_, heard) = highwater::pipeline(socket)
            .to(Vec::new())
            .run_into()
            .unwrap();
        assert_eq!(heard.into_inner(), b"an answer");

        let (mut out, mut peer) = pair();
        let written = fill(&mut out);
        let finish = task(move || out.finish());
        finish.until_parked();
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        assert!(got == pattern(0, written));
        finish.join().unwrap();
    });
}

#[test]
fn a_handle_that_is_dropped_without_an_end_resets() {
    in_time(|| {
        for queued in [false, true] {
            let (mut out, mut peer) = pair();
            if queued {
                fill(&mut out);
            }
            drop(out);
            let error = peer.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    });
}
