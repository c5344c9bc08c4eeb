//! Rules 14 and 15: whatever blocks comes back, whoever ends it and wherever it was blocked.

use std::time::Duration;

use bytes::Bytes;
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Readable, Writable, channel};

use crate::support::{Gate, Task, in_time, task};

type Out = Writable<Bytes>;
type In = Readable<Bytes>;

/// A call that blocks, with the error that a writer comes back with.
type WriterWait = fn(&mut Out) -> Error;

/// A call that blocks, with what a reader comes back with.
type ReaderWait = fn(&mut In) -> Read;
type Read = Result<Option<Bytes>, Error>;

/// What a writer can be blocked in.
const WRITER_WAITS: [(&str, WriterWait); 9] = [
    ("write", |out| out.write(chunk()).unwrap_err().into()),
    ("write_timeout", |out| {
        let wait = Duration::from_secs(3600);
        out.write_timeout(chunk(), wait).unwrap_err().into()
    }),
    ("write for ever", |out| {
        out.write_timeout(chunk(), Duration::MAX)
            .unwrap_err()
            .into()
    }),
    ("write_all", |out| {
        let mut chunks = [chunk(), chunk()].into();
        let error = out.write_batch(&mut chunks).unwrap_err();
        assert_eq!(chunks.len(), 2, "what was not taken is left");
        error
    }),
    ("wait_drain", |out| out.wait_drain().unwrap_err()),
    ("wait_drain_timeout", |out| {
        out.wait_drain_timeout(Duration::from_secs(3600))
            .unwrap_err()
    }),
    ("flush", |out| out.flush().unwrap_err()),
    ("wait_finish", |out| out.wait_finish().unwrap_err()),
    ("wait_finish_timeout", |out| {
        out.wait_finish_timeout(Duration::from_secs(3600))
            .unwrap_err()
    }),
];

/// What a reader can be blocked in.
const READER_WAITS: [(&str, ReaderWait); 6] = [
    ("next", |reader| reader.next().transpose()),
    ("next_timeout", |reader| {
        reader.next_timeout(Duration::from_secs(3600))
    }),
    ("read_n", |reader| reader.read_n(10)),
    ("read_n above the mark", |reader| reader.read_n(1_000)),
    ("read_at_least", |reader| reader.read_at_least(5)),
    ("read", |reader| {
        let mut room = [0; 10];
        let read = std::io::Read::read(reader, &mut room)?;
        Ok((read > 0).then(|| Bytes::copy_from_slice(&room[..read])))
    }),
];

fn chunk() -> Bytes {
    Bytes::from_static(b"0123456789")
}

/// A writer that is blocked for want of room.
fn blocked_writer(wait: WriterWait, token: &CancelToken) -> (Task<(Error, Out)>, In) {
    let (mut writer, reader) = channel(HighWaterMark::bytes(10));
    writer.cancel_with(token);
    assert!(writer.write(chunk()).unwrap().reached());
    let blocked = task(move || (wait(&mut writer), writer));
    blocked.until_parked();
    assert_eq!(reader.len(), 10);
    (blocked, reader)
}

// Rules 11 and 14.
#[test]
fn a_blocked_writer_comes_back_when_its_reader_goes() {
    in_time(|| {
        for (name, wait) in WRITER_WAITS {
            let (blocked, reader) = blocked_writer(wait, &CancelToken::new());
            drop(reader);
            let (error, writer) = blocked.join();
            assert_eq!(error.kind(), ErrorKind::Closed, "{name}");
            assert!(error.is_same(&writer.error().unwrap()), "{name}");
        }
    });
}

// Rules 12 and 14.
#[test]
fn a_blocked_writer_comes_back_with_the_cause_when_the_stream_is_destroyed() {
    in_time(|| {
        for (name, wait) in WRITER_WAITS {
            let (blocked, mut reader) = blocked_writer(wait, &CancelToken::new());
            let cause = Error::other("broken");
            reader.destroy(cause.clone());
            let (error, writer) = blocked.join();
            assert!(error.is_same(&cause), "{name}: {error}");
            assert!(writer.error().unwrap().is_same(&cause), "{name}");
            assert!(reader.next().unwrap().unwrap_err().is_same(&cause));
        }
    });
}

