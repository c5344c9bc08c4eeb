//! Where a sink is kept, for whoever has something for it: the thread that writes, or one of its
//! own, which is started for what would block.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::channel::{Attendance, Desk, Held, Join, Seat, Served, Taken};
use crate::chunk::Batch;
use crate::error::Error;
use crate::inlet::{self, Ended, Inlet, Step, ToSink};
use crate::mark::Gauge;
use crate::sink::Sink;
use crate::worker::{Worker, guard};

/// For how long the thread of a sink that can be tried waits for more that would block.
const QUIET: Duration = Duration::from_secs(1);

/// What a handle does with its sink.
pub(super) trait Home<T, S>: Send + Sync {
    /// Lets go of a sink that nobody attends to, of a stream that was torn down.
    fn let_go(&self, join: &Join<T>);

    /// Has a sink that is tried by whoever writes pass on what it holds back. Any other was told so
    /// by its thread.
    fn flush(&self, join: &Join<T>) -> Result<(), Error>;

    /// Waits for the thread to end, and gives the sink back if it was finished. The stream is
    /// over, or ends whatever its thread does.
    fn close(&self) -> Option<S>;
}

/// See the module's docs.
pub(super) struct SinkDesk<T, K, S> {
    /// The join that it is behind, for the thread to hold.
    join: OnceLock<Weak<Join<T>>>,
    gauge: Gauge<T>,
    /// It can be tried without blocking.
    direct: bool,
    seat: Seat<Kept<K>>,
    thread: Seat<Worker<()>>,
    inner: fn(K) -> S,
}

enum Kept<K> {
    Open(K),
    Finished(K),
    /// It was dropped, after an error; or taken back.
    Gone,
}

impl<T: Send + 'static, K: Sink<T> + 'static, S: 'static> SinkDesk<T, K, S> {
    /// Makes a join for `sink`, and the desk behind it.
    pub(super) fn open(
        mut sink: K,
        gauge: Gauge<T>,
        inner: fn(K) -> S,
    ) -> (Arc<Join<T>>, Arc<dyn Home<T, S>>) {
        let direct = sink.direct().is_some();
        let interrupt = sink.interrupt();
        let desk = Arc::new(Self {
            join: OnceLock::new(),
            gauge,
            direct,
            seat: Seat::new(Kept::Open(sink)),
            thread: Seat::new(Worker::Gone),
            inner,
        });
        let behind: Arc<dyn Desk<T>> = Arc::<Self>::clone(&desk);
        let join = Arc::new(Join::at_desk(gauge, direct, behind));
        join.attach_sink(interrupt);
        // Nothing else sets it.
        let _ = desk.join.set(Arc::downgrade(&join));
        (join, desk)
    }
}

impl<T: Send + 'static, K: Sink<T>, S> SinkDesk<T, K, S> {
    /// Has the thread see to `rest`, and starts it if there is none.
    fn leave(&self, join: &Join<T>, rest: Taken<T>) -> Served {
        if join.leave(rest) == Attendance::Wanted {
            if let Err(error) = self.start() {
                let error = error.during("start the thread of", "writable");
                let first = join.abandoned(error, join.take_hand());
                let mut kept = self.seat.hold();
                if let Kept::Open(sink) = &mut *kept {
                    sink.fail(&first);
                }
                put_away(kept, &Err(first));
                return Served::Over;
            }
        }
        Served::Left
    }

    fn start(&self) -> Result<(), Error> {
        let join = self.join.get().and_then(Weak::upgrade);
        let join = join.ok_or_else(Error::closed)?;
        let mut thread = self.thread.hold();
        // The last one attends no more, and is about to end if it has not.
        thread.join()?;
        let name = match &*self.seat.hold() {
            Kept::Open(sink) => format!("highwater-write {}", sink.name()),
            Kept::Finished(_) | Kept::Gone => return Err(Error::closed()),
        };
        *thread = Worker::new(name, move || join.attend());
        Ok(thread.start()?)
    }
}

