//! Threads that share the work of one stage, and a place for each result.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::cancel::Cancel;
use crate::error::Error;
use crate::threads::worker::guard;

/// Threads that do the same work, each on another item.
///
/// A thread starts when an item comes in and all that there are have one, up to the number of hands.
/// They are joined when the crew is dropped: what they have in hand is done, and what waits for a
/// hand is not.
///
/// # Invariants
///
/// No more items are on the way than twice the hands: one in each hand, and one that waits for it;
/// nor do more than [`LINE_MAX`] wait.
pub(crate) struct WorkerPool<T, U> {
    name: &'static str,
    limit: usize,
    work: Work<T, U>,
    /// Tells a result that is a failure although it is one.
    fails: fn(&U) -> bool,
    /// How many items it was given.
    given: u64,
    /// How many of them its threads are done with.
    done: Arc<AtomicU64>,
    /// The first item whose work has failed: what comes behind it is not wanted any more.
    failed: Arc<AtomicU64>,
    /// None before the first item.
    line: Option<Line<T, U>>,
    /// How many threads there may be: as many as hands, or as the operating system gives.
    most: usize,
    threads: Vec<JoinHandle<()>>,
}

/// Where items wait for a hand.
type Line<T, U> = (Sender<Job<T, U>>, Receiver<Job<T, U>>);

/// How many items may wait for a hand, however many hands there may be: the room for them is
/// allocated.
const LINE_MAX: usize = 256;

type Work<T, U> = Arc<dyn Fn(T) -> Result<U, Error> + Send + Sync>;

/// An item, and where its result goes.
struct Job<T, U> {
    number: u64,
    item: T,
    slot: Sender<Result<U, Error>>,
    /// Gone when nobody will look into the slot.
    wanted: Weak<()>,
}

/// Where the result of one item will be.
#[derive(Debug)]
pub(crate) struct Pending<U> {
    result: Receiver<Result<U, Error>>,
    _wanted: Arc<()>,
}

impl<T: Send + 'static, U: Send + 'static> WorkerPool<T, U> {
    /// Makes a crew of at most so many hands, one at least. Nothing is started.
    pub(crate) fn new(
        name: &'static str,
        limit: usize,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            limit: limit.max(1),
            work: Arc::new(work),
            fails: |_| false,
            given: 0,
            done: Arc::default(),
            failed: Arc::new(AtomicU64::new(u64::MAX)),
            line: None,
            most: limit.max(1),
            threads: Vec::new(),
        }
    }

    /// Takes these results for failures too: what comes behind one is not wanted any more.
    pub(crate) fn failing_with(mut self, fails: fn(&U) -> bool) -> Self {
        self.fails = fails;
        self
    }

    pub(crate) const fn hands(&self) -> usize {
        self.limit
    }

    /// What lets a cancel tell the hands to begin nothing more.
    pub(crate) fn halt(&self) -> Halt {
        Halt(Arc::clone(&self.failed))
    }

    /// Gives an item to the next hand that is free, and says where its result will be.
    ///
    /// The wait ends as soon as one of them is done with what it has.
    ///
    /// # Errors
    ///
    /// Whatever keeps the first thread from being started. Without another one the crew does with
    /// those that it has.
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
        // A line whose hands are gone drops the job, and the slot says so.
        let _ = self.line()?.send(job);
        Ok(Pending {
            result,
            _wanted: wanted,
        })
    }

    /// The line to the hands, with a hand for the item that was counted last.
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
            match Builder::new().name(name).spawn(move || worker.run()) {
                Ok(thread) => self.threads.push(thread),
                Err(error) if count == 0 => {
                    return Err(Error::from(error).during("start the threads of", self.name));
                }
                // It is not asked for again: the operating system would say the same at each item.
                Err(_) => self.most = count,
            }
        }
        Ok(line)
    }
}

impl<T, U> WorkerPool<T, U> {
    /// Waits until everything that was given is done, save for what nobody waits for.
    pub(crate) fn finish(&mut self) {
        self.line = None;
        for thread in self.threads.drain(..) {
            // It has caught every panic.
            let _ = thread.join();
        }
    }
}

/// Has the hands of a crew begin nothing more.
pub(crate) struct Halt(Arc<AtomicU64>);

impl Cancel for Halt {
    /// What has come in still goes through.
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

/// What one thread of a crew has.
struct PoolWorker<T, U> {
    jobs: Receiver<Job<T, U>>,
    work: Work<T, U>,
    fails: fn(&U) -> bool,
    failed: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
}

impl<T, U> PoolWorker<T, U> {
    fn run(self) {
        for job in &self.jobs {
            // An item or a result that nobody wants is dropped here. If that panics, there is nobody
            // to be told, and the hand goes on.
            let _ = guard(|| {
                self.take(job);
                Ok(())
            });
        }
    }

    fn take(&self, job: Job<T, U>) {
        // What is behind the failure is dropped, and its slot with it. What is before it is
        // done, for its result comes first.
        let failed = job.number >= self.failed.load(Ordering::Acquire);
        let wanted = !failed && job.wanted.strong_count() > 0;
        let result = wanted.then(|| guard(|| (self.work)(job.item)));
        if let Some(result) = &result {
            if result.as_ref().map_or(true, self.fails) {
                self.failed.fetch_min(job.number, Ordering::AcqRel);
            }
        }
        // Before it is told, so that whoever gives an item after a result finds this hand free.
        self.done.fetch_add(1, Ordering::Release);
        if let Some(result) = result {
            // Whoever has asked for it may have gone meanwhile.
            let _ = job.slot.send(result);
        }
    }
}

impl<U> Pending<U> {
    /// Returns whether the result is there, so that it is not waited for.
    pub(crate) fn is_ready(&self) -> bool {
        !self.result.is_empty()
    }

    /// Waits for the result.
    ///
    /// The wait ends when the work on this item has.
    ///
    /// # Errors
    ///
    /// What the work has failed with; an echo if it was not done because other work has failed.
    pub(crate) fn wait(self) -> Result<U, Error> {
        self.result
            .recv()
            .unwrap_or_else(|_| Err(Error::interrupted()))
    }
}

impl<T, U> Drop for WorkerPool<T, U> {
    fn drop(&mut self) {
        self.failed.store(0, Ordering::Release);
        self.finish();
    }
}
