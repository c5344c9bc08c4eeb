//! The rules of a fan-out: one queue, which many branches read, each from a place of its own.
//!
//! ```text
//!             end, fail           every branch has read everything
//!   ┌──────┐ ──────────▶ ┌────────┐ ──────────▶ ┌──────────┐
//!   │ Open │             │ Ending │             │ Finished │
//!   └──────┘             └────────┘             └──────────┘
//!       └──────────┬──────────┘
//!                  ▼ destroy, or the last branch goes before it has read everything
//!            ┌───────────┐
//!            │ Destroyed │
//!            └───────────┘
//!
//!           next             taken           read            first
//!            ▼                 ▼               ▼               ▼
//!   write ─▶ │ queued, to take │ held by it    │ read          │ ─▶ dropped
//!            └──────────── lag of a branch ────┘
//! ```
//!
//! A chunk is dropped when every branch has taken it; the last one to take it is not given a copy,
//! but the chunk itself.

mod branch;
mod ends;
mod getters;
mod policy;
mod reading;

use std::collections::VecDeque;

use super::batch::{Batch, Load, Weighed};
use super::{Event, Events, Marks, Pressure, Refused};

use branch::{BranchState, Room};
pub use policy::{BranchPolicy, Cut, Dropped};

/// Which branch of a fan-out is meant. It is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(u64);

/// What a branch gets when it asks for more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a branch that is gone is to be told"]
pub enum Answer<E> {
    /// Chunks, which are in the batch.
    Chunks,
    /// Nothing yet.
    Nothing,
    /// Nothing more: it has read everything there was.
    End,
    /// Nothing more, and this is why.
    Gone(E),
}

/// How far the fan-out has come; drawn at the top of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Writes are taken.
    Open,
    /// Nothing more is written; some branch has still to read.
    Ending,
    /// Every branch has read everything.
    Finished,
    /// Torn down, with an error.
    Destroyed,
}

/// A writer's queue, its branches and its whole life, with no thread.
///
/// A writer calls [`write`](Self::write), [`end`](Self::end) and [`destroy`](Self::destroy). A
/// branch [`take`](Self::take)s whenever it holds nothing, and
/// [`settle`](Self::settle)s what it has read of that.
///
/// # Invariants
///
/// Between calls:
///
/// 1. No branch has read more than it has taken, nor taken what was not written.
/// 2. The queue begins with what the branch that has taken least takes next: it is empty if all
///    have taken everything, or if there is no branch.
/// 3. A drain is needed only while the fan-out is open, and some branch that paces has more than
///    `low` to read.
/// 4. A branch that does not pace holds nothing, and more than its cap to read only if that
///    is one chunk.
/// 5. A destroyed fan-out has its error, and no other has one. Its queue is empty, and so is that
///    of a finished one.
#[derive(Clone, Debug)]
pub struct FanoutState<T, E> {
    phase: Phase,
    branches: Vec<BranchState<T>>,
    /// Branches that were cut off, until they leave.
    cut: Vec<(BranchId, E)>,
    queue: VecDeque<Weighed<T>>,
    /// The number of the oldest chunk in the queue; chunks are numbered as they are written.
    first: u64,
    /// What was ever written, as it counts against the marks. It wraps: only distances count.
    written: u64,
    need_drain: bool,
    ended: bool,
    /// Goes on when the last branch has gone.
    keeps_open: bool,
    /// A branch has read everything there was, up to the end.
    complete: bool,
    /// The error that travels behind the data.
    failure: Option<E>,
    errored: Option<E>,
    /// Chunks that no branch will read, until the caller takes them: their `Drop` is user code.
    let_go: Batch<T>,
    next_id: u64,
    marks: Marks,
    unit: &'static str,
}

impl<T, E: Clone + From<Cut>> FanoutState<T, E> {
    /// Makes an open fan-out with no branch. `unit` is what one of the marks' unit is called in an
    /// error: "byte".
    #[must_use]
    pub const fn new(marks: Marks, unit: &'static str) -> Self {
        Self {
            phase: Phase::Open,
            branches: Vec::new(),
            cut: Vec::new(),
            queue: VecDeque::new(),
            first: 0,
            written: 0,
            need_drain: false,
            ended: false,
            keeps_open: false,
            complete: false,
            failure: None,
            errored: None,
            let_go: Batch::new(),
            next_id: 0,
            marks,
            unit,
        }
    }

    /// Goes on when the last branch has gone, and drops what is written meanwhile.
    pub const fn keep_open(&mut self) {
        self.keeps_open = true;
    }

    /// Adds a branch, which gets what is written from now on.
    pub fn subscribe(&mut self, policy: BranchPolicy) -> BranchId {
        let id = BranchId(self.next_id);
        self.next_id += 1;
        self.branches
            .push(BranchState::new(id, policy, self.place()));
        self.check();
        id
    }

