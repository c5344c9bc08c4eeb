//! The calls of a channel's reader.
//!
//! - Owns: the batch in flight, in [`ReadSide`], under its own lock.
//! - Lock order: the read side before the write side. After a wait the write side's lock is held
//!   already, so the read side is only tried.
//! - May block: `next` and `read`, in `wait_filled`, without the read side's lock; `rest_until`.
//! - Invariant: what was returned to the reader is reported to the write side once, as progress.

use std::time::{Duration, Instant};

use super::{Channel, READER_PAUSES, ReadSide, Reader, Unmet, Wait, WriteSide};
use crate::error::{Error, ErrorKind};
use crate::state::batch::{Batch, Divide, Load};
use crate::state::{Event, Events, OutOfRange, SinkRequest};
use crate::threads::sync::{MutexGuard, TryMutexGuard};
use crate::threads::waits::{For, Waiting};

impl<T> Channel<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or at the deadline.
    #[inline]
    pub(crate) fn next(&self, wait: Wait) -> Result<Option<T>, Error> {
        let mut read_side = self.read_side();
        match read_side.pop() {
            Some(chunk) => {
                self.hand_over(read_side);
                Ok(Some(chunk))
            }
            // In a type of its own, and not in what is returned: where both are written to one
            // place in memory, a buffered chunk goes through it too, and a read costs 6 ns more.
            None => self.next_batch(read_side, wait).transpose(),
        }
    }

    fn next_batch<'a>(
        &'a self,
        mut read_side: TryMutexGuard<'a, ReadSide<T>>,
        wait: Wait,
    ) -> Option<Result<T, Error>> {
        // Each round returns, or waits in `fill`. What is due there is a chunk or an end, or is
        // taken by a teardown on another thread: the next round returns it.
        loop {
            if let Some(outcome) = read_side.outcome() {
                // `spread` calls other streams, which may tear down this one: that takes this lock.
                drop(read_side);
                return self.announce(outcome).err().map(Err);
            }
            // A read of the empty state is what makes it ask for more.
            let _ = read_side.state.next();
            let first = self.fill(read_side, wait, ReadSide::pop);
            if let Some(first) = first.transpose() {
                return Some(first);
            }
            read_side = self.read_side();
            if let Some(chunk) = read_side.pop() {
                self.hand_over(read_side);
                return Some(Ok(chunk));
            }
        }
    }

    /// Returns how the stream has ended. What is downstream is aborted first: the caller may act on
    /// the error at once.
    fn announce(&self, outcome: Result<(), Error>) -> Result<(), Error> {
        if outcome.is_err() {
            self.spread();
        }
        outcome
    }

    /// Takes what is due, or waits until something is. `first` then runs under the same hold of the
    /// read side's lock, before what it takes is reported.
    fn fill(
        &self,
        read_side: TryMutexGuard<'_, ReadSide<T>>,
        wait: Wait,
        first: impl FnOnce(&mut ReadSide<T>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut write_side;
        if self.filled_flag.is_up() {
            write_side = self.write_side();
            if write_side.is_filled() && !write_side.recheck {
                return Ok(self.turn(read_side, write_side, first));
            }
            // A wait must not hold the read side's lock: a destroy needs it.
            drop(read_side);
        } else {
            // Nothing was there at the last check: spin before taking the writer's lock, which the
            // writer needs to add something.
            drop(read_side);
            // At a mark of 0 nothing comes before `wait_filled` has marked the reader as waiting.
            let spins = !matches!(wait, Wait::No) && !self.is_rendezvous;
            let waited = if spins {
                self.filled_flag.spin(READER_PAUSES)
            } else {
                Duration::ZERO
            };
            write_side = self.write_side();
            write_side.starved(waited);
        }
        if !write_side.is_filled() {
            write_side = match self.wait_filled(write_side, wait) {
                Ok(write_side) => write_side,
                Err(Unmet::Full) => {
                    return Err(Error::new(ErrorKind::WouldBlock, "no chunk is buffered"));
                }
                Err(unmet) => return Err(unmet.into_error("a chunk")),
            };
        }
        // Cleared under the hold that finds it: one `recheck` ends one wait.
        if std::mem::take(&mut write_side.recheck) {
            return Err(Error::new(ErrorKind::WouldBlock, "no chunk is buffered"));
        }
        // Against the lock order, so it is only tried: a destroy takes the read side first, and may
        // hold it while it waits for the write side. Then the caller goes round again; this guard
        // is dropped by the return, so the destroy goes on.
        match self.read_side.0.try_lock() {
            Some(read_side) => Ok(self.turn(read_side, write_side, first)),
            None => Ok(None),
        }
    }

    /// Waits until `deadline`, or until the stream is torn down or used up: the sleep of a reader
    /// whose rate is limited. A cancel is not missed: `Resting` is set under the lock that the wait
    /// gives up, and `wake_reader` reads it under that lock.
    pub(crate) fn rest_until(&self, deadline: Instant) {
        let _waiting = Waiting::begin(For::Limit);
        let mut write_side = self.write_side();
        // Not `is_filled`: chunks that come do not shorten the rest, though they may wake this
        // thread.
        while !write_side.state.is_closed() && !write_side.recheck && Instant::now() < deadline {
            write_side.reader = Reader::Resting;
            self.filled.wait_until(&mut write_side, deadline);
            write_side.reader = Reader::Away;
        }
    }

    /// Reports what the reader has taken, when that is worth the lock, and takes the next batch
    /// when this one is used up.
    #[inline]
    fn hand_over(&self, mut read_side: TryMutexGuard<'_, ReadSide<T>>) {
        if read_side.is_used_up() || read_side.unsettled.charge() >= read_side.report_at {
            let mut write_side = self.write_side();
            // Settled first: while the old request runs, the state gives out no new one to pull.
            let drained = Self::settle_front(&mut read_side, &mut write_side);
            let closed = self.pull(&mut read_side, &mut write_side);
            self.unlock(read_side, write_side, drained, closed);
        }
    }

    /// Takes what is due into the read side.
    fn turn(
        &self,
        mut read_side: TryMutexGuard<'_, ReadSide<T>>,
        mut write_side: MutexGuard<'_, WriteSide<T>>,
        first: impl FnOnce(&mut ReadSide<T>) -> Option<T>,
    ) -> Option<T> {
        let closed = self.pull(&mut read_side, &mut write_side);
        // Taken before the report. A batch of one chunk is completed with it; otherwise a writer at
        // a mark of 1 would wait until the reader comes back.
        let first = first(&mut read_side);
        let drained = Self::settle_front(&mut read_side, &mut write_side);
        self.unlock(read_side, write_side, drained, closed);
        first
    }

    /// Reports to the write side what the reader has taken. Returns whether that has drained it.
    fn settle_front(read_side: &mut ReadSide<T>, write_side: &mut WriteSide<T>) -> bool {
        let unsettled = std::mem::take(&mut read_side.unsettled);
        let events = if read_side.is_used_up() {
            // Completed, and not only reported: as long as the request runs, what is queued behind
            // it is never given out.
            read_side.in_flight = false;
            write_side.complete()
        } else if unsettled != Load::NONE {
            write_side.progress(unsettled)
        } else {
            Events::NONE
        };
        // Anew at each report: since the last one a writer may have begun to wait for a drain.
        read_side.report_at = write_side.report_at();
        events.contains(Event::Drain)
    }

    fn unlock(
        &self,
        read_side: TryMutexGuard<'_, ReadSide<T>>,
        write_side: MutexGuard<'_, WriteSide<T>>,
        drained: bool,
        closed: bool,
    ) {
        // Before the wake: a thread that is woken may tear the stream down, which begins with this
        // lock.
        drop(read_side);
        if closed {
            // The reader has taken the end, and `wait_closed` waits for that.
            self.wake_all(write_side);
        } else if drained || write_side.flushing > 0 {
            // A drain is an event at the low mark, and there is one. A flush and a budget wait for
            // less, which shows only in `flushing`.
            self.wake_writers(write_side);
        }
    }

    /// Moves what is queued from the write side to the read side. Returns whether that was the end.
    fn pull(&self, read_side: &mut ReadSide<T>, write_side: &mut WriteSide<T>) -> bool {
        if !read_side.wants_more() {
            return false;
        }
        match write_side.take() {
            Some(SinkRequest::Write(mut batch)) => {
                // Under the lock: a write after this raises it again.
                self.filled_flag.lower();
                read_side.put(&mut batch);
                write_side.state.recycle(batch);
                read_side.report_at = write_side.report_at();
                false
            }
            Some(SinkRequest::Final) => {
                read_side.put_end();
                let _ = write_side.complete();
                write_side.release();
                true
            }
            Some(SinkRequest::Release) => {
                read_side.put_failure(write_side.state.errored().cloned());
                write_side.release();
                true
            }
            None => false,
        }
    }

    /// Puts a chunk back, to be the next one that is read. Does not wait.
    pub(crate) fn unshift(&self, chunk: T) -> Result<(), T> {
        self.read_side().unshift(chunk)
    }

    /// Makes writers wait, even if there is room, until [`resume`](Self::resume).
    pub(crate) fn pause(&self) {
        self.write_side().paused = true;
    }

    pub(crate) fn resume(&self) {
        let mut write_side = self.write_side();
        write_side.paused = false;
        // They wait although there is room, so no read would wake them.
        self.wake_writers(write_side);
    }
}

