//! Rules 13 and 24: a panic of a user's code on a thread of ours is told to who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::stage::{Collect, Interrupt};
use highwater::stream::merge;
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Out, Readable, Source, Transform, pipeline_of,
};

use crate::support::in_time;

/// Panics when it is dropped, the first time that one of its kind is.
struct Breaks(Arc<AtomicUsize>);

impl Drop for Breaks {
    fn drop(&mut self) {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("the drop broke");
        }
    }
}

fn breaks() -> Breaks {
    Breaks(Arc::default())
}

/// Numbers up to a bound, out of a source that panics when it is let go.
struct Numbers {
    next: u32,
    end: u32,
    _breaks: Breaks,
}

impl Source<u32> for Numbers {
    fn read(&mut self) -> Result<Option<u32>, Error> {
        self.next += 1;
        Ok((self.next <= self.end).then_some(self.next))
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        "numbers".into()
    }
}

fn numbers(end: u32) -> Numbers {
    Numbers {
        next: 0,
        end,
        _breaks: breaks(),
    }
}

const MARK: HighWaterMark<highwater::mark::InItems> = HighWaterMark::items(2);

#[test]
fn a_source_whose_drop_panics_has_failed_behind_what_it_brought() {
    in_time(|| {
        let mut read = Readable::from_source(numbers(5), MARK);
        for n in 1..=5 {
            assert_eq!(read.next().unwrap().unwrap(), n);
        }
        let error = read.next().expect("no end is told").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(format!("{error:#}").contains("the drop broke"), "{error:#}");
        assert!(format!("{error:#}").contains("numbers"), "{error:#}");
        assert!(read.peak() <= 3);

        let mut all = merge([numbers(3)], MARK);
        assert_eq!(all.by_ref().filter(Result::is_ok).count(), 3);
        assert_eq!(all.error().unwrap().kind(), ErrorKind::Panicked);

        let failure = pipeline_of(Readable::from_source(numbers(5), MARK), MARK)
            .buffered(MARK)
            .to(Collect::at_most(10))
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked);
        let failure = pipeline_of(numbers(5), MARK)
            .to(Collect::at_most(10))
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked);
    });
}

/// Passes everything on, and panics when it is let go.
struct Through(#[allow(dead_code, reason = "it is dropped")] Breaks);

impl Transform<u32, u32> for Through {
    fn transform(&mut self, n: u32, out: &mut Out<'_, u32>) -> Result<(), Error> {
        out.push(n)
    }
}

#[test]
fn a_stage_whose_drop_panics_is_the_error_of_its_pipeline() {
    in_time(|| {
        let items = || pipeline_of(Readable::from_iter(0..5, MARK), MARK);
        let failure = items()
            .through_with(Through(breaks()), MARK)
            .buffered(MARK)
            .to(Collect::at_most(10))
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked, "{failure:?}");
    });
}

#[test]
fn a_panic_that_panics_again_when_it_is_dropped_is_an_error_like_any() {
    in_time(|| {
        let read = Readable::from_fn(|| panic_any(breaks()), MARK);
        let got: Vec<Result<u32, Error>> = read.collect();
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].as_ref().unwrap_err().kind(), ErrorKind::Panicked);

        let failure = pipeline_of(Readable::from_iter(0..50, MARK), MARK)
            .par_map(2, |n: u32| if n == 7 { panic_any(breaks()) } else { Ok(n) })
            .to(Collect::at_most(100))
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked);
        assert_eq!(failure.report.bytes(), 7);
    });
}

// The items behind the failure are dropped on the threads that share the work.
#[test]
fn items_that_panic_when_they_are_dropped_do_not_hold_up_the_others() {
    in_time(|| {
        for ordered in [true, false] {
            // One of them: two that do so in one list would abort the process, which is Rust's rule.
            let broken = Arc::<AtomicUsize>::default();
            let items = (0..50).map(move |n| (n, (n > 10).then(|| Breaks(Arc::clone(&broken)))));
            let work = |(n, held): (u32, Option<Breaks>)| {
                std::mem::forget(held);
                if n == 10 {
                    Err(Error::other("ten"))
                } else {
                    Ok(n)
                }
            };
            let begun = pipeline_of(Readable::from_iter(items, MARK), MARK);
            let begun = if ordered {
                begun.par_map(2, work)
            } else {
                begun.par_map_unordered(2, work)
            };
            let run = || begun.to(Collect::at_most(100)).run().unwrap_err();
            // What is left in a buffer in the end is dropped here, when all threads have gone.
            if let Ok(failure) = catch_unwind(AssertUnwindSafe(run)) {
                assert!(format!("{:#}", failure.error).contains("ten"));
            }
        }
    });
}

/// Blocks until it is woken, if it is.
struct Deaf;

impl Source<u32> for Deaf {
    fn read(&mut self) -> Result<Option<u32>, Error> {
        Ok(Some(1))
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Some(Interrupt::new(|| panic!("the interrupt broke")))
    }
}

#[test]
fn an_interrupt_that_panics_keeps_no_other_stream_from_its_cancel() {
    in_time(|| {
        for stops in [true, false] {
            let token = CancelToken::new();
            let mut first = Readable::from_source(Deaf, MARK);
            first.cancel_with(&token);
            assert_eq!(first.next().unwrap().unwrap(), 1);
            let (_writer, mut second) = highwater::channel::<u32, _>(MARK);
            second.cancel_with(&token);
            if stops {
                token.stop();
                assert!(second.next().is_none());
                let _ = first.by_ref().count();
            } else {
                token.abort("enough");
                let cancelled = second.next().unwrap().unwrap_err();
                assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
                let cancelled = first.by_ref().find_map(Result::err).unwrap();
                assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
            }
        }
    });
}
