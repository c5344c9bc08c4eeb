//! Limits: what is bounded by default, and how to change it.
//!
//! Nothing here grows without a bound unless you ask for it.
//!
//! | what | default | change it with |
//! | --- | --- | --- |
//! | the buffer of a byte stream | 256 KiB and a chunk ([`DEFAULT_BYTES`](crate::mark::DEFAULT_BYTES)) | the mark of the stream; [`Pipeline::high_water_mark`](crate::Pipeline::high_water_mark) |
//! | the buffer of a stream of items | 64 items ([`DEFAULT_ITEMS`](crate::mark::DEFAULT_ITEMS)) | the mark |
//! | one read of a byte source | 64 KiB ([`READ_BYTES`](crate::mark::READ_BYTES)), never over 1 MiB | `chunk_bytes` of the source |
//! | small writes that are merged | 32 KiB, until a `flush` or `end` | |
//! | a line, piece or frame | 1 MiB ([`lines::MAX_BYTES`](crate::lines::MAX_BYTES)), then `LimitExceeded` | [`max_bytes`](crate::lines::Splitter::max_bytes) |
//! | what [`read_n`](crate::Readable::read_n) reads | 1 GiB | |
//! | `to_vec`, `to_bytes`, [`Collect`](crate::stage::Collect), [`CollectBytes`](crate::stage::CollectBytes) | the limit is an argument | |
//! | what a gzip stream unfolds to | not bounded: backpressure bounds what is *held* | [`max_output`](crate::gzip::Decompress::max_output), [`max_ratio`](crate::gzip::Decompress::max_ratio) |
//! | attempts of a [`Retry`](crate::stage::Retry) | 5 in a row, pauses of 100 ms doubling up to 30 s | [`attempts`](crate::stage::Retry::attempts), [`pause`](crate::stage::Retry::pause) |
//! | the time of any wait | not bounded | [timeouts](super::cancelling#timeouts) |
//! | the rate of a pipeline | not bounded | [`limit`](crate::Pipeline::limit) |
//! | connections of a server | 1024; the rest wait in the backlog (also 1024) | [`connections`](crate::net::Server::connections), [`backlog`](crate::net::Listen::backlog) |
//! | a server that is stopped | 30 s, then an abort | [`grace`](crate::net::Server::grace) |
//! | the stack of a server's thread | 256 KiB | [`stack_bytes`](crate::net::Server::stack_bytes) |
//! | each direction of a relay | 128 KiB | [`high_water_mark`](crate::net::Relay::high_water_mark) |
//! | what is kept of a child's standard error | the last 4 KiB | |
//! | a frame of [`wire`](crate::wire) | 64 KiB of data | |
//! | HTTP: heads, bodies, times, rates | [a table of its own](crate::http::Limits) | [`Server::limits`](crate::http::Server::limits) |
//!
//! Set a limit on what comes from outside: a line that never ends is refused, with the byte at which it
//! begins.
//!
//! ```
//! use highwater::{Bytes, ErrorKind, lines};
//! use highwater::stage::apply;
//!
//! let mut short = lines::lines().max_bytes(5);
//! let error = apply(&mut short, [Bytes::from("one\ntw"), Bytes::from("enty\n")]).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::LimitExceeded);
//! assert_eq!(error.offset(), Some(4));
//! ```
//!
//! Next: [testing your own stages](super::testing).
