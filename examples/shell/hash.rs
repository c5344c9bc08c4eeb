//! A hash that is taken on the way.

use std::sync::mpsc;

use highwater::{Bytes, Pipeline};
use sha2::{Digest, Sha256};

/// Takes the hash of what goes through, and tells it when everything has.
pub(crate) fn hashed(begun: Pipeline<Bytes>, tell: mpsc::Sender<String>) -> Pipeline<Bytes> {
    struct Hash(Sha256, mpsc::Sender<String>);

    impl Drop for Hash {
        fn drop(&mut self) {
            let digest = std::mem::take(&mut self.0).finalize();
            let digits = digest.iter().map(|byte| format!("{byte:02x}"));
            // Nobody wants it after a failure.
            let _ = self.1.send(digits.collect());
        }
    }

    let mut hash = Hash(Sha256::new(), tell);
    begun.inspect(move |chunk| hash.0.update(chunk))
}
