//! The program with many files, and beside the one that it is named after.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::gzip::program::{gzip, names, text};
use crate::support::child::run;
use crate::support::{Folder, have, pattern};

#[test]
fn each_of_many_files_is_replaced_whatever_becomes_of_the_others() {
    let folder = Folder::new();
    let one = folder.file_arg("one", &text());
    let two = folder.file_arg("two", &pattern(100_000));
    let done = folder.file_arg("done.gz", b"was done before");
    let missing = folder.arg("missing");
    let outcome = run(gzip(&[&one, &missing, &done, &two]));
    // A failure weighs more than what was left as it is.
    let outcome = outcome.failed(1, &["missing: failed to open", "already has .gz suffix"]);
    assert_eq!(outcome.stdout, b"");
    assert_eq!(names(&folder), ["done.gz", "one.gz", "two.gz"]);
    assert_eq!(fs::read(&done).unwrap(), b"was done before");
    let (small_one, small_two) = (format!("{one}.gz"), format!("{two}.gz"));
    run(gzip(&["-t", &small_one, &small_two])).succeeded();
    let both = run(gzip(&["-dc", &small_one, &small_two])).succeeded();
    assert!(both.stdout == [text(), pattern(100_000)].concat());
    // The end of the name may be left out.
    run(gzip(&["-d", &one, &small_two])).succeeded();
    assert_eq!(names(&folder), ["done.gz", "one", "two"]);
    assert!(fs::read(&one).unwrap() == text());
    assert!(fs::read(&two).unwrap() == pattern(100_000));
}

