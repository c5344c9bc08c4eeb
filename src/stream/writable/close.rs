//! How a writable ends: well, with an error behind its data, at once, or by a token.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Peer, Writable};
use crate::cancel::{Cancel, CancelToken};
use crate::channel::{Channel, Wait};
use crate::error::Error;
use crate::state::batch::Batch;

impl<T, S> Writable<T, S> {
    /// Ends the stream: nothing more will be written. Node's `end()`. May be called again.
    ///
    /// Does not wait, except for room for small writes that are still held back. With more than
    /// one producer the stream ends when the last has ended. Only [`finish`](Self::finish) returns
    /// whether it has ended well.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        // An error stays with the stream, and `finish` returns it.
        let _ = self.pass_segment(Wait::Forever);
        self.ended = true;
        self.channel.end_producer();
        self.run_due();
    }

    /// Ends the stream and waits until everything has arrived: all was read; or written, flushed
    /// and closed, and then the sink comes back.
    ///
    /// The wait ends when everything has arrived, with the end of the stream, or with a cancel. Where
    /// the handle is needed again, [`wait_finish`](Self::wait_finish) waits for the same.
    ///
    /// # Errors
    ///
    /// The first cause, if not everything has arrived. The [`offset`](Error::offset) of the error is
    /// how much has arrived. To get the rest, call [`wait_finish`](Self::wait_finish) instead: it keeps
    /// the handle, and [`take_undelivered`](Self::take_undelivered) returns what has not arrived.
    pub fn finish(mut self) -> Result<S, Error> {
        self.end();
        let closed = || self.channel.wait_closed(Wait::Forever);
        match std::mem::replace(&mut self.peer, Peer::Gone) {
            Peer::Reader(nothing) | Peer::SharedSink(_, nothing) => closed().map(|()| nothing),
            Peer::Sink(driver) => {
                driver.release();
                let closed = closed();
                driver
                    .close()
                    .map_err(|_| closed.err().unwrap_or_else(Error::closed))
            }
            Peer::Gone => Err(Error::closed()),
        }
    }

    /// Waits as [`finish`](Self::finish) does, and keeps the handle. May be called again.
    ///
    /// # Errors
    ///
    /// The first cause, if not everything has arrived.
    pub fn wait_finish(&mut self) -> Result<(), Error> {
        self.begin_finish();
        self.note(self.channel.wait_closed(Wait::Forever))
    }

    /// Waits as [`wait_finish`](Self::wait_finish) for at most `timeout`.
    ///
    /// # Errors
    ///
    /// The first cause, if not everything has arrived, and
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when time is up.
    pub fn wait_finish_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        self.begin_finish();
        self.note(self.channel.wait_closed(Wait::at_most(timeout)))
    }

    fn begin_finish(&mut self) {
        self.end();
        // A stream that was destroyed before its first byte has a sink that must be dropped.
        if let Peer::Sink(driver) = &self.peer {
            driver.release();
        }
    }

    /// Ends the stream with an error that travels behind the data: the other side gets everything
    /// that was written, and then this. Does not wait.
    pub fn fail(&mut self, error: impl Into<Error>) {
        // What cannot be passed over any more has a first cause, which wins over this one.
        let _ = self.pass_segment(Wait::Forever);
        self.ended = true;
        let error = error.into();
        if self.channel.fail(error.clone()).is_same(&error) {
            self.reported.store(true, Ordering::Relaxed);
        }
        self.run_due();
    }

    /// Tears the stream down at once, with an error for both sides, and gives back what was
    /// buffered. What a sink is writing stays with it. Does not wait.
    ///
    /// On a stream that has ended already it does nothing: the first cause stays.
    #[doc(alias = "abort")]
    pub fn destroy(&mut self, error: impl Into<Error>) -> Batch<T> {
        self.ended = true;
        let error = error.into();
        let mut given_back = self.channel.destroy(error.clone());
        self.run_due();
        self.note_error(&error);
        if let Some(segment) = self.segment.take() {
            let chunk = segment.into_chunk();
            let weight = self.channel.weigh(&chunk);
            given_back.push(chunk, weight);
        }
        given_back
    }

    /// Takes what was written and did not arrive, after the stream has failed.
    #[must_use]
    pub fn take_undelivered(&mut self) -> Batch<T> {
        self.channel.take_undelivered()
    }

    /// Puts the stream under a token: Node's `signal`.
    pub fn cancel_with(&self, token: &CancelToken)
    where
        T: Send + 'static,
        S: 'static,
    {
        let target: Weak<dyn Cancel> = match self.peer.driver() {
            Some(driver) => driver.cancel_target(),
            None => {
                let channel: Weak<Channel<T>> = Arc::downgrade(&self.channel);
                channel
            }
        };
        token.register(target);
    }
}
