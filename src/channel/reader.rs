//! The reader's side of a join.

use std::time::Duration;

use super::{Back, Front, Join, READER_PAUSES, Taken, Unmet, Wait};
use crate::chunk::{Batch, Divide};
use crate::error::{Error, ErrorKind};
use crate::state::{Event, Events, OutOfRange};
use crate::sync::{MutexGuard, TryMutexGuard};

impl<T> Join<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn next(&self, wait: Wait) -> Result<Option<T>, Error> {
        let mut front = self.front();
        match front.pop() {
            Some(chunk) => {
                self.hand_over(front);
                Ok(Some(chunk))
            }
            // In a type of its own, and not in what is returned: where both are written to one
            // place in memory, a chunk at hand goes through it too, and a read costs 6 ns more.
            None => self.next_batch(front, wait).transpose(),
        }
    }

    fn next_batch<'a>(
        &'a self,
        mut front: TryMutexGuard<'a, Front<T>>,
        wait: Wait,
    ) -> Option<Result<T, Error>> {
        loop {
            if let Some(outcome) = front.outcome() {
                return outcome.err().map(Err);
            }
            // A read that finds nothing, which is what makes the state ask for more.
            let _ = front.state.next();
            let first = self.fill(front, wait, Front::pop);
            if let Some(first) = first.transpose() {
                return Some(first);
            }
            front = self.front();
            if let Some(chunk) = front.pop() {
                self.hand_over(front);
                return Some(Ok(chunk));
            }
        }
    }

    /// Takes what is due, or waits until something is. `first` then has the front before anybody
    /// else, and before what it takes is reported.
    fn fill(
        &self,
        front: TryMutexGuard<'_, Front<T>>,
        wait: Wait,
        first: impl FnOnce(&mut Front<T>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut back;
        if self.filled_flag.is_up() {
            back = self.back();
            if back.is_filled() && !back.nudged {
                return Ok(self.turn(front, back, first));
            }
            drop(front);
        } else {
            // Nothing was there when last looked: spin before taking the writer's lock, which it
            // is about to need.
            drop(front);
            let spins = !matches!(wait, Wait::No) && !self.is_rendezvous;
            let waited = if spins {
                self.filled_flag.spin(READER_PAUSES)
            } else {
                Duration::ZERO
            };
            back = self.back();
            back.tally.starved.add(waited);
        }
        if !back.is_filled() {
            back = match self.wait_filled(back, wait) {
                Ok(back) => back,
                Err(Unmet::TimedOut | Unmet::NotWritable) => {
                    return Err(Error::timed_out("a chunk"));
                }
                Err(Unmet::Full) => {
                    return Err(Error::new(ErrorKind::WouldBlock, "no chunk is buffered"));
                }
            };
        }
        if std::mem::take(&mut back.nudged) {
            return Err(Error::new(ErrorKind::WouldBlock, "no chunk is buffered"));
        }
        // Out of order, so only if nobody has it: a destroy takes the front first.
        match self.front.0.try_lock() {
            Some(front) => Ok(self.turn(front, back, first)),
            None => Ok(None),
        }
    }

    /// Reports what the reader has taken, when that is worth the lock, and takes the next batch
    /// when this one is used up.
    #[inline]
    fn hand_over(&self, mut front: TryMutexGuard<'_, Front<T>>) {
        if front.is_used_up() || front.unsettled >= front.report_at {
            let mut back = self.back();
            let drained = Self::settle_front(&mut front, &mut back);
            let closed = self.pull(&mut front, &mut back);
            self.unlock(front, back, drained, closed);
        }
    }

    /// Takes what is due into the front.
    fn turn(
        &self,
        mut front: TryMutexGuard<'_, Front<T>>,
        mut back: MutexGuard<'_, Back<T>>,
        first: impl FnOnce(&mut Front<T>) -> Option<T>,
    ) -> Option<T> {
        let closed = self.pull(&mut front, &mut back);
        let first = first(&mut front);
        let drained = Self::settle_front(&mut front, &mut back);
        self.unlock(front, back, drained, closed);
        first
    }

    /// Reports to the back what was handed over. Says whether that has drained it.
    fn settle_front(front: &mut Front<T>, back: &mut Back<T>) -> bool {
        let unsettled = std::mem::take(&mut front.unsettled);
        let events = if front.is_used_up() {
            front.in_flight = false;
            back.complete()
        } else if unsettled > 0 {
            back.progress(unsettled)
        } else {
            Events::NONE
        };
        front.report_at = back.report_at();
        events.contains(Event::Drain)
    }

    fn unlock(
        &self,
        front: TryMutexGuard<'_, Front<T>>,
        back: MutexGuard<'_, Back<T>>,
        drained: bool,
        closed: bool,
    ) {
        drop(front);
        if closed {
            self.wake_all(back);
        } else if drained || back.flushing > 0 {
            self.wake_writers(back);
        }
    }

    /// Answers the front with what the back has. Says whether that was the last.
    fn pull(&self, front: &mut Front<T>, back: &mut Back<T>) -> bool {
        if !front.wants_more() {
            return false;
        }
        match back.take() {
            Some(Taken::Batch(mut batch)) => {
                self.filled_flag.lower();
                front.put(&mut batch);
                back.state.recycle(batch);
                front.report_at = back.report_at();
                false
            }
            Some(Taken::End) => {
                front.put_end();
                let _ = back.complete();
                back.release();
                true
            }
            Some(Taken::Gone(cause)) => {
                front.put_failure(cause);
                back.release();
                true
            }
            Some(Taken::Nudge) | None => false,
        }
    }

    /// Puts a chunk back, to be the next one that is read. Does not wait.
    pub(crate) fn unshift(&self, chunk: T) -> Result<(), T> {
        self.front().unshift(chunk)
    }

    /// Makes writers wait, whatever room there is, until [`resume`](Self::resume).
    pub(crate) fn pause(&self) {
        self.back().paused = true;
    }

    pub(crate) fn resume(&self) {
        let mut back = self.back();
        back.paused = false;
        self.wake_writers(back);
    }
}

