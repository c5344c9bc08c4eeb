//! The progress bar: one line, however narrow the terminal, and in the units of everything else.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{Folder, example, have, pattern};

/// What is shown on a terminal of so many columns, each time that it is drawn.
fn drawn(columns: usize, args: &[&str]) -> Vec<String> {
    let program = example("copy");
    let words = [&[program.get_program().to_str().unwrap()], args].concat();
    let line = format!("stty cols {columns} rows 24; {}", words.join(" "));
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.split(['\r', '\n']).map(without_escapes);
    lines.filter(|line| !line.trim().is_empty()).collect()
}

/// A line without what moves the cursor and clears.
fn without_escapes(line: &str) -> String {
    let mut rest = line;
    let mut plain = String::new();
    while let Some((before, escape)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = escape
            .split_once(|c: char| c.is_ascii_alphabetic())
            .map_or("", |(_, rest)| rest);
    }
    plain + rest
}

#[test]
fn a_bar_fits_into_its_terminal_and_tells_what_is_left_from_what_is_gone() {
    if !have(&["script", "stty"]) {
        return;
    }
    let folder = Folder::new();
    let from = folder.path("from").display().to_string();
    let to = folder.path("to").display().to_string();
    fs::write(&from, pattern(150_000)).unwrap();
    for columns in [200, 80, 60, 40, 30, 20, 10] {
        let shown = drawn(columns, &["--progress", "--limit", "300K", &from, &to]);
        assert!(!shown.is_empty());
        for line in &shown {
            assert!(
                line.trim_end().chars().count() < columns,
                "{columns}: {line:?}"
            );
            assert!(line.contains('%'), "{columns}: {line:?}");
            // How long it took is not what is left.
            assert!(!line.contains("elapsed"), "{columns}: {line:?}");
            assert!(
                line.contains("ETA ") == (columns > 14),
                "{columns}: {line:?}"
            );
            assert!(line.contains("B/s") == (columns > 25), "{line:?}");
            assert!(!line.contains("kB") && !line.contains("MB"), "{line:?}");
            let has_bar = line.contains('[');
            assert!(has_bar || columns < 80, "{columns}: {line:?}");
        }
    }
    // How much there is of a pipe is not known.
    for columns in [80, 40] {
        let piped = format!("cat {from} | {}", example("copy").get_program().display());
        let line = format!("stty cols {columns} rows 24; {piped} --progress --limit 300K - {to}");
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.contains("elapsed ") && !text.contains("ETA"),
            "{text:?}"
        );
        for line in text.split(['\r', '\n']).map(without_escapes) {
            assert!(line.trim_end().chars().count() < columns, "{line:?}");
        }
    }
    assert!(fs::read(&to).unwrap() == pattern(150_000));
}
