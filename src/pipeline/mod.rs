//! Many streams, one result.

mod run;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::{Cancel, CancelToken};
use crate::channel::{Join, Watch};
use crate::ends::{IntoSink, IntoSource};
use crate::error::Error;
use crate::mark::{HighWaterMark, InBytes, Unit};
use crate::monitor::{Monitor, Stage};
use crate::report::Progress;
use crate::source::{self, Pace, Source};
use crate::transform::{self, Transform};

pub use run::{Failure, Ready};

/// Begins a pipeline of bytes.
///
/// Each stage runs on a thread of its own and the sink on the caller's, with a buffer between
/// each two. Nothing runs before [`run`](Ready::run), and nothing is left running after it.
///
/// # Examples
///
/// ```
/// use highwater::{HighWaterMark, pipeline};
///
/// let report = pipeline(&b"some bytes"[..])
///     .high_water_mark(HighWaterMark::bytes(64 * 1024))
///     .to(Vec::new())
///     .run()?;
/// assert_eq!(report.bytes(), 10);
/// println!("{report}");
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn pipeline<S: IntoSource<Bytes>>(source: S) -> Pipeline<Bytes> {
    begin(source.into_source(), |settings| settings.mark)
}

/// Begins a pipeline of anything, with a mark in a unit that fits it.
///
/// # Examples
///
/// ```
/// use highwater::{Error, HighWaterMark, Out, ReceiverSource, SenderSink, pipeline_of};
///
/// let (sender, receiver) = crossbeam_channel::unbounded();
/// (1..=3).for_each(|n| sender.send(n).unwrap());
/// drop(sender);
///
/// let (out, squares) = crossbeam_channel::unbounded();
/// let square = |n: u32, out: &mut Out<'_, u32>| out.push(n * n);
/// pipeline_of(ReceiverSource::new(receiver), HighWaterMark::items(16))
///     .through_with(square, HighWaterMark::items(16))
///     .to(SenderSink::new(out))
///     .run()?;
/// assert_eq!(squares.iter().collect::<Vec<_>>(), [1, 4, 9]);
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn pipeline_of<T, S, U>(source: S, mark: HighWaterMark<U>) -> Pipeline<T>
where
    T: Send + 'static,
    S: IntoSource<T>,
    U: Unit<T> + Send + 'static,
{
    begin(source.into_source(), move |_| mark)
}

/// A pipeline that has no sink yet.
#[must_use = "a pipeline does nothing before it is run"]
pub struct Pipeline<T> {
    settings: Settings,
    /// Builds the joins, and says what is to be run, once all settings are known.
    build: Build<T>,
}

/// What a pipeline can be told, wherever in the chain of calls it is told.
struct Settings {
    mark: HighWaterMark<InBytes>,
    per_second: Option<u64>,
    total: Option<u64>,
    token: CancelToken,
    progress: Option<Tell>,
    monitor: Monitor,
}

/// What is to be run.
#[derive(Default)]
struct Plan {
    stages: Vec<Stage>,
    bodies: Vec<Body>,
    joins: Vec<Arc<dyn Cancel>>,
}

type Build<T> = Box<dyn FnOnce(&Settings, &mut Plan) -> Arc<Join<T>> + Send>;

type Tell = Box<dyn FnMut(&Progress) + Send>;

type Body = Box<dyn FnOnce() -> Result<Duration, Error> + Send>;

fn begin<T, S, U>(
    mut source: S,
    mark: impl FnOnce(&Settings) -> HighWaterMark<U> + Send + 'static,
) -> Pipeline<T>
where
    T: Send + 'static,
    S: Source<T> + 'static,
    U: Unit<T>,
{
    let settings = Settings {
        mark: HighWaterMark::default(),
        per_second: None,
        total: source.len_hint(),
        token: CancelToken::new(),
        progress: None,
        monitor: Monitor::default(),
    };
    let build = move |settings: &Settings, plan: &mut Plan| {
        let output = Arc::new(Join::new(&mark(settings)));
        output.attach_source(source.interrupt());
        let mut pace = settings.per_second.map(Pace::new);
        let name = source.name().into_owned();
        let filled = Arc::clone(&output);
        plan.add(
            Stage::new(name, None, Some(watched(&output))),
            output.clone(),
            move || {
                source::run(&filled, &mut source, pace.as_mut())?;
                Ok(pace.map_or(Duration::ZERO, |pace| pace.held))
            },
        );
        output
    };
    Pipeline {
        settings,
        build: Box::new(build),
    }
}

