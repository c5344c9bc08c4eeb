//! A sink that is called by whoever makes something due for it, from more threads than one.

use std::sync::{Arc, Mutex};

use highwater::Batch;
use highwater::stage::{Attempt, Direct};
use highwater::{CancelToken, Deadlines, Error, HighWaterMark, Sink, Writable};
use loom::thread;

use crate::{Bound, explore, explore_waits};

/// What has become of a sink.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fate {
    written: Vec<u8>,
    finished: bool,
    failed: bool,
    dropped: bool,
}

/// When a sink would block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocks {
    /// Never.
    No,
    /// Each time that it is tried.
    Always,
    /// The first time that it is tried, the third and so on.
    Odd,
    /// When it is to finish.
    AtTheEnd,
    /// It does not say, and is not tried.
    Untold,
}

/// A sink that takes one chunk a call. It is not to be used by two at once, nor after its end.
struct Told {
    fate: Arc<Mutex<Fate>>,
    blocks: Blocks,
    tries: usize,
}

impl Told {
    fn tell(&self, what: impl FnOnce(&mut Fate)) {
        let mut fate = self.fate.try_lock().expect("nobody else has it");
        assert!(!fate.finished && !fate.failed, "{fate:?}");
        what(&mut fate);
    }

    fn would_block(&mut self, at_the_end: bool) -> bool {
        self.tries += 1;
        match self.blocks {
            Blocks::No | Blocks::Untold => false,
            Blocks::Always => true,
            Blocks::Odd => self.tries % 2 == 1,
            Blocks::AtTheEnd => at_the_end,
        }
    }
}

impl Sink<u8> for Told {
    fn write(&mut self, batch: &mut Batch<u8>) -> Result<(), Error> {
        self.tell(|fate| fate.written.extend(batch.pop().map(|one| one.chunk)));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.tell(|fate| fate.finished = true);
        Ok(())
    }

    fn fail(&mut self, _cause: &Error) {
        self.tell(|fate| fate.failed = true);
    }

    fn direct(&mut self) -> Option<&mut dyn Direct<u8>> {
        (self.blocks != Blocks::Untold).then_some(self)
    }
}

impl Direct<u8> for Told {
    fn try_write(&mut self, batch: &mut Batch<u8>) -> Result<Attempt, Error> {
        if self.would_block(false) {
            return Ok(Attempt::WouldBlock);
        }
        self.write(batch).map(|()| Attempt::Done)
    }

    fn try_finish(&mut self) -> Result<Attempt, Error> {
        if self.would_block(true) {
            return Ok(Attempt::WouldBlock);
        }
        self.finish().map(|()| Attempt::Done)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut fate = self.fate.try_lock().expect("nobody else has it");
        fate.dropped = true;
    }
}

fn told() -> (Writable<u8, Told>, Arc<Mutex<Fate>>) {
    telling(Blocks::No, 2)
}

fn telling(blocks: Blocks, high: usize) -> (Writable<u8, Told>, Arc<Mutex<Fate>>) {
    let fate = Arc::new(Mutex::new(Fate::default()));
    let sink = Told {
        fate: Arc::clone(&fate),
        blocks,
        tries: 0,
    };
    (Writable::from_sink(sink, HighWaterMark::items(high)), fate)
}

/// Ends a stream that was written `count` chunks, and looks at what has become of them.
fn dismiss(out: Writable<u8, Told>, fate: &Mutex<Fate>, count: u8) {
    drop(out.finish().unwrap());
    let fate = fate.lock().unwrap();
    assert_eq!(fate.written, Vec::from_iter(0..count));
    assert!(fate.finished && fate.dropped && !fate.failed);
}

#[test]
fn what_would_block_goes_to_the_thread_in_order() {
    for (blocks, high, count) in [
        (Blocks::Always, 2, 1),
        (Blocks::Always, 2, 2),
        (Blocks::Always, 1, 2),
        (Blocks::Odd, 2, 3),
        (Blocks::Untold, 2, 2),
        (Blocks::Untold, 1, 2),
    ] {
        let what = format!("{count} writes at a mark of {high} that block: {blocks:?}");
        explore_waits(&what, Bound::Preemptions(3), move || {
            let (mut out, fate) = telling(blocks, high);
            for n in 0..count {
                out.write(n).unwrap();
                assert!(out.len() <= high, "{}", out.len());
            }
            dismiss(out, &fate, count);
        });
    }
}

#[test]
fn a_part_of_a_batch_goes_to_the_thread() {
    for blocks in [Blocks::Odd, Blocks::Always] {
        let what = format!("a corked batch of 2 that blocks: {blocks:?}");
        explore_waits(&what, Bound::Preemptions(3), move || {
            let (mut out, fate) = telling(blocks, 3);
            let cork = out.cork();
            out.write(0).unwrap();
            out.write(1).unwrap();
            drop(cork);
            out.write(2).unwrap();
            dismiss(out, &fate, 3);
        });
    }
}

