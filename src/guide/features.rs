//! Crate features: what can be left out.
//!
//! The features are on by default. `default-features = false` leaves them out.
//!
//! | feature | adds | crates |
//! | --- | --- | --- |
//! | `gzip` | [`gzip`](mod@crate::gzip): stages that compress and decompress | `flate2` with `zlib-rs`: Rust alone, no C compiler |
//! | `http` | [`http`](mod@crate::http): an HTTP/1.1 server | `http`, `httparse`, `httpdate` |
//! | (none) | streams, pipelines, [`lines`](mod@crate::lines), [`state`](mod@crate::state); on a Unix [`fs`](mod@crate::fs), [`net`](mod@crate::net), [`process`](mod@crate::process), [`wire`](mod@crate::wire) | `bytes`, `crossbeam-channel`, `memchr`, `parking_lot`, `socket2`; on a Unix `nix`, `rustix` |
//!
//! ```toml
//! [dependencies]
//! highwater = { version = "0.1", default-features = false, features = ["gzip"] }
//! ```
//!
//! There is no unsafe code in this crate, and no build of C.
//!
//! Next: [platforms](super::platforms).
