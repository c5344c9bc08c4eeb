//! A pipe that no child process inherits.

use std::fs::File;
use std::io;

/// A pipe: the end that is read, and the one that is written. No child process inherits them.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    #[cfg(not(target_vendor = "apple"))]
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // Apple's systems have no single call for that: a child that is started between the two calls
    // inherits the pipe.
    #[cfg(target_vendor = "apple")]
    let (reader, writer) = {
        use rustix::io::{FdFlags, fcntl_setfd};

        let (reader, writer) = rustix::pipe::pipe()?;
        fcntl_setfd(&reader, FdFlags::CLOEXEC)?;
        fcntl_setfd(&writer, FdFlags::CLOEXEC)?;
        (reader, writer)
    };
    Ok((reader.into(), writer.into()))
}
