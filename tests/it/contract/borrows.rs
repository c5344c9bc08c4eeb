//! Rules 1, 2, 7 and 19: what a pipeline that is run may borrow, and how much it holds then.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::report::Progress;
use highwater::stage::Collect;
use highwater::stream::flow;
use highwater::{
    Error, HighWaterMark, Out, Pipeline, ReadSource, Sink, Source, WriteSink, pipeline, pipeline_of,
};

use crate::support::hostile::{Pattern, Step, pattern};
use crate::support::stages::{CHUNK, Gated, HIGH, assert_bounded, source};
use crate::support::{Census, Counted, Gate, in_time, task, until};

pub(super) const ALL: usize = 5_000;
pub(super) const ITEMS: usize = 1_000;
pub(super) const MARK: HighWaterMark<highwater::mark::InItems> = HighWaterMark::items(4);

/// A pipeline of bytes with small marks.
pub(super) fn bounded<'a>(from: impl Source<Bytes> + 'a) -> Pipeline<'a, Bytes> {
    pipeline(from).high_water_mark(HighWaterMark::bytes(HIGH))
}

pub(super) fn moves(end: usize) -> ReadSource<Pattern> {
    source(end, [Step::Move(CHUNK)])
}

/// Chunks that are counted while they live, as a source that borrows its census.
pub(super) struct Numbers<'a> {
    pub(super) census: &'a Census,
    pub(super) next: usize,
}

impl Source<Counted> for Numbers<'_> {
    fn read(&mut self) -> Result<Option<Counted>, Error> {
        let number = self.next;
        self.next += 1;
        Ok((number < ITEMS).then(|| self.census.chunk(number)))
    }
}

// Rule 19.
#[test]
fn closures_count_in_variables_of_the_function_that_runs_them() {
    in_time(|| {
        let (mut looked, mut mapped, mut kept, mut made, mut through) = (0, 0, 0, 0, 0);
        let (mut told, mut written) = (0, 0);
        let shared = AtomicUsize::new(0);
        let stage = |chunk: Bytes, out: &mut Out<'_, Bytes>| {
            through += chunk.len();
            out.push(chunk)
        };
        let report = bounded(moves(ALL))
            .inspect(|chunk| looked += chunk.len())
            .map(|chunk| {
                mapped += chunk.len();
                chunk
            })
            .filter(|chunk| {
                kept += chunk.len();
                true
            })
            .flat_map(|chunk| {
                made += chunk.len();
                Some(chunk)
            })
            .through(stage)
            .buffered(HighWaterMark::bytes(HIGH))
            .progress(|progress: &Progress| told = progress.bytes)
            .for_each(|chunk| {
                shared.fetch_add(chunk.len(), Ordering::Relaxed);
                written += chunk.len();
            })
            .run()
            .unwrap();
        assert_bounded(&report);
        assert_eq!(report.bytes(), ALL as u64);
        assert_eq!([looked, mapped, kept, made, through, written], [ALL; 6]);
        assert_eq!((told, shared.into_inner()), (ALL as u64, ALL));
    });
}

// Rule 19.
#[test]
fn a_pipeline_that_borrows_nothing_goes_on_with_stages_that_do() {
    fn begun() -> Pipeline<'static, Bytes> {
        bounded(moves(ALL)).buffered(HighWaterMark::bytes(HIGH))
    }
    in_time(|| {
        let (mut looked, mut read) = (0, 0);
        let look = begun().inspect(|chunk| looked += chunk.len());
        let report = look.to(Vec::new()).run().unwrap();
        assert_bounded(&report);
        let report = begun()
            .readable()
            .into_pipeline()
            .high_water_mark(HighWaterMark::bytes(HIGH))
            .inspect(|chunk| read += chunk.len())
            .to(Vec::new())
            .run()
            .unwrap();
        assert_bounded(&report);
        assert_eq!([looked, read], [ALL; 2]);
    });
}

// Rule 19: the threads of `par_map` too.
#[test]
fn a_parallel_stage_borrows_a_table() {
    in_time(|| {
        for in_order in [true, false] {
            let census = Census::default();
            let table: Vec<usize> = (0..ITEMS).map(|n| n * n).collect();
            let looked = AtomicUsize::new(0);
            let look_up = |item: Counted| {
                looked.fetch_add(1, Ordering::Relaxed);
                Ok(table[item.number])
            };
            let numbers = Numbers {
                census: &census,
                next: 0,
            };
            let begun = pipeline_of(numbers, MARK);
            let begun = match in_order {
                true => begun.par_map(3, look_up),
                false => begun.par_map_unordered(3, look_up),
            };
            let (_, squares) = begun.to(Collect::at_most(ITEMS)).run_into().unwrap();
            let mut squares = squares.into_vec();
            squares.sort_unstable();
            assert_eq!(squares, table, "in order: {in_order}");
            assert_eq!(looked.into_inner(), ITEMS);
            // Two for each thread, what the stage has in its hands, the mark and a chunk.
            assert!(census.peak() <= 2 * 3 + 2 + 4 + 2, "{}", census.peak());
            assert_eq!(census.live(), 0);
        }
    });
}

