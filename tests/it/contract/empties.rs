//! Rule 6: what was written, or pushed by a stage, is an item and arrives, whatever it weighs; and
//! rules 9 and 19 for items of nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::mark::Unit;
use highwater::stage::operators::{PassThrough, compose, map};
use highwater::stage::{Collect, CollectBytes};
use highwater::stream::{BranchPolicy, ReceiverSource, SenderSink, concat, duplex_pair, merge};
use highwater::{
    Error, HighWaterMark, Out, Pipeline, Readable, Writable, WriteSink, broadcast, channel, lines,
    pipeline, pipeline_of,
};
use proptest::prelude::*;

use crate::contract::traffic::{Item, Numbered, Traffic, traffic};
use crate::support::stages::{At, same};
use crate::support::{Census, Counted, Gate, cases, in_time, task, until_still};

/// What a stage makes of a pipeline, and what it would make of a list.
struct Kind<T, U> {
    name: &'static str,
    add: fn(Pipeline<'static, T>, HighWaterMark<U>) -> Pipeline<'static, T>,
    of_list: fn(Vec<T>) -> Vec<T>,
    /// It keeps no order.
    sorts: bool,
}

fn kind<T, U>(
    name: &'static str,
    add: fn(Pipeline<'static, T>, HighWaterMark<U>) -> Pipeline<'static, T>,
) -> Kind<T, U> {
    Kind {
        name,
        add,
        of_list: |items| items,
        sorts: false,
    }
}

fn is_filled<T: Item>(item: &T) -> bool {
    !item.as_ref().is_empty()
}

fn pass<T: Item>(item: T, out: &mut Out<'_, T>) -> Result<(), Error> {
    out.push(item)
}

/// Every kind of stage that leaves the items what they are.
fn kinds<T: Item, U: Unit<T> + Copy + Send + Sync + 'static>() -> Vec<Kind<T, U>> {
    let plain: Vec<Kind<T, U>> = vec![
        kind("nothing", |before, _| before),
        kind("a transform", |before, mark| {
            before.through_with(pass, mark)
        }),
        kind("map", |before, _| before.map(|item| item)),
        kind("try_map", |before, _| before.try_map(Ok)),
        kind("inspect", |before, _| before.inspect(|_| {})),
        kind("filter", |before, _| before.filter(|_| true)),
        kind("chunks_of", |before, _| {
            before.chunks_of(3).flat_map(|items| items)
        }),
        kind("buffered", |before, mark| before.buffered(mark)),
        kind("buffered, and buffered again", |before, mark| {
            before.buffered(mark).map(|item| item).buffered(mark)
        }),
        kind("compose", |before, mark| {
            before.through_with(compose(pass, compose(map(|item| item), PassThrough)), mark)
        }),
        kind("tee", |before, _| before.tee(Collect::at_most(1_000))),
        kind("par_map", |before, _| before.par_map(2, Ok)),
        kind("via", |before, _| {
            let (sender, receiver) = crossbeam_channel::bounded(1);
            before.via(SenderSink::new(sender), ReceiverSource::new(receiver))
        }),
        kind("readable and back", |before, _| {
            before.map(|item| item).readable().into_pipeline()
        }),
        kind("readable through", |before, mark| {
            before.readable().through(pass, mark).into_pipeline()
        }),
    ];
    let changing = [
        Kind {
            of_list: |items| items.into_iter().filter(is_filled).collect(),
            ..kind("filter of empty ones", |before: Pipeline<'static, T>, _| {
                before.filter(is_filled)
            })
        },
        Kind {
            of_list: |items| {
                items
                    .into_iter()
                    .flat_map(|it| [T::default(), it])
                    .collect()
            },
            ..kind(
                "flat_map to empty ones",
                |before: Pipeline<'static, T>, _| before.flat_map(|item| [T::default(), item]),
            )
        },
        Kind {
            of_list: |items| items.into_iter().skip(2).take(5).collect(),
            ..kind("take and drop", |before: Pipeline<'static, T>, _| {
                before.skip(2).take(5)
            })
        },
        Kind {
            sorts: true,
            ..kind("par_map_unordered", |before: Pipeline<'static, T>, _| {
                before.par_map_unordered(2, Ok)
            })
        },
    ];
    plain.into_iter().chain(changing).collect()
}

