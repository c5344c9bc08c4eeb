//! A pipeline that is read at its end, and a readable that a pipeline begins with.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::group::CancelGroup;
use super::monitor::Stage;
use super::plan::{self, Built, RunPlan};
use super::upstream::{Upstream, watched};
use super::{Pipeline, Settings, fixed};
use crate::cancel::{Cancel, Interrupt};
use crate::channel::mark::{HighWaterMark, Unit};
use crate::channel::{Channel, Probe, Wait};
use crate::error::{Error, ErrorKind};
use crate::stage::copy_path::{BufferedReason, CopyPath};
use crate::stage::drive::{Downstream, DriveEnd};
use crate::stage::rate::RateLimit;
use crate::stage::transform::Transform;
use crate::stream::channel::channel;
use crate::stream::duplex::Duplex;
use crate::stream::readable::Readable;
use crate::threads::waits::For;
use crate::threads::worker::Worker;

/// # A pipeline that is read
///
/// It borrows nothing: its threads run until the [`Readable`] has ended or is dropped, which may be
/// after the function that made it has returned.
impl<T: Send + 'static> Pipeline<'static, T> {
    /// Makes a stream of what comes out of it, to be read here.
    ///
    /// Its threads start with the first read, and none outlives the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{Bytes, pipeline};
    ///
    /// let shout = |chunk: Bytes| Bytes::from(chunk.to_ascii_uppercase());
    /// let loud = pipeline(&b"quiet"[..]).map(shout).readable();
    /// assert_eq!(loud.to_bytes(1024)?, "QUIET");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub fn readable(self) -> Readable<T> {
        let Self {
            settings,
            measure,
            build,
        } = self;
        let Built { mut plan, feed } = build.build(RunPlan::new(&settings));
        let strategy = measure(plan.mark);
        let output = match feed.channel() {
            Some(channel) => Arc::clone(channel),
            // Light stages at the end get a thread here, for there is none behind them.
            None => {
                let output = plan.channel(strategy);
                plan.stage_into("readable", feed, Arc::clone(&output), |feed, downstream| {
                    feed.drive(downstream)
                });
                output
            }
        };
        let files = plan.files_read();
        let RunPlan {
            stages,
            mut bodies,
            channels,
            clash,
            broken_off,
            ..
        } = plan;
        let all = CancelGroup::new(channels);
        if let Some(clash) = clash {
            all.abort(&clash);
        }
        output.attach_source(Some(all.interrupt(&output)));
        output.reader_waits_for(Some(For::Outside));
        settings.token.register(all.target());
        if let Err(refused) = &settings.limit {
            all.abort(refused);
        }
        broken_off.register(all.target());
        let (monitor, running) = (settings.monitor, Arc::clone(&all));
        let worker = Worker::new("highwater-pipeline".to_owned(), move || {
            let path = CopyPath::Buffered(BufferedReason::Sink);
            monitor.begin(stages, path);
            let last = bodies.pop();
            running.run_all(bodies, &monitor, || {
                if let Some(last) = last {
                    running.run(last, &monitor);
                }
            });
            monitor.end(running.was_stopped(), path);
        });
        Readable::of(output, worker, Some(all)).reading(files)
    }
}

impl<T: Send + 'static> Readable<T> {
    /// Begins a pipeline with what is read from here, on the thread of the next stage.
    pub fn into_pipeline(self) -> Pipeline<'static, T> {
        let strategy = self.channel().strategy();
        Pipeline {
            settings: Settings::new(None),
            measure: Arc::new(move |_| strategy),
            build: plan::begin(move |plan| {
                // What reads it is a thread of this pipeline; what writes to it is not.
                self.channel().reader_waits_for(None);
                let output = watched(self.channel());
                plan.stages
                    .push(Stage::foreign("readable".to_owned(), output));
                plan.reads(self.files_read(), "readable");
                self.channel().aborts(&plan.broken_off);
                plan.channels.push(Arc::new(Input {
                    channel: Arc::clone(self.channel()),
                    whole: self.target(),
                }));
                let limit = plan.per_second;
                let limit = limit.map(|rate| RateLimit::new(rate, Instant::now()));
                Box::new(FromReadable {
                    readable: self,
                    limit,
                })
            }),
        }
    }

    /// Appends a transform, which runs on its own thread: Node's `compose`. `mark` limits how much
    /// of its output is buffered.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stage::operators::map;
    /// use highwater::{HighWaterMark, Readable};
    ///
    /// let numbers = Readable::from_iter(1..=3, HighWaterMark::items(2));
    /// let squares = numbers.through(map(|n: u32| n * n), HighWaterMark::items(2));
    /// assert_eq!(squares.to_vec(10)?, [1, 4, 9]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub fn through<O: Send + 'static, U: Unit<O>>(
        self,
        stage: impl Transform<T, O> + 'static,
        mark: HighWaterMark<U>,
    ) -> Readable<O> {
        self.into_pipeline().then(stage, fixed(&mark)).readable()
    }

    /// Makes something else of each item, on `threads` threads, and reads the results in order; see
    /// [`Pipeline::par_map`].
    #[must_use]
    pub fn par_map<O: Send + 'static>(
        self,
        threads: usize,
        make: impl Fn(T) -> Result<O, Error> + Send + Sync + 'static,
    ) -> Readable<O> {
        self.into_pipeline().par_map(threads, make).readable()
    }

    /// Makes something else of each item, on `threads` threads, and reads the results as they come;
    /// see [`Pipeline::par_map_unordered`].
    #[must_use]
    pub fn par_map_unordered<O: Send + 'static>(
        self,
        threads: usize,
        make: impl Fn(T) -> Result<O, Error> + Send + Sync + 'static,
    ) -> Readable<O> {
        self.into_pipeline()
            .par_map_unordered(threads, make)
            .readable()
    }
}

