//! One error for everything: cheap to clone, so that both ends of a stream can return the same one.

mod convert;
mod hook;
mod panics;
#[cfg(all(unix, feature = "wire", not(loom)))]
mod parts;
mod write;

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, OnceLock};

use crate::state::Misuse;

pub(crate) use hook::report;
pub use hook::set_error_hook;
pub(crate) use panics::{caught, guard};
#[cfg(all(unix, feature = "wire", not(loom)))]
pub(crate) use parts::ErrorParts;
pub use write::WriteError;

/// What went wrong, as a kind to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A system call failed; the [`io::Error`] is the [`source`](StdError::source).
    Io(io::ErrorKind),
    /// The writer was dropped, or panicked, without `end`: Node's `ERR_STREAM_PREMATURE_CLOSE`.
    PrematureClose,
    /// The other side was dropped, and gave no cause.
    Closed,
    /// A write after `end`: Node's `ERR_STREAM_WRITE_AFTER_END`.
    Ended,
    /// A [`CancelToken`](crate::CancelToken) was used.
    Cancelled,
    /// The time limit was reached.
    TimedOut,
    /// The call would have had to wait, and was made without waiting.
    WouldBlock,
    /// The call would have had to wait for ever: only another thread could end the wait, and the
    /// process has none.
    ///
    /// Only on Linux the number of threads is known; elsewhere the call waits.
    Deadlock,
    /// A stage panicked.
    Panicked,
    /// The arguments make no sense; nothing was done.
    InvalidInput,
    /// More came than a limit allows.
    LimitExceeded,
    /// A user's own error, given to `fail`, `destroy` or returned by a stage; or a child process
    /// that did not end well.
    Failed,
}

/// The first cause of a stream's failure.
///
/// It names the stage, what that did and how far it had come. A clone is the same error, not a
/// copy: every handle of a stream returns the one that came first, and what fails later is attached
/// to it ([`others`](Self::others)).
///
/// [`Display`](std::fmt::Display) writes what failed and leaves the reason to
/// [`source`](StdError::source), as is usual; `{:#}` adds the reasons.
///
/// # Examples
///
/// ```
/// use std::io;
/// use highwater::{Error, ErrorKind};
///
/// let full = io::Error::from(io::ErrorKind::StorageFull);
/// let error = Error::from(full).during("write to", "out.bin").at(8192);
/// assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::StorageFull));
/// assert_eq!(error.to_string(), "failed to write to `out.bin` at byte 8192");
/// assert_eq!(format!("{error:#}"), "failed to write to `out.bin` at byte 8192: no storage space");
/// ```
#[derive(Clone)]
pub struct Error(Arc<ErrorState>);

struct ErrorState {
    kind: ErrorKind,
    /// The text in place of "failed to ...".
    message: Option<Box<str>>,
    operation: Option<Cow<'static, str>>,
    stage: Option<Box<str>>,
    /// With the unit that it is in.
    offset: Option<(u64, Cow<'static, str>)>,
    /// Its stage is the first part of another, and is where that is.
    begins: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    /// An echo: it reports only that the stream is going down, and not why.
    echo: bool,
    /// It is no failure: no more is needed.
    enough: bool,
    /// What failed after this: a list, so that it can be added to without a lock.
    later: OnceLock<Error>,
}

impl Error {
    fn build(kind: ErrorKind, cause: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Arc::new(ErrorState {
            kind,
            message: None,
            operation: None,
            stage: None,
            offset: None,
            begins: false,
            cause,
            echo: false,
            enough: false,
            later: OnceLock::new(),
        }))
    }

