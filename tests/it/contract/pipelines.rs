//! Rules 12, 13, 17, 18 and 19: pipelines that end well, and pipelines that fail.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use highwater::{ErrorKind, Out, WriteSink, pipeline};

use crate::support::hostile::{Scripted, Step, pattern};
use crate::support::stages::{
    At, CHUNK, Counting, Gated, HIGH, assert_bounded, same, source, through,
};
use crate::support::{Gate, in_time, task, until};

// Rule 19, and what a report says.
#[test]
fn everything_arrives_through_any_number_of_stages() {
    in_time(|| {
        for stages in 0..=3 {
            let begun = pipeline(source(5_000, [Step::Move(CHUNK)]));
            let ready = through(begun, stages).to(Vec::new());
            let (report, sink) = ready.run_into().unwrap();
            assert!(sink.into_inner() == pattern(5_000));
            assert_eq!(report.bytes(), 5_000);
            assert_eq!(report.stages().len(), stages + 2);
            assert!(!report.was_stopped());
            for stage in report.stages() {
                assert_eq!((stage.bytes, stage.chunks), (5_000, 500), "{}", stage.name);
                let together = stage.busy + stage.starved + stage.blocked + stage.waiting;
                assert!(together <= report.elapsed(), "{stage:?}");
            }
            assert_eq!(report.stages()[0].name, "pattern");
            assert_eq!(report.stages()[stages + 1].name, "memory");
            assert!(report.to_string().contains("bottleneck"));
            assert_bounded(&report);
        }
    });
}

// Rule 19: whatever there is to read, while the sink stands still.
#[test]
fn a_pipeline_holds_no_more_than_its_marks_and_a_chunk_each() {
    const ALL: usize = 20_000;
    in_time(|| {
        for stages in 0..=3 {
            let gate = Gate::new();
            let sink = Gated {
                inner: WriteSink::new(Vec::new(), "memory"),
                gate: gate.clone(),
            };
            let begun = pipeline(source(ALL, [Step::Move(CHUNK)]));
            let monitor = begun.monitor();
            let ready = through(begun, stages).to(sink);
            let running = task(move || ready.run_into().unwrap());
            until("every stage is held up", || {
                let report = monitor.snapshot();
                let before_sink = report.stages().iter().take(stages + 1);
                let held_up = |stage: &highwater::report::StageReport| !stage.blocked.is_zero();
                !report.stages().is_empty() && before_sink.clone().all(held_up)
                    || report
                        .stages()
                        .first()
                        .is_some_and(|source| source.bytes == ALL as u64)
            });
            let read = monitor.snapshot().stages()[0].bytes as usize;
            // Each buffer, and what each transform has in hand.
            assert!(
                read < (stages + 1) * (HIGH + CHUNK) + stages * CHUNK,
                "{read} read"
            );
            gate.open(ALL);
            let (report, sink) = running.join();
            assert!(sink.inner.into_inner() == pattern(ALL));
            assert_bounded(&report);
        }
    });
}

// Rules 12 and 18.
#[test]
fn an_error_of_a_source_comes_behind_everything_it_has_read() {
    in_time(|| {
        for stages in 0..=3 {
            for (last, kind) in [
                (
                    Step::Fail(io::ErrorKind::ConnectionReset),
                    ErrorKind::Io(io::ErrorKind::ConnectionReset),
                ),
                (Step::Panic, ErrorKind::Panicked),
            ] {
                let mut script = vec![Step::Move(CHUNK); 30];
                script.push(last);
                let ready = through(pipeline(source(usize::MAX, script)), stages);
                let failure = ready.to(Vec::new()).run().unwrap_err();
                assert_eq!(failure.error.kind(), kind);
                assert_eq!(failure.error.stage(), Some("pattern"));
                assert_eq!(failure.error.offset(), Some(300));
                assert_eq!(failure.error.others().count(), 0, "an echo was shown");
                assert_eq!(failure.report.bytes(), 300, "what came before has arrived");
                assert!(failure.undelivered.is_empty());
                assert_bounded(&failure.report);
            }
        }
    });
}

// Rules 12, 13 and 18.
#[test]
fn an_error_of_a_stage_ends_what_is_before_it_and_follows_what_is_behind() {
    in_time(|| {
        for (at, kind) in [
            (At::Fails(8), ErrorKind::Failed),
            (At::Panics(8), ErrorKind::Panicked),
        ] {
            for (before, behind) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let begun = pipeline(source(usize::MAX, [Step::Move(CHUNK)]));
                let mut ready = through(begun, before).through(same(at));
                ready = through(ready, behind);
                let failure = ready.to(Vec::new()).run().unwrap_err();
                assert_eq!(failure.error.kind(), kind);
                assert_eq!(failure.error.stage(), Some("transform"));
                assert_eq!(failure.error.operation(), Some("transform in"));
                assert_eq!(failure.error.others().count(), 0, "an echo was shown");
                assert_eq!(failure.report.bytes(), 70, "what it passed on has arrived");
                assert_bounded(&failure.report);
            }
        }
    });
}

