//! The example, as a user runs it, against tools that others wrote.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Folder, example};

fn lines<const N: usize>(args: [&str; N]) -> Command {
    let mut command = example("lines");
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs a command, which ends with this status.
#[track_caller]
fn run(command: &mut Command, code: i32) -> Output {
    let output = command.output().expect("it is built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    output
}

/// What a shell command writes.
fn shell(command: &str, file: &str) -> Vec<u8> {
    let output = Command::new("sh")
        .args(["-c", command, "sh", file])
        .output();
    output.expect("there is a shell").stdout
}

/// A file of one test, gone with it.
struct Given(
    String,
    #[expect(dead_code, reason = "it is dropped")] Folder,
);

impl Given {
    fn new(bytes: &[u8]) -> Self {
        let folder = Folder::new();
        Self(folder.file_arg("given", bytes), folder)
    }
}

/// Real files of all sorts: sources, tables of traces whose lines are long, a program.
fn real_files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [
        "Cargo.lock",
        "README.md",
        "src/lib.rs",
        "tests/vectors/writable.jsonl",
    ];
    let mut files: Vec<_> = places
        .iter()
        .map(|place| {
            root.join(place)
                .into_os_string()
                .into_string()
                .expect("text")
        })
        .filter(|file| Path::new(file).exists())
        .collect();
    files.push("/bin/sh".to_owned());
    files
}

fn number(output: &[u8]) -> usize {
    let text = String::from_utf8_lossy(output);
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("`{text}` is no number"))
}

#[test]
fn it_counts_as_wc_and_grep_do() {
    for file in real_files() {
        // A program has lines of any length.
        let ours = run(&mut lines(["--count", "--max", "1000000000", &file]), 0);
        // What `wc` counts are ends.
        let ends = number(&shell("wc -l < \"$1\"", &file));
        let has_rest = fs::read(&file).unwrap().last() != Some(&b'\n');
        assert_eq!(number(&ours.stdout), ends + usize::from(has_rest), "{file}");
        for text in ["e", "highwater", "\"", "no such text is in it\x01"] {
            let grep = format!("LC_ALL=C grep -acF -e '{text}' \"$1\"");
            let expected = number(&shell(&grep, &file));
            let args = ["--count", "--max", "1000000000", "--matching", text, &file];
            let ours = run(&mut lines(args), i32::from(expected == 0));
            assert_eq!(number(&ours.stdout), expected, "{text} in {file}");
        }
    }
}

#[test]
fn it_writes_what_grep_writes() {
    for file in real_files() {
        let ours = run(
            &mut lines(["--max", "1000000000", "--matching", "a", &file]),
            0,
        );
        // The ends of lines are ours.
        let grep = "LC_ALL=C grep -aF -e a \"$1\" | sed 's/\\r$//'";
        assert!(ours.stdout == shell(grep, &file), "{file}");
    }
}

#[test]
fn its_lines_are_those_of_python() {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no `python3`");
        return;
    }
    let mixed = Given::new(b"one\r\ntwo\n\n\rthree\r\r\n four\r\n\r\nno end\r");
    // Python's bytes have lines that a lone `\r` ends too. These are split as ours are.
    let script = "python3 -c 'import sys\n\
        for line in open(sys.argv[1], \"rb\"):\n\
        \x20 end = 2 if line.endswith(b\"\\r\\n\") else 1 if line.endswith(b\"\\n\") else 0\n\
        \x20 sys.stdout.buffer.write(line[:len(line) - end] + b\"\\n\")' \"$1\"";
    for file in real_files().into_iter().chain([mixed.0.clone()]) {
        let ours = run(&mut lines(["--max", "1000000000", &file]), 0);
        assert!(ours.stdout == shell(script, &file), "{file}");
    }
    for file in real_files().into_iter().take(4) {
        let script = "python3 -c 'import sys\n\
            print(len(open(sys.argv[1], \"rb\").read().splitlines()))' \"$1\"";
        let ours = run(&mut lines(["--count", &file]), 0);
        assert_eq!(
            number(&ours.stdout),
            number(&shell(script, &file)),
            "{file}"
        );
    }
}

