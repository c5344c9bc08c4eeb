//! The response to a request for a file: the status, the headers, and which bytes.
//!
//! All of it is decided here, from the request and the file, and nothing is sent. This module is pure: the
//! time and the random boundary are arguments.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::conditional::{Validators, Verdict, allows_range, judge};
use super::etag::Stamp;
use super::multipart::{Multipart, content_range};
use super::range::{Selection, select};

/// A file, in the form in which it is sent.
#[derive(Clone, Debug)]
pub struct Representation {
    /// Its state.
    pub stamp: Stamp,
    /// Its type.
    pub content_type: &'static str,
    /// Whether it is compressed with gzip.
    pub is_gzip: bool,
    /// Whether another client could get another form of it.
    pub varies: bool,
    /// Its `Cache-Control`.
    pub cache_control: Option<HeaderValue>,
}

/// A response, before it is sent.
///
/// The headers have neither `Content-Length` nor `Date`: the server adds them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Content,
}

/// The body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// None, and no length either: 304.
    None,
    /// This text.
    Text(Bytes),
    /// These bytes of the file.
    Range(Range<u64>),
    /// Several ranges of the file.
    Parts(Multipart),
}

impl Content {
    /// Its length in bytes.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "an empty file and no body are two things"
    )]
    pub const fn len(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Text(text) => text.len() as u64,
            Self::Range(range) => range.end.saturating_sub(range.start),
            Self::Parts(parts) => parts.len(),
        }
    }
}

/// Decides the response to a `GET` or a `HEAD` of this file.
///
/// `boundary` is called if several ranges are sent, for an unpredictable number.
#[must_use]
pub fn plan(
    method: &Method,
    headers: &HeaderMap,
    file: &Representation,
    now: SystemTime,
    boundary: impl FnOnce() -> u128,
) -> Plan {
    let validators = Validators::of(&file.stamp, file.is_gzip.then_some("gz"), now);
    match judge(method, headers, &validators) {
        Verdict::Failed => return Plan::of_status(StatusCode::PRECONDITION_FAILED),
        Verdict::NotModified => {
            let mut plan = Plan::new(StatusCode::NOT_MODIFIED, Content::None);
            plan.describe_for_caches(file, &validators);
            return plan;
        }
        Verdict::Proceed => {}
    }
    match selection(method, headers, file, &validators) {
        Selection::Whole => Plan::whole(file, &validators),
        Selection::Parts(ranges) => Plan::partial(file, &validators, &ranges, boundary),
        Selection::Unsatisfiable => {
            let mut plan = Plan::of_status(StatusCode::RANGE_NOT_SATISFIABLE);
            plan.set(CONTENT_RANGE, format!("bytes */{}", file.stamp.len));
            plan
        }
    }
}

/// Which bytes are asked for. `Range` applies to `GET` only, and only if it occurs once.
fn selection(
    method: &Method,
    headers: &HeaderMap,
    file: &Representation,
    validators: &Validators,
) -> Selection {
    let mut values = headers.get_all(RANGE).iter();
    match (values.next(), values.next()) {
        (Some(range), None) if method == Method::GET && allows_range(headers, validators) => {
            select(range.as_bytes(), file.stamp.len)
        }
        _ => Selection::Whole,
    }
}

impl Plan {
    fn new(status: StatusCode, body: Content) -> Self {
        Self {
            status,
            headers: HeaderMap::with_capacity(HEADERS),
            body,
        }
    }

