//! The examples: which program shows what.
//!
//! They are in the directory `examples` of the repository. Each is a tool that works, with `--help`:
//! `cargo run --release --example copy -- --help`.
//!
//! | example | is | shows |
//! | --- | --- | --- |
//! | `copy` | copies between files, pipes, TCP and Unix sockets | [pipelines](super::pipelines), progress, limit, reports, exit codes, [Ctrl-C](super::ctrl_c) |
//! | `lines` | counts and filters the lines of files | [`lines`](mod@crate::lines), [operators](super::transforms#operators) |
//! | `gzip` | compresses and decompresses, on several threads | [`gzip`](mod@crate::gzip), a stage of its own |
//! | `tee` | writes to several files and sockets at once, with a hash | [fan-out](super::fan_out) |
//! | `proxy` | relays TCP and Unix sockets | [`net::Server`](crate::net::Server), [`Relay`](crate::net::Relay) |
//! | `serve` | serves a directory over HTTP | [`http::files`](crate::http::files) |
//! | `upload` | takes files over HTTP | a [request body](super::http) into a file |
//! | `events` | server-sent events to every page that is open | [`broadcast`](fn@crate::broadcast) into slow clients |
//! | `transfer` | sends what one URL gives to another one | streams in the hands of an HTTP client |
//!
//! To begin reading, take `lines`, then `copy`.