/// How much a read takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReadAmount {
    /// This much, or what is left before the end.
    Exactly(usize),
    /// All that is buffered, once it is this much, or what is left before the end.
    AtLeast(usize),
}

impl<T: Divide> Channel<T> {
    /// Takes some amount, cut out of the chunks and across them. `None` is the end. Chunks that
    /// weigh nothing are passed over: between units there are none.
    ///
    /// The wait ends when that much is there, with the end of the stream, or at the deadline.
    pub(crate) fn read(&self, amount: ReadAmount, wait: Wait) -> Result<Option<Batch<T>>, Error> {
        let (ReadAmount::Exactly(wanted) | ReadAmount::AtLeast(wanted)) = amount;
        loop {
            let mut read_side = self.read_side();
            let out_of_range =
                |range: OutOfRange| Error::new(ErrorKind::LimitExceeded, range.to_string());
            let there = read_side.what_there_is_of(wanted);
            let (taken, _) = read_side.state.read(Some(there)).map_err(out_of_range)?;
            if let Some(mut taken) = taken {
                let rest = read_side.state.load().weight;
                if let ReadAmount::AtLeast(_) = amount {
                    if rest > 0 {
                        if let Ok((Some(mut rest), _)) = read_side.state.read(Some(rest)) {
                            taken.append(&mut rest);
                        }
                    }
                }
                read_side.took(taken.load());
                // Less was all of the stream, and the weightless chunks after it are part of it.
                let is_last = taken.weight() < wanted;
                let passed_over = is_last.then(|| read_side.pass_over_weightless());
                self.hand_over(read_side);
                drop(passed_over);
                return Ok(Some(taken));
            }
            // Those that are here come before what this read waits for. Their drop is a user's code,
            // which may call this stream, so it runs without the lock.
            let passed_over = read_side.pass_over_weightless();
            if !passed_over.is_empty() {
                drop(read_side);
                drop(passed_over);
                continue;
            }
            if let Some(outcome) = read_side.outcome() {
                drop(read_side);
                return self.announce(outcome).map(|()| None);
            }
            // What is here belongs to this read. While it counted against the mark, a writer
            // would wait for it to be taken, and this reader for the writer.
            if read_side.in_flight {
                let mut write_side = self.write_side();
                read_side.claim();
                let _ = write_side.complete();
                // Whatever the events are: room is one of the things that writers wait for here.
                // This thread waits next, so without the wake both would.
                self.wake_writers(write_side);
            }
            self.fill(read_side, wait, |_| None)?;
        }
    }
}
