//! Cancelling and timeouts: how to end a call that blocks.
//!
//! Every call that blocks names what ends its wait. Always among it are: data or room, the end of the
//! stream, an error, and a cancel. No call waits for a peer that has gone.
//!
//! # CancelToken
//!
//! A [`CancelToken`](crate::CancelToken) ends any number of streams, pipelines, connects, listeners and
//! servers, from any thread. There are two ways.
//!
//! | | [`stop`](crate::CancelToken::stop) | [`abort(cause)`](crate::CancelToken::abort) |
//! | --- | --- | --- |
//! | sources | are read no more | are read no more |
//! | what is buffered | still goes through | comes back to the writer, or in [`Failure::undelivered`](crate::Failure) |
//! | the result | success; [`Report::was_stopped`](crate::Report::was_stopped) is true | [`Cancelled`](crate::ErrorKind::Cancelled), with the cause as its `source` |
//! | a server | accepts no more, and waits for its connections, for at most the [grace time](crate::net::Server::grace) | ends every connection now |
//!
//! A token can be given away before or after it is used: a stream that comes later ends at once. A
//! clone is the same token.
//!
//! ```
//! use std::thread;
//! use highwater::{CancelToken, ErrorKind, HighWaterMark, Readable, pipeline_of};
//!
//! let token = CancelToken::new();
//! let mark = HighWaterMark::items(8);
//! let endless = Readable::from_iter(0u64.., mark);
//!
//! // Stopped after the first item: what was read goes through, and that is success.
//! let stopper = token.clone();
//! let report = pipeline_of(endless, mark)
//!     .cancel_with(&token)
//!     .for_each(move |_| {
//!         stopper.stop();
//!     })
//!     .run()?;
//! assert!(report.was_stopped());
//!
//! // Aborted from another thread, while this one is blocked.
//! let token = CancelToken::new();
//! let (_writer, mut reader) = highwater::channel::<u8, _>(HighWaterMark::items(1));
//! reader.cancel_with(&token);
//! let aborter = thread::spawn(move || token.abort("the user has left"));
//! let error = reader.next().unwrap().unwrap_err(); // no writer writes: only the token ends this
//! assert_eq!(error.kind(), ErrorKind::Cancelled);
//! assert!(format!("{error:#}").ends_with("the user has left"));
//! aborter.join().unwrap();
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # What a cancel reaches
//!
//! | a thread that is blocked | is woken |
//! | --- | --- |
//! | for room or for data in a buffer | at once |
//! | in connect, accept, a read or a write of a socket of [`net`](crate::net) | at once |
//! | in a read or a write of a pipe, terminal or device of [`fs`](crate::fs), also an inherited one | at once |
//! | on a child process | at once; the child is killed, see [processes](super::processes) |
//! | in a call on a regular file | when the call returns: nothing can interrupt it |
//! | in a [`Read`](std::io::Read) or [`Write`](std::io::Write) of your own | when the call returns |
//! | in a [`Source`](crate::Source) or [`Sink`](crate::Sink) of your own | at once if it gives an [`Interrupt`](crate::stage::Interrupt), else when the call returns |
//! | in a closure of yours | when the closure returns |
//!
//! # Timeouts
//!
//! | of | call | is |
//! | --- | --- | --- |
//! | one write, one read | [`write_timeout`](crate::Writable::write_timeout), [`next_timeout`](crate::Readable::next_timeout) | `TimedOut`; the stream goes on |
//! | a drain, a finish | [`wait_drain_timeout`](crate::Writable::wait_drain_timeout), [`wait_finish_timeout`](crate::Writable::wait_finish_timeout) | the same |
//! | a silent peer | [`SocketOptions::idle_timeout`](crate::net::SocketOptions::idle_timeout), `read_timeout`, `write_timeout` | the stream fails |
//! | a silent pipe or terminal | [`FileSource::idle_timeout`](crate::fs::FileSource::idle_timeout) | the stream fails |
//! | a whole connection | [`SocketOptions::lifetime`](crate::net::SocketOptions::lifetime) | the stream fails |
//! | a connect | [`Connect::timeout`](crate::net::Connect::timeout) | the connect fails |
//! | a whole relay | [`Relay::deadline`](crate::net::Relay::deadline) | the relay fails |
//! | a slow branch | [`BranchPolicy::Disconnect`](crate::stream::BranchPolicy::Disconnect) | the branch is cut off |
//! | an HTTP client | [`http::Limits`](crate::http::Limits) | 408, or a close |
//!
//! A pipeline has no deadline of its own. Abort it from a thread that waits for the time *or* for the
//! end of the pipeline, whichever comes first:
//!
//! ```
//! use std::sync::mpsc;
//! use std::thread;
//! use std::time::Duration;
//! use highwater::{CancelToken, ErrorKind, HighWaterMark, Readable, channel, pipeline_of};
//!
//! let token = CancelToken::new();
//! let (done, is_done) = mpsc::channel::<()>();
//! let late = token.clone();
//! let timer = thread::spawn(move || {
//!     if is_done.recv_timeout(Duration::from_millis(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
//!         late.abort("over the deadline");
//!     }
//! });
//!
//! let mark = HighWaterMark::items(1);
//! let (_silent, reader) = channel::<u8, _>(mark);
//! let failure = pipeline_of(reader, mark)
//!     .cancel_with(&token)
//!     .for_each(drop)
//!     .run()
//!     .unwrap_err();
//! drop(done); // ends the timer early, had the pipeline been in time
//! timer.join().unwrap();
//! assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
//! ```
//!
//! On Ctrl-C: [a chapter of its own](super::ctrl_c). Next: [files](super::files).
