//! What the compiler cannot see: which room imports from which, what is pure, which file locks, what
//! a name means, how long a file is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How many lines a file may have, with its docs. A longer one holds more than one idea.
const LINES_MAX: usize = 450;

/// What stays out of every file: work put off, sleeps that order things, paths of one machine. In two
/// pieces each, so that this list does not find itself.
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

/// Rooms of one row of `lib.rs` of which the first imports from the second.
const PAIRS: [(&str, &str); 4] = [
    ("stream", "os"),
    ("lines", "stream"),
    ("net", "pipeline"),
    ("net", "leader"),
];

/// Type names that more than one room may define, each with the reason.
const SHARED_NAMES: [(&str, &str); 4] = [
    (
        "Handed",
        "an empty one stands in where there are no descriptors",
    ),
    (
        "Phase",
        "every state machine has one, drawn at the top of its file",
    ),
    ("Server", "public as net::Server and http::Server"),
    ("Handler", "what net::Server and http::Server each call"),
];

/// Files that claim to be pure: no I/O, lock, thread or clock.
const PURE: [&str; 10] = [
    "src/state/",
    "src/leader/rules/",
    "src/http/proto/",
    "src/http/files/plan.rs",
    "src/http/files/range.rs",
    "src/http/files/etag.rs",
    "src/http/files/conditional.rs",
    "src/wire/frame.rs",
    "src/wire/sending.rs",
    "src/wire/receiving.rs",
];

/// Rooms whose files lock or wait: each file begins with who owns what, and what may block.
const LOCKING: [&str; 4] = [
    "src/channel/",
    "src/stage/drive/",
    "src/leader/",
    "src/http/server/",
];
const HEADER_LINES_MIN: usize = 3;

/// What a newcomer sees first: the names that the root of the crate exports.
const ROOT_NAMES_MAX: usize = 30;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below some folders, with its path from the root.
fn files(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    open.push(path);
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

/// The library, without the tests that stand beside what they test.
fn library() -> Vec<(String, String)> {
    let mut files = files(&["src"]);
    files.retain(|(file, _)| !file.contains("/tests"));
    files
}

/// The lines that are code, and not comment or documentation.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
}

/// `src/state/readable/mod.rs` is `["state", "readable"]`, and `src/cancel.rs` is `["cancel"]`.
fn module(file: &str) -> Vec<&str> {
    let file = file.strip_prefix("src/").expect("a file of the library");
    let file = file.strip_suffix(".rs").expect("a Rust file");
    let file = file.strip_suffix("/mod").unwrap_or(file);
    file.split('/').collect()
}

fn room(file: &str) -> &str {
    module(file)[0]
}

/// The rooms of `lib.rs`, bottom first, each with its row. A row begins with its number.
fn rows() -> Vec<(String, usize)> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("there is a lib.rs");
    let (mut rows, mut row) = (Vec::new(), 0);
    for line in lib.lines() {
        let number = line
            .strip_prefix("// ")
            .and_then(|rest| rest.split_once(". "));
        if let Some(number) = number.and_then(|(number, _)| number.parse().ok()) {
            row = number;
        }
        let line = line.strip_prefix("pub ").unwrap_or(line);
        if let Some(room) = line
            .strip_prefix("mod ")
            .and_then(|line| line.strip_suffix(';'))
        {
            rows.push((room.to_owned(), row));
        }
    }
    assert!(rows.len() > 10, "only {rows:?}");
    assert!(rows.is_sorted_by_key(|(_, row)| *row), "{rows:?}");
    rows
}

