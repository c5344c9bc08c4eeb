//! What tells two states of a file apart: entity tags, RFC 9110, section 8.8.
//!
//! A tag is made of the size, the time of the last change in nanoseconds, and the inode: a file that
//! is written in place gets another time, and one that is put in its place another inode, whatever
//! times it was given. Reading the file to hash it would cost as much as sending it.
//!
//! A kernel's clock for files ticks a few hundred times a second, and that of some file systems once
//! in two. Within a tick a file can change without a trace. So a tag is weak until its file has not
//! been changed for [`SETTLES_IN`]; from then on it can change no more without another time, and the
//! tag is strong, as a resumed download needs it. What nobody can see from outside is a file that is
//! written through a mapping, or whose time is set back by hand.
//!
//! This module is pure.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use http::header::GetAll;

/// How long after its last change a file can no longer change within the same tick of any clock of
/// a file system: that of FAT ticks once in two seconds.
pub const SETTLES_IN: Duration = Duration::from_secs(2);

/// What a tag is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// How long the file is.
    pub len: u64,
    /// When it was changed.
    pub modified: SystemTime,
    /// Its number in its file system.
    pub inode: u64,
}

impl Stamp {
    /// Says whether a change from now on would show. One with a time in the future is not trusted.
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
    /// The same to the byte, which only two strong tags can say.
    Strong,
    /// As good as the same.
    Weak,
}

impl ETag {
    /// Makes the tag of a file. `variant` is what sets it apart from other forms of the same, such
    /// as `gz`.
    #[must_use]
    pub fn of(stamp: &Stamp, variant: Option<&str>, now: SystemTime) -> Self {
        let since = |earlier, later: SystemTime| later.duration_since(earlier).ok();
        let modified = since(UNIX_EPOCH, stamp.modified).map_or_else(
            // Before 1970, which a file can be made to say.
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

    /// Says whether some tag in these `If-Match` or `If-None-Match` headers is this one, or whether
    /// they say `*`. What is malformed is no tag, and neither is what follows it.
    #[must_use]
    pub fn is_among(&self, headers: &GetAll<'_, HeaderValue>, comparison: Comparison) -> bool {
        headers.iter().any(|value| {
            value.as_bytes() == b"*" || tags(value.as_bytes()).any(|tag| self.is(&tag, comparison))
        })
    }

    /// Says whether this value is one tag and nothing else, and the same as this.
    #[must_use]
    pub fn is_value(&self, value: &HeaderValue, comparison: Comparison) -> bool {
        matches!(scan(value.as_bytes()), Some((tag, b"")) if self.is(&tag, comparison))
    }

    fn is(&self, tag: &ClientTag<'_>, comparison: Comparison) -> bool {
        let alike = self.opaque.as_bytes() == tag.opaque;
        alike && (comparison == Comparison::Weak || !(self.weak || tag.weak))
    }

    /// Says whether it promises no more than that what it stands for is as good as the same.
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

/// A tag that a client has sent.
struct ClientTag<'a> {
    opaque: &'a [u8],
    weak: bool,
}

/// Takes a tag off the front. A comma may be a part of it.
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

/// The tags of a list, up to the first thing that is none.
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
