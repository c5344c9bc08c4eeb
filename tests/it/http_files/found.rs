//! What a folder answers with on a real file system.

use std::fs;
use std::time::{Duration, SystemTime};

use highwater::ErrorKind;
use highwater::http::files::Folder;
use http::{Method, StatusCode};

use crate::http_files::kit::{Temp, age, ask, get, long_ago};

#[test]
fn a_file_is_found_by_its_name_whatever_is_in_the_name() {
    let names = [
        ("plain.txt", "/plain.txt"),
        ("two words.txt", "/two%20words.txt"),
        ("café.txt", "/caf%C3%A9.txt"),
        ("日本/語.txt", "/%E6%97%A5%E6%9C%AC/%E8%AA%9E.txt"),
        ("100%.txt", "/100%25.txt"),
        ("%2e%2e", "/%252e%252e"),
        ("a?b#c", "/a%3Fb%23c"),
        ("a+b&c=d;e", "/a+b&c=d;e"),
        ("a..b/c...", "/a..b/c..."),
        ("javascript:alert(1)", "/javascript:alert(1)"),
    ];
    let temp = Temp::new();
    for (name, _) in names {
        temp.write(name, name);
    }
    let folder = temp.folder();
    for (name, path) in names {
        let answer = get(&folder, path);
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.text(), name, "{path}");
    }
    // A query is nothing to a file.
    assert_eq!(get(&folder, "/plain.txt?v=2").text(), "plain.txt");
    // The form in which a proxy asks.
    assert_eq!(
        get(&folder, "http://example.com/plain.txt").text(),
        "plain.txt"
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let temp = Temp::with(&[("a.txt", "a"), ("b/c.txt", "c")]);
    let folder = temp.folder();
    let long = "x".repeat(300);
    let deep = "x/".repeat(3000);
    for path in [
        "/none".to_owned(),
        "/A.TXT".to_owned(),
        "/a.txt/".to_owned(),
        "/a.txt/b".to_owned(),
        "/b/none".to_owned(),
        "/b/".to_owned(),
        "/".to_owned(),
        "/a.txt%20".to_owned(),
        format!("/{long}"),
        format!("/{deep}"),
    ] {
        assert_eq!(get(&folder, &path).status, StatusCode::NOT_FOUND, "{path}");
    }
    let bad = get(&folder, "/b/%2e%2e/a.txt");
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert_eq!(bad.text(), "400 Bad Request\n");
}

#[test]
fn another_method_is_told_which_there_are_and_a_word_that_is_none_that_it_is_not_known() {
    let temp = Temp::with(&[("a.txt", "a")]);
    let folder = temp.folder();
    let table = [
        ("POST", StatusCode::METHOD_NOT_ALLOWED),
        ("PUT", StatusCode::METHOD_NOT_ALLOWED),
        ("DELETE", StatusCode::METHOD_NOT_ALLOWED),
        ("PATCH", StatusCode::METHOD_NOT_ALLOWED),
        ("TRACE", StatusCode::METHOD_NOT_ALLOWED),
        ("OPTIONS", StatusCode::NO_CONTENT),
        ("get", StatusCode::NOT_IMPLEMENTED),
        ("options", StatusCode::NOT_IMPLEMENTED),
        ("BREW", StatusCode::NOT_IMPLEMENTED),
        ("PROPFIND", StatusCode::NOT_IMPLEMENTED),
    ];
    for (name, status) in table {
        let method = Method::from_bytes(name.as_bytes()).unwrap();
        for path in ["/a.txt", "/none", "*"] {
            let answer = ask(&folder, method.clone(), path, &[]);
            assert_eq!(answer.status, status, "{name} {path}");
            let allow = (status != StatusCode::NOT_IMPLEMENTED).then_some("GET, HEAD, OPTIONS");
            assert_eq!(answer.header("allow"), allow, "{name} {path}");
            let is_empty = status == StatusCode::NO_CONTENT;
            assert_eq!(answer.body.is_empty(), is_empty, "{name} {path}");
        }
    }
    let head = ask(&folder, Method::HEAD, "/a.txt", &[]);
    let get = get(&folder, "/a.txt");
    assert_eq!((head.status, head.headers), (get.status, get.headers));
}