/// Keeps a sink that was finished, and drops any other: not under the lock, for that is its code.
fn put_away<K>(mut kept: Held<'_, Kept<K>>, ended: &Result<Ended, Error>) {
    let gone = match (std::mem::replace(&mut *kept, Kept::Gone), ended) {
        (Kept::Open(sink), Ok(_)) => {
            *kept = Kept::Finished(sink);
            return;
        }
        (gone, _) => gone,
    };
    drop(kept);
    drop(gone);
}

impl<T: Send + 'static, K: Sink<T>, S> Desk<T> for SinkDesk<T, K, S> {
    fn serve(&self, join: &Join<T>, mut taken: Taken<T>) -> Served {
        if !self.direct {
            return self.leave(join, taken);
        }
        let mut kept = self.seat.hold();
        loop {
            let Kept::Open(sink) = &mut *kept else {
                return Served::Over;
            };
            let mut ignore = |_| {};
            let mut inlet = ToSink::uncounted(sink, self.gauge, &mut ignore);
            match inlet::try_to(join, &mut inlet, taken) {
                Step::Next(next) => taken = next,
                Step::Done(pressure) => return Served::Tried(pressure),
                Step::Rest(rest) => {
                    drop(kept);
                    return match self.leave(join, rest) {
                        // A part of it may be gone, and with it the pressure.
                        Served::Left => Served::Tried(join.pressure()),
                        over => over,
                    };
                }
                Step::Over(ended) => {
                    put_away(kept, &ended);
                    return Served::Over;
                }
            }
        }
    }

    fn attend(&self, join: &Join<T>) {
        let mut ignore = |_| {};
        if !self.direct {
            let mut kept = self.seat.hold();
            if let Kept::Open(sink) = &mut *kept {
                let mut inlet = ToSink::uncounted(sink, self.gauge, &mut ignore);
                let ended = inlet::run(join, &mut inlet);
                put_away(kept, &ended);
            }
            return;
        }
        // It has the sink only while it needs it. What comes when nothing is left over is tried
        // by its writer again.
        while let Some(taken) = join.take_within(QUIET) {
            let mut kept = self.seat.hold();
            let Kept::Open(sink) = &mut *kept else {
                return;
            };
            let mut inlet = ToSink::uncounted(sink, self.gauge, &mut ignore);
            let ended = if matches!(taken, Taken::Batch(_)) && inlet.is_done() {
                Some(inlet::have_enough(join, &mut inlet))
            } else {
                inlet::see_to(join, &mut inlet, taken)
            };
            if let Some(ended) = ended {
                put_away(kept, &ended);
                return;
            }
        }
    }
}

impl<T: Send + 'static, K: Sink<T>, S> Home<T, S> for SinkDesk<T, K, S> {
    fn let_go(&self, join: &Join<T>) {
        let Some(taken) = join.take_release() else {
            return;
        };
        let mut kept = self.seat.hold();
        if let Kept::Open(sink) = &mut *kept {
            let mut ignore = |_| {};
            let mut inlet = ToSink::uncounted(sink, self.gauge, &mut ignore);
            if let Some(ended) = inlet::see_to(join, &mut inlet, taken) {
                put_away(kept, &ended);
            }
        }
    }

    fn flush(&self, join: &Join<T>) -> Result<(), Error> {
        if !self.direct {
            return Ok(());
        }
        let mut kept = self.seat.hold();
        let Kept::Open(sink) = &mut *kept else {
            return Ok(());
        };
        let Err(error) = guard(|| sink.flush()) else {
            return Ok(());
        };
        let error = error.during("flush", &sink.name());
        let first = join.abandoned(error, Batch::new());
        sink.fail(&first);
        put_away(kept, &Err(first.clone()));
        Err(first)
    }

    fn close(&self) -> Option<S> {
        // A panic of the thread has left the sink to nobody: then it is not given back.
        let _ = self.thread.hold().join();
        let kept = std::mem::replace(&mut *self.seat.hold(), Kept::Gone);
        match kept {
            Kept::Finished(sink) => Some((self.inner)(sink)),
            Kept::Open(_) | Kept::Gone => None,
        }
    }
}
