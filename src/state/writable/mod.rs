//! The rules of the writing side.
//!
//! ```text
//!             end             all written        sink finished      sink released
//!   ┌──────┐ ─────▶ ┌────────┐ ─────────▶ ┌───────────┐ ─────▶ ┌──────────┐ ─────▶ ┌────────┐
//!   │ Open │        │ Ending │            │ Finishing │        │ Finished │        │ Closed │
//!   └──────┘        └────────┘            └───────────┘        └──────────┘        └────────┘
//!       │               │                       │                                      ▲
//!       └───────────────┴───────────┬───────────┘                                      │
//!           ┌───────────────────────┴──────────┐                                       │
//!           ▼ destroy with no error            ▼ fail, misuse, destroy with an error   │
//!     ┌───────────┐                       ┌────────┐                                   │
//!     │ Destroyed │                       │ Failed │                                   │
//!     └───────────┘                       └────────┘                                   │
//!           └──────────────────────────────────┴───────────────────────────────────────┘
//!                         the running request completed, sink released
//! ```

mod getters;

use super::batch::{Batch, Load, Weighed};
use super::{Event, Events, Marks, Misuse, Pressure};

/// How many chunks one request may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// One chunk a request: a Node sink with `write` and without `writev`.
    One,
    /// Everything that is queued: a Node sink with `writev`.
    All,
}

/// A request to the sink. One runs at a time, until it is completed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request that is not answered stops the stream"]
pub enum SinkRequest<T> {
    /// Write this batch, then [`complete`](WritableState::complete) or
    /// [`fail`](WritableState::fail).
    Write(Batch<T>),
    /// Nothing more will come: flush, then `complete` or `fail`.
    Final,
    /// Release the sink, then call [`released`](WritableState::released).
    Release,
}

/// A write that was not taken, with its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// `end` was called before.
    Ended(T),
    /// The stream was destroyed before.
    Destroyed(T),
}

/// How far the stream has come; drawn at the top of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Writes are taken.
    Open,
    /// `end` was called; what is queued is still being written.
    Ending,
    /// The sink was asked to finish.
    Finishing,
    /// The sink has finished and is to be released.
    Finished,
    /// Torn down before it was finished, without an error; the sink is released once no request
    /// runs.
    Destroyed,
    /// The same with an error, which is reported when the sink was released.
    Failed,
    /// The sink was released. Nothing follows.
    Closed,
}

/// The request that the sink is working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    /// Nothing.
    Nothing,
    /// A batch, of which this much is not yet known to be written.
    Write(Load),
    /// The order to finish.
    Final,
    /// The release.
    Release,
}

/// A stream's writing side: its queue, its marks and its whole life, with no thread.
///
/// A writer calls [`write`](Self::write), [`end`](Self::end) and [`destroy`](Self::destroy). A sink
/// asks for [`next_request`](Self::next_request) whenever no request runs, and completes it.
///
/// # Invariants
///
/// Between calls:
///
/// 1. What is in flight is part of [`len`](Self::len) until the sink has completed it.
/// 2. `need_drain` is set only while `len` has not fallen to the low-water mark since a write
///    was answered with [`Pressure::Reached`].
/// 3. The queue is empty once the stream is finishing, finished, destroyed or closed.
/// 4. `abandoned` is 0 unless the stream was destroyed while a request ran.
/// 5. A stream with an error is destroyed or closed, and a failed one has its error.
#[derive(Clone, Debug)]
pub struct WritableState<T, E> {
    phase: Phase,
    running: Running,
    /// Cork depth: nothing new is given to the sink while it is above 0.
    corked: usize,
    need_drain: bool,
    /// `end` was called, even after a destroy. Not to be read off the phase, which a destroy
    /// overwrites.
    ended: bool,
    finished: bool,
    queue: Batch<T>,
    /// An empty batch whose memory becomes the next queue.
    spare: Batch<T>,
    /// What was queued when the stream was destroyed. Node counts it until the running request
    /// is answered.
    abandoned: usize,
    errored: Option<E>,
    marks: Marks,
    batching: Batching,
    weigh: fn(&T) -> usize,
    /// A chunk that weighs nothing counts 1 against the marks.
    charges_weightless: bool,
}

impl<T, E: Clone + From<Misuse>> WritableState<T, E> {
    /// Makes an open stream. `weigh` returns what a chunk counts for against `marks`.
    #[must_use]
    pub const fn new(marks: Marks, weigh: fn(&T) -> usize, batching: Batching) -> Self {
        Self {
            phase: Phase::Open,
            running: Running::Nothing,
            corked: 0,
            need_drain: false,
            ended: false,
            finished: false,
            queue: Batch::new(),
            spare: Batch::new(),
            abandoned: 0,
            errored: None,
            marks,
            batching,
            weigh,
            charges_weightless: false,
        }
    }

