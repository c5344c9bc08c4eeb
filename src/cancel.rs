//! Stopping streams from outside, also while a thread is blocked in one.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::error::{Error, ErrorKind, guard};
use crate::threads::sync::Mutex;

/// What a token acts on.
pub(crate) trait Cancel: Send + Sync {
    /// Takes no more, delivers what is buffered, and ends.
    fn stop(&self);
    /// Ends now.
    fn abort(&self, cause: &Error);
    /// Ends well, and drops what is buffered: it is not needed any more.
    fn satisfy(&self) {
        self.stop();
    }
    /// Returns whether `stop` has ended it.
    fn was_stopped(&self) -> bool;
}

/// Wakes a source or a sink out of a call that blocks.
///
/// A [`Source`](crate::Source) or a [`Sink`](crate::Sink) that can block in the kernel gives one
/// to its stream, which calls it, from another thread, when the call has to return early. It may be
/// called more than once, and stays in force: a call that starts later must return early too. A call that
/// returns early returns [`Error::interrupted`]. The error of the stream is the cause of the cancel.
///
/// # Examples
///
/// A queue with a condition variable, as a source:
///
/// ```
/// use std::collections::VecDeque;
/// use std::sync::{Arc, Condvar, Mutex};
/// use highwater::stage::{Interrupt, waiting};
/// use highwater::{CancelToken, Error, HighWaterMark, Source, pipeline_of};
///
/// #[derive(Default)]
/// struct Shared { state: Mutex<State>, changed: Condvar }
///
/// #[derive(Default)]
/// struct State { jobs: VecDeque<u32>, interrupted: bool }
///
/// struct Jobs(Arc<Shared>);
///
/// impl Source<u32> for Jobs {
///     fn read(&mut self) -> Result<Option<u32>, Error> {
///         let mut state = self.0.state.lock().unwrap();
///         loop {
///             if state.interrupted {
///                 return Err(Error::interrupted());
///             }
///             if let Some(job) = state.jobs.pop_front() {
///                 return Ok(Some(job));
///             }
///             state = waiting(|| self.0.changed.wait(state)).unwrap();
///         }
///     }
///
///     fn interrupt(&self) -> Option<Interrupt> {
///         let shared = Arc::clone(&self.0);
///         Some(Interrupt::new(move || {
///             shared.state.lock().unwrap().interrupted = true; // and it stays so
///             shared.changed.notify_all();
///         }))
///     }
/// }
///
/// let shared = Arc::<Shared>::default();
/// shared.state.lock().unwrap().jobs.extend([1, 2]); // and no end
/// let (token, mut done) = (CancelToken::new(), Vec::new());
/// let report = pipeline_of(Jobs(shared), HighWaterMark::items(4))
///     .cancel_with(&token)
///     .for_each(|job| {
///         done.push(job);
///         if job == 2 {
///             token.stop(); // wakes the source, which waits for a third job
///         }
///     })
///     .run()?;
/// assert!(report.was_stopped());
/// assert_eq!(done, [1, 2]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone)]
pub struct Interrupt(Arc<dyn Fn() + Send + Sync>);

impl Interrupt {
    /// Makes an interrupt that calls `wake`, which must not block. If it panics, the
    /// call that it was to wake is waited for, and other interrupts still run.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Makes the blocked call return, and those that follow.
    pub fn wake(&self) {
        // It may be called for another stream, or for many.
        let _ = guard(|| {
            (self.0)();
            Ok(())
        });
    }

    /// One that does what all of them do.
    pub(crate) fn all(interrupts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let interrupts: Vec<Self> = interrupts.into_iter().collect();
        if interrupts.is_empty() {
            return None;
        }
        Some(Self::new(move || interrupts.iter().for_each(Self::wake)))
    }
}

/// An interrupt for something that is yet to come, or that changes.
#[derive(Clone, Default)]
pub(crate) struct LateInterrupt(Arc<Mutex<Late>>);

#[derive(Default)]
struct Late {
    woken: bool,
    current: Option<Interrupt>,
}

impl LateInterrupt {
    /// What is to be woken from now on; at once, if it was to be woken before.
    pub(crate) fn set(&self, current: Option<Interrupt>) {
        let woken = {
            let mut late = self.0.lock();
            late.current.clone_from(&current);
            late.woken
        };
        if let (true, Some(current)) = (woken, current) {
            current.wake();
        }
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        let late = self.clone();
        Interrupt::new(move || {
            let current = {
                let mut late = late.0.lock();
                late.woken = true;
                late.current.clone()
            };
            if let Some(current) = current {
                current.wake();
            }
        })
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupt(..)")
    }
}

