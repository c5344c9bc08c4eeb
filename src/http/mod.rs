//! HTTP/1.1: a request's body is read, and an answer's is written.
//!
//! What the protocol says is in [`proto`], with no socket. Files of a folder are served by [`files`].

pub mod proto;

pub mod files;

#[doc(no_inline)]
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