    /// Counts 1 against the marks for a chunk that weighs nothing, so that a queue of those is
    /// bounded too. Node counts 0, and would queue them without end.
    #[must_use]
    pub const fn charging_weightless(mut self) -> Self {
        self.charges_weightless = true;
        self
    }

    /// Takes a chunk at any length: it is for the writer to heed the pressure.
    ///
    /// # Errors
    ///
    /// [`Refused::Ended`] after [`end`](Self::end), which destroys the stream with
    /// [`Misuse::WriteAfterEnd`], and drops what is queued, as Node does: a caller that does not
    /// want that asks [`is_ended`](Self::is_ended) first. [`Refused::Destroyed`] after a destroy.
    #[inline]
    pub fn write(&mut self, chunk: T) -> Result<Pressure, Refused<T>> {
        // Weighed before anything changes: a user's weigher may panic.
        let weight = (self.weigh)(&chunk);
        self.write_weighed(Weighed { chunk, weight })
    }

    /// Takes a chunk as [`write`](Self::write) does, by what it was found to weigh before.
    #[inline]
    pub(crate) fn write_weighed(&mut self, weighed: Weighed<T>) -> Result<Pressure, Refused<T>> {
        let Weighed { chunk, weight } = weighed;
        if self.phase != Phase::Open || self.ended {
            return Err(self.refuse(chunk));
        }
        self.queue.push(chunk, weight);
        let len = self.len();
        // Node's rule. A length of 0 can only be chunks that weigh nothing.
        let pressure = if len < self.marks.high || len == 0 {
            Pressure::Below
        } else {
            Pressure::Reached
        };
        self.need_drain |= pressure.reached();
        self.check();
        Ok(pressure)
    }

    #[cold]
    fn refuse(&mut self, chunk: T) -> Refused<T> {
        // In this order, as in Node: a stream that was ended and destroyed reports "ended".
        if !self.ended {
            return Refused::Destroyed(chunk);
        }
        if !self.is_destroyed() {
            self.tear_down(Some(Misuse::WriteAfterEnd.into()));
        }
        Refused::Ended(chunk)
    }

    /// Holds back what is written from now on, until as many [`uncork`](Self::uncork)s, or the end.
    pub const fn cork(&mut self) {
        self.corked += 1;
    }

    /// Takes one [`cork`](Self::cork) back. One too many does nothing.
    pub const fn uncork(&mut self) {
        self.corked = self.corked.saturating_sub(1);
    }

    /// Ends the stream: nothing more will be written. Takes all corks back. May be called again.
    pub fn end(&mut self) {
        self.corked = 0;
        if self.errored.is_none() {
            self.ended = true;
        }
        if self.phase == Phase::Open {
            self.phase = Phase::Ending;
            self.need_drain = false;
        }
        self.check();
    }

    /// Writes a last chunk, then ends.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); then the stream is not ended by this call.
    pub fn end_with(&mut self, chunk: T) -> Result<(), Refused<T>> {
        let written = self.write(chunk);
        self.corked = 0;
        // The pressure is of no use to one that has written its last chunk.
        let _ = written?;
        self.end();
        Ok(())
    }

    /// Gives the sink its next request, if none runs and one is due.
    pub fn next_request(&mut self) -> Option<SinkRequest<T>> {
        if !self.is_request_due() {
            return None;
        }
        match self.phase {
            Phase::Open | Phase::Ending if !self.queue.is_empty() => {
                let batch = self.take_batch();
                self.running = Running::Write(batch.load());
                self.check();
                Some(SinkRequest::Write(batch))
            }
            Phase::Ending => {
                self.phase = Phase::Finishing;
                self.running = Running::Final;
                Some(SinkRequest::Final)
            }
            Phase::Finished | Phase::Destroyed | Phase::Failed => {
                self.running = Running::Release;
                Some(SinkRequest::Release)
            }
            Phase::Open | Phase::Finishing | Phase::Closed => None,
        }
    }

    fn take_batch(&mut self) -> Batch<T> {
        match self.batching {
            Batching::All => std::mem::replace(&mut self.queue, std::mem::take(&mut self.spare)),
            Batching::One => {
                let mut batch = std::mem::take(&mut self.spare);
                if let Some(first) = self.queue.pop() {
                    batch.push(first.chunk, first.weight);
                }
                batch
            }
        }
    }

