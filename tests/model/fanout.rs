//! A broadcast: whoever is blocked in it is woken, by the branch that does it last.

use std::ops::Range;

use highwater::stream::BranchPolicy;
use highwater::{
    Branch, Broadcast, CancelToken, Error, ErrorKind, HighWaterMark, Sink, Source, WriteError,
    broadcast,
};
use loom::thread;

use crate::books::{kind, ours};
use crate::{Bound, explore_waits};

fn start(high: usize) -> (Broadcast<u32>, Branch<u32>) {
    let writer = broadcast(HighWaterMark::items(high));
    let branch = writer.subscribe(BranchPolicy::Slowest);
    (writer, branch)
}

fn write_each(writer: &mut Broadcast<u32>, chunks: Range<u32>) {
    for chunk in chunks {
        writer.write(chunk).expect("nobody closes it");
    }
}

/// Writes until it is closed. Says how many chunks were taken.
fn write_until_closed(writer: &mut Broadcast<u32>) -> (u32, Error) {
    for chunk in 0.. {
        match writer.write(chunk) {
            Ok(_) => {}
            Err(WriteError::Closed(refused, cause)) => {
                assert_eq!(refused, chunk, "the chunk is handed back");
                return (chunk, cause);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    unreachable!("it blocks before that");
}

fn read(branch: &mut Branch<u32>) -> (Vec<u32>, Result<(), Error>) {
    let mut chunks = Vec::new();
    let outcome = loop {
        match branch.next() {
            Some(Ok(chunk)) => chunks.push(chunk),
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        }
    };
    assert!(branch.next().is_none(), "the end is for ever");
    (chunks, outcome)
}

fn read_each(branch: &mut Branch<u32>, chunks: Range<u32>) {
    let (read, outcome) = read(branch);
    outcome.expect("it ends well");
    assert!(read.into_iter().eq(chunks));
}

#[test]
fn a_blocked_broadcast_and_its_branch() {
    for (high, count, bound) in [(1, 2, Bound::Every), (0, 1, Bound::Every)] {
        let what = format!("a broadcast of {count} at a mark of {high}");
        explore_waits(&what, bound, move || {
            let (mut writer, mut branch) = start(high);
            let writing = thread::spawn(move || {
                write_each(&mut writer, 0..count);
                writer.wait_finish().expect("all is read");
                assert!(writer.peak() <= high.max(1));
            });
            read_each(&mut branch, 0..count);
            writing.join().unwrap();
        });
    }
}

#[test]
fn a_batch_of_a_branch() {
    let bound = Bound::Preemptions(2);
    explore_waits("a broadcast of 3 at a mark of 2", bound, || {
        let (mut writer, mut branch) = start(2);
        let writing = thread::spawn(move || {
            write_each(&mut writer, 0..3);
            writer.wait_finish().expect("all is read");
            assert!(writer.peak() <= 2);
        });
        read_each(&mut branch, 0..3);
        writing.join().unwrap();
    });
}

#[test]
fn a_branch_of_two_that_is_behind() {
    explore_waits("two branches, one behind", Bound::Preemptions(2), || {
        let (mut writer, mut branch) = start(1);
        let mut other = writer.subscribe(BranchPolicy::Slowest);
        let writing = thread::spawn(move || {
            write_each(&mut writer, 0..2);
            writer.end();
            assert!(writer.peak() <= 1);
        });
        let reading = thread::spawn(move || read_each(&mut other, 0..2));
        read_each(&mut branch, 0..2);
        reading.join().unwrap();
        writing.join().unwrap();
    });
}

#[test]
fn a_branch_that_is_dropped() {
    explore_waits("the last branch is dropped", Bound::Every, || {
        let (mut writer, branch) = start(1);
        let writing = thread::spawn(move || {
            let (accepted, cause) = write_until_closed(&mut writer);
            assert!(accepted <= 1);
            assert_eq!(cause.kind(), ErrorKind::Closed);
        });
        drop(branch);
        writing.join().unwrap();
    });
    explore_waits(
        "one of two branches is dropped",
        Bound::Preemptions(2),
        || {
            let (mut writer, mut branch) = start(1);
            let stalled = writer.subscribe(BranchPolicy::Slowest);
            let writing = thread::spawn(move || {
                write_each(&mut writer, 0..2);
                writer.end();
            });
            let leaving = thread::spawn(move || drop(stalled));
            read_each(&mut branch, 0..2);
            leaving.join().unwrap();
            writing.join().unwrap();
        },
    );
}

#[test]
fn a_branch_that_comes_late() {
    explore_waits("a late branch", Bound::Preemptions(3), || {
        let (mut writer, mut branch) = start(1);
        let writing = thread::spawn(move || {
            write_each(&mut writer, 0..2);
            writer.wait_finish().expect("all is read");
        });
        let mut late = branch.subscribe(BranchPolicy::Slowest);
        let first = branch.next().unwrap().unwrap();
        assert_eq!(first, 0);
        drop(branch);
        // From what is written when it has come, and not from the beginning.
        let (chunks, outcome) = read(&mut late);
        outcome.expect("it ends well");
        assert!((0..=2).any(|from| chunks.iter().copied().eq(from..2)));
        writing.join().unwrap();
    });
}

#[test]
fn a_branch_that_is_starved() {
    explore_waits("a branch that does not pace", Bound::Every, || {
        let mut writer = broadcast(HighWaterMark::items(1));
        let mut branch = writer.subscribe(BranchPolicy::Cap(3));
        let writing = thread::spawn(move || {
            write_each(&mut writer, 0..2);
            writer.wait_finish().expect("all is read");
        });
        read_each(&mut branch, 0..2);
        writing.join().unwrap();
    });
    explore_waits("an end and two branches", Bound::Preemptions(2), || {
        let (writer, mut branch) = start(1);
        let mut other = writer.subscribe(BranchPolicy::Slowest);
        let ending = thread::spawn(move || writer.finish().expect("there was nothing"));
        let reading = thread::spawn(move || assert!(other.next().is_none()));
        assert!(branch.next().is_none());
        reading.join().unwrap();
        ending.join().unwrap();
    });
}

#[test]
fn a_branch_that_is_stopped_and_read_to_its_end() {
    explore_waits(
        "a stopped branch and a finish",
        Bound::Preemptions(2),
        || {
            let (mut writer, mut branch) = start(4);
            let token = CancelToken::new();
            branch.cancel_with(&token);
            write_each(&mut writer, 0..2);
            // It holds both from here on, and what follows is set aside for it by the stop.
            assert_eq!(branch.next().unwrap().unwrap(), 0);
            write_each(&mut writer, 2..3);
            token.stop();
            let writing = thread::spawn(move || {
                writer.wait_finish().expect("all is read");
                assert!(writer.peak() <= 4);
            });
            read_each(&mut branch, 1..3);
            writing.join().unwrap();
        },
    );
}

#[test]
fn a_broadcast_that_is_torn_down() {
    explore_waits("a destroy and two branches", Bound::Preemptions(2), || {
        let (mut writer, mut branch) = start(2);
        let mut other = writer.subscribe(BranchPolicy::Slowest);
        let writing = thread::spawn(move || {
            write_each(&mut writer, 0..1);
            let given_back = writer.destroy(ours());
            given_back.len()
        });
        let reading = thread::spawn(move || read(&mut other));
        let mine = read(&mut branch);
        let theirs = reading.join().unwrap();
        let given_back = writing.join().unwrap();
        for (chunks, outcome) in [&mine, &theirs] {
            assert_eq!(kind(outcome), Some(ErrorKind::Failed));
            // Read, or given back: and given back if either has not read it.
            assert!(chunks.len() == 1 || given_back == 1);
        }
        assert!(given_back == 0 || mine.0.len() + theirs.0.len() < 2);
    });
    explore_waits("an abort beside a blocked broadcast", Bound::Every, || {
        let token = CancelToken::new();
        let (mut writer, branch) = start(1);
        writer.cancel_with(&token);
        let writing = thread::spawn(move || {
            let (accepted, cause) = write_until_closed(&mut writer);
            assert_eq!(cause.kind(), ErrorKind::Cancelled);
            assert!(writer.take_undelivered().into_iter().eq(0..accepted));
        });
        token.abort("enough");
        writing.join().unwrap();
        drop(branch);
    });
    explore_waits(
        "an abort beside a late branch",
        Bound::Preemptions(3),
        || {
            let token = CancelToken::new();
            let (mut writer, branch) = start(2);
            writer.cancel_with(&token);
            let writing = thread::spawn(move || {
                // As many as there is time for.
                let _ = (0..2).try_for_each(|chunk| writer.write(chunk).map(|_| ()));
                writer
            });
            let aborting = thread::spawn({
                let token = token.clone();
                move || token.abort("enough")
            });
            let mut late = branch.subscribe(BranchPolicy::Slowest);
            let _ = late.try_next();
            aborting.join().unwrap();
            // At once: it has nothing in hand any more.
            assert_eq!(kind(&late.next().unwrap()), Some(ErrorKind::Cancelled));
            drop((writing.join().unwrap(), branch));
        },
    );
    explore_waits("a token of a branch", Bound::Every, || {
        for aborts in [true, false] {
            let token = CancelToken::new();
            let (writer, mut branch) = start(1);
            branch.cancel_with(&token);
            let reading = thread::spawn(move || read(&mut branch).1);
            if aborts {
                token.abort("enough");
            } else {
                token.stop();
            }
            assert_eq!(kind(&reading.join().unwrap()).is_some(), aborts);
            drop(writer);
        }
    });
}

#[test]
fn a_broadcast_that_is_interrupted() {
    explore_waits("an interrupt of a blocked broadcast", Bound::Every, || {
        let (mut writer, branch) = start(1);
        let interrupt = Sink::interrupt(&writer).expect("it can be");
        let writing = thread::spawn(move || write_until_closed(&mut writer).0);
        interrupt.wake();
        assert!(writing.join().unwrap() <= 1);
        drop(branch);
    });
    explore_waits("an interrupt of a branch", Bound::Every, || {
        let (writer, mut branch) = start(1);
        let interrupt = Source::interrupt(&branch).expect("it can be");
        let reading = thread::spawn(move || kind(&branch.read()));
        interrupt.wake();
        assert_eq!(reading.join().unwrap(), Some(ErrorKind::Cancelled));
        drop(writer);
    });
}
