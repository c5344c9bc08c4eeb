//! What is to be run, put together stage by stage once everything is known.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::Settings;
use super::feed::{Feed, FromJoin, watched};
use crate::cancel::Cancel;
use crate::channel::{Budget, Join};
use crate::error::Error;
use crate::inlet::{Ended, ToJoin};
use crate::mark::{Gauge, HighWaterMark, InBytes};
use crate::monitor::Stage;
use crate::offer::Offer;
use crate::source::{self, Pace, Source};

/// What is to be run.
pub(super) struct Plan {
    /// The mark of every buffer of bytes that was given none.
    pub(super) mark: HighWaterMark<InBytes>,
    /// How much a copy in the kernel may have on its way.
    pub(super) room: usize,
    /// How fast the source is read at most.
    pub(super) per_second: Option<u64>,
    /// What the chunks are charged to.
    budget: Option<Budget>,
    /// Every byte comes through the buffers.
    pub(super) in_buffers: bool,
    /// What the source offers to a sink right behind it.
    pub(super) offer: Option<Offer>,
    /// How many bytes of that are wanted, of each who has said so.
    pub(super) wanted: Vec<Arc<AtomicU64>>,
    pub(super) stages: Vec<Stage>,
    pub(super) bodies: Vec<Body>,
    /// Every join, and whatever else a cancel has to reach, from the source on.
    pub(super) joins: Vec<Arc<dyn Cancel>>,
}

/// What a thread does.
pub(super) struct Body {
    /// Its stage.
    pub(super) stage: usize,
    /// How many joins are before it. When it ends before its time they are of no use any more;
    /// what is behind it is told in its turn.
    pub(super) before: usize,
    /// For how long a limit has held it up before it was started.
    pub(super) held: Duration,
    pub(super) run: Box<dyn FnOnce() -> Result<Done, Error> + Send>,
}

/// How a thread has ended.
pub(super) struct Done {
    pub(super) ended: Ended,
    /// For how long a limit has held it up.
    pub(super) held: Duration,
}

impl From<Ended> for Done {
    fn from(ended: Ended) -> Self {
        Self {
            ended,
            held: Duration::ZERO,
        }
    }
}

/// Builds the joins up to some place of a pipeline, and says what feeds what is behind it.
pub(super) type Build<T> = Box<dyn FnOnce(&mut Plan) -> Box<dyn Feed<T>> + Send>;

impl Plan {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            mark: settings.mark,
            room: settings.room,
            per_second: settings.per_second,
            budget: settings.budget.clone(),
            in_buffers: settings.in_buffers,
            offer: None,
            wanted: Vec::new(),
            stages: Vec::new(),
            bodies: Vec::new(),
            joins: Vec::new(),
        }
    }

    /// Makes a join, within the budget.
    pub(super) fn join<T: Send + 'static>(&self, gauge: Gauge<T>) -> Arc<Join<T>> {
        Join::within(gauge, self.budget.as_ref())
    }

    /// Adds a thread that does `run`, for a stage.
    pub(super) fn thread(
        &mut self,
        stage: Stage,
        run: impl FnOnce() -> Result<Done, Error> + Send + 'static,
    ) {
        self.bodies.push(Body {
            stage: self.stages.len(),
            before: self.joins.len(),
            held: Duration::ZERO,
            run: Box::new(run),
        });
        self.stages.push(stage);
    }

    /// Adds a source, on a thread of its own.
    pub(super) fn source<T: Send + 'static, S: Source<T> + 'static>(
        &mut self,
        mut source: S,
        gauge: Gauge<T>,
        per_second: Option<u64>,
    ) -> Box<dyn Feed<T>> {
        let output = self.join(gauge);
        output.attach_source(source.interrupt());
        // One that waits to hear how its chunks fared has to have brought some.
        self.offer = (!source.confirms()).then(|| source.offer()).flatten();
        let mut pace = per_second.map(Pace::new);
        let stage = Stage::new(source.name().into_owned(), None, Some(watched(&output)));
        let filled = Arc::clone(&output);
        self.thread(stage, move || {
            source::run(&filled, source, pace.as_mut())?;
            Ok(Done {
                ended: Ended::AtTheEnd,
                held: pace.map_or(Duration::ZERO, |pace| pace.held),
            })
        });
        self.joined(output)
    }

    /// Adds a thread that takes everything from `feed` into a join, by way of `work`, which is
    /// given the feed and the inlet of that join.
    pub(super) fn stage<I: 'static, O: Send + 'static>(
        &mut self,
        name: &str,
        feed: Box<dyn Feed<I>>,
        gauge: Gauge<O>,
        work: impl FnOnce(&mut dyn Feed<I>, &mut ToJoin<O>) -> Result<Ended, Error> + Send + 'static,
    ) -> Box<dyn Feed<O>> {
        let output = self.join(gauge);
        self.stage_into(name, feed, output, work)
    }

    /// The same into a join that is there.
    pub(super) fn stage_into<I: 'static, O: Send + 'static>(
        &mut self,
        name: &str,
        mut feed: Box<dyn Feed<I>>,
        output: Arc<Join<O>>,
        work: impl FnOnce(&mut dyn Feed<I>, &mut ToJoin<O>) -> Result<Ended, Error> + Send + 'static,
    ) -> Box<dyn Feed<O>> {
        feed.attach(None);
        let name = named(&*feed, name);
        let stage = Stage::new(name, Some(feed.watch()), Some(watched(&output)));
        let mut inlet = ToJoin::new(Arc::clone(&output));
        self.thread(stage, move || work(&mut *feed, &mut inlet).map(Done::from));
        self.joined(output)
    }

    /// What a thread has filled is what the next one is fed from.
    pub(super) fn joined<T: Send + 'static>(&mut self, output: Arc<Join<T>>) -> Box<dyn Feed<T>> {
        self.joins.push(output.clone());
        Box::new(FromJoin(output))
    }
}

/// A stage with the light ones that run on its thread.
pub(super) fn named<T>(feed: &dyn Feed<T>, name: &str) -> String {
    let mut names = Vec::new();
    feed.name(&mut names);
    names.push(name.to_owned());
    names.join(" | ")
}
