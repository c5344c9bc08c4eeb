//! The lines between the data of a chunked body: decoded byte by byte, and encoded.

use http::HeaderMap;

use super::limits::BodyLimits;
use super::rejection::RejectionKind;
use super::syntax::is_token_byte;

/// The end of a chunked body that has no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Hexadecimal digits of a size. More digits would be zeros, or a size over 2^64.
const DIGITS_MAX: u8 = 16;

/// Decodes the size line of a chunk, a byte at a time.
///
/// A size has at most sixteen digits, extensions are counted, and a chunk has at least one byte of
/// data. So the framing is at most about twenty times as much as the data, and chunks need no minimum
/// size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SizeLine {
    size: u64,
    digits: u8,
    place: LinePlace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinePlace {
    /// In the size.
    #[default]
    Size,
    /// In spaces after the size, which only a semicolon may end.
    SpaceBefore,
    /// After a semicolon, before a name.
    NameStart,
    Name,
    /// In spaces after a name.
    NameSpace,
    /// After an equals sign, before a value.
    ValueStart,
    Value,
    Quoted,
    /// After a backslash in quotes.
    Escaped,
    /// After a closing quote.
    QuotedEnd,
    /// In spaces after a value, which only a semicolon may end.
    ValueSpace,
    /// After CR.
    Lf,
}

impl SizeLine {
    /// Decodes a complete line without extensions: the size, and the length of the line.
    pub(super) fn plain(input: &[u8]) -> Option<(u64, usize)> {
        let mut size = 0;
        for (len, byte) in input.iter().enumerate().take(DIGITS_MAX as usize + 1) {
            match hex(*byte) {
                Some(_) if len == DIGITS_MAX as usize => return None,
                Some(digit) => size = size << 4 | u64::from(digit),
                None if len > 0 && input[len..].starts_with(b"\r\n") => {
                    return Some((size, len + 2));
                }
                None => return None,
            }
        }
        None
    }

    /// Returns whether nothing was taken.
    pub(super) const fn is_new(&self) -> bool {
        self.digits == 0
    }

    /// Takes the next byte. Returns the size if the byte ends the line.
    pub(super) fn take(
        &mut self,
        byte: u8,
        extension_bytes: &mut usize,
        limits: &BodyLimits,
    ) -> Result<Option<u64>, RejectionKind> {
        if self.place == LinePlace::Size {
            return self.take_digit(byte).map(|()| None);
        }
        if self.place == LinePlace::Lf {
            let kind = RejectionKind::BareCr;
            return if byte == b'\n' {
                Ok(Some(self.size))
            } else {
                Err(kind)
            };
        }
        self.place = self.place.after(byte)?;
        if self.place != LinePlace::Lf {
            *extension_bytes += 1;
            if *extension_bytes > limits.extension_bytes {
                return Err(RejectionKind::ExtensionsTooLarge);
            }
        }
        Ok(None)
    }

    fn take_digit(&mut self, byte: u8) -> Result<(), RejectionKind> {
        let Some(digit) = hex(byte) else {
            self.place = match byte {
                _ if self.digits == 0 => return Err(RejectionKind::ChunkSize),
                b'\r' => LinePlace::Lf,
                b';' => LinePlace::NameStart,
                b' ' | b'\t' => LinePlace::SpaceBefore,
                b'\n' => return Err(RejectionKind::BareLf),
                _ => return Err(RejectionKind::ChunkSize),
            };
            return Ok(());
        };
        if self.digits == DIGITS_MAX {
            return Err(RejectionKind::ChunkSize);
        }
        self.digits += 1;
        self.size = self.size << 4 | u64::from(digit);
        Ok(())
    }

    /// The value of the digits so far.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl LinePlace {
    /// `;name`, `;name=value` or `;name="value"`, with spaces around a semicolon and an equals sign,
    /// which RFC 9112 7.1.1 calls bad and requires to be accepted. No spaces may precede the end of
    /// the line.
    fn after(self, byte: u8) -> Result<Self, RejectionKind> {
        let is_space = matches!(byte, b' ' | b'\t');
        Ok(match (self, byte) {
            (_, b'\n') => return Err(RejectionKind::BareLf),
            (Self::Quoted, b'"') => Self::QuotedEnd,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~' | 0x80..) => Self::Quoted,
            (Self::Quoted | Self::Escaped, _) => return Err(RejectionKind::ChunkExtension),
            (Self::SpaceBefore | Self::NameStart | Self::ValueStart, _) if is_space => self,
            (Self::SpaceBefore, b';') => Self::NameStart,
            (Self::SpaceBefore, _) => return Err(RejectionKind::ChunkSize),
            (Self::NameStart | Self::Name, _) if is_token_byte(byte) => Self::Name,
            (Self::Name | Self::NameSpace, b'=') => Self::ValueStart,
            (Self::Name | Self::NameSpace, _) if is_space => Self::NameSpace,
            (Self::Value | Self::QuotedEnd | Self::ValueSpace, _) if is_space => Self::ValueSpace,
            (Self::ValueStart, b'"') => Self::Quoted,
            (Self::ValueStart | Self::Value, _) if is_token_byte(byte) => Self::Value,
            (Self::Name | Self::NameSpace, b';') => Self::NameStart,
            (Self::Value | Self::QuotedEnd | Self::ValueSpace, b';') => Self::NameStart,
            (Self::Name | Self::Value | Self::QuotedEnd, b'\r') => Self::Lf,
            _ => return Err(RejectionKind::ChunkExtension),
        })
    }
}

/// Appends the line before the data of a chunk. `\r\n` has to follow the data. For a size of 0, which
/// would end the body, nothing is appended.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::proto::{LAST_CHUNK, encode_chunk_head};
///
/// let mut out = Vec::new();
/// encode_chunk_head(&mut out, 26);
/// assert_eq!(out, b"1a\r\n");
/// assert_eq!(LAST_CHUNK, b"0\r\n\r\n");
/// # }
/// ```
pub fn encode_chunk_head(out: &mut Vec<u8>, size: u64) {
    if size == 0 {
        return;
    }
    let first = (u64::BITS - size.leading_zeros()).div_ceil(4);
    for place in (0..first).rev() {
        let digit = (size >> (4 * place) & 15) as usize;
        out.push(b"0123456789abcdef"[digit]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the end of a chunked body, with trailers. What [may not be one](super::is_trailer) is left
/// out.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{HeaderMap, HeaderValue, proto::encode_last_chunk};
///
/// let mut trailers = HeaderMap::new();
/// trailers.insert("digest", HeaderValue::from_static("sha-256=x"));
/// let mut out = Vec::new();
/// encode_last_chunk(&mut out, &trailers);
/// assert_eq!(out, b"0\r\ndigest: sha-256=x\r\n\r\n");
/// # }
/// ```
pub fn encode_last_chunk(out: &mut Vec<u8>, trailers: &HeaderMap) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter().filter(|(name, _)| super::is_trailer(name)) {
        super::response::encode_header(out, name.as_str(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}
