//! A source that is opened again where it broke off.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::hooks::SourceHooks;
use super::source::{HookedSource, Source};
use super::stop_signal::StopSignal;
use crate::cancel::{CancelToken, Interrupt, LateInterrupt};
use crate::error::{Error, ErrorKind};
use crate::threads::waits::{For, wait_for};

/// A source of bytes that is opened again when it fails, after the last byte that it gave.
///
/// No byte is given twice or left out: `open` is called with the offset at which to go on. If a
/// pipeline fails because of its sink, its [`report`](crate::Failure::report) contains how much the
/// sink has confirmed, which is where a new pipeline begins.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use highwater::{Error, ReadSource, pipeline};
/// use highwater::stage::Retry;
///
/// let data: &[u8] = b"all of it";
/// let mut opened = 0;
/// let source = Retry::new(move |offset| {
///     opened += 1;
///     if opened == 2 {
///         return Err(Error::from(io::Error::from(io::ErrorKind::ConnectionRefused)));
///     }
///     let rest = &data[offset as usize..];
///     // Three bytes at a time, and then it breaks.
///     Ok(ReadSource::new(io::Read::chain(&rest[..rest.len().min(3)], Broken), "flaky"))
/// });
/// let source = source.attempts(3).pause(Duration::from_millis(1));
/// # struct Broken;
/// # impl io::Read for Broken {
/// #     fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
/// #         Err(io::ErrorKind::ConnectionReset.into())
/// #     }
/// # }
/// let read = pipeline(source).to(Vec::new()).run();
/// assert_eq!(read.unwrap_err().report.bytes(), 9); // nothing comes behind the last byte here
/// # Ok::<(), highwater::Error>(())
/// ```
pub struct Retry<S, F> {
    open: F,
    current: Option<S>,
    name: String,
    offset: u64,
    attempts: u32,
    failed: u32,
    pause: Duration,
    when: fn(&Error) -> bool,
    interrupt: LateInterrupt,
    /// How much the opened source may bring at once, if that is limited.
    chunk_bytes: Option<usize>,
    stop: StopSignal,
}

/// How long it waits at most before it opens the source again. The pause doubles up to this.
const PAUSE_MAX: Duration = Duration::from_secs(30);

impl<S: Source<Bytes>, F: FnMut(u64) -> Result<S, Error> + Send> Retry<S, F> {
    /// Reads from what `open` opens, given how many bytes there were before. The first time that
    /// is 0, with the first read.
    ///
    /// It is tried five times in a row, the second time after 100 ms, then after twice as long,
    /// and so on up to 30 s. Once a byte has come it is counted anew.
    pub fn new(open: F) -> Self {
        Self {
            open,
            current: None,
            name: "retry".to_owned(),
            offset: 0,
            attempts: 5,
            failed: 0,
            pause: Duration::from_millis(100),
            when: |_| true,
            interrupt: LateInterrupt::default(),
            chunk_bytes: None,
            stop: StopSignal::new(),
        }
    }

    /// Sets the number of attempts in a row, at least one.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the pause before the second attempt.
    #[must_use]
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Tries again only after errors for which `when` returns true. Never after a cancel.
    #[must_use]
    pub const fn when(mut self, when: fn(&Error) -> bool) -> Self {
        self.when = when;
        self
    }

    fn try_read(&mut self) -> Result<Option<Bytes>, Error> {
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let mut opened = (self.open)(self.offset)?;
                if let Some(most) = self.chunk_bytes {
                    opened.set_chunk_bytes(most);
                }
                self.name = opened.name().into_owned();
                self.interrupt.set(opened.interrupt());
                none.insert(opened)
            }
        };
        current.read()
    }

    /// Waits before the next attempt.
    ///
    /// The wait ends when its time is up, or with a cancel.
    fn rest(&self) -> Result<(), Error> {
        let doubled = 2_u32.saturating_pow(self.failed - 1);
        let pause = self.pause.saturating_mul(doubled).min(PAUSE_MAX);
        wait_for(For::Outside, || self.stop.rest(pause))
    }
}

impl<S: Source<Bytes>, F: FnMut(u64) -> Result<S, Error> + Send> Source<Bytes> for Retry<S, F> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let error = match self.try_read() {
                Ok(chunk) => {
                    self.failed = 0;
                    self.offset += chunk.as_ref().map_or(0, Bytes::len) as u64;
                    return Ok(chunk);
                }
                Err(error) => error,
            };
            self.failed += 1;
            let again = self.failed < self.attempts
                && error.kind() != ErrorKind::Cancelled
                && (self.when)(&error);
            if !again {
                return Err(error);
            }
            // Dropped before the next is opened: it may be the same connection or file.
            self.interrupt.set(None);
            self.fail(&error);
            self.current = None;
            self.rest()?;
        }
    }

    fn fail(&mut self, cause: &Error) {
        if let Some(current) = &mut self.current {
            current.fail(cause);
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Interrupt::all([self.stop.interrupt(), self.interrupt.interrupt()])
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }
}

impl<S: Source<Bytes>, F: FnMut(u64) -> Result<S, Error> + Send> SourceHooks<Bytes>
    for Retry<S, F>
{
    fn confirms(&mut self) -> bool {
        self.current.as_mut().is_some_and(S::confirms)
    }

    fn finish(&mut self) {
        if let Some(current) = &mut self.current {
            current.finish();
        }
    }

    /// What has failed is opened again, even if it was torn down: the stream goes on.
    fn aborts(&mut self, _stream: &CancelToken) {}

    fn set_chunk_bytes(&mut self, most: usize) {
        self.chunk_bytes = Some(most);
        if let Some(current) = &mut self.current {
            current.set_chunk_bytes(most);
        }
    }
}

impl<S, F> fmt::Debug for Retry<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("offset", &self.offset)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
