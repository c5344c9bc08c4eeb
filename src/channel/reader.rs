//! The reader's side of a join.

use super::{Back, Front, Join, Taken, Unmet, Wait};
use crate::chunk::{Batch, Divide};
use crate::error::{Error, ErrorKind};
use crate::state::{Event, Events, OutOfRange};
use crate::sync::{MutexGuard, Ordering};

impl<T> Join<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn next(&self, wait: Wait) -> Result<Option<T>, Error> {
        loop {
            let mut front = self.front.lock();
            if let Some(chunk) = front.pop() {
                self.hand_over(front);
                return Ok(Some(chunk));
            }
            if !self.fetch(front, wait)? {
                return Ok(None);
            }
        }
    }

    /// Waits for something to get into an empty front. `false` is the end.
    fn fetch(&self, mut front: MutexGuard<'_, Front<T>>, wait: Wait) -> Result<bool, Error> {
        if let Some(outcome) = front.outcome() {
            return outcome.map(|()| false);
        }
        // A read that finds nothing, which is what makes the state ask for more.
        let _ = front.state.next();
        self.fill(front, wait).map(|()| true)
    }

    /// Takes what is due, or waits until something is.
    fn fill(&self, front: MutexGuard<'_, Front<T>>, wait: Wait) -> Result<(), Error> {
        let back = self.back.lock();
        if back.state.is_request_due() {
            self.turn(front, back);
            return Ok(());
        }
        drop(front);
        match self.wait_filled(back, wait) {
            Ok(_) => Ok(()),
            Err(Unmet::TimedOut | Unmet::NotWritable) => Err(Error::timed_out("a chunk")),
            Err(Unmet::Full) => Err(Error::new(ErrorKind::WouldBlock, "no chunk is buffered")),
        }
    }

    /// Reports what the reader has taken, when that is worth the lock, and takes the next batch
    /// when this one is used up.
    #[inline]
    fn hand_over(&self, front: MutexGuard<'_, Front<T>>) {
        if front.is_used_up() || front.unsettled > self.quantum {
            self.turn(front, self.back.lock());
        }
    }

    /// Settles what was taken and, if the state asks for more, takes it.
    fn turn(&self, mut front: MutexGuard<'_, Front<T>>, mut back: MutexGuard<'_, Back<T>>) {
        let unsettled = std::mem::take(&mut front.unsettled);
        let mut events = Events::NONE;
        if front.is_used_up() {
            front.in_flight = false;
            events = back.complete();
        } else if unsettled > 0 {
            events = back.progress(unsettled);
        }
        let closed = front.wants_more() && self.pull(&mut front, &mut back);
        drop(front);
        if closed {
            self.wake_all(back);
        } else if events.contains(Event::Drain) || back.flushing > 0 {
            self.wake_writers(back);
        }
    }

    /// Answers the front with what the back has. Says whether that was the last.
    fn pull(&self, front: &mut Front<T>, back: &mut Back<T>) -> bool {
        match back.take() {
            Some(Taken::Batch(mut batch)) => {
                self.filled_flag.0.store(false, Ordering::Relaxed);
                front.put(&mut batch);
                back.state.recycle(batch);
                false
            }
            Some(Taken::End) => {
                front.put_end();
                let _ = back.complete();
                back.release();
                true
            }
            Some(Taken::Gone(cause)) => {
                drop(front.destroy(cause));
                back.release();
                true
            }
            None => false,
        }
    }

    /// Puts a chunk back, to be the next one that is read. Does not wait.
    pub(crate) fn unshift(&self, chunk: T) -> Result<(), T> {
        self.front.lock().unshift(chunk)
    }

    /// Makes writers wait, whatever room there is, until [`resume`](Self::resume).
    pub(crate) fn pause(&self) {
        self.back.lock().paused = true;
    }

    pub(crate) fn resume(&self) {
        let mut back = self.back.lock();
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
            let mut front = self.front.lock();
            let out_of_range = |range: OutOfRange| {
                Error::new(ErrorKind::LimitExceeded, range.to_string())
            };
            let (taken, _) = front.state.read(Some(wanted)).map_err(out_of_range)?;
            if let Some(mut taken) = taken {
                if let Amount::AtLeast(_) = amount
                    && let Ok((Some(mut rest), _)) = front.state.read(None)
                {
                    taken.append(&mut rest);
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
                let mut back = self.back.lock();
                front.claim();
                let _ = back.complete();
                self.wake_writers(back);
            }
            self.fill(front, wait)?;
        }
    }
}
