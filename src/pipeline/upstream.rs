//! What a stage of a pipeline is fed from: the join before it, with the light stages in between.

use std::sync::{Arc, Weak};

use crate::cancel::Interrupt;
use crate::channel::mark::Strategy;
use crate::channel::{Channel, Probe};
use crate::error::Error;
use crate::stage::drive as inlet;
use crate::stage::drive::{DriveEnd, Inlet, Through};
use crate::stage::transform::Transform;

/// Where chunks of `T` come from, for the one thread that takes them.
pub(super) trait Upstream<T>: Send {
    /// Takes everything to `inlet`, until the end.
    fn drive(&mut self, inlet: &mut dyn Inlet<T>) -> Result<DriveEnd, Error>;

    /// The join, where nothing is between.
    fn join(&self) -> Option<&Arc<Channel<T>>>;

    /// The join that feeds the thread, to be watched.
    fn sample(&self) -> Weak<dyn Probe>;

    /// Says that a thread takes chunks from here, and how to wake it out of the kernel.
    fn attach(&self, interrupt: Option<Interrupt>);

    /// What has the thread look whether anything more is wanted, though nothing comes.
    fn recheck(&self) -> Box<dyn Fn() + Send>;

    /// Adds what the light stages are called.
    fn name(&self, names: &mut Vec<String>);
}

/// A join, as it is.
pub(super) struct FromJoin<T>(pub(super) Arc<Channel<T>>);

impl<T: Send + 'static> Upstream<T> for FromJoin<T> {
    fn drive(&mut self, inlet: &mut dyn Inlet<T>) -> Result<DriveEnd, Error> {
        inlet::run(&self.0, inlet)
    }

    fn join(&self) -> Option<&Arc<Channel<T>>> {
        Some(&self.0)
    }

    fn sample(&self) -> Weak<dyn Probe> {
        watched(&self.0)
    }

    fn attach(&self, interrupt: Option<Interrupt>) {
        self.0.attach_sink(interrupt);
    }

    fn recheck(&self) -> Box<dyn Fn() + Send> {
        let join = Arc::clone(&self.0);
        Box::new(move || join.recheck())
    }

    fn name(&self, _names: &mut Vec<String>) {}
}

pub(super) fn watched<T: Send + 'static>(join: &Arc<Channel<T>>) -> Weak<dyn Probe> {
    let join: Weak<Channel<T>> = Arc::downgrade(join);
    join
}

/// A light stage, on the thread of whatever is behind it.
pub(super) struct Fused<I, X> {
    pub(super) before: Box<dyn Upstream<I>>,
    /// How what comes out of that is measured.
    pub(super) strategy: Strategy<I>,
    pub(super) stage: X,
}

impl<I: 'static, O, X: Transform<I, O>> Upstream<O> for Fused<I, X> {
    fn drive(&mut self, inlet: &mut dyn Inlet<O>) -> Result<DriveEnd, Error> {
        let mut inlet = Through::new(&mut self.stage, self.strategy, inlet);
        self.before.drive(&mut inlet)
    }

    fn join(&self) -> Option<&Arc<Channel<O>>> {
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
