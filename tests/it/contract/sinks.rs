//! Rule 17: sinks that write little, are interrupted, stop in the middle, fail and panic.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use highwater::Batch;
use highwater::stage::Interrupt;
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Sink, Writable};

use crate::support::hostile::{Scripted, Slow, Step, pattern};
use crate::support::{Census, Gate, in_time, task, until};

/// Chunks of 1, 2, 3 ... bytes, so that a write that stops anywhere stops inside of one.
fn chunks(bytes: &[u8]) -> Vec<Bytes> {
    let mut left = Bytes::copy_from_slice(bytes);
    let sizes = (1..).map_while(|size: usize| {
        (!left.is_empty()).then(|| left.split_to((1 + size % 9).min(left.len())))
    });
    sizes.collect()
}

// Rule 17.
#[test]
fn a_short_write_is_continued_to_the_byte() {
    in_time(|| {
        let data = pattern(3_000);
        for script in [
            vec![Step::Move(1)],
            vec![Step::Move(7), Step::Interrupt, Step::Move(1)],
            vec![Step::Interrupt, Step::Interrupt, Step::Move(1_000)],
            vec![Step::Move(13), Step::Move(2), Step::Move(64)],
        ] {
            let mut sink = Scripted::new(script);
            sink.flush = Step::Interrupt;
            let mut out = Writable::to(sink, HighWaterMark::bytes(64));
            for chunk in chunks(&data) {
                out.write(chunk).unwrap();
                assert!(out.len() < 64 + 9);
            }
            out.flush().unwrap();
            assert_eq!(out.confirmed(), 3_000);
            assert!(
                out.finish().unwrap().written == data,
                "bytes are not the same"
            );
        }
    });
}

// Rules 17 and 18: at every byte, in the middle of a vectored write.
#[test]
fn what_was_not_written_is_never_counted_as_written() {
    in_time(|| {
        let data = pattern(120);
        let kind = io::ErrorKind::StorageFull;
        for last in [Step::Fail(kind), Step::Move(0), Step::Panic] {
            for at in 0..data.len() {
                let sink = Scripted::until(at, last);
                let mut out = Writable::to(sink, HighWaterMark::bytes(200));
                let cork = out.cork();
                for chunk in chunks(&data) {
                    out.write(chunk).unwrap();
                }
                drop(cork);
                let error = out.wait_finish().unwrap_err();
                match last {
                    Step::Fail(kind) => assert_eq!(error.kind(), ErrorKind::Io(kind)),
                    Step::Panic => assert_eq!(error.kind(), ErrorKind::Panicked),
                    _ => assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::WriteZero)),
                }
                assert_eq!(error.offset(), Some(at as u64));
                assert_eq!(error.operation(), Some("write to"));
                assert_eq!(error.stage(), Some("writer"));
                assert_eq!(out.confirmed(), at as u64);
                let undelivered = out.take_undelivered().concat();
                assert!(undelivered == data[at..], "{at}: wrong bytes are left");
                assert!(out.error().unwrap().is_same(&error));
                assert!(out.finish().unwrap_err().is_same(&error));
            }
        }
    });
}

// Rule 17: the contract of `Write` broken, and still no byte counted that there was not.
#[test]
fn a_writer_that_claims_more_than_it_was_given_is_an_error() {
    struct Liar;
    impl io::Write for Liar {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            Ok(data.len() + 1)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    in_time(|| {
        let mut out = Writable::to(Liar, HighWaterMark::bytes(64));
        out.write(Bytes::from_static(b"four")).unwrap();
        assert_eq!(out.wait_finish().unwrap_err().kind(), ErrorKind::Panicked);
        assert_eq!(out.confirmed(), 0);
        assert_eq!(out.take_undelivered().weight(), 4);
    });
}

// Rule 13.
#[test]
fn a_panic_of_a_sink_is_the_error_of_its_stream() {
    in_time(|| {
        let census = Census::default();
        let each = |chunk: crate::support::Counted| {
            assert!(chunk.number < 3, "no more than {}", chunk.number);
            Ok(())
        };
        let mut out = Writable::from_fn(each, HighWaterMark::items(2));
        let error = loop {
            match out.write(census.chunk(out.confirmed().min(3) as usize)) {
                Ok(_) => assert!(out.len() <= 2),
                Err(refused) => break Error::from(refused),
            }
            out.flush().ok();
        };
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert_eq!(error.stage(), Some("from_fn"));
        assert!(error.to_string().contains("no more than 3"), "{error}");
        assert_eq!(out.confirmed(), 3);
        assert!(out.wait_drain().unwrap_err().is_same(&error));
        drop(out);
        assert_eq!(
            census.live(),
            0,
            "what was buffered is dropped with the stream"
        );
    });
}

// Rule 3: a sink that does not move bounds its writer.
#[test]
fn a_slow_sink_bounds_what_is_held() {
    in_time(|| {
        let census = Census::default();
        let gate = Gate::new();
        let passed = gate.clone();
        let each = move |_| {
            passed.pass();
            Ok(())
        };
        let mark = HighWaterMark::items(8).low(3).unwrap();
        let made = census.clone();
        let writing = task(move || {
            let mut out = Writable::from_fn(each, mark);
            for number in 0..200 {
                out.write(made.chunk(number)).unwrap();
            }
            out.finish()
        });
        writing.until_parked();
        for passed in 0..200 {
            gate.until_arrived(passed + 1);
            // The buffer with what is in hand, and the chunk of a blocked write.
            assert!(census.live() <= 9, "{} are alive", census.live());
            gate.open(1);
        }
        drop(writing.join().unwrap());
        assert!(census.peak() <= 9);
        assert_eq!(census.live(), 0);
    });
}

/// Notes what it was called for, and that nobody calls it while it is in a call.
struct Diary {
    entries: Arc<Mutex<Vec<&'static str>>>,
    gate: Gate,
}

impl Diary {
    fn note(&self, entry: &'static str) {
        self.entries.lock().unwrap().push(entry);
    }
}

impl Sink<Bytes> for Diary {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.note("write");
        self.gate.pass();
        batch.drain();
        self.note("written");
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.note("flush");
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.note("finish");
        Ok(())
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        self.note("drop");
    }
}

