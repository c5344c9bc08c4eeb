//! The driver of a sink: it owns the sink, and takes the requests of its channel to it.
//!
//! A sink that can return instead of blocking ([`Direct`](crate::stage::Direct)) is tried by the thread
//! that makes a request due. What would block is deferred to the sink's own thread, which starts
//! then and ends when nothing was deferred for a second. Any other sink has its thread from the
//! first request on.
//!
//! - Owns: the handle that writes owns the driver; the driver owns the sink and the channel. The
//!   channel refers to neither, so everything that makes a request due goes through the driver:
//!   what is not written by [`DriverHandle::write`] is followed by [`RunDue::run_due`].
//! - Lock order: `thread` before `sink`. Both are taken without the channel's lock.
//! - May block: `sink` is held while the sink is called, and that call may block only on the sink's
//!   own thread.
//! - Invariant: one request runs at a time, on the thread that took it out of the channel.

mod attempt;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{DriveEnd, ToSink, handle, run};
use crate::cancel::Cancel;
use crate::channel::mark::Strategy;
use crate::channel::{Channel, Ran, RunInline, Wait};
use crate::error::{Error, WriteError};
use crate::stage::sink::Sink;
use crate::state::batch::Batch;
use crate::state::{Pressure, SinkRequest};
use crate::threads::sync::{Mutex, MutexGuard};
use crate::threads::worker::{Worker, guard};

use attempt::Attempted;

/// How long the thread of a nonblocking sink waits for another request that would block.
const QUIET: Duration = Duration::from_secs(1);

/// Runs the requests that something other than a write has made due.
pub(crate) trait RunDue: Send + Sync {
    fn run_due(&self);
}

/// A driver without the type of its sink, as a handle keeps it.
pub(crate) trait DriverHandle<T, S>: RunDue {
    /// Writes a chunk, waiting for room first, and runs what is due by that.
    fn write(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>>;

    /// Writes chunks off the front of `chunks`, waiting for room as often as it takes.
    fn write_all(&self, chunks: &mut VecDeque<T>) -> Result<Pressure, Error>;

    /// Waits until a write would not wait.
    fn wait_drain(&self, wait: Wait) -> Result<(), Error>;

    /// Waits until everything that was written before has reached the sink, and was flushed.
    fn flush(&self) -> Result<(), Error>;

    /// Drops the sink of a stream that was torn down, if no thread serves it.
    fn release(&self);

    /// Waits for the thread to end, and returns the sink if it was finished, or else its name. The
    /// caller has ended the stream, so the thread ends too.
    fn close(&self) -> Result<S, String>;

    /// What a token acts on.
    fn cancel_target(&self) -> Weak<dyn Cancel>;

    /// Runs what is due, for a guard that outlives a borrow of the handle.
    fn due(&self) -> Option<Arc<dyn RunDue>>;
}

/// See the module's docs.
pub(crate) struct SinkDriver<T, K, S> {
    channel: Arc<Channel<T>>,
    strategy: Strategy<T>,
    /// The sink can be tried without blocking.
    nonblocking: bool,
    thread: Mutex<Worker<()>>,
    sink: Mutex<SinkSlot<K>>,
    into_inner: fn(K) -> S,
    /// For the thread, which keeps the driver alive while it runs.
    // Weak: the driver would otherwise keep itself, and its sink, open for ever.
    own: Weak<Self>,
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
    /// Makes a channel for `sink`, and the driver that owns both.
    pub(crate) fn open(
        mut sink: K,
        strategy: Strategy<T>,
        into_inner: fn(K) -> S,
    ) -> (Arc<Channel<T>>, Arc<dyn DriverHandle<T, S>>) {
        let nonblocking = sink.direct().is_some();
        let channel = Arc::new(Channel::with_sink(strategy, nonblocking));
        channel.attach_sink(sink.interrupt());
        let driver = Arc::new_cyclic(|own| Self {
            channel: Arc::clone(&channel),
            strategy,
            nonblocking,
            thread: Mutex::new(Worker::Gone),
            sink: Mutex::new(SinkSlot::Open(sink)),
            into_inner,
            own: Weak::clone(own),
        });
        (channel, driver)
    }

