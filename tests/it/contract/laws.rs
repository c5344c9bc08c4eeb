//! What holds for every stage, whatever it does: rules 6 to 9, 12, 13, 15, 18 and 19.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::stage::CollectBytes;
use highwater::stage::operators::{PassThrough, compose, map};
use highwater::stream::{ReceiverSource, SenderSink};
use highwater::{CancelToken, ErrorKind, HighWaterMark, Pipeline, Report, WriteSink, pipeline};

use crate::support::hostile::{Scripted, Step, pattern};
use crate::support::stages::{At, CHUNK, Counting, Gated, HIGH, Interruptible, same, source};
use crate::support::{Gate, in_time, task, until, until_still};

/// A stage that passes on all bytes, in order.
struct Kind {
    name: &'static str,
    add: fn(Pipeline<'static, Bytes>) -> Pipeline<'static, Bytes>,
    /// How many chunks it may have in hand, beside those in the buffers that a report tells of.
    in_hand: usize,
}

const THREADS: usize = 2;

const KINDS: [Kind; 15] = [
    Kind {
        name: "nothing",
        add: |before| before,
        in_hand: 0,
    },
    Kind {
        name: "a transform on a thread",
        add: |before| before.through(same(At::Never)),
        in_hand: 1,
    },
    Kind {
        name: "map",
        add: |before| before.map(|chunk| chunk),
        in_hand: 1,
    },
    Kind {
        name: "filter and inspect",
        add: |before| before.filter(|_| true).inspect(|_| {}),
        in_hand: 1,
    },
    Kind {
        name: "flat_map",
        add: |before| {
            before.flat_map(|mut chunk: Bytes| {
                let half = chunk.split_to(chunk.len() / 2);
                [half, chunk]
            })
        },
        in_hand: 1,
    },
    Kind {
        name: "chunks_of",
        add: |before| before.chunks_of(3).flat_map(|chunks| chunks),
        in_hand: 3,
    },
    Kind {
        name: "take and drop",
        add: |before| before.skip(0).take(u64::MAX),
        in_hand: 1,
    },
    Kind {
        name: "buffered",
        add: |before| before.buffered(HighWaterMark::bytes(HIGH)),
        in_hand: 1,
    },
    Kind {
        name: "light stages between heavy ones",
        add: |before| {
            before
                .inspect(|_| {})
                .through(same(At::Never))
                .map(|chunk| chunk)
                .through(same(At::Never))
        },
        in_hand: 3,
    },
    Kind {
        name: "compose",
        add: |before| before.through(compose(same(At::Never), compose(map(|c| c), PassThrough))),
        in_hand: 1,
    },
    Kind {
        name: "tee",
        add: |before| before.tee(CollectBytes::at_most(100_000)),
        in_hand: 1,
    },
    Kind {
        name: "par_map",
        add: |before| before.par_map(THREADS, Ok),
        in_hand: 2 * THREADS + 2,
    },
    Kind {
        name: "via",
        add: |before| {
            let (sender, receiver) = crossbeam_channel::bounded(1);
            before.via(SenderSink::new(sender), ReceiverSource::new(receiver))
        },
        in_hand: 3,
    },
    Kind {
        name: "readable and back",
        add: |before| before.map(|chunk| chunk).readable().into_pipeline(),
        in_hand: 2,
    },
    Kind {
        name: "readable through",
        add: |before| {
            let mark = HighWaterMark::bytes(HIGH);
            before
                .readable()
                .through(same(At::Never), mark)
                .into_pipeline()
        },
        in_hand: 2,
    },
];

fn for_each_kind(law: fn(&'static Kind)) {
    static ALL: [Kind; KINDS.len()] = KINDS;
    for kind in &ALL {
        in_time(move || {
            eprintln!("{}", kind.name);
            law(kind);
        });
    }
}

impl Kind {
    /// The marks are set first: a pipeline that is read is built there and then.
    fn behind(&self, begun: Pipeline<'static, Bytes>) -> Pipeline<'static, Bytes> {
        let marked = begun.high_water_mark(HighWaterMark::bytes(HIGH));
        (self.add)(marked).high_water_mark(HighWaterMark::bytes(HIGH))
    }
}

/// Rule 19, for every buffer that a report tells of.
fn assert_bounded(kind: &Kind, report: &Report) {
    for stage in report.stages() {
        if let Some(buffer) = stage.buffer {
            let most = buffer.high_water_mark + CHUNK;
            assert!(buffer.peak < most, "{}: {report}", kind.name);
        }
    }
}

#[test]
fn everything_arrives_in_order() {
    for_each_kind(|kind| {
        let begun = kind.behind(pipeline(source(5_000, [Step::Move(CHUNK)])));
        let (report, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert!(sink.into_inner() == pattern(5_000), "{}", kind.name);
        assert_eq!(report.bytes(), 5_000, "{}", kind.name);
        assert_bounded(kind, &report);
    });
}

#[test]
fn nothing_is_an_end_as_well() {
    for_each_kind(|kind| {
        let begun = kind.behind(pipeline(source(0, [Step::Move(CHUNK)])));
        let (report, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert_eq!(
            (sink.into_inner().len(), report.bytes()),
            (0, 0),
            "{}",
            kind.name
        );
    });
}

// Rule 19.
#[test]
fn a_sink_that_stands_still_holds_the_source_up() {
    const ALL: usize = 20_000;
    for_each_kind(|kind| {
        let gate = Gate::new();
        let sink = Gated {
            inner: WriteSink::new(Vec::new(), "memory"),
            gate: gate.clone(),
        };
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Counting {
            inner: source(ALL, [Step::Move(CHUNK)]),
            read: Arc::clone(&read),
            announce: |_| {},
        };
        let ready = kind.behind(pipeline(counted)).to(sink);
        let running = task(move || ready.run_into().unwrap());
        // It stands still once no more is read for long enough to read everything many times.
        gate.until_arrived(1);
        let last = until_still("the source is held up", || read.load(Ordering::SeqCst));
        // Three buffers at most in any of these, and what each stage and the sink have in hand.
        let staged = HIGH + CHUNK;
        let most = 4 * (HIGH + CHUNK) + staged + (kind.in_hand + 2) * CHUNK;
        assert!(
            last <= most,
            "{}: {last} read, and {most} allowed",
            kind.name
        );
        gate.open(ALL);
        let (report, sink) = running.join();
        assert!(sink.inner.into_inner() == pattern(ALL), "{}", kind.name);
        assert_bounded(kind, &report);
    });
}

// Rules 12, 13 and 18.
#[test]
fn an_error_of_the_source_comes_behind_what_was_read() {
    for_each_kind(|kind| {
        let reset = io::ErrorKind::ConnectionReset;
        for (last, expected) in [
            (Step::Fail(reset), ErrorKind::Io(reset)),
            (Step::Panic, ErrorKind::Panicked),
        ] {
            let mut script = vec![Step::Move(CHUNK); 30];
            script.push(last);
            let begun = kind.behind(pipeline(source(usize::MAX, script)));
            let failure = begun.to(Vec::new()).run().unwrap_err();
            assert_eq!(failure.error.kind(), expected, "{}", kind.name);
            assert_eq!(failure.error.stage(), Some("pattern"), "{}", kind.name);
            assert_eq!(failure.error.offset(), Some(300), "{}", kind.name);
            assert_eq!(failure.error.others().count(), 0, "{}: an echo", kind.name);
            assert_eq!(failure.report.bytes(), 300, "{}", kind.name);
            assert!(failure.undelivered.is_empty(), "{}", kind.name);
            assert_bounded(kind, &failure.report);
        }
    });
}

// Rules 12, 13, 17 and 18.
#[test]
fn an_error_of_the_sink_ends_the_source_and_says_what_arrived() {
    for_each_kind(|kind| {
        let full = io::ErrorKind::StorageFull;
        for (last, expected) in [
            (Step::Fail(full), ErrorKind::Io(full)),
            (Step::Panic, ErrorKind::Panicked),
        ] {
            for at in [0, 7, 70, 333] {
                let begun = kind.behind(pipeline(source(usize::MAX, [Step::Move(CHUNK)])));
                let sink = WriteSink::new(Scripted::until(at, last), "broken");
                let failure = begun.to(sink).run().unwrap_err();
                assert_eq!(failure.error.kind(), expected, "{}", kind.name);
                assert_eq!(failure.error.stage(), Some("broken"), "{}", kind.name);
                assert_eq!(failure.error.offset(), Some(at as u64), "{}", kind.name);
                assert_eq!(failure.error.others().count(), 0, "{}: an echo", kind.name);
                assert_eq!(failure.report.bytes(), at as u64, "{}", kind.name);
                // What was on its way to the sink comes back, to the byte.
                let undelivered = failure.undelivered.concat();
                let all = pattern(at + undelivered.len());
                assert!(undelivered == all[at..], "{}", kind.name);
                assert_bounded(kind, &failure.report);
            }
        }
    });
}

// Rule 15.
#[test]
fn a_pipeline_whose_sink_blocks_can_be_aborted() {
    for_each_kind(|kind| {
        let gate = Gate::new();
        let sink = Interruptible {
            inner: WriteSink::new(Vec::new(), "memory"),
            gate: gate.clone(),
        };
        let token = CancelToken::new();
        let begun = kind.behind(pipeline(source(usize::MAX, [Step::Move(CHUNK)])));
        let ready = begun.cancel_with(&token).to(sink);
        let running = task(move || ready.run().unwrap_err());
        gate.until_arrived(1);
        token.abort("that is enough");
        let failure = running.join();
        assert_eq!(failure.error.kind(), ErrorKind::Cancelled, "{}", kind.name);
        assert_eq!(failure.report.bytes(), 0, "{}", kind.name);
    });
}

// Rule 15.
#[test]
fn a_pipeline_whose_source_is_silent_can_be_stopped_and_aborted() {
    for_each_kind(|kind| {
        for stops in [true, false] {
            let (sender, receiver) = crossbeam_channel::unbounded();
            let token = CancelToken::new();
            let (tell, told) = crossbeam_channel::unbounded();
            let begun = pipeline(ReceiverSource::new(receiver));
            let begun = kind.behind(begun).cancel_with(&token);
            let monitor = begun.monitor();
            let ready = begun.for_each(move |chunk: Bytes| {
                tell.send(chunk).unwrap();
            });
            let running = task(move || ready.run());
            sender.send(Bytes::from_static(b"heard")).unwrap();
            if kind.name == "chunks_of" {
                // It waits for more to come: the end lets that out.
                until("it was read", || {
                    let report = monitor.snapshot();
                    report
                        .stages()
                        .first()
                        .is_some_and(|source| source.bytes == 5)
                });
            } else {
                let mut heard = Vec::new();
                while heard.len() < 5 {
                    heard.extend_from_slice(&told.recv().unwrap());
                }
                assert_eq!(heard, b"heard", "{}", kind.name);
            }
            if stops {
                token.stop();
                let report = running.join().unwrap();
                assert!(report.was_stopped(), "{}", kind.name);
                assert_eq!(report.bytes(), 5, "{}", kind.name);
            } else {
                token.abort("that is enough");
                let failure = running.join().unwrap_err();
                assert_eq!(failure.error.kind(), ErrorKind::Cancelled, "{}", kind.name);
            }
        }
    });
}

// What is before a stage that has had enough is stopped, be it that its source is silent.
#[test]
fn a_pipeline_that_has_had_enough_ends_well() {
    for_each_kind(|kind| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        for _ in 0..6 {
            sender.send(Bytes::from_static(b"chunk")).unwrap();
        }
        let begun = kind.behind(pipeline(ReceiverSource::new(receiver)));
        let counted = begun.map(|chunk| chunk).take(4);
        let (report, sink) = counted.to(Vec::new()).run_into().unwrap();
        let arrived = sink.into_inner();
        assert!(!arrived.is_empty(), "{}", kind.name);
        assert_eq!(
            arrived,
            &b"chunk".repeat(4)[..arrived.len()],
            "{}",
            kind.name
        );
        assert_eq!(report.bytes(), arrived.len() as u64);
        assert!(!report.was_stopped(), "{}", kind.name);
        assert!(
            sender.send(Bytes::new()).is_err(),
            "{}: the source lives on",
            kind.name
        );
    });
}