/// How much a read wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    /// So much, or what is left before the end.
    Exactly(usize),
    /// All that is buffered, once it is so much, or what is left before the end.
    AtLeast(usize),
}

impl<T: Divide> Join<T> {
    /// Takes some amount, cut out of the chunks and across them. `None` is the end.
    ///
    /// The wait ends when there is so much, with the end of the stream, or with its time.
    pub(crate) fn read(&self, amount: Amount, wait: Wait) -> Result<Option<Batch<T>>, Error> {
        let (Amount::Exactly(wanted) | Amount::AtLeast(wanted)) = amount;
        loop {
            let mut front = self.front();
            let out_of_range =
                |range: OutOfRange| Error::new(ErrorKind::LimitExceeded, range.to_string());
            let there = front.what_there_is_of(wanted);
            let (taken, _) = front.state.read(Some(there)).map_err(out_of_range)?;
            if let Some(mut taken) = taken {
                let rest = front.state.len();
                if let Amount::AtLeast(_) = amount {
                    if rest > 0 {
                        if let Ok((Some(mut rest), _)) = front.state.read(Some(rest)) {
                            taken.append(&mut rest);
                        }
                    }
                }
                front.took(taken.weight());
                self.hand_over(front);
                return Ok(Some(taken));
            }
            if let Some(outcome) = front.outcome() {
                return outcome.map(|()| None);
            }
            // What is here belongs to this read. While it counted against the mark, a writer
            // would wait for it to be taken, and this reader for the writer.
            if front.in_flight {
                let mut back = self.back();
                front.claim();
                let _ = back.complete();
                self.wake_writers(back);
            }
            self.fill(front, wait, |_| None)?;
        }
    }
}
