//! The page that shows what is in a folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use http::{Method, StatusCode};

use crate::kit::{Temp, ask, get};

/// The links of a page, in order, and what they are called.
fn links(page: &str) -> Vec<(String, String)> {
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("<li><a href=\""));
    lines
        .map(|line| {
            let (link, rest) = line.split_once("\">").unwrap();
            let name = rest.strip_suffix("</a></li>").unwrap();
            (link.to_owned(), name.to_owned())
        })
        .collect()
}

#[test]
fn every_name_is_escaped_and_every_link_leads_to_its_file() {
    let names = [
        "<script>alert(1)<br>",
        "\"quoted\" & 'so'",
        "javascript:alert(1)",
        "two words",
        "café",
        "100%",
        "?#",
        "b.txt",
        "a.txt",
        "B.txt",
    ];
    let temp = Temp::new();
    for name in names {
        temp.write(name, name);
    }
    let folder = temp.folder().listing(true);
    let page = get(&folder, "/");
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(!page.text().contains("<script"));

    let links = links(page.text());
    assert_eq!(links.len(), names.len());
    for (link, _) in &links {
        assert!(!link.contains([':', '"', '<', '&', '\'', ' ']), "{link}");
        let answer = get(&folder, &format!("/{link}"));
        assert!(names.contains(&answer.text()), "{link}");
    }
    let called: Vec<&str> = links.iter().map(|(_, name)| name.as_str()).collect();
    let sorted = [
        "&quot;quoted&quot; &amp; &#39;so&#39;",
        "100%",
        "&lt;script&gt;alert(1)&lt;br&gt;",
        "?#",
        "B.txt",
        "a.txt",
        "b.txt",
        "café",
        "javascript:alert(1)",
        "two words",
    ];
    assert_eq!(called, sorted, "in the order of their bytes");
}

#[test]
fn a_page_shows_what_a_request_could_have_and_no_more() {
    let temp = Temp::with(&[
        ("in/a.txt", "a"),
        ("in/.env", "secret"),
        ("in/b/c.txt", "c"),
        ("out", ""),
    ]);
    symlink("a.txt", temp.path("in/inside")).unwrap();
    symlink("b", temp.path("in/inside-folder")).unwrap();
    symlink("../out", temp.path("in/outside")).unwrap();
    symlink("none", temp.path("in/dangling")).unwrap();
    fs::write(temp.path("in").join("a\\b"), "").unwrap();
    fs::write(temp.path("in").join("a\nb"), "").unwrap();
    fs::write(temp.path("in").join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();

    let shown = |folder| {
        let page = get(&folder, "/in/");
        let links = links(page.text());
        links.into_iter().map(|(link, _)| link).collect::<Vec<_>>()
    };
    let folder = || temp.folder().listing(true);
    assert_eq!(shown(folder()), ["../", "a.txt", "b/"]);
    let followed = shown(folder().symlinks(true));
    assert_eq!(
        followed,
        ["../", "a.txt", "b/", "inside", "inside-folder/", "outside"]
    );
    let hidden = shown(folder().hidden(true));
    assert_eq!(hidden, ["../", ".env", "a.txt", "b/"]);
    assert_eq!(get(&temp.folder(), "/in/").status, StatusCode::NOT_FOUND);
    let head = ask(&folder(), Method::HEAD, "/in/", &[]);
    assert_eq!(head.headers, get(&folder(), "/in/").headers);
}

#[test]
fn a_folder_of_very_many_is_a_page_of_the_first_ones() {
    let temp = Temp::new();
    for number in (0..10_007).rev() {
        fs::write(temp.path(&format!("{number:05}")), "").unwrap();
    }
    let page = get(&temp.folder().listing(true), "/");
    let links = links(page.text());
    assert_eq!(links.len(), 10_000);
    assert_eq!(links[0].0, "00000");
    assert_eq!(links[9_999].0, "09999");
    assert!(page.text().ends_with("<p>and 7 more</p>\n"));
    // What it costs is bounded by that.
    assert!(page.body.len() < 10_000 * 64);
}
