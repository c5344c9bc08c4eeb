//! Names the lock, the condvar and the atomics once, so that a model checker can stand in for them.
//!
//! Built with `--cfg loom` the same names are loom's, and every interleaving of a small program
//! over a [channel](crate::channel) can be run.

// One type under two names: in a model, a lock that can be tried is another one.
#[cfg(not(loom))]
pub(crate) use parking_lot::{
    Condvar, Mutex, Mutex as TryMutex, MutexGuard, MutexGuard as TryMutexGuard,
};
#[cfg(all(unix, feature = "net", not(loom)))]
pub(crate) use std::sync::atomic::AtomicU64;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(loom))]
pub(crate) use std::thread::{Builder, JoinHandle};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
pub(crate) use loom::thread::{Builder, JoinHandle};
#[cfg(loom)]
pub(crate) use model::{AtomicBool, Condvar, Mutex, MutexGuard, TryMutex, TryMutexGuard};

/// Keeps a value on cache lines of its own, so that a thread that spins on it does not slow down
/// the one that works beside it.
#[derive(Debug, Default)]
#[repr(align(128))] // Two lines of 64 bytes: processors fetch them in pairs.
pub(crate) struct Padded<T>(pub(crate) T);

/// Starts a thread.
#[cfg(all(unix, feature = "net", not(loom)))]
pub(crate) fn start(
    name: &str,
    stack_bytes: usize,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    builder.stack_size(stack_bytes).spawn(body)
}

/// The same, for a model.
#[cfg(loom)]
pub(crate) fn start(
    _name: &str,
    _stack_bytes: usize,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    Ok(loom::thread::spawn(body))
}

/// Returns whether the process has a thread beside this one for whose name `counts` returns true.
/// Also true where the operating system has no list of threads.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
pub(crate) fn other_threads(counts: impl Fn(&str) -> bool) -> bool {
    let own = std::fs::read_link("/proc/thread-self");
    let (Ok(own), Ok(tasks)) = (own, std::fs::read_dir("/proc/self/task")) else {
        // Better a wait than an error about a deadlock that is none.
        return true;
    };
    let others = tasks
        .flatten()
        .filter(|task| own.file_name() != Some(&task.file_name()));
    let mut names = others.map(|task| std::fs::read_to_string(task.path().join("comm")));
    // A name that cannot be read counts, for the same reason.
    names.any(|name| name.map_or(true, |name| counts(name.trim_end())))
}

/// The same elsewhere, and for a model, which finds deadlocks itself.
#[cfg(any(loom, not(any(target_os = "linux", target_os = "android"))))]
pub(crate) fn other_threads(_counts: impl Fn(&str) -> bool) -> bool {
    true
}

/// Returns whether a thread has ended, so that to join it does not wait.
#[cfg(all(unix, feature = "net", not(loom)))]
fn has_ended(thread: &JoinHandle<()>) -> bool {
    thread.is_finished()
}

/// A model joins its threads in the end.
#[cfg(loom)]
fn has_ended(_thread: &JoinHandle<()>) -> bool {
    false
}

/// Takes the threads that have ended.
#[cfg(all(unix, any(feature = "net", loom)))]
pub(crate) fn take_ended(threads: &mut Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    let (mut ended, mut at) = (Vec::new(), 0);
    while at < threads.len() {
        if has_ended(&threads[at]) {
            // The last one is at this place now, so `at` stays.
            ended.push(threads.swap_remove(at));
        } else {
            at += 1;
        }
    }
    ended
}

/// loom's primitives under the shape of parking_lot's: no poison, and a condvar that takes the
/// guard by reference.
#[cfg(loom)]
#[expect(clippy::expect_used, reason = "a model that is wrong is to say so")]
pub(crate) mod model {
    use std::cell::Cell;
    use std::ops::{Deref, DerefMut};
    use std::sync::atomic::AtomicU32;
    use std::time::Instant;

    use ::loom::sync as loom;
    use ::loom::sync::atomic::Ordering;

    /// What a hint returns: an atomic that no result may depend on.
    ///
    /// A hint that is modelled multiplies the interleavings by hundreds. One that may return
    /// anything proves more, at the price of one exploration for each list of values.
    #[derive(Clone, Copy, Debug)]
    pub enum Hints {
        /// What was stored, or something older, as loom has it.
        Stored,
        /// The bits of this, the lowest first, over and over, regardless of what was stored.
        Bits(u32),
    }

    impl Hints {
        /// Has the channels that this system thread makes from now on answer so.
        pub fn set(self) {
            HINTS.set(self);
        }
    }

