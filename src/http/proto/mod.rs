//! What HTTP/1.1 says, with no socket, thread, lock or clock.
//!
//! Bytes go in and answers come out: the head of a request, the data in its body, or a [`Rejection`]
//! that names the rule that was broken. Nothing that is doubtful is repaired, for two programs that
//! repair differently can be made to disagree where a request ends. Whatever cuts the input into
//! pieces, the outcome is the same.
//!
//! `httparse` cuts heads into their parts, and what it lets through is checked here. `ureq-proto`,
//! which has a server's side and would do more, repairs: of a length and a chunked coding it takes
//! the coding, the body of a HEAD it leaves to be the next request, and a chunk size of `+5` is five.
//! It also parses a head from its start each time that a piece comes, copies data out of its framing,
//! and has limits that are fixed.
//!
//! # Examples
//!
//! ```
//! use highwater::http::proto::{BodyDecoder, BodyFraming, Decoded, HeadParser, Limits};
//!
//! let limits = Limits::default();
//! let input = b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi";
//! let (head, len) = HeadParser::new(limits.head()).push(input)?.unwrap();
//! assert_eq!(head.uri().path(), "/a");
//! assert_eq!(head.framing(), BodyFraming::Length(2));
//!
//! let mut body = BodyDecoder::new(head.framing(), limits.body())?;
//! assert_eq!(body.decode(&input[len..])?, Decoded::Data { data: 0..2, consumed: 2 });
//! assert_eq!(body.decode(b"")?, Decoded::End { consumed: 0 });
//! # Ok::<(), highwater::http::proto::Refusal>(())
//! ```

mod body;
mod chunk;
mod diagnosis;
mod fields;
mod framing;
mod head;
mod limits;
mod parser;
mod refusal;
mod response;
mod target;
mod trailers;

pub use body::{BodyDecoder, Decoded};
pub use chunk::{LAST_CHUNK, encode_chunk_head, encode_last_chunk};
pub use framing::BodyFraming;
pub use head::Head;
pub use limits::{BodyLimits, HeadLimits, Limits};
pub use parser::HeadParser;
pub use refusal::{Rejection, RejectionKind};
pub use response::{BodyPlan, Framing, encode_head, encode_informational};
pub use target::TargetForm;
pub use trailers::is_trailer;
