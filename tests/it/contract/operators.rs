//! Node's operators, as stages, over a pipeline and over a readable: rules 9, 11 to 14 and 19.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::stage::operators::{chunks_of, compose, filter, flat_map, map, take, try_map};
use highwater::stage::{Collect, CollectBytes, Fold, apply};
use highwater::stream::flow;
use highwater::{
    Error, ErrorKind, HighWaterMark, Out, Readable, Transform, channel, pipeline, pipeline_of,
};

use crate::support::hostile::{Step, pattern};
use crate::support::stages::{CHUNK, HIGH, source};
use crate::support::{Census, Counted, in_time, task};

/// A stream of numbers, which counts how many its source was asked for.
fn counting(high: usize) -> (Readable<usize>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let next = move || Ok(Some(count.fetch_add(1, Ordering::SeqCst)));
    (Readable::from_fn(next, HighWaterMark::items(high)), asked)
}

// Each of Node's operators, on a stream without end where that can be.
#[test]
fn operators_of_a_readable_do_what_those_of_node_do() {
    in_time(|| {
        let numbers = || counting(4).0;
        assert_eq!(
            numbers().flow().map(|n| n * 2).take(3).to_vec(9).unwrap(),
            [0, 2, 4]
        );
        let even = numbers().flow().filter(|n| n % 2 == 0);
        assert_eq!(even.skip(1).take(2).to_vec(9).unwrap(), [2, 4]);
        let twice = numbers().flow().flat_map(|n| [n, n]);
        assert_eq!(twice.take(3).to_vec(9).unwrap(), [0, 0, 1]);
        let mut seen = Vec::new();
        let inspected = numbers()
            .flow()
            .inspect(|n| seen.push(*n))
            .take(2)
            .to_vec(9);
        assert_eq!(inspected.unwrap(), [0, 1]);
        assert_eq!(seen, [0, 1]);
        let pairs = numbers().flow().take(5).chunks_of(2).to_vec(9).unwrap();
        assert_eq!(pairs, [vec![0, 1], vec![2, 3], vec![4]]);
        let ten = numbers().flow().take(5).fold(0, |sum, n| sum + n);
        assert_eq!(ten.unwrap(), 10);
        assert!(numbers().flow().any(|n| n == 7).unwrap());
        assert!(!numbers().flow().all(|n| n < 7).unwrap());
        assert_eq!(numbers().flow().find(|n| *n > 7).unwrap(), Some(8));
        assert!(!numbers().flow().take(3).any(|n| n == 7).unwrap());
        assert!(numbers().flow().take(3).all(|n| n < 7).unwrap());
        assert_eq!(numbers().flow().take(3).find(|n| *n > 7).unwrap(), None);
        let mut sum = 0;
        let summed = numbers().flow().take(4).for_each(|n| sum += n);
        assert_eq!((summed.is_ok(), sum), (true, 6));
        let text = Readable::from_read(&b"some text"[..], HighWaterMark::bytes(HIGH));
        assert_eq!(text.to_bytes(9).unwrap(), "some text");
    });
}

// With a mark of 0 nothing is read ahead, so that it shows.
#[test]
fn take_does_not_ask_for_the_item_behind_the_last() {
    in_time(|| {
        for count in 0..4 {
            let (numbers, asked) = counting(0);
            assert_eq!(numbers.flow().take(count).to_vec(9).unwrap().len(), count);
            assert_eq!(asked.load(Ordering::SeqCst), count);
        }
    });
}

// Rule 19, for the stages that are fused into the sink: what they make one at a time.
#[test]
fn take_as_a_stage_makes_no_item_behind_the_last() {
    in_time(|| {
        for count in 0..4_u64 {
            let made = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&made);
            let mark = HighWaterMark::items(1);
            let endless = move |_| {
                let counted = Arc::clone(&counted);
                std::iter::repeat_with(move || counted.fetch_add(1, Ordering::SeqCst))
            };
            let ready = pipeline_of(counting(1).0, mark)
                .flat_map(endless)
                .take(count)
                .to(Collect::at_most(10));
            let (report, items) = ready.run_into().unwrap();
            assert_eq!(items.into_vec(), Vec::from_iter(0..count as usize));
            assert_eq!(made.load(Ordering::SeqCst), count as usize);
            assert_eq!(report.bytes(), count);
        }
    });
}

