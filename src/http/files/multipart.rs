//! Several ranges in one body: `multipart/byteranges`, RFC 9110, section 14.6.
//!
//! Everything but the bytes of the file is made before the first of it is sent, so that the length
//! is known. This module is pure.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;

/// A body of several parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    boundary: String,
    parts: Vec<Part>,
    tail: Bytes,
    len: u64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What stands before its bytes: the boundary and its headers.
    pub head: Bytes,
    /// Which bytes of the file follow.
    pub range: Range<u64>,
}

impl Multipart {
    /// Puts together these ranges of a representation of `complete` bytes. None if they are longer
    /// than can be counted.
    ///
    /// Nobody may foretell `boundary`: who writes it into a file of theirs could make up parts.
    #[must_use]
    pub fn new(
        ranges: &[Range<u64>],
        complete: u64,
        content_type: &str,
        boundary: u128,
    ) -> Option<Self> {
        let boundary = format!("{boundary:032x}");
        let mut parts = Vec::with_capacity(ranges.len());
        let mut len = 0_u64;
        for range in ranges {
            let mut head = String::with_capacity(HEAD_BYTES);
            if !parts.is_empty() {
                head.push_str("\r\n");
            }
            // Writing to a string cannot fail.
            let _ = write!(
                head,
                "--{boundary}\r\ncontent-type: {content_type}\r\ncontent-range: {}\r\n\r\n",
                content_range(range, complete),
            );
            len = len.checked_add(head.len() as u64)?;
            len = len.checked_add(range.end.checked_sub(range.start)?)?;
            parts.push(Part {
                head: head.into(),
                range: range.clone(),
            });
        }
        let tail = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        len = len.checked_add(tail.len() as u64)?;
        Some(Self {
            boundary,
            parts,
            tail,
            len,
        })
    }

    /// How long the body is, to the byte.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no body of parts is empty")]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// What its `Content-Type` says.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What stands behind the last one.
    #[must_use]
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }
}

/// What the head of a part takes, unless a type is very long.
const HEAD_BYTES: usize = 160;

/// What a `Content-Range` says of this range, which is not empty.
#[must_use]
pub fn content_range(range: &Range<u64>, complete: u64) -> String {
    let last = range.end.saturating_sub(1);
    format!("bytes {}-{last}/{complete}", range.start)
}
