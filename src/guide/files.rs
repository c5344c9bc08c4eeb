//! Files: reading, writing, standard streams, and copies in the kernel.
//!
//! The ends in [`fs`](crate::fs) name their path in errors and reports, and close properly.
//! They also open what stands among files: pipes, terminals, devices. Those are polled, so that a
//! blocked read or write of one can be cancelled, also if it was inherited and whether it blocks or not; its
//! flags stay as they are.
//!
//! | to do this | call | Node |
//! | --- | --- | --- |
//! | read a file | [`fs::read`](crate::fs::read) | `createReadStream` |
//! | read a part of it | [`range`](crate::fs::FileSource::range) | `start`, `end` |
//! | create, or empty and write | [`fs::create`](crate::fs::create) | `createWriteStream` |
//! | create; fail if it exists | [`fs::create_new`](crate::fs::create_new) | flag `wx` |
//! | append | [`fs::append`](crate::fs::append) | flag `a` |
//! | be on the disk before success | [`sync`](crate::fs::FileSink::sync) | `flush: true` |
//! | read standard input, write standard output | [`fs::stdin`](crate::fs::stdin), [`fs::stdout`](crate::fs::stdout) | `process.stdin`, `process.stdout` |
//! | use a file that is open | [`FileSource::from`](crate::fs::FileSource), [`FileSink::from`](crate::fs::FileSink) | `fd` |
//!
//! ```
//! use highwater::{fs, pipeline};
//!
//! let path = std::env::temp_dir().join(format!("highwater-guide-{}", std::process::id()));
//! pipeline(&b"first\n"[..]).to(fs::create(&path)?.sync()).run()?;
//! pipeline(&b"second\n"[..]).to(fs::append(&path)?).run()?;
//!
//! let (_, out) = pipeline(fs::read(&path)?.range(6..12)?).to(Vec::new()).run_into()?;
//! assert_eq!(out.into_inner(), b"second");
//!
//! // To write the file that is read would destroy it: refused, and the file is as it was.
//! let refused = pipeline(fs::read(&path)?).to(fs::create(&path)?).run().unwrap_err();
//! assert_eq!(refused.error.kind(), highwater::ErrorKind::InvalidInput);
//! assert_eq!(std::fs::read(&path).unwrap(), b"first\nsecond\n");
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! [`fs::create`](crate::fs::create) empties a file with the first byte that is written, or at the end
//! if there is none. A file that was not finished stays as far as it was written. To replace a file in
//! one step, write beside it and rename.
//!
//! A [`range`](crate::fs::FileSource::range) past the end of the file is an error of the call; Node
//! reads what is there.
//!
//! [`fs::read`](crate::fs::read) ends at the end of the file. To follow a file that grows, write a
//! [`Source`](crate::Source) that waits and reads again, or run `tail -F` with
//! [`process::source`](crate::process::source).
//!
//! # A stream by hand
//!
//! ```
//! use std::io::Write;
//! use highwater::{HighWaterMark, Readable, Writable, fs};
//!
//! let path = std::env::temp_dir().join(format!("highwater-guide-hand-{}", std::process::id()));
//! let mut out = Writable::from_sink(fs::create(&path)?, HighWaterMark::default());
//! write!(out, "written on another thread").unwrap();
//! out.finish()?; // written, flushed and closed
//!
//! let text = Readable::from_source(fs::read(&path)?, HighWaterMark::default());
//! assert_eq!(text.to_bytes(1024)?, "written on another thread");
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Copies in the kernel
//!
//! Where no stage stands between two files or sockets that looks at the bytes, the kernel copies them
//! (`copy_file_range`, `sendfile`, `splice`, on Linux), with progress, limit, cancel and report as ever.
//! From a file to a socket the kernel sends the pages of the file itself, so the file has to be promised
//! not to change meanwhile: [`stable`](crate::fs::FileSource::stable).
//! [`Report::path`](crate::Report::path) tells whether it was done, and if not, why.
//!
//! ```
//! use highwater::{fs, pipeline};
//! use highwater::zero_copy::CopyPath;
//!
//! let out = fs::create("/dev/null")?;
//! let report = pipeline(fs::read("Cargo.toml")?).in_buffers().to(out).run()?;
//! assert!(matches!(report.path(), Some(CopyPath::Buffered(_)))); // `in_buffers` asked for that
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # What waits
//!
//! A read or a write of a regular file is waited for: no operating system lets another thread end it.
//! A FIFO without a reader is waited for in the first write, which can be cancelled. `idle_timeout`
//! bounds the silence of anything but a regular file.
//!
//! Next: [sockets](super::sockets).
