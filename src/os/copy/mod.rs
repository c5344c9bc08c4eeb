//! Copies inside the kernel, from descriptor to descriptor.
//!
//! What can be copied so, and with what:
//!
//! | from \ to | file | pipe | socket |
//! | --- | --- | --- | --- |
//! | file | `copy_file_range` | `splice`, if the file is stable | `sendfile`, if the file is stable |
//! | pipe | `splice` | `splice` | `splice` |
//! | socket | `splice`, by way of a pipe | `splice` | `splice`, by way of a pipe |
//!
//! A file is promised to be stable where the kernel sends its pages and not a copy of them:
//! sendfile(2) has the caller see to it that they "remain unmodified until the reader on the other
//! end of `out_fd` has consumed the transferred data". A socket or a pipe that is read has what
//! was sent to it, which nobody can change any more, save a sender who has made that promise
//! himself; and what goes into a file is copied there and then. The standard library draws the
//! same line (rust-lang/rust#108283, for #116451).

#[cfg(target_os = "linux")]
mod copies;
#[cfg(target_os = "linux")]
mod end;
#[cfg(target_os = "linux")]
mod pair;
// For whoever drives a connection by himself, as a server of files does.
#[cfg(feature = "http")]
mod send_file;

#[cfg(target_os = "linux")]
pub(crate) use end::{End, ReadEnd};
#[cfg(target_os = "linux")]
pub(crate) use pair::pair;
#[cfg(feature = "http")]
pub(crate) use send_file::FileSend;
