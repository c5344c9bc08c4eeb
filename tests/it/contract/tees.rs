//! A broadcast between pipelines: one source, and a sink for each branch.

use std::io;

use bytes::Bytes;
use highwater::stream::BranchPolicy;
use highwater::{
    Branch, CancelToken, ErrorKind, Failure, HighWaterMark, Report, Sink, WriteSink, broadcast,
    pipeline,
};

use crate::support::hostile::{Scripted, Step, pattern};
use crate::support::stages::{CHUNK, Gated, HIGH, assert_bounded, source};
use crate::support::{Gate, Task, in_time, task};

const ALL: usize = 5_000;

fn marks() -> HighWaterMark<highwater::mark::InBytes> {
    HighWaterMark::bytes(HIGH)
}

/// A pipeline from a branch into a sink, on a thread of its own.
fn drain<K: Sink<Bytes> + 'static>(
    branch: Branch<Bytes>,
    sink: K,
) -> Task<Result<(Report, K), Failure<Bytes>>> {
    let ready = pipeline(branch).high_water_mark(marks()).to(sink);
    task(move || ready.run_into())
}

fn memory() -> WriteSink<Vec<u8>> {
    WriteSink::new(Vec::new(), "memory")
}

// Rules 7 and 19: one source, three pipelines.
#[test]
fn a_source_is_read_by_three_pipelines() {
    in_time(|| {
        let tee = broadcast(marks());
        let drains = [(); 3].map(|()| drain(tee.subscribe(BranchPolicy::Slowest), memory()));
        let filling = pipeline(source(ALL, [Step::Move(CHUNK)])).high_water_mark(marks());
        let (report, tee) = filling.to(tee).run_into().unwrap();
        // It is reported when it is true: every branch has read everything.
        assert!(tee.is_finished());
        assert!(tee.peak() < HIGH + CHUNK);
        assert_eq!(report.bytes(), ALL as u64);
        assert_eq!(report.stages()[1].name, "broadcast");
        assert_bounded(&report);
        for drain in drains {
            let (report, sink) = drain.join().unwrap();
            assert!(sink.into_inner() == pattern(ALL));
            assert_eq!(report.stages()[0].name, "branch");
            assert_bounded(&report);
        }
    });
}

// Rules 11 and 12: a branch's pipeline that fails is its own affair.
#[test]
fn a_pipeline_that_fails_takes_no_other_down() {
    in_time(|| {
        let tee = broadcast(marks());
        let good = drain(tee.subscribe(BranchPolicy::Slowest), memory());
        let full = Scripted::until(100, Step::Fail(io::ErrorKind::StorageFull));
        let bad = drain(
            tee.subscribe(BranchPolicy::Slowest),
            WriteSink::new(full, "full"),
        );
        let filling = pipeline(source(ALL, [Step::Move(CHUNK)])).high_water_mark(marks());
        let (report, tee) = filling.to(tee).run_into().unwrap();
        assert_eq!(report.bytes(), ALL as u64);
        assert!(tee.peak() < HIGH + CHUNK);
        let failure = bad.join().unwrap_err();
        assert_eq!(failure.error.stage(), Some("full"));
        assert_eq!(failure.error.others().count(), 0, "an echo was shown");
        assert_eq!(failure.report.bytes(), 100);
        let (_, sink) = good.join().unwrap();
        assert!(sink.into_inner() == pattern(ALL));
    });
}

// Rules 11 and 12: when there is nobody left, it is the source's.
#[test]
fn a_source_that_nobody_reads_any_more_ends_with_an_error() {
    in_time(|| {
        let tee = broadcast(marks());
        let full = Scripted::until(100, Step::Fail(io::ErrorKind::StorageFull));
        let branch = tee.subscribe(BranchPolicy::Slowest);
        let bad = drain(branch, WriteSink::new(full, "full"));
        let endless = pipeline(source(usize::MAX, [Step::Move(CHUNK)])).high_water_mark(marks());
        let failure = endless.to(tee).run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Closed);
        assert!(failure.report.bytes() >= 100);
        assert_bounded(&failure.report);
        assert_eq!(bad.join().unwrap_err().error.stage(), Some("full"));
    });
}

// Rules 8 and 12: what breaks off the source is never an end for a branch, but the same error.
#[test]
fn a_source_that_fails_is_no_end_for_a_branch() {
    in_time(|| {
        let tee = broadcast(marks());
        let drains = [(); 2].map(|()| drain(tee.subscribe(BranchPolicy::Slowest), memory()));
        let mut script = vec![Step::Move(CHUNK); 30];
        script.push(Step::Fail(io::ErrorKind::ConnectionReset));
        let filling = pipeline(source(usize::MAX, script)).high_water_mark(marks());
        let cause = filling.to(tee).run().unwrap_err().error;
        assert_eq!(cause.stage(), Some("pattern"));
        for drain in drains {
            let failure = drain.join().unwrap_err();
            assert!(failure.error.is_same(&cause));
            assert_eq!(failure.report.bytes(), 300, "what came before has arrived");
            assert_bounded(&failure.report);
        }
    });
}

// Rules 14 and 15: a pipeline is woken that waits for a branch, or to write to one.
#[test]
fn pipelines_that_wait_for_a_branch_can_be_aborted() {
    in_time(|| {
        let tee = broadcast(marks());
        let idle = broadcast(marks());
        let (filling_token, hungry_token) = (CancelToken::new(), CancelToken::new());

        let gate = Gate::new();
        let sink = Gated {
            inner: memory(),
            gate: gate.clone(),
        };
        let stalled = drain(tee.subscribe(BranchPolicy::Slowest), sink);
        let filling = pipeline(source(usize::MAX, [Step::Move(CHUNK)]))
            .high_water_mark(marks())
            .cancel_with(&filling_token)
            .to(tee);
        let filling = task(move || filling.run());
        filling.until_parked();
        filling_token.abort("no more of this");
        let failure = filling.join().unwrap_err();
        assert!(failure.error.is_same(&filling_token.cause().unwrap()));
        assert_eq!(failure.error.others().count(), 0, "an echo was shown");
        assert_bounded(&failure.report);
        gate.open(ALL);
        let error = stalled.join().err().unwrap().error;
        assert!(error.is_same(&failure.error));

        let hungry = pipeline(idle.subscribe(BranchPolicy::Slowest))
            .cancel_with(&hungry_token)
            .to(Vec::new());
        let hungry = task(move || hungry.run());
        hungry.until_parked();
        hungry_token.abort("nor of that");
        let failure = hungry.join().unwrap_err();
        assert!(failure.error.is_same(&hungry_token.cause().unwrap()));
        assert_eq!((idle.branches(), idle.peak()), (0, 0));
    });
}
