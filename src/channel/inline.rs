//! A join whose sink is called by whoever has made something due for it, where no thread is needed.
//!
//! The machine gives out one request at a time, and only when no other runs. So whoever has one
//! has the sink too, be it a writer, whoever uncorks, a token, or the sink's thread; and nothing
//! overtakes what one of them has in hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mark::Strategy;
use super::{Channel, Taken, Wait, WriteSide};
use crate::error::{Error, WriteError};
use crate::state::Pressure;
use crate::state::batch::{Batch, Load};
use crate::threads::sync::{Mutex, MutexGuard};

/// Where the sink of a join is to be found.
pub(crate) trait InlineSink<T>: Send + Sync {
    /// Sees to what was taken, and to what comes due meanwhile: here, or by starting the thread.
    fn serve(&self, join: &Channel<T>, taken: Taken<T>) -> Served;

    /// Does the work of the thread.
    fn run_thread(&self, join: &Channel<T>);
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

impl<T> WriteSide<T> {
    /// Takes what is due, if it is for whoever asks to see to it. What a stream that was torn down
    /// leaves of a sink that may block is for its handle to let go.
    #[inline(never)]
    pub(super) fn take_inline(&mut self) -> Option<Taken<T>> {
        let here = self.direct || (!self.has_reader && !self.state.is_destroyed());
        // The hand is the thread's, and runs.
        (here && self.state.is_request_due())
            .then(|| self.take())
            .flatten()
    }
}

impl<T> Channel<T> {
    /// Makes one with a desk. If that is `direct`, its sink can be tried without blocking.
    pub(crate) fn with_driver(
        strategy: Strategy<T>,
        direct: bool,
        driver: Arc<dyn InlineSink<T>>,
    ) -> Self {
        let join = Self {
            driver: Some(driver),
            ..Self::new(strategy)
        };
        let mut write_side = join.write_side();
        write_side.has_reader = false;
        write_side.direct = direct;
        drop(write_side);
        join
    }

    /// Does the work of the thread of the desk, if there is one.
    pub(crate) fn run_thread(&self) {
        if let Some(driver) = &self.driver {
            driver.run_thread(self);
        }
    }

    /// The batch that was taken here is written. Says what is due next, if it is to be taken here,
    /// or how the next write would fare.
    pub(crate) fn complete_inline(&self, batch: Batch<T>) -> Result<Taken<T>, Pressure> {
        let mut write_side = self.write_side();
        let events = write_side.complete();
        write_side.state.recycle(batch);
        if let Some(taken) = write_side.take_inline() {
            self.after_progress(write_side, events);
            return Ok(taken);
        }
        let pressure = if write_side.admits() {
            Pressure::Below
        } else {
            Pressure::Reached
        };
        self.after_progress(write_side, events);
        Err(pressure)
    }

    /// Leaves what was taken here to the thread.
    pub(crate) fn leave(&self, rest: Taken<T>) -> Attendance {
        let mut write_side = self.write_side();
        write_side.deferred = Some(rest);
        if !std::mem::replace(&mut write_side.has_reader, true) {
            return Attendance::Wanted;
        }
        self.wake_reader(write_side);
        Attendance::Attended
    }

    /// Takes back what was handed over to a thread that could not be started.
    pub(crate) fn take_deferred(&self) -> Batch<T> {
        match self.write_side().deferred.take() {
            Some(Taken::Batch(batch)) => batch,
            _ => Batch::new(),
        }
    }

    /// Takes what is due as [`take`](Self::take) does. Nothing, if nothing was for so long: then
    /// the join is attended no more; or if it is closed.
    pub(crate) fn take_within(&self, quiet: Duration) -> Option<Taken<T>> {
        let mut deadline = None;
        loop {
            let mut write_side = self.write_side();
            if let Some(taken) = write_side.take() {
                self.filled_flag.lower();
                return Some(taken);
            }
            if write_side.state.is_closed() {
                // Whoever has ended it saw to that himself.
                return None;
            }
            let until = *deadline.get_or_insert_with(|| Instant::now() + quiet);
            if let Err(_quiet) = self.wait_filled(write_side, Wait::Until(until)) {
                let mut write_side = self.write_side();
                if !write_side.is_filled() {
                    write_side.has_reader = false;
                    return None;
                }
            }
        }
    }

    /// Takes the order to let go of a sink that no thread attends to.
    pub(crate) fn take_release(&self) -> Option<Taken<T>> {
        let mut write_side = self.write_side();
        (!write_side.has_reader && write_side.state.is_destroyed())
            .then(|| write_side.take())
            .flatten()
    }

    /// Tells a write of `weight` that has seen to itself how that went. A chunk that was not
    /// written, or what is left of it, goes back to its writer, as if that had not been taken.
    #[cold]
    pub(super) fn answer(&self, weight: usize) -> Result<Pressure, WriteError<T>> {
        let mut write_side = self.write_side();
        let alone = write_side.state.is_destroyed() && write_side.undelivered.len() == 1;
        let Some(rest) = alone.then(|| write_side.undelivered.pop()).flatten() else {
            drop(write_side);
            return Ok(self.pressure());
        };
        let whole = rest.weight == weight;
        write_side.stats.take_back(Load::of(rest.weight), whole);
        let cause = write_side.cause().unwrap_or_else(Error::closed);
        Err(WriteError::Closed(rest.chunk, cause))
    }

    /// Says whether a stream with a desk still lives after what was just seen to there.
    pub(super) fn survived_inline(&self) -> Result<(), Error> {
        if self.driver.is_some() {
            if let Some(cause) = self.write_side().state.errored() {
                return Err(cause.clone());
            }
        }
        Ok(())
    }
}