#[test]
fn files_and_standard_input_are_read_in_turn() {
    let (first, last) = (Given::new(b"one\nno end"), Given::new(b"last\n"));
    let mut command = lines([&first.0, "-", &last.0]);
    command.stdin(fs::File::open(&last.0).unwrap());
    assert_eq!(run(&mut command, 0).stdout, b"one\nno end\nlast\nlast\n");
}

#[test]
fn none_found_is_1_and_a_wrong_call_is_2() {
    let file = Given::new(b"one\n");
    assert_eq!(
        run(&mut lines(["--matching", "two", &file.0]), 1).stdout,
        b""
    );
    assert_eq!(run(&mut lines([]), 1).stdout, b"");
    let output = run(&mut lines(["--unknown"]), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--help"));
    let help = run(&mut lines(["--help"]), 0);
    assert!(String::from_utf8_lossy(&help.stdout).contains("usage: lines"));
}

#[test]
fn a_file_that_is_not_there_does_not_keep_the_others_from_being_read() {
    let file = Given::new(b"one\n");
    let output = run(&mut lines(["/no/such/file", &file.0]), 2);
    assert_eq!(output.stdout, b"one\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("/no/such/file").count(), 1, "{said}");
    run(&mut lines(["/"]), 2);
}

#[test]
fn a_line_over_the_limit_is_told_with_its_file_and_place() {
    let file = Given::new(b"one\ntwenty\n");
    let output = run(&mut lines(["--max", "5", &file.0]), 2);
    assert_eq!(output.stdout, b"one\n", "what came before was written");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&file.0), "{said}");
    assert!(said.contains("a line that begins at byte 4"), "{said}");
}

/// A child that is gone with a test that fails.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(piped.stderr(Stdio::piped()).spawn().expect("it is built"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_signal_ends_it_while_it_waits_for_standard_input() {
    for (signal, code, said) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let mut running = Running::start(lines(["-"]));
        let mut stdin = running.0.stdin.take().unwrap();
        stdin.write_all(b"one\n").unwrap();
        // Once a line has come out, it waits for the next one.
        let mut line = String::new();
        let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "one\n");
        let kill = format!("kill -{signal} {}", running.0.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(running.0.wait().unwrap().code(), Some(code));
        let mut told = String::new();
        running
            .0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut told)
            .unwrap();
        assert!(told.contains(said) && !told.contains("panicked"), "{told}");
        drop(stdin);
    }
}

#[test]
fn a_reader_that_has_had_enough_ends_it_without_a_word() {
    let mut running = Running::start(lines(["/dev/stdin"]));
    let mut stdin = running.0.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || while stdin.write_all(&[b'\n'; 4096]).is_ok() {});
    let mut stdout = running.0.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    assert_eq!(running.0.wait().unwrap().code(), Some(141));
    let mut told = String::new();
    running
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(told, "");
    feeder.join().unwrap();
}

/// However much there is to read, and however long the lines.
#[cfg(target_os = "linux")]
#[test]
fn its_memory_does_not_grow_with_the_file() {
    const RESIDENT_KIB_MAX: usize = 24 * 1024;
    let mut running = Running::start(lines(["--matching", "nothing"]));
    let mut stdin = running.0.stdin.take().unwrap();
    let block: Vec<u8> = [vec![b'x'; 700_000], b"\nshort\n\n".to_vec()].concat();
    for _ in 0..150 {
        stdin.write_all(&block).unwrap();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: usize = peak
        .and_then(|peak| peak.split_whitespace().next()?.parse().ok())
        .unwrap();
    assert!(peak <= RESIDENT_KIB_MAX, "{peak} KiB for 100 MB");
    drop(stdin);
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
}
