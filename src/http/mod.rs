//! HTTP/1.1: a request's body is read, and an answer's is written.
//!
//! What the protocol says is in [`proto`], with no socket. Files of a folder are served by [`files`].

pub mod proto;

mod answering;
mod body;
mod clock;
mod exchange;
mod field;
mod file;
mod input;
mod link;
mod pace;
mod request;
mod response;
mod rules;
mod server;
mod session;
mod sink;
mod trailers;
mod upgrade;

pub mod files;

#[doc(no_inline)]
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};

pub use body::Body;
pub use proto::Limits;
pub use request::{Parts, Request};
pub use response::{Response, Sent};
pub use server::Server;
pub use trailers::Trailers;
