//! Everything arrives, and the end is the end: of a stream, of a crash, of somebody's patience.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use highwater::lines::{self, Prefix};
use highwater::stage::Collect;
use highwater::wire::{self, Frame, Role, WireSink, WireSource};
use highwater::{
    Bytes, Error, ErrorKind, HighWaterMark, IntoSource, Readable, Source, fs, pipeline,
};

use crate::support::{bounded, pattern, watched};
use crate::wire::kit::{Peer, both, tcp};

#[test]
fn everything_arrives_in_order_whatever_the_marks() {
    const BYTES: usize = 300_001;
    watched(|| {
        for mark in [0, 1, 10, 4_097, 65_536, 1 << 20] {
            // A mark of a byte is a round trip for each.
            let bytes = BYTES.min(1_000 + mark * 200);
            for (ours, theirs) in both() {
                let mark = HighWaterMark::bytes(mark);
                let writer = thread::spawn(move || {
                    let mut writer = wire::send(ours, mark);
                    let mut rest = Bytes::from(pattern(bytes));
                    let mut size = 1;
                    while !rest.is_empty() {
                        size = (size * 3) % 100_003;
                        writer.write(rest.split_to(size.min(rest.len())))?;
                    }
                    writer.finish().map(drop)
                });
                let reader = wire::receive(theirs, mark);
                let got: Vec<Bytes> = reader.collect::<Result<_, _>>().unwrap();
                assert!(got.concat() == pattern(bytes), "{mark:?}");
                writer.join().unwrap().unwrap();
            }
        }
    });
}

// Rule 6: a wire carries bytes, and items with their lengths before them.
#[test]
fn items_of_nothing_come_through_a_wire_and_empty_chunks_add_nothing() {
    watched(|| {
        for mark in [0, 1, 10, 65_536].map(HighWaterMark::bytes) {
            for (ours, theirs) in both() {
                let items: Vec<Bytes> = (0..300).map(|n| pattern(n % 3).into()).collect();
                let source = Readable::from_iter(items.clone(), mark);
                let sending = thread::spawn(move || {
                    let framed = pipeline(source).through(lines::prepend_len(Prefix::U16Be));
                    framed.high_water_mark(mark).to(WireSink::new(ours)).run()
                });
                let received = pipeline(WireSource::new(theirs, mark)).high_water_mark(mark);
                let framed = received.through(lines::frames(Prefix::U16Be));
                let (report, got) = framed.to(Collect::at_most(300)).run_into().unwrap();
                assert_eq!(got.into_vec(), items, "{mark:?}");
                for stage in report.stages() {
                    let high = mark.high_water_mark();
                    // At a mark of 0 a chunk is as much as was sent at once.
                    let largest = if high == 0 { 900 } else { high };
                    let held = stage.buffer.map_or(0, |buffer| buffer.peak);
                    assert!(held < high + largest + 1, "{report}");
                }
                sending.join().unwrap().unwrap();
            }
            for (ours, theirs) in both() {
                let writer = thread::spawn(move || {
                    let mut writer = wire::send(ours, mark);
                    for part in ["", "a", "", "b", ""] {
                        for _ in 0..300 {
                            let _ = writer.write(Bytes::new())?;
                        }
                        let _ = writer.write(part.into())?;
                    }
                    writer.finish().map(drop)
                });
                let reader = wire::receive(theirs, mark);
                let got: Vec<Bytes> = reader.collect::<Result<_, _>>().unwrap();
                assert_eq!(got.concat(), b"ab");
                assert!(got.iter().all(|chunk| !chunk.is_empty()));
                writer.join().unwrap().unwrap();
            }
        }
    });
}

#[test]
fn pipelines_begin_and_end_in_a_wire() {
    const BYTES: usize = 3_000_000;
    watched(|| {
        for (ours, theirs) in both() {
            let writer =
                thread::spawn(move || pipeline(pattern(BYTES)).to(WireSink::new(ours)).run());
            let source = WireSource::new(theirs, HighWaterMark::default());
            let (report, got) = pipeline(source).to(Vec::new()).run_into().unwrap();
            assert!(got.into_inner() == pattern(BYTES));
            let sent = writer.join().unwrap().unwrap();
            assert_eq!((report.bytes(), sent.bytes()), (BYTES as u64, BYTES as u64));
            bounded(&report);
            bounded(&sent);
        }
    });
}

#[test]
fn an_end_without_data_is_an_end() {
    watched(|| {
        for (ours, theirs) in both() {
            let writer = thread::spawn(move || wire::send(ours, HighWaterMark::default()).finish());
            let mut reader = wire::receive(theirs, HighWaterMark::default());
            assert!(reader.next().is_none());
            assert!(reader.next().is_none(), "for ever after");
            drop(writer.join().unwrap().unwrap());
        }
    });
}

