//! Platforms: where it runs, and what is missing there.
//!
//! | | Linux | macOS, FreeBSD, other Unix | Windows |
//! | --- | --- | --- | --- |
//! | streams, pipelines, [`lines`](mod@crate::lines), [`gzip`](mod@crate::gzip), [`state`](mod@crate::state) | yes | yes | yes |
//! | [`fs`](mod@crate::fs), [`net`](mod@crate::net), [`process`](mod@crate::process), [`wire`](mod@crate::wire), [`http`](mod@crate::http) | yes | yes | no: the modules are absent, whatever features are on |
//! | copies in the kernel (`sendfile`, `splice`, `copy_file_range`) | yes | through buffers | through buffers |
//! | [`ErrorKind::Deadlock`](crate::ErrorKind::Deadlock) | yes | the call waits | the call waits |
//! | connections are watched by | `epoll` | `poll` | |
//! | [`Spawn::pipe_bytes`](crate::process::Spawn::pipe_bytes) | yes | no effect | |
//! | abstract names of Unix sockets (`@name`) | yes | no | |
//! | tested | at every change | compiled at every change, not run | compiled at every change, not run |
//!
//! On Windows a file of std, a `TcpStream` and a child's pipe still work as [`Read`](std::io::Read) and
//! [`Write`](std::io::Write): [`Readable::from_read`](crate::Readable::from_read),
//! [`Writable::to`](crate::Writable::to), [`ReadSource`](crate::ReadSource),
//! [`WriteSink`](crate::WriteSink). A blocked call on one cannot be cancelled.
//!
//! # Rust
//!
//! Rust 1.85 or later, which edition 2024 asks for. Raising it is a minor release, alone.
//!
//! Next: [Ctrl-C](super::ctrl_c).
