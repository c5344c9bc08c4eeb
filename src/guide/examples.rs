//! The examples: which program shows what.
//!
//! They are in the directory `examples` of the repository.
//!
//! # The tour
//!
//! Thirteen programs of 15 to 40 lines, to be read in this order. Each asserts what it claims, and
//! prints what its comments say: `cargo run --example 01_hello`.
//!
//! | example | shows | chapter |
//! | --- | --- | --- |
//! | `01_hello` | two threads, a channel, a mark of 8 bytes | [hello](super::hello) |
//! | `02_drain` | what Node calls `write() === false` and `drain` | [drain](super::drain) |
//! | `03_pipeline` | a pipeline from file to file, and its report | [pipelines](super::pipelines) |
//! | `04_lines` | lines out of chunks, filtered and counted | [transforms](super::transforms) |
//! | `05_transform` | a transform of your own | [transforms](super::transforms) |
//! | `06_source_and_sink` | a source and a sink of your own | [testing](super::testing) |
//! | `07_errors` | the first cause: a disk that is full | [errors](super::errors) |
//! | `08_cancel` | Ctrl-C that ends a blocked read | [cancelling](super::cancelling), [Ctrl-C](super::ctrl_c) |
//! | `09_fan_out` | one writer, several readers, a policy for each | [fan-out](super::fan_out) |
//! | `10_par_map` | work shared among threads, in order | [transforms](super::transforms) |
//! | `11_child_process` | a child process as a stage | [processes](super::processes) |
//! | `12_sockets` | a socket with a slow peer | [sockets](super::sockets) |
//! | `13_http` | an HTTP server with bodies that are streams | [HTTP](super::http) |
//!
//! # The tools
//!
//! Each works, and has `--help`: `cargo run --release --example copy -- --help`.
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
//! To read one, take `lines`, then `copy`.
