//! A stage whose work is shared by several threads.
//!
//! ```text
//!                         ┌─ hand ─┐
//!   ──▶ Scatter ── line ──┤  ...   ├── results ──▶ slot
//!          │              └─ hand ─┘                 ▲
//!          └── the slots, in order, through a join ──┴──▶ Await ──▶
//! ```
//!
//! A slot is passed on as soon as its items have found a hand, and waited for on the thread behind:
//! so results come in order, each as soon as it is there, whether or not more comes in. How many
//! slots the join holds is how far the fastest hand may be ahead of the slowest.
//!
//! A hand is given several items at once where one takes so little time that to hand it over would
//! take more, and where as many are at hand.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::channel::{Join, Wait};
use crate::chunk::Batch;
use crate::crew::{Crew, Halt, Slot};
use crate::error::Error;
use crate::mark::Gauge;
use crate::transform::{Out, Transform};
use crate::worker::guard;

/// What the stages that share their work are called.
const NAME: &str = "par_map";

/// How many slots there may be for each hand: one for what it has, and one for what is done or
/// waits, so that no hand waits for its neighbour.
const SLOTS_PER_HAND: usize = 2;

/// How many slots there may be for so many hands.
pub(crate) const fn slots(hands: usize) -> usize {
    let hands = if hands == 0 { 1 } else { hands };
    SLOTS_PER_HAND.saturating_mul(hands)
}

/// For how long a hand should have something to do, so that handing it over is small beside it.
const WORTH_A_HAND: Duration = Duration::from_micros(100);

/// How many items a hand is given at once, at most.
const ITEMS_MAX: usize = 64;

/// The results of the items of one slot. Behind one that has failed there is none.
pub(crate) type Made<U> = Vec<Result<U, Error>>;

/// Puts items together for one hand.
struct Bundle<T> {
    held: Batch<T>,
    gauge: Gauge<T>,
    /// What the items of a bundle weigh together at most, save for a single one: so that all that
    /// are on the way weigh no more than the mark of what comes in.
    most: usize,
    /// How long one item takes, in nanoseconds, as it was seen last. Before that it is as if one
    /// took for ever, so that the first is not held back.
    item_nanos: Arc<AtomicU64>,
}

