//! The writer's side of a join.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::budget::Lease;
use super::{Back, Door, Join, Served, Unmet, WRITER_PAUSES, Wait, Woken};
use crate::chunk::{Batch, Weighed};
use crate::error::{Error, WriteError};
use crate::state::Pressure;
use crate::sync::MutexGuard;

impl<T> Join<T> {
    /// Writes a chunk, waiting for room first.
    ///
    /// The wait ends with room, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn write(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        let weight = self.weigh(&chunk);
        if self.is_nothing(weight) {
            return Ok(self.pressure());
        }
        // The last write may have filled the buffer: spin before taking the reader's lock.
        let spins = !self.drained_flag.is_up() && !matches!(wait, Wait::No);
        let waited = if spins {
            self.drained_flag.spin(WRITER_PAUSES)
        } else {
            Duration::ZERO
        };
        let mut back = self.back();
        back.tally.blocked.add(waited);
        if !back.admits() {
            back = match self.wait_for_room(back, wait) {
                Ok(back) => back,
                Err(unmet) => return Err(self.refuse(chunk, unmet)),
            };
        }
        let mut chunk = chunk;
        if let Some(door) = &self.door {
            let lease;
            (back, lease) = match self.charge(back, door, door.cost(&chunk), wait) {
                Ok(charged) => charged,
                Err(unmet) => return Err(self.refuse(chunk, unmet)),
            };
            if let Some(lease) = lease {
                chunk = door.lease(chunk, lease);
            }
        }
        let was_empty = back.state.is_queue_empty();
        match back.put(Weighed { chunk, weight }) {
            Ok(pressure) => {
                if pressure.reached() {
                    self.drained_flag.lower();
                }
                if was_empty {
                    let woken = self.wake_reader(back);
                    match woken {
                        Woken::Served(Served::Tried(now)) => return Ok(now),
                        Woken::Served(Served::Over) => return self.answer(weight),
                        Woken::Served(Served::Left) | Woken::Told => {}
                    }
                }
                Ok(pressure)
            }
            Err(chunk) => {
                drop(back);
                Err(self.refuse(chunk, Unmet::NotWritable))
            }
        }
    }

    /// Charges so much to the budget, waiting for room in it. No lease is for a chunk that is let in
    /// all the same, because nothing else is there: or a reader would wait for what cannot be
    /// charged.
    ///
    /// The wait ends with room, when the buffer is empty, with the end of the stream, or with its
    /// time.
    #[cold]
    fn charge<'a>(
        &'a self,
        mut back: MutexGuard<'a, Back<T>>,
        door: &Door<T>,
        cost: usize,
        wait: Wait,
    ) -> Result<(MutexGuard<'a, Back<T>>, Option<Lease>), Unmet> {
        loop {
            let lease = door.charge(cost);
            if lease.is_some() || back.state.len() == 0 {
                return Ok((back, lease));
            }
            // Another producer may have taken the room in the buffer meanwhile.
            back = self.wait_progress(back, wait, |back| {
                let paid = back.state.len() == 0 || door.has_room(cost);
                paid && back.admits() || !back.state.is_writable()
            })?;
            if !back.state.is_writable() {
                return Err(Unmet::NotWritable);
            }
        }
    }

    /// Writes chunks off the front of `chunks`, as many at once as there is room for. Those that
    /// were not taken are left there.
    pub(crate) fn write_all(&self, chunks: &mut VecDeque<T>) -> Result<Pressure, Error> {
        while let Some(first) = chunks.front() {
            // It needs no room, so it waits for none.
            if self.is_nothing(self.weigh(first)) {
                chunks.pop_front();
                continue;
            }
            if self.door.is_some() {
                self.write_first(chunks)?;
                continue;
            }
            let mut back = self.back();
            if !back.admits() {
                back = match self.wait_for_room(back, Wait::Forever) {
                    Ok(back) => back,
                    Err(unmet) => return Err(self.refuse((), unmet).into()),
                };
            }
            while back.admits() {
                let Some(chunk) = chunks.pop_front() else {
                    break;
                };
                let weight = self.weigh(&chunk);
                if self.is_nothing(weight) {
                    continue;
                }
                if let Err(chunk) = back.put(Weighed { chunk, weight }) {
                    chunks.push_front(chunk);
                }
            }
            self.wake_reader(back);
        }
        self.survived()?;
        Ok(self.pressure())
    }

    /// Writes one chunk off the front of `chunks`.
    fn write_first(&self, chunks: &mut VecDeque<T>) -> Result<(), Error> {
        if let Some(first) = chunks.pop_front() {
            if let Err(refused) = self.write(first, Wait::Forever) {
                let (first, error) = refused.into_parts();
                chunks.push_front(first);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(crate) fn pressure(&self) -> Pressure {
        if self.back().admits() {
            Pressure::Below
        } else {
            Pressure::Reached
        }
    }

    /// Empty bytes are dropped at the door: queued, they would cost memory that no mark bounds.
    #[inline]
    const fn is_nothing(&self, weight: usize) -> bool {
        weight == 0 && self.gauge.drops_weightless()
    }

    /// Waits until a write would be taken, or never will be.
    #[cold]
    fn wait_for_room<'a>(
        &'a self,
        mut back: MutexGuard<'a, Back<T>>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, Back<T>>, Unmet> {
        if back.state.is_writable() {
            if !matches!(wait, Wait::No) {
                back = self.lift_corks(back);
            }
            let met = |back: &Back<T>| {
                back.admits() && self.may_charge(back) || !back.state.is_writable()
            };
            back = if self.door.is_none() {
                self.wait_drained(back, wait, met)?
            } else {
                self.wait_progress(back, wait, met)?
            };
        }
        if back.state.is_writable() {
            Ok(back)
        } else {
            Err(Unmet::NotWritable)
        }
    }

    /// Waits as [`wait_drained`](Self::wait_drained) does, for something that the reader may bring
    /// about by less than a drain: to be told, it has to know.
    fn wait_progress<'a>(
        &'a self,
        mut back: MutexGuard<'a, Back<T>>,
        wait: Wait,
        met: impl Fn(&Back<T>) -> bool,
    ) -> Result<MutexGuard<'a, Back<T>>, Unmet> {
        back.flushing += 1;
        let waited = self.wait_drained(back, wait, met);
        let mut back = match waited {
            Ok(back) => back,
            Err(unmet) => {
                self.back().flushing -= 1;
                return Err(unmet);
            }
        };
        back.flushing -= 1;
        Ok(back)
    }

    /// Says whether the budget is not used up, which is worth waiting for before anything is read.
    fn may_charge(&self, back: &Back<T>) -> bool {
        let door = self.door.as_ref();
        door.is_none_or(|door| back.state.len() == 0 || door.has_room(1))
    }

    /// Lets everything out: a writer that waits for what it has corked would wait for ever.
    fn lift_corks<'a>(&'a self, mut back: MutexGuard<'a, Back<T>>) -> MutexGuard<'a, Back<T>> {
        if back.state.corked() == 0 {
            return back;
        }
        while back.state.corked() > 0 {
            back.state.uncork();
        }
        self.wake_reader(back);
        self.back()
    }

    /// Says why `chunk` was not taken.
    #[cold]
    fn refuse<C>(&self, chunk: C, unmet: Unmet) -> WriteError<C> {
        match unmet {
            Unmet::Full => WriteError::Full(chunk),
            Unmet::TimedOut => WriteError::TimedOut(chunk),
            Unmet::NotWritable => match self.back().cause() {
                Some(cause) => WriteError::Closed(chunk, cause),
                None => WriteError::Ended(chunk),
            },
        }
    }

    /// Waits until a write would not.
    ///
    /// The wait ends with the drain, with the end of the stream, or with its time.
    pub(crate) fn wait_drain(&self, wait: Wait) -> Result<(), Error> {
        match self.wait_for_room(self.back(), wait) {
            Ok(_) => Ok(()),
            Err(unmet) => Err(self.refuse((), unmet).into()),
        }
    }

    /// Holds back what is written, if anything will be: what is there at the end waits for nobody.
    pub(crate) fn cork(&self) {
        let mut back = self.back();
        if back.state.is_writable() {
            back.state.cork();
        }
    }

    pub(crate) fn uncork(&self) {
        let mut back = self.back();
        back.state.uncork();
        if back.state.is_request_due() {
            self.wake_reader(back);
        }
    }

    /// One more handle writes.
    pub(crate) fn add_producer(&self) {
        self.back().producers += 1;
    }

    /// A handle will write no more. The last one ends the stream.
    pub(crate) fn end_producer(&self) {
        let mut back = self.back();
        back.producers -= 1;
        if back.producers == 0 {
            back.state.end();
            self.wake_reader(back);
        }
    }

    /// Ends the stream with an error, behind its data. The first cause comes back, to which
    /// `error` is attached if it is another one.
    pub(crate) fn fail(&self, error: Error) -> Error {
        let mut back = self.back();
        if !back.state.is_writable() {
            let Some(cause) = back.cause() else {
                return error;
            };
            drop(back);
            cause.attach(error);
            return cause;
        }
        back.failure = Some(error.clone());
        back.state.end();
        self.wake_all(back);
        error
    }

    /// How the stream has ended for a writer that was told `error`: well, if it was stopped, or its
    /// reader has had enough.
    pub(crate) fn outcome(&self, error: Error) -> Result<(), Error> {
        let back = self.back();
        if (back.stopped || back.satisfied) && back.state.errored().is_none() {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// What a chunk counts for.
    pub(crate) fn weigh(&self, chunk: &T) -> usize {
        self.gauge.weigh(chunk)
    }

    /// Waits until the stream is closed: all was written and finished, or it has failed.
    pub(crate) fn wait_closed(&self, wait: Wait) -> Result<(), Error> {
        let closed = |back: &Back<T>| back.state.is_closed();
        let Ok(back) = self.wait_drained(self.back(), wait, closed) else {
            return Err(Error::timed_out("the end of the stream"));
        };
        if back.state.is_finished() || back.satisfied {
            return Ok(());
        }
        Err(back.cause().unwrap_or_else(Error::closed))
    }

    /// Waits until everything that was written before has left the buffer, and was flushed.
    pub(crate) fn wait_written(&self, wait: Wait) -> Result<(), Error> {
        let back = self.lift_corks(self.back());
        let written = back.tally.weight;
        let met = |back: &Back<T>| back.flushed() >= written || back.state.is_destroyed();
        let waited = self.wait_progress(back, wait, met);
        let back = waited.unwrap_or_else(|_| self.back());
        if back.flushed() >= written {
            return Ok(());
        }
        let cause = if back.state.is_destroyed() {
            back.cause()
        } else {
            None
        };
        Err(cause.unwrap_or_else(|| Error::timed_out("the sink")))
    }

    /// Waits until `deadline`, or until the stream takes no more. Says whether it still does.
    ///
    /// It is a sleep that a cancel ends, and no wait for room: it does not count as blocked.
    pub(crate) fn sleep_until(&self, deadline: Instant) -> bool {
        let mut back = self.back();
        while back.state.is_writable() && Instant::now() < deadline {
            back.parked_writers += 1;
            self.drained.wait_until(&mut back, deadline);
            back.parked_writers -= 1;
        }
        back.state.is_writable()
    }

    /// Keeps a chunk that was taken from the writer's hands and cannot be written any more.
    pub(crate) fn give_back(&self, chunk: T) {
        let weight = self.weigh(&chunk);
        let mut back = self.back();
        back.undelivered.push(chunk, weight);
    }

    /// Takes what was written and did not reach the sink.
    pub(crate) fn take_undelivered(&self) -> Batch<T> {
        std::mem::take(&mut self.back().undelivered)
    }
}
