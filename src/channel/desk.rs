//! A join whose sink is called by whoever has made something due for it, where no thread is needed.
//!
//! The machine gives out one request at a time, and only when no other runs. So whoever has one
//! has the sink too, be it a writer, whoever uncorks, a token, or the sink's thread; and nothing
//! overtakes what one of them has in hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Back, Join, Taken, Wait};
use crate::chunk::Batch;
use crate::error::{Error, WriteError};
use crate::mark::Gauge;
use crate::state::Pressure;
use crate::sync::{Mutex, MutexGuard};

/// Where the sink of a join is to be found.
pub(crate) trait Desk<T>: Send + Sync {
    /// Sees to what was taken, and to what comes due meanwhile: here, or by starting the thread.
    fn serve(&self, join: &Join<T>, taken: Taken<T>) -> Served;

    /// Does the work of the thread.
    fn attend(&self, join: &Join<T>);
}

/// What came of what was seen to at a desk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Served {
    /// As far as it did not block it is done. The next write would fare like this.
    Tried(Pressure),
    /// It was left to the thread.
    Left,
    /// The stream is over by this.
    Over,
}

/// What threads take turns to hold.
#[derive(Debug)]
pub(crate) struct Seat<V>(Mutex<V>);

/// It is held, until this is dropped.
pub(crate) type Held<'a, V> = MutexGuard<'a, V>;

impl<V> Seat<V> {
    pub(crate) fn new(value: V) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn hold(&self) -> Held<'_, V> {
        self.0.lock()
    }
}

/// Who sees to what a desk has left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attendance {
    /// The thread that there is.
    Attended,
    /// One that the caller is to start.
    Wanted,
}

impl<T> Back<T> {
    /// Takes what is due, if it is for whoever asks to see to it. What a stream that was torn down
    /// leaves of a sink that may block is for its handle to let go.
    #[inline(never)]
    pub(super) fn take_here(&mut self) -> Option<Taken<T>> {
        let here = self.direct || (!self.attended && !self.state.is_destroyed());
        // The hand is the thread's, and runs.
        (here && self.state.is_request_due())
            .then(|| self.take())
            .flatten()
    }
}

impl<T> Join<T> {
    /// Makes one with a desk. If that is `direct`, its sink can be tried without blocking.
    pub(crate) fn at_desk(gauge: Gauge<T>, direct: bool, desk: Arc<dyn Desk<T>>) -> Self {
        let join = Self {
            desk: Some(desk),
            ..Self::new(gauge)
        };
        let mut back = join.back();
        back.attended = false;
        back.direct = direct;
        drop(back);
        join
    }

    /// Does the work of the thread of the desk, if there is one.
    pub(crate) fn attend(&self) {
        if let Some(desk) = &self.desk {
            desk.attend(self);
        }
    }

    /// The batch that was taken here is written. Says what is due next, if it is to be taken here,
    /// or how the next write would fare.
    pub(crate) fn complete_here(&self, batch: Batch<T>) -> Result<Taken<T>, Pressure> {
        let mut back = self.back();
        let events = back.complete();
        back.state.recycle(batch);
        if let Some(taken) = back.take_here() {
            self.after_progress(back, events);
            return Ok(taken);
        }
        let pressure = if back.admits() {
            Pressure::Below
        } else {
            Pressure::Reached
        };
        self.after_progress(back, events);
        Err(pressure)
    }

    /// Leaves what was taken here to the thread.
    pub(crate) fn leave(&self, rest: Taken<T>) -> Attendance {
        let mut back = self.back();
        back.hand = Some(rest);
        if !std::mem::replace(&mut back.attended, true) {
            return Attendance::Wanted;
        }
        self.wake_reader(back);
        Attendance::Attended
    }

    /// Takes back what was handed over to a thread that could not be started.
    pub(crate) fn take_hand(&self) -> Batch<T> {
        match self.back().hand.take() {
            Some(Taken::Batch(batch)) => batch,
            _ => Batch::new(),
        }
    }

    /// Takes what is due as [`take`](Self::take) does. Nothing, if nothing was for so long: then
    /// the join is attended no more; or if it is closed.
    pub(crate) fn take_within(&self, quiet: Duration) -> Option<Taken<T>> {
        let mut deadline = None;
        loop {
            let mut back = self.back();
            if let Some(taken) = back.take() {
                self.filled_flag.lower();
                return Some(taken);
            }
            if back.state.is_closed() {
                // Whoever has ended it saw to that himself.
                return None;
            }
            let until = *deadline.get_or_insert_with(|| Instant::now() + quiet);
            if let Err(_quiet) = self.wait_filled(back, Wait::Until(until)) {
                let mut back = self.back();
                if !back.is_filled() {
                    back.attended = false;
                    return None;
                }
            }
        }
    }

    /// Takes the order to let go of a sink that no thread attends to.
    pub(crate) fn take_release(&self) -> Option<Taken<T>> {
        let mut back = self.back();
        (!back.attended && back.state.is_destroyed())
            .then(|| back.take())
            .flatten()
    }

    /// Tells a write of `weight` that has seen to itself how that went. A chunk that was not
    /// written, or what is left of it, goes back to its writer, as if that had not been taken.
    #[cold]
    pub(super) fn answer(&self, weight: usize) -> Result<Pressure, WriteError<T>> {
        let mut back = self.back();
        let alone = back.state.is_destroyed() && back.undelivered.len() == 1;
        let Some(rest) = alone.then(|| back.undelivered.pop()).flatten() else {
            drop(back);
            return Ok(self.pressure());
        };
        back.tally.weight -= rest.weight as u64;
        if rest.weight == weight {
            back.tally.chunks -= 1;
        }
        let cause = back.cause().unwrap_or_else(Error::closed);
        Err(WriteError::Closed(rest.chunk, cause))
    }

    /// Says whether a stream with a desk still lives after what was just seen to there.
    pub(super) fn survived(&self) -> Result<(), Error> {
        if self.desk.is_some() {
            if let Some(cause) = self.back().state.errored() {
                return Err(cause.clone());
            }
        }
        Ok(())
    }
}
