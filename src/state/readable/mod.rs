//! The rules of the reading side.
//!
//! ```text
//!             push_end          end was read        source released
//!   ┌──────┐ ─────────▶ ┌──────┐ ─────────▶ ┌──────┐ ─────────▶ ┌────────┐
//!   │ Open │            │ Last │            │ Ended │           │ Closed │
//!   └──────┘            └──────┘            └──────┘            └────────┘
//!       │                   │                                       ▲
//!       └─────────┬─────────┘                                       │
//!        destroy  ▼                                                 │
//!          ┌───────────┐   the running pull completed,              │
//!          │ Destroyed │ ───────────────────────────────────────────┘
//!          └───────────┘   source released
//! ```

mod getters;

use std::error::Error;
use std::fmt;

use super::batch::{Batch, Divide, Load, Weighed};
use super::{Event, Events, Marks, Misuse, Pressure};

/// The largest read that may lift the high-water mark: 1 GiB, as in Node.
pub const READ_MAX: usize = 1 << 30;

/// What a read of `n` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// `n` units, cut out of the chunks and joined across them: Node's byte streams.
    Bytes,
    /// One chunk, for any `n`: Node's object mode.
    Items,
}

/// What the source is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pull that is not answered stops the stream"]
pub enum Pull {
    /// Get more, then [`push`](ReadableState::push) or [`push_end`](ReadableState::push_end).
    More,
    /// Release the source, then call [`released`](ReadableState::released).
    Release,
}

/// A read of more than [`READ_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// How much was asked for.
    pub wanted: usize,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read of {} is more than {READ_MAX}", self.wanted)
    }
}

impl Error for OutOfRange {}

/// How far the stream has come; drawn at the top of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The source may have more.
    Open,
    /// The source has ended; what is buffered is still to be read.
    Last,
    /// The end was read; the source is to be released.
    Ended,
    /// Torn down before the end was read; the source is released once no pull runs.
    Destroyed,
    /// The source was released. Nothing follows.
    Closed,
}

/// The pull that the source is working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    Nothing,
    Pull,
    Release,
}

/// A stream's reading side: its buffer, its marks and its whole life, with no thread.
///
/// A reader calls [`next`](Self::next), [`read`](Self::read) and [`unshift`](Self::unshift). A
/// source asks for [`next_pull`](Self::next_pull) whenever no pull runs, and completes it.
///
/// # Invariants
///
/// Between calls:
///
/// 1. A pull is wanted only while the stream is open.
/// 2. The buffer is empty once the end was read.
/// 3. `full` is set only while the length has not fallen to `low` since it reached `high`, and no
///    read has asked for more than there is. With `low > 0` no pull is wanted until then.
#[derive(Clone, Debug)]
pub struct ReadableState<T, E> {
    phase: Phase,
    running: Running,
    /// A pull is due as soon as none runs.
    wanted: bool,
    /// The high-water mark was reached, and the low one not yet again.
    full: bool,
    buffer: Batch<T>,
    /// Raised by a read of more than it.
    high: usize,
    low: usize,
    /// The source has ended, even if the stream is destroyed by now.
    source_ended: bool,
    /// The end was read, even if the stream is closed by now.
    end_read: bool,
    errored: Option<E>,
    reads: Reads,
    weigh: fn(&T) -> usize,
    /// A chunk that weighs nothing is kept, and counts 1 against the marks.
    keeps_weightless: bool,
}

impl<T, E: Clone + From<Misuse>> ReadableState<T, E> {
    /// Makes an open stream with nothing in it. `weigh` returns what a chunk counts for.
    #[must_use]
    pub const fn new(marks: Marks, weigh: fn(&T) -> usize, reads: Reads) -> Self {
        Self {
            phase: Phase::Open,
            running: Running::Nothing,
            wanted: false,
            full: false,
            buffer: Batch::new(),
            high: marks.high,
            low: marks.low,
            source_ended: false,
            end_read: false,
            errored: None,
            reads,
            weigh,
            keeps_weightless: false,
        }
    }

    /// Keeps a chunk that weighs nothing also in [`Reads::Bytes`], and counts 1 for it against the
    /// marks. Node drops it there, and counts 0 elsewhere.
    #[must_use]
    pub const fn keeping_weightless(mut self) -> Self {
        self.keeps_weightless = true;
        self
    }

    /// Gives the source its next pull, if none runs and one is due.
    pub fn next_pull(&mut self) -> Option<Pull> {
        if self.running != Running::Nothing {
            return None;
        }
        match self.phase {
            Phase::Open if self.wanted => {
                self.wanted = false;
                self.running = Running::Pull;
                Some(Pull::More)
            }
            Phase::Ended | Phase::Destroyed => {
                self.running = Running::Release;
                Some(Pull::Release)
            }
            _ => None,
        }
    }

