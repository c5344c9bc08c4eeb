//! A pipeline that runs, and how it ends.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::{Body, Pipeline, Plan, Settings, watched};
use crate::cancel::Cancel;
use crate::chunk::Batch;
use crate::error::Error;
use crate::monitor::{Monitor, Stage};
use crate::report::{Progress, Report};
use crate::sink::{self, Sink};

/// A pipeline from end to end.
#[must_use = "a pipeline does nothing before it is run"]
pub struct Ready<T, K> {
    pipeline: Pipeline<T>,
    sink: K,
}

impl<T, K> Ready<T, K> {
    pub(super) const fn new(pipeline: Pipeline<T>, sink: K) -> Self {
        Self { pipeline, sink }
    }
}

impl<T, K> fmt::Debug for Ready<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipeline.fmt(f)
    }
}

impl<T: Send + 'static, K: Sink<T>> Ready<T, K> {
    /// Runs the pipeline, on this thread and as many more as there are stages before the sink,
    /// until the sink has confirmed everything. Every thread is joined before it returns.
    ///
    /// The wait ends at the end of the source, with the first error, or with a cancel.
    ///
    /// # Errors
    ///
    /// The first cause, with how far it had come and what was not delivered. Into an [`Error`] it
    /// goes with `?`.
    pub fn run(self) -> Result<Report, Failure<T>> {
        self.run_into().map(|(report, _)| report)
    }

    /// Runs the pipeline as [`run`](Self::run) does, and gives the sink back.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_into(self) -> Result<(Report, K), Failure<T>> {
        let Self {
            pipeline: Pipeline {
                mut settings,
                build,
            },
            mut sink,
        } = self;
        let mut plan = Plan::default();
        let input = build(&settings, &mut plan);
        input.attach_sink(sink.interrupt());
        plan.stages.push(Stage::new(
            sink.name().into_owned(),
            Some(watched(&input)),
            None,
        ));

        let all: Arc<All> = Arc::new(All {
            joins: plan.joins,
            first: OnceLock::new(),
        });
        let target: Weak<All> = Arc::downgrade(&all);
        settings.token.register(target as Weak<dyn Cancel>);
        let monitor = settings.monitor.clone();
        monitor.begin(plan.stages);

        let threads = all.start(plan.bodies, &monitor);
        let outcome = sink::run(&input, &mut sink, teller(&mut settings));
        if let Err(error) = outcome {
            all.failed(all.joins.len(), error);
        }
        monitor.ended(all.joins.len(), Duration::ZERO);
        for thread in threads {
            // It has caught the panics of user code, and told its error.
            let _ = thread.join();
        }
        let report = monitor.end(all.was_stopped());
        match all.first.get() {
            None => Ok((report, sink)),
            Some(error) => Err(Failure {
                error: error.clone(),
                report,
                undelivered: input.take_undelivered(),
            }),
        }
    }
}

/// What is called after each write of the sink.
fn teller(settings: &mut Settings) -> impl FnMut(usize) {
    let mut progress = settings.progress.take();
    let total = settings.total;
    let started = Instant::now();
    let mut bytes = 0;
    move |written| {
        bytes += written as u64;
        if let Some(tell) = &mut progress {
            tell(&Progress {
                bytes,
                total,
                elapsed: started.elapsed(),
            });
        }
    }
}

/// Every join of a running pipeline, under one roof.
struct All {
    joins: Vec<Arc<dyn Cancel>>,
    /// The first cause.
    first: OnceLock<Error>,
}

impl All {
    /// Starts a thread for each body. If one cannot be started, everything is torn down.
    fn start(self: &Arc<Self>, bodies: Vec<Body>, monitor: &Monitor) -> Vec<JoinHandle<()>> {
        let mut threads = Vec::with_capacity(bodies.len());
        for (index, body) in bodies.into_iter().enumerate() {
            let all = Arc::clone(self);
            let monitor_of = monitor.clone();
            let run = move || {
                let held = body().unwrap_or_else(|error| {
                    all.failed(index, error);
                    Duration::ZERO
                });
                monitor_of.ended(index, held);
            };
            match Builder::new().name(format!("highwater-{index}")).spawn(run) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    let name = monitor.stage(index).map_or("a stage", |stage| &stage.name);
                    self.tear_down(Error::from(error).during("start the thread of", name));
                    break;
                }
            }
        }
        threads
    }

    /// Keeps the first error, and attaches the others to it.
    fn tell(&self, error: Error) {
        if let Err(error) = self.first.set(error)
            && let Some(first) = self.first.get()
        {
            first.attach(error);
        }
    }

    /// The stage of that index has ended with an error. What is behind it is told in its turn; what
    /// is before it may be waiting for a source that has nothing to say, and is told now.
    fn failed(&self, index: usize, error: Error) {
        for join in self.joins.iter().take(index) {
            join.abort(&error);
        }
        self.tell(error);
    }

    fn tear_down(&self, cause: Error) {
        self.tell(cause.clone());
        for join in &self.joins {
            join.abort(&cause);
        }
    }
}

impl Cancel for All {
    /// The source ends; everything behind it sees a clean end.
    fn stop(&self) {
        if let Some(source) = self.joins.first() {
            source.stop();
        }
    }

    fn abort(&self, cause: &Error) {
        self.tear_down(cause.clone());
    }

    fn was_stopped(&self) -> bool {
        self.joins
            .first()
            .is_some_and(|source| source.was_stopped())
    }
}

/// Why a pipeline failed, how far it had come, and what it still held.
pub struct Failure<T> {
    /// The first cause.
    pub error: Error,
    /// What every stage had done by then; the sink's bytes are those that it confirmed.
    pub report: Report,
    /// What was on its way to the sink and not written, in order, to the byte. What was buffered
    /// before an earlier stage is not among it.
    pub undelivered: Batch<T>,
}

impl<T> From<Failure<T>> for Error {
    fn from(failure: Failure<T>) -> Self {
        failure.error
    }
}

impl<T> fmt::Debug for Failure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error", &self.error)
            .field("confirmed", &self.report.bytes())
            .field("undelivered", &self.undelivered.weight())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Failure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for Failure<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
