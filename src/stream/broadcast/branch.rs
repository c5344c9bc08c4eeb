//! One branch of a broadcast.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::cancel::{Cancel, CancelToken, Interrupt};
use crate::channel::{BranchEnd, Fanout, Wait};
use crate::error::Error;
use crate::stage::hooks::SourceHooks;
use crate::stage::source::Source;
use crate::state::{BranchPolicy, Dropped};
use crate::stream::readable::pipe;
use crate::stream::writable::Writable;

/// The reading end of a [`broadcast`](crate::broadcast()): one of many.
///
/// It is an [`Iterator`] over `Result<T, Error>`, and a [`Source`], so that a pipeline can begin
/// with one. It gets every chunk in order, except those that its policy lets it miss
/// ([`dropped`](Self::dropped)), then the end at every further call. An error comes once from the
/// iterator, and then nothing more does. The writer does not wait for a branch that was dropped
/// early, and the others go on.
///
/// # Cut off
///
/// A branch that is cut off, or torn down with its broadcast or by its token, aborts what reads it,
/// at once and with the same error: a pipeline that begins with it, or [`pipe_to`](Self::pipe_to),
/// does not stay in a write to a client that does not read. A thread that reads it in a loop gets
/// the error from its next read. If it may be blocked in another call by then, put that under a
/// token which the branch [aborts](Self::aborts):
///
/// ```
/// use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Writable, broadcast};
/// use highwater::stream::BranchPolicy;
///
/// let mut writer = broadcast(HighWaterMark::items(1)).keep_open();
/// let mut branch = writer.subscribe(BranchPolicy::Cap(1));
/// let mut client = Writable::from_fn(|_: u32| Ok::<(), Error>(()), HighWaterMark::items(1));
///
/// let token = CancelToken::new();
/// client.cancel_with(&token);
/// branch.aborts(&token);
///
/// writer.write(1)?;
/// writer.write(2)?; // more than the branch may be behind
/// let cut = client.write(3).unwrap_err();
/// assert_eq!(cut.cause().unwrap().kind(), ErrorKind::LimitExceeded);
/// # Ok::<(), highwater::Error>(())
/// ```
///
/// # Examples
///
/// ```
/// use highwater::{HighWaterMark, broadcast};
/// use highwater::stream::BranchPolicy;
///
/// let mut writer = broadcast(HighWaterMark::items(16));
/// let mut all = writer.subscribe(BranchPolicy::Slowest);
/// let mut latest = writer.subscribe(BranchPolicy::DropOldest(1));
/// for n in 1..=3 {
///     writer.write(n)?;
/// }
/// writer.end();
/// assert_eq!(latest.next().transpose()?, Some(3));
/// assert_eq!(latest.dropped().chunks, 2);
/// assert_eq!(all.by_ref().collect::<Result<Vec<_>, _>>()?, [1, 2, 3]);
/// # Ok::<(), highwater::Error>(())
/// ```
pub struct Branch<T> {
    shared: Arc<BranchShared<T>>,
    /// The iterator has returned the error.
    failed: bool,
    /// It was destroyed by this handle, with this error.
    destroyed: Option<Error>,
    /// The token of the stream that reads it.
    read_for: Option<CancelToken>,
}

/// What a token refers to.
struct BranchShared<T> {
    fanout: Arc<Fanout<T>>,
    branch: Arc<BranchEnd<T>>,
}

impl<T> Branch<T> {
    pub(super) fn new(fanout: Arc<Fanout<T>>, policy: BranchPolicy) -> Self {
        let branch = fanout.subscribe(policy);
        Self {
            shared: Arc::new(BranchShared { fanout, branch }),
            failed: false,
            destroyed: None,
            read_for: None,
        }
    }

    /// Adds another branch to the same broadcast, which gets what is written from now on, as
    /// [`Broadcast::subscribe`](crate::Broadcast::subscribe) does: for readers that come later,
    /// when the writing end is not accessible.
    #[must_use]
    pub fn subscribe(&self, policy: BranchPolicy) -> Self {
        Self::new(Arc::clone(&self.shared.fanout), policy)
    }

    /// What was written and not yet read here, in the unit of the mark: how far it is behind.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length of 0 is not an empty queue"
    )]
    pub fn len(&self) -> usize {
        let id = self.shared.branch.id();
        self.shared.fanout.with_state(|state| state.lag(id))
    }

    /// What it has missed so far, under a policy that drops.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        let id = self.shared.branch.id();
        self.shared.fanout.with_state(|state| state.dropped(id))
    }

    /// The policy that it was made with.
    #[must_use]
    pub fn policy(&self) -> BranchPolicy {
        self.shared.branch.policy()
    }

    /// Why it gets no more, or will not behind what is written: it was cut off, or the broadcast
    /// has failed.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        let id = self.shared.branch.id();
        let failed = || self.shared.fanout.with_state(|state| state.errored_for(id));
        self.destroyed.clone().or_else(failed)
    }

    /// Ends this branch at once, with an error of its own. What it has not read is dropped.
    /// The others go on; if it was the last one, the writer gets this error.
    pub fn destroy(&mut self, error: impl Into<Error>) {
        if self.destroyed.is_none() {
            let error = error.into();
            let why = self.shared.fanout.leave(&self.shared.branch, error);
            self.destroyed = Some(why);
        }
    }
}

