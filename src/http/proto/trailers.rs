//! The trailers of a chunked body.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderName};

use super::diagnosis;
use super::fields;
use super::fields::HEADERS_MAX;
use super::rejection::Rejection;

/// Returns whether a header may be a trailer.
///
/// A header that frames, routes, authenticates or describes a message must come before the body (RFC
/// 9110 6.5.1): after it, it would evade every check of the head.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{HeaderName, header, proto::is_trailer};
///
/// assert!(is_trailer(&HeaderName::from_static("digest")));
/// assert!(!is_trailer(&header::CONTENT_LENGTH));
/// # }
/// ```
#[must_use]
pub fn is_trailer(name: &HeaderName) -> bool {
    !FORBIDDEN.contains(name) && !name.as_str().starts_with("if-")
}

const FORBIDDEN: [HeaderName; 42] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::AGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::EXPECT,
    header::EXPIRES,
    header::FORWARDED,
    header::HOST,
    header::LOCATION,
    header::MAX_FORWARDS,
    header::ORIGIN,
    header::PRAGMA,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::REFERER,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
    header::VARY,
    header::VIA,
    header::WARNING,
    header::WWW_AUTHENTICATE,
];

/// Reads a trailer section with the empty line that ends it. What may not be a trailer is left out.
pub(super) fn read(section: &[u8], most: usize) -> Result<HeaderMap, Rejection> {
    let section = Bytes::copy_from_slice(section);
    // A line is longer than a byte, so there is room for all.
    let most = most.min(HEADERS_MAX).min(section.len());
    let mut trailers =
        fields::read(&section, most).map_err(|error| diagnosis::of_headers(&section, error))?;
    let forbidden: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| !is_trailer(name))
        .cloned()
        .collect();
    for name in forbidden {
        trailers.remove(name);
    }
    Ok(trailers)
}
