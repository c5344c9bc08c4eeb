//! Conditional requests: RFC 9110, section 13.
//!
//! This module is pure.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, Method};

use super::etag::{Comparison, ETag, Stamp};

/// What conditions are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    etag: ETag,
    last_modified: Option<SystemTime>,
    is_settled: bool,
}

impl Validators {
    /// Those of a file, or of a `variant` of it, at the time `now`.
    #[must_use]
    pub fn of(stamp: &Stamp, variant: Option<&str>, now: SystemTime) -> Self {
        Self {
            etag: ETag::of(stamp, variant, now),
            // Not later than `Date`, as RFC 9110 8.8.2.1 requires.
            last_modified: whole_seconds(stamp.modified.min(now)),
            is_settled: stamp.is_settled(now),
        }
    }

    /// The entity tag.
    #[must_use]
    pub const fn etag(&self) -> &ETag {
        &self.etag
    }

    /// When it was modified, in whole seconds as in a header. `None` before 1970, which a header cannot
    /// express.
    #[must_use]
    pub const fn last_modified(&self) -> Option<SystemTime> {
        self.last_modified
    }
}

fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs()))
}

/// The outcome of the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The request is carried out.
    Proceed,
    /// The client has this state already: 304.
    NotModified,
    /// The client expects another state: 412.
    Failed,
}

/// Evaluates the conditions of a request, in the order of RFC 9110, section 13.2.2.
#[must_use]
pub fn judge(method: &Method, headers: &HeaderMap, validators: &Validators) -> Verdict {
    let etag = &validators.etag;
    let reads = matches!(*method, Method::GET | Method::HEAD);

    // A tag is more exact than a date: a date counts only without a tag.
    let is_as_known = if headers.contains_key(IF_MATCH) {
        etag.is_among(&headers.get_all(IF_MATCH), Comparison::Strong)
    } else {
        validators.changed_since(headers, &IF_UNMODIFIED_SINCE) != Some(true)
    };
    if !is_as_known {
        return Verdict::Failed;
    }

    if headers.contains_key(IF_NONE_MATCH) {
        return match etag.is_among(&headers.get_all(IF_NONE_MATCH), Comparison::Weak) {
            false => Verdict::Proceed,
            true if reads => Verdict::NotModified,
            true => Verdict::Failed,
        };
    }
    match validators.changed_since(headers, &IF_MODIFIED_SINCE) {
        Some(false) if reads => Verdict::NotModified,
        _ => Verdict::Proceed,
    }
}

/// Returns whether a range may be sent. A client that resumes a download names in `If-Range` the state of
/// which it has the beginning; of any other state all is sent.
///
/// Tag and date have to be strong: parts of two states do not make a file.
#[must_use]
pub fn allows_range(headers: &HeaderMap, validators: &Validators) -> bool {
    let mut values = headers.get_all(IF_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) => {
            validators.etag.is_value(value, Comparison::Strong)
                || (validators.is_settled
                    && validators.last_modified.is_some()
                    && validators.last_modified == date(headers, &IF_RANGE))
        }
        (Some(_), Some(_)) => false,
    }
}

impl Validators {
    /// Returns whether it was modified after the date in this header. `None` without a valid date.
    fn changed_since(&self, headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
        Some(self.last_modified? > date(headers, name)?)
    }
}

/// The date in a header that occurs once.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => httpdate::parse_http_date(value.to_str().ok()?).ok(),
        _ => None,
    }
}
