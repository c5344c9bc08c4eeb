//! Threads that share the work of one stage, and a place for each result.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{Builder, Scope};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::cancel::Cancel;
use crate::error::Error;
use crate::threads::worker::guard;

/// Threads that do the same work, each on another item.
///
/// A thread starts when an item comes in and all threads are busy, up to the limit. They are joined
/// when the pool is dropped: items that have begun are completed, and items that wait are dropped.
///
/// # Invariants
///
/// At most twice the limit of items are on the way: one in each thread, and one that waits for it;
/// and at most [`LINE_MAX`] wait.
pub(crate) struct WorkerPool<'s, T, U> {
    name: &'static str,
    limit: usize,
    work: Work<'s, T, U>,
    start: Start<'s, T, U>,
    /// Returns whether a result that is `Ok` counts as a failure.
    fails: fn(&U) -> bool,
    /// How many items it was given.
    given: u64,
    /// How many of them its threads have completed.
    done: Arc<AtomicU64>,
    /// The number of the first item whose work has failed: later items are not needed any more.
    failed: Arc<AtomicU64>,
    /// None before the first item.
    line: Option<Line<T, U>>,
    /// How many threads there may be: the limit, or as many as the operating system could start.
    most: usize,
    threads: Vec<Join<'s>>,
}

/// The queue in which items wait for a thread.
type Line<T, U> = (Sender<Job<T, U>>, Receiver<Job<T, U>>);

/// How many items may wait for a thread, however many threads there may be: the queue is allocated
/// in full.
const LINE_MAX: usize = 256;

type Work<'s, T, U> = Arc<dyn Fn(T) -> Result<U, Error> + Send + Sync + 's>;

/// Starts a thread.
type Start<'s, T, U> =
    Box<dyn Fn(Builder, PoolWorker<'s, T, U>) -> io::Result<Join<'s>> + Send + 's>;

/// Joins a thread.
type Join<'s> = Box<dyn FnOnce() + Send + 's>;

/// An item, and where its result goes.
struct Job<T, U> {
    number: u64,
    item: T,
    slot: Sender<Result<U, Error>>,
    /// Dead when the slot will not be read.
    wanted: Weak<()>,
}

/// Where the result of one item will be.
#[derive(Debug)]
pub(crate) struct Pending<U> {
    result: Receiver<Result<U, Error>>,
    _wanted: Arc<()>,
}

#[cfg(all(feature = "gzip", not(loom)))]
impl<T: Send + 'static, U: Send + 'static> WorkerPool<'static, T, U> {
    /// Makes a pool of at most `limit` threads, and at least one. Starts none.
    pub(crate) fn new(
        name: &'static str,
        limit: usize,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 'static,
    ) -> Self {
        let start: Start<'static, T, U> = Box::new(|builder, worker| {
            let thread = builder.spawn(move || worker.run())?;
            // The thread has caught every panic.
            Ok(Box::new(move || drop(thread.join())))
        });
        Self::of(name, limit, Arc::new(work), start, &Halt::new())
    }
}