// Rules 12 and 14: of two producers, one can end the other's wait.
#[test]
fn a_blocked_writer_comes_back_when_another_producer_destroys_or_fails() {
    in_time(|| {
        for (name, wait) in WRITER_WAITS {
            for at_once in [true, false] {
                let (mut other, mut reader) = channel(HighWaterMark::bytes(10));
                let mut writer = other.clone();
                assert!(writer.write(chunk()).unwrap().reached());
                let blocked = task(move || wait(&mut writer));
                blocked.until_parked();
                let cause = Error::other("the other one is broken");
                if at_once {
                    assert_eq!(other.destroy(cause.clone()).weight(), 10);
                } else if matches!(name, "flush" | "wait_finish" | "wait_finish_timeout") {
                    // These wait for what is ahead of a failure, and not for room.
                    other.fail(cause.clone());
                    reader.destroy(cause.clone());
                } else {
                    other.fail(cause.clone());
                }
                assert!(blocked.join().is_same(&cause), "{name}, {at_once}");
                drop(reader);
            }
        }
    });
}

// Rule 15.
#[test]
fn a_blocked_writer_comes_back_when_it_is_aborted() {
    in_time(|| {
        for (name, wait) in WRITER_WAITS {
            let token = CancelToken::new();
            let (blocked, mut reader) = blocked_writer(wait, &token);
            token.abort("the user went home");
            let (error, mut writer) = blocked.join();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}");
            assert!(error.is_same(&token.cause().unwrap()), "{name}");
            assert!(reader.next().unwrap().unwrap_err().is_same(&error));
            assert_eq!(writer.take_undelivered().weight(), 10, "{name}");
        }
    });
}

// Rule 15: a stop lets through what is buffered.
#[test]
fn a_blocked_writer_comes_back_when_it_is_stopped() {
    in_time(|| {
        for (name, wait) in WRITER_WAITS {
            if matches!(name, "flush" | "wait_finish" | "wait_finish_timeout") {
                continue; // What was written before still arrives, and they say so.
            }
            let token = CancelToken::new();
            let (blocked, mut reader) = blocked_writer(wait, &token);
            token.stop();
            let (error, writer) = blocked.join();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}");
            assert_eq!(reader.next().unwrap().unwrap(), chunk());
            assert!(reader.next().is_none(), "{name}: a clean end");
            writer.finish().unwrap();
        }
    });
}

// Rule 15.
#[test]
fn a_stop_lets_finish_and_flush_tell_the_truth() {
    in_time(|| {
        for finishes in [true, false] {
            let token = CancelToken::new();
            let (mut writer, mut reader) = channel(HighWaterMark::bytes(10));
            reader.cancel_with(&token);
            assert!(writer.write(chunk()).unwrap().reached());
            let waiting = task(move || {
                if finishes {
                    writer.wait_finish()
                } else {
                    writer.flush()
                }
            });
            waiting.until_parked();
            token.stop();
            waiting.until_parked();
            assert_eq!(reader.next().unwrap().unwrap(), chunk());
            assert!(reader.next().is_none());
            waiting.join().unwrap();
        }
    });
}

/// A reader that is blocked for want of data.
fn blocked_reader(wait: ReaderWait, token: &CancelToken) -> (Task<(Read, In)>, Out) {
    let (writer, mut reader) = channel(HighWaterMark::bytes(10));
    reader.cancel_with(token);
    let blocked = task(move || (wait(&mut reader), reader));
    blocked.until_parked();
    (blocked, writer)
}

// Rules 8 and 14.
#[test]
fn a_blocked_reader_comes_back_when_its_writer_goes() {
    in_time(|| {
        for (name, wait) in READER_WAITS {
            let (blocked, writer) = blocked_reader(wait, &CancelToken::new());
            drop(writer);
            let error = blocked.join().0.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PrematureClose, "{name}");
        }
    });
}

// Rules 9, 10, 12 and 14.
#[test]
fn a_blocked_reader_comes_back_when_its_writer_ends_fails_or_destroys() {
    in_time(|| {
        for (name, wait) in READER_WAITS {
            let (blocked, writer) = blocked_reader(wait, &CancelToken::new());
            let finishing = task(move || writer.finish());
            assert!(blocked.join().0.unwrap().is_none(), "{name}");
            finishing.join().unwrap();

            for at_once in [true, false] {
                let (blocked, mut writer) = blocked_reader(wait, &CancelToken::new());
                let cause = Error::other("broken");
                if at_once {
                    assert!(writer.destroy(cause.clone()).is_empty());
                } else {
                    writer.fail(cause.clone());
                }
                assert!(blocked.join().0.unwrap_err().is_same(&cause), "{name}");
            }
        }
    });
}

