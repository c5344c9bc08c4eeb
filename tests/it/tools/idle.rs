//! `copy --idle-timeout` at ends that are no sockets: pipes and FIFOs that move no byte.

use std::fs;
use std::process::Stdio;
use std::thread;

use crate::support::{Folder, example};
use crate::tools::said;

#[test]
fn a_silent_standard_input_is_given_up() {
    let folder = Folder::new();
    let to = folder.path("to");
    let mut copy = example("copy");
    copy.args(["--idle-timeout", "0.05", "-"]).arg(&to);
    let mut child = copy
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Open, and silent.
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("timed out"), "{}", said(&output));
    assert!(said(&output).contains("`stdin`"), "{}", said(&output));
}

#[test]
fn a_standard_output_that_is_not_read_is_given_up() {
    let mut copy = example("copy");
    copy.args(["--idle-timeout", "0.05", "/dev/zero", "-"]);
    let mut child = copy
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Open, and not read.
    let stdout = child.stdout.take();
    let output = child.wait_with_output().unwrap();
    drop(stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("timed out"), "{}", said(&output));
    assert!(said(&output).contains("`stdout`"), "{}", said(&output));
}

#[test]
fn a_fifo_without_a_reader_is_given_up_and_one_that_moves_is_not() {
    let folder = Folder::new();
    let (from, fifo) = (folder.path("from"), folder.fifo("fifo"));
    fs::write(&from, vec![b'x'; 300_000]).unwrap();
    let mut copy = example("copy");
    copy.args(["--idle-timeout", "0.05"]).arg(&from).arg(&fifo);
    let output = copy.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("timed out"), "{}", said(&output));

    let reader = thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo).unwrap()
    });
    let mut copy = example("copy");
    copy.args(["--idle-timeout", "20"]).arg(&from).arg(&fifo);
    let output = copy.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(reader.join().unwrap().len(), 300_000);
}