/// Runs one kind of stage between two buffers of the mark, into a sink, and checks what arrives.
fn arrives<T: Item, U: Unit<T> + Copy + Send + Sync + 'static>(
    kind: &Kind<T, U>,
    traffic: &Traffic,
    mark: HighWaterMark<U>,
) {
    let items: Vec<T> = traffic.items();
    let mut expected = (kind.of_list)(items.clone());
    let (reader, writing) = traffic.feed(items.clone(), mark);
    let begun = (kind.add)(pipeline_of(reader, mark), mark);
    let (report, sink) = begun.to(Collect::at_most(1_000)).run_into().unwrap();
    writing.join();
    let mut arrived = sink.into_vec();
    if kind.sorts {
        arrived.sort();
        expected.sort();
    }
    assert_eq!(arrived, expected, "{}", kind.name);
    let sink = report.stages().last().unwrap();
    assert_eq!(sink.chunks, expected.len() as u64, "{}", kind.name);
    traffic.assert_bounded(&report, traffic.largest());

    // Read at its end, where light stages have a thread of their own.
    let (reader, writing) = traffic.feed(items, mark);
    let read = (kind.add)(reader.into_pipeline(), mark).readable();
    let mut read = read.to_vec(1_000).unwrap();
    writing.join();
    if kind.sorts {
        read.sort();
    }
    assert_eq!(read, expected, "{}", kind.name);
}

fn every_kind<T: Item>(traffic: &Traffic) {
    for kind in kinds() {
        arrives::<T, _>(&kind, traffic, traffic.by_bytes());
    }
    for kind in kinds() {
        arrives::<T, _>(&kind, traffic, traffic.by_items());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 20_000, ..cases(10) })]

    // One sequence of items for all types: what differs is which of them are empty.
    #[test]
    fn as_many_items_arrive_as_a_list_has_through_every_stage(traffic in traffic(0)) {
        // Each has its own time: together they take too long where others have the processors.
        for kind in [every_kind::<Bytes>, every_kind::<String>, every_kind::<Vec<u8>>, every_kind::<Numbered>] {
            let traffic = traffic.clone();
            in_time(move || kind(&traffic));
        }
    }

    #[test]
    fn as_many_items_arrive_as_a_list_has_through_every_join(traffic in traffic(0)) {
        in_time(move || {
            every_join(&traffic, traffic.by_bytes());
            every_join(&traffic, traffic.by_items());
        });
    }

    #[test]
    fn as_many_lines_come_out_as_the_text_has(
        traffic in traffic(0),
        cuts in proptest::collection::vec(1..=CUT_MAX, 1..4),
    ) {
        in_time(move || every_line(&traffic, &cuts));
    }
}

