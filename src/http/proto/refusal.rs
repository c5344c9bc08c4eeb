//! Why a request is not taken: which rule, which status, where.

use std::fmt;

use http::StatusCode;

use crate::error::{Error, ErrorKind};

/// A request that is not taken: what is wrong with it, and where.
///
/// Whoever gets one answers with its [`status`](Self::status) and closes the connection: where this
/// request ends, and the next one begins, is no longer known.
///
/// # Examples
///
/// ```
/// use highwater::http::{StatusCode, proto::{HeadParser, Limits, RefusalKind}};
///
/// let input = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
/// let refusal = HeadParser::new(Limits::default().head()).push(input).unwrap_err();
/// assert_eq!(refusal.kind(), RefusalKind::HostTwice);
/// assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
/// assert_eq!(refusal.rule(), "RFC 9112 3.2");
/// assert_eq!(refusal.to_string(), "more than one Host");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    kind: RejectionKind,
    at: u64,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident: $status:ident, $rule:literal, $text:literal;)+) => {
        /// What is wrong with a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RejectionKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl RejectionKind {
            /// Every kind there is.
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$kind),+];

            const fn parts(self) -> (StatusCode, &'static str, &'static str) {
                match self {
                    $(Self::$kind => (StatusCode::$status, $rule, $text),)+
                }
            }
        }
    };
}

kinds! {
    /// A line that ends with LF alone.
    BareLf: BAD_REQUEST, "RFC 9112 2.2", "a line that ends without CR";
    /// A CR that is not before an LF.
    BareCr: BAD_REQUEST, "RFC 9112 2.2", "a CR inside a line";
    /// More empty lines before the request than a sloppy client sends.
    EmptyLines: BAD_REQUEST, "RFC 9112 2.2", "too many empty lines before the request";
    /// Not a method, a target and a version with one space between.
    RequestLine: BAD_REQUEST, "RFC 9112 3", "a malformed request line";
    /// A method that is not a token.
    Method: BAD_REQUEST, "RFC 9112 3.1", "a malformed method";
    /// A method longer than any that there is.
    MethodTooLong: NOT_IMPLEMENTED, "RFC 9112 3", "a method that is too long";
    /// A target that is no URI.
    Target: BAD_REQUEST, "RFC 9112 3.2", "a malformed request target";
    /// A target in a form that its method does not go with.
    TargetForm: BAD_REQUEST, "RFC 9112 3.2", "a request target that does not go with its method";
    /// A request line over [`request_line_bytes`](super::Limits::request_line_bytes).
    RequestLineTooLong: URI_TOO_LONG, "RFC 9112 3", "a request line that is too long";
    /// A version other than 1.0 and 1.1.
    Version: HTTP_VERSION_NOT_SUPPORTED, "RFC 9110 2.5", "an HTTP version that is not spoken here";
    /// A header name that is no token, or is not followed by its colon at once.
    HeaderName: BAD_REQUEST, "RFC 9112 5.1", "a malformed header name";
    /// A header value with a control character.
    HeaderValue: BAD_REQUEST, "RFC 9110 5.5", "a malformed header value";
    /// A header that is continued on a line that begins with a space.
    HeaderFold: BAD_REQUEST, "RFC 9112 5.2", "a folded header";
    /// More header lines than [`headers`](super::Limits::headers).
    TooManyHeaders: REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 6585 5", "too many headers";
    /// A head over [`head_bytes`](super::Limits::head_bytes).
    HeadTooLarge: REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 6585 5", "a head that is too large";
    /// No Host, in HTTP/1.1.
    HostMissing: BAD_REQUEST, "RFC 9112 3.2", "no Host";
    /// More than one Host, though they be equal.
    HostTwice: BAD_REQUEST, "RFC 9112 3.2", "more than one Host";
    /// A Host that is no host with an optional port.
    Host: BAD_REQUEST, "RFC 9112 3.2", "a malformed Host";
    /// A Content-Length that is no decimal number, or too large for one.
    ContentLength: BAD_REQUEST, "RFC 9112 6.3", "a malformed Content-Length";
    /// More than one Content-Length, though they be equal.
    ContentLengthTwice: BAD_REQUEST, "RFC 9112 6.3", "more than one Content-Length";
    /// A Content-Length and a Transfer-Encoding.
    TwoFramings: BAD_REQUEST, "RFC 9112 6.3", "both Content-Length and Transfer-Encoding";
    /// A Transfer-Encoding that does not end with chunked, or has it twice.
    TransferEncoding: BAD_REQUEST, "RFC 9112 6.3", "a malformed Transfer-Encoding";
    /// A coding besides chunked.
    CodingUnknown: NOT_IMPLEMENTED, "RFC 9112 6.1", "a transfer coding that is not known here";
    /// A Transfer-Encoding in HTTP/1.0, which has none.
    CodingTooOld: BAD_REQUEST, "RFC 9112 6.1", "Transfer-Encoding in HTTP/1.0";
    /// A body in a CONNECT request, behind which there is a tunnel at once.
    ConnectBody: BAD_REQUEST, "RFC 9110 9.3.6", "a body in a CONNECT request";
    /// An Expect that is not 100-continue.
    Expectation: EXPECTATION_FAILED, "RFC 9110 10.1.1", "an expectation that cannot be met";
    /// A body over [`body_bytes`](super::Limits::body_bytes).
    BodyTooLarge: PAYLOAD_TOO_LARGE, "RFC 9110 15.5.14", "a body that is too large";
    /// A chunk size that is no hexadecimal number, or has more than 16 digits.
    ChunkSize: BAD_REQUEST, "RFC 9112 7.1", "a malformed chunk size";
    /// A chunk extension that is not a name with an optional value.
    ChunkExtension: BAD_REQUEST, "RFC 9112 7.1.1", "a malformed chunk extension";
    /// More in chunk extensions than [`extension_bytes`](super::Limits::extension_bytes).
    ExtensionsTooLarge: PAYLOAD_TOO_LARGE, "RFC 9112 7.1.1", "chunk extensions that are too large";
    /// A chunk that is not as long as its size says.
    ChunkEnd: BAD_REQUEST, "RFC 9112 7.1", "a chunk that does not end where its size says";
    /// Trailers over [`trailer_bytes`](super::Limits::trailer_bytes).
    TrailersTooLarge: REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 6585 5", "trailers that are too large";
    /// The connection ended inside a body.
    Incomplete: BAD_REQUEST, "RFC 9112 8", "a body that ends too early";
}

