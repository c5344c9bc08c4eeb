//! Where a pipeline is more than one line: a second sink beside it, and a stage in two halves.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::monitor::Stage;
use super::plan::named;
use super::upstream::{Fused, watched};
use super::{Pipeline, natural};
use crate::cancel::{Cancel, Interrupt};
use crate::channel::{Channel, Wait};
use crate::error::Error;
use crate::stage::drive;
use crate::stage::drive::{Counts, DriveEnd, ToSink};
use crate::stage::hooks::SourceHooks;
use crate::stage::sink::Sink;
use crate::stage::source;
use crate::stage::source::{HookedSource, Source};
use crate::stage::transform::{Out, Transform};
use crate::state::batch::Batch;
use crate::stream::into::{IntoSink, IntoSource};
use crate::threads::waits::For;

impl<'a, T: Send + 'static> Pipeline<'a, T> {
    /// Gives each chunk to a second sink too, which has a thread and a buffer of its own. The
    /// slower of the two paces both.
    ///
    /// A clone of each chunk is passed on: of bytes that is no copy. The pipeline is done when
    /// both sinks are, and fails if either does; a second sink that needs no more is left out
    /// from then on. For more than that, such as a branch that may fall behind, end the pipeline in
    /// a [`Broadcast`](crate::Broadcast).
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::pipeline;
    /// use highwater::stream::SenderSink;
    ///
    /// let (sender, receiver) = crossbeam_channel::unbounded();
    /// let (_, first) = pipeline(&b"twice"[..])
    ///     .tee(SenderSink::new(sender))
    ///     .to(Vec::new())
    ///     .run_into()?;
    /// assert_eq!(first.into_inner(), b"twice");
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), ["twice"]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn tee(self, second: impl IntoSink<T, Sink: 'a>) -> Self
    where
        T: Clone,
    {
        let total = self.settings.total;
        let mut sink = second.into_sink();
        let measure = Arc::clone(&self.measure);
        let mut both = self.grow(measure, move |before, strategy, plan| {
            plan.writes(&mut sink);
            let side = plan.channel(strategy);
            side.attach_sink(sink.interrupt());
            side.writers_wait_for(Some(For::Behind));
            let row = Stage::new(sink.name().into_owned(), Some(watched(&side)), None);
            let taken = Arc::clone(&side);
            plan.thread(row, move || {
                drive::run(&taken, &mut ToSink::new(&mut sink, strategy, &mut |_| {}))?;
                // Also if it needs no more: what is before it has another sink.
                Ok(DriveEnd::AtTheEnd)
            });
            plan.channels.push(Arc::new(Beside(side.clone())));
            let stage = Tee { side, open: true };
            Box::new(Fused {
                before,
                strategy,
                stage,
            })
        });
        both.settings.total = total;
        both
    }

    /// Goes on through something that has two halves which do not wait for each other: what is
    /// there is written to `sink`, and what `source` reads goes on. A child process, a connection.
    ///
    /// Each half runs on a thread of its own. What fails before `sink`, or in it, ends what
    /// `source` brings with that error, and not with an end.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use std::process::Command;
    /// use highwater::{pipeline, process};
    ///
    /// let sort = process::stage(Command::new("sort"))?;
    /// let (_, sorted) = pipeline(&b"b\na\n"[..])
    ///     .via(sort.sink, sort.source)
    ///     .to(Vec::new())
    ///     .run_into()?;
    /// assert_eq!(sorted.into_inner(), b"a\nb\n");
    /// # }
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn via<O: Send + 'static>(
        self,
        sink: impl IntoSink<T, Sink: 'a>,
        source: impl IntoSource<O, Source: 'a>,
    ) -> Pipeline<'a, O> {
        let shared = Arc::new(HalvesState::default());
        let mut first = FirstHalf {
            sink: sink.into_sink(),
            shared: Arc::clone(&shared),
        };
        let mut second = SecondHalf {
            source: source.into_source(),
            shared,
            ended: false,
        };
        let written = Arc::clone(&self.measure);
        self.grow(natural(), move |mut feed, strategy, plan| {
            feed.attach(first.interrupt());
            let recheck = feed.recheck();
            let name = named(&*feed, &first.name());
            let mut row = Stage::new(name, Some(feed.sample()), None);
            let written = written(plan.mark);
            let counts = Arc::<Counts>::default();
            if feed.channel().is_none() {
                row = row.counted(Arc::clone(&counts), written.unit());
            }
            plan.thread(row, move || {
                let mut unseen = |_| {};
                let downstream = ToSink::new(&mut first, written, &mut unseen);
                feed.drive(&mut downstream.counted(counts))
            });
            let output = plan.channel(strategy);
            output.attach_source(second.interrupt());
            second.aborts(&plan.broken_off);
            let row = Stage::new(second.name().into_owned(), None, Some(watched(&output)));
            let filled = Arc::clone(&output);
            plan.thread(row, move || {
                let ended = source::run(&filled, &mut second);
                second.shared.enough.store(ended.is_ok(), Ordering::Release);
                // The other half may need no more because of that, and may be parked.
                drop(second);
                recheck();
                ended.map(|()| DriveEnd::AtTheEnd)
            });
            plan.upstream_of(output)
        })
    }
}

