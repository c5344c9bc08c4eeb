//! Backpressure, in bytes, from the reader's hand to the writer's, whatever the kernels would take.

use std::io::{ErrorKind as Io, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use highwater::wire::{self, DATA_BYTES_MAX, Frame, Role, WireSink};
use highwater::{Bytes, HighWaterMark, WriteError, pipeline};

use crate::support::{pattern, watched};
use crate::wire::kit::{Peer, both, tcp};

#[test]
fn a_reader_that_stands_still_bounds_what_its_writer_has_sent() {
    const CHUNK: usize = 1_000;
    watched(|| {
        for mark in [10_000, 100_000] {
            for (ours, theirs) in both() {
                let mut writer = wire::send(ours, HighWaterMark::bytes(mark));
                let mut reader = wire::receive(theirs, HighWaterMark::bytes(mark));
                let mut written = 0;
                let mut fill = |writer: &mut highwater::Writable<Bytes, WireSink>| {
                    loop {
                        let chunk = Bytes::from(vec![7; CHUNK]);
                        match writer.write_timeout(chunk, Duration::from_millis(300)) {
                            Ok(_) => written += CHUNK,
                            Err(WriteError::TimedOut(_)) => break written,
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                };
                writer.write(Bytes::from_static(&[7; CHUNK])).unwrap();
                let first = reader.next().unwrap().unwrap();
                // Both marks and the writer's chunk, where the kernels alone would take megabytes.
                let bound = first.len() + 2 * mark + CHUNK;
                let full = fill(&mut writer) + CHUNK;
                assert!(full <= bound, "{full} of {bound}");
                assert!(full >= mark, "{full}: it is more than a rendezvous");
                assert!(writer.len() <= mark + CHUNK);

                // What is read makes room, for a write that waits too, and no more than that.
                let mut read = first.len();
                thread::scope(|scope| {
                    let waits = scope.spawn(|| writer.write(Bytes::from_static(&[7; CHUNK])));
                    while read < mark || !waits.is_finished() {
                        read += reader.next().unwrap().unwrap().len();
                    }
                    waits.join().unwrap().unwrap();
                });
                let more = fill(&mut writer) + 2 * CHUNK;
                assert!(more <= bound - first.len() + read, "{more}");

                let ends = thread::spawn(move || writer.finish().map(drop));
                let mut rest = 0;
                for chunk in reader {
                    rest += chunk.unwrap().len();
                }
                assert_eq!(read + rest, more, "nothing is lost or doubled");
                ends.join().unwrap().unwrap();
            }
        }
    });
}

#[test]
fn not_a_byte_is_sent_beyond_the_credit() {
    watched(|| {
        let (ours, theirs) = tcp();
        let quiet = Duration::from_millis(50);
        let writer = pipeline(pattern(200_000)).to(WireSink::new(ours.into()));
        let writer = thread::spawn(move || writer.run().unwrap());
        let mut peer = Peer::new(&theirs, Role::Reader);
        let mut got = Vec::new();
        let mut granted = 0;
        for credit in [1, 999, 1, 70_000, 128_999, 1_000_000] {
            peer.say(&Frame::Credit(credit));
            granted += credit as usize;
            let mut announced = 0;
            while got.len() < granted.min(200_000) {
                match peer.hear().unwrap() {
                    Frame::Data(bytes) => {
                        assert!(bytes as usize <= DATA_BYTES_MAX);
                        announced += bytes as usize;
                    }
                    Frame::Body(piece) => got.extend_from_slice(&piece),
                    _ => {}
                }
                assert!(announced <= credit as usize, "over the credit");
            }
            if granted < 200_000 {
                // Silence, though the kernels have room.
                theirs.set_read_timeout(Some(quiet)).unwrap();
                let silence = (&theirs).read(&mut [0; 1]).unwrap_err().kind();
                assert_eq!(silence, Io::WouldBlock);
                theirs.set_read_timeout(None).unwrap();
            }
        }
        assert!(got == pattern(200_000));
        peer.hear_until(|frame| matches!(frame, Frame::End));
        // It has all, and has not read it.
        peer.say(&Frame::Credit(1));
        theirs.set_read_timeout(Some(quiet)).unwrap();
        let silence = (&theirs).read(&mut [0; 1]).unwrap_err().kind();
        assert_eq!(silence, Io::WouldBlock);
        assert!(!writer.is_finished());
        peer.say(&Frame::Done);
        assert_eq!(writer.join().unwrap().bytes(), 200_000);
    });
}

#[test]
fn a_reader_gives_no_more_credit_than_its_mark() {
    watched(|| {
        let (ours, theirs) = tcp();
        let mut reader = wire::receive(ours.into(), HighWaterMark::bytes(1_000));
        let mut peer = Peer::new(theirs, Role::Writer);
        let take = thread::spawn(move || (reader.next().unwrap().unwrap(), reader));
        let Frame::Credit(first) = peer.hear_until(|frame| matches!(frame, Frame::Credit(_)))
        else {
            unreachable!("it was waited for")
        };
        assert_eq!(first, 500, "half is on its way, half read ahead");
        static DATA: [u8; 500] = [7; 500];
        peer.data(&DATA[..10]);
        let (taken, reader) = take.join().unwrap();
        assert_eq!(taken.len(), 10);
        // All of the credit is used, and read ahead as far as the other half goes.
        peer.data(&DATA[..490]);
        let mut granted = first;
        let mut sent = 500;
        while sent < 990 {
            let Frame::Credit(more) = peer.hear_until(|frame| matches!(frame, Frame::Credit(_)))
            else {
                unreachable!("it was waited for")
            };
            granted += more;
            // What was taken, and the mark: nobody has read anything since.
            assert!(granted <= 10 + 1_000, "{granted}");
            let chunk = (more as usize).min(990 - sent);
            peer.data(&DATA[..chunk]);
            sent += chunk;
        }
        peer.say(&Frame::End);
        let mut got = 10;
        for chunk in reader {
            got += chunk.unwrap().len();
        }
        assert_eq!(got, sent);
        peer.hear_until(|frame| matches!(frame, Frame::Done));
    });
}

/// Passes one byte on at a time, until its peer has ended.
fn trickle(mut from: TcpStream, mut to: TcpStream) {
    let mut byte = [0; 1];
    while let Ok(1) = from.read(&mut byte) {
        if to.write_all(&byte).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn a_connection_that_passes_one_byte_at_a_time_shows_nothing_of_it() {
    watched(|| {
        let (ours, near) = tcp();
        let (far, theirs) = tcp();
        for end in [&near, &far] {
            end.set_nodelay(true).unwrap();
        }
        let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let there = thread::spawn(move || trickle(near, far));
        let back = thread::spawn(move || trickle(far_again, near_again));
        let mark = HighWaterMark::bytes(1_000);
        let writer = thread::spawn(move || {
            let mut writer = wire::send(ours.into(), mark);
            writer.write(pattern(20_000).into())?;
            writer.finish().map(drop)
        });
        let reader = wire::receive(theirs.into(), mark);
        let got: Vec<Bytes> = reader.collect::<Result<_, _>>().unwrap();
        assert!(got.concat() == pattern(20_000));
        writer.join().unwrap().unwrap();
        there.join().unwrap();
        back.join().unwrap();
    });
}
