//! Crate features: what can be left out.
//!
//! All but `wire` and `testing` are on by default. `default-features = false` leaves them out.
//!
//! | feature | adds | crates |
//! | --- | --- | --- |
//! | `net` | TCP and Unix sockets, servers, relays (a Unix) | `socket2` |
//! | `process` | child processes as sources, sinks and stages (a Unix) | none |
//! | `gzip` | stages that compress and decompress | `flate2` with `zlib-rs`: Rust alone, no C compiler |
//! | `http` | an HTTP/1.1 server; turns on `net` | `http`, `httparse`, `httpdate` |
//! | `files` | the files of a directory over HTTP; turns on `http` | none |
//! | `wire` | a channel between two processes over a socket; turns on `net` | none |
//! | `testing` | internals, for tests and fuzz targets, without a promise of stability | none |
//! | (none) | streams, pipelines, [`lines`](mod@crate::lines), [`state`](mod@crate::state); on a Unix files | `bytes`, `crossbeam-channel`, `memchr`, `parking_lot`; on a Unix `nix`, `rustix` |
//!
//! ```toml
//! [dependencies]
//! highwater = { version = "0.1", default-features = false, features = ["gzip"] }
//! ```
//!
//! There is no unsafe code in this crate, and no build of C.
//!
//! Next: [platforms](super::platforms).
