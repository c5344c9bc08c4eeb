//! What a pipeline is doing, seen from any thread.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::Watch;
use crate::report::{BufferReport, Report, StageReport};
use crate::sync::Mutex;

/// Tells, from any thread, what a pipeline is doing. A clone tells of the same pipeline.
#[derive(Clone)]
pub struct Monitor(Arc<Mutex<State>>);

struct State {
    stages: Vec<Stage>,
    began: Option<Instant>,
    ended: Option<Instant>,
    held: Duration,
    stopped: bool,
}

/// A stage with the joins on both sides of it.
pub(crate) struct Stage {
    name: String,
    input: Option<Arc<dyn Watch>>,
    output: Option<Arc<dyn Watch>>,
    ended: Option<Instant>,
}

impl Stage {
    pub(crate) fn source(name: String, output: Arc<dyn Watch>) -> Self {
        Self {
            name,
            input: None,
            output: Some(output),
            ended: None,
        }
    }

    pub(crate) fn transform(name: String, input: Arc<dyn Watch>, output: Arc<dyn Watch>) -> Self {
        Self {
            name,
            input: Some(input),
            output: Some(output),
            ended: None,
        }
    }

    pub(crate) fn sink(name: String, input: Arc<dyn Watch>) -> Self {
        Self {
            name,
            input: Some(input),
            output: None,
            ended: None,
        }
    }

    fn report(&self, began: Instant, now: Instant, held: Duration) -> StageReport {
        let input = self.input.as_ref().map(|join| join.watch());
        let output = self.output.as_ref().map(|join| join.watch());
        let (bytes, chunks) = match (&output, &input) {
            (Some(output), _) => (output.tally.weight, output.tally.chunks),
            (None, Some(input)) => (input.tally.confirmed, input.tally.chunks),
            (None, None) => (0, 0),
        };
        let starved = input.map_or(Duration::ZERO, |join| join.tally.starved.total());
        let blocked = output.map_or(Duration::ZERO, |join| join.tally.blocked.total());
        let ran = self.ended.unwrap_or(now).saturating_duration_since(began);
        let held = if self.input.is_none() {
            held
        } else {
            Duration::ZERO
        };
        StageReport {
            name: self.name.clone(),
            bytes,
            chunks,
            busy: ran
                .saturating_sub(starved)
                .saturating_sub(blocked)
                .saturating_sub(held),
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

impl Monitor {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            stages: Vec::new(),
            began: None,
            ended: None,
            held: Duration::ZERO,
            stopped: false,
        })))
    }

    /// What the pipeline has done so far; waits that still go on are counted up to now.
    ///
    /// Empty before it was run. Costs a lock of each buffer, for as long as it takes to copy a few
    /// numbers.
    #[must_use]
    pub fn snapshot(&self) -> Report {
        self.0.lock().report()
    }

    pub(crate) fn begin(&self, stages: Vec<Stage>) {
        let mut state = self.0.lock();
        state.stages = stages;
        state.began = Some(Instant::now());
    }

    /// A stage has ended, which was held up by a limit for so long.
    pub(crate) fn ended(&self, index: usize, held: Duration) {
        let mut state = self.0.lock();
        state.held += held;
        if let Some(stage) = state.stages.get_mut(index) {
            stage.ended = Some(Instant::now());
        }
    }

    /// The pipeline has ended. The joins are let go: a monitor may live for long.
    pub(crate) fn end(&self, stopped: bool) -> Report {
        let mut state = self.0.lock();
        state.ended = Some(Instant::now());
        state.stopped = stopped;
        state.report()
    }

    pub(crate) fn name_of(&self, index: usize) -> String {
        self.0
            .lock()
            .stages
            .get(index)
            .map_or_else(String::new, |stage| stage.name.clone())
    }
}

impl State {
    fn report(&self) -> Report {
        let now = self.ended.unwrap_or_else(Instant::now);
        let began = self.began.unwrap_or(now);
        let stages = self
            .stages
            .iter()
            .map(|stage| stage.report(began, now, self.held))
            .collect();
        Report {
            stages,
            elapsed: now.saturating_duration_since(began),
            held: self.held,
            stopped: self.stopped,
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.snapshot()).finish()
    }
}
