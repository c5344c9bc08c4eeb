//! A hash that is taken of what goes through a pipeline, and the line that `sha256sum` writes of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc;

use highwater::{Bytes, Pipeline};
use sha2::{Digest, Sha256};

/// Takes the hash of what goes through, and sends it when everything has.
pub(crate) fn hashed(
    begun: Pipeline<'_, Bytes>,
    done: mpsc::Sender<String>,
) -> Pipeline<'_, Bytes> {
    struct Hash(Sha256, mpsc::Sender<String>);

    impl Drop for Hash {
        fn drop(&mut self) {
            let digest = std::mem::take(&mut self.0).finalize();
            let digits = digest.iter().map(|byte| format!("{byte:02x}"));
            // After a failure nothing receives it.
            let _ = self.1.send(digits.collect());
        }
    }

    let mut hash = Hash(Sha256::new(), done);
    begun.inspect(move |chunk| hash.0.update(chunk))
}

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