// Rule 15.
#[test]
fn a_blocked_reader_comes_back_when_it_is_stopped_or_aborted() {
    in_time(|| {
        for (name, wait) in READER_WAITS {
            let token = CancelToken::new();
            let (blocked, mut writer) = blocked_reader(wait, &token);
            token.stop();
            assert!(blocked.join().0.unwrap().is_none(), "{name}: a clean end");
            assert!(writer.write(chunk()).unwrap_err().is_closed());
            writer.finish().unwrap();

            let token = CancelToken::new();
            let (blocked, mut writer) = blocked_reader(wait, &token);
            token.abort("the user went home");
            let error = blocked.join().0.unwrap_err();
            assert!(error.is_same(&token.cause().unwrap()), "{name}");
            assert!(
                writer
                    .write(chunk())
                    .unwrap_err()
                    .cause()
                    .unwrap()
                    .is_same(&error)
            );
        }
    });
}

// Rule 14.
#[test]
fn a_wait_ends_with_its_time() {
    in_time(|| {
        let (mut writer, mut reader) = channel(HighWaterMark::bytes(10));
        let short = Duration::from_millis(1);
        assert_eq!(
            reader.next_timeout(short).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        assert!(writer.write(chunk()).unwrap().reached());
        let refused = writer.write_timeout(chunk(), short).unwrap_err();
        assert_eq!(Error::from(refused).kind(), ErrorKind::TimedOut);
        assert_eq!(
            writer.wait_drain_timeout(short).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        assert_eq!(
            writer.wait_finish_timeout(short).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        // None of it has done any harm.
        assert_eq!(reader.next().unwrap().unwrap(), chunk());
        assert!(reader.next().is_none());
        writer.finish().unwrap();
        assert_eq!(reader.peak(), 10);
    });
}

// Rule 14: a writer's own cork is no reason to wait for ever.
#[test]
fn a_cork_is_lifted_by_whoever_waits_for_what_it_holds() {
    in_time(|| {
        type Waits = fn(&mut Out);
        let waits: [(&str, Waits); 4] = [
            ("write", |out| {
                assert!(out.write(chunk()).unwrap().reached())
            }),
            ("wait_drain", |out| out.wait_drain().unwrap()),
            ("flush", |out| out.flush().unwrap()),
            ("wait_finish", |out| out.wait_finish().unwrap()),
        ];
        for (name, wait) in waits {
            let (mut writer, mut reader) = channel(HighWaterMark::bytes(10));
            let cork = writer.cork();
            assert!(writer.write(chunk()).unwrap().reached());
            assert_eq!(reader.try_next().unwrap_err().kind(), ErrorKind::WouldBlock);
            let waiting = task(move || {
                wait(&mut writer);
                writer
            });
            assert_eq!(reader.next().unwrap().unwrap(), chunk(), "{name}");
            if name == "wait_finish" {
                assert!(reader.next().is_none());
            }
            let _writer = waiting.join();
            drop(cork);
        }
    });
}

// Rules 7, 12 and 15: a sink that is being finished when it is aborted.
#[test]
fn an_abort_while_a_sink_finishes_is_told_alike_by_all() {
    struct Finishing(Gate);
    impl highwater::Sink<u8> for Finishing {
        fn write(&mut self, batch: &mut highwater::Batch<u8>) -> Result<(), Error> {
            batch.drain();
            Ok(())
        }
        fn finish(&mut self) -> Result<(), Error> {
            self.0.pass();
            Ok(())
        }
    }
    in_time(|| {
        let gate = Gate::new();
        let token = CancelToken::new();
        let mut out = Writable::from_sink(Finishing(gate.clone()), HighWaterMark::items(1));
        out.cancel_with(&token);
        out.write(1).unwrap();
        out.end();
        gate.until_arrived(1);
        token.abort("the user went home");
        gate.open(1);
        let error = out.wait_finish().unwrap_err();
        assert!(error.is_same(&token.cause().unwrap()));
        assert!(out.finish().map(drop).unwrap_err().is_same(&error));
    });
}

// Rule 15.
#[test]
fn a_token_that_was_used_before_ends_what_comes_under_it() {
    in_time(|| {
        let aborted = CancelToken::new();
        aborted.abort("too late");
        let (mut writer, mut reader) = channel::<u8, _>(HighWaterMark::items(1));
        writer.cancel_with(&aborted);
        let error = reader.next().unwrap().unwrap_err();
        assert!(error.is_same(&aborted.cause().unwrap()));
        assert!(writer.write(1).unwrap_err().is_closed());

        let stopped = CancelToken::new();
        stopped.stop();
        let (mut writer, mut reader) = channel::<u8, _>(HighWaterMark::items(1));
        reader.cancel_with(&stopped);
        assert!(reader.next().is_none());
        assert!(writer.write(1).unwrap_err().is_closed());
        assert!(stopped.is_cancelled() && stopped.cause().is_none());
    });
}
