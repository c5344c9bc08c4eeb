//! HTTP/1.1 as pure code: no socket, thread, lock or clock.
//!
//! Bytes go in; the head of a request, the data of its body or a [`Rejection`] comes out. A rejection
//! names the rule that is broken. Nothing malformed is repaired: two programs that repair in different
//! ways can be made to disagree about where a request ends. The outcome does not depend on how the
//! input is cut into pieces.
//!
//! `httparse` splits heads into their parts, and what it accepts is checked here. `ureq-proto`, which
//! has a server's side and would do more, repairs: of a length and a chunked coding it takes the coding,
//! it leaves the body of a HEAD to be the next request, and it reads a chunk size of `+5` as five. It
//! also parses a head from its start for each piece, copies data out of its framing, and has fixed
//! limits.
//!
//! This module is public with the feature `testing`, for tests and fuzz targets.
//!
//! # Examples
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use highwater::Bytes;
//! use highwater::http::Limits;
//! use highwater::http::proto::{BodyDecoder, BodyFraming, Decoded, HeadParser};
//!
//! let limits = Limits::default();
//! let mut input = Bytes::from("PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi");
//! let (head, len) = HeadParser::new(limits.head()).push(&input)?.unwrap();
//! assert_eq!(head.uri().path(), "/a");
//! assert_eq!(head.framing(), BodyFraming::Length(2));
//!
//! let mut input = input.split_off(len);
//! let mut body = BodyDecoder::new(head.framing(), limits.body())?;
//! assert_eq!(body.decode(&mut input)?, Decoded::Data("hi".into()));
//! assert_eq!(body.decode(&mut input)?, Decoded::End);
//! # }
//! # Ok::<(), highwater::Error>(())
//! ```

#![cfg_attr(
    not(feature = "testing"),
    allow(
        unreachable_pub,
        unused_imports,
        dead_code,
        reason = "public for tests alone"
    )
)]

mod body;
mod chunk;
mod codings;
mod diagnosis;
mod fields;
mod framing;
mod head;
mod limits;
mod parser;
mod rejection;
mod response;
mod syntax;
mod target;
mod trailers;

pub use body::{BodyDecoder, Decoded};
pub use chunk::{LAST_CHUNK, encode_chunk_head, encode_last_chunk};
pub use framing::BodyFraming;
pub use head::Head;
pub use limits::{BodyLimits, HeadLimits, Limits};
pub use parser::HeadParser;
pub use rejection::{Rejection, RejectionKind};
pub use response::{BodyPlan, Framing, encode_head, encode_informational};
pub use target::TargetForm;
pub use trailers::is_trailer;
