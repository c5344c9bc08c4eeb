//! Files in the folder of a test.

use std::fs;
use std::path::PathBuf;

use super::folder::Folder;

impl Folder {
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }
}
