//! The end of a descriptor.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Closes a descriptor, and tells what the system says then: to some file systems, those of a
/// network among them, it is the last chance to say that what was written could not be kept.
///
/// It is closed also after an error, and not closed twice. A descriptor that is shared is
/// left to its other owner.
///
/// # Errors
///
/// What the system says. [`Interrupted`](io::ErrorKind::Interrupted) is an error as well: it is
/// closed by then, and whether everything was kept is not known.
pub(crate) fn close<D: Into<OwnedFd>>(fd: Arc<D>) -> io::Result<()> {
    let Some(fd) = Arc::into_inner(fd) else {
        return Ok(());
    };
    let closed: Result<(), nix::errno::Errno> = nix::unistd::close(fd.into());
    Ok(closed?)
}
