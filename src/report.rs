//! What a pipeline has done, stage by stage, and which of them held it up.

use std::fmt;
use std::time::{Duration, Instant};

use crate::path::CopyPath;

/// What a pipeline has done so far, or in all.
///
/// Its [`Display`](fmt::Display) is a table for people.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(crate) stages: Vec<StageReport>,
    pub(crate) elapsed: Duration,
    pub(crate) held: Duration,
    pub(crate) stopped: bool,
    /// Boxed, for a report goes into every failure.
    pub(crate) path: Option<Box<CopyPath>>,
}

/// What one stage has done.
///
/// Times are of the wall clock, and add up to the stage's own running time. Waits that end within
/// a few microseconds, while the thread still spins, count as busy: a clock is read only when a
/// thread really parks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageReport {
    /// What the stage calls itself: a path, an address.
    pub name: String,
    /// What it passed on, in bytes or in the unit of its stream. Of a sink: what it confirmed.
    pub bytes: u64,
    /// How many chunks it passed on. Of a sink: how many it was given.
    pub chunks: u64,
    /// For how long it worked, or waited in a system call.
    pub busy: Duration,
    /// For how long it waited for something to do.
    pub starved: Duration,
    /// For how long it waited for room behind it.
    pub blocked: Duration,
    /// The buffer in front of it. A source has none.
    pub buffer: Option<BufferReport>,
}

/// The buffer in front of a stage.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BufferReport {
    /// What it holds now: queued and in flight.
    pub len: usize,
    /// The most that it held.
    pub peak: usize,
    /// Its high-water mark.
    pub high_water_mark: usize,
}

impl Report {
    /// How many bytes, or items, the sink has confirmed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stages.last().map_or(0, |sink| sink.bytes)
    }

    /// For how long the pipeline ran, or has been running.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Every stage, from the source to the sink.
    #[must_use]
    pub fn stages(&self) -> &[StageReport] {
        &self.stages
    }

    /// Says whether a token's `stop` has ended it before the end of its source.
    #[must_use]
    pub const fn was_stopped(&self) -> bool {
        self.stopped
    }

    /// Which way the bytes went: inside the kernel, or through buffers, and why so. While the
    /// pipeline runs, which way it has begun; `None` before that.
    #[must_use]
    pub fn path(&self) -> Option<CopyPath> {
        self.path.as_deref().copied()
    }

    /// The stage that held the others up: the one that was busy for longest while they waited for
    /// it. "limit" if that was a limit on the rate.
    #[must_use]
    pub fn bottleneck(&self) -> &str {
        // Of two that were equally busy the later one: what stands before a bottleneck fills up.
        let busiest = self.stages.iter().max_by_key(|stage| stage.busy);
        match busiest {
            Some(stage) if stage.busy >= self.held => &stage.name,
            _ => "limit",
        }
    }

    /// How fast it was, in bytes or items a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.bytes() as f64 / seconds
        } else {
            0.0
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .stages
            .iter()
            .map(|stage| stage.name.chars().count())
            .max();
        let width = width.unwrap_or(0).max(5);
        writeln!(
            f,
            "{:<width$} {:>11} {:>9} {:>9} {:>9} {:>9}  buffer",
            "stage", "bytes", "chunks", "busy", "starved", "blocked"
        )?;
        for stage in &self.stages {
            write!(
                f,
                "{:<width$} {:>11} {:>9} {:>9} {:>9} {:>9}",
                stage.name,
                Size(stage.bytes).to_string(),
                stage.chunks,
                Seconds(stage.busy).to_string(),
                Seconds(stage.starved).to_string(),
                Seconds(stage.blocked).to_string(),
            )?;
            if let Some(buffer) = stage.buffer {
                let (peak, high) = (
                    Size(buffer.peak as u64),
                    Size(buffer.high_water_mark as u64),
                );
                write!(f, "  peak {peak} of {high}")?;
            }
            writeln!(f)?;
        }
        let (bytes, rate) = (Size(self.bytes()), Size(self.rate() as u64));
        let elapsed = Seconds(self.elapsed);
        write!(
            f,
            "{bytes} in {elapsed}, {rate}/s; bottleneck: {}",
            self.bottleneck()
        )
    }
}

/// A number of bytes as people read it.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        let mut size = self.0 as f64;
        let mut unit = "B";
        for larger in UNITS {
            if size < 1024.0 {
                break;
            }
            size /= 1024.0;
            unit = larger;
        }
        if unit == "B" {
            write!(f, "{size} B")
        } else {
            write!(f, "{size:.1} {unit}")
        }
    }
}

/// A time as people read it.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.001 {
            write!(f, "{:.0} us", seconds * 1e6)
        } else if seconds < 1.0 {
            write!(f, "{:.1} ms", seconds * 1e3)
        } else {
            write!(f, "{seconds:.2} s")
        }
    }
}

/// How far a pipeline has come, for a progress bar.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes, or items, the sink has written.
    pub bytes: u64,
    /// How many there are in all, where the source knows and no stage changes it.
    pub total: Option<u64>,
    /// For how long the pipeline has been running.
    pub elapsed: Duration,
}

type Tell = Box<dyn FnMut(&Progress) + Send>;

/// Tells of the progress of a pipeline, now and then.
#[derive(Default)]
pub(crate) struct Teller {
    tell: Option<Tell>,
    interval: Duration,
    began: Option<Instant>,
    /// When it was told last, and how far it had come.
    told: Option<(Instant, u64)>,
    bytes: u64,
    total: Option<u64>,
}

impl Teller {
    pub(crate) fn new(interval: Duration, tell: impl FnMut(&Progress) + Send + 'static) -> Self {
        Self {
            tell: Some(Box::new(tell)),
            interval,
            ..Self::default()
        }
    }

    /// The pipeline begins now.
    pub(crate) fn begin(&mut self, total: Option<u64>) {
        self.total = total;
        self.began = Some(Instant::now());
    }

    /// So much more was written.
    pub(crate) fn tell(&mut self, written: usize) {
        self.bytes = self.bytes.saturating_add(written as u64);
        // The clock is read only if somebody wants to know.
        if self.tell.is_none() {
            return;
        }
        let now = Instant::now();
        if self
            .told
            .is_none_or(|(at, _)| now.duration_since(at) >= self.interval)
        {
            self.tell_now(now);
        }
    }

    /// Nothing more will be written: what was not told yet is told now.
    pub(crate) fn end(&mut self) {
        if self.told.is_some_and(|(_, bytes)| bytes < self.bytes) {
            self.tell_now(Instant::now());
        }
    }

    fn tell_now(&mut self, now: Instant) {
        self.told = Some((now, self.bytes));
        if let (Some(tell), Some(began)) = (&mut self.tell, self.began) {
            tell(&Progress {
                bytes: self.bytes,
                total: self.total,
                elapsed: now.duration_since(began),
            });
        }
    }
}