    /// Completes a pull with a chunk. Nothing is refused without room.
    ///
    /// A chunk that weighs nothing means "nothing yet" in [`Reads::Bytes`], unless such are
    /// [kept](Self::keeping_weightless).
    ///
    /// # Errors
    ///
    /// The chunk, if the stream was destroyed or the source has ended; the latter destroys the
    /// stream with [`Misuse::PushAfterEnd`], as in Node.
    pub fn push(&mut self, chunk: T) -> Result<Pressure, T> {
        let weight = (self.weigh)(&chunk);
        let mut batch = Batch::new();
        batch.push(chunk, weight);
        let pressure = self.push_batch(&mut batch);
        match batch.pop() {
            Some(refused) => Err(refused.chunk),
            None => Ok(pressure),
        }
    }

    /// Completes a pull with several chunks, and leaves `batch` empty, or as it is if they are
    /// refused as in [`push`](Self::push).
    pub fn push_batch(&mut self, batch: &mut Batch<T>) -> Pressure {
        self.answered();
        if self.is_nothing(batch.weight()) {
            batch.drain();
        }
        match self.phase {
            _ if batch.is_empty() => {
                self.refill();
                self.pressure()
            }
            Phase::Open => {
                if self.reads == Reads::Bytes && !self.keeps_weightless {
                    drop(batch.take_weightless());
                }
                self.buffer.append(batch);
                self.refill();
                self.check();
                self.pressure()
            }
            Phase::Last => {
                self.tear_down(Some(Misuse::PushAfterEnd.into()));
                Pressure::Reached
            }
            Phase::Ended | Phase::Destroyed | Phase::Closed => Pressure::Reached,
        }
    }

    /// Completes a pull with the end: what is buffered is the last.
    pub fn push_end(&mut self) {
        self.answered();
        self.source_ended = true;
        if self.phase == Phase::Open {
            self.phase = Phase::Last;
            self.wanted = false;
        }
        self.check();
    }

    /// Puts a chunk back at the front, also past the mark and after the source has ended.
    ///
    /// # Errors
    ///
    /// The chunk, if the stream was destroyed or its end was read.
    pub fn unshift(&mut self, chunk: T) -> Result<Pressure, T> {
        let weight = (self.weigh)(&chunk);
        if self.is_nothing(weight) {
            return Ok(self.pressure());
        }
        if self.is_destroyed() {
            return Err(chunk);
        }
        self.buffer.push_front(chunk, weight);
        self.refill();
        self.check();
        Ok(self.pressure())
    }

