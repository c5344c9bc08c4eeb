//! Errors that no call has returned.

use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use super::{Error, ErrorKind};

type Hook = Box<dyn Fn(&Error) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Sets the hook for errors that no call has returned, for the whole program. Without a hook each
/// is written to standard error as one line, as the panics of threads are.
///
/// Such an error occurs when a [`Writable`](crate::Writable) with a sink is dropped, and
///
/// - its sink has failed, and no call on the handle has returned that error: where
///   [`end`](crate::Writable::end) was the last call, and not [`finish`](crate::Writable::finish);
/// - or it was dropped without `end`, with something in its buffer, and not by a panic, which is
///   reported already. That is a [`PrematureClose`](ErrorKind::PrematureClose). A
///   [`destroy`](crate::Writable::destroy) is deliberate, and is not reported.
///
/// A [`BufWriter`](io::BufWriter) of std loses such an error, since a `drop` returns nothing. Here
/// every failure is reported. These are not reported here: a failure of one end of a
/// [`channel`](crate::channel()) or of a [`broadcast`](crate::broadcast()), which the other
/// end returns; the body of an HTTP response, whose client sees that it is incomplete; an abort by
/// a token, which the program has requested.
///
/// The hook is also called for a writer that waits for a branch which no thread has read yet: see
/// [`Broadcast`](crate::Broadcast#every-branch-needs-a-reader).
///
/// `hook` is called by the thread that drops the handle, or that waits. It should not block. A
/// panic of the hook is caught and ignored.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) if a hook is set already: the first one stays.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use highwater::{Error, ErrorKind, HighWaterMark, Writable, set_error_hook};
///
/// let (sender, heard) = mpsc::channel();
/// set_error_hook(move |error| drop(sender.send(error.clone())))?;
///
/// let mut out = Writable::from_fn(|_: u32| Err(Error::other("no more")), HighWaterMark::items(4));
/// out.write(1)?;
/// out.end();
/// drop(out); // waits for the sink; `finish` would have returned its error
/// assert_eq!(heard.recv().unwrap().kind(), ErrorKind::Failed);
/// # Ok::<(), Error>(())
/// ```
pub fn set_error_hook(hook: impl Fn(&Error) + Send + Sync + 'static) -> Result<(), Error> {
    HOOK.set(Box::new(hook))
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "there is an error hook already"))
}

/// Reports an error that no call returns. `why` explains it in the line on standard error.
pub(crate) fn report(error: &Error, why: impl fmt::Display) {
    // In a drop, perhaps during a panic: a second one would end the process.
    let _ = catch_unwind(AssertUnwindSafe(|| match HOOK.get() {
        Some(hook) => hook(error),
        None => {
            let _ = writeln!(io::stderr(), "highwater: {error:#} ({why})");
        }
    }));
}
