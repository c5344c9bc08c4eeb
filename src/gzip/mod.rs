//! Compression and decompression as stages: gzip ([RFC 1952]), zlib ([RFC 1950]) and raw deflate
//! ([RFC 1951]). Node's `createGzip`, `createDeflate`, `createDeflateRaw`, `createGunzip`,
//! `createInflate`, `createInflateRaw` and `createUnzip`.
//!
//! ```
//! use highwater::{gzip, pipeline};
//!
//! let text = "a stream of text, of text, of text\n".repeat(1000);
//! let (_, small) = pipeline(text.clone().into_bytes())
//!     .through(gzip::compress(6))
//!     .to(Vec::new())
//!     .run_into()?;
//! let small = small.into_inner();
//! assert!(small.len() < text.len() / 50);
//!
//! let (_, back) = pipeline(small).through(gzip::decompress()).to(Vec::new()).run_into()?;
//! assert_eq!(back.into_inner(), text.as_bytes());
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # Memory
//!
//! The output is passed on in pieces of at most [`PIECE_BYTES`], each as soon as it is full: a few bytes
//! that decompress to gigabytes wait for room piece by piece. Besides the piece that it fills,
//! [`Compress`] holds about 300 KiB and [`Decompress`] about 50 KiB, whatever the input is.
//! [`ParallelCompress`] has a formula of its own.
//!
//! A compressing stage holds its output until a piece is full or the stream ends. For a log that is read
//! while it grows, set [`flush_each_chunk`](Compress::flush_each_chunk).
//!
//! # Untrusted data
//!
//! Deflate expands a byte to 1032 bytes at most. Backpressure bounds how many bytes are held, not how many
//! arrive: set [`max_output`](Decompress::max_output), [`max_ratio`](Decompress::max_ratio), or
//! both. No input makes a stage panic.
//!
//! [RFC 1950]: https://www.rfc-editor.org/rfc/rfc1950
//! [RFC 1951]: https://www.rfc-editor.org/rfc/rfc1951
//! [RFC 1952]: https://www.rfc-editor.org/rfc/rfc1952

mod compress;
mod corrupt;
mod decompress;
mod header;
mod parallel;
mod pieces;

pub use compress::Compress;
pub use corrupt::Corrupt;
pub use decompress::Decompress;
pub use parallel::{BLOCK_BYTES, ParallelCompress};
pub use pieces::PIECE_BYTES;

/// Compresses to gzip, at a level from 0 (stored as it is) over 1 (fastest) to 9 (smallest).
///
/// The levels are those of zlib-rs. On a log, level 6 was 1.6 times as fast as that of `gzip`, with 3
/// percent more output; level 1 was three times as fast, with 30 percent more.
///
/// A level above 9 fails the stage with [`InvalidInput`](crate::ErrorKind::InvalidInput), before a byte of
/// output, so that a chain of calls needs no `Result` here.
///
/// # Examples
///
/// ```
/// use highwater::{ErrorKind, gzip};
/// use highwater::stage::apply;
///
/// let nothing = apply(&mut gzip::compress(6), [])?;
/// assert_eq!(nothing.concat().len(), 20); // a member without data is valid
///
/// let error = apply(&mut gzip::compress(10), []).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
#[doc(alias = "createGzip")]
pub fn compress(level: u32) -> Compress {
    Compress::new(level)
}

/// Compresses to gzip on at most `threads` threads, at a level as for [`compress`]. 0 means as many as the
/// machine runs at once, and more than 256 means 256.
///
/// The output is one gzip member, which every tool reads. Its bytes depend neither on the number of threads
/// nor on how the input was cut into chunks.
///
/// # Examples
///
/// ```
/// use highwater::{gzip, pipeline};
///
/// let (report, small) = pipeline(vec![7; 3_000_000])
///     .through(gzip::compress_parallel(6, 2))
///     .through(gzip::decompress())
///     .to(Vec::new())
///     .run_into()?;
/// assert_eq!(report.bytes(), 3_000_000);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn compress_parallel(level: u32, threads: usize) -> ParallelCompress {
    ParallelCompress::new(level, threads)
}

/// Decompresses gzip. [`Decompress::zlib`], [`raw`](Decompress::raw) and
/// [`detect`](Decompress::detect) set another format.
///
/// # Examples
///
/// ```
/// use highwater::{ErrorKind, gzip};
/// use highwater::stage::apply;
/// use std::io;
///
/// let small = apply(&mut gzip::compress(6), ["whole".into()])?.concat();
/// let cut = small[..small.len() - 1].to_vec();
/// let error = apply(&mut gzip::decompress(), [cut.into()]).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::UnexpectedEof));
/// assert_eq!(error.offset(), Some(small.len() as u64 - 1));
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
#[doc(alias = "createGunzip")]
pub fn decompress() -> Decompress {
    Decompress::new()
}

/// The format around the deflated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Gzip,
    Zlib,
    Raw,
}