/// Gives a clone of each chunk to a channel beside the pipeline.
struct Tee<T> {
    side: Arc<Channel<T>>,
    /// The second sink still wants something.
    open: bool,
}

impl<T: Clone + Send> Transform<T, T> for Tee<T> {
    fn transform(&mut self, chunk: T, out: &mut Out<'_, T>) -> Result<(), Error> {
        if self.open {
            if let Err(refused) = self.side.write(chunk.clone(), Wait::Forever) {
                let error = Error::from(refused);
                if !error.is_enough() {
                    return Err(error);
                }
                self.open = false;
            }
        }
        out.push(chunk)
    }

    fn flush(&mut self, _out: &mut Out<'_, T>) -> Result<(), Error> {
        self.side.end_producer();
        Ok(())
    }

    fn fail(&mut self, cause: &Error) {
        let _ = self.side.fail(cause.clone());
    }

    fn is_light(&self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("tee")
    }
}

/// The channel in front of a second sink, to be cancelled with the others.
struct Beside<T>(Arc<Channel<T>>);

impl<T: Send> Cancel for Beside<T> {
    fn stop(&self) {
        self.0.stop();
    }

    fn abort(&self, cause: &Error) {
        self.0.abort(cause);
    }

    /// It is what is behind the tee that needs no more. The second sink gets what was passed on
    /// before that, and then an end.
    fn satisfy(&self) {}

    fn was_stopped(&self) -> bool {
        self.0.was_stopped()
    }
}

/// What the two halves of a stage share.
#[derive(Default)]
struct HalvesState {
    /// Why the half that is written to was broken off.
    cause: OnceLock<Error>,
    /// The half that is read was dropped before its end.
    unread: AtomicBool,
    /// And that was no failure, because no more was needed.
    enough: AtomicBool,
}

/// The half of a stage that is written to. It passes the cause of an early end to the other half.
struct FirstHalf<K> {
    sink: K,
    shared: Arc<HalvesState>,
}

impl<K> FirstHalf<K> {
    /// If the other half is gone, a failure here is an echo: what has ended that one is the cause,
    /// unless it needs no more.
    fn call(&mut self, work: impl FnOnce(&mut K) -> Result<(), Error>) -> Result<(), Error> {
        let outcome = work(&mut self.sink);
        if outcome.is_ok() || !self.shared.unread.load(Ordering::Acquire) {
            return outcome;
        }
        if self.shared.enough.load(Ordering::Acquire) {
            return Err(Error::enough());
        }
        Err(Error::interrupted())
    }
}

impl<T, K: Sink<T>> Sink<T> for FirstHalf<K> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        self.call(|sink| sink.write(batch))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.call(Sink::flush)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.call(Sink::finish)
    }

    fn fail(&mut self, cause: &Error) {
        // Before this half is dropped: the other one may take that for an end.
        let _ = self.shared.cause.set(cause.clone());
        self.sink.fail(cause);
    }

    fn is_done(&self) -> bool {
        self.sink.is_done()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.sink.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        self.sink.name()
    }
}

/// What a stage in two halves is read from.
struct SecondHalf<S> {
    source: S,
    shared: Arc<HalvesState>,
    ended: bool,
}

impl<T, S: Source<T>> Source<T> for SecondHalf<S> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        let read = self.source.read();
        self.ended = matches!(read, Ok(None));
        match (&read, self.shared.cause.get()) {
            (Ok(None) | Err(_), Some(cause)) => Err(cause.clone()),
            _ => read,
        }
    }

    fn fail(&mut self, cause: &Error) {
        self.source.fail(cause);
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.source.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        self.source.name()
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
        self.source.hooks()
    }
}

impl<S> Drop for SecondHalf<S> {
    /// Before the source is dropped, which the other half may notice.
    fn drop(&mut self) {
        self.shared.unread.store(!self.ended, Ordering::Release);
    }
}
