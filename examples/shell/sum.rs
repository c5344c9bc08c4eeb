//! Lines of checksums, as `sha256sum` writes and checks them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A line for a file. Where its name has a character that would break the line, the line begins with
/// a backslash, and such characters are escaped.
pub(crate) fn sum_line(hash: &str, name: &OsStr) -> Vec<u8> {
    let mut line = Vec::with_capacity(hash.len() + 3 + name.len());
    let escaped = |byte: &u8| match byte {
        b'\\' => Some(b"\\\\"),
        b'\n' => Some(b"\\n"),
        b'\r' => Some(b"\\r"),
        _ => None,
    };
    if name.as_bytes().iter().any(|byte| escaped(byte).is_some()) {
        line.push(b'\\');
    }
    line.extend_from_slice(hash.as_bytes());
    line.extend_from_slice(b"  ");
    for byte in name.as_bytes() {
        match escaped(byte) {
            Some(two) => line.extend_from_slice(two),
            None => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}
