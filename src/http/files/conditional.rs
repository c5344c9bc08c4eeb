//! Whether a client has it already, or wants it only as it was: RFC 9110, section 13.
//!
//! This module is pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, Method};

use super::etag::{Comparison, ETag, Stamp};

/// What a condition is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    etag: ETag,
    last_modified: Option<SystemTime>,
    is_settled: bool,
}

impl Validators {
    /// Makes those of a file, or of a `variant` of it, as they are `now`.
    #[must_use]
    pub fn of(stamp: &Stamp, variant: Option<&str>, now: SystemTime) -> Self {
        Self {
            etag: ETag::of(stamp, variant, now),
            // A time in the future would be later than the `Date` beside it, which is forbidden.
            last_modified: whole_seconds(stamp.modified.min(now)),
            is_settled: stamp.is_settled(now),
        }
    }

    /// The entity tag.
    #[must_use]
    pub const fn etag(&self) -> &ETag {
        &self.etag
    }

    /// When it was changed, in whole seconds as a header has it. None before 1970, of which a header
    /// knows nothing.
    #[must_use]
    pub const fn last_modified(&self) -> Option<SystemTime> {
        self.last_modified
    }
}

fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs()))
}

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Do what was asked for.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// It is not what the client holds it for: 412.
    Failed,
}

/// Judges the conditions of a request, in the order of RFC 9110, section 13.2.2.
#[must_use]
pub fn judge(method: &Method, headers: &HeaderMap, validators: &Validators) -> Verdict {
    let etag = &validators.etag;
    let reads = matches!(*method, Method::GET | Method::HEAD);

    // A tag says more than a date, so a date is looked at only where there is no tag.
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

/// Says whether a range may be sent: a client that resumes a download says in `If-Range` which
/// state of the file it has the beginning of. With another one everything is sent.
///
/// Both a tag and a date have to be strong, for parts of two states make nonsense of a file.
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
    /// Says whether it was changed after the date in this header. None without a date to go by.
    fn changed_since(&self, headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
        Some(self.last_modified? > date(headers, name)?)
    }
}

/// The date in a header, which has to be there once and to be one.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => httpdate::parse_http_date(value.to_str().ok()?).ok(),
        _ => None,
    }
}