// Rule 17: one request at a time, and let go only while none runs.
#[test]
fn a_sink_is_let_go_only_while_it_is_in_no_call() {
    in_time(|| {
        for destroys in [true, false] {
            let entries = Arc::new(Mutex::new(Vec::new()));
            let gate = Gate::new();
            let diary = Diary {
                entries: Arc::clone(&entries),
                gate: gate.clone(),
            };
            let mut out = Writable::from_sink(diary, HighWaterMark::bytes(8));
            out.write(Bytes::from_static(b"first")).unwrap();
            gate.until_arrived(1);
            out.write(Bytes::from_static(b"second")).unwrap();
            let leaving = task(move || {
                if destroys {
                    assert_eq!(out.destroy(Error::other("enough")).weight(), 6);
                }
                drop(out);
            });
            leaving.until_parked();
            assert_eq!(*entries.lock().unwrap(), ["write"]);
            gate.open(5);
            leaving.join();
            let entries = entries.lock().unwrap();
            let tail: Vec<_> = entries.iter().filter(|entry| **entry != "flush").collect();
            assert_eq!(tail, [&"write", &"written", &"drop"]);
        }
    });
}

/// A sink that blocks until it is interrupted.
struct Stuck {
    gate: Gate,
    woken: crossbeam_channel::Receiver<()>,
    wake: crossbeam_channel::Sender<()>,
}

impl Sink<Bytes> for Stuck {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.gate.open(0);
        let half = batch.weight() / 2;
        if half > 2 {
            batch.advance(half);
            return Ok(());
        }
        let _ = self.woken.recv();
        Err(Error::interrupted())
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let wake = self.wake.clone();
        Some(Interrupt::new(move || {
            let _ = wake.try_send(());
        }))
    }
}

// Rules 12 and 15: nobody is told of the interrupt, but of what it was for.
#[test]
fn a_sink_that_can_be_interrupted_ends_with_its_stream() {
    in_time(|| {
        for aborts in [true, false] {
            let (wake, woken) = crossbeam_channel::bounded(1);
            let gate = Gate::new();
            let mut out =
                Writable::from_sink(Stuck { gate, woken, wake }, HighWaterMark::bytes(16));
            let token = CancelToken::new();
            out.cancel_with(&token);
            assert!(out.write(Bytes::from(vec![1; 16])).unwrap().reached());
            until("it is stuck with four bytes left", || out.confirmed() >= 12);
            let given_back = if aborts {
                token.abort("the user went home");
                Batch::new()
            } else {
                out.destroy(Error::other("enough"))
            };
            let error = out.wait_finish().unwrap_err();
            let kind = if aborts {
                ErrorKind::Cancelled
            } else {
                ErrorKind::Failed
            };
            assert_eq!(error.kind(), kind);
            assert_eq!(error.others().count(), 0, "an echo was shown");
            let left = given_back.weight() + out.take_undelivered().weight();
            assert_eq!(out.confirmed() + left as u64, 16);
            assert!(out.finish().map(drop).unwrap_err().is_same(&error));
        }
    });
}

// Rule 15: a call that cannot be interrupted is waited for by the drop, and not by the destroy.
#[test]
fn a_destroy_does_not_wait_for_the_call_of_a_sink() {
    in_time(|| {
        let gate = Gate::new();
        let mut out = Writable::to(Slow::new(gate.clone(), 100), HighWaterMark::bytes(4));
        out.write(Bytes::from_static(b"stuck")).unwrap();
        gate.until_arrived(1);
        let cause = Error::other("enough");
        assert!(out.destroy(cause.clone()).is_empty(), "it is in hand");
        let refused = out.write(Bytes::from_static(b"more")).unwrap_err();
        assert_eq!(refused.into_chunk(), "more");
        gate.open(1);
        assert!(out.wait_finish().unwrap_err().is_same(&cause));
        assert_eq!(out.confirmed(), 5, "the call was made, and counts");
    });
}
