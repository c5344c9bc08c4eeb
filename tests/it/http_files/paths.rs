//! Paths of requests: RFC 9110, section 17.3, and every way out of a folder that has been tried.

use std::os::unix::ffi::OsStrExt;

use highwater::http::files::path::{PathError, RequestPath, can_be_asked_for, encode};

#[test]
fn what_could_lead_out_of_a_folder_is_refused() {
    let table = [
        ("/../etc/passwd", PathError::Dots),
        ("/..", PathError::Dots),
        ("/a/../../b", PathError::Dots),
        ("/%2e%2e/", PathError::Dots),
        ("/%2E%2e/etc/passwd", PathError::Dots),
        ("/.%2e/x", PathError::Dots),
        ("/a/./b", PathError::Dots),
        ("/.", PathError::Dots),
        ("/%2e", PathError::Dots),
        ("/..%2f", PathError::EncodedSlash),
        ("/a%2Fb", PathError::EncodedSlash),
        ("/..\\", PathError::Backslash),
        ("/..%5cetc", PathError::Backslash),
        ("/%00", PathError::Control),
        ("/index.html%00.jpg", PathError::Control),
        ("/a%0d%0aset-cookie:%20a", PathError::Control),
        ("/a%7f", PathError::Control),
        ("//etc", PathError::Empty),
        ("//", PathError::Empty),
        ("/a//b", PathError::Empty),
        ("/a//", PathError::Empty),
        ("//evil.example/%2e%2e", PathError::Empty),
        ("/%c0%ae%c0%ae/etc", PathError::Overlong),
        ("/%c0%af", PathError::Overlong),
        ("/%e0%80%ae", PathError::Overlong),
        ("/%f0%80%80%af", PathError::Overlong),
        ("/a%c1%9cb", PathError::Overlong),
        ("/%", PathError::Percent),
        ("/%4", PathError::Percent),
        ("/%zz", PathError::Percent),
        ("/%+1", PathError::Percent),
        ("/%u002e%u002e/", PathError::Percent),
        ("", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("etc/passwd", PathError::NotAbsolute),
        ("%2f", PathError::NotAbsolute),
    ];
    for (path, error) in table {
        assert_eq!(RequestPath::decode(path), Err(error), "{path}");
    }
}

#[test]
fn what_is_decoded_is_decoded_once() {
    let table = [
        ("/", "", true),
        ("/a", "a", false),
        ("/a/", "a", true),
        ("/a/b.txt", "a/b.txt", false),
        ("/%252e%252e/x", "%2e%2e/x", false),
        ("/%252f", "%2f", false),
        ("/...", "...", false),
        ("/..a/b..", "..a/b..", false),
        ("/%20/+", " /+", false),
        ("/%3f%23", "?#", false),
        ("/caf%C3%A9/", "café", true),
        ("/%E6%97%A5%E6%9C%AC", "日本", false),
        ("/c:/windows", "c:/windows", false),
        ("/%c3%80%20la", "À la", false),
    ];
    for (path, decoded, is_folder) in table {
        let relative = RequestPath::decode(path).unwrap();
        assert_eq!(relative.as_bytes(), decoded.as_bytes(), "{path}");
        assert_eq!(relative.is_directory(), is_folder, "{path}");
    }
}

#[test]
fn a_name_that_begins_with_a_dot_is_hidden_but_for_the_well_known_ones() {
    let table = [
        ("/.git/config", true),
        ("/a/.env", true),
        ("/%2egit", true),
        ("/.well-known/acme-challenge/x", false),
        ("/.well-known/.secret", true),
        ("/a/.well-known/x", true),
        ("/.well-known2", true),
        ("/a.b/c", false),
        ("/", false),
    ];
    for (path, is_hidden) in table {
        let relative = RequestPath::decode(path).unwrap();
        assert_eq!(relative.is_hidden(), is_hidden, "{path}");
    }
}

#[test]
fn a_prefix_is_whole_segments() {
    let table = [
        ("/static/a.txt", Some("a.txt")),
        ("/static/", Some("")),
        ("/static", Some("")),
        ("/%73tatic/a", Some("a")),
        ("/statics/a", None),
        ("/stati", None),
        ("/a/static", None),
        ("/", None),
    ];
    let prefix = RequestPath::decode("/static").unwrap();
    for (path, below) in table {
        let relative = RequestPath::decode(path).unwrap();
        let found = relative.below(&prefix);
        let found = found.as_ref().map(RequestPath::as_bytes);
        assert_eq!(found, below.map(str::as_bytes), "{path}");
        let top = RequestPath::decode("/").unwrap();
        assert_eq!(relative.below(&top), Some(relative.clone()), "{path}");
    }
}

#[test]
fn a_name_that_cannot_be_asked_for_is_known_as_such() {
    for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "\0", "\x7f"] {
        assert!(!can_be_asked_for(name), "{name:?}");
    }
    for name in ["a", "...", "a b", "é", "%2e", "javascript:alert(1)", "<b>"] {
        assert!(can_be_asked_for(name), "{name:?}");
        let relative = RequestPath::decode(&format!("/{}", encode(name))).unwrap();
        assert_eq!(relative.as_bytes(), name.as_bytes());
    }
}

#[test]
fn a_name_need_not_be_utf_8() {
    for name in [
        &b"caf\xe9"[..],
        b"\xc0 la carte",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\x80",
    ] {
        assert!(can_be_asked_for(name), "{name:?}");
        let relative = RequestPath::decode(&format!("/a/{}", encode(name))).unwrap();
        assert_eq!(relative.file_name().as_bytes(), name);
        assert_eq!(relative.as_bytes(), [b"a/", name].concat());
    }
    for overlong in [
        &b"\xc0\xae"[..],
        b"a\xc0\xafb",
        b"\xe0\x80\xae",
        b"\xf0\x80\x80\xaf",
    ] {
        assert!(!can_be_asked_for(overlong), "{overlong:?}");
    }
}
