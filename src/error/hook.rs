//! Errors that no call has returned.

use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use super::{Error, ErrorKind};

type Hook = Box<dyn Fn(&Error) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Says where errors go that no call has returned, in the whole program: in place of a line each on
/// standard error, which is where the panics of threads go too.
///
/// There is one of these when a [`Writable`](crate::Writable) with a sink is dropped, and
///
/// - its sink has failed, and no call on the handle has returned that error: where
///   [`end`](crate::Writable::end) was the last call, and not [`finish`](crate::Writable::finish);
/// - or it was dropped without `end`, with something in its buffer, and not by a panic, which has said
///   so itself. That is a [`PrematureClose`](ErrorKind::PrematureClose). A
///   [`destroy`](crate::Writable::destroy) says that it is meant.
///
/// A [`BufWriter`](io::BufWriter) of std loses such an error, since a `drop` returns nothing. Here
/// success is told only when it is true, and a failure is told in any case. The two ends of a
/// [`channel`](crate::channel) and of a [`broadcast`](crate::stream::broadcast()) tell one another, so their
/// handles tell nothing here; nor does the body of an HTTP answer, whose client sees that it is not
/// whole; nor an abort by a token, which the program has asked for.
///
/// It is also told of a writer that waits for a branch which nothing has read yet: see
/// [`Broadcast`](crate::Broadcast#every-branch-needs-a-reader).
///
/// `hook` is called by the thread that drops the handle, or that waits. It should not block. If it
/// panics, it was called.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput), if there is a hook already: the first one stays.
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
/// let mut out = Writable::for_each(|_: u32| Err(Error::other("no more")), HighWaterMark::items(4));
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

/// Tells an error that no call returns. `why` says, to a reader of standard error, how that came.
pub(crate) fn tell(error: &Error, why: impl fmt::Display) {
    // In a drop, perhaps during a panic: a second one would end the process.
    let _ = catch_unwind(AssertUnwindSafe(|| match HOOK.get() {
        Some(hook) => hook(error),
        None => {
            let _ = writeln!(io::stderr(), "highwater: {error:#} ({why})");
        }
    }));
}
