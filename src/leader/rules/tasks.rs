//! Where each task is: idle, in the queue, or running.
//!
//! Pure, under the pool's lock. A task that is idle or in the queue is owned here; one that runs is
//! owned by its thread, and its slot is `Running`. What comes to a task while it runs is counted in
//! its slot, and is looked at when the task is given back: that is how no readiness is lost.
//! A key has a generation, so that readiness for a task that has ended hits no later one.

use std::collections::VecDeque;

use crate::leader::task::RunReason;

/// Milliseconds since the pool was made.
pub(crate) type Millis = u64;

/// Identifies a task: a slot, and how many tasks had it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The key as one number, which no other task has had.
    #[must_use]
    pub const fn number(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The key with that number.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        Self {
            index: number as u32,
            generation: (number >> 32) as u32,
        }
    }
}

/// All tasks of a pool.
///
/// # Invariants
///
/// Between calls:
///
/// 1. A task is in one place: here, idle or queued, or with the one caller that took it, and then its
///    slot is `Running`. So no task runs on two threads.
/// 2. Every slot in the queue is `Queued`, and is there once. Every `Queued` slot is there.
/// 3. An idle task has nothing pending: no readiness, and no stop.
/// 4. `due` is not after the deadline of any idle task.
#[derive(Debug)]
pub(crate) struct Tasks<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    queue: VecDeque<u32>,
    // With those that run and those that are being admitted: the leader leaves only at 0.
    len: usize,
    stage: PoolStage,
    due: Option<Millis>,
    /// How late a deadline may be noticed.
    grain: Millis,
    /// When the deadlines were last looked at.
    swept: Millis,
    /// No task could be evicted when one was asked for.
    wants_evictable: bool,
}

/// The latest that a deadline is noticed.
const GRAIN_MAX: Millis = 50;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    place: TaskPlace<T>,
    /// How many runs are due because something has come. Queued with none of them, and no stop, the
    /// task has timed out.
    ready_runs: u8,
    stopping: bool,
    until: Option<Millis>,
}

#[derive(Debug)]
enum TaskPlace<T> {
    Vacant,
    Idle(T),
    Queued(T),
    Running,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PoolStage {
    Open,
    Stopping,
    Aborted,
}

/// A task that was taken in order to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claimed<T> {
    pub(crate) key: Key,
    pub(crate) task: T,
    pub(crate) reason: RunReason,
}

/// What becomes of a task that was given back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Returned<T> {
    Idle,
    /// It has to run again, on the same thread.
    Again(Claimed<T>),
    /// The pool was aborted.
    Dismissed(T),
}

/// What becomes of a task that was admitted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted<T> {
    Idle,
    /// It waits in the queue.
    Queued,
    /// The pool was aborted.
    Dismissed(T),
}

