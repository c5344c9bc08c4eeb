//! One writer, many branches, one queue.

mod branch;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::cancel::{Cancel, CancelToken, Interrupt};
use crate::channel::mark::{HighWaterMark, Unit};
use crate::channel::{Fanout, Wait};
use crate::error::{Error, WriteError};
use crate::stage::sink::Sink;
use crate::state::batch::Batch;
use crate::state::{BranchPolicy, Pressure};

pub use branch::Branch;

/// Makes a stream that any number of branches read, each of them everything.
///
/// Chunks are shared and not copied: there is one queue, each branch reads it from a place of its
/// own, and gets a clone, which for [`Bytes`](crate::Bytes) or an [`Arc`] is the same memory. A
/// [`BranchPolicy`] decides what happens to a slow branch: it slows the writer, is disconnected, or
/// drops chunks (counted by [`dropped`](Branch::dropped)). Each branch must be read by
/// [another thread](Broadcast#every-branch-needs-a-reader) than the one that writes.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use highwater::{Bytes, Error, HighWaterMark, broadcast};
/// use highwater::stream::BranchPolicy;
///
/// let mut writer = broadcast(HighWaterMark::bytes(64 * 1024));
/// let readers = [(); 2].map(|()| {
///     let branch = writer.subscribe(BranchPolicy::Slowest);
///     thread::spawn(move || branch.collect::<Result<Vec<Bytes>, Error>>())
/// });
/// writer.write("to ".into())?;
/// writer.write("everybody".into())?;
/// writer.finish()?; // each has read everything
/// for reader in readers {
///     assert_eq!(reader.join().unwrap()?.concat(), b"to everybody");
/// }
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn broadcast<T: Clone, U: Unit<T>>(mark: HighWaterMark<U>) -> Broadcast<T> {
    Broadcast {
        fanout: Arc::new(Fanout::new(&mark)),
        ended: false,
    }
}

/// The writing end of a [`broadcast`](broadcast()).
///
/// It has the verbs of a [`Writable`](crate::Writable), and is a [`Sink`], so that a pipeline can
/// end in one.
///
/// # Branches
///
/// A branch sees what is written after it has subscribed. What is written while there is none is
/// dropped, so subscribe first. When the last branch is gone the stream is over, and a write fails
/// with [`Closed`](WriteError::Closed) and the error of that branch, unless the broadcast is
/// [kept open](Self::keep_open). The writer does not wait for a branch that was dropped or cut off.
///
/// A write waits when some branch that paces, one of [`Slowest`](BranchPolicy::Slowest) or
/// [`Disconnect`](BranchPolicy::Disconnect), has reached the high-water mark, until all of them are
/// down at the low one. With a mark of 0 it waits until all of them wait for it.
///
/// # Every branch needs a reader
///
/// A write waits for a branch, and so does [`finish`](Self::finish), so each branch must be read by
/// another thread while the broadcast is written. A [`pipeline`](crate::pipeline()) that ends in a
/// broadcast runs on the thread that calls [`run`](crate::report::ReadyPipeline::run): a branch that the
/// same thread wants to read afterwards is waited for, and never read. If the process has no other
/// thread that could read it, the call fails with [`Deadlock`](crate::ErrorKind::Deadlock). If it
/// has, the wait goes on, and after a second the hook of [`set_error_hook`](crate::set_error_hook)
/// is called; by default that writes a line to standard error.
///
/// ```
/// use std::thread;
/// use highwater::{Error, HighWaterMark, broadcast, pipeline};
/// use highwater::stream::BranchPolicy;
///
/// let mark = HighWaterMark::bytes(4);
/// let tee = broadcast(mark);
/// let branches = [(); 2].map(|()| tee.subscribe(BranchPolicy::Slowest));
/// thread::scope(|scope| {
///     // First a thread for each branch,
///     let readers = branches
///         .map(|branch| scope.spawn(move || pipeline(branch).to(Vec::new()).run_into()));
///     // and then what fills them.
///     let report = pipeline(&b"to everybody"[..]).to(tee).run()?;
///     assert_eq!(report.bytes(), 12); // read by each
///     for reader in readers {
///         let (_, read) = reader.join().unwrap()?;
///         assert_eq!(read.into_inner(), b"to everybody");
///     }
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Memory
///
/// The queue holds, in all, no more than the largest of these: the high-water mark and a chunk, if
/// any branch paces; and for each other branch its cap, or one chunk if that is larger. A
/// [`DropNewest`](BranchPolicy::DropNewest) branch that has missed something has that much for
/// itself, beside the others, for what it keeps is older than what they read; and so has a branch
/// that a token of its own has stopped.
///
/// Chunks are cloned under the lock of the stream, since that costs less than an allocation for
/// each. So `T` should be cheap to clone, as what is made to be shared is: of a `Vec<u8>` there
/// would be a copy for each branch but one, and the others would wait for it.
///
/// # Ending
///
/// [`end`](Self::end), [`finish`](Self::finish), [`fail`](Self::fail) and
/// [`destroy`](Self::destroy) are those of a writable, for every branch. A handle that is dropped
/// without `end`, also by a panic, gives every branch
/// [`PrematureClose`](crate::ErrorKind::PrematureClose) behind what was written.
pub struct Broadcast<T> {
    fanout: Arc<Fanout<T>>,
    /// This handle has ended its writing.
    ended: bool,
}

