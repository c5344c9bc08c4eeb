//! What a pipeline has done, stage by stage, and which of them held it up.

mod amount;
mod progress;

use std::fmt;
use std::time::Duration;

use crate::channel::mark::BYTE;
use crate::stage::copy_path::CopyPath;

use amount::Rate;
pub(crate) use amount::{Amount, Seconds};
pub use progress::Progress;
pub(crate) use progress::Teller;

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
/// Its running time is what it was busy, starved, blocked and waiting together, and what a
/// [limit](crate::Pipeline::limit) has held it up. Times are of the wall clock. Waits that end
/// within a few microseconds, while the thread still spins, count as busy: a clock is read only
/// when a thread really parks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageReport {
    /// What the stage calls itself: a path, an address.
    pub name: String,
    /// What it passed on, in its [`unit`](Self::unit). Of a sink: what it confirmed.
    pub bytes: u64,
    /// What one of them is called, which is the [name](crate::mark::Unit::name) of its mark's unit:
    /// `byte`, `item` or `weight`.
    pub unit: &'static str,
    /// How many chunks it passed on. Of a sink: how many it was given.
    pub chunks: u64,
    /// For how long it worked. A read or a write of a regular file is work, and so is a call that
    /// blocks without saying so; see [`waiting`](crate::stage::waiting()).
    pub busy: Duration,
    /// For how long it waited for the stage in front of it.
    pub starved: Duration,
    /// For how long it waited for room behind it.
    pub blocked: Duration,
    /// For how long it waited for something outside of the pipeline: a source for data (of a
    /// socket, a pipe, a child process, a branch, another stream), a sink for its peer to take
    /// some.
    pub waiting: Duration,
    /// The buffer in front of it. A source has none.
    pub buffer: Option<BufferReport>,
    pub(crate) place: Place,
}

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing in the pipeline is in front of it.
    Source,
    Between,
    /// Nothing in the pipeline is behind it.
    Sink,
}

/// The buffer in front of a stage.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BufferReport {
    /// What it holds now: queued and in flight.
    pub len: usize,
    /// The most that it held: never more than its mark and one chunk.
    pub peak: usize,
    /// Its high-water mark.
    pub high_water_mark: usize,
    /// What all three are counted in, as in [`StageReport::unit`]; `slot` where each is for the
    /// results of a few items of a [`par_map`](crate::Pipeline::par_map).
    pub unit: &'static str,
}

