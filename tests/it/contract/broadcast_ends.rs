//! How a broadcast ends, and how a branch of it does: rules 7 to 15.

use std::sync::Arc;

use highwater::stream::BranchPolicy;
use highwater::{Branch, CancelToken, Error, ErrorKind, HighWaterMark, broadcast};

use crate::contract::broadcast::{HIGH, blocked, fill, items, last_error, numbers};
use crate::support::{Census, Gate, Task, in_time, task};

// Rule 11.
#[test]
fn when_all_branches_have_gone_the_writer_is_told() {
    in_time(|| {
        let census = Census::default();
        let writer = items(HIGH);
        let branch = writer.subscribe(BranchPolicy::Slowest);
        let blocked = blocked(writer, &census);
        drop(branch);
        let (written, mut writer) = blocked.join();
        let refused = written.unwrap_err();
        assert_eq!(refused.cause().unwrap().kind(), ErrorKind::Closed);
        assert_eq!(
            refused.into_chunk().number,
            HIGH,
            "the chunk is handed back"
        );
        assert_eq!(writer.wait_finish().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(census.live(), 0);
    });
}

// Rule 11: with the cause.
#[test]
fn the_error_of_the_last_branch_is_the_writers() {
    let mut writer = broadcast(HighWaterMark::items(HIGH));
    let mut branches = [(); 2].map(|()| writer.subscribe(BranchPolicy::Slowest));
    let causes = [Error::other("the first"), Error::other("the last")];
    for (branch, cause) in branches.iter_mut().zip(&causes) {
        writer.write(1).unwrap();
        branch.destroy(cause.clone());
        assert!(branch.next().unwrap().unwrap_err().is_same(cause));
        assert!(branch.next().is_none());
    }
    let refused = writer.write(2).unwrap_err();
    assert!(refused.cause().unwrap().is_same(&causes[1]));
    assert!(writer.error().unwrap().is_same(&causes[1]));
    assert!(writer.finish().unwrap_err().is_same(&causes[1]));
}

// Rules 8, 10 and 12: behind the data, and the same everywhere.
#[test]
fn a_failure_and_an_abandoned_writer_are_told_behind_the_data() {
    let policies = [
        BranchPolicy::Slowest,
        BranchPolicy::Cap(4),
        BranchPolicy::DropOldest(4),
        BranchPolicy::DropNewest(4),
    ];
    for fails in [true, false] {
        let mut writer = broadcast(HighWaterMark::items(HIGH));
        let mut branches = policies.map(|policy| writer.subscribe(policy));
        writer.write(1).unwrap();
        let cause = Error::other("the source broke");
        if fails {
            writer.fail(cause.clone());
            assert!(writer.error().unwrap().is_same(&cause));
        }
        drop(writer);
        let mut late = branches[0].subscribe(BranchPolicy::Slowest);
        let errors: Vec<Error> = branches
            .iter_mut()
            .map(|branch| {
                assert_eq!(branch.next().unwrap().unwrap(), 1);
                last_error(branch)
            })
            .collect();
        let told = last_error(&mut late);
        assert!(errors.iter().all(|error| error.is_same(&told)));
        assert_eq!(told.is_same(&cause), fails);
        assert!(fails || told.kind() == ErrorKind::PrematureClose);
    }
}

// Rule 10: what comes back is what some branch has not been given, wherever it was.
#[test]
fn a_destroy_is_at_once_and_gives_back_what_was_not_read() {
    let census = Census::default();
    let mut writer = items(HIGH);
    let mut behind = writer.subscribe(BranchPolicy::Slowest);
    let mut ahead = writer.subscribe(BranchPolicy::Slowest);
    assert_eq!(fill(&mut writer, &census), HIGH);
    (0..4).for_each(|_| drop(ahead.next().unwrap().unwrap()));
    (0..2).for_each(|_| drop(behind.next().unwrap().unwrap()));
    let cause = Error::other("enough");
    let given_back = writer.destroy(cause.clone());
    let numbers: Vec<_> = given_back.iter().map(|chunk| chunk.number).collect();
    assert!(numbers.into_iter().eq(2..HIGH));
    drop(given_back);
    assert_eq!(census.live(), 0);
    for branch in [&mut behind, &mut ahead] {
        assert!(branch.next().unwrap().unwrap_err().is_same(&cause));
    }
    assert!(writer.wait_finish().unwrap_err().is_same(&cause));
    assert_eq!(census.peak(), HIGH);
}

// Rules 12, 14 and 15.
#[test]
fn an_abort_ends_every_wait() {
    in_time(|| {
        let census = Census::default();
        let token = CancelToken::new();
        let writer = items(HIGH);
        writer.cancel_with(&token);
        let mut stalled = writer.subscribe(BranchPolicy::Slowest);
        let blocked = blocked(writer, &census);
        let mut hungry = stalled.subscribe(BranchPolicy::Slowest);
        let starved = task(move || last_error(&mut hungry));
        starved.until_parked();
        token.abort("the user went home");
        let cause = token.cause().unwrap();
        let (written, mut writer) = blocked.join();
        assert!(written.unwrap_err().cause().unwrap().is_same(&cause));
        assert!(starved.join().is_same(&cause));
        assert!(last_error(&mut stalled).is_same(&cause));
        let kept = writer.take_undelivered();
        assert!(kept.iter().map(|chunk| chunk.number).eq(0..HIGH));
        assert!(census.peak() <= HIGH + 1);
    });
}

// Rule 15.
#[test]
fn a_stop_lets_through_what_is_buffered() {
    in_time(|| {
        let census = Census::default();
        let token = CancelToken::new();
        let writer = items(HIGH);
        writer.cancel_with(&token);
        let branches = [(); 2].map(|()| writer.subscribe(BranchPolicy::Slowest));
        let blocked = blocked(writer, &census);
        token.stop();
        let (written, writer) = blocked.join();
        let refused = written.unwrap_err();
        assert_eq!(refused.cause().unwrap().kind(), ErrorKind::Cancelled);
        for branch in branches {
            assert!(numbers(branch).into_iter().eq(0..HIGH));
        }
        writer.finish().unwrap();
        assert!(census.peak() <= HIGH + 1);
    });
}

// Rule 15: a token of one branch is no business of the others.
#[test]
fn a_token_of_a_branch_ends_that_one_alone() {
    in_time(|| {
        for aborts in [true, false] {
            let census = Census::default();
            let token = CancelToken::new();
            let writer = items(HIGH);
            let mut stalled = writer.subscribe(BranchPolicy::Slowest);
            stalled.cancel_with(&token);
            let quick = writer.subscribe(BranchPolicy::Slowest);
            let reading = task(move || numbers(quick));
            let blocked = blocked(writer, &census);
            if aborts {
                token.abort("this one is too slow");
            } else {
                token.stop();
            }
            let (written, mut writer) = blocked.join();
            let _ = written.unwrap();
            for number in HIGH + 1..100 {
                writer.write(Arc::new(census.chunk(number))).unwrap();
            }
            writer.end();
            assert!(reading.join().into_iter().eq(0..100));
            if aborts {
                assert_eq!(census.live(), 0, "its share was let go");
                assert!(last_error(&mut stalled).is_same(&token.cause().unwrap()));
            } else {
                assert_eq!(census.live(), HIGH, "what it had to read by then");
                assert!(numbers(stalled).into_iter().eq(0..HIGH));
            }
            writer.finish().unwrap();
            assert!(census.peak() <= 2 * HIGH + 2, "{}", census.peak());
        }
    });
}

// Rule 13: a panic is a branch that goes away.
#[test]
fn a_consumer_that_panics_holds_nobody_up() {
    in_time(|| {
        let census = Census::default();
        let mut writer = items(HIGH);
        let quick = writer.subscribe(BranchPolicy::Slowest);
        let broken = writer.subscribe(BranchPolicy::Slowest);
        let reading = task(move || numbers(quick));
        let panics = std::thread::spawn(move || {
            for chunk in broken {
                assert!(chunk.unwrap().number < 3, "the consumer broke");
            }
        });
        for number in 0..100 {
            writer.write(Arc::new(census.chunk(number))).unwrap();
        }
        writer.finish().unwrap();
        assert!(panics.join().is_err());
        assert!(reading.join().into_iter().eq(0..100));
        // He who breaks lets go of his share when the writer has been woken already.
        assert!(census.peak() <= 2 * HIGH + 2, "{} at once", census.peak());
    });
}

/// A chunk whose third clone panics.
#[derive(Debug)]
struct Brittle(Gate, usize);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        let clones = self.0.arrived();
        self.0.open(1);
        self.0.pass();
        assert!(clones != 2, "the third clone");
        Self(self.0.clone(), self.1)
    }
}