#[test]
fn what_is_compressed_is_not_compressed_again() {
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    run(gzip(&[&file])).succeeded();
    let small = format!("{file}.gz");
    let before = fs::read(&small).unwrap();
    for name in ["file.gz", "A.GZ", "a.tgz", "a.taz", "a.z", "a-gz"] {
        let path = folder.arg(name);
        if name != "file.gz" {
            fs::copy(&small, &path).unwrap();
        }
        // As GNU gzip: it is as it should be, so the status is 0.
        run(gzip(&[&path])).failed(
            0,
            &[&format!("{name} already has "), " suffix -- unchanged"],
        );
        let quiet = run(gzip(&["-q", &path])).succeeded();
        assert_eq!(quiet.stderr, "");
        assert!(fs::read(&path).unwrap() == before, "{name}");
        if name != "file.gz" {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(names(&folder), ["file.gz"]);
    // Nothing but a suffix is a name.
    let hidden = folder.file_arg(".gz", b"hidden");
    run(gzip(&[&hidden])).succeeded();
    assert_eq!(names(&folder), [".gz.gz", "file.gz"]);
    // To a pipe it can be, and by force.
    let twice = run(gzip(&["-c", &small])).succeeded().stdout;
    let twice = folder.file_arg("twice.gz", &twice);
    assert!(run(gzip(&["-dc", &twice])).succeeded().stdout == before);
    run(gzip(&["-f", &small])).succeeded();
    assert_eq!(names(&folder), [".gz.gz", "file.gz.gz", "twice.gz"]);
}

#[test]
fn a_folder_is_taken_with_what_is_in_it_if_that_is_asked_for() {
    let folder = Folder::new();
    fs::create_dir_all(folder.arg("top/inner")).unwrap();
    folder.file_arg("top/one", &text());
    folder.file_arg("top/inner/two", &text());
    folder.file_arg("top/done.gz", b"was done before");
    let outside = folder.file_arg("outside", &text());
    symlink(&outside, folder.arg("top/link")).unwrap();
    let top = folder.arg("top");
    run(gzip(&[&top])).failed(2, &["top is a directory -- ignored", "-r"]);
    assert!(fs::exists(folder.arg("top/one")).unwrap());
    // The link is told of, and not followed.
    run(gzip(&["-r", &top])).failed(1, &["link: it is no regular file"]);
    assert!(fs::read(&outside).unwrap() == text());
    for made in ["top/one.gz", "top/inner/two.gz"] {
        assert!(fs::exists(folder.arg(made)).unwrap(), "{made}");
    }
    fs::remove_file(folder.arg("top/link")).unwrap();
    fs::remove_file(folder.arg("top/done.gz")).unwrap();
    run(gzip(&["-r", &top])).succeeded();
    run(gzip(&["-dr", &top])).succeeded();
    assert!(fs::read(folder.arg("top/one")).unwrap() == text());
    assert!(fs::read(folder.arg("top/inner/two")).unwrap() == text());
}

#[test]
fn a_file_with_other_names_is_left_to_them() {
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    fs::hard_link(&file, folder.arg("other")).unwrap();
    run(gzip(&[&file])).failed(2, &["file has 1 other link -- file ignored", "-k"]);
    assert_eq!(names(&folder), ["file", "other"]);
    run(gzip(&["-k", &file])).succeeded();
    run(gzip(&["-f", &file])).succeeded();
    assert_eq!(names(&folder), ["file.gz", "other"]);
    assert!(fs::read(folder.arg("other")).unwrap() == text());
}

/// A case: what is there, how it is called, and what comes of it: the status, and the names.
const CASES: [&[&str]; 25] = [
    &["a", "b"],
    &["-k", "a", "b"],
    &["-9", "a"],
    &["--best", "--keep", "a"],
    &["-c", "a", "b"],
    &["a", "missing", "b"],
    &["missing"],
    &["folder"],
    &["-r", "folder"],
    &["-dr", "folder"],
    &["-d", "c.gz"],
    &["-d", "c"],
    &["-dk", "c.gz"],
    &["-d", "a"],
    &["-d", "t.tgz"],
    &["-d", "U.GZ"],
    &["-d", "there.gz"],
    &["-df", "there.gz"],
    &["-t", "c.gz", "t.tgz"],
    &["-S", ".x", "a"],
    &["-d", "-S", ".x", "a"],
    &["-d", "cut.gz"],
    &["-S", "x.", "a"],
    &["linked"],
    &["-n", "a"],
];

fn scene(folder: &Folder) {
    fs::create_dir(folder.arg("folder")).unwrap();
    for name in ["a", "b", "folder/in", "linked", "there", "c"] {
        folder.file_arg(name, &text()[..50_000]);
    }
    fs::hard_link(folder.arg("linked"), folder.arg("second")).unwrap();
    let made = Command::new("gzip").arg(folder.arg("c")).status();
    assert!(made.unwrap().success());
    for name in ["t.tgz", "U.GZ", "there.gz", "folder/out.gz"] {
        fs::copy(folder.arg("c.gz"), folder.arg(name)).unwrap();
    }
    let small = fs::read(folder.arg("c.gz")).unwrap();
    folder.file_arg("cut.gz", &small[..small.len() / 2]);
}

#[test]
fn its_statuses_and_the_names_that_it_leaves_are_those_of_gzip() {
    if !have(&["gzip"]) {
        return;
    }
    for args in CASES {
        let results = [Command::new("gzip"), gzip(&[])].map(|mut program| {
            let folder = Folder::new();
            scene(&folder);
            program
                .args(args)
                .current_dir(folder.arg("."))
                .stdin(Stdio::null());
            let output = program.output().unwrap();
            let mut all = names(&folder);
            let inner = fs::read_dir(folder.arg("folder")).unwrap();
            all.extend(inner.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
            all.sort();
            // Whatever ours has compressed, both can read.
            for name in all
                .iter()
                .filter(|name| name.ends_with(".gz") && *name != "cut.gz")
            {
                for path in [folder.arg(name), folder.arg(&format!("folder/{name}"))] {
                    if fs::exists(&path).unwrap() {
                        let tested = Command::new("gzip").args(["-t", &path]).status();
                        assert!(tested.unwrap().success(), "{args:?}: {path}");
                    }
                }
            }
            (output.status.code(), all)
        });
        assert_eq!(results[0], results[1], "{args:?}");
    }
}

#[test]
fn its_list_is_that_of_gzip() {
    if !have(&["gzip"]) {
        return;
    }
    let folder = Folder::new();
    // As `gzip` has made them, so that both list the same bytes.
    for (name, bytes) in [
        ("one", text()),
        ("two", pattern(1000)),
        ("none", Vec::new()),
    ] {
        let path = folder.file_arg(name, &bytes);
        assert!(Command::new("gzip").arg(path).status().unwrap().success());
    }
    let nameless = folder.file_arg("nameless", b"no name is stored");
    assert!(
        Command::new("gzip")
            .args(["-n", &nameless])
            .status()
            .unwrap()
            .success()
    );
    for args in [
        &["-l", "one.gz"][..],
        &["-l", "two.gz"],
        &["-l", "none.gz"],
        &["--list", "nameless.gz"],
        &["-tv", "one.gz", "two.gz"],
        &["-dkv", "one.gz"],
        &["-dkfv", "two.gz"],
    ] {
        let listed = [Command::new("gzip"), gzip(&[])].map(|mut program| {
            program.args(args).current_dir(folder.arg("."));
            let output = program.output().unwrap();
            for made in ["one", "two"] {
                let _ = fs::remove_file(folder.arg(made));
            }
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (
                output.status.code(),
                text(output.stdout),
                text(output.stderr),
            )
        });
        assert_eq!(listed[0], listed[1], "{args:?}");
    }
    let mut both = gzip(&["-l", "one.gz", "two.gz"]);
    both.current_dir(folder.arg("."));
    let both = String::from_utf8(run(both).succeeded().stdout).unwrap();
    assert_eq!(both.lines().count(), 4, "{both}");
    assert!(
        both.lines().last().unwrap().ends_with(" (totals)"),
        "{both}"
    );
    assert!(
        both.contains(&format!(" {} ", text().len() + 1000)),
        "{both}"
    );
}
