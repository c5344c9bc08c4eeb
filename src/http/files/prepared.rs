//! A response that is decided and not sent yet.

use std::fs::File;

use http::{HeaderMap, Method, StatusCode};

use super::plan::Plan;

/// A response that is decided and not sent yet: [`Folder::prepare`](super::Folder::prepare).
#[derive(Debug)]
pub struct Prepared {
    pub(super) plan: Plan,
    /// The file, if a range of one is sent.
    pub(super) file: Option<File>,
}

impl Prepared {
    /// The response to a method that a resource does not support: 204 to `OPTIONS`, 405 to a method of
    /// HTTP, and 501 to any other one. `allow` lists those that are supported.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::http::files::Prepared;
    /// use highwater::http::{Method, StatusCode};
    ///
    /// let prepared = Prepared::unsupported_method(&Method::DELETE, "GET, PUT");
    /// assert_eq!(prepared.status(), StatusCode::METHOD_NOT_ALLOWED);
    /// assert_eq!(prepared.headers()["allow"], "GET, PUT");
    /// ```
    #[must_use]
    pub fn unsupported_method(method: &Method, allow: &'static str) -> Self {
        Plan::of_method(method, allow).into()
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.plan.status
    }

    /// The headers, without those that the server adds, such as `date` and `content-length`.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.plan.headers
    }

    /// The length of the body in bytes. In response to a `HEAD` it is not sent.
    #[must_use]
    pub const fn body_len(&self) -> u64 {
        self.plan.body.len()
    }

    /// The decision, and the file that it needs.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn into_parts(self) -> (Plan, Option<File>) {
        (self.plan, self.file)
    }
}

impl From<Plan> for Prepared {
    fn from(plan: Plan) -> Self {
        Self { plan, file: None }
    }
}
