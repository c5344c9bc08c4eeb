//! From the path of a request to the path of a file beneath a folder.
//!
//! What is decoded is decoded once, and what could mean two things is refused rather than repaired:
//! a proxy in front may have read it the other way. This module is pure.

use std::error::Error as StdError;
use std::fmt;

/// A path beneath a folder: no `.` or `..`, no empty segment, nothing that a file system would read
/// as anything but a name.
///
/// # Examples
///
/// ```
/// use highwater::http::files::path::{PathError, Relative};
///
/// let path = Relative::decode("/a%20folder/caf%C3%A9.txt")?;
/// assert_eq!(path.as_str(), "a folder/café.txt");
/// assert_eq!(Relative::decode("/a/%2e%2e/b"), Err(PathError::Dots));
/// # Ok::<(), PathError>(())
/// ```
///
/// # Invariants
///
/// 1. `path` is empty, or names between single slashes with none at either end.
/// 2. No name is `.` or `..`, or holds a backslash or a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    path: String,
    is_folder: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with a slash.
    NotAbsolute,
    /// A `%` without two hexadecimal digits behind it.
    Percent,
    /// A slash that is encoded, so that it is a part of a name for one reader and not for another.
    EncodedSlash,
    /// A backslash, which some read as a slash.
    Backslash,
    /// NUL, a line end, or another control character.
    Control,
    /// What it decodes to is no UTF-8, be it overlong or of another encoding.
    NotUtf8,
    /// A segment `.` or `..`.
    Dots,
    /// A segment with nothing in it, as in `//`.
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
            Self::NotUtf8 => "the path is not utf-8",
            Self::Dots => "the path has a segment of dots",
            Self::Empty => "the path has an empty segment",
        })
    }
}

impl StdError for PathError {}

impl Relative {
    /// Reads the path of a request, without its query.
    ///
    /// # Errors
    ///
    /// A [`PathError`] for whatever could lead out of a folder, or be read in two ways.
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
        let mut path = String::from_utf8(decoded).map_err(|_| PathError::NotUtf8)?;
        let is_folder = path.is_empty() || path.ends_with('/');
        if !path.is_empty() {
            path.truncate(path.len() - usize::from(is_folder));
            for segment in path.split('/') {
                match segment {
                    "" => return Err(PathError::Empty),
                    "." | ".." => return Err(PathError::Dots),
                    _ => {}
                }
            }
        }
        Ok(Self { path, is_folder })
    }

    /// The path, with no slash at either end. That of the folder itself is empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Says whether it ended with a slash, and so asks for a folder.
    #[must_use]
    pub const fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// Says whether it goes through a name that begins with a dot, which by custom is not shown.
    ///
    /// `.well-known` at the top is no such name: RFC 8615 made it to be served.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        let mut segments = self.path.split('/').enumerate();
        segments.any(|(depth, name)| name.starts_with('.') && !(depth == 0 && name == WELL_KNOWN))
    }

    /// The path from a folder that it goes through, or that it is. None if it does not.
    #[must_use]
    pub fn below(&self, folder: &Self) -> Option<Self> {
        if folder.path.is_empty() {
            return Some(self.clone());
        }
        let rest = self.path.strip_prefix(folder.as_str())?;
        // It may be a longer name that only begins alike.
        let rest = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix('/')?
        };
        Some(Self {
            path: rest.to_owned(),
            is_folder: self.is_folder,
        })
    }

    /// The name of the file, without the folders that it is in.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

const WELL_KNOWN: &str = ".well-known";

/// What stands behind a percent sign.
fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, PathError> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let value = digit(high).zip(digit(low));
    let (high, low) = value.ok_or(PathError::Percent)?;
    u8::try_from(high << 4 | low).map_err(|_| PathError::Percent)
}

/// Says whether a request can ask for a file of this name.
#[must_use]
pub fn can_be_asked_for(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.contains(|c: char| c == '/' || c == '\\' || c.is_ascii_control())
}

/// Writes a name as a segment of a path: whatever is not a letter, a digit or one of `-._~` is
/// encoded, so that nothing in it is read as anything else.
#[must_use]
pub fn encode(name: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xf)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    encoded
}
