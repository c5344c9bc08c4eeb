//! Many streams, one result.

mod group;
pub(crate) mod monitor;
mod operators;
mod plan;
mod readable;
pub(crate) mod report;
mod run;
mod tee_via;
mod upstream;
mod zero_copy;

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::CancelToken;
use crate::channel::Budget;
use crate::channel::mark::{HighWaterMark, InBytes, Strategy, Unit};
use crate::error::Error;
use crate::stage::drive::Through;
use crate::stage::rate::rate;
use crate::stage::source::Source;
use crate::stage::transform::Transform;
use crate::stream::into::{IntoSink, IntoSource};
use monitor::Monitor;
use report::{Progress, Teller};

use plan::{Build, RunPlan};
pub use run::{Failure, ReadyPipeline};
use upstream::{Fused, Upstream};
use zero_copy::SLICE_BYTES;

/// Begins a pipeline of bytes.
///
/// The source runs on its own thread, and so does each stage that computes much or may block;
/// the sink runs on the caller's. Between each two threads there is a buffer. Light stages
/// ([`Transform::is_light`]) run on the thread of the next stage, with no buffer between.
/// Nothing runs before [`run`](ReadyPipeline::run), and nothing is left running after it. So a pipeline
/// [may borrow](Pipeline#what-a-pipeline-may-borrow) from the function that runs it.
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
pub fn pipeline<'a, S>(source: S) -> Pipeline<'a, Bytes>
where
    S: IntoSource<Bytes, Source: 'a>,
{
    begin(source.into_source(), natural())
}

/// Begins a pipeline of anything, with a mark in a unit that fits it.
///
/// # Examples
///
/// ```
/// use highwater::{Error, HighWaterMark, Out, pipeline_of};
/// use highwater::stream::{ReceiverSource, SenderSink};
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
pub fn pipeline_of<'a, T, S, U>(source: S, mark: HighWaterMark<U>) -> Pipeline<'a, T>
where
    T: Send + 'static,
    S: IntoSource<T, Source: 'a>,
    U: Unit<T>,
{
    let mut pipeline = begin(source.into_source(), fixed(&mark));
    pipeline.settings.bound(&mark.strategy::<T>());
    pipeline
}

