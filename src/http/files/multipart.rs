//! Several ranges in one body: `multipart/byteranges`, RFC 9110, section 14.6.
//!
//! All bytes but those of the file are made before the first byte is sent, so that the length is known.
//! This module is pure.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

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

/// One of the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What precedes its bytes: the boundary and the headers.
    pub head: Bytes,
    /// Which bytes of the file follow.
    pub range: Range<u64>,
}

impl Multipart {
    /// A body of these ranges of a file of `complete` bytes. `None` if the length exceeds 64 bits.
    ///
    /// `boundary` has to be unpredictable: a file that contains it could pretend to have parts.
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

    /// The exact length of the body in bytes.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "a body of parts is never empty"
    )]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Its `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What follows the last part.
    #[must_use]
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }
}

/// The size of the head of a part, unless the type is very long.
const HEAD_BYTES: usize = 160;

/// The `Content-Range` of a range that is not empty.
#[must_use]
pub fn content_range(range: &Range<u64>, complete: u64) -> String {
    let last = range.end.saturating_sub(1);
    format!("bytes {}-{last}/{complete}", range.start)
}