#[test]
fn a_finish_waits_until_the_reader_has_read_the_end() {
    watched(|| {
        for (ours, theirs) in both() {
            let mut writer = wire::send(ours, HighWaterMark::default());
            let mut reader = wire::receive(theirs, HighWaterMark::default());
            writer.write(Bytes::from_static(b"read ahead")).unwrap();
            assert_eq!(reader.next().unwrap().unwrap(), "read ahead");
            writer.write(Bytes::from_static(b" and not read")).unwrap();
            let early = writer.wait_finish_timeout(Duration::from_millis(50));
            assert_eq!(early.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(!writer.is_finished());
            assert_eq!(reader.next().unwrap().unwrap(), " and not read");
            assert!(reader.next().is_none());
            writer.wait_finish().unwrap();
            drop(writer.finish().unwrap());
        }
    });
}

#[test]
fn a_finish_is_no_success_if_the_reader_goes_before_it_has_read_everything() {
    watched(|| {
        for (ours, theirs) in both() {
            let mut writer = wire::send(ours, HighWaterMark::default());
            let mut reader = wire::receive(theirs, HighWaterMark::default());
            writer.write(Bytes::from_static(b"read")).unwrap();
            reader.next().unwrap().unwrap();
            writer.write(Bytes::from_static(b"not read")).unwrap();
            writer.end();
            drop(reader);
            let error = writer.finish().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{error:#}");
        }
    });
}

#[test]
fn a_pipeline_that_cannot_store_what_it_gets_tells_its_writer_why() {
    watched(|| {
        for (ours, theirs) in both() {
            let run = pipeline(pattern(1_000)).to(WireSink::new(ours));
            let writer = thread::spawn(move || run.run().unwrap_err());
            let source = WireSource::new(theirs, HighWaterMark::default());
            let full = fs::create("/dev/full").unwrap();
            let here = pipeline(source).to(full).run().unwrap_err();
            let there = writer.join().unwrap().error;
            assert_eq!(there.kind(), here.error.kind());
            assert_eq!(format!("{there:#}"), format!("{:#}", here.error));
            assert_eq!(there.stage(), Some("/dev/full"));
        }
    });
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    watched(|| {
        for (ours, theirs) in both() {
            let writer = pipeline(fs::read("/dev/zero").unwrap()).to(WireSink::new(ours));
            let writer = thread::spawn(move || writer.run().unwrap());
            let source = WireSource::new(theirs, HighWaterMark::default());
            let (report, _) = pipeline(source).take(2).to(Vec::new()).run_into().unwrap();
            assert!(report.bytes() > 0);
            // What was on its way, and what was sent until it heard of it.
            let sent = writer.join().unwrap().bytes();
            assert!(sent < 4 << 20, "{sent}");
        }
    });
}

#[track_caller]
fn is_premature(mut reader: impl Iterator<Item = Result<Bytes, Error>>, before: &[u8]) -> Error {
    let mut got = Vec::new();
    let error = loop {
        match reader.next().expect("an error is no end") {
            Ok(chunk) => got.extend_from_slice(&chunk),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::PrematureClose, "{error:#}");
    assert_eq!(got, before);
    error
}

#[test]
fn a_writer_that_goes_away_is_no_end() {
    watched(|| {
        for (ours, theirs) in both() {
            let mut writer = wire::send(ours, HighWaterMark::default());
            writer.write(Bytes::from_static(b"half")).unwrap();
            let mut reader = wire::receive(theirs, HighWaterMark::default());
            assert_eq!(reader.next().unwrap().unwrap(), "half");
            drop(writer);
            is_premature(reader, b"");
        }
    });
}

#[test]
fn a_connection_that_closes_or_is_reset_is_no_end() {
    fn cut_off(cut: impl Fn(TcpStream)) -> Error {
        let (ours, theirs) = tcp();
        let mut writer = Peer::new(theirs.try_clone().unwrap(), Role::Writer);
        let reader = wire::receive(ours.into(), HighWaterMark::default());
        let run = thread::spawn(move || is_premature(reader, b"half"));
        writer.hear_until(|frame| matches!(frame, Frame::Credit(_)));
        writer.say(&Frame::Data(10));
        writer.say(&Frame::Body(Bytes::from_static(b"half")));
        drop(writer);
        cut(theirs);
        run.join().unwrap()
    }
    watched(|| {
        let closed = cut_off(|theirs| theirs.shutdown(Shutdown::Write).unwrap());
        assert_eq!(closed.offset(), Some(4));
        cut_off(drop);
    });
    watched(|| {
        let (ours, theirs) = tcp();
        let mut source = WireSource::new(ours.into(), HighWaterMark::default());
        let socket = socket2::SockRef::from(&theirs);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        let reset = source.read().unwrap_err();
        assert_eq!(reset.kind(), ErrorKind::PrematureClose);
        let cause = reset.io_error().map(io::Error::kind);
        assert_eq!(cause, Some(io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn a_reader_whose_connection_is_gone_is_closed_to_its_writer() {
    watched(|| {
        let (ours, theirs) = tcp();
        drop(theirs);
        let failure = pipeline(pattern(1_000))
            .to(WireSink::new(ours.into()))
            .run();
        let error = failure.unwrap_err().error;
        assert_eq!(error.kind(), ErrorKind::Closed, "{error:#}");
        assert!(error.to_string().contains("tcp://127.0.0.1:"), "{error}");
    });
}

#[test]
fn a_source_that_is_read_by_hand_confirms_when_it_is_dropped_behind_its_end() {
    watched(|| {
        for (ours, theirs) in both() {
            let mut source = WireSource::new(theirs, HighWaterMark::default()).into_source();
            let writer = thread::spawn(move || {
                let mut writer = wire::send(ours, HighWaterMark::default());
                writer.write(Bytes::from_static(b"by hand"))?;
                writer.finish().map(drop)
            });
            assert_eq!(source.read().unwrap().unwrap(), "by hand");
            assert!(source.read().unwrap().is_none());
            assert_eq!(source.received(), 7);
            drop(source);
            writer.join().unwrap().unwrap();
        }
    });
}