    /// Leaves a request to the thread, and starts it if there is none.
    fn defer(&self, rest: SinkRequest<T>) -> Ran {
        if !self.channel.defer(rest) {
            return Ran::Deferred;
        }
        // Without the lock of the sink: `start` takes that of the thread first.
        let Err(error) = self.start() else {
            return Ran::Deferred;
        };
        let error = error.during("start the thread of", "writable");
        // No thread will take it: what is left of it goes back to the writers.
        let deferred = self.channel.take_deferred();
        let first = self.channel.abandoned(error, deferred);
        let mut slot = self.sink.lock();
        if let SinkSlot::Open(sink) = &mut *slot {
            sink.fail(&first);
        }
        put_away::<T, K>(slot, &Err(first));
        Ran::Over
    }

    fn start(&self) -> Result<(), Error> {
        let driver = self.own.upgrade().ok_or_else(Error::closed)?;
        let mut thread = self.thread.lock();
        // The channel does not rely on the previous thread any more (`take_within`): it has ended,
        // or ends soon. That thread takes the lock of the sink, but never this one.
        thread.join()?;
        let name = match &*self.sink.lock() {
            SinkSlot::Open(sink) => format!("highwater-write {}", sink.name()),
            SinkSlot::Finished(_) | SinkSlot::Dropped(_) | SinkSlot::Gone => {
                return Err(Error::closed());
            }
        };
        *thread = Worker::new(name, move || driver.run_thread());
        Ok(thread.start()?)
    }

