//! A child of the child, which holds its pipes when it has gone.

use std::fs;
use std::path::Path;

use highwater::{Readable, Source, fs as ends, pipeline, process};

use crate::process::kin::{code, printed, put_down, reaped, runs, sh, sh_with};
use crate::support::{Folder, bounded, until, watched};

/// Waits until the child has exited, and was reaped behind our back.
fn exited(id: u32) {
    let entry = format!("/proc/{id}");
    until("the child is reaped", || !Path::new(&entry).exists());
}

#[test]
fn the_data_goes_on_after_a_child_that_ended_well() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    let script = "(read x < \"$0\"; echo late; echo and loud >&2 && echo still) & exit 0";
    let source = process::source(sh_with(script, &fifo)).unwrap();
    exited(source.id());
    fs::write(&fifo, "go on\n").unwrap();
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    assert_eq!(got.into_inner(), b"late\nstill\n");
    bounded(&report);
}

#[test]
fn a_child_that_failed_is_told_at_once_behind_what_it_wrote() {
    let script = "sleep 30 & echo $!; head -c 60000 /dev/zero; exit 3";
    for early in [false, true] {
        let mut source = process::source(sh(script)).unwrap().chunk_bytes(1000);
        let id = source.id();
        let mut got = Vec::new();
        if early {
            got.extend_from_slice(&source.read().unwrap().unwrap());
        }
        exited(id);
        let (got, error) = watched(move || {
            loop {
                match source.read() {
                    Ok(Some(chunk)) => got.extend_from_slice(&chunk),
                    Ok(None) => panic!("it has failed"),
                    Err(error) => return (got, error),
                }
            }
        });
        let child = printed(&got);
        put_down(&child);
        assert_eq!(code(&error), 3);
        assert_eq!(got.len(), child.len() + 1 + 60_000);
    }
}

#[test]
fn a_standard_error_that_is_held_holds_nothing_up() {
    let source = process::source(sh("sleep 30 >&- & echo $!; exit 0")).unwrap();
    let id = source.id();
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    bounded(&report);
    reaped(id);
    put_down(&printed(&got.into_inner()));

    let source = process::source(sh("sleep 30 >&- & echo $!; echo why >&2; exit 4")).unwrap();
    let mut lines = Readable::from_source(source, highwater::HighWaterMark::bytes(1024));
    let first = watched(move || {
        let first = lines.next().unwrap().unwrap();
        let error = lines.next().unwrap().unwrap_err();
        assert_eq!(code(&error), 4);
        first
    });
    put_down(&printed(&first));
}

#[test]
fn an_input_that_is_held_and_not_read_does_not_hide_a_failure() {
    let folder = Folder::new();
    let number = folder.path("number");
    let script = "exec 3<&0; sleep 30 <&3 & echo $! > \"$0\"; exit 5";
    let sink = process::sink(sh_with(script, &number)).unwrap();
    let id = sink.id();
    let zeros = ends::read("/dev/zero").unwrap();
    let failure = watched(|| pipeline(zeros).to(sink).run().unwrap_err());
    assert_eq!(code(&failure.error), 5);
    bounded(&failure.report);
    reaped(id);
    let child = printed(&fs::read(&number).unwrap());
    put_down(&child);
    until("it is gone", || !runs(&child));
}

#[test]
fn an_input_that_is_held_is_written_to_whoever_reads_it() {
    let folder = Folder::new();
    let (fifo, copy) = (folder.fifo("fifo"), folder.path("copy"));
    let script = "exec 3<&0; (cat < \"$0\"; cat) <&3 > \"$1\" & exit 0";
    let mut command = sh_with(script, &fifo);
    command.arg(&copy);
    let sink = process::sink(command).unwrap();
    exited(sink.id());
    fs::write(&fifo, "").unwrap();
    let bytes = crate::support::pattern(1 << 20);
    let report = watched(move || pipeline(bytes).to(sink).run().unwrap());
    bounded(&report);
    let len = || fs::metadata(&copy).map_or(0, |copy| copy.len());
    until("it has read everything", || len() == 1 << 20);
}
