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
//! What comes out is passed on in pieces of at most [`PIECE_BYTES`], each as soon as it is full: a
//! few bytes that unfold to gigabytes wait for room, piece by piece, as anything else does. Beside
//! the piece that it fills, [`Compress`] holds about 300 KiB and [`Decompress`] about 50 KiB,
//! whatever comes. [`ParallelCompress`] has a formula of its own.
//!
//! # Data that is not trusted
//!
//! Deflate unfolds a byte to 1032 bytes at most. Backpressure bounds what of that is held, not what
//! arrives: set [`max_output`](Decompress::max_output), [`max_ratio`](Decompress::max_ratio), or
//! both. Nothing that comes in can make a stage panic.
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
/// The levels are those of zlib-rs. Over a log, 6 was 1.6 times as fast here as that of `gzip`, and
/// what came out 3 percent larger; 1 was three times as fast, and 30 percent larger.
///
/// A level above 9 is not a reason to panic, nor for a `Result` in every chain of calls: it fails
/// the stage with [`InvalidInput`](crate::ErrorKind::InvalidInput), before a byte has come out.
///
/// # Examples
///
/// ```
/// use highwater::{ErrorKind, apply, gzip};
///
/// let nothing = apply(&mut gzip::compress(6), [])?;
/// assert_eq!(nothing.concat().len(), 20); // an empty member is one
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

/// Compresses to gzip on at most so many threads, at a level as that of [`compress`]. 0 stands for as
/// many as the machine runs at once, and more than 256 for 256.
///
/// What comes out is one gzip member, which every tool takes, and the same bytes whatever the
/// number of threads and however the input was cut.
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

/// Decompresses gzip, unless told to expect something else.
///
/// # Examples
///
/// ```
/// use highwater::{ErrorKind, apply, gzip};
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

/// What stands around the deflated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Gzip,
    Zlib,
    Raw,
}
