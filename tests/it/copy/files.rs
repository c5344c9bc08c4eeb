//! From a file to a file.

use std::fs;
use std::process::Command;

use crate::support::child::{CHUNK_BYTES, bare, copy, run, under};
use crate::support::{Folder, have, pattern, skip};

#[track_caller]
fn copies(bytes: &[u8], options: &[&str]) {
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", bytes), folder.arg("to"));
    run(copy(options.iter().copied().chain([&*from, &*to]))).succeeded();
    assert!(
        fs::read(&to).unwrap() == bytes,
        "{} bytes, {options:?}",
        bytes.len()
    );
}

#[test]
fn files_of_every_awkward_size_are_copied() {
    let mark = highwater::mark::DEFAULT_BYTES;
    let all = pattern(mark + CHUNK_BYTES + 1);
    for size in [0, 1, CHUNK_BYTES, mark, mark + CHUNK_BYTES] {
        for size in [size.saturating_sub(1), size, size + 1] {
            copies(&all[..size], &[]);
        }
    }
}

#[test]
fn every_mark_copies_every_byte() {
    let bytes = pattern(10_000);
    for high in ["1", "7", "4095", "4096", "1M"] {
        for low in ["0", "1"] {
            if high > low {
                copies(&bytes, &["--high", high, "--low", low]);
            }
        }
        copies(&bytes, &["--high", high]);
    }
    copies(&bytes[..2_000], &["--high", "0"]);
    copies(&bytes[..2_000], &["--high", "0", "--low", "0"]);
}

#[test]
fn a_large_file_needs_no_more_memory_than_a_small_one() {
    if !have(&["cmp"]) {
        return;
    }
    let folder = Folder::new();
    let (from, to) = (
        folder.file_arg("from", &pattern(64 << 20)),
        folder.arg("to"),
    );
    let outcome = run(copy([&from, &to])).succeeded();
    assert!(outcome.resident > 0, "its memory was never seen");
    let same = Command::new("cmp").args([&from, &to]).output().unwrap();
    assert!(same.status.success(), "{same:?}");
    assert!(outcome.stderr.contains("bottleneck: "));
}

#[test]
fn nothing_is_said_that_was_not_asked_for() {
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", b"quiet"), folder.arg("to"));
    let outcome = run(bare(["--progress", &from, &to])).succeeded();
    assert_eq!((&*outcome.stdout, &*outcome.stderr), (&b""[..], ""));
}

#[test]
fn what_was_there_goes_unless_it_is_appended_to() {
    let folder = Folder::new();
    let (from, to) = (
        folder.file_arg("from", b"two\n"),
        folder.file_arg("to", b"one, and more\n"),
    );
    run(copy(["--sync", &from, &to])).succeeded();
    assert_eq!(fs::read(&to).unwrap(), b"two\n");
    run(copy(["--append", "--sync", &from, &to])).succeeded();
    assert_eq!(fs::read(&to).unwrap(), b"two\ntwo\n");
    let new = folder.arg("new");
    run(copy(["--append", &from, &new])).succeeded();
    assert_eq!(fs::read(&new).unwrap(), b"two\n");
}

#[test]
fn a_destination_stays_as_it_was_if_there_is_no_source() {
    let folder = Folder::new();
    let to = folder.file_arg("to", b"precious");
    let missing = folder.arg("missing");
    run(copy([&missing, &to])).failed(1, &["failed to open", "missing", "No such file"]);
    assert_eq!(fs::read(&to).unwrap(), b"precious");
}

#[test]
fn a_full_device_confirms_nothing() {
    let folder = Folder::new();
    let from = folder.file_arg("from", &pattern(1 << 20));
    let outcome = run(copy([&*from, "/dev/full"])).failed(
        1,
        &[
            "failed to write to `/dev/full` at byte 0",
            "No space left on device",
        ],
    );
    assert_eq!(outcome.confirmed(), 0);
}

/// Mounts a small file system, runs what follows, and says how long the file in it is.
const IN_A_SMALL_PLACE: &str = r#"
    place=$1; shift
    mount -t tmpfs -o size=1m none "$place" 2>/dev/null || exit 77
    "$@"; code=$?
    echo "left: $(stat -c %s "$place/to")" >&2
    umount "$place"
    exit $code
"#;

#[test]
fn a_full_file_system_has_what_was_confirmed() {
    if !have(&["unshare"]) || !have(&["mount"]) {
        return;
    }
    let folder = Folder::new();
    let from = folder.file_arg("from", &pattern(3_000_001));
    let place = folder.arg("small");
    fs::create_dir(&place).unwrap();
    // A chunk that does not fit is then written in part.
    for high in ["10000", "256K"] {
        let copy = copy(["--high", high, &from, &format!("{place}/to")]);
        let shell = [
            "unshare",
            "-Urm",
            "sh",
            "-c",
            IN_A_SMALL_PLACE,
            "sh",
            &place,
        ];
        let outcome = run(under(shell, &copy));
        if outcome.status.code() == Some(77) || outcome.stderr.contains("unshare") {
            skip("nothing may be mounted here");
            return;
        }
        let outcome = outcome.failed(1, &["No space left on device", "small/to", "make room"]);
        let left = format!("left: {}\n", outcome.confirmed());
        assert!(outcome.stderr.contains(&left), "{}", outcome.stderr);
        assert!(outcome.confirmed() > 500_000);
    }
}

#[test]
fn a_write_that_stops_at_a_limit_is_counted_to_the_byte() {
    if !have(&["prlimit"]) {
        return;
    }
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(1 << 20)), folder.arg("to"));
    let limited = ["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=200500"];
    let outcome = run(under(limited, &copy([&from, &to])));
    let outcome = outcome.failed(
        1,
        &["failed to write to", "at byte 200500", "File too large"],
    );
    assert_eq!(outcome.confirmed(), 200_500);
    assert!(fs::read(&to).unwrap() == pattern(1 << 20)[..200_500]);
}

#[test]
fn a_file_is_not_copied_onto_itself() {
    let folder = Folder::new();
    let file = folder.file_arg("file", b"precious");
    let other_name = folder.arg("link");
    std::os::unix::fs::symlink(&file, &other_name).unwrap();
    for options in [&[][..], &["--append"]] {
        for to in [&file, &other_name] {
            let places = [&*file, &**to];
            run(copy(options.iter().copied().chain(places))).failed(1, &["same file", "file"]);
            assert_eq!(fs::read(&file).unwrap(), b"precious");
        }
    }
    let shell = ["sh", "-c", r#""$@" <"$0""#, &file];
    run(under(shell, &copy(["--append", "-", &file]))).failed(1, &["same file as `stdin`"]);
    let shell = ["sh", "-c", r#""$@" >>"$0""#, &file];
    run(under(shell, &copy([&*file, "-"]))).failed(1, &["`stdout`", "same file"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}
