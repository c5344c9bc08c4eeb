//! Rules 7, 12, 13, 15 and 16: however a pipeline that borrows ends, no thread is left when its run
//! returns.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::stage::Collect;
use highwater::{
    Batch, CancelToken, Error, ErrorKind, HighWaterMark, Out, ReadSource, Sink, Source, WriteSink,
    channel, pipeline_of,
};

use super::borrows::{ALL, ITEMS, MARK, Numbers, bounded, moves};
use crate::support::hostile::{Pattern, Step, pattern};
use crate::support::stages::{CHUNK, HIGH, assert_bounded};
use crate::support::{Census, Counted, alone, alone_with, in_time, own_threads, task};

/// What a sink that borrows does in one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaks {
    Write,
    IsDone,
    Finish,
    Fail,
}

/// A sink that panics in one of its calls, and counts those before in a variable of the caller.
struct Breaking<'a> {
    at: Breaks,
    calls: &'a mut usize,
}

impl Sink<Bytes> for Breaking<'_> {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        *self.calls += 1;
        assert!(
            self.at != Breaks::Write || *self.calls < 3,
            "the sink broke"
        );
        if self.at == Breaks::Fail && *self.calls == 3 {
            return Err(Error::other("the sink failed"));
        }
        batch.pop();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        assert!(self.at != Breaks::Finish, "the sink broke");
        Ok(())
    }

    fn fail(&mut self, _cause: &Error) {
        assert!(self.at != Breaks::Fail, "the sink broke");
    }

    fn is_done(&self) -> bool {
        assert!(
            self.at != Breaks::IsDone || *self.calls < 3,
            "the sink broke"
        );
        false
    }

    fn name(&self) -> Cow<'_, str> {
        "breaking".into()
    }
}

// Rule 13: also where the panic is on the thread that runs the pipeline.
#[test]
fn a_panic_in_any_call_of_a_borrowed_sink_is_the_error_and_no_hang() {
    in_time(|| {
        for at in [Breaks::Write, Breaks::IsDone, Breaks::Finish, Breaks::Fail] {
            let end = if at == Breaks::Finish { 50 } else { usize::MAX };
            let (mut calls, mut seen) = (0, 0);
            let sink = Breaking {
                at,
                calls: &mut calls,
            };
            let failure = bounded(moves(end))
                .inspect(|chunk| seen += chunk.len())
                .buffered(HighWaterMark::bytes(HIGH))
                .to(sink)
                .run()
                .unwrap_err();
            let said = format!("{:#}", failure.error);
            let first = if at == Breaks::Fail {
                "failed"
            } else {
                "broke"
            };
            assert!(
                said.contains(first) || said.contains("broke"),
                "{at:?}: {said}"
            );
            assert_bounded(&failure.report);
            // Of the batch that it was in when it broke.
            assert!(calls <= 2 * HIGH / CHUNK, "{calls}");
            assert!(seen >= 2 * CHUNK);
        }
    });
}

/// How a pipeline that would go on for ever is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Panic,
    Error,
    SourcePanics,
    SinkPanics,
    ProgressPanics,
    Abort,
    Stop,
    Destroyed,
}

const WAYS: [Way; 8] = [
    Way::Panic,
    Way::Error,
    Way::SourcePanics,
    Way::SinkPanics,
    Way::ProgressPanics,
    Way::Abort,
    Way::Stop,
    Way::Destroyed,
];

/// Runs a pipeline whose ends and stages all borrow, and ends it in that way.
fn run(way: Way) -> Result<u64, Error> {
    let token = CancelToken::new();
    let (mut to, mut from) = channel(HighWaterMark::bytes(HIGH));
    // The stage writes another chunk for each that it gets, so no write waits.
    to.write(Bytes::from(pattern(CHUNK)))?;
    let (mut looked, mut copy) = (0_usize, Vec::new());
    let mut script = vec![Step::Move(CHUNK); 20];
    script.extend((way == Way::SourcePanics).then_some(Step::Panic));
    let mut reader = Pattern::new(usize::MAX, script);
    let mut endless = ReadSource::borrowed(&mut reader, "endless");
    let read: &mut dyn Source<Bytes> = match way {
        Way::Destroyed => &mut from,
        _ => &mut endless,
    };
    let stage = |chunk: Bytes, out: &mut Out<'_, Bytes>| {
        looked += 1;
        match (way, looked) {
            (Way::Panic, 20) => panic!("the stage broke"),
            (Way::Error, 20) => return Err(Error::other("the stage failed")),
            (Way::Abort, 20) => token.abort("enough"),
            (Way::Stop, 20) => token.stop(),
            (Way::Destroyed, 20) => drop(to.destroy(Error::other("destroyed"))),
            (Way::Destroyed, _) => drop(to.write(chunk.clone())),
            _ => {}
        }
        out.push(chunk)
    };
    let mut written = 0;
    let ready = bounded(read)
        .cancel_with(&token)
        .through(stage)
        .through(|chunk, out: &mut Out<'_, Bytes>| out.push(chunk))
        .tee(&mut copy)
        .progress(|_| assert!(way != Way::ProgressPanics, "the progress broke"))
        .for_each(|chunk| {
            written += chunk.len();
            assert!(way != Way::SinkPanics || written < 200, "the sink broke");
        });
    let outcome = ready.run();
    // Before anything is joined that is none of the pipeline's.
    let left = own_threads();
    assert!(left.is_empty(), "{way:?}: {left:?}");
    let report = match &outcome {
        Ok(report) => report,
        Err(failure) => &failure.report,
    };
    assert_bounded(report);
    assert!(written <= looked * CHUNK && copy.len() <= looked * CHUNK);
    assert!(way != Way::Stop || [written, copy.len()] == [looked * CHUNK; 2]);
    Ok(outcome?.bytes())
}

