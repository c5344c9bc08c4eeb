//! Encodes the head of a response, and decides how its body is framed.

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Version};

use super::framing;
use super::syntax::list;
use crate::error::{Error, ErrorKind};

/// How the client finds the end of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body, and no header about one: 1xx, 204, 304, and a tunnel.
    Absent,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection, for HTTP/1.0.
    UntilClose,
}

/// How the body of a response is sent (RFC 9112 6.3).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{HeaderMap, Method, StatusCode, Version};
/// use highwater::http::proto::{BodyPlan, Framing};
///
/// let headers = HeaderMap::new();
/// let plan = |method, version, length| {
///     BodyPlan::new(&method, version, StatusCode::OK, &headers, length)
/// };
/// assert_eq!(plan(Method::GET, Version::HTTP_11, None)?.framing(), Framing::Chunked);
/// assert_eq!(plan(Method::GET, Version::HTTP_10, None)?.framing(), Framing::UntilClose);
/// let to_head = plan(Method::HEAD, Version::HTTP_11, Some(5))?;
/// assert_eq!(to_head.framing(), Framing::Length(5)); // as for GET
/// assert!(!to_head.is_sent()); // but not a byte of it
/// # }
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPlan {
    framing: Framing,
    sent: bool,
    closes: bool,
}

impl BodyPlan {
    /// Decides for the response to a request of `method` and `version`. `length` is the length of the body
    /// if that is known; else a `Content-Length` in `headers` is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if `headers` have a `Transfer-Encoding`, or a `Content-Length` that is
    /// not a number or differs from `length`, or if the length is not 0 and `status` allows no body.
    pub fn new(
        method: &Method,
        version: Version,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
    ) -> Result<Self, Error> {
        let FramingHeaders { length, closes } = FramingHeaders::of(headers, length)?;
        let is_tunnel = method == Method::CONNECT && status.is_success();
        let has_none = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let is_empty = has_none || is_tunnel || status == StatusCode::RESET_CONTENT;
        // In a 304 and in the response to a HEAD the length is that of the body that is not sent.
        let is_length_only = status == StatusCode::NOT_MODIFIED || method == Method::HEAD;
        if is_empty && !is_length_only && length.is_some_and(|length| length > 0) {
            return Err(invalid(&format!(
                "a response of status {status} has no body"
            )));
        }
        let framing = match length {
            _ if has_none || is_tunnel => Framing::Absent,
            // A 205 alone must say that it has no body (RFC 9110 15.3.6).
            _ if status == StatusCode::RESET_CONTENT => Framing::Length(0),
            Some(length) => Framing::Length(length),
            None if version == Version::HTTP_11 => Framing::Chunked,
            None => Framing::UntilClose,
        };
        let sent = method != Method::HEAD && framing != Framing::Absent;
        Ok(Self {
            framing,
            sent,
            closes: closes || (sent && framing == Framing::UntilClose),
        })
    }

    /// How the client finds its end.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// Returns whether its bytes are sent. The response to a HEAD has the same head, and no body.
    #[must_use]
    pub const fn is_sent(&self) -> bool {
        self.sent
    }

    /// Returns whether the connection must be closed after it, even if the client would keep it.
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.closes
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// The headers that concern the framing.
struct FramingHeaders {
    length: Option<u64>,
    closes: bool,
}

impl FramingHeaders {
    fn of(headers: &HeaderMap, length: Option<u64>) -> Result<Self, Error> {
        let (mut declared, mut closes) = (None, false);
        for (name, value) in headers {
            if *name == CONTENT_LENGTH {
                let read = framing::read_length(value.as_bytes());
                let read = read.map_err(|_| invalid("a malformed Content-Length"))?;
                if declared.replace(read).is_some() {
                    return Err(invalid("more than one Content-Length"));
                }
            } else if *name == TRANSFER_ENCODING {
                return Err(invalid("Transfer-Encoding is set by the server"));
            } else if *name == CONNECTION {
                closes |= names(value.as_bytes(), "close");
            }
        }
        match (declared, length) {
            (Some(declared), Some(length)) if declared != length => Err(invalid(&format!(
                "a Content-Length of {declared} for a body of {length} bytes"
            ))),
            _ => Ok(Self {
                length: declared.or(length),
                closes,
            }),
        }
    }
}

/// Returns whether a list names an option.
fn names(value: &[u8], option: &str) -> bool {
    list(value).any(|element| element.eq_ignore_ascii_case(option.as_bytes()))
}

/// Appends the head of a response to `out`, with the empty line that ends it.
///
/// `version` is that of the request. The framing headers come from `plan`, `Date` is `date` unless
/// `headers` have one, and `Connection` is added where the version alone does not tell whether the
/// connection stays. Nothing is allocated, except by `out` if it has no room.
///
/// No line break can get in: no [`HeaderValue`](http::HeaderValue) contains one.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{HeaderMap, Method, StatusCode, Version};
/// use highwater::http::proto::{BodyPlan, encode_head};
///
/// let headers = HeaderMap::new();
/// let (status, version) = (StatusCode::OK, Version::HTTP_11);
/// let plan = BodyPlan::new(&Method::GET, version, status, &headers, Some(2))?;
/// let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
/// let mut out = Vec::new();
/// encode_head(&mut out, version, status, &headers, plan, false, date);
/// let text = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
///             content-length: 2\r\nconnection: close\r\n\r\n";
/// assert_eq!(out, text.as_bytes());
/// # }
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn encode_head(
    out: &mut Vec<u8>,
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
    plan: BodyPlan,
    keep_alive: bool,
    date: &[u8; 29],
) {
    encode_status(out, status);
    if !headers.contains_key(DATE) {
        encode_header(out, "date", date);
    }
    encode_headers(out, headers);
    match plan.framing {
        Framing::Absent | Framing::UntilClose => {}
        Framing::Length(length) => {
            let mut digits = [0; 20];
            encode_header(out, "content-length", decimal(length, &mut digits));
        }
        Framing::Chunked => encode_header(out, "transfer-encoding", b"chunked"),
    }
    let option = match (keep_alive && !plan.closes, version) {
        _ if status == StatusCode::SWITCHING_PROTOCOLS => Some("upgrade"),
        (false, _) => Some("close"),
        (true, Version::HTTP_10) => Some("keep-alive"),
        (true, _) => None,
    };
    let mut own = headers.get_all(CONNECTION).iter();
    if let Some(option) = option.filter(|option| !own.any(|own| names(own.as_bytes(), option))) {
        encode_header(out, "connection", option.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends an informational response, such as `100 Continue` or `103 Early Hints`. It has no body, and
/// no headers but `headers`.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{HeaderMap, StatusCode, proto::encode_informational};
///
/// let mut out = Vec::new();
/// encode_informational(&mut out, StatusCode::CONTINUE, &HeaderMap::new());
/// assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
/// # }
/// ```
pub fn encode_informational(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    encode_status(out, status);
    encode_headers(out, headers);
    out.extend_from_slice(b"\r\n");
}

fn encode_status(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// All but those that the plan decides.
fn encode_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            encode_header(out, name.as_str(), value.as_bytes());
        }
    }
}

pub(super) fn encode_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[first..];
        }
    }
}
