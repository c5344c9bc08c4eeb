//! Where a sink is kept, for whoever has something for it: the thread that writes, or one of its
//! own, which is started for what would block.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::channel::mark::Strategy;
use crate::channel::{Attendance, Channel, Held, InlineSink, Seat, Served, Taken};
use crate::error::Error;
use crate::stage::drive as inlet;
use crate::stage::drive::{DriveEnd, Inlet, Step, ToSink};
use crate::stage::sink::Sink;
use crate::state::batch::Batch;
use crate::threads::worker::{Worker, guard};

/// For how long the thread of a sink that can be tried waits for more that would block.
const QUIET: Duration = Duration::from_secs(1);

/// What a handle does with its sink.
pub(super) trait DriverHandle<T, S>: Send + Sync {
    /// Lets go of a sink that nobody attends to, of a stream that was torn down.
    fn release(&self, join: &Channel<T>);

    /// Has a sink that is tried by whoever writes pass on what it holds back. Any other was told so
    /// by its thread.
    fn flush(&self, join: &Channel<T>) -> Result<(), Error>;

    /// Waits for the thread to end, and gives the sink back if it was finished, or the name that it
    /// had. The stream is over, or ends whatever its thread does.
    fn close(&self) -> Result<S, String>;
}

/// See the module's docs.
pub(super) struct SinkDriver<T, K, S> {
    /// The join that it is behind, for the thread to hold.
    join: OnceLock<Weak<Channel<T>>>,
    strategy: Strategy<T>,
    /// It can be tried without blocking.
    direct: bool,
    seat: Seat<SinkSlot<K>>,
    thread: Seat<Worker<()>>,
    inner: fn(K) -> S,
}

enum SinkSlot<K> {
    Open(K),
    Finished(K),
    /// It was dropped, after an error. This was its name.
    Dropped(String),
    /// It was taken back.
    Gone,
}

impl<T: Send + 'static, K: Sink<T> + 'static, S: 'static> SinkDriver<T, K, S> {
    /// Makes a join for `sink`, and the desk behind it.
    pub(super) fn open(
        mut sink: K,
        strategy: Strategy<T>,
        inner: fn(K) -> S,
    ) -> (Arc<Channel<T>>, Arc<dyn DriverHandle<T, S>>) {
        let direct = sink.direct().is_some();
        let interrupt = sink.interrupt();
        let driver = Arc::new(Self {
            join: OnceLock::new(),
            strategy,
            direct,
            seat: Seat::new(SinkSlot::Open(sink)),
            thread: Seat::new(Worker::Gone),
            inner,
        });
        let behind: Arc<dyn InlineSink<T>> = Arc::<Self>::clone(&driver);
        let join = Arc::new(Channel::with_driver(strategy, direct, behind));
        join.attach_sink(interrupt);
        // Nothing else sets it.
        let _ = driver.join.set(Arc::downgrade(&join));
        (join, driver)
    }
}

impl<T: Send + 'static, K: Sink<T>, S> SinkDriver<T, K, S> {
    /// Has the thread see to `rest`, and starts it if there is none.
    fn leave(&self, join: &Channel<T>, rest: Taken<T>) -> Served {
        if join.leave(rest) == Attendance::Wanted {
            if let Err(error) = self.start() {
                let error = error.during("start the thread of", "writable");
                let first = join.abandoned(error, join.take_deferred());
                let mut kept = self.seat.hold();
                if let SinkSlot::Open(sink) = &mut *kept {
                    sink.fail(&first);
                }
                put_away::<T, K>(kept, &Err(first));
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
            SinkSlot::Open(sink) => format!("highwater-write {}", sink.name()),
            SinkSlot::Finished(_) | SinkSlot::Dropped(_) | SinkSlot::Gone => {
                return Err(Error::closed());
            }
        };
        *thread = Worker::new(name, move || join.run_thread());
        Ok(thread.start()?)
    }
}

