//! Which bytes of a file a `Range` header asks for: RFC 9110, section 14.
//!
//! This module is pure.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

use std::ops::Range;

/// What is sent of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it, as without the header.
    Whole,
    /// These bytes, in the order of the header. At least one range; none is empty, and no two of them
    /// overlap or touch.
    Parts(Vec<Range<u64>>),
    /// Nothing: all ranges are beyond the end.
    Unsatisfiable,
}

/// How many ranges a header may have. With more it is ignored, and everything is sent.
///
/// dnf asks for this many at once to update a package list; no client is known that asks for more.
pub const RANGES_MAX: usize = 256;

/// Parses a `Range` header for a file of `len` bytes.
///
/// A header that is malformed, in another unit or with more than [`RANGES_MAX`] ranges is ignored, as
/// RFC 9110 allows, and so is any header for an empty file. Ranges that
/// overlap or touch become one, so that no byte is sent twice.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::files::range::{Selection, select};
///
/// assert_eq!(select(b"bytes=2-4", 10), Selection::Parts(vec![2..5]));
/// assert_eq!(select(b"bytes=-3, 0-0", 10), Selection::Parts(vec![7..10, 0..1]));
/// assert_eq!(select(b"bytes=10-", 10), Selection::Unsatisfiable);
/// assert_eq!(select(b"bytes=4-2", 10), Selection::Whole); // makes no sense
/// # }
/// ```
#[must_use]
pub fn select(value: &[u8], len: u64) -> Selection {
    // Some clients ask for a range with every request, to bound what they get. An empty file is within
    // the bound, and would be unsatisfiable.
    if len == 0 {
        return Selection::Whole;
    }
    let Some(asked) = parse(value, len) else {
        return Selection::Whole;
    };
    match coalesce(asked) {
        parts if parts.is_empty() => Selection::Unsatisfiable,
        parts => Selection::Parts(parts),
    }
}

/// The ranges, as far as the file has them. `None` if the header is ignored.
fn parse(value: &[u8], len: u64) -> Option<Vec<Range<u64>>> {
    let (unit, set) = split_at(value, b'=')?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut found = Vec::new();
    let mut asked = 0;
    for spec in set.split(|byte| *byte == b',').map(trim) {
        // A list may have empty elements (RFC 9110 5.6.1).
        if spec.is_empty() {
            continue;
        }
        asked += 1;
        if asked > RANGES_MAX {
            return None;
        }
        let range = match split_at(spec, b'-')? {
            (b"", suffix) => len.saturating_sub(number(suffix)?)..len,
            (first, b"") => number(first)?..len,
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                first..last.saturating_add(1).min(len)
            }
        };
        if range.start < range.end {
            found.push(range);
        }
    }
    (asked > 0).then_some(found)
}

fn split_at(value: &[u8], delimiter: u8) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| *byte == delimiter)?;
    Some((&value[..at], &value[at + 1..]))
}

/// Removes the whitespace around an element of a list.
fn trim(mut element: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = element {
        element = rest;
    }
    element
}

/// A number of digits and nothing else. One beyond 64 bits becomes the largest: no file has such a byte.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

/// Merges ranges that overlap or touch, in the place of the first of them.
fn coalesce(asked: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted: Vec<(usize, Range<u64>)> = asked.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, range)| range.start);
    let mut merged: Vec<(usize, Range<u64>)> = Vec::with_capacity(sorted.len());
    for (place, range) in sorted {
        match merged.last_mut() {
            Some((first, last)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *first = place.min(*first);
            }
            _ => merged.push((place, range)),
        }
    }
    merged.sort_by_key(|(place, _)| *place);
    merged.into_iter().map(|(_, range)| range).collect()
}