    /// A response whose body is its status.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let mut plan = Self::new(status, Content::Text(format!("{status}\n").into()));
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        plan.headers.insert(CONTENT_TYPE, text);
        plan
    }

    /// The response to a method that the resource does not support: 204 to `OPTIONS`, 405 to a method of
    /// HTTP, and 501 to any other one. `allow` lists those that are supported.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use http::{Method, StatusCode};
    /// use highwater::http::files::plan::Plan;
    ///
    /// let plan = Plan::of_method(&Method::DELETE, "GET, HEAD, OPTIONS");
    /// assert_eq!(plan.status, StatusCode::METHOD_NOT_ALLOWED);
    /// assert_eq!(plan.headers["allow"], "GET, HEAD, OPTIONS");
    /// # }
    /// ```
    #[must_use]
    pub fn of_method(method: &Method, allow: &'static str) -> Self {
        let mut plan = match *method {
            Method::OPTIONS => Self::new(StatusCode::NO_CONTENT, Content::None),
            _ if METHODS.contains(method) => Self::of_status(StatusCode::METHOD_NOT_ALLOWED),
            // RFC 9110 9.1: an unknown method is 501.
            _ => return Self::of_status(StatusCode::NOT_IMPLEMENTED),
        };
        plan.headers.insert(ALLOW, HeaderValue::from_static(allow));
        plan
    }

    /// A page that was made for this response.
    pub(super) fn of_page(page: String, cache_control: Option<&HeaderValue>) -> Self {
        let mut plan = Self::new(StatusCode::OK, Content::Text(page.into()));
        plan.describe("text/html; charset=utf-8");
        if let Some(value) = cache_control {
            plan.headers.insert(CACHE_CONTROL, value.clone());
        }
        plan
    }

    fn whole(file: &Representation, validators: &Validators) -> Self {
        let mut plan = Self::new(StatusCode::OK, Content::Range(0..file.stamp.len));
        plan.describe_file(file, validators);
        plan
    }

    fn partial(
        file: &Representation,
        validators: &Validators,
        ranges: &[Range<u64>],
        boundary: impl FnOnce() -> u128,
    ) -> Self {
        let complete = file.stamp.len;
        if let [range] = ranges {
            let mut plan = Self::new(StatusCode::PARTIAL_CONTENT, Content::Range(range.clone()));
            plan.describe_file(file, validators);
            plan.set(CONTENT_RANGE, content_range(range, complete));
            return plan;
        }
        // Parts that are longer than the file would let a client multiply the traffic by a header. All of
        // the file is sent instead.
        let parts = Multipart::new(ranges, complete, file.content_type, boundary());
        let Some(parts) = parts.filter(|parts| parts.len() <= complete) else {
            return Self::whole(file, validators);
        };
        let content_type = parts.content_type();
        let mut plan = Self::new(StatusCode::PARTIAL_CONTENT, Content::Parts(parts));
        plan.describe_file(file, validators);
        plan.set(CONTENT_TYPE, content_type);
        plan
    }

    fn describe_file(&mut self, file: &Representation, validators: &Validators) {
        self.describe(file.content_type);
        self.describe_for_caches(file, validators);
        self.headers
            .insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if file.is_gzip {
            self.headers
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(time) = validators.last_modified() {
            self.set(LAST_MODIFIED, httpdate::fmt_http_date(time));
        }
    }

    fn describe(&mut self, content_type: &'static str) {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // The name decides the type. A browser that guesses from the content could run as a script what was
        // uploaded as a picture.
        self.headers
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }

    /// The headers that a 304 needs as well.
    fn describe_for_caches(&mut self, file: &Representation, validators: &Validators) {
        self.set(ETAG, validators.etag().to_string());
        if file.varies {
            self.headers
                .insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
        }
        if let Some(value) = &file.cache_control {
            self.headers.insert(CACHE_CONTROL, value.clone());
        }
    }

    pub(super) fn set(&mut self, name: HeaderName, text: String) {
        // No caller passes a line break or another control character.
        if let Ok(value) = HeaderValue::try_from(text) {
            self.headers.insert(name, value);
        }
    }
}

/// How many headers a response has, without those that are added when it is sent.
const HEADERS: usize = 8;

/// The methods of HTTP: RFC 9110, section 9.3, and RFC 5789.
const METHODS: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];
