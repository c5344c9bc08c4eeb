//! A stage whose work is shared by several threads: rules 12 to 16 and 19.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::mark::InItems;
use highwater::stage::Collect;
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Pipeline, Readable, pipeline_of};

use crate::support::{Census, Counted, Gate, alone, in_time, own_threads, task, until};

fn numbers(end: usize) -> Pipeline<'static, usize> {
    let mark = HighWaterMark::<InItems>::items(4);
    pipeline_of(Readable::from_iter(0..end, mark), mark)
}

/// The work of one item takes a while for some, so that results are out of turn.
fn uneven(n: usize) -> Result<usize, Error> {
    for _ in 0..(n % 7) * 50 {
        std::hint::spin_loop();
    }
    Ok(n * 2)
}

#[test]
fn results_come_in_order_and_none_is_lost() {
    in_time(|| {
        for threads in [0, 1, 2, 5] {
            let ready = numbers(1_000)
                .par_map(threads, uneven)
                .to(Collect::at_most(1_000));
            let expected: Vec<_> = (0..1_000).map(|n| n * 2).collect();
            assert_eq!(ready.run_into().unwrap().1.into_vec(), expected);
            let mut read: Vec<_> = Readable::from_iter(0..1_000, HighWaterMark::items(4))
                .par_map_unordered(threads, uneven)
                .to_vec(1_000)
                .unwrap();
            read.sort_unstable();
            assert_eq!(read, expected);
        }
    });
}

#[test]
fn results_that_need_not_be_in_order_do_not_wait_for_one_another() {
    in_time(|| {
        let gate = Gate::new();
        let (held, opened) = (gate.clone(), gate.clone());
        let work = move |n: usize| {
            if n == 0 {
                held.pass();
            }
            Ok(n)
        };
        let mut seen = Vec::new();
        let mut read = numbers(3).par_map_unordered(2, work).readable();
        seen.push(read.next().unwrap().unwrap());
        seen.push(read.next().unwrap().unwrap());
        assert_eq!(seen, [1, 2]);
        opened.open(1);
        assert_eq!(read.next().unwrap().unwrap(), 0);
        assert!(read.next().is_none());
    });
}

// A result does not wait for the next item to come in.
#[test]
fn a_result_is_passed_on_while_nothing_comes_in() {
    in_time(|| {
        let (mut writer, reader) = highwater::channel(HighWaterMark::items(4));
        let mut doubled = reader.par_map(2, uneven);
        for n in 0..10 {
            assert!(writer.write(n).is_ok());
            assert_eq!(doubled.next().unwrap().unwrap(), n * 2);
        }
        let (mut writer, reader) = highwater::channel(HighWaterMark::items(4));
        let mut doubled = reader.par_map_unordered(2, uneven);
        for n in 0..10 {
            assert!(writer.write(n).is_ok());
            assert_eq!(doubled.next().unwrap().unwrap(), n * 2);
        }
    });
}

// Rule 19: the one that is slow holds the others up, and not before the window is full.
#[test]
fn what_is_on_the_way_is_bounded_by_a_window() {
    in_time(|| {
        const THREADS: usize = 2;
        for ordered in [true, false] {
            let census = Census::default();
            let (counted, gate) = (census.clone(), Gate::new());
            let held = gate.clone();
            let work = move |chunk: Counted| {
                if chunk.number == 0 {
                    held.pass();
                }
                Ok(chunk)
            };
            let mark = HighWaterMark::items(1);
            let items = (0..1_000).map(move |number| counted.chunk(number));
            let begun = pipeline_of(Readable::from_iter(items, mark), mark);
            let read = if ordered {
                begun.par_map(THREADS, work).readable()
            } else {
                begun.par_map_unordered(THREADS, work).readable()
            };
            let reading = task(move || {
                let mut count = 0;
                for chunk in read {
                    drop(chunk.unwrap());
                    count += 1;
                }
                count
            });
            gate.until_arrived(1);
            if ordered {
                reading.until_parked();
                // The window; two buffers of one and a chunk each, and what is in hand around them.
                let most = 2 * THREADS + 2 + 2 * 2 + 4;
                assert!(census.peak() <= most, "{} of {most}", census.peak());
            }
            gate.open(1);
            assert_eq!(reading.join(), 1_000);
            assert!(census.peak() <= 100, "{} at once", census.peak());
            assert_eq!(census.live(), 0);
        }
    });
}

// Rules 12 and 13.
#[test]
fn the_first_error_comes_behind_the_results_before_it_and_stops_the_rest() {
    in_time(|| {
        for panics in [false, true] {
            let begun = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&begun);
            let work = move |n: usize| {
                count.fetch_max(n, Ordering::SeqCst);
                match n {
                    20 if panics => panic!("twenty"),
                    20 => Err(Error::other("twenty")),
                    _ => uneven(n),
                }
            };
            let failure = numbers(100_000)
                .par_map(2, work)
                .to(Collect::at_most(100_000))
                .run()
                .unwrap_err();
            let expected = if panics {
                ErrorKind::Panicked
            } else {
                ErrorKind::Failed
            };
            assert_eq!(failure.error.kind(), expected);
            assert_eq!(failure.error.stage(), Some("par_map"));
            assert_eq!(failure.error.offset(), Some(20));
            assert_eq!(failure.error.others().count(), 0, "an echo was shown");
            assert_eq!(failure.report.bytes(), 20);
            let last = begun.load(Ordering::SeqCst);
            assert!(last <= 20 + 6, "item {last} was begun");
        }
    });
}

// Rule 12: also while the stage waits for more to come in.
#[test]
fn an_error_of_work_in_no_order_is_told_while_nothing_comes_in() {
    in_time(|| {
        let (mut writer, reader) = highwater::channel(HighWaterMark::items(4));
        let mut read = reader.par_map_unordered(2, |n: usize| match n {
            3 => Err(Error::other("three")),
            n => Ok(n),
        });
        for n in 0..4 {
            assert!(writer.write(n).is_ok());
        }
        let mut seen = 0;
        let error = loop {
            match read.next().unwrap() {
                Ok(_) => seen += 1,
                Err(error) => break error,
            }
        };
        assert!(seen <= 3);
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.stage(), Some("par_map"));
        drop(read);
        until("the writer was told", || {
            writer.try_write(9).is_err_and(|e| e.is_closed())
        });
    });
}

// Rules 15 and 16.
#[test]
fn a_cancel_waits_for_what_is_worked_on_and_no_longer() {
    in_time(|| {
        alone(|| {
            let gate = Gate::new();
            let held = gate.clone();
            let token = CancelToken::new();
            let begun = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&begun);
            let ready = numbers(1_000)
                .cancel_with(&token)
                .par_map(2, move |n| {
                    count.fetch_add(1, Ordering::SeqCst);
                    held.pass();
                    Ok(n)
                })
                .to(Collect::at_most(1_000));
            let running = task(move || ready.run().unwrap_err());
            gate.until_arrived(2);
            token.abort("enough");
            gate.open(1_000);
            let failure = running.join();
            assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
            assert_eq!(
                begun.load(Ordering::SeqCst),
                2,
                "work was begun after the cancel"
            );
            assert_eq!(own_threads(), [""; 0]);
        });
    });
}
