//! Holds the table at the top of `mod.rs` and the tests to one another.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/node"))
}

/// What says that nothing of a file, or not all of it, has a test.
const NOT_HERE: &str = "Not here:";

/// The rows of the table: the file of Node's, the names of the tests, and the whole text.
fn rows() -> Vec<(String, Vec<String>, String)> {
    let main = fs::read_to_string(folder().join("mod.rs")).expect("there is a mod.rs");
    let docs = main.lines().filter_map(|line| line.strip_prefix("//!"));
    let docs: Vec<&str> = docs.map(str::trim).collect();
    let docs = docs.join("\n");
    let items = docs.split("\n- ").filter(|item| item.starts_with("test-"));
    items
        .map(|item| {
            let row = item.split("\n\n").next().unwrap_or(item);
            let (file, rest) = row.split_once(':').expect("a row has a colon");
            let before = rest.split(NOT_HERE).next().unwrap_or(rest);
            let names = before.split('`').skip(1).step_by(2).map(str::to_owned);
            (file.to_owned(), names.collect(), row.to_owned())
        })
        .collect()
}

/// Each test in a file, with the files of Node's that the comment above it names.
fn tests(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let (mut found, mut files, mut is_test) = (Vec::new(), BTreeSet::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("// ") {
            let words = comment.split(|c: char| c.is_whitespace() || c == ':' || c == ',');
            let named = words.filter(|word| word.starts_with("test-") && word.ends_with(".js"));
            files.extend(named.map(str::to_owned));
        } else if line == "#[test]" {
            is_test = true;
        } else if !line.starts_with("#[") {
            if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                let name = rest.split('(').next().unwrap_or(rest);
                found.push((name.to_owned(), std::mem::take(&mut files)));
            }
            files.clear();
            is_test = false;
        }
    }
    found
}

/// Every test in the folder but those of this file.
fn all_tests() -> Vec<(String, BTreeSet<String>)> {
    let entries = fs::read_dir(folder()).expect("the folder can be listed");
    let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
    let others = paths.filter(|path| !path.ends_with("table.rs"));
    others
        .flat_map(|path| tests(&fs::read_to_string(path).expect("a source file is text")))
        .collect()
}

#[test]
fn every_test_that_the_table_names_is_there_and_names_its_file() {
    let tests = all_tests();
    let rows = rows();
    assert!(rows.len() >= 45, "only {} rows were found", rows.len());
    for (file, names, row) in &rows {
        assert!(
            !names.is_empty() || row.contains(NOT_HERE),
            "{file} says nothing"
        );
        for name in names {
            let test = tests.iter().find(|(test, _)| test == name);
            let (_, files) = test.unwrap_or_else(|| panic!("{file}: there is no {name}"));
            assert!(files.contains(file), "{name} does not name {file}");
        }
    }
}

#[test]
fn every_test_is_in_the_row_of_each_file_that_it_names() {
    let rows = rows();
    for (name, files) in all_tests() {
        assert!(!files.is_empty(), "{name} names no file of Node's");
        for file in files {
            let row = rows.iter().find(|(row, ..)| *row == file);
            let (_, names, _) = row.unwrap_or_else(|| panic!("{file} of {name} has no row"));
            assert!(names.contains(&name), "{file} has no {name}");
        }
    }
}
