//! What the threads of a stage wait for, and for how long.
//!
//! Waits between the stages of a pipeline are counted by their channels. Any other wait of a stage
//! happens inside a source, a sink or a closure: it is counted by the meter of the thread, if that
//! has one. A clock is read only where a thread really waits.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sync::Mutex;

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Something that does not belong to its pipeline: data of a source, the peer of a sink.
    Outside,
    /// The stage in front of it.
    Before,
    /// Room behind it.
    Behind,
    /// A limit on the rate.
    Limit,
}

/// A sum of waits. The clock is read only when a thread really parks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WaitTime {
    total: Duration,
    since: Option<Instant>,
    threads: u32,
}

impl WaitTime {
    pub(crate) fn begin(&mut self) {
        self.threads += 1;
        // Several threads that wait at the same time are one wait: the report shows for how long
        // the stage was held up.
        self.since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn end(&mut self) {
        self.threads -= 1;
        if self.threads == 0 {
            let since = self.since.take();
            self.total += since.map_or(Duration::ZERO, |since| since.elapsed());
        }
    }

    /// Counts a wait that was over before the thread parked.
    #[inline]
    pub(crate) fn add(&mut self, waited: Duration) {
        // While another one is parked, that is counted already.
        if !waited.is_zero() && self.threads == 0 {
            self.total += waited;
        }
    }

    /// All waits together, with the one that still goes on.
    pub(crate) fn total(&self) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// For how long the threads of one stage have waited.
pub(crate) struct Meter(Mutex<[WaitTime; 4]>);

thread_local! {
    /// The meter of the stage that the thread works for.
    static METER: RefCell<Option<Arc<Meter>>> = const { RefCell::new(None) };
}

/// Calls `look` with the meter of this thread. A thread that is ending has none any more.
fn with_meter<R: Default>(look: impl FnOnce(&mut Option<Arc<Meter>>) -> R) -> R {
    METER
        .try_with(|meter| look(&mut meter.borrow_mut()))
        .unwrap_or_default()
}

impl Meter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new([WaitTime::default(); 4])))
    }

    /// For how long it was that.
    pub(crate) fn total(&self, what: For) -> Duration {
        self.0.lock()[what as usize].total()
    }

    /// Counts what `work` waits for on this thread, and in what it calls.
    pub(crate) fn measure<R>(self: &Arc<Self>, work: impl FnOnce() -> R) -> R {
        /// Also after a panic the thread works for what it did before.
        struct Before(Option<Arc<Meter>>);

        impl Drop for Before {
            fn drop(&mut self) {
                with_meter(|meter| *meter = self.0.take());
            }
        }

        let own = Some(Arc::clone(self));
        let _before = Before(with_meter(|meter| std::mem::replace(meter, own)));
        work()
    }
}

/// A wait of this thread, until it is dropped.
#[must_use = "a wait is over when it is dropped"]
pub(crate) struct Waiting(Option<(Arc<Meter>, For)>);

impl Waiting {
    /// Begins one, if it is for something, and this thread has a meter.
    pub(crate) fn begin(what: impl Into<Option<For>>) -> Self {
        Self(what.into().and_then(|what| {
            let meter = with_meter(|meter| meter.clone())?;
            meter.0.lock()[what as usize].begin();
            Some((meter, what))
        }))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((meter, what)) = &self.0 {
            meter.0.lock()[*what as usize].end();
        }
    }
}

/// Counts what `wait` takes as a wait for that.
pub(crate) fn wait_for<R>(what: For, wait: impl FnOnce() -> R) -> R {
    let _waiting = Waiting::begin(what);
    wait()
}

/// Counts a wait that was over before the thread parked, if it was for something.
#[cold]
pub(crate) fn waited_for(what: Option<For>, waited: Duration) {
    if let (Some(what), Some(meter)) = (what, with_meter(|meter| meter.clone())) {
        meter.0.lock()[what as usize].add(waited);
    }
}

/// Returns whether this thread has a meter.
#[cfg_attr(any(not(unix), loom), allow(dead_code))]
pub(crate) fn is_measured() -> bool {
    with_meter(|meter| meter.is_some())
}

/// Counts what `wait` takes as a wait for something outside of the pipeline that runs it, and not
/// as work.
///
/// Reports distinguish the two: a stage that works may be the bottleneck, and one that waits for
/// something outside is not. The ends of this crate count their waits themselves. Call this in your
/// own source, sink or closure where it blocks, for example on another queue. Outside of a pipeline
/// it only calls `wait`.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::thread;
/// use std::time::Duration;
/// use highwater::{HighWaterMark, Readable, pipeline_of};
/// use highwater::stage::waiting;
///
/// let (sender, receiver) = mpsc::sync_channel(0);
/// let reader = thread::spawn(move || receiver.iter().sum::<u64>());
///
/// let mark = HighWaterMark::items(16);
/// let report = pipeline_of(Readable::from_iter(1..=3, mark), mark)
///     .for_each(move |n| {
///         waiting(|| sender.send(n)).unwrap();
///     })
///     .run()?;
/// assert_eq!(reader.join().unwrap(), 6);
/// assert!(report.stages()[1].waiting > Duration::ZERO);
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn waiting<R>(wait: impl FnOnce() -> R) -> R {
    wait_for(For::Outside, wait)
}
