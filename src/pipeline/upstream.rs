//! What a stage of a pipeline is fed from: the channel before it, with the light stages in between.

use std::sync::{Arc, Weak};

use crate::cancel::Interrupt;
use crate::channel::mark::Strategy;
use crate::channel::{Channel, Probe};
use crate::error::Error;
use crate::stage::drive;
use crate::stage::drive::{Downstream, DriveEnd, Through};
use crate::stage::transform::Transform;

/// Where chunks of `T` come from, for the one thread that takes them.
pub(super) trait Upstream<T>: Send {
    /// Passes everything to `downstream`, until the end.
    fn drive(&mut self, downstream: &mut dyn Downstream<T>) -> Result<DriveEnd, Error>;

    /// The channel, if no stage is between.
    fn channel(&self) -> Option<&Arc<Channel<T>>>;

    /// The channel that feeds the thread, for reports.
    fn sample(&self) -> Weak<dyn Probe>;

    /// Notes that a thread takes chunks from here. `interrupt` wakes it when it is blocked in the
    /// kernel.
    fn attach(&self, interrupt: Option<Interrupt>);

    /// Makes the thread check whether more is needed, though nothing comes.
    fn recheck(&self) -> Box<dyn Fn() + Send>;

    /// Adds the names of the light stages.
    fn name(&self, names: &mut Vec<String>);
}

/// A channel, as it is.
pub(super) struct FromChannel<T>(pub(super) Arc<Channel<T>>);

impl<T: Send + 'static> Upstream<T> for FromChannel<T> {
    fn drive(&mut self, downstream: &mut dyn Downstream<T>) -> Result<DriveEnd, Error> {
        drive::run(&self.0, downstream)
    }

    fn channel(&self) -> Option<&Arc<Channel<T>>> {
        Some(&self.0)
    }

    fn sample(&self) -> Weak<dyn Probe> {
        watched(&self.0)
    }

    fn attach(&self, interrupt: Option<Interrupt>) {
        self.0.attach_sink(interrupt);
    }

    fn recheck(&self) -> Box<dyn Fn() + Send> {
        let channel = Arc::clone(&self.0);
        Box::new(move || channel.recheck())
    }

    fn name(&self, _names: &mut Vec<String>) {}
}

pub(super) fn watched<T: Send + 'static>(channel: &Arc<Channel<T>>) -> Weak<dyn Probe> {
    let channel: Weak<Channel<T>> = Arc::downgrade(channel);
    channel
}

/// A light stage, on the thread of the next stage.
pub(super) struct Fused<'a, I, X> {
    pub(super) before: Box<dyn Upstream<I> + 'a>,
    /// How what comes out of that is measured.
    pub(super) strategy: Strategy<I>,
    pub(super) stage: X,
}

impl<I: 'static, O, X: Transform<I, O>> Upstream<O> for Fused<'_, I, X> {
    fn drive(&mut self, downstream: &mut dyn Downstream<O>) -> Result<DriveEnd, Error> {
        let mut downstream = Through::new(&mut self.stage, self.strategy, downstream);
        self.before.drive(&mut downstream)
    }

    fn channel(&self) -> Option<&Arc<Channel<O>>> {
        None
    }

    fn sample(&self) -> Weak<dyn Probe> {
        self.before.sample()
    }

    fn attach(&self, interrupt: Option<Interrupt>) {
        self.before.attach(interrupt);
    }

    fn recheck(&self) -> Box<dyn Fn() + Send> {
        self.before.recheck()
    }

    fn name(&self, names: &mut Vec<String>) {
        self.before.name(names);
        names.push(self.stage.name().into_owned());
    }
}