// Rules 9 and 12: an error is neither lost nor passed over, and comes behind what was read.
#[test]
fn an_error_goes_through_every_operator_behind_the_items_before_it() {
    let broken = || {
        let items = [Ok(1), Ok(2), Ok(3), Err(Error::other("broken"))];
        flow(items)
    };
    let kept = std::cell::RefCell::new(Vec::new());
    let keep = |n: i32| {
        kept.borrow_mut().push(n);
        Ok(())
    };
    let outcomes = [
        broken().map(|n| n).try_for_each(keep),
        broken().filter(|_| true).try_for_each(keep),
        broken().flat_map(|n| [n]).try_for_each(keep),
        broken().inspect(|_| {}).try_for_each(keep),
        broken().skip(0).try_for_each(keep),
        broken().take(4).try_for_each(keep),
        broken()
            .chunks_of(2)
            .flat_map(|chunk| chunk)
            .try_for_each(keep),
    ];
    for outcome in outcomes {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Failed);
    }
    assert_eq!(kept.into_inner(), [1, 2, 3].repeat(7));
    assert!(
        broken().skip(9).try_for_each(keep_none).is_err(),
        "it was passed over"
    );
    assert!(broken().find(|n| *n == 9).is_err());
    assert_eq!(broken().find(|n| *n == 2).unwrap(), Some(2));
}

fn keep_none(_: i32) -> Result<(), Error> {
    panic!("nothing is left to keep")
}

#[test]
fn what_is_collected_has_a_limit() {
    in_time(|| {
        let error = counting(4).0.to_vec(100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(
            counting(4).0.flow().take(100).to_vec(100).unwrap().len(),
            100
        );
        let text = || Readable::from_read(&b"some text"[..], HighWaterMark::bytes(HIGH));
        assert_eq!(
            text().to_bytes(8).unwrap_err().kind(),
            ErrorKind::LimitExceeded
        );
        let too_much = pipeline(source(1_000, [Step::Move(CHUNK)])).to(CollectBytes::at_most(999));
        let failure = too_much.run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(failure.report.bytes(), 990);
        let enough = pipeline(source(999, [Step::Move(CHUNK)])).to(CollectBytes::at_most(999));
        assert!(enough.run_into().unwrap().1.into_bytes() == pattern(999));
    });
}

// Rule 11: breaking off lets the source go, and its writer is told.
#[test]
fn an_operator_that_ends_early_lets_go_of_its_source() {
    in_time(|| {
        let (mut writer, reader) = channel(HighWaterMark::items(2));
        let producer = task(move || {
            let mut written = 0;
            while writer.write(written).is_ok() {
                written += 1;
            }
            written
        });
        assert_eq!(reader.flow().find(|n| *n == 5).unwrap(), Some(5));
        // What was taken, and what the mark let in before the writer was told.
        assert!(producer.join() <= 6 + 3);
    });
}

// Flush order of `stream/iter`: stage by stage, after all data and the flush of those before.
#[test]
fn stages_are_flushed_in_order_after_everything_before_them() {
    /// Passes on, and says so at the end.
    struct Says(&'static str);

    impl Transform<String, String> for Says {
        fn transform(&mut self, chunk: String, out: &mut Out<'_, String>) -> Result<(), Error> {
            out.push(format!("{chunk}{}", self.0))
        }

        fn flush(&mut self, out: &mut Out<'_, String>) -> Result<(), Error> {
            out.push(format!("end of {}", self.0))
        }

        fn is_light(&self) -> bool {
            self.0 != "heavy"
        }
    }

    let expected = ["1ab", "2ab", "end of ab", "end of b"];
    let input = || ["1".to_owned(), "2".to_owned()];
    let composed = apply(&mut compose(Says("a"), Says("b")), input());
    assert_eq!(composed.unwrap(), expected);
    in_time(move || {
        for names in [["a", "b"], ["heavy", "b"], ["a", "heavy"]] {
            let mark = HighWaterMark::items(1);
            let (_, all) = pipeline_of(Readable::from_iter(input(), mark), mark)
                .through_with(Says(names[0]), mark)
                .through_with(Says(names[1]), mark)
                .to(Collect::at_most(9))
                .run_into()
                .unwrap();
            let expected = [
                format!("1{}{}", names[0], names[1]),
                format!("2{}{}", names[0], names[1]),
                format!("end of {}{}", names[0], names[1]),
                format!("end of {}", names[1]),
            ];
            assert_eq!(all.into_vec(), expected);
        }
    });
}

#[test]
fn a_failure_names_the_stage_among_those_that_share_a_thread() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        for heavy in [false, true] {
            let fails = try_map(|n: usize| {
                if n == 3 {
                    Err(Error::other("three"))
                } else {
                    Ok(n)
                }
            });
            let mut begun = pipeline_of(counting(1).0, mark).filter(|_| true);
            if heavy {
                begun = begun.buffered(mark);
            }
            let ready = begun
                .through_with(compose(map(|n| n), fails), mark)
                .inspect(|_| {});
            let failure = ready.to(Collect::at_most(99)).run().unwrap_err();
            assert_eq!(failure.error.stage(), Some("map"));
            assert_eq!(failure.error.offset(), Some(3));
            assert_eq!(failure.report.bytes(), 3);
        }
    });
}