    /// Gives a batch back whose chunks are gone, so that its memory serves again.
    pub fn recycle(&mut self, mut batch: Batch<T>) {
        batch.drain();
        self.spare = batch;
    }

    /// Counts a part of the running batch as written, ahead of its completion: this much weight, or
    /// this much of its [load](Batch::load).
    ///
    /// Node has no such step: there a batch counts in full until it is done, and a writer would
    /// wait for the last byte of a batch although its first half has long left.
    pub fn progress(&mut self, part: impl Into<Load>) -> Events {
        if let Running::Write(left) = &mut self.running {
            *left -= part.into();
        }
        let events = self.drained();
        self.check();
        events
    }

    /// Completes the running request.
    pub fn complete(&mut self) -> Events {
        let was_running = std::mem::replace(&mut self.running, Running::Nothing);
        self.abandoned = 0;
        let events = match (was_running, self.phase) {
            (Running::Final, Phase::Finishing) => {
                self.phase = Phase::Finished;
                self.finished = true;
                Event::Finish.into()
            }
            (Running::Write(_), _) => self.drained(),
            (other, _) => {
                self.running = if other == Running::Release {
                    other
                } else {
                    Running::Nothing
                };
                Events::NONE
            }
        };
        self.check();
        events
    }

    /// Fails the running request. The stream is destroyed with that error, and what
    /// was queued comes back.
    #[must_use = "these chunks were taken and not written"]
    pub fn fail(&mut self, error: E) -> Batch<T> {
        let was_running = self.answered();
        if self.is_destroyed() {
            // Too late to be reported. Node keeps that of a write, if it is the first.
            if matches!(was_running, Running::Write(_)) {
                self.errored.get_or_insert(error);
            }
            return Batch::new();
        }
        let queued = self.tear_down(Some(error));
        self.check();
        queued
    }

    /// Tears the stream down at once and gives back what was queued. What the sink is writing
    /// stays with it. On a stream that is destroyed already it does nothing: the first cause stays.
    #[must_use = "these chunks were taken and not written"]
    pub fn destroy(&mut self, error: Option<E>) -> Batch<T> {
        if self.is_destroyed() {
            return Batch::new();
        }
        let queued = self.tear_down(error);
        self.check();
        queued
    }

    fn tear_down(&mut self, error: Option<E>) -> Batch<T> {
        self.phase = if error.is_some() {
            Phase::Failed
        } else {
            Phase::Destroyed
        };
        self.need_drain = false;
        self.errored = error;
        let queued = std::mem::take(&mut self.queue);
        self.abandoned = if self.running == Running::Nothing {
            0
        } else {
            self.measure(queued.load())
        };
        queued
    }

    /// Completes [`SinkRequest::Release`]: the sink was released.
    pub fn released(&mut self) -> Events {
        if self.running != Running::Release {
            return Events::NONE;
        }
        self.running = Running::Nothing;
        let told = self.phase == Phase::Failed;
        self.phase = Phase::Closed;
        let mut events = Events::from(Event::Close);
        if told {
            events.add(Event::Error);
        }
        self.check();
        events
    }

    /// Takes the running request back from the sink, except for the release, which has its own
    /// completion.
    fn answered(&mut self) -> Running {
        let was_running = self.running;
        if was_running != Running::Release {
            self.running = Running::Nothing;
            self.abandoned = 0;
        }
        was_running
    }

    fn drained(&mut self) -> Events {
        // Only at the low mark and not just below the high one: waking a writer for each chunk
        // would make it and the sink take turns, a chunk at a time.
        if self.need_drain && self.len() <= self.marks.low {
            self.need_drain = false;
            return Event::Drain.into();
        }
        Events::NONE
    }

    fn check(&self) {
        debug_assert!(
            !self.need_drain || self.phase == Phase::Open,
            "invariant 2: drain is past"
        );
        debug_assert!(!self.need_drain || self.len() > self.marks.low || self.marks.high == 0);
        debug_assert!(
            matches!(self.phase, Phase::Open | Phase::Ending) || self.queue.is_empty(),
            "invariant 3: {:?} with a queue",
            self.phase
        );
        debug_assert!(
            self.abandoned == 0
                || (self.is_destroyed() && !self.finished && self.running != Running::Nothing),
            "invariant 4: {} abandoned in {:?}",
            self.abandoned,
            self.phase
        );
        debug_assert!(self.errored.is_none() || self.is_destroyed(), "invariant 5");
        debug_assert!(
            self.errored.is_some() || self.phase != Phase::Failed,
            "invariant 5"
        );
    }
}
