//! What the metadata of a file decides: the state that its tag stands for, and conditions on that.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::IF_MATCH;
use http::{HeaderMap, Method, StatusCode};

use super::conditional::{Validators, Verdict, judge};
use super::etag::Stamp;

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            // Every Unix has it.
            modified: metadata.modified().unwrap_or(UNIX_EPOCH),
            inode: metadata.ino(),
        }
    }
}

/// Checks the conditions of a request (`If-Match`, `If-None-Match`, `If-Unmodified-Since`,
/// `If-Modified-Since`) against a file, or against none: RFC 9110, section 13.
///
/// For handlers that replace or delete files: a client that has read a file with its tag can so replace
/// just that state, and `If-None-Match: *` creates a file only if there is none. A [`Folder`](super::Folder)
/// does it by itself for `GET` and `HEAD`, with the same tags.
///
/// # Errors
///
/// The status of the response, if the request must not be carried out: 412, or for `GET` and `HEAD` 304.
///
/// # Examples
///
/// ```
/// use std::fs;
/// use highwater::http::files::check_conditions;
/// use highwater::http::{HeaderMap, HeaderValue, Method, StatusCode};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("if-none-match", HeaderValue::from_static("*"));
/// assert_eq!(check_conditions(&Method::PUT, &headers, None), Ok(()));
///
/// let file = fs::metadata(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))?;
/// let checked = check_conditions(&Method::PUT, &headers, Some(&file));
/// assert_eq!(checked, Err(StatusCode::PRECONDITION_FAILED)); // it exists
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn check_conditions(
    method: &Method,
    headers: &HeaderMap,
    file: Option<&Metadata>,
) -> Result<(), StatusCode> {
    let verdict = match file {
        Some(file) => {
            let validators = Validators::of(&Stamp::from(file), None, SystemTime::now());
            judge(method, headers, &validators)
        }
        // What does not exist has no tag, and was never modified.
        None if headers.contains_key(IF_MATCH) => Verdict::Failed,
        None => Verdict::Proceed,
    };
    match verdict {
        Verdict::Proceed => Ok(()),
        Verdict::NotModified => Err(StatusCode::NOT_MODIFIED),
        Verdict::Failed => Err(StatusCode::PRECONDITION_FAILED),
    }
}