    /// When a deadline comes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Deadlines {
        /// Never: a wait with one is a wait without end, which hides no lost wake-up.
        Never,
        /// As soon as a thread waits for it; or later, because other threads may be faster.
        AtOnce,
    }

    impl Deadlines {
        /// Has the streams that this system thread makes from now on wait so.
        pub fn set(self) {
            DEADLINES.set(self);
        }
    }

    thread_local! {
        // Read when a channel is made, and not later: so they are no part of what is explored.
        static HINTS: Cell<Hints> = const { Cell::new(Hints::Stored) };
        static DEADLINES: Cell<Deadlines> = const { Cell::new(Deadlines::Never) };
    }

    #[derive(Debug)]
    pub(crate) struct AtomicBool {
        stored: loom::atomic::AtomicBool,
        hints: Hints,
        // std's: one of loom's would be explored too.
        loads: AtomicU32,
    }

    impl AtomicBool {
        pub(crate) fn new(value: bool) -> Self {
            Self {
                stored: loom::atomic::AtomicBool::new(value),
                hints: HINTS.get(),
                loads: AtomicU32::new(0),
            }
        }

        pub(crate) fn load(&self, order: Ordering) -> bool {
            match self.hints {
                Hints::Stored => self.stored.load(order),
                Hints::Bits(bits) => {
                    // `Relaxed`: which thread gets which answer does not matter, as long as every
                    // list of answers is tried.
                    bits.rotate_right(self.loads.fetch_add(1, Ordering::Relaxed)) & 1 == 1
                }
            }
        }

        pub(crate) fn store(&self, value: bool, order: Ordering) {
            // Otherwise nothing reads it, and each store would multiply the interleavings.
            if matches!(self.hints, Hints::Stored) {
                self.stored.store(value, order);
            }
        }
    }

    const NO_POISON: &str = "loom has no poison";

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::Mutex<T>);

    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        /// Empty only inside a wait.
        inner: Option<loom::MutexGuard<'a, T>>,
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(loom::Condvar, Deadlines);

    pub(crate) struct WaitTimeoutResult(Deadlines);

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            self.0 == Deadlines::AtOnce
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard {
                mutex: self,
                inner: Some(self.0.lock().expect(NO_POISON)),
            }
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.inner.as_ref().expect("taken only inside a wait")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.inner.as_mut().expect("taken only inside a wait")
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::Condvar::new(), DEADLINES.get())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            // loom's wait takes its guard by value, and parking_lot's by reference.
            let inner = guard.inner.take().expect("taken only inside a wait");
            guard.inner = Some(self.0.wait(inner).expect(NO_POISON));
        }

        // loom has no time.
        pub(crate) fn wait_until<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            _deadline: Instant,
        ) -> WaitTimeoutResult {
            match self.1 {
                Deadlines::Never => self.wait(guard),
                Deadlines::AtOnce => {
                    // Unlocked and locked again: other threads get their turn in between, as they
                    // do when time runs out.
                    guard.inner = None;
                    guard.inner = Some(guard.mutex.0.lock().expect(NO_POISON));
                }
            }
            // Also after a wake: the caller checks its condition before it believes that the time
            // was up.
            WaitTimeoutResult(self.1)
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// A lock that can be tried while another one is held.
    ///
    /// loom's own parks a thread that tries a lock while another thread holds it, as if it waited,
    /// and then reports a deadlock that is none. So the lock is a flag under a lock that is held
    /// only to read or set the flag.
    #[derive(Debug)]
    pub(crate) struct TryMutex<T> {
        gate: loom::Mutex<Gate>,
        opened: loom::Condvar,
        /// Never contended: a thread locks it only after it has passed the gate.
        value: std::sync::Mutex<T>,
    }

    #[derive(Debug)]
    struct Gate {
        is_shut: bool,
        waiting: usize,
    }

    #[derive(Debug)]
    pub(crate) struct TryMutexGuard<'a, T> {
        mutex: &'a TryMutex<T>,
        value: Option<std::sync::MutexGuard<'a, T>>,
    }

    impl<T> TryMutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                gate: loom::Mutex::new(Gate {
                    is_shut: false,
                    waiting: 0,
                }),
                opened: loom::Condvar::new(),
                value: std::sync::Mutex::new(value),
            }
        }

        pub(crate) fn lock(&self) -> TryMutexGuard<'_, T> {
            let mut gate = self.gate.lock().expect(NO_POISON);
            // Another thread may pass between the notification and this lock.
            while gate.is_shut {
                // Counted under the lock of the gate, which the wait gives up: a drop that reads 0
                // need not notify.
                gate.waiting += 1;
                gate = self.opened.wait(gate).expect(NO_POISON);
                gate.waiting -= 1;
            }
            gate.is_shut = true;
            self.enter()
        }

        pub(crate) fn try_lock(&self) -> Option<TryMutexGuard<'_, T>> {
            let mut gate = self.gate.lock().expect(NO_POISON);
            if gate.is_shut {
                return None;
            }
            gate.is_shut = true;
            Some(self.enter())
        }

        fn enter(&self) -> TryMutexGuard<'_, T> {
            TryMutexGuard {
                mutex: self,
                // The gate lets one thread through, and a drop leaves the value before it opens the
                // gate.
                value: Some(self.value.try_lock().expect("the gate was open")),
            }
        }
    }

    impl<T> Drop for TryMutexGuard<'_, T> {
        fn drop(&mut self) {
            // Before the gate opens: the next thread locks the value at once, and must find it
            // free.
            self.value = None;
            let mut gate = self.mutex.gate.lock().expect(NO_POISON);
            gate.is_shut = false;
            let waited_for = gate.waiting > 0;
            drop(gate);
            if waited_for {
                // One: only one can pass, and it notifies the next when it leaves. A thread that
                // finds the gate open meanwhile does the same.
                self.mutex.opened.notify_one();
            }
        }
    }

    impl<T> Deref for TryMutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.value.as_ref().expect("taken only by the drop")
        }
    }

    impl<T> DerefMut for TryMutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.value.as_mut().expect("taken only by the drop")
        }
    }
}