/// Keeps a sink that was finished, and drops any other: not under the lock, for that is its code.
fn put_away<T, K: Sink<T>>(mut kept: Held<'_, SinkSlot<K>>, ended: &Result<DriveEnd, Error>) {
    let gone = match (std::mem::replace(&mut *kept, SinkSlot::Gone), ended) {
        (SinkSlot::Open(sink), Ok(_)) => {
            *kept = SinkSlot::Finished(sink);
            return;
        }
        (SinkSlot::Open(sink), Err(_)) => {
            *kept = SinkSlot::Dropped(sink.name().into_owned());
            SinkSlot::Open(sink)
        }
        (gone, _) => gone,
    };
    drop(kept);
    drop(gone);
}

impl<T: Send + 'static, K: Sink<T>, S> InlineSink<T> for SinkDriver<T, K, S> {
    fn serve(&self, join: &Channel<T>, mut taken: Taken<T>) -> Served {
        if !self.direct {
            return self.leave(join, taken);
        }
        let mut kept = self.seat.hold();
        loop {
            let SinkSlot::Open(sink) = &mut *kept else {
                return Served::Over;
            };
            let mut ignore = |_| {};
            let mut inlet = ToSink::uncounted(sink, self.strategy, &mut ignore);
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
                    put_away::<T, K>(kept, &ended);
                    return Served::Over;
                }
            }
        }
    }

    fn run_thread(&self, join: &Channel<T>) {
        let mut ignore = |_| {};
        if !self.direct {
            let mut kept = self.seat.hold();
            if let SinkSlot::Open(sink) = &mut *kept {
                let mut inlet = ToSink::uncounted(sink, self.strategy, &mut ignore);
                let ended = inlet::run(join, &mut inlet);
                put_away::<T, K>(kept, &ended);
            }
            return;
        }
        // It has the sink only while it needs it. What comes when nothing is left over is tried
        // by its writer again.
        while let Some(taken) = join.take_within(QUIET) {
            let mut kept = self.seat.hold();
            let SinkSlot::Open(sink) = &mut *kept else {
                return;
            };
            let mut inlet = ToSink::uncounted(sink, self.strategy, &mut ignore);
            let ended = if matches!(taken, Taken::Batch(_)) && inlet.is_done() {
                Some(inlet::have_enough(join, &mut inlet))
            } else {
                inlet::see_to(join, &mut inlet, taken)
            };
            if let Some(ended) = ended {
                put_away::<T, K>(kept, &ended);
                return;
            }
        }
    }
}

impl<T: Send + 'static, K: Sink<T>, S> DriverHandle<T, S> for SinkDriver<T, K, S> {
    fn release(&self, join: &Channel<T>) {
        let Some(taken) = join.take_release() else {
            return;
        };
        let mut kept = self.seat.hold();
        if let SinkSlot::Open(sink) = &mut *kept {
            let mut ignore = |_| {};
            let mut inlet = ToSink::uncounted(sink, self.strategy, &mut ignore);
            if let Some(ended) = inlet::see_to(join, &mut inlet, taken) {
                put_away::<T, K>(kept, &ended);
            }
        }
    }

    fn flush(&self, join: &Channel<T>) -> Result<(), Error> {
        if !self.direct {
            return Ok(());
        }
        let mut kept = self.seat.hold();
        let SinkSlot::Open(sink) = &mut *kept else {
            return Ok(());
        };
        let Err(error) = guard(|| sink.flush()) else {
            return Ok(());
        };
        let error = error.during("flush", &sink.name());
        let error = join.locate(error, join.stats().confirmed);
        let first = join.abandoned(error, Batch::new());
        sink.fail(&first);
        put_away::<T, K>(kept, &Err(first.clone()));
        Err(first)
    }

    fn close(&self) -> Result<S, String> {
        // A panic of the thread leaves the sink with no owner: then it is not given back.
        let _ = self.thread.hold().join();
        let kept = std::mem::replace(&mut *self.seat.hold(), SinkSlot::Gone);
        match kept {
            SinkSlot::Finished(sink) => Ok((self.inner)(sink)),
            SinkSlot::Open(sink) => Err(sink.name().into_owned()),
            SinkSlot::Dropped(name) => Err(name),
            SinkSlot::Gone => Err(String::new()),
        }
    }
}
