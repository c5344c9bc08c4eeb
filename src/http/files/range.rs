//! Which bytes of a file a `Range` header asks for: RFC 9110, section 14.
//!
//! This module is pure.

use std::ops::Range;

/// What is to be sent of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it, as if nobody had asked for less.
    Whole,
    /// These bytes, in the order in which they were asked for. At least one range; none is empty,
    /// and no two of them overlap or touch.
    Parts(Vec<Range<u64>>),
    /// Nothing: all that was asked for lies behind its end.
    Unsatisfiable,
}

/// How many ranges a header may ask for. With more it is not looked at, and everything is sent.
///
/// That is as many as dnf asks for at once to update a package list out of chunks, and they are
/// known to be many.
pub const RANGES_MAX: usize = 256;

/// Reads the value of a `Range` header for a representation of `len` bytes.
///
/// A header that is malformed, in another unit or with more than [`RANGES_MAX`] ranges is ignored, as
/// RFC 9110 allows, and so is any header when there is nothing to take a part of. Ranges that
/// overlap or touch become one, so that no byte is sent twice.
///
/// # Examples
///
/// ```
/// use highwater::http::files::range::{Selection, select};
///
/// assert_eq!(select(b"bytes=2-4", 10), Selection::Parts(vec![2..5]));
/// assert_eq!(select(b"bytes=-3, 0-0", 10), Selection::Parts(vec![7..10, 0..1]));
/// assert_eq!(select(b"bytes=10-", 10), Selection::Unsatisfiable);
/// assert_eq!(select(b"bytes=4-2", 10), Selection::Whole); // makes no sense
/// ```
#[must_use]
pub fn select(value: &[u8], len: u64) -> Selection {
    // Some clients ask for a range of everything, to bound what they get. An empty file is not too
    // much for them, and would have no byte to begin with.
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

/// What is asked for, as far as it is there. None if the header is to be ignored.
fn parse(value: &[u8], len: u64) -> Option<Vec<Range<u64>>> {
    let (unit, set) = split_at(value, b'=')?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut found = Vec::new();
    let mut asked = 0;
    for spec in set.split(|byte| *byte == b',').map(trim) {
        // A list may have empty elements, which count for nothing.
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

/// Takes off the whitespace that may stand around an element of a list.
fn trim(mut element: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = element {
        element = rest;
    }
    element
}

/// A number of digits and nothing else. One that is too large is as large as can be: there is no
/// such byte either way.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

/// Makes one range of those that overlap or touch, in the place of the first of them.
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