    /// Makes an error of `kind` with the text `message`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::build(kind, None).edit(|inner| inner.message = Some(message.into().into_boxed_str()))
    }

    /// Makes an error out of a user's own, or out of a text.
    ///
    /// An [`Error`] in the box comes out as it went in.
    #[must_use]
    pub fn other(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        match cause.into().downcast::<Self>() {
            Ok(own) => *own,
            Err(cause) => match cause.downcast::<io::Error>() {
                Ok(io) => (*io).into(),
                Err(cause) => Self::build(ErrorKind::Failed, Some(cause)),
            },
        }
    }

    pub(crate) fn caused(
        kind: ErrorKind,
        message: &str,
        cause: Box<dyn StdError + Send + Sync>,
    ) -> Self {
        Self::build(kind, Some(cause)).edit(|inner| inner.message = Some(message.into()))
    }

    pub(crate) fn premature_close() -> Self {
        Self::new(
            ErrorKind::PrematureClose,
            "the writer went away before the end of the stream",
        )
    }

    pub(crate) fn closed() -> Self {
        Self::new(
            ErrorKind::Closed,
            "the reader went away before the end of the stream",
        )
        .edit(|inner| inner.echo = true)
    }

    /// What a source or a sink returns when its [`Interrupt`] has woken it.
    ///
    /// It is not reported: the interrupted stream has the cause.
    ///
    /// [`Interrupt`]: crate::stage::Interrupt
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Cancelled, "interrupted").edit(|inner| inner.echo = true)
    }

    /// What a transform or a sink returns when it needs no more: it is finished as if the stream
    /// had ended, which is no failure, and everything upstream is stopped.
    ///
    /// It is never reported as a failure; only a writer that keeps writing sees it.
    #[must_use]
    pub fn enough() -> Self {
        Self::new(ErrorKind::Closed, "no more is wanted").edit(|inner| {
            inner.echo = true;
            inner.enough = true;
        })
    }

    /// Returns whether this is [`enough`](Self::enough).
    pub(crate) fn is_enough(&self) -> bool {
        self.0.enough
    }

    /// Returns whether it is an echo: it reports only that the stream is going down.
    pub(crate) fn is_echo(&self) -> bool {
        self.0.echo
    }

    pub(crate) fn ended() -> Self {
        Self::new(ErrorKind::Ended, Misuse::WriteAfterEnd.to_string())
    }

    pub(crate) fn timed_out(waited_for: &str) -> Self {
        Self::new(
            ErrorKind::TimedOut,
            format!("timed out waiting for {waited_for}"),
        )
    }

    pub(crate) fn deadlock(waited_for: &str) -> Self {
        let message = format!(
            "waiting for {waited_for} would never end: no other thread is there to bring it"
        );
        Self::new(ErrorKind::Deadlock, message)
    }

    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let said = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::new(ErrorKind::Panicked, format!("panicked: {said}"))
    }

    /// Adds what was being done, and to what: `during("write to", "out.bin")`.
    ///
    /// What is set already stays: it comes from a place nearer to the failure.
    #[must_use]
    pub fn during(self, operation: &'static str, stage: &str) -> Self {
        if self.0.stage.is_some() {
            return self;
        }
        self.edit(|inner| {
            inner.operation = Some(operation.into());
            inner.stage = Some(stage.into());
        })
    }

    /// Adds the name of the transform, and how much it had taken before, unless this is no failure.
    ///
    /// An error that names a stage already gets no place: it would be that of another stage.
    pub(crate) fn of_stage(self, transform: &str, taken: u64, unit: &'static str) -> Self {
        if self.0.enough || (self.0.stage.is_some() && !self.0.begins) {
            return self;
        }
        self.during("transform in", transform).at_unit(taken, unit)
    }

    /// Adds the name of the transform that is the first of several in one: its place is theirs.
    pub(crate) fn of_first(self, transform: &str) -> Self {
        if self.0.enough || self.0.stage.is_some() {
            return self;
        }
        let named = self.during("transform in", transform);
        named.edit(|inner| inner.begins = true)
    }

    /// Sets how many bytes were processed before. What is set already stays.
    #[must_use]
    pub fn at(self, byte: u64) -> Self {
        self.at_unit(byte, "byte")
    }

    /// Sets the offset, in the unit of the stream.
    pub(crate) fn at_unit(self, offset: u64, unit: &'static str) -> Self {
        if self.0.offset.is_some() {
            return self;
        }
        self.edit(|inner| inner.offset = Some((offset, unit.into())))
    }

    /// Replaces the text; the kind and the cause stay.
    #[cfg(all(unix, feature = "net", not(loom)))]
    pub(crate) fn saying(self, message: String) -> Self {
        self.edit(|inner| inner.message = Some(message.into_boxed_str()))
    }

    /// Changes an error that was not cloned yet. A clone that is shared stays as it is.
    fn edit(mut self, change: impl FnOnce(&mut ErrorState)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// What went wrong, as a kind to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stage that failed: a path, an address, or the name of a transform.
    #[must_use]
    pub fn stage(&self) -> Option<&str> {
        self.0.stage.as_deref()
    }

    /// What the stage was doing.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// How many bytes or items the stage named by [`stage`](Self::stage) had processed when it failed.
    ///
    /// A source counts what it has read, also where others are read beside it or were before it; a
    /// transform what it has taken; a sink what it has confirmed. A stage that counts otherwise, such
    /// as one that decodes, documents it. `None` if it is not known, as for an error that two places
    /// share.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset.as_ref().map(|(offset, _)| *offset)
    }

    /// The [`io::Error`] behind it, if a system call failed.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.cause.as_ref()?.downcast_ref()
    }

    /// What failed after this, because of it or on its own, in the order in which it was attached.
    pub fn others(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.0.later.get(), |error| error.0.later.get())
    }

    /// Returns whether both are one error, and not just alike.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the text with all its causes, each once, to be put after another text.
    #[cfg(all(unix, feature = "net", not(loom)))]
    pub(crate) fn reason(&self) -> String {
        let inner = &*self.0;
        let is_bare = inner.message.is_none() && inner.stage.is_none() && inner.offset.is_none();
        let mut said: Vec<String> = Vec::new();
        if !is_bare || self.source().is_none() {
            said.push(self.to_string());
        }
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // An error that only wraps its cause has the same text.
            if !said.iter().any(|before| before.contains(&text)) {
                said.push(text);
            }
            cause = error.source();
        }
        said.join(": ")
    }

    /// Attaches what failed later. The same error is not, nor an echo of it.
    pub(crate) fn attach(&self, later: Self) {
        let known = |error: &Self| error.is_same(&later);
        if later.0.echo
            || known(self)
            || self.others().any(known)
            || later.others().next().is_some()
        {
            return;
        }
        let mut last = self;
        // Another thread may attach at the same time: the second one goes on to the next place.
        while last.0.later.set(later.clone()).is_err() {
            match last.0.later.get() {
                Some(next) if !next.is_same(&later) => last = next,
                _ => return,
            }
        }
    }
}