/// Every path of a text that begins with `crate` or `super`, in its parts. Of a list in braces each
/// member gives a path.
fn paths(text: &str) -> Vec<Vec<String>> {
    let code: String = code(text).flat_map(|line| [line, "\n"]).collect();
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            let is_start = before.is_none_or(|c| !c.is_alphanumeric() && !"_:$".contains(c));
            if is_start {
                expand(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads a path, and behind a brace each path of the list. Returns what is left of the text.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let (depth, mut text) = (prefix.len(), text);
    loop {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        prefix.push(text[..end].to_owned());
        text = &text[end..];
        let Some(rest) = text.strip_prefix("::") else {
            break;
        };
        text = rest;
        if let Some(mut list) = text.strip_prefix('{') {
            loop {
                list = list.trim_start();
                if let Some(rest) = list.strip_prefix('}') {
                    prefix.truncate(depth);
                    return rest;
                }
                list = expand(list, prefix, found);
                let next = list.find([',', '}']).unwrap_or(list.len());
                let rest = &list[next..];
                list = rest.strip_prefix(',').unwrap_or(rest);
                if list.is_empty() {
                    prefix.truncate(depth);
                    return list;
                }
            }
        }
    }
    found.push(prefix.clone());
    prefix.truncate(depth);
    text
}

/// A path as the root of the crate sees it.
fn absolute(file: &str, path: &[String]) -> Vec<String> {
    let mut full: Vec<String> = module(file).iter().map(|&part| part.to_owned()).collect();
    let mut parts = path.iter().peekable();
    if parts.next_if(|part| *part == "crate").is_some() {
        full.clear();
    }
    while parts.next_if(|part| *part == "super").is_some() {
        full.pop();
    }
    full.extend(parts.cloned());
    full
}

#[test]
fn a_room_imports_only_from_the_rows_below_its_own() {
    let rows = rows();
    let row = |name: &str| {
        rows.iter()
            .find(|(room, _)| room == name)
            .map(|(_, row)| *row)
    };
    let mut wrong = BTreeSet::new();
    for (file, text) in library().iter().filter(|(file, _)| file != "src/lib.rs") {
        let own = room(file);
        let own_row = row(own).unwrap_or_else(|| panic!("{file} is not in lib.rs"));
        for path in paths(text) {
            let path = absolute(file, &path);
            let Some(other) = path.first().filter(|other| *other != own) else {
                continue;
            };
            match row(other) {
                Some(row) if row < own_row || PAIRS.contains(&(own, other)) => {}
                Some(_) => _ = wrong.insert(format!("{file} imports {}", path.join("::"))),
                None => _ = wrong.insert(format!("{file} names {other}, which is no room")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_ring_of_files_stands_in_a_room() {
    let files = library();
    let modules: BTreeMap<Vec<&str>, &str> = files
        .iter()
        .map(|(file, _)| (module(file), file.as_str()))
        .collect();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, text) in &files {
        for path in paths(text) {
            let path = absolute(file, &path);
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let known = (1..=path.len())
                .rev()
                .find_map(|len| modules.get(&path[..len]));
            // A `mod.rs` is the face of its folder: it names its files, and they their face.
            if let Some(other) = known.filter(|other| !other.ends_with("mod.rs") && *other != file)
            {
                imports.entry(file).or_default().insert(other);
            }
        }
    }
    let rings: BTreeSet<String> = imports
        .keys()
        .filter(|file| !file.ends_with("mod.rs"))
        .filter_map(|file| ring(file, &imports))
        .collect();
    assert!(rings.is_empty(), "{rings:#?}");
}

/// The way from a file back to itself, if there is one: the shortest.
fn ring(start: &str, imports: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in imports.get(way.last()?).into_iter().flatten() {
                if *next == start {
                    return Some(format!("{} -> {start}", way.join(" -> ")));
                }
                if seen.insert(*next) {
                    longer.push([way.as_slice(), &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn what_claims_to_be_pure_is() {
    const IMPURE: [&str; 10] = [
        "std::io",
        "std::fs",
        "std::net",
        "std::sync",
        "std::thread",
        "Instant::now",
        "SystemTime::now",
        "std::env",
        "parking_lot",
        "crossbeam",
    ];
    for claim in PURE {
        let claimed = library()
            .into_iter()
            .filter(|(file, _)| file.starts_with(claim));
        let mut count = 0;
        for (file, text) in claimed {
            count += 1;
            for line in code(&text) {
                let impure = IMPURE.iter().find(|impure| line.contains(**impure));
                assert!(impure.is_none(), "{file}: {line}");
            }
        }
        assert!(count > 0, "{claim} is not there");
    }
}

#[test]
fn a_type_name_belongs_to_one_room() {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in library() {
        for line in text.lines() {
            let line = line
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ");
            let line = line.trim_start_matches("pub(super) ");
            let kinds = ["struct ", "enum ", "trait "];
            if let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) {
                let end = rest
                    .find(|c: char| !c.is_alphanumeric())
                    .unwrap_or(rest.len());
                let name = rest[..end].to_owned();
                rooms
                    .entry(name)
                    .or_default()
                    .insert(room(&file).to_owned());
            }
        }
    }
    let may = |name: &str| SHARED_NAMES.iter().any(|(shared, _)| *shared == name);
    rooms.retain(|name, rooms| rooms.len() > 1 && !may(name));
    assert!(rooms.is_empty(), "{rooms:#?}");
}

#[test]
fn only_rooms_that_say_so_lock() {
    const LOCKS: [&str; 4] = ["Mutex", "Condvar", "RwLock", "parking_lot"];
    const MAY: [&str; 7] = [
        "src/threads/",
        "src/cancel.rs",
        "src/channel/",
        "src/stage/buffer_pool.rs",
        "src/stage/drive/",
        "src/leader/",
        "src/http/",
    ];
    for (file, text) in library() {
        if !MAY.iter().any(|may| file.starts_with(may)) {
            for line in code(&text) {
                let locks = LOCKS.iter().any(|lock| line.contains(lock));
                assert!(!locks, "{file}: {line}");
            }
        }
    }
}

#[test]
fn the_root_exports_few_names() {
    let (_, text) = library()
        .into_iter()
        .find(|(file, _)| file == "src/lib.rs")
        .expect("the library has a root");
    // The model checker alone sees those.
    let text = text.replace("#[cfg(loom)]\npub use ", "");
    let statements = text.split("\npub use ").skip(1);
    let lists = statements.filter_map(|statement| statement.split(';').next());
    let names: Vec<&str> = lists
        .flat_map(|list| list.rsplit("::").next().unwrap_or(list).split(','))
        .map(|name| name.trim_matches(['{', '}', ' ', '\n']))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.contains(&"Readable"), "{names:?}");
    assert!(names.len() <= ROOT_NAMES_MAX, "{names:?}");
}

#[test]
fn a_file_that_locks_says_who_owns_what() {
    for (file, text) in library() {
        if LOCKING.iter().any(|locking| file.starts_with(locking)) {
            let header = text
                .lines()
                .take_while(|line| line.starts_with("//!"))
                .count();
            assert!(
                header >= HEADER_LINES_MIN,
                "{file} has a header of {header} lines"
            );
        }
    }
}

#[test]
fn every_file_is_one_idea_and_says_which() {
    for (file, text) in files(&["src", "tests", "examples", "benches", "fuzz"]) {
        assert!(text.starts_with("//!"), "{file} does not say what it is");
        let lines = text.lines().count();
        assert!(
            lines <= LINES_MAX,
            "{file} has {lines} lines, and may have {LINES_MAX}"
        );
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