/// What held a pipeline up.
#[derive(Clone, Copy)]
enum Cause<'a> {
    Stage(&'a StageReport),
    /// That the source had nothing to give.
    Source(&'a StageReport),
    /// That what came out was not read.
    Reader,
    Limit,
    Nothing,
}

const WAITS_FOR_SOURCE: &str = "waits for its source";
const WAITS_FOR_READER: &str = "waits for its reader";

impl Report {
    /// How many bytes, or items, the sink has confirmed, in its [`unit`](Self::unit).
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stages.last().map_or(0, |sink| sink.bytes)
    }

    /// What the sink counts in: `byte`, `item` or `weight`.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        self.stages.last().map_or(BYTE, |sink| sink.unit)
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

    /// Returns whether a token's `stop` has ended it before the end of its source.
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
    /// it, or a sink that waited for its peer, or a child process.
    ///
    /// A source that waits for its data does not hold anything up: what is slow is outside. If that
    /// is what the pipeline waited for, this is "waits for its source", and "waits for its reader"
    /// if what comes out of it was not [read](crate::Pipeline::readable). It is "limit" if that was
    /// a [limit](crate::Pipeline::limit) on the rate, and "none" before anything has run.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use std::thread;
    /// use std::time::Duration;
    /// use highwater::pipeline;
    ///
    /// let (mut writer, reader) = UnixStream::pair()?;
    /// let pipeline = pipeline(reader);
    /// let monitor = pipeline.monitor();
    /// let idle = thread::spawn(move || {
    ///     // It writes once the pipeline has waited for it for a while.
    ///     let waited = || monitor.snapshot().stages().first().map_or(Duration::ZERO, |s| s.waiting);
    ///     while waited() < Duration::from_millis(50) {
    ///         thread::yield_now();
    ///     }
    ///     writer.write_all(b"at last")
    /// });
    /// let report = pipeline.to(Vec::new()).run()?;
    /// idle.join().unwrap()?;
    /// assert_eq!(report.bottleneck(), "waits for its source");
    /// assert!(report.stages()[0].busy < report.stages()[0].waiting);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bottleneck(&self) -> &str {
        match self.cause() {
            Cause::Stage(stage) => &stage.name,
            Cause::Source(_) => WAITS_FOR_SOURCE,
            Cause::Reader => WAITS_FOR_READER,
            Cause::Limit => "limit",
            Cause::Nothing => "none",
        }
    }

    fn cause(&self) -> Cause<'_> {
        let (mut cause, mut longest) = (Cause::Nothing, Duration::ZERO);
        let mut held_for = |held: Duration, by| {
            // Of two that took as long the later one: what stands before a bottleneck fills up.
            if held >= longest {
                (cause, longest) = (by, held);
            }
        };
        let mut before = None;
        for stage in &self.stages {
            let waiting = match (stage.place, before) {
                (Place::Source, None) => {
                    held_for(stage.waiting, Cause::Source(stage));
                    Duration::ZERO
                }
                // What a child makes of nothing it need not make.
                (Place::Source, Some(starved)) => stage.waiting.saturating_sub(starved),
                _ => stage.waiting,
            };
            held_for(stage.busy + waiting, Cause::Stage(stage));
            before = Some(stage.starved);
        }
        match self.stages.last() {
            Some(last) if last.place != Place::Sink => held_for(last.blocked, Cause::Reader),
            _ => {}
        }
        if self.held > longest {
            return Cause::Limit;
        }
        cause
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
            "{:<width$} {:>14} {:>9} {:>9} {:>9} {:>9} {:>9}  buffer",
            "stage", "moved", "chunks", "busy", "starved", "blocked", "waiting"
        )?;
        for stage in &self.stages {
            write!(
                f,
                "{:<width$} {:>14} {:>9} {:>9} {:>9} {:>9} {:>9}",
                stage.name,
                Amount::of(stage.bytes, stage.unit).to_string(),
                stage.chunks,
                Seconds(stage.busy).to_string(),
                Seconds(stage.starved).to_string(),
                Seconds(stage.blocked).to_string(),
                Seconds(stage.waiting).to_string(),
            )?;
            if let Some(buffer) = stage.buffer {
                write!(f, "  {buffer}")?;
            }
            writeln!(f)?;
        }
        let moved = Amount::of(self.bytes(), self.unit());
        let elapsed = Seconds(self.elapsed);
        let rate = Rate {
            per_second: self.rate(),
            unit: self.unit(),
        };
        write!(
            f,
            "{moved} in {elapsed}, {rate}; bottleneck: {}",
            self.cause()
        )
    }
}

impl fmt::Display for BufferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |number: usize| Amount::of(number as u64, self.unit).short();
        let (mark, peak) = (amount(self.high_water_mark), amount(self.peak));
        write!(f, "mark {mark}, peak {peak}")?;
        if self.peak > self.high_water_mark {
            f.write_str(" (mark and a chunk)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(stage) => {
                f.write_str(&stage.name)?;
                if stage.waiting <= stage.busy {
                    return Ok(());
                }
                f.write_str(match stage.place {
                    Place::Source => " (waits for its data)",
                    Place::Between => " (waits for something outside)",
                    Place::Sink => " (waits for its peer)",
                })
            }
            Self::Source(stage) => write!(f, "none, {WAITS_FOR_SOURCE} ({})", stage.name),
            Self::Reader => write!(f, "none, {WAITS_FOR_READER}"),
            Self::Limit => f.write_str("limit"),
            Self::Nothing => f.write_str("none"),
        }
    }
}
