//! A stage whose work is shared by several threads.
//!
//! ```text
//!                         ┌─ hand ─┐
//!   ──▶ Scatter ── line ──┤  ...   ├── result ──▶ slot
//!          │              └─ hand ─┘                ▲
//!          └── the slots, in order, through a join ─┴──▶ Await ──▶
//! ```
//!
//! A slot is passed on as soon as its item has found a hand, and waited for on the thread behind: so
//! results come in order, each as soon as it is there, whether or not more comes in. How many
//! slots the join holds is how far the fastest hand may be ahead of the slowest.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::channel::{Join, Wait};
use crate::crew::{Crew, Halt, Slot};
use crate::error::Error;
use crate::transform::{Out, Transform};
use crate::worker::guard;

/// What the stages that share their work are called.
const NAME: &str = "par_map";

/// How many items may be on the way for each hand: the one that it has, and one that is done or
/// waits, so that no hand waits for its neighbour.
pub(crate) const ITEMS_PER_HAND: usize = 2;

/// Hands each item to a crew, and passes on where its result will be.
pub(crate) struct Scatter<T, U> {
    crew: Crew<T, U>,
}

impl<T: Send + 'static, U: Send + 'static> Scatter<T, U> {
    pub(crate) fn new(
        hands: usize,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            crew: Crew::new(NAME, hands, work),
        }
    }

    pub(crate) fn halt(&self) -> Halt {
        self.crew.halt()
    }
}

impl<T: Send + 'static, U: Send + 'static> Transform<T, Slot<U>> for Scatter<T, U> {
    fn transform(&mut self, chunk: T, out: &mut Out<'_, Slot<U>>) -> Result<(), Error> {
        let slot = self.crew.submit(chunk)?;
        out.push(slot)
    }

    fn flush(&mut self, _out: &mut Out<'_, Slot<U>>) -> Result<(), Error> {
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

/// Waits for each result in its turn.
pub(crate) struct Await;

impl<U: Send> Transform<Slot<U>, U> for Await {
    fn transform(&mut self, slot: Slot<U>, out: &mut Out<'_, U>) -> Result<(), Error> {
        out.push(slot.wait()?)
    }

    // It waits, but only for the threads of its own stage.
    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}

/// Hands each item to a crew whose hands put their results into a join themselves, in whatever
/// order they are done.
pub(crate) struct ScatterUnordered<T> {
    crew: Crew<T, ()>,
    /// What is on the way: what has failed there is told by the slot.
    out: VecDeque<Slot<()>>,
}

impl<T: Send + 'static> ScatterUnordered<T> {
    pub(crate) fn new<U: Send + 'static>(
        hands: usize,
        work: impl Fn(T) -> Result<U, Error> + Send + Sync + 'static,
        output: Arc<Join<U>>,
    ) -> Self {
        let crew = Crew::new(NAME, hands, move |item| {
            let result = guard(|| work(item));
            // Told at once, for nothing more may come in that this stage could learn it by.
            let result = result.map_err(|error| output.fail(error.of_stage(NAME)))?;
            let written = output.write(result, Wait::Forever);
            written.map(|_| ()).map_err(Error::from)
        });
        Self {
            crew,
            out: VecDeque::new(),
        }
    }

    pub(crate) fn halt(&self) -> Halt {
        self.crew.halt()
    }
}

impl<T: Send + 'static, U> Transform<T, U> for ScatterUnordered<T> {
    fn transform(&mut self, chunk: T, _out: &mut Out<'_, U>) -> Result<(), Error> {
        // The hands are never more than so many behind.
        while self.out.len() >= ITEMS_PER_HAND * self.crew.hands() {
            if let Some(oldest) = self.out.pop_front() {
                oldest.wait()?;
            }
        }
        self.out.push_back(self.crew.submit(chunk)?);
        Ok(())
    }

    fn flush(&mut self, _out: &mut Out<'_, U>) -> Result<(), Error> {
        self.out.drain(..).try_for_each(Slot::wait)
    }

    /// What came in before is done all the same, for it comes before the error.
    fn fail(&mut self, _cause: &Error) {
        self.crew.finish();
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(NAME)
    }
}
