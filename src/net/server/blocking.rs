//! A connection whose handler may block: it has a thread to itself until the handler returns.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::connection::Connection;
use crate::error::Error;
use crate::leader::{Next, RunReason, Task, Turn};

pub(super) type BlockingHandler = Arc<dyn Fn(Connection) -> Result<(), Error> + Send + Sync>;

/// Runs once, as soon as a thread is free. It is never idle, so nothing is polled for it.
pub(super) struct BlockingTask {
    handler: BlockingHandler,
    /// Taken by the only run.
    connection: Option<Connection>,
}

impl BlockingTask {
    pub(super) fn new(connection: Connection, handler: BlockingHandler) -> Self {
        Self {
            handler,
            connection: Some(connection),
        }
    }
}

impl Task for BlockingTask {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn run(&mut self, turn: &Turn, reason: RunReason) -> Next {
        if reason != RunReason::Ready {
            // The connection has tokens that are stopped; it runs all the same.
            return Next::Idle { until: None };
        }
        let Some(connection) = self.connection.take() else {
            return Next::Done(Ok(()));
        };
        // Before the handler is called, for it may block at once.
        turn.promote_follower();
        Next::Done((self.handler)(connection))
    }
}
