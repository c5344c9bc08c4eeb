//! A broadcast by the rules: what each branch gets, who waits for whom, and how much is held.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use highwater::stream::BranchPolicy;
use highwater::{
    Branch, Broadcast, Error, ErrorKind, HighWaterMark, Pressure, WriteError, broadcast,
};

use crate::support::{Census, Counted, Task, in_time, task};

/// A chunk that is shared, so that the census counts what is held and not who holds it.
pub(crate) type Shared = Arc<Counted>;

/// What a write says.
pub(crate) type Written = Result<Pressure, WriteError<Shared>>;

pub(crate) const HIGH: usize = 8;

pub(crate) fn items(high: usize) -> Broadcast<Shared> {
    broadcast(HighWaterMark::items(high))
}

pub(crate) fn numbers(branch: Branch<Shared>) -> Vec<usize> {
    let chunks = branch.map(|chunk| chunk.expect("it ends well").number);
    chunks.collect()
}

pub(crate) fn last_error<T: Clone>(branch: &mut Branch<T>) -> Error {
    branch
        .find_map(Result::err)
        .expect("the branch ends with an error")
}

/// Writes until the next one would wait. Says how many that were.
pub(crate) fn fill(writer: &mut Broadcast<Shared>, census: &Census) -> usize {
    for number in 0.. {
        if writer.try_write(Arc::new(census.chunk(number))).unwrap() == Pressure::Reached {
            return number + 1;
        }
    }
    unreachable!("the mark is reached before that")
}

/// A writer that has filled its branches and waits for room for one more chunk.
pub(crate) fn blocked(
    mut writer: Broadcast<Shared>,
    census: &Census,
) -> Task<(Written, Broadcast<Shared>)> {
    let census = census.clone();
    let filled = fill(&mut writer, &census);
    let blocked = task(move || {
        let written = writer.write(Arc::new(census.chunk(filled)));
        (written, writer)
    });
    blocked.until_parked();
    blocked
}

// Rules 3, 7 and 9.
#[test]
fn every_branch_gets_every_chunk_in_order() {
    in_time(|| {
        for (high, branches) in [(0, 1), (0, 3), (1, 2), (HIGH, 1), (HIGH, 4)] {
            // Threads that take turns are slow where others want the processor too.
            let count = 40 * high.max(1);
            let census = Census::default();
            let mut writer = items(high);
            let readers: Vec<_> = (0..branches)
                .map(|_| writer.subscribe(BranchPolicy::Slowest))
                .map(|branch| task(move || numbers(branch)))
                .collect();
            for number in 0..count {
                writer.write(Arc::new(census.chunk(number))).unwrap();
            }
            writer.wait_finish().unwrap();
            assert!(writer.is_finished());
            for reader in readers {
                assert!(reader.join().into_iter().eq(0..count));
            }
            // The mark, the chunk that the writer holds, and the one that each branch has got.
            assert!(writer.peak() <= high.max(1));
            assert!(census.peak() <= high.max(1) + 1 + branches);
            assert_eq!(census.live(), 0);
        }
    });
}

// Rule 2: a clone shares the memory.
#[test]
fn bytes_are_shared_and_not_copied() {
    let mut writer = broadcast(HighWaterMark::bytes(64));
    let mut branches = [(); 3].map(|()| writer.subscribe(BranchPolicy::Slowest));
    let chunk = Bytes::from(vec![7; 10]);
    let at = chunk.as_ptr();
    writer.write(chunk).unwrap();
    // Rule 6: an empty chunk is one too.
    writer.write(Bytes::new()).unwrap();
    writer.end();
    for branch in &mut branches {
        assert_eq!(branch.len(), 11);
        assert_eq!(branch.next().unwrap().unwrap().as_ptr(), at);
        assert_eq!(branch.next().unwrap().unwrap(), "");
        assert!(branch.next().is_none());
        assert!(branch.next().is_none(), "the end is for ever");
    }
    assert_eq!(writer.peak(), 11);
    writer.finish().unwrap();
}

// Rules 3 and 5. Behaviour of Node's test-stream-pipe-await-drain.js: of three destinations, the
// source waits for all that are full, and goes on when the last of them has drained.
#[test]
fn the_writer_waits_for_every_full_branch() {
    in_time(|| {
        let census = Census::default();
        let writer = items(HIGH);
        let mut branches = [(); 3].map(|()| writer.subscribe(BranchPolicy::Slowest));
        let blocked = blocked(writer, &census);
        for branch in &mut branches {
            assert!(!blocked.is_finished());
            blocked.until_parked();
            for _ in 0..HIGH / 2 {
                branch.next().unwrap().unwrap();
            }
        }
        let (written, writer) = blocked.join();
        assert_eq!(written.unwrap(), Pressure::Below);
        assert_eq!(writer.len(), HIGH / 2 + 1);
        assert_eq!(writer.peak(), HIGH);
        assert!(census.peak() <= HIGH + 1);
    });
}