    /// What the sink's thread does.
    fn run_thread(&self) {
        if !self.nonblocking {
            // For as long as the thread lives: no other one calls a sink that may block.
            let mut slot = self.sink.lock();
            if let SinkSlot::Open(sink) = &mut *slot {
                let mut unseen = |_| {};
                let mut downstream = ToSink::uncounted(sink, self.strategy, &mut unseen);
                let ended = run(&self.channel, &mut downstream);
                put_away::<T, K>(slot, &ended);
            }
            return;
        }
        // It locks the sink only for a request. What comes while nothing is deferred is tried by
        // its writer again.
        while let Some(request) = self.channel.take_within(QUIET) {
            let mut slot = self.sink.lock();
            let SinkSlot::Open(sink) = &mut *slot else {
                return;
            };
            let mut unseen = |_| {};
            let mut downstream = ToSink::uncounted(sink, self.strategy, &mut unseen);
            if let Some(ended) = handle(&self.channel, &mut downstream, request) {
                put_away::<T, K>(slot, &ended);
                return;
            }
        }
    }
}

/// Keeps a sink that was finished, and drops any other. Not under the lock: its `Drop` is user
/// code.
fn put_away<T, K: Sink<T>>(mut slot: MutexGuard<'_, SinkSlot<K>>, ended: &Result<DriveEnd, Error>) {
    let gone = match (std::mem::replace(&mut *slot, SinkSlot::Gone), ended) {
        (SinkSlot::Open(sink), Ok(_)) => {
            *slot = SinkSlot::Finished(sink);
            return;
        }
        (SinkSlot::Open(sink), Err(_)) => {
            *slot = SinkSlot::Dropped(sink.name().into_owned());
            SinkSlot::Open(sink)
        }
        (gone, _) => gone,
    };
    drop(slot);
    drop(gone);
}

impl<T, K, S> RunInline<T> for SinkDriver<T, K, S>
where
    T: Send + 'static,
    K: Sink<T> + 'static,
    S: 'static,
{
    fn run_inline(&self, mut request: SinkRequest<T>) -> Ran {
        if !self.nonblocking {
            // Such a sink is never called by a writer: `try_write` would wait for it.
            return self.defer(request);
        }
        // The request that this thread has taken is the only one, so no other write is in the sink.
        // A flush may be.
        let mut slot = self.sink.lock();
        loop {
            let SinkSlot::Open(sink) = &mut *slot else {
                return Ran::Over;
            };
            match self.attempt(sink, request) {
                Attempted::Next(next) => request = next,
                Attempted::Done(pressure) => return Ran::Done(pressure),
                Attempted::WouldBlock(rest) => {
                    // Before the thread is started or woken: `start` takes the two locks in the
                    // other order, and the thread needs this one for the request.
                    drop(slot);
                    // A part of it may be gone, and with it the pressure.
                    return match self.defer(rest) {
                        Ran::Over => Ran::Over,
                        Ran::Done(_) | Ran::Deferred => Ran::Done(self.channel.pressure()),
                    };
                }
                Attempted::Over(ended) => {
                    put_away::<T, K>(slot, &ended);
                    return Ran::Over;
                }
            }
        }
    }
}

impl<T, K, S> RunDue for SinkDriver<T, K, S>
where
    T: Send + 'static,
    K: Sink<T> + 'static,
    S: 'static,
{
    fn run_due(&self) {
        // It ends: each request is run, or deferred, and while one is deferred none is due.
        while let Some(request) = self.channel.take_due() {
            if self.run_inline(request) == Ran::Over {
                return;
            }
        }
    }
}

impl<T, K, S> DriverHandle<T, S> for SinkDriver<T, K, S>
where
    T: Send + 'static,
    K: Sink<T> + 'static,
    S: 'static,
{
    fn write(&self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        self.channel.write_by(chunk, wait, self)
    }

    fn write_all(&self, chunks: &mut VecDeque<T>) -> Result<Pressure, Error> {
        self.channel.write_all_by(chunks, self)
    }

    fn wait_drain(&self, wait: Wait) -> Result<(), Error> {
        self.channel.wait_drain_by(wait, self)
    }

    fn flush(&self) -> Result<(), Error> {
        self.channel.wait_written(Wait::Forever, self)?;
        // A sink with a thread was ended by that thread.
        if !self.nonblocking {
            return Ok(());
        }
        // Everything was given to the sink; what it holds back itself is flushed here.
        let mut slot = self.sink.lock();
        let SinkSlot::Open(sink) = &mut *slot else {
            return Ok(());
        };
        let Err(error) = guard(|| sink.flush()) else {
            return Ok(());
        };
        let error = error.during("flush", &sink.name());
        let error = self.channel.locate(error, self.channel.stats().confirmed);
        let first = self.channel.abandoned(error, Batch::new());
        sink.fail(&first);
        put_away::<T, K>(slot, &Err(first.clone()));
        Err(first)
    }

    fn release(&self) {
        // A thread that serves the sink releases it: decided under the lock of the channel, under
        // which `defer` counts on a thread.
        let Some(request) = self.channel.take_release() else {
            return;
        };
        let mut slot = self.sink.lock();
        if let SinkSlot::Open(sink) = &mut *slot {
            let mut unseen = |_| {};
            let mut downstream = ToSink::uncounted(sink, self.strategy, &mut unseen);
            if let Some(ended) = handle(&self.channel, &mut downstream, request) {
                put_away::<T, K>(slot, &ended);
            }
        }
    }

    fn close(&self) -> Result<S, String> {
        // After a panic of the thread the sink has no owner, and is not given back.
        let _ = self.thread.lock().join();
        // After the thread, which may have been inside a call of it.
        let slot = std::mem::replace(&mut *self.sink.lock(), SinkSlot::Gone);
        match slot {
            SinkSlot::Finished(sink) => Ok((self.into_inner)(sink)),
            SinkSlot::Open(sink) => Err(sink.name().into_owned()),
            SinkSlot::Dropped(name) => Err(name),
            SinkSlot::Gone => Err(String::new()),
        }
    }

    fn cancel_target(&self) -> Weak<dyn Cancel> {
        let own: Weak<Self> = Weak::clone(&self.own);
        own
    }

    fn due(&self) -> Option<Arc<dyn RunDue>> {
        let own: Arc<Self> = self.own.upgrade()?;
        Some(own)
    }
}

impl<T, K, S> Cancel for SinkDriver<T, K, S>
where
    T: Send + 'static,
    K: Sink<T> + 'static,
    S: 'static,
{
    fn stop(&self) {
        self.channel.stop();
        // The end is due now, by this thread. No writer comes any more that would run it.
        self.run_due();
    }

    fn abort(&self, cause: &Error) {
        self.channel.abort(cause);
        // The same for the release.
        self.run_due();
    }

    fn satisfy(&self) {
        Cancel::satisfy(&*self.channel);
        self.run_due();
    }

    fn was_stopped(&self) -> bool {
        self.channel.was_stopped()
    }
}
