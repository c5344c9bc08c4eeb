//! Types by extension, and what others take them for.

use std::collections::HashMap;

use highwater::http::files::mime::{self, TYPES};

#[test]
fn the_table_is_in_order_and_says_types() {
    assert!(TYPES.is_sorted_by(|a, b| a.0 < b.0), "no order");
    for (extension, type_of_it) in TYPES {
        assert_eq!(mime::of(format!("a.{extension}")), *type_of_it);
        assert_eq!(
            mime::of(format!("a.{}", extension.to_uppercase())),
            *type_of_it
        );
        http::HeaderValue::from_str(type_of_it).unwrap();
        let is_text = type_of_it.starts_with("text/");
        assert_eq!(
            is_text,
            type_of_it.ends_with("; charset=utf-8"),
            "{extension}"
        );
        assert!(type_of_it.split_once('/').is_some());
    }
}

#[test]
fn the_last_extension_of_a_name_counts() {
    let table = [
        ("a.tar.gz", "application/gzip"),
        ("a.b.HTML", "text/html; charset=utf-8"),
        ("a", mime::UNKNOWN),
        ("", mime::UNKNOWN),
        (".", mime::UNKNOWN),
        ("a.", mime::UNKNOWN),
        (".html", mime::UNKNOWN),
        ("a.unheard-of", mime::UNKNOWN),
        ("a.hTmL ", mime::UNKNOWN),
        ("html", mime::UNKNOWN),
        ("a.é", mime::UNKNOWN),
    ];
    for (name, type_of_it) in table {
        assert_eq!(mime::of(name), type_of_it, "{name:?}");
    }
}

/// Where the table knows better than the one of the system, and why.
const OTHERS: [(&str, &str); 11] = [
    // To be read in a browser, and not to be saved.
    ("c", "text/x-csrc"),
    ("h", "text/x-chdr"),
    ("py", "text/x-python"),
    ("rs", "application/rls-services+xml"),
    ("sh", "text/x-sh"),
    // The files that are called so on the web.
    ("mid", "audio/sp-midi"),
    ("ts", "text/vnd.trolltech.linguist"),
    // Registered, or what browsers and the specification say, without an `x-`.
    ("mkv", "video/x-matroska"),
    ("rss", "application/x-rss+xml"),
    ("tgz", "application/x-gtar-compressed"),
    ("wav", "audio/x-wav"),
];

#[test]
fn the_types_are_those_of_the_system() {
    let Ok(system) = std::fs::read_to_string("/etc/mime.types") else {
        eprintln!("skipped: there is no /etc/mime.types");
        return;
    };
    let mut known = HashMap::new();
    for line in system.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let type_of_it = words.next().unwrap_or_default();
        known.extend(words.map(|extension| (extension, type_of_it)));
    }
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (extension, ours) in TYPES {
        let ours = ours.split(';').next().unwrap();
        let Some(theirs) = known.get(extension) else {
            continue;
        };
        compared += 1;
        if ours != *theirs && !OTHERS.contains(&(extension, theirs)) {
            wrong.push(format!("{extension}: {ours}, and there {theirs}"));
        }
    }
    assert!(compared > 60, "only {compared}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
