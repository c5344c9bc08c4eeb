//! Which guest is where: idle, in the queue, or in the hands of a thread.

use std::collections::VecDeque;

use crate::leader::task::Why;

/// Milliseconds since the rota began.
pub(crate) type Millis = u64;

/// A guest's number: a place, and how often it was given away before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The key as one number, which no other guest has had.
    #[must_use]
    pub const fn number(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The key whose number that is.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        Self {
            index: number as u32,
            generation: (number >> 32) as u32,
        }
    }
}

/// All guests of a rota.
///
/// # Invariants
///
/// Between calls:
///
/// 1. A guest is in one place: here, idle or in the queue, or in the hands of the one caller that
///    took it, and then its place is `Busy`. So it is never in two hands.
/// 2. Every place in the queue is `Queued`, and is there once. What is `Queued` is there.
/// 3. Whoever is idle has nothing to be told.
/// 4. `due` is not after the time at which the patience of anybody who is idle ends.
#[derive(Debug)]
pub(crate) struct Tasks<G> {
    slots: Vec<Slot<G>>,
    free: Vec<u32>,
    queue: VecDeque<u32>,
    len: usize,
    stage: TaskStage,
    due: Option<Millis>,
    /// How much later than its patience ends somebody may be told.
    grain: Millis,
    /// When it was last looked for those whose patience is over.
    swept: Millis,
    /// It was looked for one that gives way, and there was none.
    room_wanted: bool,
}

/// The coarsest that deadlines are looked at.
const GRAIN_MAX: Millis = 50;

#[derive(Debug)]
struct Slot<G> {
    generation: u32,
    place: TaskPlace<G>,
    /// What it has to be told: how often it has to look, and that all stop. In the queue for
    /// neither, it is there because its patience was over.
    looks: u8,
    stopping: bool,
    until: Option<Millis>,
}

#[derive(Debug)]
enum TaskPlace<G> {
    Vacant,
    Idle(G),
    Queued(G),
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TaskStage {
    Open,
    Stopping,
    Aborted,
}

/// A guest in the hands of whoever attends to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claimed<G> {
    pub(crate) key: Key,
    pub(crate) task: G,
    pub(crate) why: Why,
}

/// What becomes of a guest that was given back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Back<G> {
    /// It is idle.
    Kept,
    /// It has to be attended to again, by the same thread.
    Again(Claimed<G>),
    /// Nobody is served any more.
    LetGo(G),
}

/// What becomes of a guest that was let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered<G> {
    /// It is idle.
    Kept,
    /// It waits to be attended to.
    Waits,
    /// Nobody is served any more.
    LetGo(G),
}