    /// Takes the oldest chunk as it was pushed, and asks the source for more below the mark.
    ///
    /// The end is read by a call that finds nothing, so that the last chunk can be put back.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not tell of the end"
    )]
    pub fn next(&mut self) -> (Option<Weighed<T>>, Events) {
        let first = self.buffer.first_weight();
        self.ask(first.map_or(0, |weight| self.measure(Load::of(weight))));
        let taken = self.buffer.pop();
        let events = self.after_read(taken.is_none());
        (taken, events)
    }

    /// Tears the stream down at once. What is buffered can still be taken. On a stream that is
    /// destroyed already it does nothing: the first cause stays.
    pub fn destroy(&mut self, error: Option<E>) {
        if !self.is_destroyed() {
            self.tear_down(error);
        }
        self.check();
    }

    /// Completes [`Pull::Release`]: the source was released.
    pub fn released(&mut self) -> Events {
        if self.running != Running::Release {
            return Events::NONE;
        }
        self.running = Running::Nothing;
        let told = self.phase == Phase::Destroyed && self.errored.is_some();
        self.phase = Phase::Closed;
        let mut events = Events::from(Event::Close);
        if told {
            events.add(Event::Error);
        }
        events
    }

    /// Takes everything that is buffered, in any phase of the stream.
    #[must_use = "these chunks were not read"]
    pub fn take_buffer(&mut self) -> Batch<T> {
        self.full = false;
        std::mem::take(&mut self.buffer)
    }

    fn tear_down(&mut self, error: Option<E>) {
        self.phase = Phase::Destroyed;
        self.wanted = false;
        self.errored = error;
    }

    fn answered(&mut self) {
        if self.running == Running::Pull {
            self.running = Running::Nothing;
        }
    }

    /// Bytes that weigh nothing are no chunk: Node passes them over before it checks anything else.
    fn is_nothing(&self, weight: usize) -> bool {
        weight == 0 && self.reads == Reads::Bytes && !self.keeps_weightless
    }

    /// Takes out what is buffered and weighs nothing: one that reads by the byte passes over it.
    pub(crate) fn pass_over_weightless(&mut self) -> Batch<T> {
        let passed_over = self.buffer.take_weightless();
        self.full &= self.len() > self.low;
        self.check();
        passed_over
    }

    fn pressure(&self) -> Pressure {
        let len = self.len();
        if !self.source_ended && (len < self.high || len == 0) {
            Pressure::Below
        } else {
            Pressure::Reached
        }
    }

    /// Asks for more below the mark, after something was put in.
    fn refill(&mut self) {
        let len = self.len();
        // A mark of 0 is not reached by what weighs nothing.
        let reached = len >= self.high.max(1);
        self.full = reached || (self.full && len > self.low);
        if reached {
            // What was wanted has come unasked, or was put back, before the source took the order.
            self.wanted = false;
        } else if len < self.high && self.may_pull() {
            self.wanted = true;
        }
    }

    /// Asks for more ahead of a read of `taking`, if that leaves less than the mark.
    #[inline]
    fn ask(&mut self, taking: usize) {
        let len = self.len();
        let left = len - taking;
        self.full &= left > self.low;
        if (len == 0 || left < self.high) && self.may_pull() {
            self.wanted = true;
        }
    }

    fn may_pull(&self) -> bool {
        let paused = self.full && self.low > 0;
        self.phase == Phase::Open && self.running == Running::Nothing && !paused
    }

    /// Settles what a read leaves behind. `wanted_more`: the read asked for more than it
    /// got, or for all there is, so that an empty buffer behind the last chunk is the end.
    #[inline]
    fn after_read(&mut self, wanted_more: bool) -> Events {
        if wanted_more && self.phase == Phase::Last && self.buffer.is_empty() {
            self.phase = Phase::Ended;
            self.end_read = true;
            self.check();
            return Event::End.into();
        }
        Events::NONE
    }

    fn check(&self) {
        debug_assert!(!self.wanted || self.phase == Phase::Open, "invariant 1");
        debug_assert!(
            self.phase != Phase::Ended || self.buffer.is_empty(),
            "invariant 2"
        );
        debug_assert!(!self.full || self.len() > self.low, "invariant 3");
    }
}

impl<T: Divide, E: Clone + From<Misuse>> ReadableState<T, E> {
    /// Takes exactly `n`, or what is left if the source has ended; all there is, without `n`.
    ///
    /// `None` if there is less than that. A read of more than the high-water mark raises it to
    /// the next power of two, so that the source is asked until there is enough.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if `n` is above the mark and above [`READ_MAX`].
    pub fn read(&mut self, n: Option<usize>) -> Result<(Option<Batch<T>>, Events), OutOfRange> {
        self.lift(n)?;
        let take = self.how_much(n);
        if take == 0 && self.source_ended {
            return Ok((None, self.after_read(true)));
        }
        if take == 0 {
            // A reader that waits for more than there is must not wait for the low mark too: no
            // thread would ever take what is above it.
            self.full &= n == Some(0);
            self.ask(0);
            return Ok((None, Events::NONE));
        }
        self.ask(match self.reads {
            Reads::Bytes => take,
            Reads::Items => self.buffer.first_weight().unwrap_or(0),
        });
        let mut taken = Batch::new();
        match self.reads {
            Reads::Bytes => self.buffer.split_into(take, &mut taken),
            Reads::Items => {
                if let Some(first) = self.buffer.pop() {
                    taken.push(first.chunk, first.weight);
                }
            }
        }
        // Chunks that weigh nothing may have gone along.
        self.full &= self.len() > self.low;
        let events = self.after_read(n != Some(take));
        Ok((Some(taken), events))
    }

    fn lift(&mut self, n: Option<usize>) -> Result<(), OutOfRange> {
        let Some(wanted) = n.filter(|n| *n > self.high) else {
            return Ok(());
        };
        if wanted > READ_MAX {
            return Err(OutOfRange { wanted });
        }
        self.high = wanted.next_power_of_two();
        Ok(())
    }

    /// How much a read of `n` gets now: Node's `howMuchToRead`.
    fn how_much(&self, n: Option<usize>) -> usize {
        let len = self.buffer.weight();
        match (self.reads, n) {
            (_, Some(0)) => 0,
            (Reads::Items, _) => usize::from(!self.buffer.is_empty()),
            (Reads::Bytes, None) => len,
            (Reads::Bytes, Some(n)) if n <= len => n,
            (Reads::Bytes, Some(_)) if self.source_ended => len,
            (Reads::Bytes, Some(_)) => 0,
        }
    }
}