/// Stops any number of streams and pipelines at once, from any thread: Node's `AbortSignal`.
///
/// There are two ways to cancel. [`stop`](Self::stop) ends the sources and drains: what is buffered
/// is still delivered, and everything ends as if the sources had ended. [`abort`](Self::abort)
/// fails everything now, with a cause, and what is buffered is given back. Both reach threads that
/// wait for room or for data, or that are blocked in a read or a write of a socket, a pipe, a
/// terminal or a device. A call on a regular file is waited for; nothing can interrupt it.
///
/// A clone is the same token.
///
/// # Examples
///
/// ```
/// use highwater::{CancelToken, ErrorKind, HighWaterMark, channel};
///
/// let (mut writer, mut reader) = channel(HighWaterMark::items(1));
/// let token = CancelToken::new();
/// reader.cancel_with(&token);
///
/// writer.write("kept")?;
/// token.abort("the user went home");
/// let cancelled = reader.next().unwrap().unwrap_err();
/// assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
/// assert!(writer.write("refused").unwrap_err().is_closed());
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone)]
pub struct CancelToken(Arc<Mutex<TokenState>>);

#[derive(Default)]
struct TokenState {
    stopped: bool,
    aborted: Option<Error>,
    targets: Vec<Weak<dyn Cancel>>,
}

impl CancelToken {
    /// Makes a token that was not used yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(TokenState::default())))
    }

    /// Ends everything under the token, once what is buffered was delivered.
    ///
    /// Does not wait. After an [`abort`](Self::abort) it does nothing.
    pub fn stop(&self) {
        let targets = {
            let mut state = self.0.lock();
            state.stopped = true;
            state.live()
        };
        // Not under the lock: a target takes its own, and may be adding itself to a token.
        each(targets, |target| target.stop());
    }

    /// Fails everything under the token now. `cause` is the source of their errors.
    ///
    /// Does not wait. The first cause stays.
    pub fn abort(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.abort_as(Error::caused(
            ErrorKind::Cancelled,
            "cancelled",
            cause.into(),
        ));
    }

    /// The same, with the error itself: that of another token, or of a stream.
    ///
    /// When it returns everything is aborted, even if another thread was first and is not done yet.
    pub(crate) fn abort_as(&self, cause: Error) {
        let (cause, targets) = {
            let mut state = self.0.lock();
            let cause = state.aborted.get_or_insert(cause).clone();
            (cause, state.live())
        };
        each(targets, |target| target.abort(&cause));
    }

    /// Returns whether `stop` or `abort` was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let state = self.0.lock();
        state.stopped || state.aborted.is_some()
    }

    /// The error of an [`abort`](Self::abort), if there was one.
    #[must_use]
    pub fn cause(&self) -> Option<Error> {
        self.0.lock().aborted.clone()
    }

    /// Puts `target` under the token. If the token was used already, it is ended at once.
    pub(crate) fn register(&self, target: Weak<dyn Cancel>) {
        let (stopped, aborted) = {
            let mut state = self.0.lock();
            // Dropped targets are removed here, so that a token that lives as long as its program
            // does not collect every stream that it ever had.
            state.targets.retain(|known| known.strong_count() > 0);
            state.targets.push(target.clone());
            (state.stopped, state.aborted.clone())
        };
        let Some(target) = target.upgrade() else {
            return;
        };
        if let Some(cause) = aborted {
            target.abort(&cause);
        } else if stopped {
            target.stop();
        }
    }
}

/// Calls `tell` for every target. A panic in one, such as in the drop of a chunk, does not keep the
/// others from it.
fn each(targets: Vec<Arc<dyn Cancel>>, tell: impl Fn(&dyn Cancel)) {
    for target in targets {
        let _ = guard(|| {
            tell(&*target);
            Ok(())
        });
    }
}

impl TokenState {
    fn live(&self) -> Vec<Arc<dyn Cancel>> {
        self.targets.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("CancelToken")
            .field("stopped", &state.stopped)
            .field("aborted", &state.aborted)
            .finish_non_exhaustive()
    }
}
