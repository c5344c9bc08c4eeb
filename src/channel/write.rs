//! The calls of a channel's writers.
//!
//! - Owns: nothing; all state is in [`WriteSide`], under its lock.
//! - Lock order: only the write side's lock, and under it that of a [`Budget`](super::Budget).
//! - May block: every call that takes a [`Wait`], in `wait_drained`. What ends the wait is named
//!   there.
//! - Invariant: a chunk is admitted and put into the queue under one hold of the lock, so two
//!   writers never take the same room.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::budget::Permit;
use super::{Channel, Charge, NoSink, Ran, RunInline, Unmet, WRITER_PAUSES, Wait, WriteSide};
use crate::error::{Error, WriteError};
use crate::state::Pressure;
use crate::state::batch::Weighed;
use crate::threads::sync::MutexGuard;
use crate::threads::waits::{For, Waiting};

impl<T> Channel<T> {
    /// Writes a chunk to a reader, or to a sink with a thread of a pipeline, waiting for room
    /// first.
    ///
    /// The wait ends with room, with the end of the stream, or at the deadline.
    #[inline]
    pub(crate) fn write(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        self.write_by(chunk, wait, &NoSink)
    }

    /// Does what [`write`](Self::write) does, and has `sink` run what is due by it.
    #[inline]
    pub(crate) fn write_by(
        &self,
        chunk: T,
        wait: Wait,
        sink: &impl RunInline<T>,
    ) -> Result<Pressure, WriteError<T>> {
        let weight = self.weigh(&chunk);
        // The last write may have filled the buffer: spin before taking the lock, which the reader
        // needs to drain it. A hint that is out of date costs time only: `admits` decides.
        let spins = !self.drained_flag.is_up() && !matches!(wait, Wait::No);
        let waited = if spins {
            self.drained_flag.spin(WRITER_PAUSES)
        } else {
            Duration::ZERO
        };
        let mut write_side = self.write_side();
        write_side.blocked(waited);
        if !write_side.admits() {
            write_side = match self.wait_for_room(write_side, wait, sink) {
                Ok(write_side) => write_side,
                Err(unmet) => return Err(self.refuse(chunk, unmet)),
            };
        }
        let mut chunk = chunk;
        // After the room in the buffer: a permit held by a writer that still waits for that room
        // would be missing in other streams.
        if let Some(charge_point) = &self.charge_point {
            let permit;
            (write_side, permit) =
                match self.charge(write_side, charge_point, charge_point.cost(&chunk), wait) {
                    Ok(charged) => charged,
                    Err(unmet) => return Err(self.refuse(chunk, unmet)),
                };
            if let Some(permit) = permit {
                chunk = charge_point.permit(chunk, permit);
            }
        }
        // Only the chunk that finds the queue empty wakes the reader. For those behind it the
        // reader was woken, or checks before it waits: had it taken the queue since, that would be
        // empty.
        let was_empty = write_side.state.is_queue_empty();
        match write_side.put(Weighed { chunk, weight }) {
            Ok(pressure) => {
                if pressure.reached() {
                    // Under the lock: the reader that drains this raises the flag after a later
                    // hold.
                    self.drained_flag.lower();
                }
                if was_empty {
                    return match self.wake_or_run(write_side, sink) {
                        // A sink that has run has changed the pressure since.
                        None | Some(Ran::Deferred) => Ok(pressure),
                        Some(Ran::Done(now)) => Ok(now),
                        Some(Ran::Over) => self.outcome_of_inline_write(weight),
                    };
                }
                Ok(pressure)
            }
            Err(chunk) => {
                // `refuse` takes the lock again.
                drop(write_side);
                Err(self.refuse(chunk, Unmet::NotWritable))
            }
        }
    }

