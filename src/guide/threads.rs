//! Which thread runs what.
//!
//! There is no runtime and no pool in the background. A thread starts with the first byte that needs it,
//! belongs to one handle or one call, and is joined when that ends. All of them are named `highwater-...`,
//! so that a debugger and `top -H` show what they do.
//!
//! | | threads | start | end |
//! | --- | --- | --- | --- |
//! | [`channel`](crate::channel), [`broadcast`](fn@crate::broadcast) | none | | |
//! | [`Readable`](crate::Readable) of a source | one, which reads ahead | the first read | with the handle |
//! | [`Writable`](crate::Writable) to a sink | one, which writes | the first chunk | with the handle |
//! | [`Writable`](crate::Writable) to a [socket](crate::net::Socket::writable) | none, or one | the first write that would block | after a second without work, or with the handle |
//! | operators of a [`Flow`](crate::stream::Flow) | none: they run when it is read | | |
//! | [`Pipeline::run`](crate::report::ReadyPipeline::run) with *n* stages that are not light | *n* - 1, and the caller's, which runs the sink | `run` | before `run` returns |
//! | [`Pipeline::run`](crate::report::ReadyPipeline::run) whose bytes the kernel copies | none: the caller's | | |
//! | [`Pipeline::readable`](crate::Pipeline::readable) | those of the pipeline, and one | the first read | with the handle |
//! | [`par_map`](crate::Pipeline::par_map) on *n* threads | at most *n* + 1 | as work comes | with its pipeline |
//! | [`tee`](crate::Pipeline::tee) | one | `run` | before `run` returns |
//! | [`merge`](crate::stream::merge) of *n* sources | *n* + 1 | the first read | with the handle |
//! | [`progress`](crate::Pipeline::progress), [`monitor`](crate::Pipeline::monitor) | none: `progress` is called by the sink's thread | | |
//!
//! | with feature or platform | threads |
//! | --- | --- |
//! | [`net::connect`](crate::net::connect()) | none, and one for the lookup of a host name |
//! | [`net::relay`](crate::net::relay()) | none: the caller's serves both directions |
//! | [`net::Server`](crate::net::Server) | the one that accepts, and one a connection, reused |
//! | [`http::Server`](crate::http::Server) | one that watches all idle connections, and about as many as there are requests that wait for something |
//! | a [child process](crate::process) | one, which drains its standard error and waits for its exit |
//!
//! # Your closures
//!
//! A closure that is given to a stream runs on the thread of that stage, so it must be [`Send`]. In a
//! pipeline that is run it may [borrow](super::pipelines#what-a-pipeline-may-borrow) from the caller, because
//! `run` joins every thread. Anywhere else the thread may outlive the function that started it, so the
//! closure must be `'static`. It is never called by two threads at once, save for those of `par_map`, for
//! handlers of servers and for `on_event`.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::thread;
//! use highwater::{HighWaterMark, Readable, pipeline_of};
//!
//! let seen = Arc::new(Mutex::new(Vec::new()));
//! let mark = HighWaterMark::items(4);
//! let by_source = Arc::clone(&seen);
//! let numbers = std::iter::once_with(move || {
//!     by_source.lock().unwrap().push(thread::current().id());
//!     1
//! });
//! let by_map = Arc::clone(&seen);
//! pipeline_of(Readable::from_iter(numbers, mark), mark)
//!     .map(move |n| {
//!         by_map.lock().unwrap().push(thread::current().id()); // light: on the sink's thread
//!         n + 1
//!     })
//!     .for_each(|n| {
//!         assert_eq!(n, 2);
//!     })
//!     .run()?;
//! let seen = seen.lock().unwrap();
//! assert_ne!(seen[0], thread::current().id());
//! assert_eq!(seen[1], thread::current().id()); // the caller runs the sink
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # What a blocked thread costs
//!
//! No processor time. A thread that must wait spins for a few microseconds and then parks. A write that
//! need not wait makes no system call, reads no clock, allocates nothing and takes at most one lock.
//!
//! Next: [the memory formula](super::memory).
