//! Why a request is rejected: the rule, the status and the byte.

use std::fmt;

use http::StatusCode;

use crate::error::{Error, ErrorKind};

/// A rejected request: the rule that it breaks, and where.
///
/// A server responds with its [`status`](Self::status) and closes the connection: where this request
/// ends and the next one begins is not known any more. In a [`Refused`](crate::net::ServerEvent::Refused)
/// event it is the [source](std::error::Error::source) of the error.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{Limits, RejectionKind, StatusCode, proto::HeadParser};
///
/// let input = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
/// let rejection = HeadParser::new(Limits::default().head()).push(input).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::HostTwice);
/// assert_eq!(rejection.status(), StatusCode::BAD_REQUEST);
/// assert_eq!(rejection.rule(), "RFC 9112 3.2");
/// assert_eq!(rejection.to_string(), "more than one Host");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    kind: RejectionKind,
    at: u64,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident: $status:ident, $rule:literal, $text:literal;)+) => {
        /// The rule that a request breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RejectionKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl RejectionKind {
            /// Every kind.
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
    /// More empty lines before the request than an old client sends.
    EmptyLines: BAD_REQUEST, "RFC 9112 2.2", "too many empty lines before the request";
    /// Not a method, a target and a version with one space between.
    RequestLine: BAD_REQUEST, "RFC 9112 3", "a malformed request line";
    /// A method that is not a token.
    Method: BAD_REQUEST, "RFC 9112 3.1", "a malformed method";
    /// A method longer than every registered one.
    MethodTooLong: NOT_IMPLEMENTED, "RFC 9112 3", "a method that is too long";
    /// A target that is not a URI.
    Target: BAD_REQUEST, "RFC 9112 3.2", "a malformed request target";
    /// A target in a form that its method does not allow.
    TargetForm: BAD_REQUEST, "RFC 9112 3.2", "a request target that does not go with its method";
    /// A request line over [`request_line_bytes`](crate::http::Limits::request_line_bytes).
    RequestLineTooLong: URI_TOO_LONG, "RFC 9112 3", "a request line that is too long";
    /// A version other than 1.0 and 1.1.
    Version: HTTP_VERSION_NOT_SUPPORTED, "RFC 9110 2.5", "an HTTP version that is not spoken here";
    /// A header name that is not a token, or that a colon does not follow directly.
    HeaderName: BAD_REQUEST, "RFC 9112 5.1", "a malformed header name";
    /// A header value with a control character.
    HeaderValue: BAD_REQUEST, "RFC 9110 5.5", "a malformed header value";
    /// A header that continues on a line that begins with a space.
    HeaderFold: BAD_REQUEST, "RFC 9112 5.2", "a folded header";
    /// More header lines than [`headers`](crate::http::Limits::headers).
    TooManyHeaders: REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 6585 5", "too many headers";
    /// A head over [`head_bytes`](crate::http::Limits::head_bytes).
    HeadTooLarge: REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 6585 5", "a head that is too large";
    /// No Host, in HTTP/1.1.
    HostMissing: BAD_REQUEST, "RFC 9112 3.2", "no Host";
    /// More than one Host, even if they are equal.
    HostTwice: BAD_REQUEST, "RFC 9112 3.2", "more than one Host";
    /// A Host that is not a host with an optional port.
    Host: BAD_REQUEST, "RFC 9112 3.2", "a malformed Host";
    /// A Content-Length that is not a decimal number below 2^64.
    ContentLength: BAD_REQUEST, "RFC 9112 6.3", "a malformed Content-Length";
    /// More than one Content-Length, even if they are equal.
    ContentLengthTwice: BAD_REQUEST, "RFC 9112 6.3", "more than one Content-Length";
    /// Both a Content-Length and a Transfer-Encoding.
    TwoFramings: BAD_REQUEST, "RFC 9112 6.3", "both Content-Length and Transfer-Encoding";
    /// A Transfer-Encoding that does not end with chunked, or names it twice.
    TransferEncoding: BAD_REQUEST, "RFC 9112 6.3", "a malformed Transfer-Encoding";
    /// A coding other than chunked.
    CodingUnknown: NOT_IMPLEMENTED, "RFC 9112 6.1", "a transfer coding that is not known here";
    /// A Transfer-Encoding in HTTP/1.0, which does not define it.
    CodingTooOld: BAD_REQUEST, "RFC 9112 6.1", "Transfer-Encoding in HTTP/1.0";
    /// A body in a CONNECT request, which a tunnel follows.
    ConnectBody: BAD_REQUEST, "RFC 9110 9.3.6", "a body in a CONNECT request";
    /// An Expect that is not 100-continue.
    Expectation: EXPECTATION_FAILED, "RFC 9110 10.1.1", "an expectation that cannot be met";
    /// A body over [`body_bytes`](crate::http::Limits::body_bytes).
    BodyTooLarge: PAYLOAD_TOO_LARGE, "RFC 9110 15.5.14", "a body that is too large";
    /// A chunk size that is not a hexadecimal number of at most 16 digits.
    ChunkSize: BAD_REQUEST, "RFC 9112 7.1", "a malformed chunk size";
    /// A chunk extension that is not a name with an optional value.
    ChunkExtension: BAD_REQUEST, "RFC 9112 7.1.1", "a malformed chunk extension";
    /// More bytes in chunk extensions than [`extension_bytes`](crate::http::Limits::extension_bytes).
    ExtensionsTooLarge: PAYLOAD_TOO_LARGE, "RFC 9112 7.1.1", "chunk extensions that are too large";
    /// A chunk that is not as long as its size.
    ChunkEnd: BAD_REQUEST, "RFC 9112 7.1", "a chunk that does not end where its size says";
    /// Trailers over [`trailer_bytes`](crate::http::Limits::trailer_bytes).
    TrailersTooLarge: REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 6585 5", "trailers that are too large";
    /// The connection ended within a body.
    Incomplete: BAD_REQUEST, "RFC 9112 8", "a body that ends too early";
}

impl Rejection {
    pub(super) const fn new(kind: RejectionKind, at: usize) -> Self {
        Self {
            kind,
            at: at as u64,
        }
    }

    /// The same rejection, `before` bytes later.
    pub(super) const fn after(self, before: u64) -> Self {
        Self {
            kind: self.kind,
            at: self.at + before,
        }
    }

    /// The rule that is broken.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.parts().0
    }

    /// The section of the RFC.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.kind.parts().1
    }

    /// The byte that breaks the rule, counted from the start of the head, or of the body with its framing.
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
    fn from(rejection: Rejection) -> Self {
        let kind = match rejection.status() {
            _ if rejection.kind == RejectionKind::Incomplete => ErrorKind::PrematureClose,
            StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            | StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::LimitExceeded,
            _ => ErrorKind::InvalidInput,
        };
        Self::caused(kind, rejection.kind.parts().2, Box::new(rejection)).at(rejection.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rejection_has_an_error_status_and_names_its_rule() {
        for kind in RejectionKind::ALL {
            let rejection = Rejection::new(*kind, 7);
            assert!(rejection.status().is_client_error() || rejection.status().is_server_error());
            assert!(rejection.rule().starts_with("RFC "), "{kind:?}");
            assert_eq!(Error::from(rejection).offset(), Some(7));
            assert_eq!(
                Error::from(rejection).to_string(),
                format!("{rejection} at byte 7")
            );
        }
    }
}