// Rules 11 and 14.
#[test]
fn a_branch_that_goes_away_lets_a_blocked_writer_on() {
    in_time(|| {
        let census = Census::default();
        let writer = items(HIGH);
        let quick = writer.subscribe(BranchPolicy::Slowest);
        let stalled = writer.subscribe(BranchPolicy::Slowest);
        let reading = task(move || numbers(quick));
        let blocked = blocked(writer, &census);
        drop(stalled);
        let (written, writer) = blocked.join();
        let _ = written.unwrap();
        writer.finish().unwrap();
        assert!(reading.join().into_iter().eq(0..=HIGH));
        assert!(census.peak() <= HIGH + 2);
        assert_eq!(census.live(), 0);
    });
}

#[test]
fn what_is_written_while_nobody_listens_is_let_go() {
    let census = Census::default();
    let mut writer = items(2).keep_open();
    for number in 0..100 {
        assert_eq!(
            writer.write(Arc::new(census.chunk(number))).unwrap(),
            Pressure::Below
        );
    }
    assert_eq!((census.live(), census.peak()), (0, 1));
    let mut late = writer.subscribe(BranchPolicy::Slowest);
    writer.write(Arc::new(census.chunk(100))).unwrap();
    assert_eq!(late.next().unwrap().unwrap().number, 100);
    let mut later = late.subscribe(BranchPolicy::Slowest);
    drop(late);
    writer.write(Arc::new(census.chunk(101))).unwrap();
    assert_eq!(later.next().unwrap().unwrap().number, 101);
    drop(later);
    // It was to be kept open.
    writer.write(Arc::new(census.chunk(102))).unwrap();
    assert_eq!((census.live(), census.peak()), (0, 1));
    writer.finish().unwrap();
}

// Rule 14: of all policies, only those that pace hold the writer up.
#[test]
fn a_stalled_branch_that_does_not_pace_holds_nobody_up() {
    in_time(|| {
        for (policy, kept, missed) in [
            (BranchPolicy::DropOldest(3), 97..100, 97),
            (BranchPolicy::DropNewest(3), 0..3, 97),
        ] {
            let census = Census::default();
            let mut writer = items(HIGH);
            let mut stalled = writer.subscribe(policy);
            let quick = writer.subscribe(BranchPolicy::Slowest);
            let reading = task(move || numbers(quick));
            for number in 0..100 {
                writer.write(Arc::new(census.chunk(number))).unwrap();
            }
            writer.end();
            assert!(reading.join().into_iter().eq(0..100));
            assert_eq!(census.live(), 3, "{policy:?}");
            assert_eq!(stalled.len(), 3);
            let dropped = stalled.dropped();
            assert_eq!((dropped.chunks, dropped.weight), (missed, missed));
            let got = stalled.by_ref().map(|chunk| chunk.unwrap().number);
            assert!(got.eq(kept), "{policy:?}");
            writer.finish().unwrap();
            // The queue; what the branch has for itself; what the writer and the reader hold.
            assert!(census.peak() <= HIGH + 3 + 2, "{}", census.peak());
        }
    });
}

// A branch that misses what is newest goes on with what is written when it has read again.
#[test]
fn a_gap_is_where_the_branch_was_full() {
    let mut writer = broadcast(HighWaterMark::items(HIGH));
    let mut branch = writer.subscribe(BranchPolicy::DropNewest(2));
    for number in 0..4 {
        writer.write(number).unwrap();
    }
    assert_eq!(branch.next().unwrap().unwrap(), 0);
    for number in 4..6 {
        writer.write(number).unwrap();
    }
    writer.end();
    assert_eq!(
        branch.by_ref().collect::<Result<Vec<_>, _>>().unwrap(),
        [1, 4]
    );
    assert_eq!(branch.dropped().chunks, 3);
    assert!(writer.peak() <= 2);
}

#[test]
fn a_branch_beyond_its_cap_is_cut_off_and_the_others_go_on() {
    in_time(|| {
        let census = Census::default();
        let mut writer = items(HIGH);
        let mut stalled = writer.subscribe(BranchPolicy::Cap(3));
        let quick = writer.subscribe(BranchPolicy::Slowest);
        let reading = task(move || numbers(quick));
        writer.write(Arc::new(census.chunk(0))).unwrap();
        assert_eq!(stalled.next().unwrap().unwrap().number, 0);
        for number in 1..100 {
            writer.write(Arc::new(census.chunk(number))).unwrap();
            assert_eq!(writer.branches(), if number <= 3 { 2 } else { 1 });
        }
        writer.wait_finish().unwrap();
        assert_eq!(census.live(), 0, "its share was let go");
        let error = last_error(&mut stalled);
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(error.offset(), Some(1));
        assert_eq!(
            error.to_string(),
            "the branch is behind by more than its cap of 3 items at item 1"
        );
        assert!(reading.join().into_iter().eq(0..100));
        assert!(writer.peak() <= HIGH);
        assert!(census.peak() <= HIGH + 2, "{}", census.peak());
    });
}