impl<T: Clone> Branch<T> {
    /// Aborts a token with the cause when this branch is cut off or torn down; see
    /// [above](Self#cut-off). A pipeline and [`pipe_to`](Self::pipe_to) do that for what they write
    /// to.
    pub fn aborts(&mut self, token: &CancelToken)
    where
        T: Send + 'static,
    {
        self.read_for = Some(token.clone());
        self.shared.fanout.aborts(&self.shared.branch, token);
    }

    /// Puts this branch, and no other, under a token. After a `stop` it gets what was written by
    /// then, and the end.
    pub fn cancel_with(&self, token: &CancelToken)
    where
        T: Send + 'static,
    {
        let target: Weak<BranchShared<T>> = Arc::downgrade(&self.shared);
        token.register(target as Weak<dyn Cancel>);
    }

    /// Takes the next chunk if one is there. `None` is the end. Never waits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) if none is there yet, or the error
    /// of this branch, or of the broadcast.
    pub fn try_next(&mut self) -> Result<Option<T>, Error> {
        self.next_within(Wait::No)
    }

    /// Takes the next chunk, waiting for at most `timeout`. `None` is the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when time is up, or the error of this
    /// branch, or of the broadcast.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<T>, Error> {
        self.next_within(Wait::at_most(timeout))
    }

    /// Writes everything that is read to `dest`, ends it, and gives back its sink, as
    /// [`Readable::pipe_to`](crate::Readable::pipe_to) does: for a client such as a socket or the
    /// response to a request.
    ///
    /// The wait ends when all has arrived, when either stream has failed, or when the branch is cut
    /// off, however long the client does not read.
    ///
    /// # Errors
    ///
    /// The first cause. A failure of the broadcast travels to `dest` behind the data; a cut
    /// destroys `dest` at once; an error of `dest` destroys this branch.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use highwater::{HighWaterMark, Writable, broadcast};
    /// use highwater::stream::BranchPolicy;
    ///
    /// let mark = HighWaterMark::bytes(1024);
    /// let mut writer = broadcast(mark);
    /// let branch = writer.subscribe(BranchPolicy::Cap(64 * 1024));
    /// let client = thread::spawn(move || branch.pipe_to(Writable::to(Vec::new(), mark)));
    /// writer.write("news".into())?;
    /// writer.finish()?;
    /// assert_eq!(client.join().unwrap()?, b"news");
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn pipe_to<S: Send + 'static>(self, dest: Writable<T, S>) -> Result<S, Error>
    where
        T: Send + 'static,
    {
        pipe(self, dest, |branch, error| branch.destroy(error))
    }

    #[inline]
    fn next_within(&mut self, wait: Wait) -> Result<Option<T>, Error> {
        if let Some(error) = &self.destroyed {
            return Err(error.clone());
        }
        let next = self.shared.fanout.next(&self.shared.branch, wait);
        if next.is_err() {
            self.spread();
        }
        next
    }

    /// If it was torn down, aborts the stream that reads it, before that gets the error: the thread
    /// that has torn it down may not have reached this point yet.
    #[cold]
    fn spread(&self) {
        let id = self.shared.branch.id();
        if let Some(stream) = &self.read_for {
            if let Some(cause) = self.shared.fanout.with_state(|state| state.gone(id)) {
                stream.abort_as(cause);
            }
        }
    }
}

impl<T: Clone> Iterator for Branch<T> {
    type Item = Result<T, Error>;

    /// Waits for the next chunk. `None` is the end, and stays the result from then on.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with a cancel.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_within(Wait::Forever);
        self.failed = next.is_err();
        next.transpose()
    }
}

impl<T: Clone + Send + 'static> Source<T> for Branch<T> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        self.next_within(Wait::Forever)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let shared = Arc::downgrade(&self.shared);
        Some(Interrupt::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.fanout.interrupt_branch(&shared.branch);
            }
        }))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("branch")
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
        Some(self)
    }
}

impl<T: Clone + Send + 'static> SourceHooks<T> for Branch<T> {
    fn aborts(&mut self, stream: &CancelToken) {
        Self::aborts(self, stream);
    }
}

impl<T: Clone + Send> Cancel for BranchShared<T> {
    fn stop(&self) {
        self.fanout.stop_branch(&self.branch);
    }

    fn abort(&self, cause: &Error) {
        self.fanout.abort_branch(&self.branch, cause.clone());
    }

    fn was_stopped(&self) -> bool {
        self.fanout
            .with_state(|state| state.is_stopped(self.branch.id()))
    }
}

impl<T> Drop for Branch<T> {
    fn drop(&mut self) {
        if self.destroyed.is_none() {
            self.shared
                .fanout
                .leave(&self.shared.branch, Error::closed());
        }
    }
}

impl<T> fmt::Debug for Branch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch")
            .field("policy", &self.policy())
            .field("len", &self.len())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
