//! Header lines: those that a server acts on are read in one pass, and all of them as a map.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use memchr::memchr;

use super::codings::Codings;
use super::rejection::RejectionKind;
use super::syntax::list;

/// The longest name that the crate `http` accepts.
const NAME_MAX: usize = (1 << 16) - 1;

/// The most header lines under any limits: a `HeaderMap` has room for this many.
pub(super) const HEADERS_MAX: usize = 10_000;

/// A header that may occur once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Single<'a> {
    pub(super) value: Option<&'a [u8]>,
    pub(super) is_repeated: bool,
}

impl<'a> Single<'a> {
    fn note(&mut self, value: &'a [u8]) {
        self.is_repeated = self.value.is_some();
        self.value = Some(value);
    }
}

/// The headers that a server acts on.
#[derive(Debug, Default)]
pub(super) struct Notes<'a> {
    pub(super) host: Single<'a>,
    pub(super) length: Single<'a>,
    pub(super) codings: Codings<'a>,
    /// The last that is not `100-continue`.
    pub(super) expectation: Option<&'a [u8]>,
    pub(super) expects_continue: bool,
    /// There is an `Upgrade` header.
    pub(super) has_upgrade: bool,
    /// The options of `Connection`.
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

impl<'a> Notes<'a> {
    pub(super) fn of(headers: &[httparse::Header<'a>]) -> Result<Self, RejectionKind> {
        let mut notes = Self::default();
        for header in headers {
            let (name, value) = (header.name, header.value);
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            match name.len() {
                4 if is("host") => notes.host.note(value),
                6 if is("expect") => notes.expect(value),
                7 if is("upgrade") => notes.has_upgrade = true,
                10 if is("connection") => notes.connection(value),
                14 if is("content-length") => notes.length.note(value),
                17 if is("transfer-encoding") => notes.codings.note(value),
                0..=NAME_MAX => {}
                _ => return Err(RejectionKind::HeaderName),
            }
        }
        Ok(notes)
    }

    fn expect(&mut self, value: &'a [u8]) {
        for expectation in list(value) {
            if expectation.eq_ignore_ascii_case(b"100-continue") {
                self.expects_continue = true;
            } else {
                self.expectation = Some(value);
            }
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// The value that was rejected.
    pub(super) fn blamed(&self, kind: RejectionKind) -> Option<&'a [u8]> {
        match kind {
            RejectionKind::HostTwice | RejectionKind::Host => self.host.value,
            RejectionKind::ContentLength | RejectionKind::ContentLengthTwice => self.length.value,
            RejectionKind::Expectation => self.expectation,
            RejectionKind::ConnectBody => self.length.value.or(self.codings.first),
            _ => self.codings.first,
        }
    }
}

/// The values of all lines with this name, in lines that were accepted.
pub(super) fn values<'a>(lines: &'a [u8], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    lines.split(|byte| *byte == b'\n').filter_map(move |line| {
        let colon = memchr(b':', line)?;
        let is_named = line[..colon].eq_ignore_ascii_case(name.as_bytes());
        is_named.then(|| line[colon + 1..].trim_ascii())
    })
}

/// Reads at most `most` header lines, with the empty line that ends them, into a map whose values
/// are slices of `lines`.
pub(super) fn read(lines: &Bytes, most: usize) -> Result<HeaderMap, httparse::Error> {
    let mut headers = vec![httparse::EMPTY_HEADER; most];
    let headers = match httparse::parse_headers(lines, &mut headers)? {
        httparse::Status::Complete((len, headers)) if len == lines.len() => headers,
        _ => return Err(httparse::Error::NewLine),
    };
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| httparse::Error::HeaderName)?;
        let value = HeaderValue::from_maybe_shared(lines.slice_ref(header.value))
            .map_err(|_| httparse::Error::HeaderValue)?;
        map.try_append(name, value)
            .map_err(|_| httparse::Error::TooManyHeaders)?;
    }
    Ok(map)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A map that is built later cannot fail.
    #[test]
    fn what_the_parser_takes_as_a_name_or_a_value_the_map_takes() {
        for byte in 0..=255 {
            let lines = Bytes::from([b"a", &[byte][..], b": a", &[byte], b"a\r\n\r\n"].concat());
            let mut headers = [httparse::EMPTY_HEADER; 2];
            if let Ok(httparse::Status::Complete(_)) = httparse::parse_headers(&lines, &mut headers)
            {
                assert!(read(&lines, 2).is_ok(), "{byte:#x}");
            }
        }
    }

    #[test]
    fn as_many_headers_as_may_be_fit_into_a_map() {
        let mut lines: String = (0..HEADERS_MAX)
            .map(|n| format!("x-{n}: {n}\r\n"))
            .collect();
        lines.push_str("\r\n");
        let map = read(&Bytes::from(lines), HEADERS_MAX);
        assert_eq!(map.map(|map| map.len()), Ok(HEADERS_MAX));
    }
}
