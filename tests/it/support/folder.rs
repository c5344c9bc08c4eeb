//! A place in the file system for one test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

/// A directory of one test, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::below(&env::temp_dir())
    }

    pub(crate) fn below(place: &Path) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("highwater-test-{}-{number}", std::process::id());
        let path = place.join(name);
        fs::create_dir(&path).expect("a directory for the test");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The path as an argument of a command line that is made of text.
    pub(crate) fn arg(&self, name: &str) -> String {
        text(self.path(name))
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }

    pub(crate) fn file_arg(&self, name: &str, bytes: &[u8]) -> String {
        text(self.file(name, bytes))
    }

    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        path
    }

    pub(crate) fn fifo_arg(&self, name: &str) -> String {
        text(self.fifo(name))
    }
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("it is text")
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
