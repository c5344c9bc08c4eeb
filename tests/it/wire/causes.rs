//! What one side says has gone wrong is what the other side is told, also while either is blocked.

use std::io;
use std::thread;
use std::time::Duration;

use highwater::wire::{self, Frame, Role, WireSink, WireSource};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, Out, Readable, Source, WriteError, fs,
    pipeline,
};

use crate::support::{interrupted, until, watched};
use crate::wire::kit::{Peer, both, impatient, tcp};

#[track_caller]
fn alike(here: &Error, there: &Error) {
    assert_eq!(here.kind(), there.kind());
    assert_eq!(here.stage(), there.stage());
    assert_eq!(here.operation(), there.operation());
    assert_eq!(here.offset(), there.offset());
    assert_eq!(format!("{here:#}"), format!("{there:#}"));
}

fn full() -> Error {
    Error::from(io::Error::from(io::ErrorKind::StorageFull))
        .during("write to", "out.bin")
        .at(8192)
}

#[test]
fn a_failure_arrives_behind_the_data() {
    watched(|| {
        for failure in [
            full(),
            Error::other("a text"),
            Error::new(ErrorKind::TimedOut, "late"),
        ] {
            for (ours, theirs) in both() {
                let told = failure.clone();
                let writer = thread::spawn(move || {
                    let mut writer = wire::send(ours, HighWaterMark::bytes(1 << 20));
                    for _ in 0..10 {
                        writer.write(Bytes::from_static(&[7; 30_000])).unwrap();
                    }
                    writer.fail(told);
                });
                let mut reader = wire::receive(theirs, HighWaterMark::bytes(1_000));
                let mut got = 0;
                let error = loop {
                    match reader.next().unwrap() {
                        Ok(chunk) => got += chunk.len(),
                        Err(error) => break error,
                    }
                };
                assert_eq!(got, 300_000);
                alike(&error, &failure);
                assert!(reader.next().is_none());
                writer.join().unwrap();
            }
        }
    });
}

#[test]
fn a_failure_is_waited_for_until_its_reader_has_it_and_closes() {
    watched(|| {
        let (ours, theirs) = tcp();
        let mut peer = Peer::new(theirs, Role::Reader);
        peer.say(&Frame::Credit(10));
        let mut reads = 0;
        let fails = Readable::from_fn(
            move || {
                reads += 1;
                if reads == 1 {
                    Ok(Some(Bytes::from_static(b"half")))
                } else {
                    Err(full())
                }
            },
            HighWaterMark::bytes(10),
        );
        let run = pipeline(fails).to(WireSink::new(ours.into()));
        let run = thread::spawn(move || run.run().unwrap_err());
        let Frame::Fail(told) = peer.hear_until(|frame| matches!(frame, Frame::Fail(_))) else {
            unreachable!("it was waited for")
        };
        alike(&told, &full());
        assert!(peer.hear().is_none(), "there is nothing behind a failure");
        // What it still says would be a reset, if there were nobody any more.
        let mut said = 0;
        until("it has waited for some time", || {
            peer.say(&Frame::Credit(4));
            assert!(!run.is_finished());
            said += 1;
            said > 20
        });
        drop(peer);
        let failure = run.join().unwrap();
        assert_eq!(failure.report.bytes(), 4);
        alike(&failure.error, &full());
    });
}

#[test]
fn a_destroyed_writer_says_why() {
    watched(|| {
        for (ours, theirs) in both() {
            let mut writer = wire::send(ours, HighWaterMark::default());
            let mut reader = wire::receive(theirs, HighWaterMark::default());
            writer.write(Bytes::from_static(b"read")).unwrap();
            reader.next().unwrap().unwrap();
            writer.destroy(full());
            drop(writer);
            alike(&reader.next().unwrap().unwrap_err(), &full());
        }
    });
}

#[test]
fn a_panic_in_a_pipeline_arrives_with_its_stage() {
    watched(|| {
        for (ours, theirs) in both() {
            let burst = |_: Bytes, _: &mut Out<'_, Bytes>| -> Result<(), Error> { panic!("burst") };
            let run = pipeline(&b"x"[..]).through(burst).to(WireSink::new(ours));
            let writer = thread::spawn(move || run.run().unwrap_err().error);
            let source = WireSource::new(theirs, HighWaterMark::default());
            let error = pipeline(source).to(Vec::new()).run().unwrap_err().error;
            assert_eq!(error.kind(), ErrorKind::Panicked);
            alike(&error, &writer.join().unwrap());
        }
    });
}

