//! Errors and first causes.
//!
//! Everything here fails with one type, [`Error`](crate::Error). It is cheap to clone, and it names
//! what was done, to what, and how far it had come.
//!
//! ```
//! use std::io;
//! use highwater::{Error, ErrorKind};
//!
//! let full = io::Error::from(io::ErrorKind::StorageFull);
//! let error = Error::from(full).during("write to", "out.bin").at(8192);
//!
//! assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::StorageFull)); // to match on
//! assert_eq!(error.stage(), Some("out.bin")); // a path, an address, a stage
//! assert_eq!(error.operation(), Some("write to"));
//! assert_eq!(error.offset(), Some(8192)); // the byte or item at which it failed
//!
//! // Display leaves the reason to `source`, as is the custom. `{:#}` writes the reasons behind it.
//! assert_eq!(error.to_string(), "failed to write to `out.bin` at byte 8192");
//! assert_eq!(format!("{error:#}"), "failed to write to `out.bin` at byte 8192: no storage space");
//! ```
//!
//! # Kinds
//!
//! | kind | when |
//! | --- | --- |
//! | [`Io`](crate::ErrorKind::Io)`(kind)` | a system call failed |
//! | [`PrematureClose`](crate::ErrorKind::PrematureClose) | the writer went away, or panicked, without `end`; a peer closed in the middle |
//! | [`Closed`](crate::ErrorKind::Closed) | the reader went away, and gave no cause |
//! | [`Ended`](crate::ErrorKind::Ended) | a write after `end` |
//! | [`Cancelled`](crate::ErrorKind::Cancelled) | a [`CancelToken`](crate::CancelToken) was used |
//! | [`TimedOut`](crate::ErrorKind::TimedOut) | the time was up |
//! | [`WouldBlock`](crate::ErrorKind::WouldBlock) | a `try_` call would have had to wait |
//! | [`Deadlock`](crate::ErrorKind::Deadlock) | the wait would never end: the process has no other thread |
//! | [`Panicked`](crate::ErrorKind::Panicked) | a closure or a stage of yours panicked |
//! | [`InvalidInput`](crate::ErrorKind::InvalidInput) | an argument makes no sense; nothing was done |
//! | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | more came than a limit allows |
//! | [`Failed`](crate::ErrorKind::Failed) | an error of your own; a child process that did not exit well |
//!
//! # The first cause wins
//!
//! When one stage of a pipeline fails, the others fail too: the source gets `Closed`, the sink gets
//! `PrematureClose`. These are echoes. Every handle reports the **first cause**, and later failures are
//! attached to it ([`others`](crate::Error::others)). `BrokenPipe` is never shown where the cause is known.
//!
//! ```
//! use highwater::{Bytes, Error, ErrorKind, Out, pipeline};
//!
//! let check = |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
//!     if chunk.starts_with(b"bad") {
//!         return Err(Error::other("a record begins with `bad`"));
//!     }
//!     out.push(chunk)
//! };
//! let failure = pipeline(&b"bad record"[..]).through(check).to(Vec::new()).run().unwrap_err();
//! assert_eq!(failure.error.kind(), ErrorKind::Failed);
//! let text = format!("{:#}", failure.error); // the stage, the place, and the reason
//! assert!(text.ends_with("`transform` at byte 0: a record begins with `bad`"), "{text}");
//! ```
//!
//! # What a pipeline returns when it fails
//!
//! A [`Failure`](crate::Failure) has the `error`, the `report` so far, and what was `undelivered`.
//! [`report.bytes()`](crate::Report::bytes) is what the sink has **confirmed**. A file has these bytes. For
//! a socket the kernel has them; the peer may have read fewer. To go on after a reset, ask the peer how much
//! it has. A `Failure` becomes an [`Error`](crate::Error) with `?`.
//!
//! ```
//! # #[cfg(target_os = "linux")] {
//! use highwater::{fs, pipeline};
//!
//! let failure = pipeline(&b"too much"[..]).to(fs::create("/dev/full")?).run().unwrap_err();
//! assert_eq!(failure.to_string(), "failed to write to `/dev/full` at byte 0");
//! assert_eq!(failure.report.bytes(), 0); // confirmed by the sink
//! assert_eq!(failure.undelivered.weight(), 8); // taken from the source, and not written
//! # }
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Into and out of other error types
//!
//! - `?` turns an [`io::Error`](std::io::Error), a [`WriteError`](crate::WriteError) and a `Failure`
//!   into an `Error`.
//! - [`Error::other`](crate::Error::other) takes any error, or a text. The original is its `source`.
//! - `?` turns an `Error` into an [`io::Error`](std::io::Error), and back without loss. So code
//!   between that speaks [`Read`](std::io::Read) and [`Write`](std::io::Write) keeps the cause.
//!
//! ```
//! use std::io;
//! use highwater::{Error, ErrorKind};
//!
//! let error = Error::new(ErrorKind::LimitExceeded, "a row of 3 GiB");
//! let through_io = io::Error::from(error.clone());
//! assert!(Error::from(through_io).is_same(&error));
//! ```
//!
//! # Out of `main`
//!
//! A `main` that returns the error prints its [`Debug`](std::fmt::Debug) form, with every field. To print the
//! reasons as text, write `{error:#}` and return an exit code:
//!
//! ```
//! use std::process::ExitCode;
//! use highwater::{Error, pipeline};
//!
//! fn copy() -> Result<(), Error> {
//!     pipeline(&b"some bytes"[..]).to(Vec::new()).run()?;
//!     Ok(())
//! }
//!
//! fn main() -> ExitCode {
//!     let Err(error) = copy() else { return ExitCode::SUCCESS };
//!     eprintln!("{error:#}"); // failed to write to `out.bin` at byte 8192: no storage space
//!     ExitCode::FAILURE
//! }
//! ```
//!
//! # Panics
//!
//! A panic in a closure, a source, a sink or a transform becomes the error of its stage, with the
//! message of the panic. Everything is torn down and joined as for any other error.
//!
//! # Trying again
//!
//! [`Retry`](crate::stage::Retry) is a source of bytes that is opened again where it broke off: `open` gets
//! the offset to go on from. For a sink, run the pipeline again from `report.bytes()`. That is a position in
//! the source only if no stage changes the number of bytes, and only if the sink is a file.
//!
//! ```
//! use std::io;
//! use std::time::Duration;
//! use highwater::{Error, ErrorKind, ReadSource, pipeline};
//! use highwater::stage::Retry;
//!
//! let data: &[u8] = b"all of it";
//! let mut attempt = 0;
//! let source = Retry::new(move |offset| {
//!     attempt += 1;
//!     if attempt == 1 {
//!         return Err(Error::from(io::Error::from(io::ErrorKind::ConnectionRefused)));
//!     }
//!     Ok(ReadSource::new(&data[offset as usize..], "flaky"))
//! });
//! let source = source
//!     .attempts(3)
//!     .pause(Duration::from_millis(1))
//!     .when(|error| matches!(error.kind(), ErrorKind::Io(_)));
//! let (_, got) = pipeline(source).to(Vec::new()).run_into()?;
//! assert_eq!(got.into_inner(), b"all of it");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! Next: [transforms](super::transforms).
