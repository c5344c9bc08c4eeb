//! What a pipeline is doing, seen from any thread.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::channel::{Watch, Watched};
use crate::inlet::Counts;
use crate::path::CopyPath;
use crate::report::{BufferReport, Report, StageReport};

/// Tells, from any thread, what a pipeline is doing. A clone tells of the same pipeline.
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
pub struct Monitor(Arc<Seen>);

#[derive(Default)]
struct Seen {
    running: OnceLock<Running>,
    /// What it came to. From then on the joins are not looked at, and may be gone.
    done: OnceLock<Report>,
}

struct Running {
    began: Instant,
    stages: Vec<Stage>,
    path: CopyPath,
}

/// A stage with the joins on both sides of it, which are not kept alive by being watched.
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) input: Option<Weak<dyn Watch>>,
    pub(crate) output: Option<Weak<dyn Watch>>,
    /// What a sink was given and has confirmed, where that is not what its join tells: a stage on
    /// its thread makes something else of that.
    counts: Option<Arc<Counts>>,
    pub(crate) ended: OnceLock<Ended>,
}

/// How a stage has ended.
pub(crate) struct Ended {
    pub(crate) at: Instant,
    /// For how long a limit has held it up.
    pub(crate) held: Duration,
}

impl Stage {
    pub(crate) const fn new(
        name: String,
        input: Option<Weak<dyn Watch>>,
        output: Option<Weak<dyn Watch>>,
    ) -> Self {
        Self {
            name,
            input,
            output,
            counts: None,
            ended: OnceLock::new(),
        }
    }

    /// The same with counts of its own.
    pub(crate) fn counted(mut self, counts: Arc<Counts>) -> Self {
        self.counts = Some(counts);
        self
    }

    fn held(&self) -> Duration {
        self.ended.get().map_or(Duration::ZERO, |ended| ended.held)
    }

    fn report(&self, began: Instant, now: Instant) -> StageReport {
        let watch = |join: &Option<Weak<dyn Watch>>| -> Option<Watched> {
            Some(join.as_ref()?.upgrade()?.watch())
        };
        let (input, output) = (watch(&self.input), watch(&self.output));
        let (bytes, chunks) = match (&self.counts, &output, &input) {
            (Some(counts), ..) => counts.look(),
            (None, Some(output), _) => (output.tally.weight, output.tally.chunks),
            (None, None, Some(input)) => (input.tally.confirmed, input.tally.chunks),
            (None, None, None) => (0, 0),
        };
        let starved = input.map_or(Duration::ZERO, |join| join.tally.starved.total());
        let blocked = output.map_or(Duration::ZERO, |join| join.tally.blocked.total());
        let until = self.ended.get().map_or(now, |ended| ended.at);
        let ran = until.saturating_duration_since(began);
        StageReport {
            name: self.name.clone(),
            bytes,
            chunks,
            busy: ran
                .saturating_sub(starved)
                .saturating_sub(blocked)
                .saturating_sub(self.held()),
            starved,
            blocked,
            buffer: input.map(|join| BufferReport {
                len: join.len,
                peak: join.tally.peak,
                high_water_mark: join.high,
            }),
        }
    }
}

impl Running {
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
    pub(crate) fn begin(&self, stages: Vec<Stage>, path: CopyPath) {
        // A pipeline runs once.
        let _ = self.0.running.set(Running {
            began: Instant::now(),
            stages,
            path,
        });
    }

    /// The stage of that index.
    pub(crate) fn stage(&self, index: usize) -> Option<&Stage> {
        self.0.running.get()?.stages.get(index)
    }

    /// A stage has ended, which was held up by a limit for so long.
    pub(crate) fn ended(&self, index: usize, held: Duration) {
        if let Some(stage) = self.stage(index) {
            let _ = stage.ended.set(Ended {
                at: Instant::now(),
                held,
            });
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
