//! The thread that a stream owns.

use std::fmt;
use std::io;

use super::sync::{Builder, JoinHandle};
use crate::error::{Error, caught};

pub(crate) use crate::error::guard;

/// A thread that starts with the first byte that needs it, and is joined by its owner.
pub(crate) enum Worker<R> {
    /// Not needed yet.
    Idle {
        name: String,
        body: WorkerBody<R>,
        spawn: fn(String, WorkerBody<R>) -> io::Result<JoinHandle<R>>,
    },
    Running(JoinHandle<R>),
    /// Joined, or never to be started.
    Gone,
}

type WorkerBody<R> = Box<dyn FnOnce() -> R + Send>;

impl<R: Send + 'static> Worker<R> {
    pub(crate) fn new(name: String, body: impl FnOnce() -> R + Send + 'static) -> Self {
        // That the result can be sent is known here, and not where a stream is used or dropped.
        let spawn = |name, body: WorkerBody<R>| Builder::new().name(name).spawn(body);
        Self::Idle {
            name,
            body: Box::new(body),
            spawn,
        }
    }
}

impl<R> Worker<R> {
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self, Self::Idle { .. })
    }

    /// Returns whether the thread has ended, or never was.
    #[cfg(all(unix, feature = "net", not(loom)))]
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Idle { .. } => false,
            Self::Running(handle) => handle.is_finished(),
            Self::Gone => true,
        }
    }

    /// Starts the thread, if it has not started.
    ///
    /// On failure the body is dropped, and with it the source or the sink.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        // `Gone` while it starts, and for good if that fails: then there is nothing to join.
        match std::mem::replace(self, Self::Gone) {
            Self::Idle { name, body, spawn } => *self = Self::Running(spawn(name, body)?),
            started => *self = started,
        }
        Ok(())
    }

    /// Waits for the thread to end, or does its work here if it has not started.
    ///
    /// `None` if that was done before, or if there never was a thread.
    ///
    /// # Errors
    ///
    /// The panic that the thread has ended with.
    pub(crate) fn join(&mut self) -> Result<Option<R>, Error> {
        // Taken out first: a second call finds nothing, and does not wait.
        match std::mem::replace(self, Self::Gone) {
            // Its work is still to be done: a sink that was given nothing is finished all the same.
            // Guarded, as the join of a thread would be.
            Self::Idle { body, .. } => guard(|| Ok(Some(body()))),
            Self::Running(handle) => handle.join().map(Some).map_err(caught),
            Self::Gone => Ok(None),
        }
    }
}

impl<R> fmt::Debug for Worker<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle { .. } => "Idle",
            Self::Running(_) => "Running",
            Self::Gone => "Gone",
        })
    }
}