impl<T> Bundle<T> {
    fn new(gauge: Gauge<T>, hands: usize) -> Self {
        Self {
            held: Batch::new(),
            most: gauge.marks().high() / slots(hands).saturating_add(2),
            gauge,
            item_nanos: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    /// Adds an item. Says whether the bundle is worth a hand.
    fn add(&mut self, item: T) -> bool {
        let weight = self.gauge.weigh(&item);
        self.held.push(item, weight);
        let nanos = self.item_nanos.load(Ordering::Relaxed);
        let together = nanos.saturating_mul(self.held.len() as u64);
        self.held.len() >= ITEMS_MAX
            || self.held.weight() >= self.most
            || u128::from(together) >= WORTH_A_HAND.as_nanos()
    }

    fn take(&mut self) -> Batch<T> {
        std::mem::take(&mut self.held)
    }

    /// What a hand does with a bundle, and finds out how long an item takes.
    fn work<R, F>(&self, each: F) -> impl Fn(Batch<T>) -> Made<R> + use<T, R, F>
    where
        F: Fn(T) -> Result<R, Error>,
    {
        let item_nanos = Arc::clone(&self.item_nanos);
        move |mut bundle| {
            let (items, began) = (bundle.len().max(1) as u64, Instant::now());
            let mut made = Vec::with_capacity(bundle.len());
            while let Some(item) = bundle.pop() {
                made.push(guard(|| each(item.chunk)));
                if has_failed(&made) {
                    break;
                }
            }
            let nanos = began.elapsed().as_nanos() / u128::from(items);
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            item_nanos.store(nanos, Ordering::Relaxed);
            made
        }
    }
}

/// Says whether the work has failed at the last of these.
fn has_failed<R>(made: &Made<R>) -> bool {
    made.last().is_some_and(Result::is_err)
}

/// Hands the items to a crew, and passes on where their results will be.
pub(crate) struct Scatter<T, U> {
    bundle: Bundle<T>,
    crew: Crew<Batch<T>, Made<U>>,
}

impl<T: Send + 'static, U: Send + 'static> Scatter<T, U> {
    pub(crate) fn new(
        hands: usize,
        gauge: Gauge<T>,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 'static,
    ) -> Self {
        let bundle = Bundle::new(gauge, hands);
        let work = bundle.work(work);
        Self {
            bundle,
            crew: Crew::new(NAME, hands, move |bundle| Ok(work(bundle))).failing_with(has_failed),
        }
    }

    pub(crate) fn halt(&self) -> Halt {
        self.crew.halt()
    }
}

impl<T: Send + 'static, U: Send + 'static> Transform<T, Slot<Made<U>>> for Scatter<T, U> {
    fn transform(&mut self, item: T, out: &mut Out<'_, Slot<Made<U>>>) -> Result<(), Error> {
        if self.bundle.add(item) {
            self.idle(out)?;
        }
        Ok(())
    }

    fn idle(&mut self, out: &mut Out<'_, Slot<Made<U>>>) -> Result<(), Error> {
        let bundle = self.bundle.take();
        if bundle.is_empty() {
            return Ok(());
        }
        out.push(self.crew.submit(bundle)?)
    }

    fn flush(&mut self, out: &mut Out<'_, Slot<Made<U>>>) -> Result<(), Error> {
        self.idle(out)?;
        self.crew.finish();
        Ok(())
    }

    /// What came in before is done all the same, for it comes before the error.
    fn fail(&mut self, _cause: &Error) {
        self.crew.finish();
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}

/// Waits for the results of each slot in its turn.
pub(crate) struct Await;

impl<U: Send> Transform<Slot<Made<U>>, U> for Await {
    fn transform(&mut self, slot: Slot<Made<U>>, out: &mut Out<'_, U>) -> Result<(), Error> {
        slot.wait()?
            .into_iter()
            .try_for_each(|result| out.push(result?))
    }

    // It waits, but only for the threads of its own stage.
    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}

/// Hands the items to a crew whose hands put their results into a join themselves, in whatever
/// order they are done.
pub(crate) struct ScatterUnordered<T> {
    bundle: Bundle<T>,
    crew: Crew<Batch<T>, Made<()>>,
    /// What is on the way: what has failed there is told by the slot.
    slots: VecDeque<Slot<Made<()>>>,
}

impl<T: Send + 'static> ScatterUnordered<T> {
    pub(crate) fn new<U: Send + 'static>(
        hands: usize,
        gauge: Gauge<T>,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 'static,
        output: Arc<Join<U>>,
    ) -> Self {
        let bundle = Bundle::new(gauge, hands);
        let work = bundle.work(move |item| {
            let result = guard(|| work(item));
            // Told at once, for nothing more may come in that this stage could learn it by.
            let result = result.map_err(|error| output.fail(error.of_stage(NAME)))?;
            let written = output.write(result, Wait::Forever);
            written.map(|_| ()).map_err(Error::from)
        });
        Self {
            bundle,
            crew: Crew::new(NAME, hands, move |bundle| Ok(work(bundle))).failing_with(has_failed),
            slots: VecDeque::new(),
        }
    }

    pub(crate) fn halt(&self) -> Halt {
        self.crew.halt()
    }

    /// Waits for the oldest slot.
    fn settle(&mut self) -> Result<(), Error> {
        match self.slots.pop_front() {
            Some(oldest) => oldest.wait()?.into_iter().collect(),
            None => Ok(()),
        }
    }
}

impl<T: Send + 'static, U> Transform<T, U> for ScatterUnordered<T> {
    fn transform(&mut self, item: T, out: &mut Out<'_, U>) -> Result<(), Error> {
        if self.bundle.add(item) {
            self.idle(out)?;
        }
        Ok(())
    }

    fn idle(&mut self, _out: &mut Out<'_, U>) -> Result<(), Error> {
        let bundle = self.bundle.take();
        if bundle.is_empty() {
            return Ok(());
        }
        while self.slots.len() >= slots(self.crew.hands()) {
            self.settle()?;
        }
        self.slots.push_back(self.crew.submit(bundle)?);
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
        self.crew.finish();
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}
