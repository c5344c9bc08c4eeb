//! Branches that are cut off, and the streams that were to read them.

use std::time::{Duration, Instant};

use super::{BranchEnd, Core, Fanout, Wait};
use crate::cancel::CancelToken;
use crate::error::Error;
use crate::state::batch::Batch;
use crate::threads::sync::MutexGuard;

/// Streams whose branches were torn down, each with the cause.
#[derive(Default)]
pub(super) struct Aborts(Vec<(CancelToken, Error)>);

impl Aborts {
    /// Aborts them: under no lock, for each takes its own.
    pub(super) fn tell(self) {
        for (stream, cause) in self.0 {
            stream.abort_as(cause);
        }
    }
}

impl<T> Core<T> {
    /// Takes the streams that are to be aborted, for their branches are gone.
    #[cold]
    pub(super) fn take_aborts(&mut self) -> Aborts {
        let Self { seats, state, .. } = self;
        let gone = seats.iter_mut().filter_map(|seat| {
            let cause = state.gone(seat.outlet.id)?;
            Some((seat.read_for.take()?, cause))
        });
        Aborts(gone.collect())
    }
}

impl<T> Fanout<T> {
    /// A branch is read for a stream, which is aborted if the branch is torn down.
    pub(crate) fn aborts(&self, outlet: &BranchEnd<T>, stream: &CancelToken) {
        let mut core = self.core();
        let seat = (core.seats.iter_mut()).find(|seat| seat.outlet.id == outlet.id);
        if let Some(seat) = seat {
            seat.read_for = Some(stream.clone());
        }
        // It may be gone already.
        let aborts = core.take_aborts();
        drop(core);
        aborts.tell();
    }

    /// Parks until it is woken, the time is up, or that of a branch is, and counts the time against
    /// the branches that are waited for. Says whether the own time is not up.
    #[cold]
    pub(super) fn park_and_count<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<T>>,
        wait: Wait,
    ) -> (MutexGuard<'a, Core<T>>, bool) {
        let began = Instant::now();
        let patience = core.state.patience();
        let cut_at = patience.and_then(|left| began.checked_add(left));
        let own = match wait {
            Wait::Until(deadline) => Some(deadline),
            Wait::No | Wait::Forever => None,
        };
        match own.into_iter().chain(cut_at).min() {
            Some(deadline) => {
                self.drained.wait_until(&mut core, deadline);
            }
            None => self.drained.wait(&mut core),
        }
        core.writer_parked = false;
        let waited = began.elapsed();
        let in_time = own.is_none_or(|deadline| Instant::now() < deadline);
        if core.state.patience().is_some_and(|left| waited >= left) {
            core = self.cut_off(core, waited);
        } else {
            let _ = core.state.waited(waited);
        }
        (core, in_time)
    }

    /// Cuts off the branches whose time is up, with all that they have in hand. Each is told how much
    /// it has read, so what it has not reported yet is counted first; that may be enough to go on.
    #[cold]
    fn cut_off<'a>(
        &'a self,
        core: MutexGuard<'a, Core<T>>,
        waited: Duration,
    ) -> MutexGuard<'a, Core<T>> {
        let outlets = core.outlets();
        drop(core);
        // In the order in which they came, which is everybody's order.
        let mut hands: Vec<_> = outlets.iter().map(|outlet| outlet.deferred()).collect();
        let mut core = self.core();
        for (outlet, deferred) in outlets.iter().zip(&mut hands) {
            let _ = Self::settle(outlet, deferred, &mut core);
        }
        let (cut_off, _) = core.state.waited(waited);
        let of_those = outlets.iter().zip(&mut hands);
        let of_those = of_those.filter(|(outlet, _)| cut_off.contains(&outlet.id));
        let in_hand: Vec<Batch<T>> = of_those
            .map(|(_, deferred)| std::mem::take(&mut deferred.batch))
            .collect();
        let let_go = core.state.take_let_go();
        let aborts = core.take_aborts();
        drop(hands);
        // A branch that is to be told may be waiting: at a mark of 0 there are such.
        self.wake_all(core);
        drop((in_hand, let_go));
        aborts.tell();
        self.core()
    }
}
