//! Whose a file is that was made of another, and what it permits.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use crate::gzip::program::{gzip, names, text};
use crate::support::child::{Outcome, run};
use crate::support::{Folder, example, have, skip};

/// A user that is not root, and owns nothing else.
const OTHER: u32 = 65534;

/// Runs the program as a user who owns the folder, with no other rights. None if that cannot be.
fn as_other(folder: &Folder, args: &[&str]) -> Option<Outcome> {
    if !have(&["setpriv"]) || !is_root() {
        return None;
    }
    let program = folder.arg("program");
    // By a process of its own: a program that is open to be written, if only in a child that is about
    // to become another one, cannot be run.
    let gzip = example("gzip");
    let copied = Command::new("cp")
        .arg(gzip.get_program())
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    chown(folder.arg("."), Some(OTHER), Some(OTHER)).unwrap();
    let mut command = Command::new("setpriv");
    let ids = format!("--reuid={OTHER}");
    command.args([
        &*ids,
        &format!("--regid={OTHER}"),
        "--clear-groups",
        &program,
    ]);
    command.args(args);
    let outcome = run(command);
    fs::remove_file(program).unwrap();
    if outcome.stderr.contains("setpriv: set") {
        skip("another user cannot be become here");
        return None;
    }
    Some(outcome)
}

fn is_root() -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        skip("only root gives files away");
    }
    root
}

#[test]
fn a_file_that_its_owner_may_only_read_is_compressed_and_stays_so() {
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    for mode in [0o444, 0o400, 0o440] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        chown(&file, Some(OTHER), Some(OTHER)).ok();
        let small = format!("{file}.gz");
        for (args, made) in [([&*file].as_slice(), &small), (&["-d", &small], &file)] {
            let Some(outcome) = as_other(&folder, args) else {
                return;
            };
            outcome.succeeded();
            let found = fs::metadata(made).unwrap();
            assert_eq!(found.mode() & 0o7777, mode, "{mode:o}");
            assert_eq!(found.uid(), OTHER);
        }
        assert_eq!(names(&folder), ["file"]);
        assert!(fs::read(&file).unwrap() == text());
    }
}

#[test]
fn the_owner_is_kept_and_the_bits_that_go_with_it() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    for mode in [0o4755, 0o2755, 0o6711, 0o644, 0o600] {
        for options in [&[][..], &["-k"], &["-f"]] {
            chown(&file, Some(OTHER), Some(OTHER)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            run(gzip(&[options, &[&file]].concat())).succeeded();
            let small = format!("{file}.gz");
            let made = fs::metadata(&small).unwrap();
            assert_eq!((made.uid(), made.gid()), (OTHER, OTHER), "{mode:o}");
            assert_eq!(made.mode() & 0o7777, mode);
            run(gzip(&["-df", &small])).succeeded();
            let back = fs::metadata(&file).unwrap();
            assert_eq!((back.uid(), back.gid()), (OTHER, OTHER), "{mode:o}");
            assert_eq!(back.mode() & 0o7777, mode);
        }
    }
}

#[test]
fn bits_that_run_a_program_as_its_owner_go_to_no_other_owner() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    for (mode, left) in [
        (0o4755, 0o755),
        (0o2755, 0o755),
        (0o6775, 0o755), // its new group may do what all others may
        (0o674, 0o644),
        (0o644, 0o644),
    ] {
        let file = folder.file_arg("file", &text());
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        // It is root's, and compressed by another user, who can only make a file of that user.
        let Some(outcome) = as_other(&folder, &[&file]) else {
            return;
        };
        outcome.succeeded();
        let made = fs::metadata(format!("{file}.gz")).unwrap();
        assert_eq!((made.uid(), made.gid()), (OTHER, OTHER));
        assert_eq!(made.mode() & 0o7777, left, "{mode:o}");
        fs::remove_file(format!("{file}.gz")).unwrap();
    }
}
