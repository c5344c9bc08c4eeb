//! Rule 12: where an error says that it has happened is where a list would have it, whatever batches
//! the items have come in, and on whatever thread.

use highwater::mark::Unit;
use highwater::stage::Collect;
use highwater::stream::{BranchPolicy, concat, flow, merge};
use highwater::{
    Error, ErrorKind, HighWaterMark, Readable, broadcast, channel, lines, pipeline_of,
};
use proptest::prelude::*;

use crate::contract::failing::{Before, Half, Reads, before, failing, sinks, work};
use crate::contract::traffic::{Numbered, Traffic, traffic};
use crate::support::{cases, in_time, task};

/// What lies before the item that fails, of a list of those that a stage takes.
fn place(list: &[Numbered], fails_at: usize, by_bytes: bool) -> Option<u64> {
    let before = list.iter().position(|item| item.number == fails_at)?;
    let before = &list[..before];
    Some(if by_bytes {
        before.iter().map(|item| item.as_ref().len() as u64).sum()
    } else {
        before.len() as u64
    })
}

fn check(error: &Error, stage: &str, place: Option<u64>, what: &str) {
    let is_ours = matches!(error.kind(), ErrorKind::Failed | ErrorKind::Panicked);
    assert!(is_ours, "{what}: {error:#}");
    assert_eq!(error.stage(), Some(stage), "{what}: {error:#}");
    assert_eq!(error.offset(), place, "{what}: {error:#}");
    assert_eq!(error.others().count(), 0, "{what}: {error:?}");
}

/// Items that are told apart, from 1 on, of which one fails.
fn numbered(traffic: &Traffic) -> Vec<Numbered> {
    let mut items: Vec<Numbered> = traffic.items();
    items.iter_mut().for_each(|item| item.number += 1);
    items
}

fn every_stage<U: Unit<Numbered> + Copy + Send + Sync + 'static>(
    traffic: &Traffic,
    mark: HighWaterMark<U>,
    fails_at: usize,
    by_bytes: bool,
) {
    for number in 0..before::<U>().len() {
        let traffic = traffic.clone();
        // Each has its own time: together they take too long where others have the processors.
        in_time(move || {
            let before = before::<U>().swap_remove(number);
            every_stage_behind(&before, &traffic, mark, fails_at, by_bytes);
        });
    }
}

fn every_stage_behind<U: Unit<Numbered> + Copy + Send + Sync + 'static>(
    before: &Before<U>,
    traffic: &Traffic,
    mark: HighWaterMark<U>,
    fails_at: usize,
    by_bytes: bool,
) {
    let items = numbered(traffic);
    let list = (before.of_list)(items.clone());
    let by_bytes = by_bytes && before.keeps_unit;
    let begin = || {
        let (reader, writing) = traffic.feed(items.clone(), mark);
        ((before.add)(pipeline_of(reader, mark), mark), writing)
    };
    for fails in failing::<U>() {
        let what = format!("{} behind {}", fails.name, before.name);
        // What comes through a buffer of the mark is counted as that is.
        let by_bytes = match fails.name {
            "read and begun again" | "readable through" => by_bytes || mark_is_bytes::<U>(mark),
            _ => by_bytes && !fails.by_items,
        };
        let Some(expected) = place(&list, fails_at, by_bytes) else {
            continue;
        };
        let (begun, writing) = begin();
        let ready = (fails.add)(begun, mark, work(fails_at)).to(Collect::at_most(1_000));
        let failure = ready.run().unwrap_err();
        check(&failure.error, fails.stage, Some(expected), &what);
        traffic.assert_bounded(&failure.report, traffic.largest());
        drop(failure);
        writing.join();
        // Read at its end, which is another thread.
        let (begun, writing) = begin();
        let read = (fails.add)(begun, mark, work(fails_at)).readable();
        let error = read.to_vec(1_000).unwrap_err();
        check(&error, fails.stage, Some(expected), &what);
        writing.join();
    }
    let Some(expected) = place(&list, fails_at, by_bytes) else {
        return;
    };
    for (stage, sink) in sinks() {
        let what = format!("{stage} behind {}", before.name);
        let (begun, writing) = begin();
        let failure = begun.to(sink(work(fails_at))).run().unwrap_err();
        check(&failure.error, stage, Some(expected), &what);
        assert_eq!(failure.report.bytes(), expected, "{what}");
        drop(failure);
        writing.join();
        // A second sink, whose error takes everything down.
        let (begun, writing) = begin();
        let teed = begun.tee(sink(work(fails_at))).to(Collect::at_most(1_000));
        check(&teed.run().unwrap_err().error, stage, Some(expected), &what);
        writing.join();
        // The first half of a stage in two.
        let (begun, writing) = begin();
        let (sender, receiver) = crossbeam_channel::bounded::<Numbered>(0);
        let first = Half(sink(work(fails_at)), sender);
        let second = highwater::stream::ReceiverSource::new(receiver);
        let via = begun.via(first, second).to(Collect::at_most(1_000));
        check(&via.run().unwrap_err().error, stage, Some(expected), &what);
        writing.join();
    }
}

