//! Which way the bytes of a pipeline went, and why not the other.

use std::fmt;
use std::io;

/// Which way the bytes of a pipeline went; see [`Report::path`](crate::Report::path).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyPath {
    /// Through the buffers of the pipeline, and why.
    Buffered(BufferedReason),
    /// Inside the kernel.
    Kernel(KernelCall),
    /// Inside the kernel up to some byte, and through buffers from there.
    Switched {
        /// What moved the first bytes.
        call: KernelCall,
        /// How many it moved.
        at: u64,
        /// Why it moved no more.
        why: BufferedReason,
    },
}

/// A system call that copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelCall {
    /// From a file to a socket.
    Sendfile,
    /// From or to a pipe, and between sockets by way of one.
    Splice,
    /// From a file to a file.
    CopyFileRange,
}

/// Why bytes went through the buffers of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BufferedReason {
    /// It was asked for.
    Asked,
    /// There is a stage, or a buffer that was asked for, between source and sink.
    Stage,
    /// The source is nothing that the kernel can read from.
    Source,
    /// The sink is nothing that the kernel can write to.
    Sink,
    /// Chunks are not counted in bytes.
    Unit,
    /// The kernel would send pages of a file that may change before they have arrived, and
    /// it is not declared that they do not.
    MayChange,
    /// A call on one of the sockets would block, where nothing can end it.
    Blocks,
    /// The kernel found nothing to copy, which for some files only a read shows.
    Empty,
    /// The kernel does not copy between these two. This is its error number.
    Refused(i32),
}

impl fmt::Display for CopyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffered(why) => write!(f, "buffered: {why}"),
            Self::Kernel(call) => write!(f, "{call}"),
            Self::Switched { call, at, why } => {
                write!(f, "{call} up to byte {at}, then buffered: {why}")
            }
        }
    }
}

impl fmt::Display for KernelCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::CopyFileRange => "copy_file_range",
        })
    }
}

impl fmt::Display for BufferedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "as was asked for",
            Self::Stage => "a stage looks at the bytes",
            Self::Source => "the source is no file, pipe or socket",
            Self::Sink => "the sink is no file, pipe or socket",
            Self::Unit => "chunks are not counted in bytes",
            Self::MayChange => "the source may change",
            Self::Blocks => "a call on a socket would block",
            Self::Empty => "the kernel found nothing to copy",
            Self::Refused(errno) => {
                let error = io::Error::from_raw_os_error(*errno);
                return write!(f, "the kernel refused: {error}");
            }
        })
    }
}
