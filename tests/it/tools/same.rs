//! A tool that would write the file that it reads: refused, and the file stays as it was.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Folder;
use crate::tools::{ends_with, run, said, shell};

const PRECIOUS: &[u8] = b"one\ntwo\n";

/// A folder with a file, a hard link and a symbolic link to it, and another file.
fn scene() -> (Folder, [String; 4]) {
    let folder = Folder::new();
    let names = ["file", "hard", "soft", "other"].map(|name| folder.path(name));
    fs::write(&names[0], PRECIOUS).unwrap();
    fs::hard_link(&names[0], &names[1]).unwrap();
    symlink(&names[0], &names[2]).unwrap();
    fs::write(&names[3], "other\n").unwrap();
    (
        folder,
        names.map(|name| name.into_os_string().into_string().unwrap()),
    )
}

#[track_caller]
fn refused(output: &std::process::Output, file: &str) {
    let said = said(output);
    assert!(said.contains("it is the same file as `"), "{said}");
    assert_eq!(fs::read(file).unwrap(), PRECIOUS, "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn tee_writes_no_file_that_it_reads() {
    let (folder, [file, hard, soft, other]) = scene();
    let roundabout = folder.path("../").join(folder.path("file"));
    let roundabout = roundabout.to_str().unwrap();
    for to in [&*file, &*hard, &*soft, roundabout] {
        for option in [&[][..], &["--append"]] {
            for places in [
                &[&*file, to][..],
                &[&*file, &*other, to],
                &[&*file, to, &*other],
            ] {
                refused(&run("tee", &[option, places].concat(), 1), &file);
                assert_eq!(fs::read(&other).unwrap(), b"other\n");
            }
        }
        for line in [r#""$0" - "$2" <"$1""#, r#""$0" --append - "$2" <"$1""#] {
            refused(&ends_with(&mut shell(line, "tee", &[&file, to]), 1), &file);
        }
    }
}

#[test]
fn tee_writes_no_file_twice() {
    let (_folder, [file, hard, soft, other]) = scene();
    for to in [&*file, &*hard, &*soft] {
        for option in [&[][..], &["--append"]] {
            let places = [&*other, &*file, to];
            refused(&run("tee", &[option, &places].concat(), 1), &file);
        }
    }
    // Devices keep nothing that could be lost.
    run("tee", &[&file, "/dev/null", "/dev/null"], 0);
}

#[test]
fn tee_writes_its_hash_into_no_file_of_a_copy() {
    let (_folder, [file, hard, soft, other]) = scene();
    for to in [&file, &hard, &soft] {
        for line in [
            r#""$0" "$3" "$2" >>"$1""#,
            r#""$0" "$1" "$3" >>"$2""#,
            r#""$0" "$3" /dev/null "$2" 1<>"$1""#,
        ] {
            let output = ends_with(&mut shell(line, "tee", &[&file, to, &other]), 1);
            assert!(
                said(&output).contains("it gets the hash"),
                "{}",
                said(&output)
            );
            assert_eq!(fs::read(&file).unwrap(), PRECIOUS);
            assert_eq!(fs::read(&other).unwrap(), b"other\n");
        }
    }
    let line = r#""$0" "$1" /dev/stdout | wc -l"#;
    let both = ends_with(&mut shell(line, "tee", &[&file]), 0).stdout;
    assert_eq!(String::from_utf8_lossy(&both).trim(), "3");
}

#[test]
fn lines_reads_no_file_that_it_writes() {
    let (_folder, [file, hard, soft, other]) = scene();
    for line in [
        r#""$0" "$1" >>"$2""#,
        r#""$0" - <"$1" >>"$2""#,
        r#""$0" <"$1" >>"$2""#,
        r#""$0" "$1" 1<>"$2""#,
        r#""$0" --matching e "$1" >>"$2""#,
    ] {
        for to in [&file, &hard, &soft] {
            refused(
                &ends_with(&mut shell(line, "lines", &[&file, to]), 2),
                &file,
            );
        }
    }
    // One of many is left out, as `cat` does, and the others are written.
    let line = r#""$0" "$1" "$2" "$1" >>"$2""#;
    let output = ends_with(&mut shell(line, "lines", &[&file, &other]), 2);
    assert!(said(&output).contains("it is the same file as `"));
    let all = [b"other\n", PRECIOUS, PRECIOUS].concat();
    assert_eq!(fs::read(&other).unwrap(), all);
    // A count is written when all was read.
    let line = r#""$0" --count "$1" >>"$1""#;
    ends_with(&mut shell(line, "lines", &[&file]), 0);
    assert_eq!(fs::read(&file).unwrap(), [PRECIOUS, b"2\n"].concat());
    // The shell has emptied it before we were there, but to say nothing would hide that.
    let output = ends_with(&mut shell(r#""$0" "$1" >"$1""#, "lines", &[&file]), 2);
    assert!(said(&output).contains("it is the same file as `"));
}

#[test]
fn gzip_and_copy_write_no_file_that_they_read() {
    let (_folder, [file, hard, soft, _other]) = scene();
    for to in [&file, &hard, &soft] {
        for (tool, line) in [
            ("gzip", r#""$0" -c "$1" >>"$2""#),
            ("gzip", r#""$0" <"$1" >>"$2""#),
            ("gzip", r#""$0" <"$1" 1<>"$2""#),
            ("copy", r#""$0" "$1" "$2""#),
            ("copy", r#""$0" --append "$1" "$2""#),
            ("copy", r#""$0" --buffered "$1" "$2""#),
            ("copy", r#""$0" - "$2" <"$1""#),
            ("copy", r#""$0" "$1" - >>"$2""#),
            ("copy", r#""$0" - - <"$1" 1<>"$2""#),
        ] {
            refused(&ends_with(&mut shell(line, tool, &[&file, to]), 1), &file);
        }
    }
}
