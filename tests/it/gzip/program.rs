//! The program that a user runs: what it makes, what it leaves, and how it says no.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use crate::support::child::{self, Running, run, under};
use crate::support::{Folder, example, have, pattern};

/// The program, with some arguments.
pub(crate) fn gzip(args: &[&str]) -> Command {
    let mut command = example("gzip");
    command.args(args);
    command
}

pub(crate) fn text() -> Vec<u8> {
    [
        b"a line that is always the same\n".repeat(20_000),
        pattern(100_000),
    ]
    .concat()
}

/// The names in a folder.
pub(crate) fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.arg(".")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_and_replaced_again() {
    for options in [
        &[][..],
        &["-1"],
        &["-9"],
        &["-p", "2"],
        &["-p0"],
        &["--zlib"],
        &["--raw"],
    ] {
        let folder = Folder::new();
        let file = folder.file_arg("file", &text());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(at)
            .unwrap();

        run(gzip(&[options, &[&file]].concat())).succeeded();
        let suffix = match options.first() {
            Some(&"--zlib") => "zz",
            Some(&"--raw") => "deflate",
            _ => "gz",
        };
        assert_eq!(names(&folder), [format!("file.{suffix}")]);
        let small = format!("{file}.{suffix}");
        let made = fs::metadata(&small).unwrap();
        assert!(made.len() < text().len() as u64 / 4);
        assert_eq!(made.permissions().mode() & 0o777, 0o640);
        assert_eq!(made.modified().unwrap(), at);
        if suffix == "gz" && have(&["gzip"]) {
            let told = Command::new("gzip").args(["-tN", &small]).status();
            assert!(told.unwrap().success());
        }

        let format = options.iter().filter(|option| option.starts_with("--"));
        let back: Vec<&str> = format.copied().chain(["-d", &small]).collect();
        run(gzip(&back)).succeeded();
        assert_eq!(names(&folder), ["file"]);
        assert!(fs::read(&file).unwrap() == text());
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), at);
    }
}

#[test]
fn standard_streams_are_filtered() {
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    let fed = |args: &[&str], from: &str| {
        let mut command = gzip(args);
        command.stdin(fs::File::open(from).unwrap());
        Running::start_fed(command).finish()
    };
    for args in [&[][..], &["-"], &["-c", "-p", "2"]] {
        let small = folder.file_arg("small", &fed(args, &file).succeeded().stdout);
        assert!(fed(&["-d"], &small).succeeded().stdout == text());
        assert_eq!(fed(&["-t"], &small).succeeded().stdout, b"");
    }
    let small = run(gzip(&["-c", &file])).succeeded().stdout;
    let twice = folder.file_arg("twice.gz", &small.repeat(2));
    assert!(run(gzip(&["-dc", &twice])).succeeded().stdout == text().repeat(2));
    assert_eq!(names(&folder), ["file", "small", "twice.gz"]);
}

#[test]
fn a_wrong_call_is_told_from_a_file_that_is_wrong() {
    let calls: [(&[&str], &str); 8] = [
        (&["--sideways"], "--sideways"),
        (&["-0"], "-0"),
        (&["-S", "", "a"], "is no end of a name"),
        (&["-S", "/x", "a"], "is no end of a name"),
        (&["-p"], "-p"),
        (&["-p", "many"], "many"),
        (&["--max-output", "-1"], "-1"),
        (&["-p", "2", "--zlib"], "gzip only"),
    ];
    for (args, said) in calls {
        let outcome = run(gzip(args)).failed(2, &["gzip: ", said, "(see --help)"]);
        assert_eq!(outcome.stdout, b"", "{args:?}");
    }
    let help = run(gzip(&["--help"])).succeeded();
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("usage: gzip")
    );
}