fn every_join<U: Unit<Numbered> + Copy + Send + Sync + 'static>(
    traffic: &Traffic,
    mark: HighWaterMark<U>,
) {
    let items: Vec<Numbered> = traffic.items();

    // One by one, into a channel and out of it.
    let (mut writer, mut reader) = channel(mark);
    let written = items.clone();
    let writing = task(move || {
        for item in written {
            let _ = writer.write(item).unwrap();
        }
        writer.flush().unwrap();
        writer.end();
        writer.finish().unwrap();
    });
    let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(read, items);
    assert!(reader.peak() <= traffic.most(traffic.largest()));
    drop(reader);
    writing.join();

    // A duplex.
    let (mut here, there) = duplex_pair::<Numbered, Numbered, _, _>(mark, mark);
    let echoing = task(move || {
        let (read, mut written) = there.split();
        for item in read {
            let _ = written.write(item.unwrap()).unwrap();
        }
        written.end();
    });
    let mut back = Vec::new();
    for item in items.clone() {
        let _ = here.write(item).unwrap();
        back.push(here.next().unwrap().unwrap());
    }
    here.end();
    assert!(here.next().is_none());
    assert_eq!(back, items);
    echoing.join();

    // Branches, be they read by hand or by pipelines.
    let all = broadcast(mark);
    let by_hand = all.subscribe(BranchPolicy::Slowest);
    let by_pipeline = all.subscribe(BranchPolicy::Slowest);
    let latest = all.subscribe(BranchPolicy::DropOldest(1 << 20));
    let reading = [
        task(move || by_hand.map(Result::unwrap).collect::<Vec<_>>()),
        task(move || {
            let ready = pipeline_of(by_pipeline, mark).to(Collect::at_most(1_000));
            ready.run_into().unwrap().1.into_vec()
        }),
        task(move || latest.map(Result::unwrap).collect::<Vec<_>>()),
    ];
    let (reader, writing) = traffic.feed(items.clone(), mark);
    let (report, all) = pipeline_of(reader, mark).to(all).run_into().unwrap();
    traffic.assert_bounded(&report, traffic.largest());
    for branch in reading {
        assert_eq!(branch.join(), items);
    }
    drop(all);
    writing.join();

    // Several sources, at once and one after the other.
    let twice = || {
        [
            traffic.feed(items.clone(), mark),
            traffic.feed(items.clone(), mark),
        ]
    };
    let ([first, second], tasks) = apart(twice());
    let mut merged = merge([first, second], mark).to_vec(1_000).unwrap();
    merged.sort();
    let mut expected = [&items[..], &items[..]].concat();
    tasks.into_iter().for_each(crate::support::Task::join);
    let ([first, second], tasks) = apart(twice());
    let ready = pipeline_of(concat([first, second]), mark).to(Collect::at_most(1_000));
    assert_eq!(ready.run_into().unwrap().1.into_vec(), expected);
    expected.sort();
    assert_eq!(merged, expected);
    tasks.into_iter().for_each(crate::support::Task::join);
}

type Fed<T> = (Readable<T>, crate::support::Task<()>);

fn apart<T>(fed: [Fed<T>; 2]) -> ([Readable<T>; 2], Vec<crate::support::Task<()>>) {
    let [(first, a), (second, b)] = fed;
    ([first, second], vec![a, b])
}

/// How long the chunks are at most that lines are cut out of.
const CUT_MAX: usize = 6;

/// Lines with a thread boundary at none, and at all places.
fn every_line(traffic: &Traffic, cuts: &[usize]) {
    let line = |size: &usize| "x".repeat(*size);
    let expected: Vec<String> = traffic.sizes.iter().map(line).collect();
    let text: String = expected.iter().map(|line| format!("{line}\n")).collect();
    let mark = traffic.by_bytes();
    let begin = || {
        let mut rest = Bytes::from(text.clone());
        let mut cuts = Vec::from(cuts).into_iter().cycle();
        let chunks = std::iter::from_fn(move || {
            let cut = cuts.next()?.min(rest.len());
            (cut > 0).then(|| rest.split_to(cut))
        });
        let source = Readable::from_iter(chunks, mark);
        pipeline(source).high_water_mark(mark)
    };
    type Add = fn(
        Pipeline<'static, Bytes>,
        HighWaterMark<highwater::mark::InBytes>,
    ) -> Pipeline<'static, Bytes>;
    let ways: [(&str, Add); 5] = [
        ("on the sink's thread", |lines, _| lines),
        ("a thread boundary behind", |lines, mark| {
            lines.buffered(mark)
        }),
        ("on threads", |lines, _| lines.par_map(2, Ok)),
        ("a heavy stage behind", |lines, _| {
            lines.through(same(At::Never))
        }),
        ("read and begun again", |lines, _| {
            lines.readable().into_pipeline()
        }),
    ];
    for (way, add) in ways {
        let found = add(begin().through(lines::lines()), mark);
        let (report, sink) = found.to(Collect::at_most(1_000)).run_into().unwrap();
        assert_eq!(sink.into_vec(), expected, "{way}");
        // A line of nothing has no byte: where there are 300 of those, there are 300 chunks.
        let bytes: usize = traffic.sizes.iter().sum();
        assert_eq!(report.bytes(), bytes as u64, "{way}");
        traffic.assert_bounded(&report, traffic.largest().max(CUT_MAX));
    }
}

