//! Who is named as what held a pipeline up: who works is, and who waits for something outside is
//! not, unless it is a sink whose peer takes nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use highwater::report::{Monitor, StageReport};
use highwater::stage::Collect;
use highwater::stream::{BranchPolicy, SenderSink};
use highwater::{
    HighWaterMark, Out, Readable, WriteSink, broadcast, pipeline, pipeline_of, process,
};

use crate::contract::idle::an_idle_source_is_no_bottleneck;
use crate::contract::reports::{assert_adds_up, look};
use crate::support::hostile::Step;
use crate::support::stages::{CHUNK, Gated, source, through};
use crate::support::{Gate, in_time, task, until};

/// So long that what else a busy machine does is little beside it.
pub(crate) const HELD_UP: Duration = Duration::from_millis(200);

pub(crate) fn until_held_up(
    monitor: &Monitor,
    stage: impl Fn(&[StageReport]) -> Option<&StageReport>,
    time: impl Fn(&StageReport) -> Duration,
) {
    until("a stage is held up", || {
        let report = look(monitor);
        stage(report.stages()).is_some_and(|stage| time(stage) > HELD_UP)
    });
}

#[test]
fn a_source_that_works_is_the_bottleneck() {
    in_time(|| {
        let (tell, told) = std::sync::mpsc::channel::<Monitor>();
        let mut monitor: Option<Monitor> = None;
        let hard = move || {
            if monitor.is_some() {
                return Ok(None);
            }
            // It computes until it has held up everything else for long enough.
            let seen = monitor.insert(told.recv().unwrap());
            until("the sink has waited", || {
                let report = look(seen);
                report
                    .stages()
                    .last()
                    .is_some_and(|sink| sink.starved > HELD_UP)
            });
            Ok(Some(Bytes::from_static(b"computed")))
        };
        let begun = pipeline(Own(hard));
        tell.send(begun.monitor()).unwrap();
        let report = begun.to(Vec::new()).run().unwrap();
        assert_eq!(report.bottleneck(), "own");
        assert!(report.stages()[0].busy > HELD_UP, "{report}");
        assert!(report.stages()[0].waiting < HELD_UP, "{report}");
        assert_eq!(report.bytes(), 8);
        assert!(report.stages()[1].buffer.unwrap().peak <= 8);
        assert_adds_up(&report);
    });
}

struct Own<F>(F);

impl<F: FnMut() -> Result<Option<Bytes>, highwater::Error> + Send> highwater::Source<Bytes>
    for Own<F>
{
    fn read(&mut self) -> Result<Option<Bytes>, highwater::Error> {
        (self.0)()
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        "own".into()
    }
}

#[test]
fn what_a_stage_waits_for_between_its_neighbours_is_no_wait_for_something_outside() {
    in_time(|| {
        let gate = Gate::new();
        let begun = pipeline(source(1_000, [Step::Move(CHUNK)]));
        let monitor = begun.monitor();
        let watched = monitor.clone();
        let mut seen = 0;
        let works_then_waits = move |chunk: Bytes, out: &mut Out<'_, Bytes>| {
            seen += 1;
            until("the sink has waited", || {
                let report = look(&watched);
                let sink = report.stages().last();
                seen > 1 || sink.is_some_and(|sink| sink.starved > HELD_UP)
            });
            out.push(chunk)
        };
        let sink = Gated {
            inner: WriteSink::new(Vec::new(), "slow"),
            gate: gate.clone(),
        };
        let ready = through(begun, 0).through(works_then_waits).to(sink);
        let running = task(move || ready.run().unwrap());
        until_held_up(&monitor, |stages| stages.get(1), |stage| stage.blocked);
        gate.open(1_000);
        let report = running.join();
        for stage in report.stages() {
            assert!(stage.waiting < HELD_UP, "{report}");
        }
        let stage = &report.stages()[1];
        assert!(stage.busy > HELD_UP && stage.blocked > HELD_UP, "{report}");
        assert_eq!(report.bytes(), 1_000);
        crate::support::stages::assert_bounded(&report);
        assert_adds_up(&report);
    });
}

