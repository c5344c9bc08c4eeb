//! What a report counts, in what unit, and how it says so.

use std::collections::HashSet;

use bytes::Bytes;
use highwater::report::Monitor;
use highwater::stage::{Collect, Fold};
use highwater::stream::SenderSink;
use highwater::{HighWaterMark, Out, Readable, Report, WriteSink, pipeline, pipeline_of};

use crate::support::hostile::{Step, pattern};
use crate::support::stages::{CHUNK, Gated, HIGH, assert_bounded, source, through};
use crate::support::{Gate, in_time, task, until};

/// What a stage did, and what it was waited for, is no more than the time that it had.
pub(crate) fn assert_adds_up(report: &Report) {
    for stage in report.stages() {
        let together = stage.busy + stage.starved + stage.blocked + stage.waiting;
        assert!(together <= report.elapsed(), "{stage:?}\n{report}");
    }
}

/// The same of a pipeline that runs, at whatever moment.
pub(crate) fn look(monitor: &Monitor) -> Report {
    let report = monitor.snapshot();
    assert_adds_up(&report);
    report
}

fn units(report: &Report) -> Vec<&str> {
    report.stages().iter().map(|stage| stage.unit).collect()
}

fn buffer_units(report: &Report) -> Vec<&str> {
    let buffers = report.stages().iter().filter_map(|stage| stage.buffer);
    buffers.map(|buffer| buffer.unit).collect()
}

#[test]
fn items_are_reported_as_items_and_not_as_bytes() {
    in_time(|| {
        let mark = HighWaterMark::items(64);
        let report = pipeline_of(Readable::from_iter(0..20_000_u64, mark), mark)
            .to(Fold::new(0_u64, |count, _| count + 1))
            .run()
            .unwrap();
        assert_eq!((report.bytes(), report.unit()), (20_000, "item"));
        assert_eq!(units(&report), ["item", "item"]);
        let buffer = report.stages()[1].buffer.unwrap();
        assert_eq!((buffer.high_water_mark, buffer.unit), (64, "item"));
        assert!(buffer.peak <= 65);
        let said = report.to_string();
        assert_eq!(said.matches("20000 items").count(), 3, "{said}");
        assert!(said.contains("mark 64 items, peak "), "{said}");
        assert!(said.contains(" items/s; "), "{said}");
        assert!(!said.contains("KiB") && !said.contains(" B"), "{said}");
        assert_adds_up(&report);
    });
}

#[test]
fn each_buffer_and_each_stage_keeps_the_unit_of_its_own_mark() {
    in_time(|| {
        let bytes = pattern(5_000);
        let lines = HighWaterMark::items(8);
        let weighed = HighWaterMark::weighed(40, |line: &u32| *line as usize);
        let begun = through(pipeline(source(bytes.len(), [Step::Move(CHUNK)])), 0);
        let report = begun
            .through_with(
                |chunk: Bytes, out: &mut Out<'_, Bytes>| out.push(chunk),
                lines,
            )
            .through_with(
                |chunk: Bytes, out: &mut Out<'_, u32>| out.push(chunk.len() as u32),
                weighed,
            )
            .map(|len| Bytes::from(vec![b'x'; len as usize]))
            .to(Vec::new())
            .run()
            .unwrap();
        assert_eq!(units(&report), ["byte", "item", "weight", "byte"]);
        assert_eq!(buffer_units(&report), ["byte", "item", "weight"]);
        let counts: Vec<_> = report.stages().iter().map(|stage| stage.bytes).collect();
        assert_eq!(counts, [5_000, 500, 5_000, 5_000]);
        let said = report.to_string();
        for told in ["500 items", "weight 5000", "mark 64 B", "mark 8 items"] {
            assert!(said.contains(told), "no {told} in\n{said}");
        }
        for stage in report.stages() {
            if let Some(buffer) = stage.buffer {
                assert!(buffer.peak <= buffer.high_water_mark + CHUNK);
            }
        }
        assert_adds_up(&report);
    });
}

