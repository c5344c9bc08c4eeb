//! Coming from tokio: when it is the better choice, and what its names are here.
//!
//! | your program | take |
//! | --- | --- |
//! | holds ten thousand connections or more that are all busy | tokio: a task costs less than a thread |
//! | needs TLS, HTTP/2, gRPC, a database driver: an ecosystem | tokio |
//! | is async already | tokio; a second world of threads beside it is no gain |
//! | has to wait for several things at once (`select!`) as a matter of course | tokio |
//! | is a command-line tool, a daemon, a library with a blocking interface | this crate |
//! | computes as much as it waits: compress, hash, parse | this crate: a stage that works hard blocks no executor |
//! | reads and writes regular files | this crate: tokio does that on a pool of blocking threads |
//! | serves up to a few thousand connections, most of them idle | this crate: an idle HTTP connection has no thread |
//! | wants few dependencies: about twenty crates, with everything on | this crate |
//!
//! # Names
//!
//! | tokio, tokio-util, futures | here |
//! | --- | --- |
//! | `mpsc::channel(n)` | [`channel(HighWaterMark::items(n))`](crate::channel) |
//! | `broadcast`, `Lagged(n)` | [`broadcast`](fn@crate::broadcast), [`DropOldest`](crate::stream::BranchPolicy::DropOldest), [`dropped`](crate::Branch::dropped) |
//! | `Semaphore` that counts bytes | [`Budget`](crate::Budget) |
//! | `io::copy` | [`pipeline(a).to(b).run()`](fn@crate::pipeline) |
//! | `copy_bidirectional` | [`net::relay`](crate::net::relay()) |
//! | `io::split`, `into_split` | [`Socket::split`](crate::net::Socket::split) |
//! | `io::duplex` | [`duplex_pair`](crate::stream::duplex_pair) |
//! | `Framed`, `LinesCodec`, `LengthDelimitedCodec` | [`lines`](mod@crate::lines) |
//! | `Stream`, `StreamExt` | [`Readable`](crate::Readable), and the operators of its [`flow`](crate::Readable::flow) |
//! | `buffered(n)`, `buffer_unordered(n)` | [`par_map`](crate::Pipeline::par_map), [`par_map_unordered`](crate::Pipeline::par_map_unordered) |
//! | `Sink::forward` | [`pipe_to`](crate::Readable::pipe_to) |
//! | `CancellationToken` | [`CancelToken`](crate::CancelToken) |
//! | `timeout(d, f)` | the `_timeout` calls, and [more](super::cancelling#timeouts) |
//! | `JoinSet`, `spawn_blocking` | [`std::thread::scope`] |
//! | `select!` | one thread a stream; or [`merge`](crate::stream::merge) |
//!
//! # Calling this crate from async code
//!
//! Every call here may block, so run it in `spawn_blocking`, and cancel it with a
//! [`CancelToken`](crate::CancelToken): dropping the future does not end the thread.
//!
//! Next: [crate features](super::features).
