//! Whether a client accepts gzip: `Accept-Encoding`, RFC 9110, section 12.5.3.
//!
//! This module is pure.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// Returns whether a client prefers gzip, or likes it as much as the plain file.
///
/// Without the header the file is sent plain, although RFC 9110 would allow any coding.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use http::HeaderMap;
/// use highwater::http::files::coding::prefers_gzip;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("accept-encoding", "br;q=1.0, gzip;q=0.8, *;q=0".parse().unwrap());
/// assert!(prefers_gzip(&headers));
/// headers.insert("accept-encoding", "gzip;q=0, *".parse().unwrap());
/// assert!(!prefers_gzip(&headers));
/// # }
/// ```
#[must_use]
pub fn prefers_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut others) = (None, None, None);
    for value in &headers.get_all(ACCEPT_ENCODING) {
        let elements = value.as_bytes().split(|byte| *byte == b',');
        for (coding, weight) in elements.filter_map(element) {
            let slot = match coding.to_ascii_lowercase().as_slice() {
                b"gzip" | b"x-gzip" => &mut gzip,
                b"identity" => &mut identity,
                b"*" => &mut others,
                _ => continue,
            };
            // If it is named twice, the higher weight counts.
            *slot = (*slot).max(Some(weight));
        }
    }
    let gzip = gzip.or(others).unwrap_or(0);
    // A coding that is not named is acceptable as well, but not preferred.
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// A coding, and its weight in thousandths. `None` if it is malformed.
fn element(element: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let coding = parts.next()?;
    let weight = match (parts.next(), parts.next()) {
        (None, _) => 1000,
        (Some([b'q' | b'Q', b'=', weight @ ..]), None) => thousandths(weight)?,
        _ => return None,
    };
    Some((coding, weight))
}

/// A weight: between 0 and 1, with up to three digits.
fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, digits) = match weight {
        [whole] => (whole, &[][..]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let digits = (0..3).map(|place| digits.get(place).copied().unwrap_or(b'0'));
    let weight = std::iter::once(*whole)
        .chain(digits)
        .try_fold(0, |weight: u16, digit| {
            let digit = char::from(digit).to_digit(10)?;
            Some(weight * 10 + u16::try_from(digit).ok()?)
        })?;
    (weight <= 1000).then_some(weight)
}
