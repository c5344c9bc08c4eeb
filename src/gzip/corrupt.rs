//! What can be wrong with compressed data.

use std::fmt;
use std::io;

use crate::error::Error;

/// Why data could not be decompressed.
///
/// It is inside the [`io::Error`] of the stage's [`Error`], whose kind is
/// [`InvalidData`](io::ErrorKind::InvalidData), or [`UnexpectedEof`](io::ErrorKind::UnexpectedEof)
/// for [`Truncated`](Self::Truncated). The error's [`offset`](Error::offset) counts bytes of the
/// input: up to the wrong byte or field, or, within deflated data, up to where it could be decoded.
///
/// # Examples
///
/// ```
/// use highwater::{gzip, gzip::Corrupt};
/// use highwater::stage::apply;
///
/// let mut member = apply(&mut gzip::compress(6), ["some data".into()])?.concat();
/// let checksum = member.len() - 8;
/// member[checksum] ^= 1;
///
/// let error = apply(&mut gzip::decompress(), [member.into()]).unwrap_err();
/// assert_eq!(error.offset(), Some(checksum as u64));
/// assert!(matches!(Corrupt::of(&error), Some(Corrupt::Checksum { .. })));
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// The data does not begin like a gzip member.
    Magic,
    /// The header names a compression method that is not deflate.
    Method(u8),
    /// Reserved flags are set in the header (RFC 1952, 2.3.1.2).
    Flags(u8),
    /// The header does not match its checksum.
    HeaderChecksum,
    /// The deflated data, or a header or checksum of zlib, is invalid. The text says how, if the
    /// decompressor reports it.
    Data(String),
    /// The data needs a preset dictionary (RFC 1950, 2.2).
    Dictionary,
    /// The output does not match the checksum in the trailer.
    Checksum {
        /// The CRC-32 of the output.
        found: u32,
        /// The value in the trailer.
        expected: u32,
    },
    /// The length of the output, modulo 2^32, does not match the trailer.
    Length {
        /// The length of the output.
        found: u32,
        /// The value in the trailer.
        expected: u32,
    },
    /// The bytes after the end are neither another member nor zeros.
    Trailing,
    /// The input ends too early. So does an empty input, which is not a gzip member.
    Truncated,
}

impl Corrupt {
    /// Finds it in an error. `None` if the error has another cause.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.io_error()?.get_ref()?.downcast_ref()
    }

    /// The error of a stage, at this byte of its input.
    pub(super) fn at(self, byte: u64, stage: &str) -> Error {
        let kind = if self == Self::Truncated {
            io::ErrorKind::UnexpectedEof
        } else {
            io::ErrorKind::InvalidData
        };
        Error::from(io::Error::new(kind, self))
            .during("decompress in", stage)
            .at(byte)
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("not in gzip format"),
            Self::Method(method) => write!(f, "unknown compression method {method}"),
            Self::Flags(flags) => write!(f, "reserved flags are set: {flags:#010b}"),
            Self::HeaderChecksum => f.write_str("the header does not match its checksum"),
            Self::Data(reason) => f.write_str(reason),
            Self::Dictionary => f.write_str("a preset dictionary is needed"),
            Self::Checksum { found, expected } => write!(
                f,
                "the data has the CRC-32 {found:08x}, and {expected:08x} is expected"
            ),
            Self::Length { found, expected } => {
                write!(
                    f,
                    "the data is {found} bytes long, and {expected} are expected"
                )
            }
            Self::Trailing => f.write_str("garbage behind the end of the compressed data"),
            Self::Truncated => f.write_str("unexpected end of compressed data"),
        }
    }
}

impl std::error::Error for Corrupt {}