#[test]
fn whatever_fails_leaves_everything_as_it_was() {
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    let small = run(gzip(&["-c", &file])).succeeded().stdout;
    folder.file_arg("file.gz", b"another");
    folder.file_arg("cut.gz", &small[..small.len() / 2]);
    folder.file_arg("text.gz", b"plain text");
    folder.file_arg("more.gz", &[&small[..], b"more"].concat());
    folder.file_arg("whole.gz", &small);
    fs::create_dir(folder.arg("folder.gz")).unwrap();
    std::os::unix::fs::symlink(&file, folder.arg("link")).unwrap();
    let before = names(&folder);
    let cases: [(&[&str], &str, i32, &[&str]); 12] = [
        (
            &[],
            "missing",
            1,
            &["missing: failed to open", "No such file"],
        ),
        (
            &[],
            "file",
            2,
            &["file.gz already exists; not overwritten", "-f overwrites"],
        ),
        (
            &[],
            "file.gz",
            0,
            &["file.gz already has .gz suffix -- unchanged"],
        ),
        (
            &[],
            "folder.gz",
            2,
            &["folder.gz is a directory -- ignored"],
        ),
        (&[], "link", 1, &["no regular file", "-c"]),
        (
            &["-d"],
            "file",
            2,
            &["unknown suffix -- ignored", "does not end in `.gz`"],
        ),
        (
            &["-d"],
            "cut.gz",
            1,
            &["unexpected end of compressed data", "cut off"],
        ),
        (
            &["-d"],
            "text.gz",
            1,
            &["at byte 0", "not in gzip format", "--zlib"],
        ),
        (&["-d"], "more.gz", 1, &["garbage", "--ignore-trailing"]),
        (
            &["-d", "--max-output", "1000"],
            "whole.gz",
            1,
            &["more than 1000 bytes", "--max-output"],
        ),
        (&["-d"], "folder.gz", 2, &["folder.gz is a directory"]),
        (
            &["-df", "--max-output", "1000"],
            "whole.gz",
            1,
            &["more than 1000 bytes"],
        ),
    ];
    for (options, name, code, said) in cases {
        let file = folder.arg(name);
        run(gzip(&[options, &[&file]].concat())).failed(code, said);
        assert_eq!(names(&folder), before, "{options:?} {name}");
    }
    assert_eq!(fs::read(folder.arg("file.gz")).unwrap(), b"another");
    // What the hints say helps.
    run(gzip(&["-d", "--ignore-trailing", &folder.arg("more.gz")])).succeeded();
    assert!(fs::read(folder.arg("more")).unwrap() == text());
    run(gzip(&["-f", &file])).succeeded();
    assert!(
        run(gzip(&["-dc", &folder.arg("file.gz")]))
            .succeeded()
            .stdout
            == text()
    );
}

#[test]
fn a_full_disk_is_told_and_keeps_the_original() {
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    let mut command = gzip(&["-c", &file]);
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
    let outcome = Running::start_between(command).finish();
    outcome.failed(
        1,
        &["file: failed to write to `stdout` at byte 0", "make room"],
    );
    assert!(fs::read(&file).unwrap() == text());
}

#[test]
fn ctrl_c_takes_away_what_was_half_made() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = Folder::new();
        // More than a sleeping writer to a pipe can be rid of, so that it runs until it is ended.
        let file = folder.file_arg("file", b"");
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        let mut command = under(
            ["env", "--default-signal=HUP,INT,TERM"],
            &gzip(&["-9", &file]),
        );
        command.stdin(Stdio::null());
        let running = Running::start(command);
        let small = format!("{file}.gz");
        crate::support::until("it has begun to write", || {
            fs::metadata(&small).is_ok_and(|made| made.len() > 0)
        });
        running.signal(signal);
        let outcome = running.finish().failed(code, &["cancelled"]);
        assert!(outcome.took < child::PROMPT, "{:?}", outcome.took);
        assert_eq!(names(&folder), ["file"]);
    }
}

#[test]
fn compressed_data_is_not_written_to_a_terminal() {
    if !have(&["script"]) {
        return;
    }
    let folder = Folder::new();
    let file = folder.file_arg("file", &text());
    let on_terminal = |args: &[&str]| {
        let command = gzip(args);
        let words = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let line: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
        let mut terminal = Command::new("script");
        terminal
            .args(["-qec", &line.join(" "), "/dev/null"])
            .stdin(Stdio::null());
        let outcome = Running::start(terminal).finish();
        (outcome.status.code(), outcome.stdout)
    };
    let (code, said) = on_terminal(&["-c", &file]);
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(code, Some(1));
    assert!(
        said.contains("nothing for a terminal") && said.len() < 500,
        "{said}"
    );
    let (code, came) = on_terminal(&["-cf", &file]);
    assert_eq!(code, Some(0));
    assert!(came.windows(2).any(|two| two == [0x1f, 0x8b]));

    // But a bar is.
    let (code, said) = on_terminal(&["-k", "--progress", &file]);
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(code, Some(0));
    assert!(said.contains('%') && said.contains("KiB became"), "{said}");
    assert!(Path::new(&format!("{file}.gz")).exists());
}
