//! Lines, delimited pieces and frames out of a stream of bytes, and text.
//!
//! A disk or a network cuts a stream into chunks anywhere. [`lines()`] cuts it at line ends instead,
//! [`split`] at any delimiter, [`frames`] by the length before each frame; [`utf8`] decodes text and never
//! cuts a character in two. [`append_end`] and [`prepend_len`] are the inverse. The output does not depend
//! on how the input was cut into chunks.
//!
//! Each works in three ways: as a stage of a [pipeline](crate::pipeline), as an iterator over a
//! [`Readable`](crate::Readable) (Node's `readline`), and as a [`Decoder`] to which chunks are pushed by
//! hand.
//!
//! # Lines through a pipeline
//!
//! ```
//! use highwater::{lines, pipeline};
//!
//! let log = &b"error: disk\r\nall well\n\nerror: net"[..];
//! let (_, sink) = pipeline(log)
//!     .through(lines::lines())
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
//! An empty line arrives like any other, whatever the unit of the buffers is. In a buffer that is measured
//! in bytes it [counts 1](crate::HighWaterMark#what-weighs-nothing), so many short lines take more memory
//! than their bytes. Where that matters, use [`mark()`], in which each line [weighs](weight) its bytes plus
//! one.
//!
//! # Limits
//!
//! A peer that never ends a line must not fill the memory. A line, piece or frame has at most
//! [`MAX_BYTES`], or the limit that [`Splitter::max_bytes`] sets.
//!
//! ```
//! use highwater::{Bytes, ErrorKind, lines};
//! use highwater::stage::apply;
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

/// The default limit of a line, piece or frame, in bytes: 1 MiB.
///
/// It is longer than any line that a person or a log writes, and small beside the memory of a process.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Cuts a stream into lines, and removes the `\n` or `\r\n` at the end of each.
///
/// The rules are those of [`BufRead::lines`](std::io::BufRead::lines): a last line without a line end is a
/// line, behind a last line end there is none, and a `\r` without `\n` is a byte like others. The lines
/// need not be text. To count byte offsets, [`split`] at `"\n"`, which removes one byte from each line.
///
/// The stage is light: see [`Transform::is_light`](crate::Transform::is_light).
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, lines};
/// use highwater::stage::apply;
///
/// let chunks = [Bytes::from("one\r"), Bytes::from("\n\ntwo")];
/// assert_eq!(apply(&mut lines::lines(), chunks)?, ["one", "", "two"]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
#[doc(alias = "readline")]
#[doc(alias = "createInterface")]
pub const fn lines() -> Splitter {
    Splitter::new(Rule::Line)
}

/// Cuts a stream at each `delimiter`, of one byte or more, and removes it.
///
/// The rules are those of [`BufRead::split`](std::io::BufRead::split): the bytes behind the last delimiter
/// are a piece only if there are any.
///
/// # Panics
///
/// If the delimiter is empty.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, lines};
/// use highwater::stage::apply;
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

/// Cuts a stream into frames, each with its length before it, and removes the lengths.
///
/// # Examples
///
/// ```
/// use highwater::lines::{self, Prefix};
/// use highwater::Bytes;
/// use highwater::stage::apply;
///
/// let chunks = [Bytes::from_static(b"\0\x03one\0"), Bytes::from_static(b"\0\0\x05th"), Bytes::from("ree")];
/// assert_eq!(apply(&mut lines::frames(Prefix::U16Be), chunks)?, ["one", "", "three"]);
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub const fn frames(prefix: Prefix) -> Splitter {
    Splitter::new(Rule::Frame(prefix))
}

/// Decodes UTF-8, and fails at the first byte that is not UTF-8: Node's `setEncoding('utf8')`, strict.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, lines};
/// use highwater::stage::apply;
///
/// let chunks = [&b"caf\xc3"[..], b"\xa9"].map(Bytes::from);
/// assert_eq!(apply(&mut lines::utf8(), chunks)?, ["caf", "é"]);
///
/// let error = apply(&mut lines::utf8(), [Bytes::from(&b"caf\xe9 au lait"[..])]).unwrap_err();
/// assert_eq!(error.offset(), Some(3));
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
#[doc(alias = "setEncoding")]
#[doc(alias = "TextDecoder")]
pub const fn utf8() -> Utf8 {
    Utf8::new(false)
}

/// Decodes UTF-8, and replaces bytes that are not UTF-8 by U+FFFD: Node's `setEncoding('utf8')`. The output
/// is that of [`String::from_utf8_lossy`] of the whole stream.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, lines};
/// use highwater::stage::apply;
///
/// let text = apply(&mut lines::utf8_lossy(), [Bytes::from(&b"caf\xe9"[..])])?;
/// assert_eq!(text.concat(), "caf\u{fffd}");
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
#[doc(alias = "setEncoding")]
pub const fn utf8_lossy() -> Utf8 {
    Utf8::new(true)
}

/// Appends `end` to each piece: the inverse of [`lines()`] and [`split`].
///
/// A piece that contains `end` is cut into several when it is split again.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, lines};
/// use highwater::stage::apply;
///
/// let joined = apply(&mut lines::append_end("\n"), ["one", "", "two"].map(Bytes::from))?;
/// assert_eq!(joined.concat(), b"one\n\ntwo\n");
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn append_end(end: impl AsRef<[u8]>) -> Joiner {
    Joiner::appending(Bytes::copy_from_slice(end.as_ref()))
}

/// Prepends its length to each frame: the inverse of [`frames`].
///
/// # Examples
///
/// ```
/// use highwater::lines::{self, Prefix};
/// use highwater::Bytes;
/// use highwater::stage::apply;
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

/// The weight of a line, piece or frame: its bytes, plus one for its end.
///
/// # Examples
///
/// ```
/// assert_eq!(highwater::lines::weight(&"line".into()), 5);
/// assert_eq!(highwater::lines::weight(&"".into()), 1);
/// ```
#[must_use]
pub const fn weight(piece: &Bytes) -> usize {
    piece.len().saturating_add(1)
}

/// A mark for lines, pieces or frames, each of which [weighs](weight) its bytes plus one: about what it had
/// in the stream, with its end. So a buffer of many short lines is bounded in memory too.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, channel, lines};
///
/// let (mut writer, _reader) = channel(lines::mark(8));
/// writer.write(Bytes::from("line"))?; // weighs 5
/// assert!(writer.write(Bytes::from("two"))?.reached()); // and 4 more
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub const fn mark(high: usize) -> HighWaterMark<InWeight<Bytes>> {
    HighWaterMark::weighed(high, weight)
}