#[test]
fn an_end_that_would_block_goes_to_the_thread() {
    explore_waits("an end that blocks", Bound::Every, || {
        let (mut out, fate) = telling(Blocks::AtTheEnd, 2);
        out.write(0).unwrap();
        dismiss(out, &fate, 1);
    });
    explore_waits("a drop after an end that blocks", Bound::Every, || {
        let (mut out, fate) = telling(Blocks::AtTheEnd, 2);
        out.write(0).unwrap();
        out.end();
        drop(out);
        let fate = fate.lock().unwrap();
        assert!(fate.finished && fate.dropped && fate.written == [0]);
    });
}

#[test]
fn a_thread_that_has_been_quiet_and_what_would_block() {
    for (blocks, count) in [(Blocks::Always, 2), (Blocks::Odd, 3)] {
        let what = format!("{count} writes and a thread that goes, blocking: {blocks:?}");
        explore_waits(&what, Bound::Preemptions(3), move || {
            Deadlines::AtOnce.set();
            let (mut out, fate) = telling(blocks, 2);
            Deadlines::Never.set();
            for n in 0..count {
                out.write(n).unwrap();
            }
            dismiss(out, &fate, count);
        });
    }
}

#[test]
fn a_writer_that_waits_for_what_another_thread_writes() {
    for blocks in [Blocks::No, Blocks::Always] {
        let what = format!("an uncork and a full buffer that blocks: {blocks:?}");
        explore_waits(&what, Bound::Preemptions(3), move || {
            let (mut out, fate) = telling(blocks, 1);
            let cork = out.cork();
            out.write(0).unwrap();
            let other = thread::spawn(move || drop(cork));
            out.write(1).unwrap();
            other.join().unwrap();
            dismiss(out, &fate, 2);
        });
    }
}

#[test]
fn a_token_and_what_would_block() {
    for blocks in [Blocks::Always, Blocks::Untold] {
        let what = format!("an abort and writes that block: {blocks:?}");
        explore_waits(&what, Bound::Preemptions(3), move || {
            let (mut out, fate) = telling(blocks, 1);
            let token = CancelToken::new();
            out.cancel_with(&token);
            let other = thread::spawn(move || token.abort("enough"));
            let written = [out.write(0).is_ok(), out.write(1).is_ok()];
            other.join().unwrap();
            assert!(out.wait_finish().is_err());
            let back = out.take_undelivered();
            let confirmed = out.confirmed();
            drop(out);
            let fate = fate.lock().unwrap();
            assert!(fate.failed && fate.dropped && !fate.finished);
            assert_eq!(confirmed as usize, fate.written.len());
            let mut arrived = fate.written.clone();
            arrived.extend(back.iter());
            let taken = written.iter().filter(|taken| **taken).count();
            assert_eq!(
                arrived,
                Vec::from_iter(0..taken as u8),
                "{written:?} {fate:?}"
            );
        });
    }
}

#[test]
fn an_uncork_on_another_thread_and_a_direct_write() {
    explore("an uncork and a direct write", Bound::Every, || {
        let (mut out, fate) = told();
        let cork = out.cork();
        out.write(1).unwrap();
        let other = thread::spawn(move || drop(cork));
        out.write(2).unwrap();
        out.end();
        other.join().unwrap();
        drop(out.finish().unwrap());
        let fate = fate.lock().unwrap();
        assert_eq!(fate.written, [1, 2]);
        assert!(fate.finished && fate.dropped && !fate.failed);
    });
}

#[test]
fn a_token_and_a_direct_write() {
    explore("an abort and a direct write", Bound::Every, || {
        let (mut out, fate) = told();
        let token = CancelToken::new();
        out.cancel_with(&token);
        let other = thread::spawn(move || token.abort("enough"));
        let written = out.write(1);
        other.join().unwrap();
        let closed = out.is_closed();
        let back = out.take_undelivered().len() + usize::from(written.is_err());
        let confirmed = out.confirmed();
        drop(out);
        let fate = fate.lock().unwrap();
        assert!(closed && fate.failed && fate.dropped && !fate.finished);
        assert_eq!(confirmed as usize, fate.written.len());
        assert_eq!(back + fate.written.len(), 1);
    });
    explore("a stop and a direct write", Bound::Every, || {
        let (mut out, fate) = told();
        let token = CancelToken::new();
        out.cancel_with(&token);
        let other = thread::spawn(move || token.stop());
        let written = out.write(1);
        other.join().unwrap();
        assert!(out.is_finished());
        drop(out.finish().unwrap());
        let fate = fate.lock().unwrap();
        assert_eq!(fate.written.len(), usize::from(written.is_ok()));
        assert!(fate.finished && !fate.failed);
    });
}