impl<T> Tasks<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            queue: VecDeque::new(),
            len: 0,
            stage: PoolStage::Open,
            due: None,
            grain: GRAIN_MAX,
            swept: 0,
            wants_evictable: false,
        }
    }

    /// How many tasks there are, wherever they are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether a task waits for a thread.
    pub(crate) fn are_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Reserves a slot for a task that the caller has; none after an abort.
    pub(crate) fn reserve(&mut self) -> Option<Key> {
        if self.stage == PoolStage::Aborted {
            return None;
        }
        self.len += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::new());
            // There are fewer descriptors than that.
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        // As if it ran: what comes before `enter` is counted in the slot.
        slot.place = TaskPlace::Running;
        // The stop itself has passed before, and will not come again.
        slot.stopping = self.stage == PoolStage::Stopping;
        let generation = slot.generation;
        Some(Key { index, generation })
    }

    /// Admits a task whose slot is reserved. If something has come to it since, it is queued.
    pub(crate) fn enter(&mut self, key: Key, task: T, until: Option<Millis>) -> Admitted<T> {
        if self.stage == PoolStage::Aborted {
            // The abort has passed over this slot, because it looked as if its task ran.
            return Admitted::Dismissed(task);
        }
        let slot = &mut self.slots[key.index as usize];
        slot.place = TaskPlace::Idle(task);
        let is_pending = slot.ready_runs > 0 || slot.stopping;
        self.expect_by(key, until);
        if is_pending {
            self.enqueue(key.index);
            return Admitted::Queued;
        }
        Admitted::Idle
    }

    /// Something has come to a task, if it is still there. `is_last` means that the end has come
    /// with it: one run may find only what came before, and no other readiness will follow.
    pub(crate) fn ready(&mut self, key: Key, is_last: bool) {
        // The poller may report what it saw before a task ended: the generation tells it from the
        // next task of the slot.
        let Some(slot) = self.slots.get_mut(key.index as usize) else {
            return;
        };
        if slot.generation == key.generation {
            // Not a sum: one run reads all that is there, however often it was reported.
            slot.ready_runs = slot.ready_runs.max(1 + u8::from(is_last));
            self.enqueue(key.index);
        }
    }

    /// Takes the task that has waited longest.
    pub(crate) fn take(&mut self) -> Option<Claimed<T>> {
        let index = self.queue.pop_front()?;
        let slot = &mut self.slots[index as usize];
        match std::mem::replace(&mut slot.place, TaskPlace::Running) {
            TaskPlace::Queued(task) => Some(slot.hand_out(index, task)),
            // By the second invariant there is nothing else.
            other => {
                slot.place = other;
                None
            }
        }
    }

    /// Takes the idle task of the least rank, if it is due. Otherwise returns the least rank.
    pub(crate) fn take_first<R: Copy + Ord>(
        &mut self,
        rank: impl Fn(&T) -> Option<R>,
        is_due: impl Fn(R) -> bool,
    ) -> Result<(Key, T), Option<R>> {
        let ranked = self.slots.iter().enumerate();
        let ranked = ranked.filter_map(|(index, slot)| match &slot.place {
            TaskPlace::Idle(task) => rank(task).map(|rank| (rank, index)),
            _ => None,
        });
        let first = ranked.min();
        // Also if one is not due yet: the owner waits then, and `run_task` reports the next one
        // that can be evicted.
        self.wants_evictable = true;
        let Some((_, index)) = first.filter(|(rank, _)| is_due(*rank)) else {
            return Err(first.map(|(rank, _)| rank));
        };
        let slot = &mut self.slots[index];
        match std::mem::replace(&mut slot.place, TaskPlace::Running) {
            TaskPlace::Idle(task) => {
                self.wants_evictable = false;
                let (index, generation) = (index as u32, slot.generation);
                Ok((Key { index, generation }, task))
            }
            // Only idle tasks have a rank.
            other => {
                slot.place = other;
                Err(None)
            }
        }
    }

    /// Whether no task could be evicted when one was asked for.
    pub(crate) const fn wants_evictable(&self) -> bool {
        self.wants_evictable
    }

    /// There may be a task now that can be evicted, and that is reported.
    pub(crate) const fn evictable_came(&mut self) {
        self.wants_evictable = false;
    }

    /// Takes back a task that waits for what comes next.
    pub(crate) fn give_back(&mut self, key: Key, task: T, until: Option<Millis>) -> Returned<T> {
        if self.stage == PoolStage::Aborted {
            // A task that ran during the abort was not taken by it.
            return Returned::Dismissed(task);
        }
        let slot = &mut self.slots[key.index as usize];
        if slot.ready_runs > 0 || slot.stopping {
            // It came while the task ran, and may have come behind its last read: made idle now,
            // the task would not be reported again. A stop too is only in the slot while the task
            // runs.
            return Returned::Again(slot.hand_out(key.index, task));
        }
        slot.place = TaskPlace::Idle(task);
        self.expect_by(key, until);
        Returned::Idle
    }

    /// Sets the deadline of a task that is idle.
    fn expect_by(&mut self, key: Key, until: Option<Millis>) {
        self.slots[key.index as usize].until = until;
        if let Some(until) = until {
            // A short deadline makes the sweeps frequent enough to be noticed within a quarter of
            // it.
            let left = until.saturating_sub(self.swept);
            self.grain = self.grain.min((left / 4).max(1));
            self.due = Some(self.due.map_or(until, |due| due.min(until)));
        }
    }

    /// Forgets a task that was taken, and has ended.
    pub(crate) fn forget(&mut self, key: Key) {
        let slot = &mut self.slots[key.index as usize];
        *slot = Slot {
            // What the poller has still to report for this key hits no later task.
            generation: slot.generation.wrapping_add(1),
            ..Slot::new()
        };
        self.free.push(key.index);
        self.len -= 1;
    }

    /// When the deadlines have to be looked at next, if there is one.
    pub(crate) fn next_sweep(&self) -> Option<Millis> {
        // Not at each deadline: a sweep looks at every slot, so those that are close are noticed
        // together.
        Some(self.due?.max(self.swept.saturating_add(self.grain)))
    }

    /// Queues every idle task whose deadline has passed.
    pub(crate) fn sweep(&mut self, now: Millis) {
        self.swept = now;
        // Found anew below. A task that is queued or runs sets its deadline when it is given back.
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

    /// Asks all tasks to end; those that run are asked when they are given back.
    pub(crate) fn stop(&mut self) {
        // Once: a task that goes on after its stop is not asked again.
        if self.stage == PoolStage::Open {
            self.stage = PoolStage::Stopping;
            for index in 0..self.slots.len() as u32 {
                self.stop_task(index);
            }
        }
    }

    /// Takes all tasks that are here, which end; those that run end when they are given back.
    pub(crate) fn abort(&mut self) -> Vec<(Key, T)> {
        self.stage = PoolStage::Aborted;
        self.queue.clear();
        let mut taken = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            // Those taken count as running until they have ended, and their slots stay in use.
            match std::mem::replace(&mut slot.place, TaskPlace::Running) {
                TaskPlace::Idle(task) | TaskPlace::Queued(task) => {
                    let (index, generation) = (index as u32, slot.generation);
                    taken.push((Key { index, generation }, task));
                }
                other => slot.place = other,
            }
        }
        taken
    }

    fn stop_task(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !matches!(slot.place, TaskPlace::Vacant) {
            // Also if it runs: `give_back` finds it.
            slot.stopping = true;
            self.enqueue(index);
        }
    }

    /// Queues a task, if it is idle.
    fn enqueue(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        // One that is queued is there already, and one that runs is looked at when it is given
        // back.
        match std::mem::replace(&mut slot.place, TaskPlace::Running) {
            TaskPlace::Idle(task) => {
                slot.place = TaskPlace::Queued(task);
                self.queue.push_back(index);
            }
            other => slot.place = other,
        }
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self {
            generation: 0,
            place: TaskPlace::Vacant,
            ready_runs: 0,
            stopping: false,
            until: None,
        }
    }

    /// Hands the task out for the first reason that is pending. What has come goes before a deadline
    /// that has passed, and makes that void.
    fn hand_out(&mut self, index: u32, task: T) -> Claimed<T> {
        let reason = if self.ready_runs > 0 {
            self.ready_runs -= 1;
            RunReason::Ready
        } else if self.stopping {
            self.stopping = false;
            RunReason::Stopping
        } else {
            RunReason::TimedOut
        };
        let key = Key {
            index,
            generation: self.generation,
        };
        Claimed { key, task, reason }
    }
}
