//! Lines, delimited pieces and frames out of a stream of bytes, and text.
//!
//! Chunks come as a disk or a network cuts them. [`lines()`] cuts them at the ends of lines,
//! [`split`] at any delimiter, [`frames`] by a length before each; [`utf8`] never cuts a character in
//! two. [`append_end`] and [`prepend_len`] are the way back. How the stream was cut into chunks
//! makes no difference to what comes out.
//!
//! Each is a stage of a [pipeline](crate::pipeline), an iterator over a
//! [`Readable`](crate::Readable), and a [`Decoder`] that is fed by hand, with one core.
//!
//! # Lines through a pipeline
//!
//! ```
//! use highwater::{lines, pipeline};
//!
//! let log = &b"error: disk\r\nall well\n\nerror: net"[..];
//! let (_, sink) = pipeline(log)
//!     .through_with(lines::lines(), lines::mark(64 * 1024))
//!     .filter(|line| line.starts_with(b"error"))
//!     .through(lines::append_end("\n"))
//!     .to(Vec::new())
//!     .run_into()?;
//! assert_eq!(sink.into_inner(), b"error: disk\nerror: net\n");
//! # Ok::<(), highwater::Error>(())
//! ```
//!
//! # An empty line is a line
//!
//! It arrives like any other, whatever the buffers between are measured in. In one that is measured in
//! bytes it [counts 1](crate::HighWaterMark#what-weighs-nothing), and so the memory of many short
//! lines is more than their bytes. Where that matters there is a [`mark()`] in which each
//! [weighs](weight) its bytes and one more.
//!
//! # Limits
//!
//! A peer that never ends its line must not fill the memory. A line, piece or frame may have
//! [`MAX_BYTES`], or [what you say](Splitter::max_bytes).
//!
//! ```
//! use highwater::{Bytes, ErrorKind, apply, lines};
//!
//! let mut short = lines::lines().max_bytes(5);
//! let error = apply(&mut short, [Bytes::from("one\ntw"), Bytes::from("enty\n")]).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::LimitExceeded);
//! assert_eq!(error.offset(), Some(4)); // where the line begins
//! assert_eq!(
//!     error.to_string(),
//!     "over the limit of 5 bytes: a line that begins at byte 4"
//! );
//! ```

mod prefix;
mod rule;

mod decoder;
mod splitter;

mod slices;

mod joiner;
mod utf8;

use bytes::Bytes;

use crate::channel::mark::{HighWaterMark, InWeight};

pub use decoder::{Decoder, Pieces};
pub use joiner::Joiner;
pub use prefix::Prefix;
pub use splitter::Splitter;
pub use utf8::Utf8;

use rule::Rule;

/// The longest that a line, piece or frame may be, in bytes, unless told otherwise.
///
/// Longer than any line that a person or a log writes, and small beside what a process has.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Cuts a stream into lines, without the `\n` or `\r\n` that ends them.
///
/// They are those of [`BufRead::lines`](std::io::BufRead::lines): a last line without an end is a
/// line, behind a last end there is none, and a `\r` without `\n` is a byte like others. They need
/// not be text.
#[must_use]
#[doc(alias = "readline")]
pub const fn lines() -> Splitter {
    Splitter::new(Rule::Line)
}

/// Cuts a stream at each `delimiter`, of one byte or more, which is no part of the pieces.
///
/// They are those of [`BufRead::split`](std::io::BufRead::split): what is behind the last delimiter
/// is a piece only if it is not empty.
///
/// # Panics
///
/// If the delimiter is empty, which would be everywhere.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, apply, lines};
///
/// let paths = [Bytes::from("a\0b"), Bytes::from("c\0")];
/// assert_eq!(apply(&mut lines::split("\0"), paths)?, ["a", "bc"]);
///
/// let parts = [Bytes::from("head\r\n\r"), Bytes::from("\nbody")];
/// assert_eq!(apply(&mut lines::split("\r\n\r\n"), parts)?, ["head", "body"]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn split(delimiter: impl AsRef<[u8]>) -> Splitter {
    let delimiter = delimiter.as_ref();
    assert!(!delimiter.is_empty(), "an empty delimiter");
    Splitter::new(Rule::delimited(delimiter))
}

/// Cuts a stream into frames, each of which has its length before it. The frames come without it.
///
/// # Examples
///
/// ```
/// use highwater::lines::{self, Prefix};
/// use highwater::{Bytes, apply};
///
/// let chunks = [Bytes::from_static(b"\0\x03one\0"), Bytes::from_static(b"\0\0\x05th"), Bytes::from("ree")];
/// assert_eq!(apply(&mut lines::frames(Prefix::U16Be), chunks)?, ["one", "", "three"]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub const fn frames(prefix: Prefix) -> Splitter {
    Splitter::new(Rule::Frame(prefix))
}

/// Makes text out of bytes, and fails where they are none.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, apply, lines};
///
/// let chunks = [&b"caf\xc3"[..], b"\xa9"].map(Bytes::from);
/// assert_eq!(apply(&mut lines::utf8(), chunks)?, ["caf", "é"]);
///
/// let error = apply(&mut lines::utf8(), [Bytes::from(&b"caf\xe9 au lait"[..])]).unwrap_err();
/// assert_eq!(error.offset(), Some(3));
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub const fn utf8() -> Utf8 {
    Utf8::new(false)
}

/// Makes text out of bytes, with U+FFFD for what is none: together, what
/// [`String::from_utf8_lossy`] makes of the whole.
#[must_use]
pub const fn utf8_lossy() -> Utf8 {
    Utf8::new(true)
}

/// Puts `end` behind each piece: lines out of what [`lines()`] has cut.
///
/// A piece that contains `end` comes back as more than one.
#[must_use]
pub fn append_end(end: impl AsRef<[u8]>) -> Joiner {
    Joiner::appending(Bytes::copy_from_slice(end.as_ref()))
}

/// Puts its length before each frame: what [`frames`] takes apart.
///
/// # Examples
///
/// ```
/// use highwater::lines::{self, Prefix};
/// use highwater::{Bytes, apply};
///
/// let mut encoder = lines::prepend_len(Prefix::Varint);
/// let encoded = apply(&mut encoder, [Bytes::from("one"), Bytes::new()])?;
/// assert_eq!(encoded.concat(), b"\x03one\0");
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn prepend_len(prefix: Prefix) -> Joiner {
    Joiner::prepending(prefix)
}

/// What a line, piece or frame counts for: its bytes, and one for its end.
#[must_use]
pub const fn weight(piece: &Bytes) -> usize {
    piece.len().saturating_add(1)
}

/// A mark for lines, pieces or frames, which [weigh](weight) their bytes and one more each: what they
/// had in the stream, with their ends. So many short ones are bounded by what they take.
#[must_use]
pub const fn mark(high: usize) -> HighWaterMark<InWeight<Bytes>> {
    HighWaterMark::weighed(high, weight)
}