    /// Charges `cost` to the budget, waiting for room in it. `None` in place of a permit: the
    /// buffer is empty, so the chunk is admitted uncharged, or a reader would wait for a chunk that
    /// cannot be charged.
    ///
    /// The wait ends with room, when the buffer is empty, with the end of the stream, or at the
    /// deadline.
    #[cold]
    fn charge<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        charge_point: &Charge<T>,
        cost: usize,
        wait: Wait,
    ) -> Result<(MutexGuard<'a, WriteSide<T>>, Option<Permit>), Unmet> {
        loop {
            let permit = charge_point.charge(cost);
            // A permit that is dropped after this wakes the writers: `has_room`, below, registers
            // this channel with the budget, under the budget's lock, before the thread parks.
            if permit.is_some() || write_side.state.len() == 0 {
                return Ok((write_side, permit));
            }
            // Another producer may have taken the room in the buffer meanwhile.
            // Not `wait_drained` alone: a buffer that was below its mark becomes empty without a
            // drain, and the reader would not wake this thread. `flushing` makes it do so at each
            // report.
            write_side = self.wait_progress(write_side, wait, |write_side| {
                let paid = write_side.state.len() == 0 || charge_point.has_room(cost);
                paid && write_side.admits() || !write_side.state.is_writable()
            })?;
            // The wait also ends with the stream.
            if !write_side.state.is_writable() {
                return Err(Unmet::NotWritable);
            }
        }
    }

    /// Writes chunks off the front of `chunks`, as many at once as there is room for. Those that
    /// were not taken are left there.
    pub(crate) fn write_all(&self, chunks: &mut VecDeque<T>) -> Result<Pressure, Error> {
        self.write_all_by(chunks, &NoSink)
    }

    /// Does what [`write_all`](Self::write_all) does, and has `sink` run what is due by it.
    pub(crate) fn write_all_by(
        &self,
        chunks: &mut VecDeque<T>,
        sink: &impl RunInline<T>,
    ) -> Result<Pressure, Error> {
        while !chunks.is_empty() {
            if self.charge_point.is_some() {
                // One by one: each may have to wait for its own permit.
                self.write_first(chunks, sink)?;
                continue;
            }
            let mut write_side = self.write_side();
            if !write_side.admits() {
                write_side = match self.wait_for_room(write_side, Wait::Forever, sink) {
                    Ok(write_side) => write_side,
                    Err(unmet) => return Err(self.refuse((), unmet).into()),
                };
            }
            // As many as fit under one hold, and one wake for all of them after it.
            while write_side.admits() {
                let Some(chunk) = chunks.pop_front() else {
                    break;
                };
                let weight = self.weigh(&chunk);
                if let Err(chunk) = write_side.put(Weighed { chunk, weight }) {
                    // The next round finds out why, in `wait_for_room`.
                    chunks.push_front(chunk);
                }
            }
            self.wake_or_run(write_side, sink);
        }
        // A sink that ran on this thread may have failed with the last of them, and no write comes
        // that would report it.
        self.survived()?;
        Ok(self.pressure())
    }

    /// Writes one chunk off the front of `chunks`.
    fn write_first(&self, chunks: &mut VecDeque<T>, sink: &impl RunInline<T>) -> Result<(), Error> {
        if let Some(first) = chunks.pop_front() {
            if let Err(refused) = self.write_by(first, Wait::Forever, sink) {
                let (first, error) = refused.into_parts();
                chunks.push_front(first);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(crate) fn pressure(&self) -> Pressure {
        if self.write_side().admits() {
            Pressure::Below
        } else {
            Pressure::Reached
        }
    }

    /// Waits until a write would be taken, or never will be.
    #[cold]
    fn wait_for_room<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        wait: Wait,
        sink: &impl RunInline<T>,
    ) -> Result<MutexGuard<'a, WriteSide<T>>, Unmet> {
        if write_side.state.is_writable() {
            if !matches!(wait, Wait::No) {
                write_side = self.lift_corks(write_side, sink);
            }
            let met = |write_side: &WriteSide<T>| {
                write_side.admits() && self.may_charge(write_side)
                    || !write_side.state.is_writable()
            };
            // With a budget an empty buffer ends the wait too, and that need not be a drain: see
            // `charge`.
            write_side = if self.charge_point.is_none() {
                self.wait_drained(write_side, wait, met)?
            } else {
                self.wait_progress(write_side, wait, met)?
            };
        }
        if write_side.state.is_writable() {
            Ok(write_side)
        } else {
            Err(Unmet::NotWritable)
        }
    }

    /// Waits as [`wait_drained`](Self::wait_drained) does, for something that may happen before the
    /// buffer is drained. `flushing` makes the reader wake writers after each report.
    ///
    /// It is raised under the lock under which `met` is checked first, so no report falls between
    /// the two.
    pub(super) fn wait_progress<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        wait: Wait,
        met: impl Fn(&WriteSide<T>) -> bool,
    ) -> Result<MutexGuard<'a, WriteSide<T>>, Unmet> {
        write_side.flushing += 1;
        let waited = self.wait_drained(write_side, wait, met);
        let mut write_side = match waited {
            Ok(write_side) => write_side,
            Err(unmet) => {
                // Under a later hold, because the error has dropped the guard. Until then the
                // reader may wake writers for nothing, which is harmless; to lower it before the
                // wait ends would not be.
                self.write_side().flushing -= 1;
                return Err(unmet);
            }
        };
        write_side.flushing -= 1;
        Ok(write_side)
    }

    /// Returns whether the budget has room, which is worth waiting for before anything is read.
    fn may_charge(&self, write_side: &WriteSide<T>) -> bool {
        let charge_point = self.charge_point.as_ref();
        charge_point
            .is_none_or(|charge_point| write_side.state.len() == 0 || charge_point.has_room(1))
    }

    /// Removes all corks: a writer that waits for what it has corked would wait for ever.
    pub(super) fn lift_corks<'a>(
        &'a self,
        mut write_side: MutexGuard<'a, WriteSide<T>>,
        sink: &impl RunInline<T>,
    ) -> MutexGuard<'a, WriteSide<T>> {
        if write_side.state.corked() == 0 {
            return write_side;
        }
        while write_side.state.corked() > 0 {
            write_side.state.uncork();
        }
        // What was held back becomes due here, and the reader has found nothing due when it was
        // written. Without this the writer would wait for its own chunks.
        self.wake_or_run(write_side, sink);
        // The wake has given up the lock; the wait that follows checks its condition from the
        // start.
        self.write_side()
    }

    /// Makes the error for a chunk that was not taken.
    #[cold]
    fn refuse<C>(&self, chunk: C, unmet: Unmet) -> WriteError<C> {
        match unmet {
            Unmet::Full => WriteError::Full(chunk),
            Unmet::TimedOut => WriteError::TimedOut(chunk),
            Unmet::Deadlock => WriteError::Deadlock(chunk),
            Unmet::NotWritable => match self.write_side().cause() {
                Some(cause) => WriteError::Closed(chunk, cause),
                None => WriteError::Ended(chunk),
            },
        }
    }

    /// Waits until a write would not wait.
    ///
    /// The wait ends with the drain, with the end of the stream, or at the deadline.
    pub(crate) fn wait_drain(&self, wait: Wait) -> Result<(), Error> {
        self.wait_drain_by(wait, &NoSink)
    }

    /// Does what [`wait_drain`](Self::wait_drain) does, and has `sink` run what corks held back.
    pub(crate) fn wait_drain_by(&self, wait: Wait, sink: &impl RunInline<T>) -> Result<(), Error> {
        match self.wait_for_room(self.write_side(), wait, sink) {
            Ok(_) => Ok(()),
            Err(unmet) => Err(self.refuse((), unmet).into()),
        }
    }

    /// Holds back what is written. Does nothing after the end: what is queued then goes out at
    /// once.
    pub(crate) fn cork(&self) {
        let mut write_side = self.write_side();
        if write_side.state.is_writable() {
            write_side.state.cork();
        }
    }

    pub(crate) fn uncork(&self) {
        let mut write_side = self.write_side();
        write_side.state.uncork();
        // The writes under the cork have woken a reader that found nothing due. Now it has to be
        // woken for them.
        if write_side.state.is_request_due() {
            self.wake_reader(write_side);
        }
    }

    /// What a chunk counts for.
    pub(crate) fn weigh(&self, chunk: &T) -> usize {
        self.strategy.weigh(chunk)
    }

    /// Waits until `deadline`, or until the stream takes no more. Returns whether it still takes
    /// some.
    ///
    /// It is a sleep that a cancel ends, and not a wait for room: it does not count as blocked. A
    /// cancel is not missed: the stream is checked under the lock that the wait gives up.
    pub(crate) fn sleep_until(&self, deadline: Instant) -> bool {
        let _waiting = Waiting::begin(For::Limit);
        let mut write_side = self.write_side();
        // In a loop: each drain wakes this thread too, on the condvar that all writers share.
        while write_side.state.is_writable() && Instant::now() < deadline {
            write_side.parked_writers += 1;
            self.drained.wait_until(&mut write_side, deadline);
            write_side.parked_writers -= 1;
        }
        write_side.state.is_writable()
    }
}
