//! Descriptors that are read and written without blocking in the call.
//!
//! Nothing can end a blocked `read` from another thread. So the threads of a stream never block in
//! one: they poll the descriptor together with a second one, to which an
//! [`Interrupt`](crate::cancel::Interrupt) writes, and make calls that do not block.
//!
//! Whether a call blocks is a flag of the open file description (`O_NONBLOCK`), which is shared with
//! every process that has inherited it. So the flag is set only on a descriptor that was opened here.
//! A descriptor that was handed in keeps its flags, and is used like this:
//!
//! | kind | what keeps a call from blocking |
//! | --- | --- |
//! | opened by path, except regular files | `O_NONBLOCK`: the description is ours alone |
//! | regular file, block device, directory | nothing: the call waits for the disk |
//! | file whose content the kernel makes while it is read, such as `/proc/kmsg` | as a device |
//! | socket | `MSG_DONTWAIT` |
//! | terminal | opened once more with `O_NONBLOCK`, by way of `/proc/self/fd` or its name; else a byte after each poll |
//! | terminal, the master of a pseudo-terminal | [`MASTER_BYTES`](polled::MASTER_BYTES) at most after each poll |
//! | pipe, FIFO | `RWF_NOWAIT`; else opened once more as a terminal is; else `PIPE_BUF` at most after each poll |
//! | other devices | `RWF_NOWAIT`; else a page at most after each poll |
//!
//! "After each poll" means: only once poll reports that the descriptor is ready, and no more bytes than
//! a ready descriptor takes whole. Then the call blocks only if another process or thread uses the
//! same descriptor at the same moment. `RWF_NOWAIT` is Linux; for pipes since 6.4.

#[cfg(feature = "net")]
pub(crate) mod byte_counts;
mod close;
pub(crate) mod copy;
mod known;
#[cfg(any(
    feature = "process",
    all(test, feature = "net"),
    not(target_os = "linux")
))]
mod pipe;
mod polled;
#[cfg(feature = "net")]
pub(crate) mod shared_socket;
mod sink;
mod source;
#[cfg(any(feature = "net", target_os = "linux"))]
pub(crate) mod stall;
#[cfg(any(feature = "net", target_os = "linux"))]
pub(crate) mod timeouts;
#[cfg(feature = "net")]
pub(crate) mod wait;
mod waker;

pub(crate) use close::close;
pub(crate) use known::Handed;
#[cfg(any(
    feature = "process",
    all(test, feature = "net"),
    not(target_os = "linux")
))]
pub(crate) use pipe::pipe;
pub(crate) use polled::{NONBLOCK, Polled};
pub(crate) use sink::{FdSink, is_unread};
pub(crate) use source::FdSource;
pub(crate) use waker::{Ready, Waker};
