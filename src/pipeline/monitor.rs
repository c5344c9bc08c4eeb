//! What a pipeline is doing, seen from any thread.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::report::{BufferReport, Place, Report, StageReport};
use crate::channel::mark::BYTE;
use crate::channel::{Probe, Sample};
use crate::stage::copy_path::CopyPath;
use crate::stage::drive::Counts;
use crate::threads::waits::{For, Meter};

/// Reports, from any thread, what a pipeline is doing. A clone reports on the same pipeline.
///
/// # Examples
///
/// ```
/// use highwater::pipeline;
///
/// let pipeline = pipeline(&b"watched"[..]);
/// let monitor = pipeline.monitor();
/// assert_eq!(monitor.snapshot().bytes(), 0);
///
/// pipeline.to(Vec::new()).run()?;
/// assert_eq!(monitor.snapshot().bytes(), 7);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Monitor(Arc<Snapshot>);

#[derive(Default)]
struct Snapshot {
    running: OnceLock<RunningStage>,
    /// The final report. Once it is set the channels are not read any more, and may be gone.
    done: OnceLock<Report>,
}

struct RunningStage {
    began: Instant,
    stages: Vec<Stage>,
    path: CopyPath,
}

/// A stage with the channels on both sides of it, which are not kept alive by being watched.
pub(crate) struct Stage {
    pub(crate) name: String,
    input: Option<Weak<dyn Probe>>,
    output: Option<Weak<dyn Probe>>,
    /// What a stage has passed on, or a sink was given and has confirmed, and in what unit, where
    /// that differs from the counts of its channel.
    counts: Option<(Arc<Counts>, &'static str)>,
    /// What its threads wait for beside its channels.
    meter: Arc<Meter>,
    /// How much may be on its way to it past its channel.
    room: usize,
    /// No thread of the pipeline runs it.
    is_foreign: bool,
    /// For how long its channels were waited for before the pipeline began.
    before: Waited,
    ended: OnceLock<Instant>,
}

/// For how long a stage has waited at its channels.
#[derive(Clone, Copy, Default)]
struct Waited {
    starved: Duration,
    blocked: Duration,
}

/// Takes waits off the time that a stage has run, each as far as there is some left: waits of
/// several threads may overlap.
struct Left(Duration);

impl Left {
    fn take(&mut self, wait: Duration) -> Duration {
        let wait = wait.min(self.0);
        self.0 -= wait;
        wait
    }
}

impl Stage {
    pub(crate) fn new(
        name: String,
        input: Option<Weak<dyn Probe>>,
        output: Option<Weak<dyn Probe>>,
    ) -> Self {
        Self {
            name,
            input,
            output,
            counts: None,
            meter: Meter::new(),
            room: 0,
            is_foreign: false,
            before: Waited::default(),
            ended: OnceLock::new(),
        }
    }

    /// A stream that something else fills: what is waited for there is waited for outside.
    pub(crate) fn foreign(name: String, output: Weak<dyn Probe>) -> Self {
        Self {
            is_foreign: true,
            ..Self::new(name, None, Some(output))
        }
    }

    /// The same with counts of its own.
    pub(crate) fn counted(mut self, counts: Arc<Counts>, unit: &'static str) -> Self {
        self.counts = Some((counts, unit));
        self
    }

    /// The same, with room for this much on the way to it that bypasses its channel.
    pub(crate) const fn with_room(mut self, room: usize) -> Self {
        self.room = room;
        self
    }

    fn sample(&self) -> [Option<Sample>; 2] {
        [&self.input, &self.output].map(|channel| Some(channel.as_ref()?.upgrade()?.sample()))
    }

    fn waited([input, output]: &[Option<Sample>; 2]) -> Waited {
        let starved = input.map(|channel| channel.stats.starved.total());
        let blocked = output.map(|channel| channel.stats.blocked.total());
        Waited {
            starved: starved.unwrap_or_default(),
            blocked: blocked.unwrap_or_default(),
        }
    }

    /// The pipeline begins: what its channels were waited for before is not its own.
    fn begin(&mut self) {
        let channels = self.sample();
        self.before = Self::waited(&channels);
        if let (true, [_, Some(output)]) = (self.is_foreign, &channels) {
            self.before.starved = output.stats.starved.total();
        }
    }

    /// For how long a limit has held it up.
    fn held(&self) -> Duration {
        self.meter.total(For::Limit)
    }

