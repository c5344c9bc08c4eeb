//! Every byte arrives, in both directions, and no more is held than was said.

use std::fs;
use std::process::Command;
use std::time::Duration;

use highwater::mark::READ_BYTES;
use highwater::process::{self, Spawn};
use highwater::{Bytes, ErrorKind, HighWaterMark, Readable, Source, Writable, pipeline};

use crate::process::kin::{idle, reaped, sh, sh_with};
use crate::support::{Folder, bounded, interrupted, pattern, until, watched};

/// More than all buffers on the way hold together, and no multiple of any of them.
const BYTES: usize = (11 << 20) + 17;

#[test]
fn everything_that_a_child_writes_arrives() {
    let folder = Folder::new();
    let file = folder.file("file", &pattern(BYTES));
    for chunk_bytes in [4096, READ_BYTES] {
        let mut cat = Command::new("cat");
        cat.arg(&file);
        let source = process::source(cat).unwrap().chunk_bytes(chunk_bytes);
        let id = source.id();
        let mark = HighWaterMark::bytes(64 << 10);
        let run = pipeline(source).high_water_mark(mark).to(Vec::new());
        let (report, got) = watched(move || run.run_into().unwrap());
        assert!(got.into_inner() == pattern(BYTES));
        bounded(&report);
        reaped(id);
    }
}

#[test]
fn everything_that_is_written_arrives_at_a_child() {
    let folder = Folder::new();
    let path = folder.path("out");
    let sink = process::sink(sh_with("cat > \"$0\"", &path)).unwrap();
    let id = sink.id();
    let mark = HighWaterMark::bytes(64 << 10);
    let run = pipeline(pattern(BYTES)).high_water_mark(mark).to(sink);
    let report = watched(move || run.run().unwrap());
    // It has exited before the run came back: the file is whole.
    assert!(fs::read(&path).unwrap() == pattern(BYTES));
    assert_eq!(report.bytes(), BYTES as u64);
    bounded(&report);
    reaped(id);
}

#[test]
fn a_child_that_writes_nothing_and_one_that_gets_nothing_end_well() {
    let (report, got) = pipeline(process::source(Command::new("true")).unwrap())
        .to(Vec::new())
        .run_into()
        .unwrap();
    assert!(got.into_inner().is_empty());
    bounded(&report);
    let sink = process::sink(sh("test $(wc -c) = 0")).unwrap();
    let report = watched(|| pipeline(Vec::new()).to(sink).run().unwrap());
    assert_eq!(report.bytes(), 0);
}

#[test]
fn a_child_that_reads_nothing_is_held_up_by_its_pipe_and_we_at_the_mark() {
    const MARK: usize = 32 << 10;
    const CHUNK: usize = 8 << 10;
    for (asked, held) in [
        (None, 64 << 10),
        (Some(4096), 4096),
        (Some(10_000), 16 << 10),
    ] {
        let spawn = Spawn::new(idle());
        let spawn = match asked {
            Some(bytes) => spawn.pipe_bytes(bytes),
            None => spawn,
        };
        let sink = spawn.sink().unwrap();
        let id = sink.id();
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(MARK));
        let chunk = Bytes::from(vec![7; CHUNK]);
        let brief = Duration::from_millis(100);
        while out.write_timeout(chunk.clone(), brief).is_ok() {}
        until("the pipe is full", || out.confirmed() == held);
        assert!(out.len() <= MARK + CHUNK, "{}", out.len());
        drop(out);
        reaped(id);
    }
}

#[test]
fn a_child_that_nobody_reads_is_held_up_at_the_mark() {
    const MARK: usize = 64 << 10;
    let source = process::source(Command::new("yes")).unwrap();
    let id = source.id();
    let mut yes = Readable::from_source(source, HighWaterMark::bytes(MARK));
    assert!(yes.next().unwrap().unwrap().starts_with(b"y\ny\n"));
    // It may have been so before the first was taken, and then stays below until the low mark.
    until("the buffer was full", || yes.peak() >= MARK);
    assert!(yes.peak() <= MARK + READ_BYTES, "{}", yes.peak());
    drop(yes);
    reaped(id);
}

#[test]
fn a_pipe_of_a_size_that_cannot_be_is_refused() {
    let refused = Spawn::new(idle()).pipe_bytes(usize::MAX).source();
    let error = refused.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
    assert_eq!(error.to_string(), "failed to start `sleep 1000`");
}

#[test]
fn one_child_feeds_another() {
    let seq = {
        let mut seq = Command::new("seq");
        seq.arg("1000000");
        process::source(seq).unwrap()
    };
    let check = process::sink(sh("test $(tail -n 1) = 1000000")).unwrap();
    let ids = [seq.id(), check.id()];
    bounded(&watched(|| pipeline(seq).to(check).run().unwrap()));
    ids.into_iter().for_each(reaped);
}

#[test]
fn a_source_is_not_ended_before_its_child_has_exited() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    // It closes its standard output, and runs on until it is told.
    let mut source = process::source(sh_with(
        "echo all; exec >&-; read x < \"$0\"; exit 0",
        &fifo,
    ))
    .unwrap();
    let id = source.id();
    assert_eq!(source.read().unwrap().unwrap(), "all\n");
    let end = interrupted(
        "poll",
        move || source.read().unwrap(),
        || fs::write(&fifo, "go on\n").unwrap(),
    );
    assert_eq!(end, None);
    reaped(id);
}

#[test]
fn a_child_inherits_its_own_pipes_and_no_other_of_ours() {
    let open = || sh("ls /proc/$$/fd");
    let plain = open().output().unwrap().stdout;
    let others = process::stage(idle()).unwrap();
    let source = process::source(open()).unwrap();
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    assert_eq!(got.into_inner(), plain);
    bounded(&report);
    drop(others);
}