impl<'s, T: Send + 'static, U: Send + 'static> WorkerPool<'s, T, U> {
    /// Makes a pool whose threads borrow: it starts them in `scope`, and `halt` ends their work.
    pub(crate) fn within(
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        limit: usize,
        halt: &Halt,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 's,
    ) -> Self {
        let start: Start<'s, T, U> = Box::new(move |builder, worker| {
            let thread = builder.spawn_scoped(scope, move || worker.run())?;
            Ok(Box::new(move || drop(thread.join())))
        });
        Self::of(name, limit, Arc::new(work), start, halt)
    }

    fn of(
        name: &'static str,
        limit: usize,
        work: Work<'s, T, U>,
        start: Start<'s, T, U>,
        halt: &Halt,
    ) -> Self {
        Self {
            name,
            limit: limit.max(1),
            work,
            start,
            fails: |_| false,
            given: 0,
            done: Arc::default(),
            failed: Arc::clone(&halt.0),
            line: None,
            most: limit.max(1),
            threads: Vec::new(),
        }
    }

    /// Treats these results as failures too: items after one are not needed any more.
    pub(crate) fn failing_with(mut self, fails: fn(&U) -> bool) -> Self {
        self.fails = fails;
        self
    }

    pub(crate) const fn threads_max(&self) -> usize {
        self.limit
    }

    /// Queues an item for the next free thread. Returns the slot of its result.
    ///
    /// Waits for room in the queue; the wait ends as soon as a thread has completed its item.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Io` if the first thread cannot be started. If a further one cannot be started,
    /// the pool works with those that it has.
    pub(crate) fn submit(&mut self, item: T) -> Result<Pending<U>, Error> {
        let (slot, result) = bounded(1);
        let wanted = Arc::new(());
        let job = Job {
            number: self.given,
            item,
            slot,
            wanted: Arc::downgrade(&wanted),
        };
        self.given += 1;
        // Without threads the job is dropped, and a wait for its slot fails.
        let _ = self.line()?.send(job);
        Ok(Pending {
            result,
            _wanted: wanted,
        })
    }

    /// The queue, with a thread for the item that was counted last.
    fn line(&mut self) -> Result<&Sender<Job<T, U>>, Error> {
        let (line, jobs) = self
            .line
            .get_or_insert_with(|| bounded(self.limit.min(LINE_MAX)));
        let on_the_way = self.given - self.done.load(Ordering::Acquire);
        let count = self.threads.len();
        if on_the_way > count as u64 && count < self.most {
            let worker = PoolWorker {
                jobs: jobs.clone(),
                work: Arc::clone(&self.work),
                fails: self.fails,
                failed: Arc::clone(&self.failed),
                done: Arc::clone(&self.done),
            };
            let name = format!("highwater-{}-{count}", self.name);
            match (self.start)(Builder::new().name(name), worker) {
                Ok(thread) => self.threads.push(thread),
                Err(error) if count == 0 => {
                    return Err(Error::from(error).during("start the threads of", self.name));
                }
                // Not tried again: it would fail for each item.
                Err(_) => self.most = count,
            }
        }
        Ok(line)
    }
}

impl<T, U> WorkerPool<'_, T, U> {
    /// Waits until every item is completed, except for those whose results are not needed.
    pub(crate) fn finish(&mut self) {
        self.line = None;
        self.threads.drain(..).for_each(|join| join());
    }
}

/// A target for a cancel: it makes the threads of a pool begin no further item.
#[derive(Clone)]
pub(crate) struct Halt(Arc<AtomicU64>);

impl Halt {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Cancel for Halt {
    /// Items that have come in are still completed.
    fn stop(&self) {}

    fn abort(&self, _cause: &Error) {
        self.satisfy();
    }

    fn satisfy(&self) {
        self.0.store(0, Ordering::Release);
    }

    fn was_stopped(&self) -> bool {
        false
    }
}

/// What one thread of a pool owns.
struct PoolWorker<'s, T, U> {
    jobs: Receiver<Job<T, U>>,
    work: Work<'s, T, U>,
    fails: fn(&U) -> bool,
    failed: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
}

impl<T, U> PoolWorker<'_, T, U> {
    fn run(self) {
        for job in &self.jobs {
            // An item or a result that is not needed is dropped here. If that panics, no call could
            // return the error, and the thread goes on.
            let _ = guard(|| {
                self.take(job);
                Ok(())
            });
        }
    }

    fn take(&self, job: Job<T, U>) {
        // An item after the failure is dropped, and its slot with it. An item before it is
        // completed, because its result comes first.
        let failed = job.number >= self.failed.load(Ordering::Acquire);
        let wanted = !failed && job.wanted.strong_count() > 0;
        let result = wanted.then(|| guard(|| (self.work)(job.item)));
        if let Some(result) = &result {
            if result.as_ref().map_or(true, self.fails) {
                self.failed.fetch_min(job.number, Ordering::AcqRel);
            }
        }
        // Before the result is sent, so that a `submit` after the result counts this thread as
        // free.
        self.done.fetch_add(1, Ordering::Release);
        if let Some(result) = result {
            // The receiver may be gone by now.
            let _ = job.slot.send(result);
        }
    }
}

impl<U> Pending<U> {
    /// Returns whether the result is there, so that `wait` would not wait.
    pub(crate) fn is_ready(&self) -> bool {
        !self.result.is_empty()
    }

    /// Waits for the result.
    ///
    /// The wait ends when the work on this item has.
    ///
    /// # Errors
    ///
    /// The error of the work; an echo if it did not run because other work has failed.
    pub(crate) fn wait(self) -> Result<U, Error> {
        self.result
            .recv()
            .unwrap_or_else(|_| Err(Error::interrupted()))
    }
}

impl<T, U> Drop for WorkerPool<'_, T, U> {
    fn drop(&mut self) {
        self.failed.store(0, Ordering::Release);
        self.finish();
    }
}