#[test]
fn a_sink_whose_peer_takes_nothing_is_the_bottleneck() {
    const ALL: usize = 1 << 20;
    fn check<K: highwater::Sink<Bytes> + 'static>(
        what: &str,
        sink: K,
        take: impl FnOnce() -> usize,
    ) {
        let begun = pipeline(source(ALL, [Step::Move(CHUNK * 100)]));
        let monitor = begun.monitor();
        let ready = begun.high_water_mark(HighWaterMark::bytes(4096)).to(sink);
        let running = task(move || ready.run().unwrap());
        until_held_up(&monitor, <[_]>::last, |sink| sink.waiting);
        until_held_up(&monitor, <[_]>::first, |source| source.blocked);
        let taken = take();
        let report = running.join();
        assert_eq!((taken, report.bytes()), (ALL, ALL as u64), "{what}");
        let [source, sink] = report.stages() else {
            panic!("{what}: {report}");
        };
        assert!(
            sink.waiting > HELD_UP && sink.busy < sink.waiting,
            "{what}: {report}"
        );
        assert!(
            source.blocked > HELD_UP && source.waiting < HELD_UP,
            "{what}: {report}"
        );
        assert_eq!(report.bottleneck(), sink.name, "{what}: {report}");
        let told = format!("bottleneck: {} (waits for its peer)", sink.name);
        assert!(report.to_string().ends_with(&told), "{what}: {report}");
        assert!(sink.buffer.unwrap().peak < 4096 + CHUNK * 100);
        assert_adds_up(&report);
    }
    in_time(|| {
        let (mut peer, socket) = UnixStream::pair().unwrap();
        let socket = highwater::IntoSink::into_sink(socket);
        let take = move || {
            let mut got = Vec::new();
            let taken = task(move || peer.read_to_end(&mut got).unwrap());
            taken.join()
        };
        check("a socket", socket, take);

        let (sender, receiver) = crossbeam_channel::bounded::<Bytes>(0);
        let take = move || receiver.iter().map(|chunk| chunk.len()).sum();
        check("a sender", SenderSink::new(sender), take);

        let writer = broadcast::<Bytes, _>(HighWaterMark::bytes(4096));
        let branch = writer.subscribe(BranchPolicy::Slowest);
        let take = move || branch.map(|chunk| chunk.unwrap().len()).sum();
        check("a broadcast", writer, take);
    });
}

#[test]
fn a_second_sink_that_is_slow_is_the_bottleneck_and_not_the_first() {
    in_time(|| {
        let gate = Gate::new();
        let slow = Gated {
            inner: WriteSink::new(Vec::new(), "slow"),
            gate: gate.clone(),
        };
        let begun = pipeline(source(5_000, [Step::Move(CHUNK)]));
        let monitor = begun.monitor();
        let ready = through(begun, 0).tee(slow).to(Vec::new());
        let running = task(move || ready.run().unwrap());
        until_held_up(&monitor, <[_]>::last, |first| first.blocked);
        gate.open(5_000);
        let report = running.join();
        let [_, slow, first] = report.stages() else {
            panic!("{report}");
        };
        assert!(
            slow.busy > HELD_UP && first.busy < first.blocked,
            "{report}"
        );
        assert_eq!(report.bottleneck(), "slow", "{report}");
        assert_eq!((slow.bytes, first.bytes), (5_000, 5_000));
        crate::support::stages::assert_bounded(&report);
        assert_adds_up(&report);
    });
}

#[test]
fn what_waits_for_the_threads_of_a_stage_is_starved_by_it() {
    in_time(|| {
        let gate = Gate::new();
        let mark = HighWaterMark::items(4);
        let begun = pipeline_of(Readable::from_iter(0..100_u32, mark), mark);
        let monitor = begun.monitor();
        let held = gate.clone();
        let ready = begun
            .par_map(2, move |n| {
                held.pass();
                Ok(n)
            })
            .to(Collect::at_most(100));
        let running = task(move || ready.run().unwrap());
        until_held_up(&monitor, <[_]>::last, |sink| sink.starved);
        gate.open(100);
        let report = running.join();
        assert_eq!(report.bytes(), 100);
        let sink = &report.stages()[2];
        assert!(sink.busy < sink.starved, "{report}");
        assert!(sink.buffer.unwrap().peak <= 5);
        assert_adds_up(&report);
    });
}

