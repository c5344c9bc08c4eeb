//! Fan-out and fan-in: one stream to several places, several streams as one.
//!
//! | to do this | use | threads | the slowest reader |
//! | --- | --- | --- | --- |
//! | give each chunk to two sinks | [`Pipeline::tee`](crate::Pipeline::tee) | one more | slows both down |
//! | give each chunk to any number of readers, which come and go | [`broadcast`](fn@crate::broadcast) | none: each reader brings its own | as its [`BranchPolicy`](crate::stream::BranchPolicy) says |
//! | read several sources as their chunks come | [`merge`](crate::stream::merge) | one for each source | |
//! | read several sources one after the other | [`concat`](fn@crate::stream::concat) | none | |
//! | share the items among worker threads | [`par_map`](crate::Pipeline::par_map) | its worker threads | |
//! | let several threads write one stream | `clone` of a [`Writable`](crate::Writable) | | |
//!
//! # Broadcast
//!
//! Every [`Branch`](crate::Branch) of a [`Broadcast`](crate::Broadcast) gets everything that is written
//! after it has subscribed. The chunks are in one queue: they are shared, and not copied. The policy of
//! a branch decides what happens when it is slow.
//!
//! | policy | the writer | the branch |
//! | --- | --- | --- |
//! | [`Slowest`](crate::stream::BranchPolicy::Slowest) | waits for it | gets everything |
//! | [`Disconnect(time)`](crate::stream::BranchPolicy::Disconnect) | waits for it, for at most that long | is then cut off, with `TimedOut` |
//! | [`Cap(n)`](crate::stream::BranchPolicy::Cap) | never waits for it | is cut off when it would have more than `n` to read, with `LimitExceeded` |
//! | [`DropOldest(n)`](crate::stream::BranchPolicy::DropOldest) | never waits for it | misses the oldest chunks; [`dropped`](crate::Branch::dropped) counts them. For a display |
//! | [`DropNewest(n)`](crate::stream::BranchPolicy::DropNewest) | never waits for it | misses the newest chunks. For a sample |
//!
//! `n` is in the unit of the mark. A branch that is cut off aborts the pipeline that reads it, also
//! while that is blocked in a write to a slow client. What it has not read is dropped, and its next read is
//! the error. When the last branch is gone, a write fails: see
//! [`keep_open`](crate::Broadcast::keep_open).
//!
//! ```
//! use std::thread;
//! use highwater::{Error, HighWaterMark, broadcast, pipeline};
//! use highwater::stream::BranchPolicy;
//!
//! let news = broadcast(HighWaterMark::bytes(1024));
//! let log = news.subscribe(BranchPolicy::Slowest); // a write waits for it
//! let screen = news.subscribe(BranchPolicy::DropOldest(64)); // and never for this one
//! thread::scope(|scope| {
//!     let log = scope.spawn(|| pipeline(log).to(Vec::new()).run_into());
//!     let screen = scope.spawn(|| screen.last());
//!     pipeline(&b"some news"[..]).to(news).run()?; // returns when each has read everything
//!     let (_, logged) = log.join().unwrap()?;
//!     assert_eq!(logged.into_inner(), b"some news");
//!     let last = screen.join().unwrap().transpose()?;
//!     assert_eq!(last.as_deref(), Some(&b"some news"[..]));
//!     Ok::<(), Error>(())
//! })?;
//! # Ok::<(), Error>(())
//! ```
//!
//! **Each branch is read by a thread of its own, while the broadcast is written.** A `Slowest` branch
//! that is to be read afterwards fills the queue, and the writer waits for ever; after a while that is
//! reported to [`set_error_hook`](crate::set_error_hook). Drop a branch that is not read.
//!
//! # Merge
//!
//! ```
//! use highwater::{HighWaterMark, Readable, pipeline};
//! use highwater::stream::{concat, merge};
//!
//! let mark = HighWaterMark::items(4);
//! let odd = Readable::from_iter([1, 3, 5], mark);
//! let even = Readable::from_iter([2, 4, 6], mark);
//! let mut all = merge([odd, even], mark).to_vec(100)?; // in the order in which they come
//! all.sort_unstable();
//! assert_eq!(all, [1, 2, 3, 4, 5, 6]);
//!
//! let (_, out) = pipeline(concat([&b"head "[..], b"body"])).to(Vec::new()).run_into()?;
//! assert_eq!(out.into_inner(), b"head body");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Read and write: Duplex
//!
//! A [`Duplex`](crate::Duplex) is both: a socket, the two ends of a
//! [`duplex_pair`](crate::stream::duplex_pair), or a transform that is written on one side and read on the other
//! ([`Duplex::over`](crate::Duplex::over)). [`split`](crate::Duplex::split) gives the halves to two
//! threads. Two threads that only write to each other wait for each other: read while you write, or
//! split.
//!
//! Next: [pipelines and reports](super::pipelines).