// Rules 12, 13, 17 and 18: to the byte, at every byte of some chunks.
#[test]
fn what_a_failed_sink_confirmed_and_did_not_adds_up_to_what_was_read() {
    in_time(|| {
        let kind = io::ErrorKind::StorageFull;
        for last in [Step::Fail(kind), Step::Panic, Step::Move(0)] {
            for at in 0..25 {
                let gate = Gate::new();
                let read = Arc::new(AtomicUsize::new(0));
                let (opened, count) = (gate.clone(), Arc::clone(&read));
                // It reads on while the sink stands still, so that there is something to give back.
                let watched = Counting {
                    inner: source(usize::MAX, [Step::Move(CHUNK)]),
                    read: count,
                    announce: move |read| {
                        if read == HIGH / CHUNK {
                            opened.open(100);
                        }
                    },
                };
                let sink = Gated {
                    inner: WriteSink::new(Scripted::until(at, last), "broken"),
                    gate,
                };
                let failure = through(pipeline(watched), 0).to(sink).run().unwrap_err();
                assert_eq!(failure.error.stage(), Some("broken"));
                assert_eq!(failure.error.offset(), Some(at as u64));
                assert_eq!(failure.report.bytes(), at as u64);
                assert_eq!(failure.error.others().count(), 0, "an echo was shown");
                let undelivered = failure.undelivered.concat();
                let read = read.load(Ordering::SeqCst);
                // What was confirmed has made room for as much: the bound is on what is held.
                assert!(undelivered.len() <= HIGH + 2 * CHUNK);
                assert!(
                    undelivered == pattern(read)[at..],
                    "{read} read, {at} written"
                );
                assert_bounded(&failure.report);
            }
        }
    });
}

// Rule 18, through a stage: what that was about to pass on is not lost either.
#[test]
fn what_a_stage_has_passed_on_is_confirmed_or_given_back() {
    in_time(|| {
        for at in [0, 7, 30, 200] {
            let passed_on = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&passed_on);
            let stage = move |chunk: Bytes, out: &mut Out<'_, Bytes>| {
                count.fetch_add(chunk.len(), Ordering::SeqCst);
                out.push(chunk)
            };
            let begun = pipeline(source(usize::MAX, [Step::Move(CHUNK)]));
            let ready = through(begun, 1).through(stage);
            let sink = Scripted::until(at, Step::Fail(io::ErrorKind::StorageFull));
            let failure = ready.to(WriteSink::new(sink, "broken")).run().unwrap_err();
            let undelivered = failure.undelivered.concat();
            let passed_on = passed_on.load(Ordering::SeqCst);
            assert!(
                undelivered == pattern(passed_on)[at..],
                "{at} of {passed_on}"
            );
            assert_bounded(&failure.report);
        }
    });
}

// What a report is for.
#[test]
fn the_stage_that_holds_the_others_up_is_named() {
    /// So long that what else a busy machine does is little beside it.
    const HELD_UP: Duration = Duration::from_millis(200);
    in_time(|| {
        let begun = pipeline(source(300, [Step::Move(CHUNK)]));
        let monitor = begun.monitor();
        let mut seen = 0;
        let slow = move |chunk: Bytes, out: &mut Out<'_, Bytes>| {
            seen += 1;
            // The second chunk keeps it busy until it has held up everybody for long enough.
            until("the others wait", || {
                let report = monitor.snapshot();
                let (source, sink) = (&report.stages()[0], &report.stages()[2]);
                seen != 2 || (source.blocked > HELD_UP && sink.starved > HELD_UP)
            });
            out.push(chunk)
        };
        let ready = through(begun, 0).through(slow).to(Vec::new());
        let report = ready.run().unwrap();
        let [source, slow, sink] = report.stages() else {
            panic!("{} stages", report.stages().len());
        };
        assert_eq!(report.bottleneck(), "transform");
        assert!(slow.busy > HELD_UP, "{report}");
        assert!(source.blocked > HELD_UP && sink.starved > HELD_UP);
        assert!(slow.blocked < HELD_UP && slow.starved < HELD_UP);
        assert_bounded(&report);
    });
}
