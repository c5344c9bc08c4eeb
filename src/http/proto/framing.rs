//! Where a request's body ends, and whether another request may follow: RFC 9112 6 and 9.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Version};

use super::diagnosis::is_token_byte;
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
    headers: &HeaderMap,
) -> Result<BodyFraming, RefusalKind> {
    let framing = match (headers.get(CONTENT_LENGTH), headers.get(TRANSFER_ENCODING)) {
        (None, None) => return Ok(BodyFraming::None),
        (Some(_), Some(_)) => return Err(RefusalKind::TwoFramings),
        (None, Some(coding)) => {
            if version != Version::HTTP_11 {
                return Err(RefusalKind::CodingTooOld);
            }
            if headers.get_all(TRANSFER_ENCODING).iter().nth(1).is_some() {
                return Err(RefusalKind::TransferEncoding);
            }
            check_coding(coding.as_bytes())?;
            BodyFraming::Chunked
        }
        (Some(length), None) => {
            if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
                return Err(RefusalKind::ContentLengthTwice);
            }
            match read_length(length)? {
                0 => BodyFraming::None,
                length => BodyFraming::Length(length),
            }
        }
    };
    if method == Method::CONNECT && framing != BodyFraming::None {
        return Err(RefusalKind::ConnectBody);
    }
    Ok(framing)
}

/// Digits and nothing else (RFC 9110 8.6): neither a sign nor a list of equal ones.
pub(super) fn read_length(value: &HeaderValue) -> Result<u64, RefusalKind> {
    let digits = value.as_bytes();
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

/// The elements of a list that may be on several lines (RFC 9110 5.6.1), without the spaces around.
pub(super) fn list<'a>(
    values: impl Iterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = &'a [u8]> {
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// What `Connection` asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    /// The connection is to be kept, by what the version says and the header changes.
    pub(super) keep_alive: bool,
    /// The protocols in `Upgrade` are meant for the next hop, which we are.
    pub(super) upgrade: bool,
}

pub(super) fn wishes(version: Version, headers: &HeaderMap) -> Wishes {
    let (mut close, mut keep_alive, mut upgrade) = (false, false, false);
    for option in list(headers.get_all(CONNECTION).iter()) {
        close |= option.eq_ignore_ascii_case(b"close");
        keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        upgrade |= option.eq_ignore_ascii_case(b"upgrade");
    }
    let is_11 = version == Version::HTTP_11;
    Wishes {
        keep_alive: !close && (is_11 || keep_alive),
        upgrade: upgrade && is_11,
    }
}
