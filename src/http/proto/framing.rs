//! Where a request's body ends, and whether another request may follow: RFC 9112 6 and 9.

use http::{Method, Version};

use super::diagnosis::is_token_byte;
use super::fields::Notes;
use super::refusal::RejectionKind;

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

/// The codings of a body, in the order in which they were applied: all that the lines of
/// `Transfer-Encoding` name are one list (RFC 9110 5.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codings<'a> {
    /// The value of the first line.
    pub(super) first: Option<&'a [u8]>,
    /// The last coding is chunked.
    is_chunked: bool,
    /// Another coding was named.
    has_other: bool,
    /// One was named that is no coding, or one behind chunked.
    is_malformed: bool,
}

impl<'a> Codings<'a> {
    /// Takes the next line.
    pub(super) fn note(&mut self, value: &'a [u8]) {
        self.first.get_or_insert(value);
        for coding in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.is_malformed |= self.is_chunked || coding.is_empty();
            self.is_malformed |= !coding.iter().all(|byte| is_token_byte(*byte));
            self.is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.has_other |= !self.is_chunked;
        }
    }

    /// Chunked is the only coding there is here. With another before it the body would have an end,
    /// and could not be read; without it at the end it has none.
    fn check(self) -> Result<(), RejectionKind> {
        if self.is_malformed || !self.is_chunked {
            Err(RejectionKind::TransferEncoding)
        } else if self.has_other {
            Err(RejectionKind::CodingUnknown)
        } else {
            Ok(())
        }
    }
}

/// The elements of a list (RFC 9110 5.6.1), without the spaces around.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}