// Rule 13: a user's code may panic wherever it runs.
#[test]
fn a_clone_that_panics_loses_nothing() {
    in_time(|| {
        let gate = Gate::new();
        let mut writer = broadcast(HighWaterMark::items(HIGH));
        let mut first = writer.subscribe(BranchPolicy::Slowest);
        let second = writer.subscribe(BranchPolicy::Slowest);
        for number in 0..HIGH {
            writer.write(Brittle(gate.clone(), number)).unwrap();
        }
        writer.end();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| first.next()));
        assert!(outcome.is_err());
        let read = |branch: Branch<Brittle>| branch.map(|chunk| chunk.unwrap().1);
        assert!(read(first).eq(0..HIGH));
        assert!(read(second).eq(0..HIGH));
        assert_eq!(writer.peak(), HIGH);
        writer.finish().unwrap();
    });
}

// Rules 7 and 8.
#[test]
fn an_end_without_data_is_an_end() {
    in_time(|| {
        let mut writer = broadcast::<u32, _>(HighWaterMark::items(0));
        let branches = [(); 2].map(|()| writer.subscribe(BranchPolicy::Slowest));
        let readers = branches.map(|mut branch| task(move || branch.next().is_none()));
        readers.iter().for_each(Task::until_parked);
        writer.end();
        assert!(readers.into_iter().all(Task::join));
        assert_eq!(writer.peak(), 0);
        writer.finish().unwrap();
        // And of one that nobody has ever subscribed to.
        broadcast::<u32, _>(HighWaterMark::items(1))
            .finish()
            .unwrap();
    });
}
