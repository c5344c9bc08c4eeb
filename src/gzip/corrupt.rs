//! What can be wrong with compressed data.

use std::fmt;
use std::io;

use crate::error::Error;

/// Why data could not be decompressed.
///
/// It is inside the [`io::Error`] of the stage's [`Error`], whose kind is
/// [`InvalidData`](io::ErrorKind::InvalidData), or [`UnexpectedEof`](io::ErrorKind::UnexpectedEof)
/// for [`Truncated`](Self::Truncated). The error's [`offset`](Error::offset) is the place in what
/// came in: of the byte, or the first byte of the field, that is wrong; in the deflated data itself,
/// how far it was understood.
///
/// # Examples
///
/// ```
/// use highwater::{apply, gzip, gzip::Corrupt};
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
    /// It does not begin as a gzip member does.
    Magic,
    /// A compression method that is not deflate, of which there is none.
    Method(u8),
    /// Flags are set in the header that are reserved (RFC 1952, 2.3.1.2).
    Flags(u8),
    /// The header is not what its own checksum says.
    HeaderChecksum,
    /// The deflated data, or a header or checksum of zlib, breaks a rule: which, in words for people,
    /// as far as that is known.
    Data(String),
    /// The data is compressed with a dictionary that was agreed on elsewhere (RFC 1950, 2.2).
    Dictionary,
    /// What came out is not what the checksum behind it says.
    Checksum {
        /// The CRC-32 of what came out.
        found: u32,
        /// What was said.
        expected: u32,
    },
    /// What came out is not as long as is said behind it, modulo 2^32.
    Length {
        /// How long it is.
        found: u32,
        /// What was said.
        expected: u32,
    },
    /// Behind the end stands something that is neither another member nor a padding of zeros.
    Trailing,
    /// It ends before its end. So does no input at all, which is not even an empty member.
    Truncated,
}

impl Corrupt {
    /// Looks into an error for what was wrong with the data. `None` if that was not the reason.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.io_error()?.get_ref()?.downcast_ref()
    }

    /// Makes an error of it, at a byte of the input of a stage.
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
