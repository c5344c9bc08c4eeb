//! What a child says on its standard error: never in its way, and the last of it in the error.

use std::fs::{self, File};
use std::sync::mpsc::channel;

use highwater::process::{self, Spawn};
use highwater::{ErrorKind, pipeline};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::process::kin::{code, failed, reaped, sh, sh_with};
use crate::support::{Folder, alone, bounded, until, watched};

#[test]
fn of_megabytes_the_last_four_kilobytes_are_kept() {
    let script = "yes noise | head -c 5000000 >&2; printf 'the end' >&2; exit 4";
    let source = process::source(sh(script)).unwrap();
    let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    let failed = failed(&failure.error);
    assert_eq!(failed.status.code(), Some(4));
    assert_eq!(failed.stderr.len(), 4096);
    let noise = "noise\n".repeat(5_000_000 / 6 + 1);
    let said = [&noise.as_bytes()[..5_000_000], b"the end"].concat();
    assert!(said.ends_with(&failed.stderr));
    let chain = format!("{:#}", failure.error);
    assert!(chain.ends_with("the end"), "{chain}");
}

#[test]
fn a_little_is_kept_whole_and_nothing_is_said_to_be_nothing() {
    let sink = process::sink(sh("printf one >&2; printf ' two\n' >&2; exit 1")).unwrap();
    let failure = watched(|| pipeline(Vec::new()).to(sink).run().unwrap_err());
    assert_eq!(failed(&failure.error).stderr, "one two\n");
    let source = process::source(sh("exit 1")).unwrap();
    let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    let chain = format!("{:#}", failure.error);
    assert!(chain.ends_with("nothing on its standard error"), "{chain}");
}

#[test]
fn a_child_that_ends_well_may_say_what_it_likes() {
    let source = process::source(sh("yes | head -c 1000000 >&2; echo data")).unwrap();
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    assert_eq!(got.into_inner(), b"data\n");
    bounded(&report);
}

#[test]
fn it_is_drained_while_nobody_reads_the_data() {
    let folder = Folder::new();
    let said = folder.path("said");
    let script = "(head -c 3000000 /dev/zero >&2; touch \"$0\") & head -c 1000000 /dev/zero; wait";
    let source = process::source(sh_with(script, &said)).unwrap();
    // Its standard output is full, and nothing was read of it.
    until("it has said everything", || said.exists());
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    assert_eq!(got.into_inner().len(), 1_000_000);
    bounded(&report);
}

#[test]
fn lines_are_told_one_by_one() {
    let long = 4096 * 2;
    let script = format!(
        "printf 'one\\n\\ntwo\\n' >&2; head -c {long} /dev/zero >&2; \
         printf 'rest\\n' >&2; head -c 4096 /dev/zero >&2; printf '\\nlast' >&2; exit 1"
    );
    let (tell, told) = channel();
    let source = Spawn::new(sh(&script))
        .stderr_lines(move |line| tell.send(line.to_owned()).unwrap())
        .source()
        .unwrap();
    let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    assert!(failed(&failure.error).stderr.ends_with(b"\0\nlast"));
    let lines: Vec<Vec<u8>> = told.iter().collect();
    let zeros = vec![0; 4096];
    let expected: [&[u8]; 8] = [
        b"one", b"", b"two", &zeros, &zeros, b"rest", &zeros, b"last",
    ];
    assert_eq!(lines, expected);
}

/// What is to be told of some bytes: their lines, those that are too long in pieces.
fn told_of(said: &[u8]) -> Vec<Vec<u8>> {
    let ended = said.strip_suffix(b"\n").unwrap_or(said);
    if said.is_empty() {
        return Vec::new();
    }
    let pieces = ended.split(|byte| *byte == b'\n').flat_map(|line| {
        let whole = [line].into_iter().filter(|line| line.is_empty());
        whole.chain(line.chunks(4096))
    });
    pieces.map(<[u8]>::to_vec).collect()
}

/// Whatever a child says is told line by line, and the last of it is kept.
fn is_told_and_kept(said: &[u8]) {
    let folder = Folder::new();
    let file = folder.file("said", said);
    let (tell, told) = channel();
    let source = Spawn::new(sh_with("cat \"$0\" >&2; exit 1", file))
        .stderr_lines(move |line| tell.send(line.to_owned()).unwrap())
        .source()
        .unwrap();
    let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    let kept = &failed(&failure.error).stderr;
    assert_eq!(kept, &said[said.len().saturating_sub(4096)..]);
    assert!(told.iter().eq(told_of(said)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_said_is_told_and_kept(
        lines in vec(prop_oneof![0..9_usize, 4090..4100_usize, 8190..8195_usize], 0..8),
        ended in any::<bool>(),
    ) {
        let lines: Vec<String> = lines.iter().map(|len| "x".repeat(*len)).collect();
        let mut said = lines.join("\n");
        if ended {
            said.push('\n');
        }
        is_told_and_kept(said.as_bytes());
    }
}

#[test]
fn a_panic_of_who_is_told_is_the_error_and_the_child_is_killed() {
    let spawn = Spawn::new(sh("echo boo >&2; exec sleep 1000"));
    let source = spawn.stderr_lines(|_| panic!("afraid")).source().unwrap();
    let id = source.id();
    let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::Panicked);
    assert!(failure.to_string().contains("afraid"), "{failure}");
    reaped(id);
}

#[test]
fn it_is_passed_on_as_well() {
    let said = alone(|| {
        let loud = sh("yes loud | head -n 20000 >&2; echo clear >&2; exit 6");
        let source = Spawn::new(loud).pass_stderr().source().unwrap();
        let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
        assert_eq!(code(&failure.error), 6);
        assert!(failed(&failure.error).stderr.ends_with(b"loud\nclear\n"));
    });
    if let Some(said) = said {
        assert_eq!(said.matches("loud\n").count(), 20_000);
        assert!(said.contains("loud\nclear\n"));
    }
}

#[test]
fn it_goes_where_the_command_says() {
    let folder = Folder::new();
    let log = folder.path("log");
    let mut command = sh("echo logged >&2; exit 2");
    command.stderr(File::create(&log).unwrap());
    let source = Spawn::new(command).leave_stderr().source().unwrap();
    let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
    assert_eq!(code(&failure.error), 2);
    assert!(failed(&failure.error).stderr.is_empty());
    assert_eq!(fs::read(&log).unwrap(), b"logged\n");
}

#[test]
fn what_is_said_before_a_kill_is_told_before_the_drop_is_over() {
    let (tell, told) = channel();
    let source = Spawn::new(sh("echo last words >&2; exec sleep 1000"))
        .stderr_lines(move |line| tell.send(line.to_owned()).unwrap())
        .source()
        .unwrap();
    let id = source.id();
    assert_eq!(told.recv().unwrap(), b"last words");
    watched(move || drop(source));
    reaped(id);
    assert!(told.recv().is_err(), "whoever tells is gone");
}