fn mark_is_bytes<U: Unit<Numbered>>(_: HighWaterMark<U>) -> bool {
    std::any::type_name::<U>().ends_with("InBytes")
}

fn every_source<U: Unit<Numbered> + Copy + Send + Sync + 'static>(
    traffic: &Traffic,
    mark: HighWaterMark<U>,
    fails_at: usize,
    by_bytes: bool,
) {
    let items = numbered(traffic);
    let expected = place(&items, fails_at, by_bytes);
    let never = usize::MAX;
    let source = |fails_at, name| Reads(items.clone().into_iter(), work(fails_at), name);

    let ready = pipeline_of(source(fails_at, "reads"), mark).to(Collect::at_most(1_000));
    check(
        &ready.run().unwrap_err().error,
        "reads",
        expected,
        "a source",
    );
    let read = Readable::from_source(source(fails_at, "reads"), mark);
    check(
        &read.to_vec(1_000).unwrap_err(),
        "reads",
        expected,
        "a readable",
    );
    let results = items
        .clone()
        .into_iter()
        .map(move |item| work(fails_at)(item));
    let read = flow(results).map(|item| item).buffered(mark);
    check(&read.to_vec(1_000).unwrap_err(), "flow", expected, "a flow");

    // Others that have come before it, or come at the same time, are not counted.
    let in_turn = concat([source(never, "first"), source(fails_at, "second")]);
    let ready = pipeline_of(in_turn, mark).to(Collect::at_most(1_000));
    check(
        &ready.run().unwrap_err().error,
        "second",
        expected,
        "concat",
    );
    let again = concat([
        concat([source(never, "a"), source(never, "b")]),
        concat([source(never, "c"), source(fails_at, "d")]),
    ]);
    let read = Readable::from_source(again, mark);
    check(
        &read.to_vec(1_000).unwrap_err(),
        "d",
        expected,
        "concat of concats",
    );
    let at_once = merge([source(never, "well"), source(fails_at, "ill")], mark);
    check(
        &at_once.to_vec(1_000).unwrap_err(),
        "ill",
        expected,
        "merge",
    );

    // What travels behind the data has no place, for it says none.
    let (mut writer, reader) = channel(mark);
    let failing = task(move || writer.fail(Error::other("said by the writer")));
    assert_eq!(reader.to_vec(1_000).unwrap_err().offset(), None);
    failing.join();
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 20_000, ..cases(6) })]

    #[test]
    fn an_error_of_a_stage_is_where_a_list_has_it(traffic in traffic(1), at in any::<prop::sample::Index>()) {
        let fails_at = at.index(traffic.sizes.len()) + 1;
        every_stage(&traffic, traffic.by_bytes(), fails_at, true);
    }

    #[test]
    fn an_error_of_a_stage_of_items_is_where_a_list_has_it(traffic in traffic(1), at in any::<prop::sample::Index>()) {
        let fails_at = at.index(traffic.sizes.len()) + 1;
        every_stage(&traffic, traffic.by_items(), fails_at, false);
    }

    #[test]
    fn an_error_of_a_source_is_where_a_list_has_it(traffic in traffic(1), at in any::<prop::sample::Index>()) {
        in_time(move || {
            let fails_at = at.index(traffic.sizes.len()) + 1;
            every_source(&traffic, traffic.by_bytes(), fails_at, true);
            every_source(&traffic, traffic.by_items(), fails_at, false);
        });
    }
}

