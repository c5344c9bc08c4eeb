//! A branch's side of a fan-out.

use std::mem;
use std::sync::atomic::Ordering;

use super::{BranchBatch, BranchEnd, Core, Fanout, READER_PAUSES, Unmet, Wait};
use crate::error::{Error, ErrorKind};
use crate::state::{Answer, Events};
use crate::threads::sync::TryMutexGuard;

impl<T: Clone> Fanout<T> {
    /// Takes the next chunk, waiting for one if there is none. `None` is the end.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with its time.
    #[inline]
    pub(crate) fn next(&self, outlet: &BranchEnd<T>, wait: Wait) -> Result<Option<T>, Error> {
        let mut deferred = outlet.deferred();
        match deferred.pop() {
            Some(chunk) => {
                if deferred.batch.is_empty() || deferred.load.charge() >= deferred.settle_at {
                    self.report(outlet, deferred);
                }
                Ok(Some(chunk))
            }
            None => {
                drop(deferred);
                self.next_batch(outlet, wait).transpose()
            }
        }
    }

    /// Reports what was handed out, and takes the next batch when this one is used up.
    fn report(&self, outlet: &BranchEnd<T>, mut deferred: TryMutexGuard<'_, BranchBatch<T>>) {
        let mut core = self.core();
        let events = Self::settle(outlet, &mut deferred, &mut core);
        if deferred.batch.is_empty() {
            // Whatever it is told beside chunks is for the call that finds nothing in hand.
            let (answer, _) = core.state.take(outlet.id, &mut deferred.batch);
            if matches!(answer, Answer::Nothing) {
                core.found_nothing(outlet);
            }
            deferred.settle_at = core.state.settle_at(outlet.id);
        }
        drop(deferred);
        self.wake_writer(core, events);
    }

    fn next_batch(&self, outlet: &BranchEnd<T>, wait: Wait) -> Option<Result<T, Error>> {
        let mut spins = !matches!(wait, Wait::No) && !self.is_rendezvous;
        outlet.asked.store(true, Ordering::Relaxed);
        loop {
            // Nothing was there when last looked: spin before taking the writer's lock, which it
            // is about to need.
            if mem::take(&mut spins) && !outlet.filled_flag.is_up() {
                outlet.filled_flag.spin(READER_PAUSES);
            }
            let mut deferred = outlet.deferred();
            let mut core = self.core();
            if core.is_interrupted(outlet.id) {
                return Some(Err(Error::interrupted()));
            }
            let (answer, mut events) = core.state.take(outlet.id, &mut deferred.batch);
            let outcome = match answer {
                Answer::Chunks => {
                    let first = deferred.pop();
                    let settled = Self::settle(outlet, &mut deferred, &mut core);
                    if events.is_empty() {
                        events = settled;
                    }
                    first.map(Ok)
                }
                Answer::End => None,
                Answer::Gone(error) => Some(Err(error)),
                Answer::Nothing => {
                    drop(deferred);
                    match self.wait_filled(core, outlet, wait) {
                        Ok(_) => continue,
                        Err(unmet) => return Some(Err(nothing_came(unmet))),
                    }
                }
            };
            drop(deferred);
            self.wake_writer(core, events);
            return outcome;
        }
    }
}

impl<T> Fanout<T> {
    /// Counts what a branch has handed out.
    pub(super) fn settle(
        outlet: &BranchEnd<T>,
        deferred: &mut BranchBatch<T>,
        core: &mut Core<T>,
    ) -> Events {
        let (chunks, load) = (
            mem::take(&mut deferred.chunks),
            mem::take(&mut deferred.load),
        );
        let events = core.state.settle(outlet.id, chunks, load);
        deferred.settle_at = core.state.settle_at(outlet.id);
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
