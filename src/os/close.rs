//! Closing a descriptor, with the error that the kernel reports then.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Closes a descriptor, and returns the error of `close(2)`: for some file systems, such as NFS or one
/// with a quota, it is the last chance to report that written bytes could not be stored.
///
/// The descriptor is closed also after an error, and never twice. A descriptor that is shared stays
/// open for its other owner.
///
/// # Errors
///
/// That of the operating system. [`Interrupted`](io::ErrorKind::Interrupted) is an error too: the
/// descriptor is closed by then, and whether all bytes were stored is not known.
pub(crate) fn close<D: Into<OwnedFd>>(fd: Arc<D>) -> io::Result<()> {
    let Some(fd) = Arc::into_inner(fd) else {
        return Ok(());
    };
    let closed: Result<(), nix::errno::Errno> = nix::unistd::close(fd.into());
    Ok(closed?)
}
