//! Copies that a source and a sink make together, without a chunk in between.
//!
//! A source offers what the system can read from by itself, and a sink that the system can write
//! to takes the offer. What an offer is, and how the copy is made, is known to the ends of a
//! platform; a pipeline only has one slice moved after another, and looks after everything else.

use std::any::Any;
use std::fmt;
use std::io;

use crate::chunk::Batch;
use crate::error::Error;

/// What a source offers to its sink: an end that the kernel can read from by itself.
///
/// A source that wraps another one, and neither changes nor counts what that reads, passes its
/// offer on.
pub struct Offer {
    end: Box<dyn Any + Send>,
    room: usize,
}

impl Offer {
    pub(crate) fn new(end: impl Any + Send) -> Self {
        Self {
            end: Box::new(end),
            room: usize::MAX,
        }
    }

    /// The same, for a copy that holds no more than so many bytes.
    pub(crate) fn within(mut self, room: usize) -> Self {
        self.room = room;
        self
    }

    /// How many bytes the copy may hold at once.
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// What was offered, for whoever knows what it is.
    pub(crate) fn into_end<E: Any>(self) -> Option<E> {
        self.end.downcast().ok().map(|end| *end)
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offer(..)")
    }
}

/// A copy that is ready to be made, of what would have been chunks of `T`.
pub struct Direct<T>(pub(crate) Box<dyn DirectCopy<T>>);

impl<T> fmt::Debug for Direct<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Direct").field(&self.0.call()).finish()
    }
}

/// What a pipeline drives: source and sink in one.
pub(crate) trait DirectCopy<T>: Send {
    /// What it is made with.
    fn call(&self) -> KernelCall;

    /// Moves up to `most` bytes, without waiting for anything but regular files.
    fn step(&mut self, most: usize) -> Result<Step, Broken>;

    /// Waits until a side is ready.
    ///
    /// The wait ends then, with an interrupt of that side, or when that side's patience does.
    fn wait(&mut self, side: Side) -> Result<(), Error>;

    /// How many bytes were read and not written yet, at most.
    fn peak(&self) -> usize {
        0
    }

    /// Takes out what was read and not written.
    fn take_held(&mut self) -> io::Result<Batch<T>> {
        Ok(Batch::new())
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// So many bytes have arrived.
    Moved(usize),
    /// Nothing moves before that side is ready.
    Wait(Side),
    /// The source has nothing more.
    End,
    /// Nothing was moved, and nothing will be: the rest has to be read and written.
    Refused(Why),
}

/// A side of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Sink,
}

/// A side has failed.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) side: Side,
    pub(crate) error: Error,
}

/// Which way the bytes of a pipeline went; see [`Report::path`](crate::Report::path).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyPath {
    /// Through the buffers of the pipeline, and why.
    Buffered(Why),
    /// Inside the kernel.
    Kernel(KernelCall),
    /// Inside the kernel up to some byte, and through buffers from there.
    Switched {
        /// What moved the first bytes.
        call: KernelCall,
        /// How many it moved.
        at: u64,
        /// Why it moved no more.
        why: Why,
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
pub enum Why {
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
    /// nobody has promised that they do not.
    MayChange,
    /// A call on one of the sockets would block, where nothing can end it.
    Blocks,
    /// The kernel found nothing to copy, which of some files only a read can tell.
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

impl fmt::Display for Why {
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
