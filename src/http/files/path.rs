//! From the path of a request to the path of a file beneath a directory.
//!
//! A path is decoded once. What could be read in two ways is rejected, and not repaired: a proxy in front
//! may have read it in the other way. This module is pure.

#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, dead_code, reason = "public for tests alone")
)]

use std::error::Error as StdError;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The decoded path of a request, relative to a directory: no `.` or `..`, no empty segment, nothing that
/// a file system would read as anything but a name. Names are bytes, and need not be UTF-8.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use highwater::http::files::{PathError, RequestPath};
///
/// let path = RequestPath::decode("/a%20directory/caf%C3%A9.txt")?;
/// assert_eq!(path.as_path(), Path::new("a directory/café.txt"));
/// assert_eq!(RequestPath::decode("/caf%E9.txt")?.as_bytes(), b"caf\xe9.txt");
/// assert_eq!(RequestPath::decode("/a/%2e%2e/b"), Err(PathError::Dots));
/// # Ok::<(), PathError>(())
/// ```
///
/// # Invariants
///
/// 1. `path` is empty, or names between single slashes with none at either end.
/// 2. No name is `.` or `..`, or holds a backslash, a control character or an overlong encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    path: Vec<u8>,
    is_directory: bool,
}

/// Why a path is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with a slash.
    NotAbsolute,
    /// A `%` without two hexadecimal digits after it.
    Percent,
    /// An encoded slash: some programs read it as a part of a name, others as a separator.
    EncodedSlash,
    /// A backslash, which some programs read as a slash.
    Backslash,
    /// NUL, a line end, or another control character.
    Control,
    /// A character in more bytes than UTF-8 needs, which some programs read as a dot or a slash.
    Overlong,
    /// A segment `.` or `..`.
    Dots,
    /// An empty segment, as in `//`.
    Empty,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "the path does not begin with a slash",
            Self::Percent => "a percent sign is not followed by two hexadecimal digits",
            Self::EncodedSlash => "the path has an encoded slash",
            Self::Backslash => "the path has a backslash",
            Self::Control => "the path has a control character",
            Self::Overlong => "the path has an overlong encoding",
            Self::Dots => "the path has a segment of dots",
            Self::Empty => "the path has an empty segment",
        })
    }
}

impl StdError for PathError {}

impl RequestPath {
    /// Decodes the path of a request, without its query.
    ///
    /// # Errors
    ///
    /// A [`PathError`] for a path that could lead out of a directory, or be read in two ways.
    pub fn decode(path: &str) -> Result<Self, PathError> {
        let rest = path.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let mut decoded = Vec::with_capacity(rest.len());
        let mut bytes = rest.bytes();
        while let Some(byte) = bytes.next() {
            let byte = match byte {
                b'%' => match escaped(bytes.next(), bytes.next())? {
                    b'/' => return Err(PathError::EncodedSlash),
                    byte => byte,
                },
                byte => byte,
            };
            match byte {
                b'\\' => return Err(PathError::Backslash),
                byte if byte.is_ascii_control() => return Err(PathError::Control),
                byte => decoded.push(byte),
            }
        }
        if has_overlong(&decoded) {
            return Err(PathError::Overlong);
        }
        let mut path = decoded;
        let is_directory = path.is_empty() || path.ends_with(b"/");
        if !path.is_empty() {
            path.truncate(path.len() - usize::from(is_directory));
            for segment in segments(&path) {
                match segment {
                    b"" => return Err(PathError::Empty),
                    b"." | b".." => return Err(PathError::Dots),
                    _ => {}
                }
            }
        }
        Ok(Self { path, is_directory })
    }

    /// The bytes of the path, without a slash at either end. Empty for the directory itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.path
    }

    /// The path, to be joined to that of a directory.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// Returns whether the path ended with a slash, and so names a directory.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// Returns whether a name in the path begins with a dot, which by convention is hidden.
    ///
    /// `.well-known` at the top is not hidden: RFC 8615 defines it to be served.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        let mut segments = segments(&self.path).enumerate();
        segments.any(|(depth, name)| name.starts_with(b".") && !(depth == 0 && name == WELL_KNOWN))
    }

    /// The path relative to a directory that it leads through, or that it is. `None` if it does not.
    #[must_use]
    pub fn below(&self, directory: &Self) -> Option<Self> {
        if directory.path.is_empty() {
            return Some(self.clone());
        }
        let rest = self.path.strip_prefix(directory.as_bytes())?;
        // `/static2` begins like `/static`, and is not beneath it.
        let rest = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix(b"/")?
        };
        Some(Self {
            path: rest.to_owned(),
            is_directory: self.is_directory,
        })
    }

    /// The last name in the path.
    #[must_use]
    pub fn file_name(&self) -> &OsStr {
        OsStr::from_bytes(file_name(&self.path))
    }
}

const WELL_KNOWN: &[u8] = b".well-known";

fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// The last segment of a path.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    segments(path).last().unwrap_or_default()
}

/// The byte of two hexadecimal digits after a percent sign.
fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, PathError> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let value = digit(high).zip(digit(low));
    let (high, low) = value.ok_or(PathError::Percent)?;
    u8::try_from(high << 4 | low).map_err(|_| PathError::Percent)
}

/// Returns whether a character has more bytes than it needs: `C0 AE` for a dot, `C0 AF` for a slash. A
/// name that was written as text, in any encoding, has such bytes only by chance.
fn has_overlong(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| {
        matches!(
            pair,
            [0xc0 | 0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]
        )
    })
}

/// Returns whether a request can ask for a file with this name.
#[must_use]
pub fn can_be_asked_for(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    let is_rejected = |byte: &u8| matches!(byte, b'/' | b'\\') || byte.is_ascii_control();
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(is_rejected) && !has_overlong(name)
}

/// Encodes a name as a segment of a path: all but letters, digits and `-._~` is percent-encoded.
#[must_use]
pub fn encode(name: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let name = name.as_ref();
    let mut encoded = String::with_capacity(name.len());
    for &byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xf)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    encoded
}