impl<T: Clone> Broadcast<T> {
    /// Writes a chunk for every branch. Where one that paces is full it first waits for the drain.
    ///
    /// Returns whether the next write would wait; ignoring it is safe. An empty chunk is one
    /// too: it arrives as it is, and [counts 1](crate::HighWaterMark#what-weighs-nothing).
    ///
    /// The wait ends with room, with the last branch, or with a cancel.
    ///
    /// # Errors
    ///
    /// [`WriteError::Ended`] after [`end`](Self::end); [`WriteError::Closed`] if the stream is
    /// gone, with the first cause; [`WriteError::Deadlock`] if there is no thread that could make
    /// room. Each has the chunk.
    #[inline]
    pub fn write(&mut self, chunk: T) -> Result<Pressure, WriteError<T>> {
        self.write_within(chunk, Wait::Forever)
    }

    /// Writes a chunk if there is room for it. Never waits, so that no time of a
    /// [`Disconnect`](BranchPolicy::Disconnect) branch runs.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`WriteError::Full`] with the chunk if there is no room.
    pub fn try_write(&mut self, chunk: T) -> Result<Pressure, WriteError<T>> {
        self.write_within(chunk, Wait::No)
    }

    /// Writes a chunk, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`WriteError::TimedOut`] with the chunk when time is up.
    pub fn write_timeout(
        &mut self,
        chunk: T,
        timeout: Duration,
    ) -> Result<Pressure, WriteError<T>> {
        self.write_within(chunk, Wait::at_most(timeout))
    }

    #[inline]
    fn write_within(&mut self, chunk: T, wait: Wait) -> Result<Pressure, WriteError<T>> {
        if self.ended {
            return Err(WriteError::Ended(chunk));
        }
        self.fanout.write(chunk, wait)
    }
}

impl<T> Broadcast<T> {
    /// Adds a branch, which gets what is written from now on. Does not wait.
    ///
    /// A branch of a stream that has ended reads the end, or its error.
    pub fn subscribe(&self, policy: BranchPolicy) -> Branch<T> {
        Branch::new(Arc::clone(&self.fanout), policy)
    }

    /// Goes on when the last branch has gone: what is written while there is none is taken and let
    /// go, as it is before the first one.
    #[must_use]
    pub fn keep_open(self) -> Self {
        self.fanout.keep_open();
        self
    }

    /// Waits until a write would not: Node's `'drain'`.
    ///
    /// The wait ends with room, with the last branch, or with a cancel. It is over at once if there
    /// is room.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ended`](crate::ErrorKind::Ended) after [`end`](Self::end), or the first cause
    /// if the stream is gone.
    pub fn wait_drain(&mut self) -> Result<(), Error> {
        self.fanout.wait_drain(Wait::Forever)
    }

