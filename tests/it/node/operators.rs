//! Node's operators: in what order, how often their functions are called, and how far ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::mark::InItems;
use highwater::stage::Collect;
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Out, Pipeline, Readable, channel, pipeline_of,
};

use crate::node::parts::{Log, Maker, kaboom};
use crate::support::{Gate, in_time, task, until};

const MARK: HighWaterMark<InItems> = HighWaterMark::items(1);

fn one_to(last: u32) -> Readable<u32> {
    Readable::from_iter(1..=last, MARK)
}

/// The same out of a pipeline, which holds no more than its mark.
fn collected<T: Send + 'static>(pipeline: Pipeline<'_, T>) -> Vec<T> {
    let (report, all) = pipeline.to(Collect::at_most(100)).run_into().unwrap();
    for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
        assert!(buffer.peak <= buffer.high_water_mark.max(1), "{buffer:?}");
    }
    all.into_vec()
}

fn pipe(last: u32) -> Pipeline<'static, u32> {
    pipeline_of(one_to(last), MARK)
}

// test-stream-flatMap.js: arrays of one, of none and of two, and a stream for each.
#[test]
fn flat_map_reads_everything_that_is_made_of_each_item_in_order() {
    let doubled = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5];
    assert_eq!(
        one_to(5).flow().flat_map(|n| [n + n]).to_vec(9).unwrap(),
        [2, 4, 6, 8, 10]
    );
    assert_eq!(
        one_to(5).flow().flat_map(|_| [0; 0]).to_vec(9).unwrap(),
        [0; 0]
    );
    assert_eq!(
        one_to(5).flow().flat_map(|n| [n, n]).to_vec(10).unwrap(),
        doubled
    );
    let streams = one_to(5)
        .flow()
        .flat_map(|n| Readable::from_iter([n, n], MARK));
    assert_eq!(streams.try_map(|item| item).to_vec(10).unwrap(), doubled);

    assert_eq!(collected(pipe(5).flat_map(|n| [n + n])), [2, 4, 6, 8, 10]);
    assert_eq!(collected(pipe(5).flat_map(|_| [0; 0])), [0; 0]);
    assert_eq!(collected(pipe(5).flat_map(|n| [n, n])), doubled);
}

// test-stream-flatMap.js: a signal that was used before, and a mapper that must not be called.
// test-stream-drop-take.js: the same of `take` and `skip`.
#[test]
fn an_operator_of_an_aborted_stream_is_not_called() {
    let token = CancelToken::new();
    token.abort("before");
    let aborted = || {
        let numbers = one_to(5);
        numbers.cancel_with(&token);
        numbers
    };
    let cancelled = |failure: Error| assert_eq!(failure.kind(), ErrorKind::Cancelled);
    let called = |_: u32| -> [u32; 1] { panic!("it was called") };
    cancelled(aborted().flow().flat_map(called).to_vec(9).unwrap_err());
    cancelled(aborted().flow().take(1).to_vec(9).unwrap_err());
    cancelled(aborted().flow().skip(1).to_vec(9).unwrap_err());
    let piped = pipe(5).cancel_with(&token).flat_map(called);
    cancelled(piped.to(Collect::at_most(9)).run().unwrap_err().error);
}