fn watched<T: Send + 'static>(join: &Arc<Join<T>>) -> Weak<dyn Watch> {
    let join: Weak<Join<T>> = Arc::downgrade(join);
    join
}

impl Plan {
    fn add<T: Send + 'static>(
        &mut self,
        stage: Stage,
        output: Arc<Join<T>>,
        body: impl FnOnce() -> Result<Duration, Error> + Send + 'static,
    ) {
        self.stages.push(stage);
        self.joins.push(output);
        self.bodies.push(Box::new(body));
    }
}

impl<T: Send + 'static> Pipeline<T> {
    /// Puts a transform behind what is there, which passes bytes on.
    pub fn through(self, stage: impl Transform<T, Bytes> + 'static) -> Pipeline<Bytes> {
        self.then(stage, |settings| settings.mark)
    }

    /// Puts a transform behind what is there, with a mark for what it passes on.
    pub fn through_with<O, U>(
        self,
        stage: impl Transform<T, O> + 'static,
        mark: HighWaterMark<U>,
    ) -> Pipeline<O>
    where
        O: Send + 'static,
        U: Unit<O> + Send + 'static,
    {
        self.then(stage, move |_| mark)
    }

    fn then<O: Send + 'static, U: Unit<O>>(
        self,
        mut stage: impl Transform<T, O> + 'static,
        mark: impl FnOnce(&Settings) -> HighWaterMark<U> + Send + 'static,
    ) -> Pipeline<O> {
        let before = self.build;
        let build = move |settings: &Settings, plan: &mut Plan| {
            let input = before(settings, plan);
            let output = Arc::new(Join::new(&mark(settings)));
            let name = stage.name().into_owned();
            let filled = Arc::clone(&output);
            let stage_of = Stage::new(name, Some(watched(&input)), Some(watched(&output)));
            plan.add(stage_of, output.clone(), move || {
                transform::run(&input, &mut stage, &filled)?;
                Ok(Duration::ZERO)
            });
            output
        };
        // What a stage passes on is not what came in.
        let settings = Settings {
            total: None,
            ..self.settings
        };
        Pipeline {
            settings,
            build: Box::new(build),
        }
    }

    /// Sets the marks of every buffer of bytes. The pipeline holds at most so much, and a chunk,
    /// in each.
    pub fn high_water_mark(mut self, mark: HighWaterMark<InBytes>) -> Self {
        self.settings.mark = mark;
        self
    }

    /// Reads no more than so many bytes, or items, a second from the source.
    ///
    /// # Panics
    ///
    /// If `per_second` is 0, at which nothing would ever move.
    pub fn limit(mut self, per_second: u64) -> Self {
        assert!(per_second > 0, "a limit of 0 a second");
        self.settings.per_second = Some(per_second);
        self
    }

    /// Puts the pipeline under a token.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.settings.token = token.clone();
        self
    }

    /// Calls `tell` after each write of the sink, on the thread that runs the pipeline.
    pub fn progress(mut self, tell: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.settings.progress = Some(Box::new(tell));
        self
    }

    /// A handle that tells, from any thread, what the pipeline is doing.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.settings.monitor.clone()
    }

    /// Puts the sink to the end.
    pub fn to<K: IntoSink<T>>(self, sink: K) -> Ready<T, K::Sink> {
        Ready::new(self, sink.into_sink())
    }
}

impl<T> fmt::Debug for Pipeline<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("mark", &self.settings.mark)
            .finish_non_exhaustive()
    }
}
