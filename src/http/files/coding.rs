//! Whether a client takes gzip: `Accept-Encoding`, RFC 9110, section 12.5.3.
//!
//! This module is pure.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// Says whether a client would rather have a file with gzip, or at least as gladly.
///
/// One that says nothing gets the file as it is, although it would have to take anything.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use highwater::http::files::coding::prefers_gzip;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("accept-encoding", "br;q=1.0, gzip;q=0.8, *;q=0".parse().unwrap());
/// assert!(prefers_gzip(&headers));
/// headers.insert("accept-encoding", "gzip;q=0, *".parse().unwrap());
/// assert!(!prefers_gzip(&headers));
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
            // Said twice, the better one counts.
            *slot = (*slot).max(Some(weight));
        }
    }
    let gzip = gzip.or(others).unwrap_or(0);
    // What is not mentioned is taken too, but nobody has said that it was liked.
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// A coding, and how much it is liked in thousandths. None if it makes no sense.
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