#[test]
fn a_peak_above_the_mark_is_said_to_be_the_mark_and_a_chunk() {
    in_time(|| {
        let gate = Gate::new();
        let sink = Gated {
            inner: WriteSink::new(Vec::new(), "memory"),
            gate: gate.clone(),
        };
        let begun = pipeline(source(1_000, [Step::Move(CHUNK)]));
        let monitor = begun.monitor();
        let ready = through(begun, 0).to(sink);
        let running = task(move || ready.run().unwrap());
        until("the source is held up", || {
            let report = look(&monitor);
            let source = report.stages().first();
            source.is_some_and(|source| !source.blocked.is_zero())
        });
        // 64 bytes are a mark, and the seventh chunk of 10 goes beyond it.
        assert_eq!(monitor.snapshot().stages()[1].buffer.unwrap().peak, 70);
        gate.open(1_000);
        let report = running.join();
        assert_eq!(report.bytes(), 1_000);
        let said = report.to_string();
        let told = "mark 64 B, peak 70 B (mark and a chunk)";
        assert!(said.contains(told), "{said}");
        assert_bounded(&report);
        assert_eq!(report.stages()[1].buffer.unwrap().high_water_mark, HIGH);
    });
}

#[test]
fn a_stage_that_shares_its_work_reports_items_and_its_window_in_slots() {
    in_time(|| {
        let mark = HighWaterMark::items(1_024);
        let report = pipeline_of(Readable::from_iter(0..5_000_u64, mark), mark)
            .par_map(2, Ok)
            .to(Fold::new(HashSet::new(), |mut seen: HashSet<u64>, n| {
                seen.insert(n);
                seen
            }))
            .run_into()
            .map(|(report, seen)| (report, seen.into_inner().len()));
        let (report, seen) = report.unwrap();
        assert_eq!(seen, 5_000);
        let counts: Vec<_> = report.stages().iter().map(|stage| stage.bytes).collect();
        assert_eq!(counts, [5_000, 5_000, 5_000], "{report}");
        assert_eq!(units(&report), ["item", "item", "item"]);
        assert_eq!(buffer_units(&report), ["item", "slot"]);
        let slots = report.stages()[2].buffer.unwrap();
        assert_eq!(slots.high_water_mark, 4);
        assert!(slots.peak <= 5, "{slots:?}");
        assert_adds_up(&report);

        let report = pipeline_of(Readable::from_iter(0..5_000_u64, mark), mark)
            .par_map_unordered(2, |n| Ok(Bytes::from(vec![0; n as usize % 3])))
            .to(Vec::new())
            .run()
            .unwrap();
        assert_eq!(units(&report), ["item", "byte", "byte"]);
        assert_eq!(report.stages()[1].bytes, report.bytes());
        assert_adds_up(&report);
    });
}

#[test]
fn a_second_sink_is_reported_with_what_it_was_given() {
    in_time(|| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let begun = pipeline(source(5_000, [Step::Move(CHUNK)]));
        let report = through(begun, 0)
            .tee(SenderSink::new(sender))
            .to(Vec::new())
            .run()
            .unwrap();
        assert_eq!(
            receiver.iter().map(|chunk| chunk.len()).sum::<usize>(),
            5_000
        );
        let counts: Vec<_> = report.stages().iter().map(|stage| stage.bytes).collect();
        assert_eq!(counts, [5_000, 5_000, 5_000]);
        assert_eq!(units(&report), ["byte", "byte", "byte"]);
        assert_bounded(&report);
        assert_adds_up(&report);
    });
}

#[test]
fn progress_says_in_what_it_counts() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        let (tell, told) = std::sync::mpsc::channel();
        let report = pipeline_of(Readable::from_iter(0..10_u8, mark), mark)
            .progress(move |progress| tell.send((progress.bytes, progress.unit)).unwrap())
            .to(Collect::at_most(10))
            .run()
            .unwrap();
        assert_eq!(told.iter().last(), Some((10, "item")));
        assert!(report.stages()[1].buffer.unwrap().peak <= 5);
    });
}

#[test]
fn a_failure_says_in_what_it_counts() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        let mut seen = 0;
        let failure = pipeline_of(Readable::from_iter(0..10_u8, mark), mark)
            .try_for_each(move |_| {
                seen += 1;
                match seen {
                    4 => Err(highwater::Error::other("enough")),
                    _ => Ok(()),
                }
            })
            .run()
            .unwrap_err();
        let said = format!("{failure:?}");
        assert!(said.contains("confirmed: 3 items"), "{said}");
        assert!(
            said.contains(" items, ..") || said.contains("1 item, .."),
            "{said}"
        );
        assert_eq!(failure.report.unit(), "item");
    });
}

#[test]
fn before_anything_has_run_nothing_holds_it_up() {
    let report = Report::default();
    assert_eq!((report.bytes(), report.bottleneck()), (0, "none"));
    assert!(report.to_string().contains("bottleneck: none"));
}
