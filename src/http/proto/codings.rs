//! The transfer codings of a request: RFC 9112 6.1.

use super::rejection::RejectionKind;
use super::syntax::is_token_byte;

/// The codings of a body, in the order in which they were applied: all that the lines of
/// `Transfer-Encoding` name are one list (RFC 9110 5.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codings<'a> {
    /// The value of the first line.
    pub(super) first: Option<&'a [u8]>,
    /// The last coding is chunked.
    is_chunked: bool,
    /// Another coding was named.
    has_other: bool,
    /// An element is no coding, or follows chunked.
    is_malformed: bool,
}

impl<'a> Codings<'a> {
    /// Takes the next line.
    pub(super) fn note(&mut self, value: &'a [u8]) {
        self.first.get_or_insert(value);
        for coding in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.is_malformed |= self.is_chunked || coding.is_empty();
            self.is_malformed |= !coding.iter().all(|byte| is_token_byte(*byte));
            self.is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.has_other |= !self.is_chunked;
        }
    }

    /// Chunked is the only coding that is supported. With another one before it the body would have
    /// an end, and could not be decoded; without chunked as the last one it has no end.
    pub(super) fn check(self) -> Result<(), RejectionKind> {
        if self.is_malformed || !self.is_chunked {
            Err(RejectionKind::TransferEncoding)
        } else if self.has_other {
            Err(RejectionKind::CodingUnknown)
        } else {
            Ok(())
        }
    }
}
