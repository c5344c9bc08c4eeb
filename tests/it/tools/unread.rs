//! A reader that has had enough: silence, and the status of a program that the system ends for it.

use std::fs;
use std::io::pipe;
use std::process::Stdio;

use crate::support::{Folder, example, have, pattern};
use crate::tools::{ends_with, said, shell};

#[test]
fn a_tool_whose_output_is_read_no_more_ends_as_others_do_and_says_nothing() {
    if !have(&["gzip", "head"]) {
        return;
    }
    let folder = Folder::new();
    let (plain, small) = (folder.path("plain"), folder.path("plain.gz"));
    fs::write(&plain, pattern(3 << 20)).unwrap();
    let [plain, small] = [plain, small].map(|path| path.into_os_string().into_string().unwrap());
    ends_with(&mut shell(r#"gzip -k "$1""#, "gzip", &[&plain]), 0);
    // The status of the tool goes past the pipe, by way of a file.
    let status = folder.path("status").display().to_string();
    for (tool, call) in [
        ("", r#"gzip -dc "$2""#),
        ("gzip", r#""$0" -dc "$2""#),
        ("gzip", r#""$0" -d <"$2""#),
        ("gzip", r#""$0" -c "$1""#),
        ("gzip", r#""$0" -c "$1" "$1" "$1""#),
        ("copy", r#""$0" "$1" -"#),
        ("copy", r#""$0" --stable "$1" -"#),
        ("copy", r#""$0" --buffered - - <"$1""#),
        ("copy", r#""$0" "$1" /dev/stdout"#),
        ("lines", r#""$0" --max 1G "$1""#),
    ] {
        let line = format!(r#"{{ {call}; echo $? >"$3"; }} | head -c 1"#);
        let tool = if tool.is_empty() { "copy" } else { tool };
        let output = ends_with(&mut shell(&line, tool, &[&plain, &small, &status]), 0);
        assert_eq!(output.stdout.len(), 1, "{call}");
        assert_eq!(said(&output), "", "{call}");
        assert_eq!(fs::read_to_string(&status).unwrap(), "141\n", "{call}");
    }
}

#[test]
fn a_line_without_a_reader_is_no_failure_to_be_told_of() {
    let folder = Folder::new();
    let file = folder.path("file");
    fs::write(&file, "one\n").unwrap();
    let file = file.to_str().unwrap();
    let small = format!("{file}.gz");
    ends_with(example("gzip").args(["-k", file]), 0);
    for (tool, args) in [
        ("tee", &[file, "/dev/null"][..]),
        ("lines", &["--count", file]),
        ("lines", &[file]),
        ("gzip", &["-l", &small]),
        ("gzip", &["--help"]),
        ("proxy", &["--version"]),
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = ends_with(example(tool).args(args).stdout(Stdio::from(writer)), 141);
        assert_eq!(said(&output), "", "{tool} {args:?}");
    }
}

#[test]
fn a_peer_that_leaves_is_told_of_for_it_is_not_standard_output() {
    let folder = Folder::new();
    let file = folder.path("file");
    fs::write(&file, pattern(8 << 20)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("tcp://{}", listener.local_addr().unwrap());
    let leaving = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let output = ends_with(example("copy").args([file.to_str().unwrap(), &place]), 1);
    leaving.join().unwrap();
    assert!(
        said(&output).contains("failed to write to `tcp://"),
        "{}",
        said(&output)
    );
}