#[test]
fn a_folder_is_redirected_to_its_slash_and_answered_with_its_index() {
    let temp = Temp::with(&[
        ("index.html", "top"),
        ("a b/index.html", "below"),
        ("c/d.txt", "d"),
    ]);
    let folder = temp.folder();
    let index = get(&folder, "/");
    assert_eq!((index.status, index.text()), (StatusCode::OK, "top"));
    assert_eq!(
        index.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(get(&folder, "/a%20b/").text(), "below");

    for (path, location) in [
        ("/a%20b", "/a%20b/"),
        ("/a%20b?x=1&y=/", "/a%20b/?x=1&y=/"),
        ("/c", "/c/"),
        ("http://example.com/c?q", "/c/?q"),
    ] {
        let moved = get(&folder, path);
        assert_eq!(moved.status, StatusCode::MOVED_PERMANENTLY, "{path}");
        assert_eq!(moved.header("location"), Some(location), "{path}");
    }
    // Two slashes at its beginning would name another host.
    assert_eq!(get(&folder, "//c").status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&folder, "/c/").status, StatusCode::NOT_FOUND);

    let other = temp.folder().index("d.txt");
    assert_eq!(get(&other, "/c/").text(), "d");
    assert_eq!(get(&other, "/").status, StatusCode::NOT_FOUND);
    assert_eq!(
        get(&temp.folder().no_index(), "/").status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(get(&temp.folder().no_index(), "/index.html").text(), "top");
}

#[test]
fn an_index_that_is_no_file_is_no_index() {
    let temp = Temp::with(&[("index.html/a.txt", "a")]);
    assert_eq!(get(&temp.folder(), "/").status, StatusCode::NOT_FOUND);
    let page = get(&temp.folder().listing(true), "/");
    assert!(
        page.text()
            .contains("<a href=\"index.html/\">index.html/</a>")
    );
}

#[test]
fn what_begins_with_a_dot_is_served_only_where_it_is_wanted() {
    let temp = Temp::with(&[
        (".env", "secret"),
        (".git/config", "secret"),
        ("a/.htpasswd", "secret"),
        (".well-known/security.txt", "public"),
    ]);
    for path in ["/.env", "/%2eenv", "/.git/config", "/.git", "/a/.htpasswd"] {
        assert_eq!(
            get(&temp.folder(), path).status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        get(&temp.folder(), "/.well-known/security.txt").text(),
        "public"
    );
    let all = temp.folder().hidden(true);
    assert_eq!(get(&all, "/.env").text(), "secret");
    assert_eq!(get(&all, "/.git/config").text(), "secret");
}

#[test]
fn a_folder_is_served_at_its_prefix_and_nowhere_else() {
    let temp = Temp::with(&[("a.txt", "a"), ("b/c.txt", "c"), ("static/d.txt", "d")]);
    let folder = temp.folder().prefix("/static/v1").unwrap().listing(true);
    assert_eq!(get(&folder, "/static/v1/a.txt").text(), "a");
    assert_eq!(get(&folder, "/static/v1/static/d.txt").text(), "d");
    for path in [
        "/a.txt",
        "/static/a.txt",
        "/static/v1a.txt",
        "/static/v12/a.txt",
        "/",
    ] {
        assert_eq!(get(&folder, path).status, StatusCode::NOT_FOUND, "{path}");
    }
    let moved = get(&folder, "/static/v1");
    assert_eq!(moved.header("location"), Some("/static/v1/"));
    let moved = get(&folder, "/static/v1/b");
    assert_eq!(moved.header("location"), Some("/static/v1/b/"));
    assert!(get(&folder, "/static/v1/").text().contains("\"a.txt\""));
    let refused = temp.folder().prefix("/../x").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_file_with_gzip_is_sent_to_those_who_take_it() {
    let temp = Temp::with(&[
        ("a.html", "plain"),
        ("a.html.gz", "gzip!"),
        ("b.html", "plain"),
    ]);
    let folder = temp.folder().gzip(true);
    let accepts = [("accept-encoding", "gzip, br")];

    let gzip = ask(&folder, Method::GET, "/a.html", &accepts);
    assert_eq!(gzip.text(), "gzip!");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(
        gzip.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(gzip.header("vary"), Some("accept-encoding"));

    let plain = get(&folder, "/a.html");
    assert_eq!(plain.text(), "plain");
    assert_eq!(plain.header("content-encoding"), None);
    // Who asks next could get the other one.
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    assert_ne!(plain.header("etag"), gzip.header("etag"));

    // A tag of one form is none of the other.
    let tag = gzip.header("etag").unwrap();
    let ask = |lines: &[(&str, &str)]| ask(&folder, Method::GET, "/a.html", lines).status;
    assert_eq!(ask(&[("if-none-match", tag)]), StatusCode::OK);
    assert_eq!(
        ask(&[("if-none-match", tag), accepts[0]]),
        StatusCode::NOT_MODIFIED
    );

    // No other form, nothing that varies.
    let only = get(&folder, "/b.html");
    assert_eq!((only.text(), only.header("vary")), ("plain", None));
    // By itself it is a file as any other.
    let itself = get(&folder, "/a.html.gz");
    assert_eq!(itself.header("content-type"), Some("application/gzip"));
    assert_eq!(itself.header("content-encoding"), None);
}

#[test]
fn a_file_with_gzip_is_left_alone_where_it_is_not_wanted_or_was_forgotten() {
    let temp = Temp::with(&[("a.html", "plain"), ("a.html.gz", "gzip!")]);
    let accepts = [("accept-encoding", "gzip")];
    let off = ask(&temp.folder(), Method::GET, "/a.html", &accepts);
    assert_eq!((off.text(), off.header("vary")), ("plain", None));

    let folder = temp.folder().gzip(true);
    let text = |folder: &Folder| {
        ask(folder, Method::GET, "/a.html", &accepts)
            .text()
            .to_owned()
    };
    age(
        &temp.path("a.html"),
        long_ago() + Duration::from_millis(900),
    );
    assert_eq!(text(&folder), "gzip!", "an archive keeps whole seconds");
    age(&temp.path("a.html"), long_ago() + Duration::from_secs(1));
    assert_eq!(text(&folder), "plain", "it was changed since");

    // Of a name without a file there is no form either.
    fs::remove_file(temp.path("a.html")).unwrap();
    let gone = ask(&folder, Method::GET, "/a.html", &accepts);
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    // And one that is a folder is none.
    let temp = Temp::with(&[("b.txt", "plain"), ("b.txt.gz/x", "")]);
    let answer = ask(&temp.folder().gzip(true), Method::GET, "/b.txt", &accepts);
    assert_eq!((answer.text(), answer.header("vary")), ("plain", None));
}

#[test]
fn a_change_of_a_file_shows_in_its_tag() {
    let temp = Temp::with(&[("a.txt", "one")]);
    let folder = temp.folder();
    let tag = || get(&folder, "/a.txt").header("etag").unwrap().to_owned();
    let first = tag();
    assert_eq!(first, tag());
    assert!(!first.starts_with("W/"));

    // Put in its place with the same size and time.
    temp.write("b.txt", "two");
    fs::rename(temp.path("b.txt"), temp.path("a.txt")).unwrap();
    let second = tag();
    assert_ne!(first, second);

    // Just now: it may change again before the clock ticks.
    fs::write(temp.path("a.txt"), "six").unwrap();
    let third = tag();
    assert_ne!(second, third);
    assert!(third.starts_with("W/"), "{third}");

    let answer = get(&folder, "/a.txt");
    let modified = httpdate::parse_http_date(answer.header("last-modified").unwrap()).unwrap();
    assert!(modified <= SystemTime::now());
    assert!(modified > SystemTime::now() - Duration::from_secs(60));
}

#[test]
fn what_a_folder_is_told_goes_with_each_file() {
    let temp = Temp::with(&[("a.txt", "a")]);
    let folder = temp.folder().cache_control("public, max-age=3600").unwrap();
    let answer = get(&folder, "/a.txt");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(get(&folder, "/none").header("cache-control"), None);
    let refused = temp
        .folder()
        .cache_control("a\r\nset-cookie: b")
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_folder_that_cannot_be_opened_says_which_and_why() {
    let temp = Temp::with(&[("a.txt", "a")]);
    let missing = Folder::open(temp.path("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io(std::io::ErrorKind::NotFound));
    let path = temp.path("none").display().to_string();
    assert_eq!(missing.to_string(), format!("failed to open `{path}`"));
    let file = Folder::open(temp.path("a.txt")).unwrap_err();
    assert_eq!(
        file.kind(),
        ErrorKind::Io(std::io::ErrorKind::NotADirectory)
    );
}

#[test]
fn a_folder_stays_the_same_when_it_is_moved() {
    let temp = Temp::with(&[("old/a.txt", "a")]);
    let folder = Folder::open(temp.path("old")).unwrap();
    fs::rename(temp.path("old"), temp.path("new")).unwrap();
    temp.write("old/a.txt", "another");
    assert_eq!(get(&folder, "/a.txt").text(), "a");
}
