//! A branch's side of a fan-out.

use std::mem;
use std::sync::atomic::Ordering;

use super::{Core, Fanout, Hand, Outlet, READER_PAUSES, Unmet, Wait};
use crate::error::{Error, ErrorKind};
use crate::state::{Answer, Events};
use crate::sync::TryMutexGuard;

impl<T: Clone> Fanout<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn next(&self, outlet: &Outlet<T>, wait: Wait) -> Result<Option<T>, Error> {
        let mut hand = outlet.hand();
        match hand.pop() {
            Some(chunk) => {
                if hand.batch.is_empty() || hand.load.charge() >= hand.settle_at {
                    self.report(outlet, hand);
                }
                Ok(Some(chunk))
            }
            None => {
                drop(hand);
                self.next_batch(outlet, wait).transpose()
            }
        }
    }

    /// Reports what was handed out, and takes the next batch when this one is used up.
    fn report(&self, outlet: &Outlet<T>, mut hand: TryMutexGuard<'_, Hand<T>>) {
        let mut core = self.core();
        let events = Self::settle(outlet, &mut hand, &mut core);
        if hand.batch.is_empty() {
            // Whatever it is told beside chunks is for the call that finds nothing in hand.
            let (answer, _) = core.state.take(outlet.id, &mut hand.batch);
            if matches!(answer, Answer::Nothing) {
                core.found_nothing(outlet);
            }
            hand.settle_at = core.state.settle_at(outlet.id);
        }
        drop(hand);
        self.wake_writer(core, events);
    }

    fn next_batch(&self, outlet: &Outlet<T>, wait: Wait) -> Option<Result<T, Error>> {
        let mut spins = !matches!(wait, Wait::No) && !self.is_rendezvous;
        outlet.asked.store(true, Ordering::Relaxed);
        loop {
            // Nothing was there when last looked: spin before taking the writer's lock, which it
            // is about to need.
            if mem::take(&mut spins) && !outlet.filled_flag.is_up() {
                outlet.filled_flag.spin(READER_PAUSES);
            }
            let mut hand = outlet.hand();
            let mut core = self.core();
            if core.is_interrupted(outlet.id) {
                return Some(Err(Error::interrupted()));
            }
            let (answer, mut events) = core.state.take(outlet.id, &mut hand.batch);
            let outcome = match answer {
                Answer::Chunks => {
                    let first = hand.pop();
                    let settled = Self::settle(outlet, &mut hand, &mut core);
                    if events.is_empty() {
                        events = settled;
                    }
                    first.map(Ok)
                }
                Answer::End => None,
                Answer::Gone(error) => Some(Err(error)),
                Answer::Nothing => {
                    drop(hand);
                    match self.wait_filled(core, outlet, wait) {
                        Ok(_) => continue,
                        Err(unmet) => return Some(Err(nothing_came(unmet))),
                    }
                }
            };
            drop(hand);
            self.wake_writer(core, events);
            return outcome;
        }
    }
}

impl<T> Fanout<T> {
    /// Counts what a branch has handed out.
    pub(super) fn settle(outlet: &Outlet<T>, hand: &mut Hand<T>, core: &mut Core<T>) -> Events {
        let (chunks, load) = (mem::take(&mut hand.chunks), mem::take(&mut hand.load));
        let events = core.state.settle(outlet.id, chunks, load);
        hand.settle_at = core.state.settle_at(outlet.id);
        events
    }
}

#[cold]
fn nothing_came(unmet: Unmet) -> Error {
    match unmet {
        Unmet::Full => Error::new(ErrorKind::WouldBlock, "no chunk is buffered"),
        unmet => unmet.into_error("a chunk"),
    }
}