impl Rejection {
    pub(super) const fn new(kind: RejectionKind, at: usize) -> Self {
        Self {
            kind,
            at: at as u64,
        }
    }

    /// The same, found `before` bytes later.
    pub(super) const fn after(self, before: u64) -> Self {
        Self {
            kind: self.kind,
            at: self.at + before,
        }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.parts().0
    }

    /// The section that says so.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.kind.parts().1
    }

    /// The byte at which it was found, counted from the start of the head, or of the body as it is
    /// sent.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.parts().2)
    }
}

impl std::error::Error for Rejection {}

impl From<Rejection> for Error {
    fn from(refusal: Rejection) -> Self {
        let kind = match refusal.status() {
            _ if refusal.kind == RejectionKind::Incomplete => ErrorKind::PrematureClose,
            StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            | StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::LimitExceeded,
            _ => ErrorKind::InvalidInput,
        };
        Self::caused(kind, refusal.kind.parts().2, Box::new(refusal)).at(refusal.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_an_error_status_and_names_its_rule() {
        for kind in RejectionKind::ALL {
            let refusal = Rejection::new(*kind, 7);
            assert!(refusal.status().is_client_error() || refusal.status().is_server_error());
            assert!(refusal.rule().starts_with("RFC "), "{kind:?}");
            assert_eq!(Error::from(refusal).offset(), Some(7));
            assert_eq!(
                Error::from(refusal).to_string(),
                format!("{refusal} at byte 7")
            );
        }
    }
}
