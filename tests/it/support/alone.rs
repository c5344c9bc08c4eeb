//! A test in a process of its own, and what that process has.

use std::collections::BTreeSet;
use std::process::Command;
use std::{env, fs};

const ALONE: &str = "HIGHWATER_TEST_ALONE";

/// Runs a test in a process of its own: threads, descriptors and children are those of a process.
/// Gives what that said on its standard error to the one that it was run from.
pub(crate) fn alone(name: &str, body: impl FnOnce()) -> Option<String> {
    if env::var_os(ALONE).is_some() {
        body();
        return None;
    }
    let alone = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(alone.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&alone.stdout).contains("1 passed"));
    Some(said)
}

/// The names in a folder of the kernel's.
pub(crate) fn listed(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