/// A builder for a pipeline: a source and any number of stages.
///
/// It does nothing before it is run. [`to`](Self::to) and its siblings attach the sink and return a
/// [`ReadyPipeline`], and [`run`](ReadyPipeline::run) runs it to its end.
///
/// # Which method for what
///
/// | To | use |
/// |---|---|
/// | change, leave out, or look at each chunk | [`map`](Self::map), [`try_map`](Self::try_map), [`filter`](Self::filter), [`flat_map`](Self::flat_map), [`inspect`](Self::inspect) |
/// | take a part of it | [`take`](Self::take), [`skip`](Self::skip) |
/// | compute on several threads | [`par_map`](Self::par_map), [`par_map_unordered`](Self::par_map_unordered) |
/// | put in a [`Transform`] | [`through`](Self::through) if it passes on bytes, else [`through_with`](Self::through_with) and a mark |
/// | go through a child process or a connection | [`via`](Self::via) |
/// | give each chunk to a second sink as well | [`tee`](Self::tee) |
/// | let what is before and what is behind run at the same time | [`buffered`](Self::buffered) |
/// | bound the memory, or the rate | [`high_water_mark`](Self::high_water_mark), [`budget`](Self::budget), [`limit`](Self::limit) |
/// | see how far it is | [`progress`](Self::progress), [`monitor`](Self::monitor), and the [`Report`](crate::Report) at the end |
/// | end it from another thread | [`cancel_with`](Self::cancel_with) a token |
/// | finish it with a sink, or a closure | [`to`](Self::to), [`for_each`](Self::for_each), [`try_for_each`](Self::try_for_each) |
/// | read what comes out | [`readable`](Self::readable) |
///
/// # Threads
///
/// The source has a thread, and so has each stage that is not
/// [light](Transform::is_light); the sink runs on the thread that calls `run`. Between two threads
/// there is a buffer, which holds at most its mark and one chunk. A light stage, such as `map`, runs
/// on the thread of what is behind it, with no buffer between. `run` starts the threads, and joins
/// every one of them before it returns. If the kernel can copy from the source to the sink by itself,
/// there is no thread but the caller's.
///
/// # What a pipeline may borrow
///
/// Everything that it runs: its source, its stages, its closures and its sink may borrow from the
/// function that calls [`run`](ReadyPipeline::run), for `'a`. Every thread is joined before `run`
/// returns, also after an error, a panic or a cancel, so nothing is borrowed any more then. The
/// chunks themselves are `'static`: of a `&[u8]` each is a copy.
///
/// A source is borrowed as `&mut source`, a sink as `&mut sink`, a `Vec<u8>` as `&mut vec`, a reader
/// with [`ReadSource::borrowed`](crate::ReadSource::borrowed), a writer with
/// [`WriteSink::borrowed`](crate::WriteSink::borrowed), and an iterator with
/// [`flow`](crate::stream::flow()). None of them is dropped by the pipeline, so none is closed by it. What
/// was read from a borrowed source and not delivered is not in the source any more.
///
/// A function that begins a pipeline which borrows nothing returns a `Pipeline<'static, T>`. Its
/// caller may add stages that borrow.
///
/// ```
/// use highwater::pipeline;
///
/// let text = String::from("counted");
/// let (mut bytes, mut copy) = (0, Vec::new());
/// pipeline(text.as_bytes())
///     .inspect(|chunk| bytes += chunk.len())
///     .to(&mut copy)
///     .run()?;
/// assert_eq!((bytes, &copy[..]), (7, text.as_bytes()));
/// # Ok::<(), highwater::Error>(())
/// ```
///
/// [`readable`](Self::readable) is for a `Pipeline<'static, T>` alone: its threads run as long as the
/// [`Readable`](crate::Readable) that it returns, which may be longer than the function that called it.
///
/// ```compile_fail,E0373
/// use highwater::{Bytes, Readable, pipeline};
///
/// fn read(text: &'static [u8]) -> Readable<Bytes> {
///     let mut bytes = 0;
///     pipeline(text).inspect(|chunk| bytes += chunk.len()).readable()
/// }
/// ```
#[must_use = "a pipeline does nothing before it is run"]
pub struct Pipeline<'a, T> {
    settings: Settings<'a>,
    /// How its output is measured.
    measure: Measure<T>,
    /// Builds the channels and the list of threads, once all settings are known.
    build: Box<dyn Build<T> + 'a>,
}

/// The settings of a pipeline, which may be made anywhere in the chain of calls.
struct Settings<'a> {
    mark: HighWaterMark<InBytes>,
    /// How much a copy in the kernel may have on its way.
    room: usize,
    /// How fast the source is read at most, or why that cannot be.
    limit: Result<Option<NonZeroU64>, Error>,
    budget: Option<Budget>,
    total: Option<u64>,
    /// Every byte comes through the buffers.
    in_buffers: bool,
    token: CancelToken,
    progress: Option<Teller<'a>>,
    monitor: Monitor,
}

impl Settings<'_> {
    fn new(total: Option<u64>) -> Self {
        Self {
            mark: HighWaterMark::default(),
            room: SLICE_BYTES,
            limit: Ok(None),
            budget: None,
            total,
            in_buffers: false,
            token: CancelToken::new(),
            progress: None,
            monitor: Monitor::default(),
        }
    }

    /// A mark that was set holds for a copy in the kernel too.
    fn bound<T>(&mut self, strategy: &Strategy<T>) {
        self.room = self.room.min(strategy.marks().high());
    }
}

