//! The page that shows what is in a folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use crate::http_files::kit::{Temp, age, ask, get};

/// A line of a page: where it leads, what it is called, how large it is, when it was changed.
#[derive(Debug)]
struct Row {
    link: String,
    name: String,
    size: String,
    modified: String,
}

/// The lines of a page, in order.
fn rows(page: &str) -> Vec<Row> {
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("<tr><td><a href=\""));
    lines
        .map(|line| {
            let (link, rest) = line.split_once("\">").unwrap();
            let (name, rest) = rest.split_once("</a></td><td>").unwrap();
            let (size, rest) = rest.split_once("</td><td>").unwrap();
            let modified = rest.strip_suffix("</td></tr>").unwrap();
            let [link, name, size, modified] = [link, name, size, modified].map(str::to_owned);
            Row {
                link,
                name,
                size,
                modified,
            }
        })
        .collect()
}

fn links(page: &str) -> Vec<(String, String)> {
    let rows = rows(page).into_iter();
    rows.map(|row| (row.link, row.name)).collect()
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
    assert_eq!(shown(folder()), ["../", "a.txt", "b/", "caf%E9"]);
    let followed = shown(folder().symlinks(true));
    assert_eq!(
        followed,
        [
            "../",
            "a.txt",
            "b/",
            "caf%E9",
            "inside",
            "inside-folder/",
            "outside"
        ]
    );
    let hidden = shown(folder().hidden(true));
    assert_eq!(hidden, ["../", ".env", "a.txt", "b/", "caf%E9"]);
    let page = get(&folder(), "/in/");
    let left_out = "<p>and 2 whose names no address can have</p>";
    assert!(page.text().contains(left_out), "not without a word");
    assert_eq!(get(&temp.folder(), "/in/").status, StatusCode::NOT_FOUND);
    let head = ask(&folder(), Method::HEAD, "/in/", &[]);
    assert_eq!(head.headers, get(&folder(), "/in/").headers);
}

#[test]
fn a_page_tells_the_size_of_each_file_and_when_it_was_changed() {
    let temp = Temp::with(&[("in/a.txt", "hello\n"), ("in/empty", ""), ("in/b/c", "c")]);
    symlink("a.txt", temp.path("in/link")).unwrap();
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1000);
    age(&temp.path("in/empty"), before_1970);
    let folder = temp.folder().listing(true).symlinks(true);
    let page = get(&folder, "/in/");
    let rows = rows(page.text());
    let told = |row: &Row| [&*row.link, &*row.size, &*row.modified].map(str::to_owned);
    assert_eq!(told(&rows[0]), ["../", "", ""]);
    assert_eq!(told(&rows[1]), ["a.txt", "6", "2001-09-09 01:46"]);
    assert_eq!((&*rows[2].link, &*rows[2].size), ("b/", ""));
    assert!(rows[2].modified.starts_with("20"), "that of the folder");
    assert_eq!(told(&rows[3]), ["empty", "0", ""], "HTTP has no such date");
    assert_eq!(told(&rows[4]), ["link", "6", "2001-09-09 01:46"]);
    assert_eq!(rows.len(), 5);
}

#[test]
fn a_name_that_is_not_utf_8_is_shown_and_can_be_asked_for() {
    let temp = Temp::new();
    // Latin-1, Shift JIS, and what is cut in the middle of a character.
    for name in [&b"caf\xe9.txt"[..], b"\x93\xfa\x96{.txt", b"cut\xe2\x82"] {
        let path = temp.path("").join(OsStr::from_bytes(name));
        fs::write(&path, name).unwrap();
    }
    fs::create_dir(temp.path("").join(OsStr::from_bytes(b"d\xff"))).unwrap();
    let inside = temp.path("").join(OsStr::from_bytes(b"d\xff/x.txt"));
    fs::write(inside, "inside").unwrap();
    let folder = temp.folder().listing(true);
    let page = get(&folder, "/");
    let links = links(page.text());
    let wanted = [
        ("caf%E9.txt", "caf\u{fffd}.txt"),
        ("cut%E2%82", "cut\u{fffd}"),
        ("d%FF/", "d\u{fffd}/"),
        ("%93%FA%96%7B.txt", "\u{fffd}\u{fffd}\u{fffd}{.txt"),
    ];
    let found: Vec<(&str, &str)> = links.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(found, wanted);
    assert_eq!(get(&folder, "/caf%E9.txt").body, b"caf\xe9.txt");
    assert_eq!(get(&folder, "/caf%e9.txt").body, b"caf\xe9.txt");
    let type_of_it = get(&folder, "/%93%FA%96%7B.txt");
    assert_eq!(
        type_of_it.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(type_of_it.body, b"\x93\xfa\x96{.txt");
    assert_eq!(get(&folder, "/d%FF/x.txt").text(), "inside");
    assert!(
        get(&folder, "/d%FF/")
            .text()
            .contains("Index of /d\u{fffd}/")
    );
    let moved = get(&folder, "/d%FF");
    assert_eq!(moved.header("location"), Some("/d%FF/"));
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
    assert!(page.body.len() < 10_000 * 96);
}