// Rule 7.
#[test]
fn a_borrowed_sink_has_everything_and_is_used_after() {
    in_time(|| {
        let mut vec = b"before, ".to_vec();
        let mut beside = Vec::new();
        let report = bounded(moves(ALL)).tee(&mut beside).to(&mut vec);
        let report = report.run().unwrap();
        assert_bounded(&report);
        assert_eq!(report.bytes(), ALL as u64);
        vec.extend_from_slice(b", after");
        let expected = [&b"before, "[..], &pattern(ALL), b", after"].concat();
        assert!(vec == expected && beside == pattern(ALL));

        let mut writer = std::io::Cursor::new(Vec::new());
        for _ in 0..2 {
            let sink = WriteSink::borrowed(&mut writer, "cursor");
            assert_bounded(&bounded(moves(ALL)).to(sink).run().unwrap());
        }
        assert_eq!(writer.into_inner(), pattern(ALL).repeat(2));

        let mut collect = Collect::at_most(2 * ITEMS);
        let any: &mut dyn Sink<usize> = &mut collect;
        let once = flow((0..ITEMS).map(Ok));
        pipeline_of(once, MARK).to(&mut *any).run().unwrap();
        let again = flow((0..ITEMS).map(Ok));
        let (_, any) = pipeline_of(again, MARK).to(any).run_into().unwrap();
        assert_eq!(any.name(), "collect");
        assert!(
            collect
                .into_vec()
                .into_iter()
                .eq((0..ITEMS).chain(0..ITEMS))
        );
    });
}

// Rule 19: the source is read no further than the marks allow.
#[test]
fn a_borrowed_source_goes_on_where_a_take_has_left_it() {
    in_time(|| {
        let mut read = moves(ALL);
        let mut first = Vec::new();
        let report = bounded(&mut read).take(3).to(&mut first).run().unwrap();
        assert_bounded(&report);
        assert!(first == pattern(3 * CHUNK));
        let at = usize::try_from(report.stages()[0].bytes).unwrap();
        assert!((3 * CHUNK..=3 * CHUNK + HIGH + CHUNK).contains(&at), "{at}");

        let mut rest = Vec::new();
        let report = bounded(&mut read).to(&mut rest).run().unwrap();
        assert_bounded(&report);
        assert!(rest == pattern(ALL)[at..]);
        assert_eq!(read.read().unwrap(), None);

        // A reader, without what errors call it; and an iterator over a slice.
        let mut reader = Pattern::new(ALL, [Step::Move(CHUNK)]);
        let mut both = Vec::new();
        let source = ReadSource::borrowed(&mut reader, "reader");
        let report = bounded(source).take(3).to(&mut both).run().unwrap();
        let at = usize::try_from(report.stages()[0].bytes).unwrap();
        both.clear();
        bounded(ReadSource::blocking(&mut reader, "reader"))
            .to(&mut both)
            .run()
            .unwrap();
        assert!(both == pattern(ALL)[at..]);

        let words: Vec<String> = (0..ITEMS).map(|n| n.to_string()).collect();
        let mut left = words.iter();
        let mut lengths = Vec::new();
        let lens = flow(left.by_ref().map(|word| Ok(word.len())));
        let ready = pipeline_of(lens, MARK).take(3).for_each(|len| {
            lengths.push(len);
        });
        ready.run().unwrap();
        assert_eq!(lengths, [1, 1, 1]);
        let left = left.len();
        assert!((ITEMS - 3 - 4 - 1..=ITEMS - 3).contains(&left), "{left}");
    });
}

// Rules 1, 2 and 19: a slice is copied, piece by piece, no further than the mark.
#[test]
fn a_borrowed_slice_is_copied_no_further_than_the_mark() {
    in_time(|| {
        for len in [0, 1, 65_535, 65_536, 65_537, 400_001] {
            let bytes = pattern(len);
            let mut copy = Vec::new();
            let report = pipeline(&bytes[..])
                .high_water_mark(HighWaterMark::bytes(HIGH))
                .to(&mut copy)
                .run()
                .unwrap();
            assert!(copy == bytes, "{len}");
            assert_eq!(report.bytes(), len as u64);
            let peak = report.stages()[1].buffer.unwrap().peak;
            assert!(peak < HIGH + highwater::mark::READ_BYTES, "{peak}");
        }
        let gate = Gate::new();
        let stands = gate.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let running = task(move || {
            let (bytes, mut copy) = (pattern(400_000), Vec::new());
            let begun = pipeline(&bytes[..]).high_water_mark(HighWaterMark::bytes(HIGH));
            tell.send(begun.monitor()).unwrap();
            let sink = Gated {
                inner: WriteSink::borrowed(&mut copy, "memory"),
                gate: stands,
            };
            let report = begun.to(sink).run().unwrap();
            assert!(copy == bytes);
            report
        });
        let monitor = told.recv().unwrap();
        gate.until_arrived(1);
        until("the source waits", || {
            let report = monitor.snapshot();
            report
                .stages()
                .first()
                .is_some_and(|first| !first.blocked.is_zero())
        });
        assert!(monitor.snapshot().stages()[0].bytes <= 2 * highwater::mark::READ_BYTES as u64);
        gate.open(400_000);
        assert_eq!(running.join().bytes(), 400_000);
    });
}