// test-stream-forEach.js: in order, and a function that throws at 3.
#[test]
fn for_each_gets_the_items_in_order_until_it_fails() {
    let mut seen = Vec::new();
    one_to(3).flow().for_each(|n| seen.push(n)).unwrap();
    assert_eq!(seen, [1, 2, 3]);

    let mut calls = 0;
    let at_three = |n: u32| {
        calls += 1;
        if n == 3 { Err(kaboom()) } else { Ok(()) }
    };
    let failure = one_to(5).flow().try_for_each(at_three).unwrap_err();
    assert_eq!((failure.to_string().as_str(), calls), ("kaboom", 3));

    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let at_three = move |n: u32| {
        counted.fetch_add(1, Ordering::SeqCst);
        if n == 3 { Err(kaboom()) } else { Ok(()) }
    };
    let failure = pipe(5).try_for_each(at_three).run().unwrap_err();
    assert!(failure.error.to_string().contains("kaboom"));
    assert_eq!(failure.report.bytes(), 2, "what it has confirmed");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

// test-stream-forEach.js: "forEach works on an infinite stream", aborted at the tenth.
#[test]
fn for_each_of_an_endless_stream_ends_with_the_call_that_aborts_it() {
    in_time(|| {
        let endless = Readable::from_iter(std::iter::repeat(1), HighWaterMark::items(16));
        let token = CancelToken::new();
        endless.cancel_with(&token);
        let mut calls = 0;
        let failure = endless.flow().for_each(|n| {
            assert_eq!(n, 1);
            calls += 1;
            if calls == 10 {
                token.abort("ten are enough");
            }
        });
        assert_eq!(failure.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(calls, 10);
    });
}

// test-stream-filter.js: below 3, above 3, behind a map, and one that throws at 3.
#[test]
fn filter_keeps_what_it_says_yes_to() {
    assert_eq!(
        one_to(5).flow().filter(|n| *n < 3).to_vec(9).unwrap(),
        [1, 2]
    );
    assert_eq!(
        one_to(5).flow().filter(|n| *n > 3).to_vec(9).unwrap(),
        [4, 5]
    );
    let behind = one_to(5).flow().map(|n| n + n).filter(|n| *n > 5);
    assert_eq!(behind.to_vec(9).unwrap(), [6, 8, 10]);
    assert_eq!(
        collected(pipe(5).map(|n| n + n).filter(|n| *n > 5)),
        [6, 8, 10]
    );

    let fails = |n: u32| if n == 3 { Err(kaboom()) } else { Ok(n) };
    let mut kept = Vec::new();
    let mut numbers = one_to(5).flow().try_map(fails).filter(|_| true).into_iter();
    let failure = numbers.by_ref().find_map(|n| n.map(|n| kept.push(n)).err());
    assert_eq!(failure.unwrap().to_string(), "kaboom");
    assert_eq!(kept, [1, 2]);
}

// test-stream-filter.js: 10 calls behind a mark of 0, and as many as are read of an endless one
// (Node's fifth call reads ahead).
#[test]
fn filter_is_called_once_for_each_item_and_not_ahead() {
    in_time(|| {
        let reads = Log::default();
        let source = Maker::new(&reads, |n| Ok((n < 10).then_some(n)));
        let mut calls = 0;
        let not_five = Readable::from_source(source, HighWaterMark::items(0))
            .flow()
            .filter(|n| {
                calls += 1;
                *n != 5
            });
        assert_eq!(not_five.to_vec(10).unwrap(), [0, 1, 2, 3, 4, 6, 7, 8, 9]);
        assert_eq!((calls, reads.count("read")), (10, 11));

        let mut calls = 0;
        let endless = Readable::from_iter(std::iter::repeat(1), MARK).flow();
        let below_three = endless.filter(|n| {
            calls += 1;
            *n < 3
        });
        assert!(below_three.take(4).all(|n| n == 1).unwrap());
        assert_eq!(calls, 4);
    });
}

// test-stream-filter.js: "Concurrency result order".
#[test]
fn what_is_made_at_the_same_time_comes_in_order() {
    in_time(|| {
        let gate = Gate::new();
        let first_waits = move |n: u32| {
            if n == 1 {
                gate.pass();
            } else {
                gate.open(1);
            }
            Ok(n)
        };
        let mut both = one_to(2).par_map(2, first_waits);
        assert!(both.by_ref().map(Result::unwrap).eq([1, 2]));
        assert!(both.peak() <= both.high_water_mark());
    });
}

// test-stream-forEach.js: "Concurrency + AbortSignal", 2 calls of 4.
// test-stream-filter.js: the same.
// test-stream-flatMap.js: the same.
#[test]
fn an_abort_lets_no_more_calls_begin_than_run_at_the_same_time() {
    in_time(|| {
        let (gate, token) = (Gate::new(), CancelToken::new());
        let let_in = gate.clone();
        let (calls, ended) = (Arc::new(AtomicUsize::new(0)), Log::default());
        let (counted, told) = (Arc::clone(&calls), ended.clone());
        let each = move |n: u32| {
            counted.fetch_add(1, Ordering::SeqCst);
            let_in.pass();
            told.note("ended");
            Ok(n)
        };
        let mut reader = one_to(4).par_map(2, each);
        reader.cancel_with(&token);
        assert!(reader.try_next().is_err(), "there is nothing yet");
        gate.until_arrived(2);
        token.abort("enough");
        let failure = reader.next().unwrap().unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Cancelled);
        assert_eq!(reader.len(), 0);
        gate.open(4);
        drop(reader);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        assert_eq!(ended.count("ended"), 2, "those that run are waited for");
    });
}

// test-stream-drop-take.js: of three, of two and of none.
#[test]
fn take_and_skip_count_from_the_front() {
    let take = |last, count| one_to(last).flow().take(count).to_vec(99).unwrap();
    let skip = |last, count| one_to(last).flow().skip(count).to_vec(99).unwrap();
    assert_eq!(skip(3, 2), [3]);
    assert_eq!(take(3, 1), [1]);
    assert_eq!(skip(0, 2), [0; 0]);
    assert_eq!(take(0, 1), [0; 0]);
    assert_eq!(skip(2, 0), [1, 2]);
    assert_eq!(take(2, 0), [0; 0]);
    assert_eq!(one_to(3).flow().skip(1).take(1).to_vec(9).unwrap(), [2]);

    assert_eq!(collected(pipe(3).skip(2)), [3]);
    assert_eq!(collected(pipe(3).take(1)), [1]);
    assert_eq!(collected(pipe(0).skip(2)), [0; 0]);
    assert_eq!(collected(pipe(0).take(1)), [0; 0]);
    assert_eq!(collected(pipe(2).skip(0)), [1, 2]);
    assert_eq!(collected(pipe(2).take(0)), [0; 0]);
    assert_eq!(collected(pipe(3).skip(1).take(1)), [2]);
}

// test-stream-drop-take.js: all natural numbers.
#[test]
fn take_ends_a_stream_that_has_no_end() {
    in_time(|| {
        let naturals = || Readable::from_iter(1_u32.., MARK);
        let next_ten = Vec::from_iter(11..=20);
        assert_eq!(naturals().flow().take(1).to_vec(9).unwrap(), [1]);
        assert_eq!(naturals().flow().skip(1).take(1).to_vec(9).unwrap(), [2]);
        assert_eq!(
            naturals().flow().skip(10).take(10).to_vec(10).unwrap(),
            next_ten
        );
        assert_eq!(naturals().flow().take(5).take(1).to_vec(9).unwrap(), [1]);

        let naturals = || pipeline_of(naturals(), MARK);
        assert_eq!(collected(naturals().take(1)), [1]);
        assert_eq!(collected(naturals().skip(1).take(1)), [2]);
        assert_eq!(collected(naturals().skip(10).take(10)), next_ten);
        assert_eq!(collected(naturals().take(5).take(1)), [1]);
    });
}

// test-stream-drop-take.js: what it takes is all that it asks for.
#[test]
fn take_asks_for_no_more_than_it_takes() {
    in_time(|| {
        for count in 0..=3 {
            let log = Log::default();
            let source = || Maker::new(&log, |n| Ok(Some(n)));
            let none_ahead = HighWaterMark::items(0);
            let stream = Readable::from_source(source(), none_ahead);
            assert_eq!(stream.flow().take(count).to_vec(9).unwrap().len(), count);
            assert_eq!(log.count("read"), count);

            let piped = pipeline_of(source(), none_ahead).take(count as u64);
            assert_eq!(collected(piped).len(), count);
            assert_eq!(log.count("read"), 2 * count);
            assert_eq!(log.count("source dropped"), 2);
        }
    });
}

// test-stream-drop-take.js: of a source that has no more to say, and does not end.
#[test]
fn take_ends_a_pipeline_whose_source_is_silent() {
    in_time(|| {
        for count in 0..3 {
            let (mut writer, reader) = channel(MARK);
            let heavy = |n: u64, out: &mut Out<'_, u64>| out.push(n);
            let piped = reader.into_pipeline().through_with(heavy, MARK).take(count);
            let running = task(move || collected(piped));
            for n in 0..count {
                writer.write(n).unwrap();
                assert!(writer.len() <= 1);
            }
            assert!(running.join().into_iter().eq(0..count));
            until("its writer is told", || writer.is_closed());
            assert!(writer.write(9).unwrap_err().is_closed());
        }
    });
}