/// Writes until that is refused, and says with what.
fn refused(writer: &mut highwater::Writable<Bytes, WireSink>) -> Error {
    loop {
        match writer.write(Bytes::from_static(&[0; 1_000])) {
            Ok(_) => {}
            Err(WriteError::Closed(chunk, cause)) => {
                assert_eq!(chunk.len(), 1_000);
                break cause;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_reader_that_goes_away_ends_a_blocked_write_with_its_cause() {
    watched(|| {
        for (ours, theirs) in both() {
            let mut writer = wire::send(ours, HighWaterMark::bytes(10_000));
            let mut reader = wire::receive(theirs, HighWaterMark::bytes(10_000));
            writer.write(Bytes::from_static(b"first")).unwrap();
            reader.next().unwrap().unwrap();
            let blocked = thread::spawn(move || refused(&mut writer));
            reader.destroy(full());
            drop(reader);
            alike(&blocked.join().unwrap(), &full());
        }
        for (ours, theirs) in both() {
            let mut writer = wire::send(ours, HighWaterMark::bytes(10_000));
            let mut reader = wire::receive(theirs, HighWaterMark::bytes(10_000));
            writer.write(Bytes::from_static(b"first")).unwrap();
            reader.next().unwrap().unwrap();
            drop(reader);
            let error = refused(&mut writer);
            assert_eq!(error.kind(), ErrorKind::Closed);
        }
    });
}

#[test]
fn a_writer_that_waits_for_credit_can_be_cancelled_and_says_so() {
    let (ours, theirs) = tcp();
    let mut peer = Peer::new(theirs, Role::Reader);
    peer.say(&Frame::Credit(10));
    let token = CancelToken::new();
    let run = pipeline(fs::read("/dev/zero").unwrap()).cancel_with(&token);
    let run = run.to(WireSink::new(ours.into()));
    let failure = interrupted(
        "poll",
        move || run.run().unwrap_err(),
        || token.abort("went home"),
    );
    assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
    assert_eq!(failure.report.bytes(), 10, "all that there was credit for");
    let Frame::Fail(told) = peer.hear_until(|frame| matches!(frame, Frame::Fail(_))) else {
        unreachable!("it was waited for")
    };
    alike(&told, &failure.error);
    assert!(peer.hear().is_none());
}

#[test]
fn a_writer_that_waits_for_the_reader_to_finish_can_be_cancelled() {
    let (ours, theirs) = tcp();
    let mut peer = Peer::new(theirs, Role::Reader);
    peer.say(&Frame::Credit(10));
    let token = CancelToken::new();
    let run = pipeline(&b"short"[..]).cancel_with(&token);
    let run = run.to(WireSink::new(ours.into()));
    let failure = interrupted(
        "poll",
        move || run.run().unwrap_err(),
        || token.abort("went home"),
    );
    assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
    peer.hear_until(|frame| matches!(frame, Frame::End));
    assert!(peer.hear().is_none(), "there is nothing behind an end");
}

#[test]
fn a_reader_that_waits_for_data_can_be_cancelled_and_says_so() {
    let (ours, theirs) = tcp();
    let mut source = WireSource::new(ours.into(), HighWaterMark::default());
    let wake = source.interrupt().unwrap();
    let error = interrupted("poll", move || source.read().unwrap_err(), || wake.wake());
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    drop(theirs);

    let (ours, theirs) = tcp();
    let mut peer = Peer::new(theirs, Role::Writer);
    let token = CancelToken::new();
    let source = WireSource::new(ours.into(), HighWaterMark::default());
    let run = pipeline(source).cancel_with(&token).to(Vec::new());
    let run = thread::spawn(move || run.run().unwrap_err().error);
    peer.hear_until(|frame| matches!(frame, Frame::Credit(_)));
    token.abort("went home");
    let Frame::Closed(told) = peer.hear_until(|frame| matches!(frame, Frame::Closed(_))) else {
        unreachable!("it was waited for")
    };
    alike(&told, &watched(|| run.join().unwrap()));
    assert!(peer.hear().is_none());
}

#[test]
fn a_peer_that_moves_nothing_is_given_up_and_told() {
    const IDLE: Duration = Duration::from_millis(20);
    let (ours, theirs) = impatient(IDLE);
    let mut peer = Peer::new(theirs, Role::Reader);
    let run = pipeline(&b"no credit"[..]).to(WireSink::new(ours));
    let error = watched(|| run.run().unwrap_err().error);
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:#}");
    let Frame::Fail(told) = peer.hear_until(|frame| matches!(frame, Frame::Fail(_))) else {
        unreachable!("it was waited for")
    };
    alike(&told, &error);

    let (ours, theirs) = impatient(IDLE);
    let mut peer = Peer::new(theirs, Role::Writer);
    let source = WireSource::new(ours, HighWaterMark::default());
    let error = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err().error);
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:#}");
    let Frame::Closed(told) = peer.hear_until(|frame| matches!(frame, Frame::Closed(_))) else {
        unreachable!("it was waited for")
    };
    alike(&told, &error);

    // One that has all there is, and never says that it has read it.
    let (ours, theirs) = impatient(IDLE);
    let mut peer = Peer::new(theirs, Role::Reader);
    peer.say(&Frame::Credit(10));
    let run = pipeline(&b"short"[..]).to(WireSink::new(ours));
    let error = watched(|| run.run().unwrap_err().error);
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:#}");
}
