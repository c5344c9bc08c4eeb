//! Copies inside the kernel, from descriptor to descriptor.
//!
//! Which system call copies between which descriptors:
//!
//! | from \ to | file | pipe | socket |
//! | --- | --- | --- | --- |
//! | file | `copy_file_range` | `splice`, if the file is stable | `sendfile`, if the file is stable |
//! | pipe | `splice` | `splice` | `splice` |
//! | socket | `splice`, by way of a pipe | `splice` | `splice`, by way of a pipe |
//!
//! A file must be stable where the kernel sends its pages and not a copy of them: sendfile(2) requires
//! that they "remain unmodified until the reader on the other end of `out_fd` has consumed the
//! transferred data". Bytes in a socket or a pipe cannot be changed any more, except by a sender that has
//! made that promise itself; and bytes that go into a file are copied at once. The standard library draws
//! the same line (rust-lang/rust#108283, for #116451).

#[cfg(target_os = "linux")]
mod copies;
#[cfg(target_os = "linux")]
mod end;
#[cfg(target_os = "linux")]
mod pair;
// For a server that drives its connections without a sink.
#[cfg(feature = "http")]
mod send_file;

#[cfg(target_os = "linux")]
pub(crate) use end::{End, ReadEnd};
#[cfg(target_os = "linux")]
pub(crate) use pair::pair;
#[cfg(feature = "http")]
pub(crate) use send_file::FileSend;
