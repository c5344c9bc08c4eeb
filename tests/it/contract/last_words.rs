//! Rules 7, 10 and 13: a stream that ends well because no more is needed, or because it was stopped,
//! has failed if its sink then fails to finish, and that is the first cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::mark::InItems;
use highwater::stage::Collect;
use highwater::stream::flow;
use highwater::{
    Batch, CancelToken, Error, ErrorKind, HighWaterMark, Pipeline, Readable, Sink, Writable,
    pipeline_of,
};

use crate::support::in_time;

const HIGH: usize = 4;
const MARK: HighWaterMark<InItems> = HighWaterMark::items(HIGH);

/// Takes so many items, and then no more; its end fails.
struct Unclosable {
    wanted: usize,
    taken: Arc<AtomicUsize>,
    /// It returns `enough` from the write that comes too late; otherwise it is done.
    by_error: bool,
}

impl Unclosable {
    fn new(wanted: usize, by_error: bool) -> (Self, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let sink = Self {
            wanted,
            taken: Arc::clone(&taken),
            by_error,
        };
        (sink, taken)
    }

    fn is_full(&self) -> bool {
        self.taken.load(Ordering::SeqCst) >= self.wanted
    }
}

impl Sink<usize> for Unclosable {
    fn write(&mut self, batch: &mut Batch<usize>) -> Result<(), Error> {
        if batch.pop().is_some() && self.by_error && self.is_full() {
            return Err(Error::enough());
        }
        self.taken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        Err(Error::new(ErrorKind::LimitExceeded, "it cannot be closed"))
    }

    fn is_done(&self) -> bool {
        !self.by_error && self.is_full()
    }
}

fn endless() -> Pipeline<'static, usize> {
    pipeline_of(flow((0..).map(Ok)), MARK)
}

#[track_caller]
fn cannot_be_closed(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error:#}");
    assert!(error.to_string().starts_with("failed to finish"), "{error}");
}

#[test]
fn a_sink_that_fails_to_finish_behind_a_part_is_the_first_cause() {
    in_time(|| {
        let endings: [fn(Pipeline<'static, usize>) -> Pipeline<'static, usize>; 5] = [
            |before| before.take(3),
            |before| before.map(|n| n).take(3).filter(|_| true),
            |before| before.take(3).buffered(MARK),
            |before| before.par_map(2, Ok).take(3),
            |before| before.take(3).par_map(2, Ok),
        ];
        for end in endings {
            let (sink, taken) = Unclosable::new(usize::MAX, false);
            let failure = end(endless()).to(sink).run().unwrap_err();
            cannot_be_closed(&failure.error);
            assert_eq!(taken.load(Ordering::SeqCst), 3);
            for stage in failure.report.stages() {
                assert!(stage.buffer.is_none_or(|buffer| buffer.peak <= HIGH + 1));
            }
        }
    });
}

#[test]
fn a_sink_that_needs_no_more_and_fails_to_finish_is_the_first_cause() {
    in_time(|| {
        for by_error in [false, true] {
            let (sink, taken) = Unclosable::new(3, by_error);
            let failure = endless().to(sink).run().unwrap_err();
            cannot_be_closed(&failure.error);
            assert_eq!(taken.load(Ordering::SeqCst), 3);
            assert_eq!(failure.report.bytes(), 3);

            let (sink, taken) = Unclosable::new(3, by_error);
            let readable = Readable::from_iter(0.., MARK);
            let failed = readable.pipe_to(Writable::from_sink(sink, MARK));
            let error = failed.err().expect("it has failed");
            // A writer that writes on may be told first that no more is needed.
            let mut all = std::iter::once(&error).chain(error.others());
            let found = all.find(|error| error.kind() == ErrorKind::LimitExceeded);
            cannot_be_closed(found.expect("the failure is reported"));
            assert_eq!(taken.load(Ordering::SeqCst), 3);

            let (sink, taken) = Unclosable::new(1, by_error);
            let mut writer = Writable::from_sink(sink, MARK);
            writer.write(1).unwrap();
            let _ = writer.write(2);
            assert!(writer.len() <= HIGH + 1);
            writer.end();
            cannot_be_closed(&writer.wait_finish().unwrap_err());
            assert_eq!(taken.load(Ordering::SeqCst), 1);
        }
    });
}

#[test]
fn a_stopped_stream_whose_sink_fails_has_failed() {
    in_time(|| {
        let token = CancelToken::new();
        let (sink, taken) = Unclosable::new(usize::MAX, false);
        let mut writer = Writable::from_sink(sink, MARK);
        writer.cancel_with(&token);
        writer.write(1).unwrap();
        token.stop();
        cannot_be_closed(&writer.wait_finish().unwrap_err());
        assert_eq!(taken.load(Ordering::SeqCst), 1);
        assert!(writer.len() <= HIGH + 1);
    });
}

#[test]
fn a_stopped_pipeline_whose_sink_fails_has_failed() {
    in_time(|| {
        for buffered in [false, true] {
            let token = CancelToken::new();
            let (sink, _) = Unclosable::new(usize::MAX, false);
            let mut pipeline = endless().cancel_with(&token).inspect(|n| {
                if *n == 7 {
                    token.stop();
                }
            });
            if buffered {
                pipeline = pipeline.buffered(MARK);
            }
            let failure = pipeline.to(sink).run().unwrap_err();
            cannot_be_closed(&failure.error);
            for stage in failure.report.stages() {
                assert!(stage.buffer.is_none_or(|buffer| buffer.peak <= HIGH + 1));
            }
        }
    });
}

#[test]
fn what_a_sink_that_needs_no_more_has_not_taken_is_not_counted() {
    in_time(|| {
        for high in [1, 4, 64] {
            let mark = HighWaterMark::items(high);
            let report = pipeline_of(flow((0_usize..).map(Ok)), mark)
                .try_for_each(|n| if n == 2 { Err(Error::enough()) } else { Ok(()) })
                .run()
                .unwrap();
            assert_eq!(report.bytes(), 2, "with a mark of {high}");

            let (_, all) = pipeline_of(flow((0_usize..100).map(Ok)), mark)
                .take(5)
                .to(Collect::at_most(5))
                .run_into()
                .unwrap();
            assert_eq!(all.into_vec(), [0, 1, 2, 3, 4]);
        }
    });
}
