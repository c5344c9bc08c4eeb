//! Entity tags, which distinguish the states of a file: RFC 9110, section 8.8.
//!
//! A tag consists of the size, the time of the last modification in nanoseconds, and the inode: a file
//! that is written in place gets another time, and one that replaces it another inode. A hash of the
//! content would cost as much as sending it.
//!
//! The clock of a file system ticks a few hundred times a second, in some once in two seconds. Within a
//! tick a file can change without a new time. So a tag is weak until its file was not modified for
//! [`SETTLES_IN`]; from then on every change shows, and the tag is strong, as a resumed download needs it.
//! Not detected are writes through a mapping, and a time that is set back by hand.
//!
//! This module is pure.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use http::header::GetAll;

/// The longest tick of the clock of a file system: two seconds, in FAT.
pub const SETTLES_IN: Duration = Duration::from_secs(2);

/// What a tag consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The length in bytes.
    pub len: u64,
    /// The time of the last modification.
    pub modified: SystemTime,
    /// The number in the file system.
    pub inode: u64,
}

impl Stamp {
    /// Returns whether a change from `now` on would show. A time in the future is not trusted.
    #[must_use]
    pub fn is_settled(&self, now: SystemTime) -> bool {
        now.duration_since(self.modified)
            .is_ok_and(|age| age >= SETTLES_IN)
    }
}

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag {
    /// With its quotes.
    opaque: String,
    weak: bool,
}

/// How two tags are compared: RFC 9110, section 8.8.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same bytes, which only two strong tags can promise.
    Strong,
    /// Equivalent content.
    Weak,
}

impl ETag {
    /// The tag of a file. `variant` distinguishes other forms of the same file, such as `gz`.
    #[must_use]
    pub fn of(stamp: &Stamp, variant: Option<&str>, now: SystemTime) -> Self {
        let since = |earlier, later: SystemTime| later.duration_since(earlier).ok();
        let modified = since(UNIX_EPOCH, stamp.modified).map_or_else(
            // Before 1970, to which a time can be set.
            || {
                format!(
                    "-{:x}",
                    since(stamp.modified, UNIX_EPOCH)
                        .unwrap_or_default()
                        .as_nanos()
                )
            },
            |since| format!("{:x}", since.as_nanos()),
        );
        let (len, inode) = (stamp.len, stamp.inode);
        let (dash, variant) = variant.map_or(("", ""), |variant| ("-", variant));
        Self {
            opaque: format!("\"{len:x}-{modified}-{inode:x}{dash}{variant}\""),
            weak: !stamp.is_settled(now),
        }
    }

    /// Returns whether these `If-Match` or `If-None-Match` headers have this tag or `*`. A malformed
    /// element ends its list.
    #[must_use]
    pub fn is_among(&self, headers: &GetAll<'_, HeaderValue>, comparison: Comparison) -> bool {
        headers.iter().any(|value| {
            value.as_bytes() == b"*" || tags(value.as_bytes()).any(|tag| self.is(&tag, comparison))
        })
    }

    /// Returns whether this value is this tag and nothing else.
    #[must_use]
    pub fn is_value(&self, value: &HeaderValue, comparison: Comparison) -> bool {
        matches!(scan(value.as_bytes()), Some((tag, b"")) if self.is(&tag, comparison))
    }

    fn is(&self, tag: &ClientTag<'_>, comparison: Comparison) -> bool {
        let alike = self.opaque.as_bytes() == tag.opaque;
        alike && (comparison == Comparison::Weak || !(self.weak || tag.weak))
    }

    /// Returns whether the tag promises only equivalent content.
    #[must_use]
    pub const fn is_weak(&self) -> bool {
        self.weak
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

/// A tag from a client.
struct ClientTag<'a> {
    opaque: &'a [u8],
    weak: bool,
}

/// Takes a tag off the front. It may contain a comma.
fn scan(value: &[u8]) -> Option<(ClientTag<'_>, &[u8])> {
    let (weak, opaque) = match value {
        [b'W', b'/', rest @ ..] => (true, rest),
        _ => (false, value),
    };
    let [b'"', inner @ ..] = opaque else {
        return None;
    };
    let len = inner.iter().position(|byte| !is_of_a_tag(*byte))?;
    if inner[len] != b'"' {
        return None;
    }
    let (opaque, rest) = opaque.split_at(len + 2);
    Some((ClientTag { opaque, weak }, rest))
}

const fn is_of_a_tag(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..=0xff)
}

/// The tags of a list, up to the first malformed element.
fn tags(mut list: &[u8]) -> impl Iterator<Item = ClientTag<'_>> {
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', rest @ ..] = list {
            list = rest;
        }
        let (tag, rest) = scan(list)?;
        list = rest;
        Some(tag)
    })
}