// With hand-overs of up to 64 items, where most of the time goes by between them.
#[test]
fn par_map_names_the_item_that_fails_and_not_the_hand_over() {
    const ALL: usize = 20_000;
    in_time(|| {
        for at in [0, 1, 63, 64, 15_000, ALL - 1] {
            for threads in [1, 2, 4] {
                let mark = HighWaterMark::items(256);
                let begin = || pipeline_of(Readable::from_iter(0..ALL, mark), mark);
                let work = move |n| {
                    let fails = n == at;
                    (!fails)
                        .then_some(n)
                        .ok_or_else(|| Error::other("this one"))
                };
                let ordered = begin().par_map(threads, work).to(Collect::at_most(ALL));
                let failure = ordered.run().unwrap_err();
                let says = format!("failed to transform in `par_map` at item {at}");
                assert_eq!(failure.error.to_string(), says);
                assert_eq!(
                    failure.report.bytes(),
                    at as u64,
                    "those before it have arrived"
                );
                let any = begin()
                    .par_map_unordered(threads, work)
                    .to(Collect::at_most(ALL));
                assert_eq!(any.run().unwrap_err().error.to_string(), says);
            }
        }
    });
}

// A branch reports what it has read now and then; its error tells it all.
#[test]
fn a_branch_that_is_cut_off_says_how_much_it_has_read() {
    in_time(|| {
        for read in 0..8 {
            let mark = HighWaterMark::items(8).low(0).unwrap();
            let mut writer = broadcast(mark);
            let patience = std::time::Duration::from_millis(1);
            let mut slow = writer.subscribe(BranchPolicy::Disconnect(patience));
            let mut fast = writer.subscribe(BranchPolicy::Slowest);
            for n in 0..8 {
                let _ = writer.write(n).unwrap();
            }
            for n in 0..read {
                assert_eq!(slow.next().unwrap().unwrap(), n);
            }
            (0..8).for_each(|n| assert_eq!(fast.next().unwrap().unwrap(), n));
            // The wait ends with the cut.
            let _ = writer.write(8).unwrap();
            let error = slow.next().unwrap().unwrap_err();
            assert_eq!(
                (error.kind(), error.offset()),
                (ErrorKind::TimedOut, Some(read))
            );
            assert!(writer.peak() <= 8);
        }
    });
}

// What a nested pipeline says is not put somewhere in the one around it.
#[test]
fn an_error_that_names_another_stage_gets_no_place_of_this_one() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        let nested = |n: u32| match n {
            7 => Err(Error::other("not there").during("open", "config")),
            n => Ok(n),
        };
        let source = || Readable::from_iter(0..20, mark);
        let failures = [
            pipeline_of(source(), mark)
                .try_map(nested)
                .to(Collect::at_most(20))
                .run(),
            pipeline_of(source(), mark)
                .par_map(2, nested)
                .to(Collect::at_most(20))
                .run(),
        ];
        for failure in failures {
            let error = failure.unwrap_err().error;
            assert_eq!(error.to_string(), "failed to open `config`");
            assert_eq!(error.offset(), None);
        }
    });
}

// Beside the bytes of a text: it is a decoder that knows better.
#[test]
fn a_decoder_says_itself_where_in_the_bytes_it_is() {
    in_time(|| {
        for cut in 1..9 {
            let text = bytes::Bytes::from_static(b"one\n\ntwo\nthree and more\nfour\n");
            let chunks: Vec<_> = text
                .chunks(cut)
                .map(|chunk| text.slice_ref(chunk))
                .collect();
            let mark = HighWaterMark::bytes(4);
            let read = Readable::from_iter(chunks, mark);
            let short = highwater::pipeline(read).through(lines::lines().max_bytes(5));
            let failure = short.to(Collect::at_most(20)).run().unwrap_err();
            assert_eq!(failure.error.offset(), Some(9), "chunks of {cut}");
            assert_eq!(failure.report.stages().last().unwrap().chunks, 3);
        }
    });
}
