//! Where a request's body ends, and whether another request may follow: RFC 9112 6 and 9.

use http::{Method, Version};

use super::diagnosis::is_token_byte;
use super::fields::Notes;
use super::refusal::RefusalKind;

/// How the end of a request's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyFraming {
    /// There is none.
    None,
    /// It has so many bytes, and at least one.
    Length(u64),
    /// It comes in chunks, of which the last is empty.
    Chunked,
}

/// Reads the framing out of the headers. Whatever two programs could read differently is refused.
pub(super) fn of_request(
    method: &Method,
    version: Version,
    notes: &Notes<'_>,
) -> Result<BodyFraming, RefusalKind> {
    let framing = match (notes.length.value, notes.coding.value) {
        (None, None) => return Ok(BodyFraming::None),
        (Some(_), Some(_)) => return Err(RefusalKind::TwoFramings),
        (None, Some(_)) if version != Version::HTTP_11 => return Err(RefusalKind::CodingTooOld),
        (None, Some(_)) if notes.coding.is_repeated => return Err(RefusalKind::TransferEncoding),
        (None, Some(coding)) => {
            check_coding(coding)?;
            BodyFraming::Chunked
        }
        (Some(_), None) if notes.length.is_repeated => return Err(RefusalKind::ContentLengthTwice),
        (Some(length), None) => match read_length(length)? {
            0 => BodyFraming::None,
            length => BodyFraming::Length(length),
        },
    };
    if method == Method::CONNECT && framing != BodyFraming::None {
        return Err(RefusalKind::ConnectBody);
    }
    Ok(framing)
}

/// Digits and nothing else (RFC 9110 8.6): neither a sign nor a list of equal ones.
pub(super) fn read_length(digits: &[u8]) -> Result<u64, RefusalKind> {
    if digits.contains(&b',') {
        return Err(RefusalKind::ContentLengthTwice);
    }
    if digits.is_empty() {
        return Err(RefusalKind::ContentLength);
    }
    digits
        .iter()
        .try_fold(0u64, |length, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            length.checked_mul(10)?.checked_add(u64::from(digit))
        })
        .ok_or(RefusalKind::ContentLength)
}

/// Chunked is the only coding there is here. With another before it the body would have an end, and
/// could not be read; without it at the end it has none.
fn check_coding(value: &[u8]) -> Result<(), RefusalKind> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut codings = value.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let is_last = codings.next().is_some_and(is_chunked);
    let is_known = |coding: &[u8]| !coding.is_empty() && coding.iter().all(|b| is_token_byte(*b));
    if is_last && codings.all(|coding| is_known(coding) && !is_chunked(coding)) {
        return Err(RefusalKind::CodingUnknown);
    }
    Err(RefusalKind::TransferEncoding)
}

/// The elements of a list (RFC 9110 5.6.1), without the spaces around.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}