// Rules 13, 15 and 16.
#[test]
fn no_thread_is_left_when_a_run_that_borrows_returns() {
    alone(|| {
        in_time(|| {
            for way in WAYS {
                let ended = run(way);
                assert_eq!(ended.is_ok(), way == Way::Stop, "{way:?}: {ended:?}");
            }
        });
    });
}
// Rules 13 and 16: the threads of a parallel stage too.
#[test]
fn a_parallel_stage_that_borrows_leaves_no_thread_either() {
    alone(|| {
        in_time(|| {
            for in_order in [true, false] {
                let (census, done) = (Census::default(), AtomicUsize::new(0));
                let numbers = Numbers {
                    census: &census,
                    next: 0,
                };
                let make = |item: Counted| {
                    assert!(item.number < 50, "the work broke");
                    done.fetch_add(1, Ordering::Relaxed);
                    Ok(item.number)
                };
                let begun = pipeline_of(numbers, MARK);
                let begun = match in_order {
                    true => begun.par_map(3, make),
                    false => begun.par_map_unordered(3, make),
                };
                let failure = begun.to(Collect::at_most(ITEMS)).run().unwrap_err();
                let left = own_threads();
                assert!(left.is_empty(), "{left:?}");
                assert_eq!(failure.error.kind(), ErrorKind::Panicked, "{failure}");
                assert_eq!(done.into_inner(), 50);
                assert!(census.peak() <= 2 * 3 + 2 + 4 + 2, "{}", census.peak());
                assert_eq!(census.live(), 0);
            }
        });
    });
}

/// A source that borrows, and panics when it is dropped.
struct Dropped<'a>(&'a AtomicUsize);

impl Source<Bytes> for Dropped<'_> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(Some(Bytes::from_static(b"never read")))
    }
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("the drop broke");
    }
}

/// No thread can be given a stack so large.
const NO_THREADS: [(&str, &str); 1] = [("RUST_MIN_STACK", "70368744177664")];

// Rules 7, 12, 13 and 16.
#[test]
fn a_thread_that_is_refused_is_the_error_of_a_run_that_borrows() {
    alone_with(&NO_THREADS, || {
        let (mut looked, mut copy) = (0, Vec::new());
        let begun = bounded(moves(ALL)).inspect(|chunk| looked += chunk.len());
        let failure = begun.to(&mut copy).run().unwrap_err();
        assert!(
            matches!(failure.error.kind(), ErrorKind::Io(_)),
            "{failure}"
        );
        assert_eq!(failure.error.operation(), Some("start the thread of"));
        assert_eq!(failure.error.stage(), Some("pattern"));
        assert_eq!((looked, copy.len(), failure.report.bytes()), (0, 0, 0));
        assert_bounded(&failure.report);

        // What the thread was to run is dropped where it was refused.
        let dropped = AtomicUsize::new(0);
        let begun = bounded(Dropped(&dropped)).buffered(HighWaterMark::bytes(HIGH));
        let failure = begun.to(&mut copy).run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked, "{failure}");
        assert_eq!((dropped.into_inner(), copy.len()), (1, 0));
        assert!(own_threads().is_empty());
    });
}

// Rules 14 and 15: a borrowed descriptor is waited for as one that was given away.
#[test]
fn a_cancel_ends_a_blocked_call_of_a_borrowed_socket_which_is_used_after() {
    for reads in [true, false] {
        let token = CancelToken::new();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let canceller = token.clone();
        let running = task(move || {
            let mut copy = Vec::new();
            let failure = if reads {
                let source = ReadSource::borrowed(&mut ours, "socket");
                bounded(source).cancel_with(&token).to(&mut copy).run()
            } else {
                let sink = WriteSink::borrowed(&mut ours, "socket");
                bounded(moves(usize::MAX))
                    .cancel_with(&token)
                    .to(sink)
                    .run()
            };
            let failure = failure.unwrap_err();
            assert_bounded(&failure.report);
            assert!(copy.is_empty());
            (failure.error, ours)
        });
        running.until_parked();
        canceller.abort("enough");
        let (error, mut ours) = running.join();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        theirs.write_all(b"on").unwrap();
        let mut next = [0; 2];
        ours.read_exact(&mut next).unwrap();
        assert_eq!(&next, b"on");
    }
}
