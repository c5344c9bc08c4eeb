//! What the compiler cannot see: who imports whom, what is pure, how long a file is.

use std::fs;
use std::path::{Path, PathBuf};

/// How long a file may be, with its docs. Longer ones hold more than one idea.
const LINES_MAX: usize = 450;

/// What stays out of every file: work that was put off, sleeps that order things, places of one
/// machine. In two pieces each, so that this list does not find itself.
const FORBIDDEN: [(&str, &str); 9] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("todo", "!("),
    ("unimplemented", "!("),
    ("dbg", "!("),
    ("thread::", "sleep"),
    ("#[igno", "re"),
    ("/ro", "ot/"),
    ("/wo", "rk/"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below some folders, with its path from the root.
fn files(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is text");
                let name = path.strip_prefix(root()).expect("it is below the root");
                found.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no Rust file in {folders:?}");
    found
}

/// The lines that are code, and not comment or documentation.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
}

/// `src/state/readable/mod.rs` and `src/state.rs` both belong to `state`.
fn module(file: &str) -> &str {
    let file = file.strip_prefix("src/").expect("a file of the library");
    let file = file.strip_suffix(".rs").expect("a Rust file");
    file.split('/').next().expect("split gives one at least")
}

/// The modules of `lib.rs`, each with its row: a row is a paragraph of `mod` lines.
fn rows() -> Vec<(String, usize)> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("there is a lib.rs");
    let mut rows = Vec::new();
    for (row, paragraph) in lib.split("\n\n").enumerate() {
        let lines = code(paragraph).map(|line| line.strip_prefix("pub ").unwrap_or(line));
        let modules = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        rows.extend(modules.map(|module| (module.to_owned(), row)));
    }
    assert!(rows.len() > 10, "only {rows:?}");
    rows
}

/// Pairs of one row that belong together, the one that imports first.
const PAIRS: [(&str, &str); 6] = [
    ("state", "chunk"),
    ("mark", "error"),
    ("channel", "cancel"),
    ("source", "sink"),
    ("readable", "writable"),
    ("monitor", "report"),
];

/// What stands behind each `crate::` of a line.
fn mentions(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("crate::").map(move |(at, word)| {
        let rest = &line[at + word.len()..];
        &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]
    })
}

#[test]
fn a_module_imports_only_from_the_rows_above_it_in_lib_rs() {
    let rows = rows();
    let row = |name: &str| {
        rows.iter()
            .find(|(module, _)| module == name)
            .map(|(_, row)| *row)
    };
    let mut wrong = Vec::new();
    for (file, text) in files(&["src"])
        .iter()
        .filter(|(file, _)| file != "src/lib.rs")
    {
        let own = module(file);
        let own_row = row(own).unwrap_or_else(|| panic!("{file} is not in lib.rs"));
        for name in code(text).flat_map(mentions).filter(|name| *name != own) {
            match row(name) {
                Some(other) if other < own_row => {}
                Some(other) if other == own_row && PAIRS.contains(&(own, name)) => {}
                Some(_) => wrong.push(format!("{file} imports {name}")),
                None => wrong.push(format!("{file} names crate::{name}, which is no module")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_rules_are_pure() {
    const IMPURE: [&str; 9] = [
        "std::io",
        "std::fs",
        "std::net",
        "std::sync",
        "std::thread",
        "std::time",
        "std::env",
        "parking_lot",
        "crossbeam",
    ];
    for (file, text) in files(&["src"]) {
        let is_pure = ["src/state/", "src/chunk", "src/rota/rules/"];
        if is_pure.iter().any(|path| file.starts_with(path)) {
            for line in code(&text) {
                let impure = IMPURE.iter().find(|impure| line.contains(**impure));
                assert!(impure.is_none(), "{file}: {line}");
            }
        }
    }
}

#[test]
fn only_the_channel_the_token_the_meter_and_the_rota_lock() {
    const LOCKS: [&str; 4] = ["Mutex", "Condvar", "RwLock", "parking_lot"];
    const MAY: [&str; 7] = ["sync", "cancel", "channel", "pool", "waits", "rota", "http"];
    for (file, text) in files(&["src"]) {
        if !MAY.contains(&module(&file)) {
            for line in code(&text) {
                assert!(
                    !LOCKS.iter().any(|lock| line.contains(lock)),
                    "{file}: {line}"
                );
            }
        }
    }
}

#[test]
fn every_file_is_one_idea_and_says_which() {
    for (file, text) in files(&["src", "tests", "examples", "benches", "fuzz"]) {
        assert!(text.starts_with("//!"), "{file} does not say what it is");
        let lines = text.lines().count();
        // The docs of lib.rs are the course.
        let max = if file == "src/lib.rs" {
            LINES_MAX * 2
        } else {
            LINES_MAX
        };
        assert!(lines <= max, "{file} has {lines} lines, and may have {max}");
    }
}

#[test]
fn nothing_is_put_off_and_no_machine_is_named() {
    for (file, text) in files(&["src", "tests", "examples", "benches", "fuzz"]) {
        for (number, line) in text.lines().enumerate() {
            for (first, second) in FORBIDDEN {
                let word = format!("{first}{second}");
                assert!(!line.contains(&word), "{file}:{} has {word}", number + 1);
            }
        }
    }
}

#[test]
fn the_changelog_knows_the_version() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    let line = manifest.lines().find(|line| line.starts_with("version = "));
    let version = line
        .and_then(|line| line.split('"').nth(1))
        .expect("it has a version");
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).expect("there is a changelog");
    // Before the first release there is nothing but what is to come.
    assert!(changelog.contains(&format!("## {version}")) || changelog.contains("## Unreleased"));
}
