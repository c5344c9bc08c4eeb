//! A limit on the bytes that the chunks of many channels hold together.
//!
//! - Owns: an account of what is charged, and the channels whose writers wait for room.
//! - Lock order: a channel's write side before the account. A [`Permit`] that is dropped wakes
//!   writers after it has unlocked the account, because that takes the channels' locks.
//! - May block: nothing here; writers wait in their channels.
//! - Invariant: `used` is the sum of all permits that are alive, and at most the capacity.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::Channel;
use crate::threads::sync::Mutex;

/// A hard number of bytes that any number of streams share.
///
/// A mark is a trigger, one for each buffer; a budget is a capacity, one for all of them. A chunk
/// is charged when it enters a buffer, and until its last slice is dropped, wherever that is: also
/// while a consumer holds it. A writer that would exceed the budget waits, as it does at a mark,
/// until enough was dropped. What is charged together never exceeds the capacity.
///
/// So that nothing waits for ever, a buffer that is empty takes one chunk whether it can be charged
/// or not. What is held in all is at most the capacity, and one chunk for each buffer and each
/// source. A chunk that a stage passes on into another buffer is charged in both until it is
/// dropped.
///
/// # Examples
///
/// ```
/// use highwater::{Budget, pipeline};
///
/// let budget = Budget::new(1024 * 1024);
/// for data in [&b"one"[..], &b"another"[..]] {
///     pipeline(data).budget(&budget).to(Vec::new()).run()?;
/// }
/// assert_eq!(budget.used(), 0);
/// assert_eq!(budget.peak(), 7);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    capacity: usize,
    account: Mutex<Account>,
}

/// # Invariants
///
/// `used <= peak`, and `peak` is at most the capacity.
#[derive(Default)]
struct Account {
    used: usize,
    peak: usize,
    /// The channels whose writers wait for a permit to be dropped.
    // Weak: a budget that lives as long as its program does not keep the streams that once waited.
    waiting: Vec<Weak<dyn WakeWriters>>,
}

/// A channel whose waiting writers can be made to check again.
pub(super) trait WakeWriters: Send + Sync {
    fn wake(&self);
}

impl<T: Send> WakeWriters for Channel<T> {
    fn wake(&self) {
        // All of them: they wait for different costs. It takes the lock of the write side, so it
        // must not be called under that of the account, which writers take in the other order.
        self.wake_writers(self.write_side());
    }
}

impl Budget {
    /// Makes a budget of this many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Inner {
            capacity: bytes,
            account: Mutex::new(Account::default()),
        }))
    }

    /// How many bytes may be charged at once.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// How many bytes are charged now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.account.lock().used
    }

    /// The most that was charged at once.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.0.account.lock().peak
    }

    fn charge(&self, bytes: usize) -> Option<Permit> {
        let mut account = self.0.account.lock();
        // It does not wrap: `used` is at most the capacity. Compared and added under one hold, so
        // two channels never get the same room.
        if bytes > self.0.capacity - account.used {
            return None;
        }
        account.used += bytes;
        account.peak = account.peak.max(account.used);
        // To be dropped only without this lock, which its drop takes.
        Some(Permit {
            budget: self.clone(),
            bytes,
        })
    }

    /// Returns whether this much could be charged. If not, `waiter` is woken when a permit is
    /// dropped.
    ///
    /// It is registered under the lock under which the room was checked, so a drop after that finds
    /// it.
    fn has_room(&self, bytes: usize, waiter: &Weak<dyn WakeWriters>) -> bool {
        let mut account = self.0.account.lock();
        let room = bytes <= self.0.capacity - account.used;
        // The other side is the drop of a `Permit`, which takes this list under the same hold that
        // gives room back. Each channel is in it once, however often its writers check.
        if !room && !account.waiting.iter().any(|known| known.ptr_eq(waiter)) {
            account.waiting.push(waiter.clone());
        }
        room
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("capacity", &self.capacity())
            .field("used", &self.used())
            .field("peak", &self.peak())
            .finish()
    }
}

/// A charge to the budget, given back when it is dropped.
pub(super) struct Permit {
    budget: Budget,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let waiting = {
            let mut account = self.budget.0.account.lock();
            account.used -= self.bytes;
            // Emptied: a registration is good for one wake. A writer that is woken and finds no
            // room is in the list again, because its condition calls `has_room`.
            std::mem::take(&mut account.waiting)
        };
        // After the unlock: each wake takes the lock of a channel, and writers take this one under
        // it. A waiter that registers after this finds the room that was given back.
        // A channel that is gone has no writer left.
        for waiter in waiting.iter().filter_map(Weak::upgrade) {
            waiter.wake();
        }
    }
}

/// Bytes with the permit that they were charged for.
struct Charged {
    chunk: Bytes,
    _permit: Permit,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

/// Where the chunks of a channel are charged.
pub(super) struct Charge<T> {
    budget: Budget,
    /// The channel, to be woken.
    channel: Weak<dyn WakeWriters>,
    cost: fn(&T) -> usize,
    permit: fn(T, Permit) -> T,
}

impl<T: 'static> Charge<T> {
    /// The charge point of a channel, if its chunks are `Bytes`: only those can own a permit.
    pub(super) fn of(budget: &Budget, channel: Weak<dyn WakeWriters>) -> Option<Self> {
        let cost: fn(&Bytes) -> usize = Bytes::len;
        let permit: fn(Bytes, Permit) -> Bytes = |chunk, permit| {
            Bytes::from_owner(Charged {
                chunk,
                _permit: permit,
            })
        };
        // For any type but `Bytes` the casts fail: such a chunk has no place for a permit, and is
        // not charged.
        let (cost, permit): (&dyn Any, &dyn Any) = (&cost, &permit);
        Some(Self {
            budget: budget.clone(),
            channel,
            cost: *cost.downcast_ref()?,
            permit: *permit.downcast_ref()?,
        })
    }
}

impl<T> Charge<T> {
    /// Charges this much, if there is room for it.
    pub(super) fn charge(&self, bytes: usize) -> Option<Permit> {
        self.budget.charge(bytes)
    }

    /// Ties a permit to a chunk: it is dropped with the chunk's last slice.
    pub(super) fn permit(&self, chunk: T, permit: Permit) -> T {
        (self.permit)(chunk, permit)
    }

    pub(super) fn cost(&self, chunk: &T) -> usize {
        (self.cost)(chunk)
    }

    /// Returns whether this much could be charged. If not, the channel's writers are woken when a
    /// permit is dropped.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.budget.has_room(bytes, &self.channel)
    }
}