// Rule 3: one that is larger than the cap is admitted where there is nothing else.
#[test]
fn a_chunk_larger_than_a_cap_cuts_off_nobody_who_has_read_the_rest() {
    for policy in [
        BranchPolicy::Cap(4),
        BranchPolicy::DropOldest(4),
        BranchPolicy::DropNewest(4),
    ] {
        let mut writer = broadcast(HighWaterMark::bytes(4));
        let mut branch = writer.subscribe(policy);
        for _ in 0..3 {
            assert_eq!(
                writer.write(Bytes::from(vec![7; 100])).unwrap(),
                Pressure::Below,
                "it does not pace"
            );
            assert_eq!(branch.next().unwrap().unwrap().len(), 100);
        }
        assert_eq!(branch.dropped().chunks, 0);
        assert_eq!(writer.peak(), 100, "one chunk");
    }
}

// Rule 14.
#[test]
fn a_branch_that_holds_the_writer_up_for_too_long_is_cut_off() {
    in_time(|| {
        let after = Duration::from_millis(30);
        for finishes in [false, true] {
            let census = Census::default();
            let mut writer = items(HIGH);
            let mut stalled = writer.subscribe(BranchPolicy::Disconnect(after));
            let quick = writer.subscribe(BranchPolicy::Slowest);
            let reading = task(move || numbers(quick));
            writer.write(Arc::new(census.chunk(0))).unwrap();
            assert_eq!(stalled.next().unwrap().unwrap().number, 0);
            let count = if finishes { 3 } else { 100 };
            let began = Instant::now();
            for number in 1..count {
                writer.write(Arc::new(census.chunk(number))).unwrap();
            }
            writer.wait_finish().unwrap();
            assert!(began.elapsed() >= after);
            assert_eq!(census.live(), 0, "its share was let go");
            let error = last_error(&mut stalled);
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(error.offset(), Some(1));
            assert_eq!(
                error.to_string(),
                "the branch has held the writer up for 30ms at item 1"
            );
            assert!(reading.join().into_iter().eq(0..count));
            assert!(census.peak() <= HIGH + 2, "{}", census.peak());
        }
    });
}

#[test]
fn a_branch_that_keeps_up_is_not_cut_off_however_short_its_time() {
    in_time(|| {
        let census = Census::default();
        let mut writer = items(HIGH);
        let branch = writer.subscribe(BranchPolicy::Disconnect(Duration::from_secs(60)));
        let reading = task(move || numbers(branch));
        for number in 0..500 {
            writer.write(Arc::new(census.chunk(number))).unwrap();
        }
        writer.finish().unwrap();
        assert!(reading.join().into_iter().eq(0..500));
        assert!(census.peak() <= HIGH + 2);
    });
}

// Rule 4: the chunk comes back, and the branch's time is not the writer's.
#[test]
fn a_write_comes_back_when_it_is_not_to_wait() {
    in_time(|| {
        let census = Census::default();
        let mut writer = items(HIGH);
        let mut branch = writer.subscribe(BranchPolicy::Disconnect(Duration::from_secs(3_600)));
        let filled = fill(&mut writer, &census);
        assert_eq!(filled, HIGH);
        let chunk = Arc::new(census.chunk(filled));
        let refused = writer.try_write(Arc::clone(&chunk)).unwrap_err();
        assert!(refused.is_full() && Arc::ptr_eq(&refused.into_chunk(), &chunk));
        let short = Duration::from_millis(5);
        let refused = writer.write_timeout(Arc::clone(&chunk), short).unwrap_err();
        assert!(matches!(&refused, WriteError::TimedOut(_)));
        assert!(Arc::ptr_eq(&refused.into_chunk(), &chunk));
        let error = writer.wait_drain_timeout(short).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(writer.needs_drain());
        (0..HIGH / 2).for_each(|_| drop(branch.next().unwrap().unwrap()));
        writer.wait_drain().unwrap();
        writer.try_write(chunk).unwrap();
        let error = writer.wait_finish_timeout(short).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(census.peak() <= HIGH + 1);
    });
}

// Rules 4 and 14, for a branch.
#[test]
fn a_read_comes_back_when_it_is_not_to_wait() {
    let mut writer = broadcast(HighWaterMark::items(HIGH));
    let mut branch = writer.subscribe(BranchPolicy::Slowest);
    assert_eq!(branch.try_next().unwrap_err().kind(), ErrorKind::WouldBlock);
    let error = branch.next_timeout(Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    writer.write(1).unwrap();
    assert_eq!(branch.try_next().unwrap(), Some(1));
    writer.end();
    assert_eq!(branch.try_next().unwrap(), None);
    assert!(matches!(writer.write(2), Err(WriteError::Ended(2))));
    assert!(writer.peak() <= 1);
}