impl<I: Send + 'static, O: Send + 'static> Duplex<O, I> {
    /// Makes a stream of a transform: what is written goes through it, on a thread of its own, and
    /// is read. `written` limits what is buffered before it, `read` what is buffered after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::stage::operators::map;
    /// use highwater::{Duplex, HighWaterMark};
    ///
    /// let mark = HighWaterMark::items(4);
    /// let mut square = Duplex::over(map(|n: u32| n * n), mark, mark);
    /// square.write(3)?;
    /// assert_eq!(square.next().transpose()?, Some(9));
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub fn over<U: Unit<I>, V: Unit<O>>(
        stage: impl Transform<I, O> + 'static,
        written: HighWaterMark<U>,
        read: HighWaterMark<V>,
    ) -> Self {
        let (writable, input) = channel(written);
        Self::new(input.through(stage, read), writable).through()
    }
}

/// What a readable that a pipeline begins with comes from, to be cancelled with its channels. What
/// the pipeline does to it is no news to the pipeline.
struct Input<T> {
    channel: Arc<Channel<T>>,
    whole: Arc<dyn Cancel>,
}

impl<T: Send> Cancel for Input<T> {
    fn stop(&self) {
        self.whole.stop();
    }

    fn abort(&self, cause: &Error) {
        self.channel.aborts_nothing();
        self.whole.abort(cause);
    }

    fn satisfy(&self) {
        self.whole.satisfy();
    }

    fn was_stopped(&self) -> bool {
        self.whole.was_stopped()
    }
}

/// A stream that another thread fills, read no faster than the limit.
struct FromReadable<T> {
    readable: Readable<T>,
    limit: Option<RateLimit>,
}

impl<T: Send + 'static> FromReadable<T> {
    fn pass(&mut self, downstream: &mut dyn Downstream<T>) -> Result<DriveEnd, Error> {
        while !downstream.is_done() {
            let nothing = |error: &Error| error.kind() == ErrorKind::WouldBlock;
            let next = match self.readable.try_next() {
                Err(error) if nothing(&error) => {
                    downstream.rest(true)?;
                    self.readable.next_within(Wait::Forever)
                }
                next => next,
            };
            let pushed = match next {
                Ok(Some(chunk)) => {
                    let weight = self
                        .limit
                        .is_some()
                        .then(|| self.readable.channel().weigh(&chunk));
                    let pushed = downstream.push(chunk);
                    match weight {
                        Some(weight) if pushed.is_ok() => self.hold(downstream, weight),
                        _ => pushed,
                    }
                }
                Err(error) if nothing(&error) => continue,
                Ok(None) => return downstream.finish().map(|()| DriveEnd::AtTheEnd),
                // A stage downstream needs no more, and has satisfied everything upstream.
                Err(_) if self.readable.channel().is_satisfied() => break,
                Err(error) => {
                    // After what was read before it.
                    if let Err(later) = downstream.rest(true) {
                        error.attach(later);
                    }
                    return Err(error);
                }
            };
            match pushed {
                Err(error) if error.is_enough() => break,
                pushed => pushed?,
            }
        }
        // From here on a teardown of that stream must not abort the pipeline.
        self.readable.channel().aborts_nothing();
        downstream.finish().map(|()| DriveEnd::WithEnough)
    }

    /// Waits until the limit lets more pass than what was read.
    fn hold(&mut self, downstream: &mut dyn Downstream<T>, weight: usize) -> Result<(), Error> {
        let limit = self.limit.as_mut();
        if let Some(due) = limit.and_then(|limit| limit.pass(weight as u64, Instant::now())) {
            // What was read is passed on meanwhile.
            downstream.rest(true)?;
            self.readable.channel().rest_until(due);
        }
        Ok(())
    }
}

impl<T: Send + 'static> Upstream<T> for FromReadable<T> {
    fn drive(&mut self, downstream: &mut dyn Downstream<T>) -> Result<DriveEnd, Error> {
        let ended = self.pass(downstream);
        if let Err(error) = &ended {
            downstream.fail(error);
            self.readable.channel().aborts_nothing();
            self.readable.destroy(error.clone());
        }
        ended
    }

    fn channel(&self) -> Option<&Arc<Channel<T>>> {
        None
    }

    fn sample(&self) -> Weak<dyn Probe> {
        watched(self.readable.channel())
    }

    fn attach(&self, interrupt: Option<Interrupt>) {
        self.readable.channel().attach_reader(interrupt);
    }

    fn recheck(&self) -> Box<dyn Fn() + Send> {
        let channel = Arc::clone(self.readable.channel());
        Box::new(move || channel.recheck())
    }

    fn name(&self, _names: &mut Vec<String>) {}
}
