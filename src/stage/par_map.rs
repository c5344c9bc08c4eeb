//! A stage whose work is shared by several threads.
//!
//! ```text
//!                         ┌─ thread ─┐
//!   ──▶ Submit ── queue ──┤   ...    ├── results ──▶ slot
//!          │              └─ thread ─┘                 ▲
//!          └── the slots, in order, through a channel ─┴──▶ InOrder ──▶
//! ```
//!
//! A slot is passed on as soon as its items are queued, and waited for on the thread downstream:
//! so results come in order, each as soon as it is there, whether or not more comes in. How many
//! slots the channel holds is how far the fastest thread may be ahead of the slowest.
//!
//! A thread gets several items at once if one item takes less time than to pass it to a thread, and
//! if so many are available.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::drive::Counts;
use super::transform::{Out, Transform};
use super::worker_pool::{Halt, Pending, WorkerPool};
use crate::channel::mark::Strategy;
use crate::channel::{Channel, Wait};
use crate::error::Error;
use crate::state::batch::Batch;
use crate::threads::waits::{For, wait_for};
use crate::threads::worker::guard;

/// What the stages that share their work are called.
const NAME: &str = "par_map";

/// How many slots there may be for each thread: one for the item that it works on, and one that is
/// done or waits, so that no thread waits for another one.
const SLOTS_PER_THREAD: usize = 2;

/// How many slots there may be for this many threads.
pub(crate) const fn slots(threads: usize) -> usize {
    let threads = if threads == 0 { 1 } else { threads };
    SLOTS_PER_THREAD.saturating_mul(threads)
}

/// How long a bundle should keep a thread busy, so that the cost of passing it on is small.
const WORTH_A_HAND: Duration = Duration::from_micros(100);

/// How many items a bundle has at most.
const ITEMS_MAX: usize = 64;

/// The results of the items of one slot. After one that has failed there is none.
pub(crate) type Made<U> = Vec<Result<U, Error>>;

/// Items for one thread.
struct Bundle<T> {
    items: Batch<T>,
    /// How much has come in before the first of them.
    at: u64,
}

/// Collects items for one thread.
struct Bundler<T> {
    held: Batch<T>,
    /// How much has come in before what is held.
    at: u64,
    strategy: Strategy<T>,
    /// What the items of a bundle weigh together at most, unless it is a single one: so that all
    /// items on the way weigh no more than the mark of the input.
    most: usize,
    /// How long one item takes, in nanoseconds, as it was seen last. Before that it is as if one
    /// took for ever, so that the first is not held back.
    item_nanos: Arc<AtomicU64>,
}

impl<T> Bundler<T> {
    fn new(strategy: Strategy<T>, threads: usize) -> Self {
        Self {
            held: Batch::new(),
            at: 0,
            most: strategy.marks().high() / slots(threads).saturating_add(2),
            strategy,
            item_nanos: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    /// Adds an item. Returns whether the bundle is full.
    fn add(&mut self, item: T) -> bool {
        let weight = self.strategy.weigh(&item);
        self.held.push(item, weight);
        let nanos = self.item_nanos.load(Ordering::Relaxed);
        let together = nanos.saturating_mul(self.held.len() as u64);
        self.held.len() >= ITEMS_MAX
            || self.held.load().charge() >= self.most
            || u128::from(together) >= WORTH_A_HAND.as_nanos()
    }

    /// What is held, if anything is.
    fn take(&mut self) -> Option<Bundle<T>> {
        if self.held.is_empty() {
            return None;
        }
        let bundle = Bundle {
            items: std::mem::take(&mut self.held),
            at: self.at,
        };
        self.at = self.at.saturating_add(bundle.items.weight() as u64);
        Some(bundle)
    }

    /// The work of a thread on a bundle, with a measurement of how long an item takes: `make` is
    /// called with each item, and `pass_on` with its result. An error has a name and a place: that
    /// of the item, and not that of the bundle, whose size varies.
    fn work<U, R, F, G>(
        &self,
        make: F,
        pass_on: G,
    ) -> impl Fn(Bundle<T>) -> Made<R> + use<T, U, R, F, G>
    where
        F: Fn(T) -> Result<U, Error>,
        G: Fn(Result<U, Error>) -> Result<R, Error>,
    {
        let (item_nanos, unit) = (Arc::clone(&self.item_nanos), self.strategy.unit());
        move |bundle| {
            let Bundle { mut items, mut at } = bundle;
            let (count, began) = (items.len().max(1) as u64, Instant::now());
            let mut made = Vec::with_capacity(items.len());
            while let Some(item) = items.pop() {
                let result = guard(|| make(item.chunk));
                let result = result.map_err(|error| error.of_stage(NAME, at, unit));
                made.push(guard(|| pass_on(result)));
                if has_failed(&made) {
                    break;
                }
                at = at.saturating_add(item.weight as u64);
            }
            let nanos = began.elapsed().as_nanos() / u128::from(count);
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            item_nanos.store(nanos, Ordering::Relaxed);
            made
        }
    }
}

/// Returns whether the work has failed at the last of these.
fn has_failed<R>(made: &Made<R>) -> bool {
    made.last().is_some_and(Result::is_err)
}

/// Submits the items to a pool, and passes on the slots of their results.
pub(crate) struct Submit<'s, T, U> {
    /// The items that were submitted, for other threads to read: its channel counts slots.
    counts: Arc<Counts>,
    bundler: Bundler<T>,
    pool: WorkerPool<'s, Bundle<T>, Made<U>>,
}

impl<'s, T: Send + 'static, U: Send + 'static> Submit<'s, T, U> {
    /// Starts its threads in `scope`.
    pub(crate) fn new(
        scope: &'s Scope<'s, '_>,
        threads: usize,
        strategy: Strategy<T>,
        halt: &Halt,
        counts: Arc<Counts>,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 's,
    ) -> Self {
        let bundler = Bundler::new(strategy, threads);
        let work = bundler.work(work, |result| result);
        Self {
            counts,
            bundler,
            pool: WorkerPool::within(scope, NAME, threads, halt, move |bundle| Ok(work(bundle)))
                .failing_with(has_failed),
        }
    }
}

impl<T: Send + 'static, U: Send + 'static> Transform<T, Pending<Made<U>>> for Submit<'_, T, U> {
    fn transform(&mut self, item: T, out: &mut Out<'_, Pending<Made<U>>>) -> Result<(), Error> {
        self.counts.add(self.bundler.strategy.weigh(&item));
        if self.bundler.add(item) {
            self.idle(out)?;
        }
        Ok(())
    }

