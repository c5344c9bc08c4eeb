//! What is to be run, put together stage by stage once everything is known.

use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Settings;
use super::monitor::Stage;
use super::upstream::{FromChannel, Upstream, watched};
use crate::cancel::{Cancel, CancelToken};
use crate::channel::mark::{HighWaterMark, InBytes, Strategy};
use crate::channel::{Budget, Channel};
use crate::error::{Error, ErrorKind};
use crate::stage::drive::{Counts, DriveEnd, ToChannel};
use crate::stage::file_id::FileId;
use crate::stage::offer::CopySource;
use crate::stage::sink::{HookedSink, Sink};
use crate::stage::source;
use crate::stage::source::{HookedSource, Source};

/// What a stage does with a file.
const READS: &str = "is read";
const WRITES: &str = "is written too";

/// What is to be run.
pub(super) struct RunPlan<'a> {
    /// The mark of every buffer of bytes that was given none.
    pub(super) mark: HighWaterMark<InBytes>,
    /// How much a copy in the kernel may have on its way.
    pub(super) room: usize,
    /// How fast the source is read at most.
    pub(super) per_second: Option<NonZeroU64>,
    /// What the chunks are charged to.
    budget: Option<Budget>,
    /// Every byte comes through the buffers.
    pub(super) in_buffers: bool,
    /// What the source offers to a sink right behind it.
    pub(super) offer: Option<CopySource>,
    /// How many bytes of that are wanted, for each limit that was set.
    pub(super) wanted: Vec<Arc<AtomicU64>>,
    /// The files that are read and written, each with the stage that does, and why that one may not
    /// be written as well.
    files: Vec<(FileId, String, &'static str)>,
    /// A file would be written that is read, or that is written by another stage too.
    pub(super) clash: Option<Error>,
    pub(super) stages: Vec<Stage>,
    pub(super) bodies: Vec<ThreadBody<'a>>,
    /// Every channel, and everything else that a cancel has to reach, from the source on.
    pub(super) channels: Vec<Arc<dyn Cancel>>,
    /// What a source aborts that was torn down from its other side.
    pub(super) broken_off: CancelToken,
}

/// The work of a thread, with what it borrows from the caller of the pipeline.
pub(super) struct ThreadBody<'a> {
    /// Its stage.
    pub(super) stage: usize,
    /// How many channels are before it. When it ends early they are not needed any more; what is
    /// downstream ends after its data.
    pub(super) before: usize,
    pub(super) run: Box<dyn FnOnce() -> Result<DriveEnd, Error> + Send + 'a>,
}

/// Builds the channels up to some place of a pipeline.
///
/// A trait, because the lifetime in the type of a boxed closure's result could not be shortened: a
/// `Pipeline<'static, T>` could not go on with a stage that borrows.
pub(super) trait Build<T>: Send {
    /// Adds to an empty plan what is there up to this place.
    fn build<'p>(self: Box<Self>, plan: RunPlan<'static>) -> Built<'p, T>
    where
        Self: 'p;
}

/// A plan, and what feeds the next stage.
pub(super) struct Built<'a, T> {
    pub(super) plan: RunPlan<'a>,
    pub(super) feed: Box<dyn Upstream<T> + 'a>,
}

/// A closure that builds.
struct BuildFn<'a, F> {
    build: F,
    borrows: PhantomData<&'a ()>,
}

impl<'a, T, F: FnOnce(RunPlan<'static>) -> Built<'a, T> + Send> Build<T> for BuildFn<'a, F> {
    fn build<'p>(self: Box<Self>, plan: RunPlan<'static>) -> Built<'p, T>
    where
        Self: 'p,
    {
        (self.build)(plan)
    }
}

/// Begins a plan with what `add` adds to it.
pub(super) fn begin<'a, T: 'a>(
    add: impl FnOnce(&mut RunPlan<'a>) -> Box<dyn Upstream<T> + 'a> + Send + 'a,
) -> Box<dyn Build<T> + 'a> {
    Box::new(BuildFn {
        build: move |plan| {
            let mut plan: RunPlan<'a> = plan;
            let feed = add(&mut plan);
            Built { plan, feed }
        },
        borrows: PhantomData,
    })
}

/// Goes on with what `add` adds to a plan.
pub(super) fn grow<'a, I: 'a, O: 'a>(
    before: Box<dyn Build<I> + 'a>,
    add: impl FnOnce(Box<dyn Upstream<I> + 'a>, &mut RunPlan<'a>) -> Box<dyn Upstream<O> + 'a>
    + Send
    + 'a,
) -> Box<dyn Build<O> + 'a> {
    Box::new(BuildFn {
        build: move |plan| {
            let Built { mut plan, feed } = before.build(plan);
            let feed = add(feed, &mut plan);
            Built { plan, feed }
        },
        borrows: PhantomData,
    })
}

impl<'a> RunPlan<'a> {
    pub(super) fn new(settings: &Settings<'_>) -> Self {
        Self {
            mark: settings.mark,
            room: settings.room,
            per_second: settings.limit.as_ref().ok().copied().flatten(),
            budget: settings.budget.clone(),
            in_buffers: settings.in_buffers,
            offer: None,
            wanted: Vec::new(),
            files: Vec::new(),
            clash: None,
            stages: Vec::new(),
            bodies: Vec::new(),
            channels: Vec::new(),
            broken_off: CancelToken::new(),
        }
    }

