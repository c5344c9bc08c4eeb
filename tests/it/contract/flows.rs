//! Words of std, with the meaning of std: an iterator's over results, a flow's over items. Rules 9,
//! 11, 12 and 19.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::stream::{BranchPolicy, duplex_pair, flow};
use highwater::{
    Duplex, Error, ErrorKind, HighWaterMark, Readable, Writable, broadcast, channel, pipeline_of,
};

use crate::support::{Census, Counted, Gate, in_time, task};

const ALL: usize = 1_000;

type Item = Result<u32, Error>;

/// Calls the methods by their names on the type itself, with closures that take results.
macro_rules! keeps_the_methods_of_an_iterator {
    ($make:expr) => {{
        let make = $make;
        let seen = |item: &Item| assert!(item.is_ok());
        assert_eq!(make().map(|item: Item| item.unwrap()).count(), 4);
        assert_eq!(make().filter(|item: &Item| item.is_ok()).count(), 4);
        assert_eq!(make().flat_map(|item: Item| item).count(), 4);
        assert_eq!(make().inspect(seen).count(), 4);
        assert_eq!(make().take(3).count(), 3);
        assert_eq!(make().skip(1).count(), 3);
        make().for_each(|item: Item| assert!(item.is_ok()));
        assert_eq!(make().fold(0, |sum, item: Item| sum + item.unwrap()), 6);
        let two = make().find(|item: &Item| matches!(item, Ok(2)));
        assert_eq!(two.unwrap().unwrap(), 2);
        assert!(make().any(|item: Item| item.unwrap() == 3));
        assert!(make().all(|item: Item| item.unwrap() < 4));
        let sum = make().try_fold(0, |sum, item: Item| item.map(|n| sum + n));
        assert_eq!(sum.unwrap(), 6);
        assert!(make().try_for_each(|item: Item| item.map(drop)).is_ok());
        let most = make().reduce(|a: Item, b: Item| Ok(a?.max(b?)));
        assert_eq!(most.unwrap().unwrap(), 3);
    }};
}

#[test]
fn no_method_of_a_stream_shadows_one_of_an_iterator() {
    in_time(|| {
        let mark = HighWaterMark::items(2);
        keeps_the_methods_of_an_iterator!(|| Readable::from_iter(0..4, mark));
        keeps_the_methods_of_an_iterator!(|| {
            let mut writer = broadcast(HighWaterMark::items(4));
            let branch = writer.subscribe(BranchPolicy::Slowest);
            for n in 0..4 {
                writer.write(n).unwrap();
            }
            writer.end();
            branch
        });
        keeps_the_methods_of_an_iterator!(|| {
            let mark = HighWaterMark::items(4);
            let (here, mut there): (Duplex<u32>, Duplex<u32>) = duplex_pair(mark, mark);
            for n in 0..4 {
                there.write(n).unwrap();
            }
            there.end();
            here
        });
    });
}

// Rule 19: whichever reads it, no more is there than the mark, one that is written, one just read.
#[test]
fn whatever_reads_a_flow_holds_it_to_its_mark_and_loses_nothing() {
    type Reads = fn(Readable<Counted>) -> usize;
    let reads: [(&str, Reads); 7] = [
        ("for_each", |reader| {
            let mut next = 0;
            let count = |chunk: Counted| {
                assert_eq!(chunk.number, next);
                next += 1;
            };
            reader.flow().for_each(count).unwrap();
            next
        }),
        ("try_for_each", |reader| {
            let mut next = 0;
            let count = |chunk: Counted| {
                assert_eq!(chunk.number, next);
                next += 1;
                Ok(())
            };
            reader.flow().try_for_each(count).unwrap();
            next
        }),
        ("fold", |reader| {
            let next = |next, chunk: Counted| {
                assert_eq!(chunk.number, next);
                next + 1
            };
            reader.flow().fold(0, next).unwrap()
        }),
        ("try_fold", |reader| {
            let next = |next, chunk: Counted| {
                assert_eq!(chunk.number, next);
                Ok(next + 1)
            };
            reader.flow().try_fold(0, next).unwrap()
        }),
        ("any", |reader| {
            let mut next = 0;
            let none = reader.flow().any(|chunk| {
                assert_eq!(chunk.number, next);
                next += 1;
                false
            });
            assert!(!none.unwrap());
            next
        }),
        ("all", |reader| {
            let mut next = 0;
            let all = reader.flow().all(|chunk| {
                next += 1;
                chunk.number + 1 == next
            });
            assert!(all.unwrap());
            next
        }),
        ("skip, for", |reader| {
            let mut next = 10;
            for chunk in reader.flow().skip(10) {
                assert_eq!(chunk.unwrap().number, next);
                next += 1;
            }
            next
        }),
    ];
    in_time(move || {
        for (what, read) in reads {
            let census = Census::default();
            let (mut writer, reader) = channel(HighWaterMark::items(2));
            let made = census.clone();
            let producer = task(move || {
                for number in 0..ALL {
                    writer.write(made.chunk(number))?;
                }
                writer.finish()
            });
            assert_eq!(read(reader), ALL, "{what}");
            producer.join().unwrap();
            assert!(census.peak() <= 2 + 1 + 1, "{what}: {}", census.peak());
            assert_eq!(census.live(), 0, "{what}");
        }
    });
}