// Rule 19: so many items of nothing are bounded by the mark too, whatever its unit.
#[test]
fn an_endless_stream_of_empty_items_is_held_up_at_the_mark() {
    struct Blank(#[expect(dead_code, reason = "it is counted while it lives")] Counted);
    impl AsRef<[u8]> for Blank {
        fn as_ref(&self) -> &[u8] {
            &[]
        }
    }
    fn held<U: Unit<Blank> + Copy>(mark: HighWaterMark<U>) {
        const HIGH: usize = 8;
        let (census, gate) = (Census::default(), Gate::new());
        let (made, passes) = (census.clone(), gate.clone());
        let blanks = (0..2_000).map(move |n| Blank(made.chunk(n)));
        let source = Readable::from_iter(blanks, mark);
        let ready = pipeline_of(source, mark).buffered(mark).for_each(move |_| {
            passes.pass();
        });
        let running = task(move || ready.run().unwrap());
        gate.until_arrived(1);
        until_still("the source is held up", || census.live());
        gate.open(2_000);
        let report = running.join();
        // Three buffers, and what each thread between them has in hand.
        assert!(census.peak() <= 3 * HIGH + 4, "{} alive", census.peak());
        assert_eq!(report.stages().last().unwrap().chunks, 2_000);
        assert_eq!(census.live(), 0);
    }
    in_time(|| held(HighWaterMark::bytes(8)));
    in_time(|| held(HighWaterMark::items(8)));
    in_time(|| held(HighWaterMark::weighed(8, |_: &Blank| 0)));
}

// Rule 17: to a sink of bytes an empty chunk is no write, and no end.
#[test]
fn a_sink_of_bytes_passes_over_empty_chunks() {
    struct Strict(Vec<u8>, Arc<AtomicUsize>);
    impl std::io::Write for Strict {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            assert!(!data.is_empty(), "a write of nothing");
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.extend_from_slice(data);
            Ok(data.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    in_time(|| {
        for blanks in [0, 1, 15, 16, 17, 1_500] {
            let mut chunks = vec![Bytes::new(); blanks];
            chunks.push(Bytes::from_static(b"a"));
            chunks.extend(vec![Bytes::new(); blanks]);
            chunks.push(Bytes::from_static(b"b"));
            chunks.extend(vec![Bytes::new(); blanks]);
            let count = chunks.len() as u64;
            let mark = HighWaterMark::bytes(64);

            let calls = Arc::new(AtomicUsize::new(0));
            let sink = WriteSink::new(Strict(Vec::new(), Arc::clone(&calls)), "strict");
            let source = Readable::from_iter(chunks.clone(), mark);
            let (report, sink) = pipeline(source).to(sink).run_into().unwrap();
            assert_eq!(sink.into_inner().0, b"ab");
            assert!(calls.load(Ordering::SeqCst) <= 2);
            assert_eq!((report.bytes(), report.stages()[0].chunks), (2, count));

            // With and without a stage on its thread, and behind a writer's own.
            let source = Readable::from_iter(chunks.clone(), mark);
            let fused = pipeline(source).map(|chunk| chunk);
            let (_, sink) = fused.to(CollectBytes::at_most(2)).run_into().unwrap();
            assert_eq!(sink.into_bytes(), "ab");
            let mut out = Writable::to(Strict(Vec::new(), Arc::clone(&calls)), mark);
            let _ = out.write_batch(&mut chunks.into()).unwrap();
            out.flush().unwrap();
            out.end();
            assert_eq!(out.finish().unwrap().0, b"ab");
        }
    });
}
