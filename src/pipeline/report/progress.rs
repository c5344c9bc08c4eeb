//! The progress of a pipeline, reported while it runs.

use std::time::{Duration, Instant};

/// How far a pipeline has come, for a progress bar.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes, or items, the sink has written, in its [`unit`](Self::unit).
    pub bytes: u64,
    /// The name of the unit: `byte`, `item` or `weight`.
    pub unit: &'static str,
    /// How many there are in all, if the source reports it and no stage changes it.
    pub total: Option<u64>,
    /// For how long the pipeline has been running.
    pub elapsed: Duration,
}

type Tell<'a> = Box<dyn FnMut(&Progress) + Send + 'a>;

/// Reports the progress of a pipeline at intervals.
#[derive(Default)]
pub(crate) struct Teller<'a> {
    tell: Option<Tell<'a>>,
    interval: Duration,
    began: Option<Instant>,
    /// When the last report was made, and with what progress.
    reported: Option<(Instant, u64)>,
    bytes: u64,
    unit: &'static str,
    total: Option<u64>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(interval: Duration, tell: impl FnMut(&Progress) + Send + 'a) -> Self {
        Self {
            tell: Some(Box::new(tell)),
            interval,
            ..Self::default()
        }
    }

    /// Starts the clock.
    pub(crate) fn begin(&mut self, total: Option<u64>, unit: &'static str) {
        self.total = total;
        self.unit = unit;
        self.began = Some(Instant::now());
    }

    /// Counts what was written, and reports if it is time.
    pub(crate) fn tell(&mut self, written: usize) {
        self.bytes = self.bytes.saturating_add(written as u64);
        // The clock is read only if there is a callback.
        if self.tell.is_none() {
            return;
        }
        let now = Instant::now();
        if self
            .reported
            .is_none_or(|(at, _)| now.duration_since(at) >= self.interval)
        {
            self.tell_now(now);
        }
    }

    /// Nothing more will be written: reports what was not reported yet.
    pub(crate) fn end(&mut self) {
        if self.reported.is_some_and(|(_, bytes)| bytes < self.bytes) {
            self.tell_now(Instant::now());
        }
    }

    fn tell_now(&mut self, now: Instant) {
        self.reported = Some((now, self.bytes));
        if let (Some(tell), Some(began)) = (&mut self.tell, self.began) {
            tell(&Progress {
                bytes: self.bytes,
                unit: self.unit,
                total: self.total,
                elapsed: now.duration_since(began),
            });
        }
    }
}