    fn idle(&mut self, out: &mut Out<'_, Pending<Made<U>>>) -> Result<(), Error> {
        match self.bundler.take() {
            Some(bundle) => out.push(self.pool.submit(bundle)?),
            None => Ok(()),
        }
    }

    fn flush(&mut self, out: &mut Out<'_, Pending<Made<U>>>) -> Result<(), Error> {
        self.idle(out)?;
        self.pool.finish();
        Ok(())
    }

    /// What came in before is done all the same, for it comes before the error.
    fn fail(&mut self, _cause: &Error) {
        self.pool.finish();
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}

/// Waits for the results of each slot in its turn.
pub(crate) struct InOrder;

impl<U: Send> Transform<Pending<Made<U>>, U> for InOrder {
    fn transform(&mut self, slot: Pending<Made<U>>, out: &mut Out<'_, U>) -> Result<(), Error> {
        let made = if slot.is_ready() {
            slot.wait()
        } else {
            // Its wait is for the threads upstream.
            wait_for(For::Before, || slot.wait())
        };
        made?.into_iter().try_for_each(|result| out.push(result?))
    }

    // It waits, but only for the threads of its own stage.
    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}

/// Submits the items to a pool whose threads put their results into a channel themselves, in the
/// order in which they are done.
pub(crate) struct SubmitUnordered<'s, T> {
    bundler: Bundler<T>,
    pool: WorkerPool<'s, Bundle<T>, Made<()>>,
    /// What is on the way: an error is returned by its slot.
    slots: VecDeque<Pending<Made<()>>>,
}

impl<'s, T: Send + 'static> SubmitUnordered<'s, T> {
    /// Starts its threads in `scope`.
    pub(crate) fn new<U: Send + 'static>(
        scope: &'s Scope<'s, '_>,
        threads: usize,
        strategy: Strategy<T>,
        halt: &Halt,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 's,
        output: Arc<Channel<U>>,
    ) -> Self {
        let bundler = Bundler::new(strategy, threads);
        let work = bundler.work(work, move |result: Result<U, Error>| {
            // Reported at once: if nothing more comes in, this stage would not notice it.
            let result = result.map_err(|error| output.fail(error))?;
            let written = output.write(result, Wait::Forever);
            written.map(|_| ()).map_err(Error::from)
        });
        Self {
            bundler,
            pool: WorkerPool::within(scope, NAME, threads, halt, move |bundle| Ok(work(bundle)))
                .failing_with(has_failed),
            slots: VecDeque::new(),
        }
    }

    /// Waits for the oldest slot.
    fn settle(&mut self) -> Result<(), Error> {
        match self.slots.pop_front() {
            Some(oldest) => oldest.wait()?.into_iter().collect(),
            None => Ok(()),
        }
    }
}

impl<T: Send + 'static, U> Transform<T, U> for SubmitUnordered<'_, T> {
    fn transform(&mut self, item: T, out: &mut Out<'_, U>) -> Result<(), Error> {
        if self.bundler.add(item) {
            self.idle(out)?;
        }
        Ok(())
    }

    fn idle(&mut self, _out: &mut Out<'_, U>) -> Result<(), Error> {
        let Some(bundle) = self.bundler.take() else {
            return Ok(());
        };
        while self.slots.len() >= slots(self.pool.threads_max()) {
            self.settle()?;
        }
        self.slots.push_back(self.pool.submit(bundle)?);
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, U>) -> Result<(), Error> {
        self.idle(out)?;
        while !self.slots.is_empty() {
            self.settle()?;
        }
        Ok(())
    }

    /// What came in before is done all the same, for it comes before the error.
    fn fail(&mut self, _cause: &Error) {
        self.pool.finish();
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}