impl<G> Tasks<G> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            queue: VecDeque::new(),
            len: 0,
            stage: TaskStage::Open,
            due: None,
            grain: GRAIN_MAX,
            swept: 0,
            room_wanted: false,
        }
    }

    /// How many there are, wherever they are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Says whether somebody waits for a thread.
    pub(crate) fn are_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Makes a place for a guest, which is in the caller's hands; none when nobody is served any more.
    pub(crate) fn reserve(&mut self) -> Option<Key> {
        if self.stage == TaskStage::Aborted {
            return None;
        }
        self.len += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::new());
            // There are fewer descriptors than that.
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.place = TaskPlace::Busy;
        slot.stopping = self.stage == TaskStage::Stopping;
        let generation = slot.generation;
        Some(Key { index, generation })
    }

    /// Lets a guest in for whom there is a place. It may have to be attended to at once, by whoever
    /// takes it.
    pub(crate) fn enter(&mut self, key: Key, task: G, until: Option<Millis>) -> Entered<G> {
        if self.stage == TaskStage::Aborted {
            return Entered::LetGo(task);
        }
        let slot = &mut self.slots[key.index as usize];
        slot.place = TaskPlace::Idle(task);
        let has_news = slot.looks > 0 || slot.stopping;
        self.expect_by(key, until);
        if has_news {
            self.enqueue(key.index);
            return Entered::Waits;
        }
        Entered::Kept
    }

    /// Takes note that something has come to a guest, if it is still there. `is_last` says that an
    /// end has come with it: one look may find what came before, and no other news will follow.
    pub(crate) fn came(&mut self, key: Key, is_last: bool) {
        let Some(slot) = self.slots.get_mut(key.index as usize) else {
            return;
        };
        if slot.generation == key.generation {
            slot.looks = slot.looks.max(1 + u8::from(is_last));
            self.enqueue(key.index);
        }
    }

    /// Takes who has waited longest.
    pub(crate) fn take(&mut self) -> Option<Claimed<G>> {
        let index = self.queue.pop_front()?;
        let slot = &mut self.slots[index as usize];
        match std::mem::replace(&mut slot.place, TaskPlace::Busy) {
            TaskPlace::Queued(task) => Some(slot.hand_out(index, task)),
            // By the second invariant there is nothing else.
            other => {
                slot.place = other;
                None
            }
        }
    }

    /// Takes the one of the least rank of those that are idle and have one, if it is due. Or says
    /// what the least is.
    pub(crate) fn take_first<R: Copy + Ord>(
        &mut self,
        rank: impl Fn(&G) -> Option<R>,
        is_due: impl Fn(R) -> bool,
    ) -> Result<(Key, G), Option<R>> {
        let ranked = self.slots.iter().enumerate();
        let ranked = ranked.filter_map(|(index, slot)| match &slot.place {
            TaskPlace::Idle(task) => rank(task).map(|rank| (rank, index)),
            _ => None,
        });
        let first = ranked.min();
        self.room_wanted = true;
        let Some((_, index)) = first.filter(|(rank, _)| is_due(*rank)) else {
            return Err(first.map(|(rank, _)| rank));
        };
        let slot = &mut self.slots[index];
        match std::mem::replace(&mut slot.place, TaskPlace::Busy) {
            TaskPlace::Idle(task) => {
                self.room_wanted = false;
                let (index, generation) = (index as u32, slot.generation);
                Ok((Key { index, generation }, task))
            }
            // Only those that are idle have a rank.
            other => {
                slot.place = other;
                Err(None)
            }
        }
    }

    /// Says whether there was none that gives way, when there was none.
    pub(crate) const fn is_room_wanted(&self) -> bool {
        self.room_wanted
    }

    /// It is told that there may be one now.
    pub(crate) const fn room_came(&mut self) {
        self.room_wanted = false;
    }

    /// Takes a guest back that has nothing to do.
    pub(crate) fn give_back(&mut self, key: Key, task: G, until: Option<Millis>) -> Back<G> {
        if self.stage == TaskStage::Aborted {
            return Back::LetGo(task);
        }
        let slot = &mut self.slots[key.index as usize];
        if slot.looks > 0 || slot.stopping {
            return Back::Again(slot.hand_out(key.index, task));
        }
        slot.place = TaskPlace::Idle(task);
        self.expect_by(key, until);
        Back::Kept
    }

    /// Says when the patience of a guest ends that is idle.
    fn expect_by(&mut self, key: Key, until: Option<Millis>) {
        self.slots[key.index as usize].until = until;
        if let Some(until) = until {
            let patience = until.saturating_sub(self.swept);
            self.grain = self.grain.min((patience / 4).max(1));
            self.due = Some(self.due.map_or(until, |due| due.min(until)));
        }
    }

    /// Forgets a guest that was taken, and does not come back.
    pub(crate) fn gone(&mut self, key: Key) {
        let slot = &mut self.slots[key.index as usize];
        *slot = Slot {
            generation: slot.generation.wrapping_add(1),
            ..Slot::new()
        };
        self.free.push(key.index);
        self.len -= 1;
    }

    /// When it has to be looked for those whose patience is over, if ever.
    pub(crate) fn next_sweep(&self) -> Option<Millis> {
        Some(self.due?.max(self.swept.saturating_add(self.grain)))
    }

    /// Puts all into the queue whose patience is over.
    pub(crate) fn sweep(&mut self, now: Millis) {
        self.swept = now;
        self.due = None;
        for index in 0..self.slots.len() as u32 {
            let slot = &mut self.slots[index as usize];
            match (&slot.place, slot.until) {
                (TaskPlace::Idle(_), Some(until)) if until <= now => {
                    self.enqueue(index);
                }
                (TaskPlace::Idle(_), Some(until)) => {
                    self.due = Some(self.due.map_or(until, |due| due.min(until)));
                }
                _ => {}
            }
        }
    }

    /// Tells all that they are to come to an end; those in other hands when they are given back.
    pub(crate) fn stop(&mut self) {
        if self.stage == TaskStage::Open {
            self.stage = TaskStage::Stopping;
            for index in 0..self.slots.len() as u32 {
                self.tell_stopping(index);
            }
        }
    }

    /// Gives up all that are here; those in other hands when they are given back.
    pub(crate) fn abort(&mut self) -> Vec<(Key, G)> {
        self.stage = TaskStage::Aborted;
        self.queue.clear();
        let mut given_up = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            match std::mem::replace(&mut slot.place, TaskPlace::Busy) {
                TaskPlace::Idle(task) | TaskPlace::Queued(task) => {
                    let (index, generation) = (index as u32, slot.generation);
                    given_up.push((Key { index, generation }, task));
                }
                other => slot.place = other,
            }
        }
        given_up
    }

    fn tell_stopping(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !matches!(slot.place, TaskPlace::Vacant) {
            slot.stopping = true;
            self.enqueue(index);
        }
    }

    /// Has somebody who is idle attended to.
    fn enqueue(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        match std::mem::replace(&mut slot.place, TaskPlace::Busy) {
            TaskPlace::Idle(task) => {
                slot.place = TaskPlace::Queued(task);
                self.queue.push_back(index);
            }
            other => slot.place = other,
        }
    }
}

impl<G> Slot<G> {
    const fn new() -> Self {
        Self {
            generation: 0,
            place: TaskPlace::Vacant,
            looks: 0,
            stopping: false,
            until: None,
        }
    }

    /// Gives it out, with the first of what it has to be told. What has come goes before a patience
    /// that was over, and makes it void.
    fn hand_out(&mut self, index: u32, task: G) -> Claimed<G> {
        let why = if self.looks > 0 {
            self.looks -= 1;
            Why::Ready
        } else if self.stopping {
            self.stopping = false;
            Why::Stopping
        } else {
            Why::TimedOut
        };
        let key = Key {
            index,
            generation: self.generation,
        };
        Claimed { key, task, why }
    }
}
