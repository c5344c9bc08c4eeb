//! Rules 12, 13, 15, 18 and 19: pipelines that end well, badly, and in the middle.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::chunk::Batch;
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Interrupt, Out, Pipeline, ReadSource,
    ReceiverSource, Sink, Source, WriteSink, pipeline,
};

use crate::hostile::{Pattern, Scripted, Step, pattern};
use crate::support::{Gate, in_time, task};

const HIGH: usize = 64;
const CHUNK: usize = 10;

/// A stage that passes on what it gets, and does something else at one chunk.
#[derive(Clone, Copy)]
enum At {
    Never,
    Fails(usize),
    Panics(usize),
}

fn same(at: At) -> impl FnMut(Bytes, &mut Out<'_, Bytes>) -> Result<(), Error> + Send {
    let mut seen = 0;
    move |chunk, out| {
        seen += 1;
        match at {
            At::Fails(n) if n == seen => Err(Error::other("the stage failed")),
            At::Panics(n) if n == seen => panic!("the stage broke"),
            _ => out.push(chunk),
        }
    }
}

fn source(end: usize, script: impl Into<Vec<Step>>) -> ReadSource<Pattern> {
    ReadSource::new(Pattern::new(end, script), "pattern")
}

fn through(mut pipeline: Pipeline<Bytes>, stages: usize) -> Pipeline<Bytes> {
    pipeline = pipeline.high_water_mark(HighWaterMark::bytes(HIGH));
    for _ in 0..stages {
        pipeline = pipeline.through(same(At::Never));
    }
    pipeline
}

fn assert_bounded(report: &highwater::Report) {
    for stage in report.stages() {
        if let Some(buffer) = stage.buffer {
            assert_eq!(buffer.high_water_mark, HIGH);
            assert!(
                buffer.peak < HIGH + CHUNK,
                "{} at {}",
                buffer.peak,
                stage.name
            );
            assert!(buffer.len <= buffer.peak);
        }
    }
}

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
                let together = stage.busy + stage.starved + stage.blocked;
                assert!(together <= report.elapsed() * 2, "{stage:?}");
            }
            assert_eq!(report.stages()[0].name, "pattern");
            assert_eq!(report.stages()[stages + 1].name, "memory");
            assert!(report.to_string().contains("bottleneck"));
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

// What a report is for.
#[test]
fn the_stage_that_holds_the_others_up_is_named() {
    in_time(|| {
        let work = || (0..20_000).for_each(|_| std::hint::black_box(()));
        let slow = move |chunk: Bytes, out: &mut Out<'_, Bytes>| {
            (0..50).for_each(|_| work());
            out.push(chunk)
        };
        let begun = pipeline(source(2_000, [Step::Move(CHUNK)]));
        let ready = through(begun, 1).through(slow).to(Vec::new());
        let report = ready.run().unwrap();
        let busiest = report
            .stages()
            .iter()
            .max_by_key(|stage| stage.busy)
            .unwrap();
        assert_eq!(report.bottleneck(), busiest.name);
        assert_eq!(busiest.name, "transform");
        let sink = &report.stages()[3];
        assert!(sink.starved > sink.busy, "{report}");
        assert_bounded(&report);
    });
}

/// Counts what a source gives.
struct Counting<S, F> {
    inner: S,
    read: Arc<AtomicUsize>,
    announce: F,
}

impl<S: Source<Bytes>, F: FnMut(usize) + Send> Source<Bytes> for Counting<S, F> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.inner.read()?;
        let bytes = chunk.as_ref().map_or(0, Bytes::len);
        self.read.fetch_add(bytes, Ordering::SeqCst);
        (self.announce)(self.read.load(Ordering::SeqCst) / CHUNK);
        Ok(chunk)
    }
}

/// A sink that writes only after a permit.
struct Gated<K> {
    inner: K,
    gate: Gate,
}

impl<K: Sink<Bytes>> Sink<Bytes> for Gated<K> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.gate.pass();
        self.inner.write(batch)
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.inner.name()
    }
}

/// The same, for whom an interrupt is a permit to fail.
struct Interruptible<K> {
    inner: K,
    gate: Gate,
}

impl<K: Sink<Bytes>> Sink<Bytes> for Interruptible<K> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        if self.gate.pass_or_interrupt() {
            self.inner.write(batch)
        } else {
            Err(Error::interrupted())
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let gate = self.gate.clone();
        Some(Interrupt::new(move || gate.interrupt()))
    }
}
