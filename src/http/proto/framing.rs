//! Where a request's body ends, and whether another request may follow: RFC 9112 6 and 9.

use http::{Method, Version};

use super::fields::Notes;
use super::rejection::RejectionKind;

/// How the end of a request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// It has this many bytes, at least one.
    Length(u64),
    /// It comes in chunks; the last one is empty.
    Chunked,
}

/// Reads the framing from the headers. What two programs could read differently is rejected.
pub(super) fn of_request(
    method: &Method,
    version: Version,
    notes: &Notes<'_>,
) -> Result<BodyFraming, RejectionKind> {
    let framing = match (notes.length.value, notes.codings.first) {
        (None, None) => return Ok(BodyFraming::None),
        (Some(_), Some(_)) => return Err(RejectionKind::TwoFramings),
        (None, Some(_)) if version != Version::HTTP_11 => return Err(RejectionKind::CodingTooOld),
        (None, Some(_)) => {
            notes.codings.check()?;
            BodyFraming::Chunked
        }
        (Some(_), None) if notes.length.is_repeated => {
            return Err(RejectionKind::ContentLengthTwice);
        }
        (Some(length), None) => match read_length(length)? {
            0 => BodyFraming::None,
            length => BodyFraming::Length(length),
        },
    };
    if method == Method::CONNECT && framing != BodyFraming::None {
        return Err(RejectionKind::ConnectBody);
    }
    Ok(framing)
}

/// Digits and nothing else (RFC 9110 8.6): neither a sign nor a list of equal ones.
pub(super) fn read_length(digits: &[u8]) -> Result<u64, RejectionKind> {
    if digits.contains(&b',') {
        return Err(RejectionKind::ContentLengthTwice);
    }
    if digits.is_empty() {
        return Err(RejectionKind::ContentLength);
    }
    digits
        .iter()
        .try_fold(0u64, |length, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            length.checked_mul(10)?.checked_add(u64::from(digit))
        })
        .ok_or(RejectionKind::ContentLength)
}
