//! Wrong calls and places that cannot be opened: what failed, which, and why. And the bar.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::child::{bare, copy, run};
use crate::support::{Folder, have, pattern, skip};

#[test]
fn a_wrong_call_is_told_from_a_copy_that_failed() {
    let folder = Folder::new();
    let to = folder.arg("to");
    let calls: [(&[&str], &str); 16] = [
        (&[], "0 given"),
        (&["a"], "1 given"),
        (&["a", "b", "c"], "3 given"),
        (&["--sideways", "a", "b"], "--sideways"),
        (&["-x", "a", "b"], "-x"),
        (&["--high"], "--high"),
        (&["--high", "-1", "a", "b"], "`-1` is no number"),
        (&["--high", "many", "a", "b"], "`many` is no number"),
        (&["--high", "", "a", "b"], "`` is no number"),
        (&["--high", "99999999999G", "a", "b"], "too large"),
        (
            &["--high", "10", "--low", "10", "a", "b"],
            "10 is not below high-water mark 10",
        ),
        (
            &["--low", "1G", "a", "b"],
            "is not below high-water mark 262144",
        ),
        (&["--limit", "0", "a", "b"], "nothing would ever move"),
        (&["--idle-timeout", "soon", "a", "b"], "`soon` is no number"),
        (&["--connect-timeout", "-1", "a", "b"], "`-1`"),
        (&["--connect-timeout", "NaN", "a", "b"], "`NaN`"),
    ];
    for (args, said) in calls {
        let outcome = run(bare(args)).failed(2, &["copy: ", said, "(see --help)"]);
        assert_eq!(outcome.stdout, b"", "{args:?}");
    }
    assert!(!fs::exists(&to).unwrap());
}

#[test]
fn help_goes_to_standard_output() {
    for help in ["--help", "-h"] {
        let outcome = run(bare([help, "--report"])).succeeded();
        let text = String::from_utf8(outcome.stdout).unwrap();
        for word in ["usage: copy", "tcp-listen://HOST:PORT", "--high", "130"] {
            assert!(text.contains(word), "no {word} in {text}");
        }
        assert_eq!(outcome.stderr, "");
    }
}

#[test]
fn what_cannot_be_opened_is_named_with_the_reason() {
    let folder = Folder::new();
    let (file, to) = (folder.file_arg("file", b"here"), folder.arg("to"));
    let dir = folder.arg("dir");
    fs::create_dir(&dir).unwrap();
    let deep = folder.arg("no/such/folder");
    let long = folder.arg(&"x".repeat(300));
    let looped = folder.arg("loop");
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    let cases: [([&str; 2], &str, &str); 8] = [
        (
            ["missing", &to],
            "`missing`",
            "No such file or directory (os error 2)",
        ),
        ([&dir, &to], "/dir`", "a directory cannot be copied"),
        ([&file, &dir], "/dir`", "Is a directory (os error 21)"),
        (
            [&file, &deep],
            "no/such/folder`",
            "No such file or directory",
        ),
        ([&file, &long], "xxx`", "File name too long"),
        ([&looped, &to], "loop`", "symbolic links"),
        (["", &to], "``", "No such file or directory"),
        ([&file, ""], "``", "No such file or directory"),
    ];
    for (places, which, why) in cases {
        let outcome = run(copy(places)).failed(1, &["failed to open", which, why]);
        assert!(
            !outcome.stderr.contains("confirmed"),
            "nothing was begun: {}",
            outcome.stderr
        );
    }
    assert!(!fs::exists(&to).unwrap());
}

#[test]
fn what_is_not_permitted_is_named_with_the_reason() {
    let folder = Folder::new();
    let file = folder.file_arg("file", b"secret");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let attempt = if fs::read(&file).is_err() {
        copy([&*file, "/dev/null"])
    } else if have(&["setpriv"]) {
        // Somebody to whom permissions apply, with the program where he can reach it.
        let example = folder.arg("copy");
        // By a process of its own: what is open to be written, if only in a child of another test,
        // cannot be run.
        let mut copied = Command::new("cp");
        let copied = copied
            .arg(crate::support::example("copy").get_program())
            .arg(&example)
            .status();
        assert!(copied.unwrap().success());
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--clear-groups", &example]);
        nobody.args([&file, "/dev/null"]);
        nobody
    } else {
        return;
    };
    let outcome = run(attempt);
    if outcome.stderr.contains("setpriv: ") {
        skip("nobody else may be become here");
        return;
    }
    outcome.failed(1, &["failed to open", "/file`", "Permission denied"]);
}

#[test]
fn a_bar_is_shown_on_a_terminal_only() {
    if !have(&["script"]) {
        return;
    }
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(100_000)), folder.arg("to"));
    let copy = bare(["--progress", "--limit", "200000", &from, &to]);
    let quiet = run(bare(["--progress", &from, &to])).succeeded();
    assert_eq!((&*quiet.stderr, &*quiet.stdout), ("", &b""[..]));

    let mut terminal = Command::new("script");
    let line = [copy.get_program()].into_iter().chain(copy.get_args());
    let line: Vec<_> = line.map(|word| word.to_str().unwrap()).collect();
    terminal.args(["-qec", &line.join(" "), "/dev/null"]);
    let shown = run(terminal).succeeded();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains('%') && shown.contains("/s"), "{shown:?}");
    assert!(fs::read(&to).unwrap() == pattern(100_000));
}
