//! The flags beside a channel's lock, on which a thread spins before it parks.
//!
//! - Owns: nothing but a hint. What is true is in the state, under the lock.
//! - Lock order: none; a flag is lowered under the lock of its channel, and raised without it.
//! - May block: nothing here; a spin ends by itself after a microsecond or two.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

use crate::threads::sync::{AtomicBool, Ordering, Padded};

/// What a thread spins on before it parks: a hint, beside the lock and not under it.
///
/// A thread that finds nothing lowers it under the lock. A thread that has changed that raises it
/// after the unlock. So a raise may come late and for nothing, which costs one check; but after the
/// last change it is up. No thread parks because of it: the state under the lock decides.
pub(super) struct Flag(Padded<AtomicBool>);

impl Flag {
    pub(super) fn new() -> Self {
        // Up at first: the first call goes straight to the lock, which decides.
        Self(Padded(AtomicBool::new(true)))
    }

    #[inline]
    pub(super) fn raise(&self) {
        // Pairs with the `Acquire` of `is_up`: what happened before the raise is visible to a
        // thread that sees it.
        self.0.0.store(true, Ordering::Release);
    }

    #[inline]
    pub(super) fn lower(&self) {
        // It publishes nothing. The lock that is held orders it against changes of the state: a
        // raise for a later change comes after a later unlock, and so after this store.
        self.0.0.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_up(&self) -> bool {
        // Pairs with the `Release` of `raise`. The state itself is read under the lock.
        self.0.0.load(Ordering::Acquire)
    }

    /// Spins until the flag is up, or for a microsecond or two. Returns for how long it has yielded
    /// the processor, which counts as a wait.
    ///
    /// The pause between two checks doubles, up to `pauses`. Then it yields the processor a few
    /// times, in case the other thread waits for it. A longer spin gains nothing when the other
    /// thread has a processor of its own, and when it has none each check delays it.
    pub(super) fn spin(&self, pauses: u32) -> Duration {
        const PAUSES: u32 = 79;
        const YIELDS: u32 = 4;
        if cfg!(loom) {
            // The model explores the parks, so there is no spin.
            return Duration::ZERO;
        }
        // No lock is held here, and none is taken: a spin on the lock would delay the thread that
        // is waited for.
        let (mut spent, mut next) = (0, 1);
        while spent < PAUSES {
            if self.is_up() {
                return Duration::ZERO;
            }
            for _ in 0..next {
                hint::spin_loop();
            }
            spent += next;
            next = (2 * next).min(pauses);
        }
        if self.is_up() {
            return Duration::ZERO;
        }
        let began = Instant::now();
        for _ in 0..YIELDS {
            thread::yield_now();
            if self.is_up() {
                break;
            }
        }
        began.elapsed()
    }
}

/// A writer checks often: it should go on as soon as the buffer is drained.
pub(super) const WRITER_PAUSES: u32 = 4;

/// A reader checks less often: between two checks a writer that is ahead puts in several chunks,
/// and the reader takes them together.
pub(super) const READER_PAUSES: u32 = 16;