/// Returns the marks and the unit of a stream, given the mark of its pipeline.
type Measure<T> = Arc<dyn Fn(HighWaterMark<InBytes>) -> Strategy<T> + Send + Sync>;

/// Bytes by the mark of the pipeline, and anything else by its number.
fn natural<T: 'static>() -> Measure<T> {
    Arc::new(Strategy::natural)
}

fn fixed<T: 'static, U: Unit<T>>(mark: &HighWaterMark<U>) -> Measure<T> {
    let strategy = mark.strategy();
    Arc::new(move |_| strategy)
}

fn begin<'a, T, S>(source: S, measure: Measure<T>) -> Pipeline<'a, T>
where
    T: Send + 'static,
    S: Source<T> + 'a,
{
    let settings = Settings::new(source.len_hint());
    let strategy = Arc::clone(&measure);
    Pipeline {
        settings,
        measure,
        build: plan::begin(move |plan| {
            let (strategy, per_second) = (strategy(plan.mark), plan.per_second);
            plan.source(source, strategy, per_second)
        }),
    }
}

impl<'a, T: Send + 'static> Pipeline<'a, T> {
    /// Puts a transform behind what is there, which passes bytes on.
    pub fn through(self, stage: impl Transform<T, Bytes> + 'a) -> Pipeline<'a, Bytes> {
        self.then(stage, natural())
    }

    /// Puts a transform behind what is there, with a mark for what it passes on.
    ///
    /// `mark` is that of the buffer behind the stage. A [light](Transform::is_light) stage has no such
    /// buffer. Its `mark` is used where something behind it keeps what comes out of it: the buffer of
    /// [`tee`](Self::tee) and of [`readable`](Self::readable), and the batches of
    /// [`par_map`](Self::par_map). It stays in use behind `filter`, `inspect`, `take` and `skip`. With
    /// none of those behind a light stage that passes bytes on, [`through`](Self::through) does the same.
    pub fn through_with<O, U>(
        self,
        stage: impl Transform<T, O> + 'a,
        mark: HighWaterMark<U>,
    ) -> Pipeline<'a, O>
    where
        O: Send + 'static,
        U: Unit<O>,
    {
        self.then(stage, fixed(&mark))
    }

    fn then<O: Send + 'static>(
        self,
        mut stage: impl Transform<T, O> + 'a,
        measure: Measure<O>,
    ) -> Pipeline<'a, O> {
        let taken = Arc::clone(&self.measure);
        self.grow(measure, move |feed, strategy, plan| {
            let taken = taken(plan.mark);
            if stage.is_light() {
                return Box::new(Fused {
                    before: feed,
                    strategy: taken,
                    stage,
                });
            }
            let name = stage.name().into_owned();
            plan.stage(&name, feed, strategy, move |feed, downstream| {
                feed.drive(&mut Through::new(&mut stage, taken, downstream))
            })
        })
    }

    /// Builds on what is there.
    fn grow<O: Send + 'static>(
        self,
        measure: Measure<O>,
        add: impl FnOnce(
            Box<dyn Upstream<T> + 'a>,
            Strategy<O>,
            &mut RunPlan<'a>,
        ) -> Box<dyn Upstream<O> + 'a>
        + Send
        + 'a,
    ) -> Pipeline<'a, O> {
        let (before, strategy) = (self.build, Arc::clone(&measure));
        Pipeline {
            // What a stage passes on is not what came in.
            settings: Settings {
                total: None,
                ..self.settings
            },
            measure,
            build: plan::grow(before, move |feed, plan| {
                add(feed, strategy(plan.mark), plan)
            }),
        }
    }

    /// Puts a buffer behind what is there, so that what comes before it and what comes behind it
    /// run on different threads.
    pub fn buffered<U: Unit<T>>(self, mark: HighWaterMark<U>) -> Self {
        self.grow(fixed(&mark), |feed, strategy, plan| {
            plan.stage("buffered", feed, strategy, |feed, downstream| {
                feed.drive(downstream)
            })
        })
    }

    /// Sets the marks of every buffer of bytes. Each holds at most this much and one chunk. Where
    /// the kernel copies, it limits what may be on the way, up to 1 MiB; if it is not set, that
    /// limit is 1 MiB.
    pub fn high_water_mark(mut self, mark: HighWaterMark<InBytes>) -> Self {
        self.settings.mark = mark;
        self.settings.bound(&mark.strategy::<Bytes>());
        self
    }

    /// Charges what is in the buffers of bytes to a budget, which other pipelines share.
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.settings.budget = Some(budget.clone());
        self
    }

    /// Limits how many bytes, or items, are read from the source in a second, in the unit of its
    /// stream.
    ///
    /// That holds at every moment: in any time there pass at most what the rate gives for it and
    /// for a twentieth of a second more, or a chunk of the source more if that is larger. What a
    /// silence saved is not spent in a burst. Of bytes as little is read at once as makes the rate
    /// even; a byte a second is one byte, each second.
    ///
    /// With a `per_second` of 0, at which nothing would ever move, [`run`](ReadyPipeline::run)
    /// fails, or the first read of a [`readable`](Self::readable), with
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), before anything is read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use highwater::{ErrorKind, pipeline};
    ///
    /// let began = Instant::now();
    /// let report = pipeline(vec![0; 1000]).limit(20_000).to(Vec::new()).run()?;
    /// assert!(began.elapsed() >= Duration::from_millis(50));
    /// assert_eq!((report.bytes(), report.bottleneck()), (1000, "limit"));
    ///
    /// let failure = pipeline(vec![0; 1000]).limit(0).to(Vec::new()).run().unwrap_err();
    /// assert_eq!(failure.error.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn limit(mut self, per_second: u64) -> Self {
        self.settings.limit = rate(per_second).map(Some);
        self
    }

    /// Has every byte come through the buffers, also where source and sink could have the kernel
    /// copy it without: on a thread more, which reads while the other one writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{fs, pipeline};
    /// use highwater::zero_copy::{BufferedReason, CopyPath};
    ///
    /// let copy = fs::create("/dev/null")?;
    /// let report = pipeline(fs::read("Cargo.toml")?).in_buffers().to(copy).run()?;
    /// assert_eq!(report.path(), Some(CopyPath::Buffered(BufferedReason::Asked)));
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn in_buffers(mut self) -> Self {
        self.settings.in_buffers = true;
        self
    }

    /// Puts the pipeline under a token.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.settings.token = token.clone();
        self
    }

    /// Calls `tell` after each write of the sink, on the thread that runs the pipeline.
    pub fn progress(self, tell: impl FnMut(&Progress) + Send + 'a) -> Self {
        self.progress_every(Duration::ZERO, tell)
    }

    /// Calls `tell` as [`progress`](Self::progress) does, no more often than once an `interval`,
    /// and once more at the end: for a bar, or a log.
    pub fn progress_every(
        mut self,
        interval: Duration,
        tell: impl FnMut(&Progress) + Send + 'a,
    ) -> Self {
        self.settings.progress = Some(Teller::new(interval, tell));
        self
    }

    /// A handle that reports, from any thread, what the pipeline is doing.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.settings.monitor.clone()
    }

    /// Attaches the sink and completes the pipeline.
    ///
    /// The branches of a [`Broadcast`](crate::Broadcast#every-branch-needs-a-reader) must be read
    /// by other threads while the pipeline runs.
    pub fn to<K: IntoSink<T>>(self, sink: K) -> ReadyPipeline<'a, T, K::Sink> {
        ReadyPipeline::new(self, sink.into_sink())
    }
}

impl<T> fmt::Debug for Pipeline<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("mark", &self.settings.mark)
            .finish_non_exhaustive()
    }
}