    const fn place(&self) -> Place {
        match (&self.input, &self.output) {
            (None, _) => Place::Source,
            (Some(_), Some(_)) => Place::Between,
            (Some(_), None) => Place::Sink,
        }
    }

    fn report(&self, began: Instant, now: Instant) -> StageReport {
        let channels = self.sample();
        let [input, output] = &channels;
        let (bytes, chunks, unit) = match (&self.counts, output, input) {
            (Some((counts, unit)), ..) => {
                let (bytes, chunks) = counts.look();
                (bytes, chunks, *unit)
            }
            (None, Some(channel), _) => (channel.stats.weight, channel.stats.chunks, channel.unit),
            (None, None, Some(channel)) => {
                (channel.stats.confirmed, channel.stats.chunks, channel.unit)
            }
            (None, None, None) => (0, 0, BYTE),
        };
        let waited = Self::waited(&channels);
        let starved = waited.starved.saturating_sub(self.before.starved);
        let blocked = waited.blocked.saturating_sub(self.before.blocked);
        let until = self.ended.get().map_or(now, |ended| *ended);
        let mut left = Left(until.saturating_duration_since(began));
        // A foreign stage runs no thread of the pipeline, so a wait for it is a wait for something
        // outside.
        let outside = if self.is_foreign {
            let for_it = output.map_or(Duration::ZERO, |channel| channel.stats.starved.total());
            for_it.saturating_sub(self.before.starved)
        } else {
            self.meter.total(For::Outside)
        };
        let starved = left.take(starved + self.meter.total(For::Before));
        let blocked = left.take(blocked + self.meter.total(For::Behind));
        let waiting = left.take(outside);
        left.take(self.held());
        StageReport {
            name: self.name.clone(),
            bytes,
            unit,
            chunks,
            busy: if self.is_foreign {
                Duration::ZERO
            } else {
                left.0
            },
            starved,
            blocked,
            waiting,
            buffer: input.map(|channel| BufferReport {
                len: channel.len,
                peak: channel.stats.peak,
                high_water_mark: channel.high.max(self.room),
                unit: channel.unit,
            }),
            place: self.place(),
        }
    }
}

impl RunningStage {
    fn report(&self, now: Instant, stopped: bool) -> Report {
        Report {
            stages: self
                .stages
                .iter()
                .map(|stage| stage.report(self.began, now))
                .collect(),
            elapsed: now.saturating_duration_since(self.began),
            held: self.stages.iter().map(Stage::held).sum(),
            stopped,
            path: Some(Box::new(self.path)),
        }
    }
}

impl Monitor {
    /// What the pipeline has done so far; waits that still go on are counted up to now.
    ///
    /// Empty before it was run. Takes the lock of each buffer, for as long as it takes to copy a
    /// few numbers.
    #[must_use]
    pub fn snapshot(&self) -> Report {
        if let Some(done) = self.0.done.get() {
            return done.clone();
        }
        match self.0.running.get() {
            Some(running) => running.report(Instant::now(), false),
            None => Report::default(),
        }
    }

    /// The pipeline begins, on such a path.
    pub(crate) fn begin(&self, mut stages: Vec<Stage>, path: CopyPath) {
        stages.iter_mut().for_each(Stage::begin);
        // A pipeline runs once.
        let _ = self.0.running.set(RunningStage {
            began: Instant::now(),
            stages,
            path,
        });
    }

    /// The stage of that index.
    pub(crate) fn stage(&self, index: usize) -> Option<&Stage> {
        self.0.running.get()?.stages.get(index)
    }

    /// Counts what `work` waits for as what the stage of that index does.
    pub(crate) fn measure<R>(&self, index: usize, work: impl FnOnce() -> R) -> R {
        match self.stage(index) {
            Some(stage) => stage.meter.measure(work),
            None => work(),
        }
    }

    /// A stage has ended.
    pub(crate) fn ended(&self, index: usize) {
        if let Some(stage) = self.stage(index) {
            let _ = stage.ended.set(Instant::now());
        }
    }

    /// The pipeline has ended, after such a path.
    pub(crate) fn end(&self, stopped: bool, path: CopyPath) -> Report {
        let now = Instant::now();
        let report = self
            .0
            .running
            .get()
            .map(|running| running.report(now, stopped));
        let report = Report {
            path: Some(Box::new(path)),
            ..report.unwrap_or_default()
        };
        self.0.done.get_or_init(|| report).clone()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.snapshot()).finish()
    }
}
