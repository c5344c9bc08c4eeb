//! Where one branch stands.

use core::time::Duration;

use super::{BranchId, BranchPolicy, Dropped};
use crate::state::batch::{Batch, Load};

/// A place behind a chunk: how many were written up to it, and what they count for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) number: u64,
    /// It wraps: only distances count.
    pub(super) charge: u64,
}

/// One reader of the queue.
#[derive(Clone, Debug)]
pub(super) struct BranchState<T> {
    pub(super) id: BranchId,
    pub(super) policy: BranchPolicy,
    /// The number of the chunk that it takes next.
    pub(super) taken: u64,
    /// The number of the chunk that it reads next: one that it holds, or takes next.
    pub(super) read: u64,
    /// The weight of everything that was written before the chunk that it reads next.
    settled: u64,
    in_hand: Load,
    /// How much it has read: what that weighs.
    pub(super) offset: u64,
    /// What it has to read before what is in the queue: only where it misses what is newest.
    pub(super) aside: Batch<T>,
    /// Where it ends, if it is to take no more than was written by then.
    pub(super) last: Option<Position>,
    /// It does not want the chunk that is being written.
    pub(super) skips: bool,
    pub(super) dropped: Dropped,
    /// It has nothing to read, and waits for something.
    pub(super) is_waiting: bool,
    /// For how long the writer has waited for it.
    pub(super) waited: Duration,
}

/// Whether a branch takes a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    Yes,
    /// If it misses what is oldest, so that it has no more than this to read.
    DropOldest(usize),
    /// It misses this one.
    Skip,
    /// It has its end before this one.
    Ended,
    /// It would have more than this to read, and may not.
    Cut(usize),
}

impl<T> BranchState<T> {
    pub(super) const fn new(id: BranchId, policy: BranchPolicy, at: Position) -> Self {
        Self {
            id,
            policy,
            taken: at.number,
            read: at.number,
            settled: at.charge,
            in_hand: Load::NONE,
            offset: 0,
            aside: Batch::new(),
            last: None,
            skips: false,
            dropped: Dropped {
                chunks: 0,
                weight: 0,
            },
            is_waiting: false,
            waited: Duration::ZERO,
        }
    }

    /// Where what it gets ends, if everything ends there.
    pub(super) fn end(&self, written: Position) -> Position {
        self.last.unwrap_or(written)
    }

    /// What it has still to read.
    pub(super) fn lag(&self, written: Position) -> usize {
        let ahead = self.end(written).charge.wrapping_sub(self.settled);
        (ahead as usize).saturating_add(self.aside.load().charge())
    }

    /// The number of the chunk that has to be kept for it, and those behind that.
    pub(super) const fn wants(&self) -> u64 {
        match self.last {
            Some(_) => u64::MAX,
            None => self.taken,
        }
    }

    /// Returns whether the writer ever waits for it.
    pub(super) const fn paces(&self) -> bool {
        self.policy.paces() && self.last.is_none()
    }

    /// Returns whether a chunk of `weight` would be too much. One that comes alone never is.
    pub(super) fn is_over(&self, cap: usize, weight: usize, written: Position) -> bool {
        let lag = self.lag(written);
        lag > 0 && lag.saturating_add(Load::of(weight).charge()) > cap
    }

    pub(super) fn room_for(&self, weight: usize, written: Position) -> Room {
        let is_over = |cap| self.is_over(cap, weight, written);
        match self.policy {
            _ if self.last.is_some() => Room::Ended,
            BranchPolicy::Cap(cap) if is_over(cap) => Room::Cut(cap),
            BranchPolicy::DropOldest(cap) if is_over(cap) => Room::DropOldest(cap),
            BranchPolicy::DropNewest(cap) if is_over(cap) => Room::Skip,
            _ => Room::Yes,
        }
    }

    /// Has taken a chunk off the queue, and holds it.
    pub(super) fn took(&mut self, weight: usize) {
        self.taken += 1;
        self.in_hand += Load::of(weight);
    }

    /// Has read what it holds.
    pub(super) fn read_all(&mut self) {
        self.read = self.taken;
        self.count(self.in_hand);
    }

    /// Counts this much of what it holds as read.
    fn count(&mut self, read: Load) {
        self.in_hand -= read;
        self.settled = self.settled.wrapping_add(read.charge() as u64);
        self.offset = self.offset.saturating_add(read.weight as u64);
    }

    /// Has read this much of what it holds.
    pub(super) fn read(&mut self, chunks: usize, load: Load) {
        let read = self.read.saturating_add(chunks as u64);
        if read >= self.taken {
            // The last chunk takes all weight that is left, even if the caller has counted less.
            self.read_all();
            return;
        }
        self.read = read;
        self.count(load.within(self.in_hand));
    }

    pub(super) const fn read_aside(&mut self, weight: usize) {
        self.offset = self.offset.saturating_add(weight as u64);
    }

    /// Misses the chunk that it would take next.
    pub(super) fn pass_over(&mut self, weight: usize) {
        self.taken += 1;
        self.read += 1;
        let charge = Load::of(weight).charge();
        self.settled = self.settled.wrapping_add(charge as u64);
        self.dropped.add(weight);
    }

    /// Has nothing more to take of what was written. It keeps what it holds.
    pub(super) const fn move_to(&mut self, at: Position) {
        let chunks = self.taken - self.read;
        self.taken = at.number;
        self.read = at.number - chunks;
        self.settled = at.charge.wrapping_sub(self.in_hand.charge() as u64);
    }

    /// Has nothing more to read, and holds nothing.
    pub(super) fn let_go(&mut self, at: Position) -> Batch<T> {
        self.in_hand = Load::NONE;
        self.read = self.taken;
        self.last = None;
        self.move_to(at);
        std::mem::take(&mut self.aside)
    }

    /// Returns whether there is something for it to take.
    pub(super) fn has_queued(&self, written: Position) -> bool {
        self.taken < self.end(written).number || !self.aside.is_empty()
    }

    /// Returns whether it has read everything.
    pub(super) fn is_done(&self, written: Position) -> bool {
        self.read == self.end(written).number && self.aside.is_empty()
    }
}
