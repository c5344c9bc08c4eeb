//! The tour: every numbered example runs by itself, and prints what its header promises.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Folder, example};
use crate::tools::{ends_with, said};

/// The numbered examples, in their order: the name and the text of each.
fn tour() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(directory).expect("there are examples");
    let mut paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let numbered = paths.into_iter().filter_map(|path| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let is_numbered = name.starts_with(|first: char| first.is_ascii_digit());
        is_numbered.then(|| (name, fs::read_to_string(path).expect("it is text")))
    });
    numbered.collect()
}

#[test]
fn every_numbered_example_prints_what_its_header_promises() {
    let tour = tour();
    assert!(tour.len() >= 12, "{} examples", tour.len());
    for (number, (name, text)) in tour.iter().enumerate() {
        assert!(name.starts_with(&format!("{:02}_", number + 1)), "{name}");
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("// prints: "));
        let promised: String = lines.flat_map(|line| [line, "\n"]).collect();
        assert!(!promised.is_empty(), "{name} promises nothing");
        // What it puts into files of its own is gone with it.
        let folder = Folder::new();
        let mut command = example(name);
        command.env("TMPDIR", folder.path("")).stdin(Stdio::null());
        let output = ends_with(&mut command, 0);
        assert_eq!(String::from_utf8_lossy(&output.stdout), promised, "{name}");
        assert_eq!(said(&output), "", "{name}");
        assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_numbered_example_is_short_enough_to_be_read_at_once() {
    for (name, text) in tour() {
        let lines = text.lines().count();
        assert!((15..=40).contains(&lines), "{name} has {lines} lines");
        let run = format!("//! Run it: cargo run --example {name}\n");
        assert!(text.contains(&run), "{name} does not say how to run it");
        assert!(text.contains("assert"), "{name} asserts nothing");
    }
}
