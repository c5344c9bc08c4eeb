//! From and to pipes: the standard streams, FIFOs, and who stops reading them.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use crate::support::child::{PROMPT, Running, bare, copy, run, under};
use crate::support::{Folder, have, pattern};

#[test]
fn two_hundred_megabytes_flow_between_pipes() {
    if !have(&["yes"]) || !have(&["head"]) || !have(&["wc"]) {
        return;
    }
    let mut head = Command::new("sh")
        .args(["-c", "yes | head -c 200M"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut copy = copy(["-", "-"]);
    copy.stdin(head.stdout.take().unwrap());
    let mut running = Running::start_fed(copy);
    let mut count = Command::new("wc");
    let count = count.arg("-c").stdin(running.stdout()).output().unwrap();
    let outcome = running.finish().succeeded();
    assert_eq!(String::from_utf8_lossy(&count.stdout).trim(), "209715200");
    assert!(outcome.resident > 0, "its memory was never seen");
    assert!(head.wait().unwrap().success());
}

#[test]
fn every_byte_of_standard_input_comes_out_in_order() {
    let mut copy = copy(["-", "-"]);
    copy.stdin(Stdio::piped());
    let mut running = Running::start_fed(copy);
    let mut stdin = running.stdin();
    let feed = thread::spawn(move || stdin.write_all(&pattern(5_000_001)));
    let outcome = running.finish().succeeded();
    feed.join().unwrap().unwrap();
    assert!(outcome.stdout == pattern(5_000_001));
}

#[test]
fn standard_streams_can_be_files() {
    let folder = Folder::new();
    let (from, to) = (folder.file_arg("from", &pattern(300_000)), folder.arg("to"));
    // What somebody else has read of it is not there any more.
    let shell = ["sh", "-c", r#"(head -c 0; "$@") <"$0" >"$0.to""#, &from];
    let mut before = File::open(&from).unwrap();
    before.read_exact(&mut [0; 1000]).unwrap();
    let mut copy_rest = copy(["-", &*to]);
    copy_rest.stdin(before);
    Running::start_fed(copy_rest).finish().succeeded();
    assert!(fs::read(&to).unwrap() == pattern(300_000)[1000..]);
    run(under(shell, &copy(["-", "-"]))).succeeded();
    assert!(fs::read(format!("{from}.to")).unwrap() == pattern(300_000));
}

#[test]
fn a_consumer_that_has_enough_ends_a_copy_without_a_word() {
    if !have(&["head"]) {
        return;
    }
    for places in [["/dev/zero", "-"], ["/dev/zero", "/dev/stdout"]] {
        let mut running = Running::start(bare(places));
        let head = Command::new("head")
            .args(["-c", "1000000"])
            .stdin(running.stdout())
            .stdout(Stdio::piped())
            .spawn();
        let taken = head.unwrap().wait_with_output().unwrap();
        assert_eq!(taken.stdout.len(), 1_000_000);
        let outcome = running.finish().failed(141, &[]);
        assert_eq!(outcome.stderr, "");
    }
    // What was asked for is said all the same.
    let mut running = Running::start(copy(["/dev/zero", "-"]));
    running.stdout().read_exact(&mut [0; 1000]).unwrap();
    let outcome = running.finish().failed(141, &["bottleneck"]);
    assert!(
        !outcome.stderr.contains("Broken pipe"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn nobody_who_listens_is_no_reason_to_panic() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for option in ["--help", "--version"] {
        let mut help = copy([option]);
        help.stdout(closed());
        let outcome = Running::start_between(help).finish().failed(141, &[]);
        assert_eq!(outcome.stderr, "");
    }
    let mut help = copy(["--help"]);
    help.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    Running::start_between(help)
        .finish()
        .failed(1, &["No space left on device"]);

    let folder = Folder::new();
    let to = folder.arg("to");
    let mut deaf = copy(["/dev/null", &to]);
    deaf.stderr(closed());
    assert_eq!(deaf.status().unwrap().code(), Some(0));
    let mut deaf = copy([&*folder.arg("missing"), &to]);
    deaf.stderr(closed());
    assert_eq!(deaf.status().unwrap().code(), Some(1));
}

#[test]
fn a_fifo_is_read_to_the_end_of_its_writer() {
    let folder = Folder::new();
    let (fifo, to) = (folder.fifo_arg("fifo"), folder.arg("to"));
    let running = Running::start(copy([&fifo, &to]));
    running.waits_in("poll"); // before there is a writer, which is not the end
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(&pattern(1_000_000)).unwrap();
    drop(writer);
    running.finish().succeeded();
    assert!(fs::read(&to).unwrap() == pattern(1_000_000));
}

#[test]
fn a_fifo_is_written_when_somebody_reads_it() {
    let folder = Folder::new();
    let (from, fifo) = (
        folder.file_arg("from", &pattern(1_000_000)),
        folder.fifo_arg("fifo"),
    );
    let running = Running::start(copy([&from, &fifo]));
    let mut got = Vec::new();
    File::open(&fifo).unwrap().read_to_end(&mut got).unwrap();
    running.finish().succeeded();
    assert!(got == pattern(1_000_000));
}

#[test]
fn a_pipe_that_nobody_empties_fills_no_memory() {
    let mut running = Running::start(copy(["/dev/zero", "-"]));
    let mut stdout = running.stdout();
    stdout.read_exact(&mut vec![0; 4 << 20]).unwrap();
    running.waits_in("poll"); // the sink
    running.waits_in("futex"); // the source
    running.signal("INT");
    let outcome = running.finish().failed(130, &["cancelled: interrupted"]);
    let (peak, high) = outcome.held().unwrap();
    assert!(peak >= high, "{peak} of {high}: it was held up by nothing");
    assert!(outcome.took < PROMPT);
    drop(stdout);
}