    /// Makes a channel, within the budget.
    pub(super) fn channel<T: Send + 'static>(&self, strategy: Strategy<T>) -> Arc<Channel<T>> {
        let channel = Channel::within(strategy, self.budget.as_ref());
        channel.writers_wait_for(None);
        channel.reader_waits_for(None);
        channel
    }

    /// Adds a thread that does `run`, for a stage.
    pub(super) fn thread(
        &mut self,
        stage: Stage,
        run: impl FnOnce() -> Result<DriveEnd, Error> + Send + 'a,
    ) {
        self.bodies.push(ThreadBody {
            stage: self.stages.len(),
            before: self.channels.len(),
            run: Box::new(run),
        });
        self.stages.push(stage);
    }

    /// Notes what a source reads.
    pub(super) fn reads(&mut self, files: Vec<FileId>, name: &str) {
        let files = files.into_iter().map(|id| (id, name.to_owned(), READS));
        self.files.extend(files);
    }

    /// What is read, of all that was noted.
    pub(super) fn files_read(&self) -> Vec<FileId> {
        let read = self.files.iter().filter(|(_, _, does)| *does == READS);
        read.map(|(id, ..)| id.clone()).collect()
    }

    /// Notes what a sink writes, which nothing that was noted before may be.
    pub(super) fn writes<T>(&mut self, sink: &mut impl Sink<T>) {
        let Some(file) = sink.file() else {
            return;
        };
        let name = sink.name().into_owned();
        if let Some((_, other, does)) = self.files.iter().find(|(id, ..)| *id == file) {
            let said = format!("it is the same file as `{other}`, which {does}");
            let error = Error::new(ErrorKind::InvalidInput, said).during("write to", &name);
            self.clash.get_or_insert(error);
        }
        self.files.push((file, name, WRITES));
    }

    /// Has the stage that was added last count for itself.
    pub(super) fn count_last(&mut self, counts: Arc<Counts>, unit: &'static str) {
        if let Some(stage) = self.stages.pop() {
            self.stages.push(stage.counted(counts, unit));
        }
    }

    /// Adds a source, on a thread of its own.
    pub(super) fn source<T: Send + 'static, S: Source<T> + 'a>(
        &mut self,
        mut source: S,
        strategy: Strategy<T>,
        per_second: Option<NonZeroU64>,
    ) -> Box<dyn Upstream<T> + 'a> {
        self.reads(source.files(), &source.name());
        let output = self.channel(strategy);
        output.attach_source(source.interrupt());
        source.aborts(&self.broken_off);
        // A source that confirms needs its chunks to be read, so it makes no copy in the kernel.
        self.offer = (!source.confirms()).then(|| source.offer()).flatten();
        let stage = Stage::new(source.name().into_owned(), None, Some(watched(&output)));
        let filled = Arc::clone(&output);
        self.thread(stage, move || {
            // The kernel may have copied the beginning.
            let copied = filled.stats().weight;
            source::run_from(&filled, source, copied, per_second)?;
            Ok(DriveEnd::AtTheEnd)
        });
        self.upstream_of(output)
    }

    /// Adds a thread that takes everything from `feed` into a channel, by way of `work`, which is
    /// given the feed and what is downstream of that channel.
    pub(super) fn stage<I: 'static, O: Send + 'static>(
        &mut self,
        name: &str,
        feed: Box<dyn Upstream<I> + 'a>,
        strategy: Strategy<O>,
        work: impl FnOnce(&mut (dyn Upstream<I> + 'a), &mut ToChannel<O>) -> Result<DriveEnd, Error>
        + Send
        + 'a,
    ) -> Box<dyn Upstream<O> + 'a> {
        let output = self.channel(strategy);
        self.stage_into(name, feed, output, work)
    }

    /// The same into a channel that is there.
    pub(super) fn stage_into<I: 'static, O: Send + 'static>(
        &mut self,
        name: &str,
        mut feed: Box<dyn Upstream<I> + 'a>,
        output: Arc<Channel<O>>,
        work: impl FnOnce(&mut (dyn Upstream<I> + 'a), &mut ToChannel<O>) -> Result<DriveEnd, Error>
        + Send
        + 'a,
    ) -> Box<dyn Upstream<O> + 'a> {
        feed.attach(None);
        let name = named(&*feed, name);
        let stage = Stage::new(name, Some(feed.sample()), Some(watched(&output)));
        let mut downstream = ToChannel::new(Arc::clone(&output));
        self.thread(stage, move || work(&mut *feed, &mut downstream));
        self.upstream_of(output)
    }

    /// What a thread has filled is what the next one is fed from.
    pub(super) fn upstream_of<T: Send + 'static>(
        &mut self,
        output: Arc<Channel<T>>,
    ) -> Box<dyn Upstream<T> + 'a> {
        self.channels.push(output.clone());
        Box::new(FromChannel(output))
    }
}

/// A stage with the light ones that run on its thread.
pub(super) fn named<T>(feed: &dyn Upstream<T>, name: &str) -> String {
    let mut names = Vec::new();
    feed.name(&mut names);
    names.push(name.to_owned());
    names.join(" | ")
}
