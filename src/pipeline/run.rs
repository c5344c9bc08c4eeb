//! A pipeline that runs, and how it ends.

use std::fmt;
use std::time::Instant;

use super::Pipeline;
use super::group::CancelGroup;
use super::monitor::Stage;
use super::plan::{Built, RunPlan, named};
use super::report::{Amount, Report};
use super::zero_copy as kernel;
use crate::cancel::Cancel;
use crate::error::Error;
use crate::stage::copy_path::{BufferedReason, CopyPath};
use crate::stage::drive::ToSink;
use crate::stage::rate::RateLimit;
use crate::stage::sink::Sink;
use crate::state::batch::Batch;
use crate::threads::worker::guard;

/// A pipeline with its sink: [`run`](Self::run) it, or [`run_into`](Self::run_into) if the sink is
/// wanted back.
///
/// Made by [`Pipeline::to`], [`for_each`](Pipeline::for_each) and
/// [`try_for_each`](Pipeline::try_for_each). It has no threads before it runs, and none after.
#[must_use = "a pipeline does nothing before it is run"]
pub struct ReadyPipeline<'a, T, K> {
    pipeline: Pipeline<'a, T>,
    sink: K,
}

impl<'a, T, K> ReadyPipeline<'a, T, K> {
    pub(super) const fn new(pipeline: Pipeline<'a, T>, sink: K) -> Self {
        Self { pipeline, sink }
    }
}

impl<T, K> fmt::Debug for ReadyPipeline<'_, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipeline.fmt(f)
    }
}

impl<T: Send + 'static, K: Sink<T>> ReadyPipeline<'_, T, K> {
    /// Runs the pipeline until the sink has confirmed everything: on this thread, and on one thread for
    /// the source and one for each stage that is not [light](crate::Transform::is_light). Every thread is
    /// joined before it returns.
    ///
    /// A file that has confirmed bytes has them. Of a socket the kernel has them, and the peer may have
    /// read fewer.
    ///
    /// The wait ends at the end of the source, with the first error, or with a cancel.
    ///
    /// # Errors
    ///
    /// The first cause, with how far it had come and what was not delivered. Into an [`Error`] it
    /// goes with `?`. A pipeline that would write a file which it reads, or one file twice, fails
    /// with [`InvalidInput`](crate::ErrorKind::InvalidInput) before it begins: see
    /// [`FileId`](crate::zero_copy::FileId). So does one with a [`limit`](Pipeline::limit) of 0.
    pub fn run(self) -> Result<Report, Failure<T>> {
        self.run_into().map(|(report, _)| report)
    }

    /// Runs the pipeline as [`run`](Self::run) does, and gives the sink back.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_into(self) -> Result<(Report, K), Failure<T>> {
        let Self { pipeline, mut sink } = self;
        let Pipeline {
            settings,
            measure,
            build,
        } = pipeline;
        let Built { mut plan, mut feed } = build.build(RunPlan::new(&settings));
        feed.attach(sink.interrupt());
        plan.writes(&mut sink);
        let clash = plan.clash.take();
        let copy = match &clash {
            None => kernel::agree(&mut plan, &*feed, &mut sink),
            Some(_) => Err(BufferedReason::Sink),
        };

        let strategy = measure(plan.mark);
        let mut teller = settings.progress.unwrap_or_default();
        teller.begin(settings.total, strategy.unit());
        let all = CancelGroup::new(plan.channels);
        let mut written = |weight| teller.tell(weight);
        let mut downstream = ToSink::new(&mut sink, strategy, &mut written).unless(all.torn());
        let name = named(&*feed, &downstream.name());
        let mut stage = Stage::new(name, Some(feed.sample()), None);
        if feed.channel().is_none() {
            stage = stage.counted(downstream.counts(), strategy.unit());
        }
        if copy.is_ok() {
            stage = stage.with_room(kernel::room(plan.room));
        }
        plan.stages.push(stage);
        let last = plan.stages.len() - 1;
        settings.token.register(all.target());
        if let Err(refused) = &settings.limit {
            all.abort(refused);
        }
        plan.broken_off.register(all.target());
        let monitor = settings.monitor;
        let path = match &copy {
            Ok(copy) => CopyPath::Kernel(copy.0.call()),
            Err(why) => CopyPath::Buffered(*why),
        };
        monitor.begin(plan.stages, path);
        if let Some(clash) = clash {
            // Before anything is read or written, each stage learns why there is nothing.
            all.abort(&clash);
        }

        let limit = plan.per_second;
        let limit = limit.map(|rate| RateLimit::new(rate, Instant::now()));
        let (bodies, path) = match (copy, feed.channel()) {
            (Ok(copy), Some(channel)) => {
                let run = kernel::CopyRun {
                    channel,
                    downstream: &mut downstream,
                    all: &all,
                    monitor: &monitor,
                    limit,
                    wanted: plan.wanted,
                };
                monitor.measure(last, || run.run(copy, plan.bodies))
            }
            _ => (plan.bodies, path),
        };
        all.run_all(bodies, &monitor, || {
            let drive = || feed.drive(&mut downstream);
            let ended = guard(|| monitor.measure(last, drive));
            all.settle(all.channels.len(), ended);
            monitor.ended(last);
        });
        let staged = downstream.into_undelivered();
        let passed = guard(|| {
            teller.end();
            Ok(())
        });
        if let Err(error) = passed {
            all.settle(0, Err(error));
        }
        let report = monitor.end(all.was_stopped(), path);
        match all.first() {
            None => Ok((report, sink)),
            Some(error) => Err(Failure {
                error: error.clone(),
                report,
                undelivered: Box::new(match feed.channel() {
                    Some(channel) => channel.take_undelivered(),
                    None => staged,
                }),
            }),
        }
    }
}

/// Why a pipeline failed, how far it had come, and what it still held.
pub struct Failure<T> {
    /// The first cause.
    pub error: Error,
    /// What every stage had done by then; the sink's bytes are those that it confirmed.
    pub report: Report,
    /// What was on its way to the sink and not written, in order, to the byte. What was buffered
    /// before an earlier stage is not among it. It is in a box
    /// to keep `Failure` small.
    pub undelivered: Box<Batch<T>>,
}

impl<T> From<Failure<T>> for Error {
    fn from(failure: Failure<T>) -> Self {
        failure.error
    }
}

impl<T> fmt::Debug for Failure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.report.unit();
        let confirmed = Amount::of(self.report.bytes(), unit);
        let undelivered = Amount::of(self.undelivered.weight() as u64, unit);
        f.debug_struct("Failure")
            .field("error", &self.error)
            .field("confirmed", &format_args!("{confirmed}"))
            .field("undelivered", &format_args!("{undelivered}"))
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
