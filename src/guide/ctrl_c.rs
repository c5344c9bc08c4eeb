//! Ctrl-C: ending cleanly on a signal.
//!
//! Give everything that runs one [`CancelToken`](crate::CancelToken), and use that token when the signal
//! comes: [`stop`](crate::CancelToken::stop) lets what is buffered through,
//! [`abort`](crate::CancelToken::abort) ends now.
//!
//! **Not in the signal handler itself.** A handler interrupts a thread at any instruction, also while
//! that holds a lock. `stop` and `abort` take locks, so a handler that calls them can wait for the very thread that
//! it interrupts: for ever. Have a thread wait for the signal and use the token there. The crate
//! [`signal-hook`](https://docs.rs/signal-hook) does that with its iterator; `ctrlc` calls its closure on such a
//! thread too.
//!
//! ```
//! # #[cfg(unix)] {
//! use std::thread;
//! use highwater::{CancelToken, HighWaterMark, Readable, pipeline_of};
//! use signal_hook::consts::{SIGINT, SIGTERM};
//! use signal_hook::iterator::Signals;
//!
//! let token = CancelToken::new();
//!
//! let mut signals = Signals::new([SIGINT, SIGTERM])?;
//! let handle = signals.handle();
//! let on_signal = token.clone();
//! let waiter = thread::spawn(move || {
//!     for signal in signals.forever() {
//!         if on_signal.is_cancelled() {
//!             on_signal.abort(format!("signal {signal}, twice")); // the second one: now
//!         } else {
//!             on_signal.stop(); // the first one: let through what is there
//!         }
//!     }
//! });
//!
//! let mark = HighWaterMark::items(16);
//! let report = pipeline_of(Readable::from_iter(0u64.., mark), mark) // endless
//!     .cancel_with(&token)
//!     .try_for_each(move |n| {
//!         if n == 100 {
//!             signal_hook::low_level::raise(SIGINT)?; // as Ctrl-C does
//!         }
//!         Ok(())
//!     })
//!     .run()?;
//! assert!(report.was_stopped());
//! assert!(report.bytes() > 100);
//!
//! handle.close(); // ends the thread that waits for signals
//! waiter.join().unwrap();
//! # }
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! After an `abort` a pipeline returns a [`Failure`](crate::Failure): its report tells what the sink has
//! confirmed, for a message such as "interrupted; 12 of 40 MB were written". By custom a program that
//! ends on a signal exits with 128 plus the number of the signal.
//!
//! For a server give the token to `cancel_with`, of [`net::Server`](crate::net::Server::cancel_with) or
//! [`http::Server`](crate::http::Server::cancel_with). A `stop` closes the listener and gives the open
//! connections a grace time, 30 seconds by default; then it aborts them. An `abort` gives none. In both cases
//! `serve` returns what the server has done. To change the time:
//!
//! ```no_run
//! # #[cfg(all(unix, feature = "http"))] {
//! use std::time::Duration;
//! use highwater::http::{Request, Response, Server};
//! use highwater::{CancelToken, net};
//!
//! let token = CancelToken::new(); // used by the thread that waits for signals
//! let listening = net::Server::bind("127.0.0.1:8080")?.grace(Duration::from_secs(5));
//! let counts = Server::on(listening)
//!     .cancel_with(&token)
//!     .serve(|_: Request, response: Response| response.send("hello\n"))?;
//! println!("{} connections", counts.accepted);
//! # }
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! A blocked read of the terminal, of a pipe or a socket is woken by the token, so no thread is left. A
//! child process that runs in the same terminal gets Ctrl-C from the terminal as well; to end it in
//! order instead, start it in [a group of its own](crate::process::Spawn::group).
//!
//! Next: [the examples](super::examples).