    /// Takes a chunk of that weight at any length: it is for the writer to heed the
    /// pressure. Branches with a cap are held to it now. One that weighs nothing counts 1 against
    /// marks and caps.
    ///
    /// # Errors
    ///
    /// [`Refused::Ended`] after [`end`](Self::end). [`Refused::Destroyed`] after a destroy, or if
    /// this very chunk was too much for the last branch there was.
    pub fn write(&mut self, chunk: T, weight: usize) -> Result<Pressure, Refused<T>>
    where
        T: Clone,
    {
        if self.phase == Phase::Destroyed {
            return Err(Refused::Destroyed(chunk));
        }
        if self.ended {
            return Err(Refused::Ended(chunk));
        }
        // So that no length overflows, for any result of a user's weigher.
        let weight = weight.min((usize::MAX / 2).saturating_sub(self.held()));
        let is_wanted = self.make_room(weight);
        if self.phase == Phase::Destroyed {
            return Err(Refused::Destroyed(chunk));
        }
        if is_wanted {
            self.queue.push_back(Weighed { chunk, weight });
            let charge = Load::of(weight).charge();
            self.written = self.written.wrapping_add(charge as u64);
        } else {
            self.let_go.push(chunk, weight);
        }
        let place = self.place();
        for branch in &mut self.branches {
            branch.is_waiting = false;
            if std::mem::take(&mut branch.skips) {
                branch.move_to(place);
                branch.dropped.add(weight);
            }
        }
        self.trim();
        let pressure = self.pressure();
        self.need_drain |= pressure.reached() && self.len() > self.marks.low;
        self.check();
        Ok(pressure)
    }

    /// Holds every branch to its cap, ahead of a chunk. Returns whether any branch takes that.
    fn make_room(&mut self, weight: usize) -> bool
    where
        T: Clone,
    {
        let written = self.place();
        let mut is_wanted = false;
        let mut index = 0;
        while let Some(branch) = self.branches.get(index) {
            match branch.room_for(weight, written) {
                Room::Yes => is_wanted = true,
                Room::Ended => {}
                Room::DropOldest(cap) => {
                    self.drop_oldest(index, cap, weight);
                    is_wanted = true;
                }
                Room::Skip => {
                    self.set_aside(index);
                    self.branches[index].skips = true;
                }
                Room::Cut(limit) => {
                    let cut = Cut::Behind {
                        limit,
                        offset: branch.offset,
                        unit: self.unit,
                    };
                    self.cut(index, cut);
                    continue;
                }
            }
            index += 1;
        }
        is_wanted
    }

    /// Passes over the oldest chunks that a branch has to read, until one of `weight` fits.
    fn drop_oldest(&mut self, index: usize, cap: usize, weight: usize) {
        let written = self.place();
        let branch = &mut self.branches[index];
        while branch.is_over(cap, weight, written) {
            let at = (branch.taken - self.first) as usize;
            let Some(oldest) = self.queue.get(at) else {
                break;
            };
            branch.pass_over(oldest.weight);
        }
        self.trim();
    }

    /// Moves what a branch has to read out of the queue, which would otherwise begin with that for
    /// as long as the branch does not read, and keep everything that is written after it.
    fn set_aside(&mut self, index: usize)
    where
        T: Clone,
    {
        let place = self.place();
        let branch = &mut self.branches[index];
        let from = (branch.taken - self.first) as usize;
        // Before anything changes: a `clone` may panic.
        let copies: Vec<Weighed<T>> = self.queue.range(from..).cloned().collect();
        for Weighed { chunk, weight } in copies {
            branch.aside.push(chunk, weight);
        }
        branch.move_to(place);
        self.trim();
    }

    /// Settles what follows when a branch has read, or gone.
    fn settled(&mut self) -> Events {
        let mut events = Events::NONE;
        if self.need_drain && self.len() <= self.marks.low {
            self.need_drain = false;
            events.add(Event::Drain);
        }
        match self.phase {
            Phase::Ending if self.is_read() => {
                self.phase = Phase::Finished;
                events.add(Event::Finish);
            }
            Phase::Destroyed => events.add(Event::Close),
            Phase::Open if self.marks.high == 0 && self.admits() => events.add(Event::Drain),
            _ => {}
        }
        events
    }

    fn is_read(&self) -> bool {
        let written = self.place();
        self.branches.iter().all(|branch| branch.is_done(written))
    }

    /// Drops what every branch has taken.
    fn trim(&mut self) {
        let wanted_from = self.branches.iter().map(BranchState::wants).min();
        let wanted_from = wanted_from.unwrap_or(u64::MAX);
        while self.first < wanted_from {
            let Some(Weighed { chunk, weight }) = self.queue.pop_front() else {
                break;
            };
            self.first += 1;
            self.let_go.push(chunk, weight);
        }
    }

    fn check(&self) {
        let next = self.next_number();
        for branch in &self.branches {
            debug_assert!(
                branch.read <= branch.taken && branch.taken <= next,
                "invariant 1: {} of {} of {next}",
                branch.read,
                branch.taken
            );
            debug_assert!(
                branch.policy.paces() || branch.read == branch.taken,
                "invariant 4: {:?} has something in hand",
                branch.policy
            );
        }
        let least = self.branches.iter().map(BranchState::wants).min();
        debug_assert!(
            least.unwrap_or(u64::MAX).min(next) == self.first,
            "invariant 2"
        );
        debug_assert!(
            !self.need_drain || (self.phase == Phase::Open && self.len() > self.marks.low),
            "invariant 3"
        );
        debug_assert!(
            self.errored.is_some() == (self.phase == Phase::Destroyed),
            "invariant 5"
        );
        debug_assert!(!self.is_over() || self.queue.is_empty(), "invariant 5");
    }
}