// Rule 19: one to many is not collected anywhere.
#[test]
fn what_a_stage_makes_of_one_chunk_is_bounded_by_the_marks() {
    in_time(|| {
        const ALL: usize = 10_000;
        let census = Census::default();
        let counted = census.clone();
        let mark = HighWaterMark::items(4);
        let all: Vec<_> = apply(
            &mut compose(
                flat_map(|n: usize| 0..n),
                filter(|n: &usize| n.is_multiple_of(2)),
            ),
            [6],
        )
        .unwrap();
        assert_eq!(all, [0, 2, 4]);
        let ready = pipeline_of(Readable::from_iter([ALL], mark), mark)
            .flat_map(move |n| {
                let counted = counted.clone();
                (0..n).map(move |number| counted.chunk(number))
            })
            .buffered(mark)
            .to(Fold::new(0, |last: usize, chunk: Counted| {
                assert_eq!(chunk.number, last);
                last + 1
            }));
        assert_eq!(ready.run_into().unwrap().1.into_inner(), ALL);
        // The mark, the chunk that waits, and what is in hand on both sides of it.
        assert!(census.peak() <= 4 + 4 + 2, "{} at once", census.peak());
        assert_eq!(census.live(), 0);
    });
}

#[test]
fn a_stage_runs_with_no_thread_at_all() {
    let mut stage = compose(chunks_of(2), take(2));
    let expected = [vec![1, 2], vec![3, 4]];
    assert_eq!(apply(&mut stage, 1..).unwrap(), expected);
    let mut fails = try_map(|n: u32| {
        if n == 2 {
            Err(Error::other("two"))
        } else {
            Ok(n)
        }
    });
    assert_eq!(
        apply(&mut fails, [1, 2]).unwrap_err().kind(),
        ErrorKind::Failed
    );
    // What is flushed last is there too.
    assert_eq!(
        apply(&mut chunks_of(2), [1, 2, 3]).unwrap(),
        [vec![1, 2], vec![3]]
    );
}

#[test]
fn light_stages_cost_no_thread_and_no_buffer() {
    in_time(|| {
        let begun = pipeline(source(1_000, [Step::Move(CHUNK)]));
        let ready = begun
            .map(|chunk: Bytes| chunk)
            .filter(|_| true)
            .inspect(|_| {})
            .through(|chunk: Bytes, out: &mut Out<'_, Bytes>| out.push(chunk))
            .map(|chunk: Bytes| chunk)
            .to(Vec::new());
        let (report, sink) = ready.run_into().unwrap();
        assert!(sink.into_inner() == pattern(1_000));
        let names: Vec<_> = report
            .stages()
            .iter()
            .map(|stage| &stage.name[..])
            .collect();
        let expected = [
            "pattern",
            "map | filter | inspect | transform",
            "map | memory",
        ];
        assert_eq!(names, expected);
        assert_eq!(report.stages()[2].bytes, 1_000);
        assert_eq!(report.stages()[2].chunks, 100);
    });
}

#[test]
fn progress_is_told_now_and_then_and_at_the_end() {
    use std::time::Duration;

    in_time(|| {
        for (interval, often) in [(Duration::ZERO, 100), (Duration::from_secs(3_600), 2)] {
            let (tell, told) = std::sync::mpsc::channel();
            let mark = HighWaterMark::bytes(CHUNK);
            pipeline(source(1_000, [Step::Move(CHUNK)]))
                .high_water_mark(mark)
                .progress_every(interval, move |progress| tell.send(progress.bytes).unwrap())
                .to(Vec::new())
                .run()
                .unwrap();
            let told: Vec<_> = told.iter().collect();
            assert_eq!(told.last(), Some(&1_000));
            assert!(told.is_sorted());
            // A batch may hold more than one chunk.
            assert!(
                (often / 50..=often).contains(&told.len()),
                "{} times",
                told.len()
            );
        }
    });
}

// Rule 13.
#[test]
fn a_panic_in_progress_is_the_error_of_the_pipeline() {
    in_time(|| {
        let begun = pipeline(source(1_000, [Step::Move(CHUNK)]));
        let failure = begun
            .progress(|_| panic!("the bar broke"))
            .to(Vec::new())
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked);
    });
}