    /// Waits for a drain for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`wait_drain`](Self::wait_drain), and
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when time is up.
    pub fn wait_drain_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        self.fanout.wait_drain(Wait::at_most(timeout))
    }

    /// Ends the stream: nothing more will be written. May be called again. Does not wait.
    pub fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            self.fanout.end();
        }
    }

    /// Ends the stream and waits until every branch has read everything, or has gone.
    ///
    /// The wait ends when they have, with the end of the stream, or with a cancel. A
    /// [`Disconnect`](BranchPolicy::Disconnect) branch is cut off if it takes longer than it may.
    /// [`wait_finish`](Self::wait_finish) waits for the same and keeps the handle.
    ///
    /// # Errors
    ///
    /// The first cause. If there were branches and none of them has read everything, that is the
    /// error with which the last one went.
    /// [`Deadlock`](crate::ErrorKind::Deadlock) if there is no thread that could read the rest.
    pub fn finish(mut self) -> Result<(), Error> {
        self.wait_finish()
    }

    /// Waits as [`finish`](Self::finish) does, and keeps the handle. May be called again.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn wait_finish(&mut self) -> Result<(), Error> {
        self.end();
        self.fanout.wait_over(Wait::Forever)
    }

    /// Waits as [`wait_finish`](Self::wait_finish) for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish), and [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when
    /// time is up.
    pub fn wait_finish_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        self.end();
        self.fanout.wait_over(Wait::at_most(timeout))
    }

    /// Ends the stream with an error that travels behind the data: every branch gets everything
    /// that was written, and then this. Does not wait.
    pub fn fail(&mut self, error: impl Into<Error>) {
        self.ended = true;
        let _ = self.fanout.fail(error.into());
    }

    /// Tears the stream down at once, with an error for the writer and every branch, and gives
    /// back what some branch had still to read; not what only a
    /// [`DropNewest`](BranchPolicy::DropNewest) branch had. Does not wait.
    ///
    /// On a stream that has ended already it does nothing: the first cause stays.
    #[doc(alias = "abort")]
    pub fn destroy(&mut self, error: impl Into<Error>) -> Batch<T> {
        self.ended = true;
        self.fanout.destroy(error.into())
    }

    /// Takes what some branch had still to read when a token has aborted the stream.
    #[must_use]
    pub fn take_undelivered(&mut self) -> Batch<T> {
        self.fanout.take_undelivered()
    }

    /// Puts the stream, with every branch, under a token.
    pub fn cancel_with(&self, token: &CancelToken)
    where
        T: Send + 'static,
    {
        let target: Weak<Fanout<T>> = Arc::downgrade(&self.fanout);
        token.register(target as Weak<dyn Cancel>);
    }

    /// What the slowest branch that paces has still to read, in the unit of the mark: what a write
    /// waits for.
    ///
    /// A fast branch reports what it has read now and then and not for each chunk. So this is never
    /// too low.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty queue"
    )]
    pub fn len(&self) -> usize {
        self.fanout.with_state(|state| state.len())
    }

    /// The most that any branch had to read at once, in the unit of the mark.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.fanout.peak()
    }

    /// How many branches there are, except those that were cut off.
    #[must_use]
    pub fn branches(&self) -> usize {
        self.fanout.with_state(|state| state.branches())
    }

    /// The level at which a write waits.
    #[must_use]
    pub fn high_water_mark(&self) -> usize {
        self.fanout.with_state(|state| state.marks().high())
    }

    /// The level at which a write that waits goes on.
    #[must_use]
    pub fn low_water_mark(&self) -> usize {
        self.fanout.with_state(|state| state.marks().low())
    }

    /// Returns whether a write would wait for a drain.
    #[must_use]
    pub fn needs_drain(&self) -> bool {
        self.fanout.with_state(|state| state.needs_drain())
    }

    /// Returns whether nothing more will be written.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended || self.fanout.with_state(|state| state.is_ended())
    }

    /// Returns whether every branch has read everything.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.fanout.with_state(|state| state.is_finished())
    }

    /// Returns whether the stream is over, well or with an error.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.fanout.with_state(|state| state.is_over())
    }

    /// The first cause, if the stream has failed.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.fanout.with_state(|state| state.errored().cloned())
    }
}

/// Its [`finish`](Sink::finish) waits until every branch has read everything.
impl<T: Clone + Send + 'static> Sink<T> for Broadcast<T> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), Error> {
        while let Some(first) = batch.pop() {
            if let Err(refused) = Self::write(self, first.chunk) {
                let (chunk, error) = refused.into_parts();
                batch.push_front(chunk, first.weight);
                return Err(error);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.wait_finish()
    }

    /// Every branch gets what was written before, and then the cause; or the cause at once, if what
    /// was written here was broken off at once.
    fn fail(&mut self, cause: &Error) {
        if self.fanout.is_interrupted() {
            drop(Self::destroy(self, cause.clone()));
        } else {
            Self::fail(self, cause.clone());
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let fanout = Arc::downgrade(&self.fanout);
        Some(Interrupt::new(move || {
            if let Some(fanout) = fanout.upgrade() {
                fanout.interrupt();
            }
        }))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("broadcast")
    }
}

impl<T> Drop for Broadcast<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.fanout.abandon();
        }
    }
}

impl<T> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fanout.with_state(|state| {
            f.debug_struct("Broadcast")
                .field("len", &state.len())
                .field("high_water_mark", &state.marks().high())
                .field("branches", &state.branches())
                .field("ended", &state.is_ended())
                .field("errored", &state.errored())
                .finish_non_exhaustive()
        })
    }
}
