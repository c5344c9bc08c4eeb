//! Rules 12, 14, 15 and 18: pipelines that are ended from outside, or while their source waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::stream::ReceiverSource;
use highwater::{CancelToken, WriteSink, pipeline};

use crate::support::hostile::{Scripted, Step, pattern};
use crate::support::stages::{
    At, CHUNK, Counting, Gated, HIGH, Interruptible, assert_bounded, same, source, through,
};
use crate::support::{Gate, in_time, task};

// Rules 12, 14 and 15: a source that waits is woken when what is behind it is gone.
#[test]
fn a_failed_sink_ends_a_source_that_waits() {
    in_time(|| {
        for stages in 0..=3 {
            let (sender, receiver) = crossbeam_channel::bounded(4);
            sender.send(Bytes::from_static(b"first")).unwrap();
            let begun = pipeline(ReceiverSource::new(receiver));
            let sink = Scripted::until(2, Step::Fail(io::ErrorKind::BrokenPipe));
            let ready = through(begun, stages).to(WriteSink::new(sink, "broken"));
            // The sender is kept, and sends no more.
            let failure = ready.run().unwrap_err();
            assert_eq!(failure.error.stage(), Some("broken"));
            assert_eq!(failure.error.others().count(), 0, "an echo was shown");
            assert_eq!(failure.report.bytes(), 2);
            assert_eq!(failure.undelivered.concat(), "rst");
            drop(sender);
        }
    });
}

// Rules 12, 14 and 15.
#[test]
fn a_failed_stage_ends_a_source_that_waits() {
    in_time(|| {
        for before in 0..=2 {
            let (sender, receiver) = crossbeam_channel::bounded(4);
            sender.send(Bytes::from_static(b"first")).unwrap();
            let begun = pipeline(ReceiverSource::new(receiver));
            let ready = through(begun, before).through(same(At::Fails(1)));
            let failure = ready.to(Vec::new()).run().unwrap_err();
            assert_eq!(failure.error.stage(), Some("transform"));
            assert_eq!(failure.error.others().count(), 0, "an echo was shown");
            assert_eq!(failure.report.bytes(), 0);
            drop(sender);
        }
    });
}

// Rule 15: whatever it is blocked in.
#[test]
fn a_pipeline_that_waits_for_its_source_can_be_stopped_and_aborted() {
    in_time(|| {
        for stages in 0..=3 {
            for aborts in [true, false] {
                let (sender, receiver) = crossbeam_channel::bounded(4);
                sender.send(Bytes::from_static(b"first")).unwrap();
                let token = CancelToken::new();
                let gate = Gate::new();
                let sink = Gated {
                    inner: WriteSink::new(Vec::new(), "memory"),
                    gate: gate.clone(),
                };
                let begun = pipeline(ReceiverSource::new(receiver)).cancel_with(&token);
                let ready = through(begun, stages).to(sink);
                let running = task(move || ready.run());
                gate.open(1);
                gate.until_arrived(1);
                running.until_parked();
                if aborts {
                    token.abort("the user went home");
                    let failure = running.join().unwrap_err();
                    assert!(failure.error.is_same(&token.cause().unwrap()));
                    assert_eq!(failure.error.others().count(), 0);
                    let left = failure.undelivered.weight() as u64;
                    assert_eq!(failure.report.bytes() + left, 5);
                } else {
                    token.stop();
                    let report = running.join().unwrap();
                    assert!(report.was_stopped());
                    assert_eq!(report.bytes(), 5, "what was buffered went through");
                }
                drop(sender);
            }
        }
    });
}

// Rule 15.
#[test]
fn a_pipeline_that_waits_for_its_sink_can_be_stopped_and_aborted() {
    in_time(|| {
        for stages in 0..=3 {
            for aborts in [true, false] {
                let token = CancelToken::new();
                let gate = Gate::new();
                let read = Arc::new(AtomicUsize::new(0));
                let watched = Counting {
                    inner: source(usize::MAX, [Step::Move(CHUNK)]),
                    read: Arc::clone(&read),
                    announce: |_| {},
                };
                let sink = Interruptible {
                    inner: WriteSink::new(Vec::new(), "memory"),
                    gate: gate.clone(),
                };
                let begun = pipeline(watched).cancel_with(&token);
                let ready = through(begun, stages).to(sink);
                let running = task(move || ready.run());
                gate.until_arrived(1);
                running.until_parked();
                if aborts {
                    token.abort("the user went home");
                    let failure = running.join().unwrap_err();
                    assert!(failure.error.is_same(&token.cause().unwrap()));
                    assert_eq!(failure.error.others().count(), 0, "an echo was shown");
                    assert_eq!(failure.report.bytes(), 0);
                    if stages == 0 {
                        let read = read.load(Ordering::SeqCst);
                        assert!(failure.undelivered.concat() == pattern(read));
                    }
                    assert_bounded(&failure.report);
                } else {
                    token.stop();
                    gate.open(100_000);
                    let report = running.join().unwrap();
                    assert!(report.was_stopped());
                    assert_eq!(report.stages()[0].bytes, report.bytes());
                    assert_bounded(&report);
                }
                let most = (stages + 1) * (HIGH + CHUNK) + (stages + 1) * CHUNK;
                assert!(read.load(Ordering::SeqCst) <= most || !aborts);
            }
        }
    });
}

// Rule 18: whoever aborts, and whenever.
#[test]
fn what_an_abort_breaks_off_is_confirmed_or_given_back() {
    in_time(|| {
        for round in 0..150 {
            let token = CancelToken::new();
            let read = Arc::new(AtomicUsize::new(0));
            let aborts = token.clone();
            let watched = Counting {
                inner: source(usize::MAX, [Step::Move(CHUNK)]),
                read: Arc::clone(&read),
                announce: |_| {},
            };
            let canceller = task(move || {
                (0..round * 20).for_each(|_| std::hint::spin_loop());
                aborts.abort("at some time");
            });
            let begun = pipeline(watched).cancel_with(&token);
            let sink = WriteSink::new(Scripted::new([Step::Move(3)]), "slow");
            let failure = through(begun, 0).to(sink).run().unwrap_err();
            canceller.join();
            assert!(failure.error.is_same(&token.cause().unwrap()));
            let confirmed = failure.report.bytes() as usize;
            let read = read.load(Ordering::SeqCst);
            assert!(failure.undelivered.concat() == pattern(read)[confirmed..]);
            assert_bounded(&failure.report);
        }
    });
}