// As of an iterator: what decides is the last that is read.
#[test]
fn a_flow_goes_on_behind_the_item_that_decides() {
    in_time(|| {
        let mut asked = 0;
        let mut numbers = flow(std::iter::repeat_with(|| {
            asked += 1;
            Ok(asked)
        }));
        assert!(numbers.any(|n| n == 3).unwrap());
        assert!(!numbers.all(|n| n < 6).unwrap());
        assert_eq!(numbers.find(|n| n % 5 == 0).unwrap(), Some(10));
        let until_13 = |sum, n| {
            if n == 13 {
                Err(Error::enough())
            } else {
                Ok(sum + n)
            }
        };
        assert!(numbers.try_fold(0, until_13).is_err());
        let until_15 = |n| {
            if n == 15 {
                Err(Error::enough())
            } else {
                Ok(())
            }
        };
        assert!(numbers.try_for_each(until_15).is_err());
        assert_eq!(numbers.skip(1).take(2).to_vec(9).unwrap(), [17, 18]);
        assert_eq!(asked, 18);
    });
}

// Rules 9 and 12: behind what was read before it, once.
#[test]
fn an_error_ends_every_word_that_reads() {
    let broken = || flow([Ok(1), Ok(2), Err(Error::other("broken"))]);
    let is_broken = |error: Error| assert_eq!(error.kind(), ErrorKind::Failed);
    let mut seen = Vec::new();
    is_broken(broken().for_each(|n| seen.push(n)).unwrap_err());
    is_broken(broken().fold(0, |sum, n| sum + n).unwrap_err());
    is_broken(broken().try_fold(0, |sum, n| Ok(sum + n)).unwrap_err());
    is_broken(broken().any(|n| n == 3).unwrap_err());
    is_broken(broken().all(|n| n < 3).unwrap_err());
    is_broken(broken().skip(9).to_vec(9).unwrap_err());
    assert!(broken().any(|n| n == 2).unwrap());
    assert!(!broken().all(|n| n < 2).unwrap());
    assert_eq!(seen, [1, 2]);
    let results: Vec<_> = broken().into_iter().map(|item| item.is_ok()).collect();
    assert_eq!(results, [true, true, false]);
}

// Rule 19, and what `run` gives back: each chunk was given to the closure.
#[test]
fn for_each_and_try_for_each_of_a_pipeline_get_every_item() {
    in_time(|| {
        for fails in [false, true] {
            let census = Census::default();
            let made = census.clone();
            let mark = HighWaterMark::items(2);
            let items = (0..ALL).map(move |n| made.chunk(n));
            let begun = pipeline_of(Readable::from_iter(items, mark), mark);
            let mut seen = 0;
            let outcome = if fails {
                let each = |chunk: Counted| match chunk.number {
                    700 => Err(Error::other("refused")),
                    _ => {
                        seen += 1;
                        Ok(())
                    }
                };
                begun.try_for_each(each).run()
            } else {
                begun.for_each(|_| seen += 1).run()
            };
            if fails {
                let failure = outcome.unwrap_err();
                assert_eq!(failure.error.stage(), Some("try_for_each"));
                assert_eq!(failure.report.bytes(), 700);
                assert_eq!(seen, 700);
            } else {
                assert_eq!(outcome.unwrap().bytes(), ALL as u64);
                assert_eq!(seen, ALL);
            }
            // Two streams with a mark of 2: each what it holds, and what is in hand on both sides.
            assert!(census.peak() <= 2 * (2 + 2 + 1), "{}", census.peak());
            assert_eq!(census.live(), 0);
        }
    });
}

// Rule 3, and rule 7: the closure comes back when it has had everything.
#[test]
fn a_closure_that_is_written_to_comes_back_behind_the_last_item() {
    in_time(|| {
        let (gate, count) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
        let (held, counted) = (gate.clone(), Arc::clone(&count));
        let each = move |_: u32| {
            held.pass();
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let mut out = Writable::from_fn(each, HighWaterMark::items(2));
        let mut refused = None;
        for n in 0..9 {
            match out.try_write(n) {
                Ok(_) => assert!(out.len() <= 2 + 1),
                Err(_) => {
                    refused = Some(n);
                    break;
                }
            }
        }
        let taken = refused.unwrap();
        gate.open(taken as usize);
        drop(out.finish().unwrap());
        assert_eq!(count.load(Ordering::SeqCst), taken as usize);
    });
}