#[test]
fn what_nobody_reads_waits_for_its_reader() {
    in_time(|| {
        let begun = pipeline(source(5_000, [Step::Move(CHUNK)]));
        let monitor = begun.monitor();
        let mut readable = through(begun, 1).readable();
        let first = readable.next().unwrap().unwrap();
        until_held_up(&monitor, <[_]>::last, |last| last.blocked);
        let report = look(&monitor);
        assert_eq!(report.bottleneck(), "waits for its reader", "{report}");
        assert_eq!(first.len() + readable.to_bytes(5_000).unwrap().len(), 5_000);
    });
}

#[test]
fn a_child_that_takes_its_time_is_the_bottleneck_and_one_without_input_is_not() {
    in_time(|| {
        let mut slow = Command::new("sh");
        slow.args(["-c", "cat >/dev/null; sleep 0.3; echo done"]);
        let child = process::stage(slow).unwrap();
        let report = pipeline(&b"something"[..])
            .via(child.sink, child.source)
            .to(Vec::new())
            .run()
            .unwrap();
        assert_eq!(report.bytes(), 5);
        let child = &report.stages()[2];
        assert!(child.waiting > HELD_UP, "{report}");
        assert_eq!(report.bottleneck(), child.name, "{report}");
        let told = format!("bottleneck: {} (waits for its data)", child.name);
        assert!(report.to_string().ends_with(&told), "{report}");
        assert_adds_up(&report);

        let (mut peer, socket) = UnixStream::pair().unwrap();
        let child = process::stage(Command::new("cat")).unwrap();
        let begun = pipeline(socket).via(child.sink, child.source);
        let feed = move || peer.write_all(b"at last").unwrap();
        an_idle_source_is_no_bottleneck("a socket before a child", begun, feed);
    });
}

#[test]
fn what_a_stream_has_waited_before_its_pipeline_is_not_reported() {
    in_time(|| {
        let (mut out, mut readable) = highwater::channel(HighWaterMark::items(4));
        let reader = task(move || {
            let first = readable.next().unwrap().unwrap();
            (first, readable)
        });
        reader.until_parked();
        let parked = Instant::now();
        until("it has waited for a while", || parked.elapsed() > HELD_UP);
        let _ = out.write(1_u8).unwrap();
        let (first, readable) = reader.join();
        assert_eq!(first, 1);
        let _ = out.write(2).unwrap();
        out.end();
        // The pipeline itself runs for long enough to have room for what it must not count.
        let ran = Instant::now();
        let report = readable
            .into_pipeline()
            .for_each(move |_| {
                until("it has worked for a while", || ran.elapsed() > 2 * HELD_UP);
            })
            .run()
            .unwrap();
        assert_eq!(report.bytes(), 1);
        assert!(report.stages()[0].waiting < HELD_UP, "{report}");
        assert!(report.stages()[1].starved < HELD_UP, "{report}");
        assert!(report.stages()[1].buffer.unwrap().peak <= 5);
        assert_adds_up(&report);
    });
}

// A stream between two pipelines: each tells of its own side, and neither counts a wait twice.
#[test]
fn a_pipeline_behind_another_waits_for_its_source_and_the_other_for_its_reader() {
    in_time(|| {
        let gate = Gate::new();
        let first = pipeline(source(5_000, [Step::Move(CHUNK)]));
        let first_monitor = first.monitor();
        let between = through(first, 1).readable();
        let second = between.into_pipeline();
        let second_monitor = second.monitor();
        let sink = Gated {
            inner: WriteSink::new(Vec::new(), "slow"),
            gate: gate.clone(),
        };
        let ready = second.to(sink);
        let running = task(move || ready.run().unwrap());
        until_held_up(&first_monitor, <[_]>::last, |last| last.blocked);
        let report = look(&first_monitor);
        assert_eq!(report.bottleneck(), "waits for its reader", "{report}");
        assert!(report.stages()[1].waiting < HELD_UP, "{report}");
        assert_eq!(look(&second_monitor).bottleneck(), "slow");
        gate.open(5_000);
        let report = running.join();
        assert_eq!((report.bytes(), report.bottleneck()), (5_000, "slow"));
        crate::support::stages::assert_bounded(&report);
        assert_adds_up(&report);
    });
}
