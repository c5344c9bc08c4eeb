//! All channels and threads of a running pipeline, which end together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use super::monitor::Monitor;
use super::plan::ThreadBody;
use crate::cancel::{Cancel, Interrupt};
use crate::channel::Channel;
use crate::error::Error;
use crate::stage::drive::DriveEnd;
use crate::threads::worker::guard;

/// What ends together.
pub(super) struct CancelGroup {
    pub(super) channels: Vec<Arc<dyn Cancel>>,
    /// The first cause.
    first: OnceLock<Error>,
    /// The first echo: it reports only that something has failed. It may arrive before the cause.
    echo: OnceLock<Error>,
    /// Everything was torn down.
    torn: Arc<AtomicBool>,
}

impl CancelGroup {
    pub(super) fn new(channels: Vec<Arc<dyn Cancel>>) -> Arc<Self> {
        Arc::new(Self {
            channels,
            first: OnceLock::new(),
            echo: OnceLock::new(),
            torn: Arc::default(),
        })
    }

    /// What a token acts on.
    pub(super) fn target(self: &Arc<Self>) -> Weak<dyn Cancel> {
        let target: Weak<Self> = Arc::downgrade(self);
        target
    }

    /// Ends everything, when the output is not read any more. After a stop it does nothing.
    pub(super) fn interrupt<T: Send + 'static>(
        self: &Arc<Self>,
        output: &Arc<Channel<T>>,
    ) -> Interrupt {
        let (all, output) = (Arc::downgrade(self), Arc::downgrade(output));
        Interrupt::new(move || {
            let output = output.upgrade();
            if output.as_ref().is_none_or(|output| output.is_destroyed()) {
                if let Some(all) = all.upgrade() {
                    // The reader may have set the cause.
                    let cause = output
                        .and_then(|output| output.with_state(|state, _| state.errored().cloned()));
                    all.tear_down(cause.unwrap_or_else(Error::closed));
                }
            }
        })
    }

    /// Up once everything was torn down.
    pub(super) fn torn(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.torn)
    }

    /// The first cause, if something has failed, once every thread has ended.
    pub(super) fn first(&self) -> Option<&Error> {
        self.first.get().or_else(|| self.echo.get())
    }

    /// Starts a thread for each body. If one cannot be started, everything is torn down.
    ///
    /// It does not panic, for the same reason as the work of [`run_all`](Self::run_all).
    fn start<'scope, 'a>(
        &'a self,
        scope: &'scope Scope<'scope, 'a>,
        bodies: Vec<ThreadBody<'a>>,
        monitor: &'a Monitor,
    ) -> Vec<ScopedJoinHandle<'scope, ()>> {
        let mut threads = Vec::with_capacity(bodies.len());
        let mut bodies = bodies.into_iter();
        for body in bodies.by_ref() {
            let stage = body.stage;
            let builder = Builder::new().name(format!("highwater-{stage}"));
            // A refused thread drops its body here, with what the user put into it.
            let started = guard(|| {
                let run = move || self.run(body, monitor);
                Ok(builder.spawn_scoped(scope, run)?)
            });
            match started {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    let name = monitor.stage(stage).map_or("a stage", |stage| &stage.name);
                    self.tear_down(error.during("start the thread of", name));
                    break;
                }
            }
        }
        let dropped = guard(|| {
            drop(bodies);
            Ok(())
        });
        if let Err(panic) = dropped {
            self.tell(panic);
        }
        threads
    }

    /// Runs each body on a thread of its own, and `work` on this one, until all have ended.
    ///
    /// Each thread is joined, so what the bodies borrow is free when it returns. `work` must end
    /// every channel and must not panic: the scope would wait for threads that nothing ends.
    pub(super) fn run_all<'a>(
        &'a self,
        bodies: Vec<ThreadBody<'a>>,
        monitor: &'a Monitor,
        work: impl FnOnce(),
    ) {
        thread::scope(|scope| {
            let threads = self.start(scope, bodies, monitor);
            work();
            for thread in threads {
                // It has caught the panics of user code, and reported its error.
                let _ = thread.join();
            }
        });
    }

    /// The work of a thread.
    pub(super) fn run(&self, body: ThreadBody<'_>, monitor: &Monitor) {
        let ThreadBody { stage, before, run } = body;
        self.settle(before, guard(|| monitor.measure(stage, run)));
        monitor.ended(stage);
    }

    /// A thread has ended that has `before` channels upstream.
    ///
    /// Downstream is ended after the data. Upstream may be waiting for a source that brings
    /// nothing, so it is ended now.
    pub(super) fn settle(&self, before: usize, outcome: Result<DriveEnd, Error>) {
        let before = &self.channels[..before];
        match outcome {
            Ok(DriveEnd::WithEnough) => {
                let panics = each(before, |channel| channel.satisfy());
                panics.into_iter().for_each(|panic| self.tell(panic));
            }
            Ok(DriveEnd::AtTheEnd) => {}
            Err(error) => {
                let panics = each(before, |channel| channel.abort(&error));
                self.tell(error);
                panics.into_iter().for_each(|panic| self.tell(panic));
            }
        }
    }

    /// Keeps the first error, and attaches the others to it.
    fn tell(&self, error: Error) {
        if error.is_echo() {
            let _ = self.echo.set(error);
        } else if let Err(error) = self.first.set(error) {
            if let Some(first) = self.first.get() {
                first.attach(error);
            }
        }
    }

    fn tear_down(&self, cause: Error) {
        self.tell(cause.clone());
        self.torn.store(true, Ordering::Release);
        // From the last one on: otherwise a thread that sees the end of one channel would pass it
        // on as an error after the data.
        let panics = each(self.channels.iter().rev(), |channel| channel.abort(&cause));
        panics.into_iter().for_each(|panic| self.tell(panic));
    }
}

/// Ends each channel, which drops what is buffered. A panic in a drop does not keep the others from
/// it, and is returned.
fn each<'a>(
    channels: impl IntoIterator<Item = &'a Arc<dyn Cancel>>,
    end: impl Fn(&dyn Cancel),
) -> Vec<Error> {
    let ended = channels.into_iter().map(|channel| {
        guard(|| {
            end(&**channel);
            Ok(())
        })
    });
    ended.filter_map(Result::err).collect()
}

impl Cancel for CancelGroup {
    /// The source ends; everything downstream ends well.
    fn stop(&self) {
        if let Some(source) = self.channels.first() {
            source.stop();
        }
    }

    fn abort(&self, cause: &Error) {
        self.tear_down(cause.clone());
    }

    fn satisfy(&self) {
        let panics = each(&self.channels, |channel| channel.satisfy());
        panics.into_iter().for_each(|panic| self.tell(panic));
    }

    fn was_stopped(&self) -> bool {
        self.channels
            .first()
            .is_some_and(|source| source.was_stopped())
    }
}
