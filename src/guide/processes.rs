//! Processes: a child as a source, a sink or a stage.
//!
//! | to do this | call |
//! | --- | --- |
//! | read what a child writes | [`process::source`](crate::process::source) |
//! | write what a child reads | [`process::sink`](crate::process::sink) |
//! | send a pipeline through a child | [`process::stage`](crate::process::stage), and [`via`](crate::Pipeline::via) |
//! | set how it is started, watched and ended | [`process::Spawn`](crate::process::Spawn) |
//!
//! Each takes a [`Command`](std::process::Command) of std.
//!
//! ```
//! use std::process::Command;
//! use highwater::{pipeline, process};
//!
//! let sort = process::stage(Command::new("sort"))?;
//! let (_, sorted) = pipeline(&b"b\nc\na\n"[..])
//!     .via(sort.sink, sort.source)
//!     .to(Vec::new())
//!     .run_into()?;
//! assert_eq!(sorted.into_inner(), b"a\nb\nc\n");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! The pipe of the kernel gives the backpressure: a child that writes faster than it is read waits.
//!
//! # Its exit is part of the stream
//!
//! A child that exits with another status than 0, or is killed, makes its stream fail, as `pipefail` of a
//! shell does. The error names the program and the status, and its source has the last 4 KiB of the
//! child's standard error.
//!
//! ```
//! use std::process::Command;
//! use highwater::{pipeline, process};
//!
//! let mut sh = Command::new("sh");
//! sh.args(["-c", "echo half; echo no space left >&2; exit 3"]);
//! let failure = pipeline(process::source(sh)?).to(Vec::new()).run().unwrap_err();
//! assert_eq!(failure.report.bytes(), 5); // what was written before is delivered
//! let text = format!("{:#}", failure.error);
//! assert!(text.contains("exit status: 3"), "{text}");
//! assert!(text.ends_with("no space left"), "{text}");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! A child that exits with 0 without reading everything, as `head` does, is success: what is before it is
//! stopped.
//!
//! ```
//! use std::process::Command;
//! use highwater::{HighWaterMark, Readable, pipeline, pipeline_of, process};
//!
//! let mut head = Command::new("head");
//! head.args(["-n", "2"]);
//! let head = process::stage(head)?;
//! let mark = HighWaterMark::items(16);
//! let (_, out) = pipeline_of(Readable::from_iter(1.., mark), mark) // endless
//!     .map(|n: u64| highwater::Bytes::from(format!("{n}\n")))
//!     .via(head.sink, head.source)
//!     .to(Vec::new())
//!     .run_into()?;
//! assert_eq!(out.into_inner(), b"1\n2\n");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Standard error
//!
//! It is always drained, so a child never waits for that. The last 4 KiB are kept for the error.
//! [`pass_stderr`](crate::process::Spawn::pass_stderr) passes it on to that of this process,
//! [`stderr_lines`](crate::process::Spawn::stderr_lines) calls a closure with each line, and
//! [`leave_stderr`](crate::process::Spawn::leave_stderr) leaves it as the command says.
//!
//! # Ending a child early
//!
//! A half that is dropped before its end, by an abort, an error or a panic elsewhere, kills the child,
//! and waits until it is reaped. [`grace`](crate::process::Spawn::grace) sends `SIGTERM` first, and
//! `SIGKILL` only after that time. [`group`](crate::process::Spawn::group) does so to everything that the
//! child has started. No zombie and no thread is left.
//!
//! Next: [HTTP](super::http).
