//! Files that are taken only if what is there is as a client knows it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

use super::ask::{answer, ask, begin};
use super::upload::{names, parts};
use super::{start, until};
use crate::support::Folder;

/// A day long ago, which a file was not changed since.
fn age(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    file.set_modified(day).unwrap();
}

#[test]
fn a_condition_that_does_not_hold_is_told_and_changes_nothing() {
    let folder = Folder::new();
    let shown = folder.path("").display().to_string();
    let upload = start("upload", &[&shown]);
    let serve = start("serve", &[&shown]);
    let addr = upload.place.trim_end_matches('/');
    let there = "if-unmodified-since: Sun, 09 Sep 2001 01:46:40 GMT";
    let before = "if-unmodified-since: Sun, 09 Sep 2001 01:46:39 GMT";
    let table = [
        ("if-none-match: *", 412, 201),
        ("if-none-match: \"other\"", 200, 201),
        ("if-none-match: TAG", 412, 201),
        ("if-none-match: W/TAG", 412, 201),
        ("if-match: *", 200, 412),
        ("if-match: TAG", 200, 412),
        ("if-match: W/TAG", 412, 412),
        ("if-match: \"other\", TAG", 200, 412),
        ("if-match: \"other\"", 412, 412),
        (there, 200, 201),
        (before, 412, 201),
        ("if-unmodified-since: soon", 200, 201),
    ];
    for (condition, replaced, new) in table {
        fs::write(folder.path("old"), "old").unwrap();
        age(&folder.path("old"));
        let seen = ask(serve.place.trim_end_matches('/'), "HEAD /old", "", b"");
        let condition = condition.replace("TAG", seen.field("etag").unwrap());
        for (name, wanted) in [("old", replaced), ("new", new)] {
            let answer = ask(
                addr,
                &format!("PUT /{name}"),
                &format!("{condition}\r\n"),
                b"put",
            );
            assert_eq!(answer.status(), wanted, "{name}: {condition}");
            let found = fs::read(folder.path(name)).ok();
            let is_put = found.as_deref() == Some(b"put");
            assert_eq!(is_put, wanted < 300, "{name}: {condition}");
        }
        let _ = fs::remove_file(folder.path("new"));
    }
    assert_eq!(names(&folder), ["old"]);
}

#[test]
fn a_condition_holds_when_the_file_is_put_in_its_place_and_not_only_before() {
    let folder = Folder::new();
    let shown = folder.path("").display().to_string();
    // Two processes, for one can know more of itself.
    let uploads = [start("upload", &[&shown]), start("upload", &[&shown])];
    let [slow, quick] = [0, 1].map(|at| uploads[at].place.trim_end_matches('/').to_owned());
    let serve = start("serve", &[&shown]);
    fs::write(folder.path("old"), "old").unwrap();
    age(&folder.path("old"));
    let seen = ask(serve.place.trim_end_matches('/'), "HEAD /old", "", b"");
    let tag = format!("if-match: {}\r\n", seen.field("etag").unwrap());
    for (name, condition) in [("new", "if-none-match: *\r\n"), ("old", &*tag)] {
        let mut begun = begin(&slow, &format!("PUT /{name}"), condition, 4);
        begun.write_all(b"ha").unwrap();
        // It was found to be so, and then it is no longer.
        until(|| !parts(&folder).is_empty());
        let first = ask(&quick, &format!("PUT /{name}"), condition, b"first");
        assert!(first.status() < 300, "{first:?}");
        begun.write_all(b"lf").unwrap();
        assert_eq!(answer(begun).status(), 412, "{condition}");
        assert_eq!(fs::read(folder.path(name)).unwrap(), b"first");
        until(|| parts(&folder).is_empty());
    }
}

#[test]
fn of_many_that_want_to_be_first_one_is() {
    let folder = Folder::new();
    let shown = folder.path("").display().to_string();
    let uploads = [start("upload", &[&shown]), start("upload", &[&shown])];
    let gate = Barrier::new(16);
    let won = thread::scope(|scope| {
        let clients: Vec<_> = (0..16_usize)
            .map(|number| {
                let (addr, gate) = (uploads[number % 2].place.trim_end_matches('/'), &gate);
                scope.spawn(move || {
                    let mut begun = begin(addr, "PUT /first", "if-none-match: *\r\n", 1);
                    gate.wait();
                    begun.write_all(&[number as u8]).unwrap();
                    (answer(begun).status(), number as u8)
                })
            })
            .collect();
        let answers = clients.into_iter().map(|client| client.join().unwrap());
        let (won, lost): (Vec<_>, Vec<_>) = answers.partition(|(status, _)| *status == 201);
        assert!(lost.iter().all(|(status, _)| *status == 412), "{lost:?}");
        won
    });
    assert_eq!(won.len(), 1);
    assert_eq!(fs::read(folder.path("first")).unwrap(), [won[0].1]);
    assert_eq!(names(&folder), ["first"]);
}
