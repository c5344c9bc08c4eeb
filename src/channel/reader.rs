//! The reader's side of a join.

use super::{Back, Front, Join, Taken, Unmet, Wait};
use crate::chunk::{Batch, Divide};
use crate::error::{Error, ErrorKind};
use crate::state::{Event, Events, Request};
use crate::sync::MutexGuard;

impl<T> Join<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn next(&self, wait: Wait) -> Result<Option<T>, Error> {
        loop {
            let mut front = self.front.lock();
            if let Some(chunk) = front.pop() {
                self.settle_front(front);
                return Ok(Some(chunk));
            }
            if !self.fetch(front, wait)? {
                return Ok(None);
            }
        }
    }

    /// Gets something into an empty front. `false` is the end.
    fn fetch(&self, mut front: MutexGuard<'_, Front<T>>, wait: Wait) -> Result<bool, Error> {
        if let Some(ended) = front.outcome() {
            return ended.map(|()| false);
        }
        // A read of an empty buffer, which is what makes the state ask for more.
        let _ = front.state.next();
        let mut back = self.back.lock();
        if back.state.is_request_due() || front.in_flight {
            self.refill(front, back);
            return Ok(true);
        }
        drop(front);
        match self.wait_filled(back, wait) {
            Ok(_) => Ok(true),
            Err(Unmet::TimedOut | Unmet::NotWritable) => Err(Error::timed_out("a chunk")),
            Err(Unmet::Full) => Err(Error::new(ErrorKind::Full, "no chunk is buffered")),
        }
    }

    /// Reports what the reader has taken, when it is enough to be worth the lock, and takes the
    /// next batch when this one is used up.
    #[inline]
    fn settle_front(&self, front: MutexGuard<'_, Front<T>>) {
        if front.is_used_up() || front.unsettled > self.quantum {
            let back = self.back.lock();
            self.refill(front, back);
        }
    }

    fn refill(&self, mut front: MutexGuard<'_, Front<T>>, mut back: MutexGuard<'_, Back<T>>) {
        let unsettled = std::mem::take(&mut front.unsettled);
        let mut events = Events::NONE;
        if front.in_flight && front.is_used_up() {
            front.in_flight = false;
            events = back.state.complete();
        } else if unsettled > 0 {
            events = back.state.progress(unsettled);
        }
        let closed = front.wants_more() && self.pull(&mut front, &mut back);
        drop(front);
        if closed {
            self.wake_all(back);
        } else if events.contains(Event::Drain) || back.flushing > 0 {
            self.wake_writers(back);
        }
    }

    /// Answers the front's pull with what the back has. Says whether that was the last.
    fn pull(&self, front: &mut Front<T>, back: &mut Back<T>) -> bool {
        match back.take() {
            Some(Taken::Batch(mut batch)) => {
                self.filled_flag.0.store(false, Ordering::Relaxed);
                front.put(&mut batch);
                back.state.recycle(batch);
                false
            }
            Some(Taken::End) => {
                front.state.push_end();
                let _ = back.state.complete();
                back.release();
                true
            }
            Some(Taken::Gone(cause)) => {
                front.state.destroy(cause);
                back.release();
                true
            }
            None => false,
        }
    }
}
