//! A child that does not read everything: because it has enough, or because it has failed.

use std::io;

use highwater::Batch;
use highwater::process;
use highwater::{Bytes, ErrorKind, Sink, fs as ends, pipeline};

use crate::process::kin::{code, idle, reaped, sh};
use crate::support::{bounded, watched};

/// Writes zeros until the sink takes no more, and says why.
fn write_until_refused(sink: &mut process::ChildSink) -> highwater::Error {
    loop {
        let mut batch = Batch::new();
        batch.push(Bytes::from(vec![0; 64 << 10]), 64 << 10);
        while !batch.is_empty() {
            if let Err(error) = sink.write(&mut batch) {
                return error;
            }
        }
    }
}

#[test]
fn a_child_that_exits_well_has_had_enough() {
    for script in ["head -c 100 > /dev/null", "exit 0", "exec <&-; exit 0"] {
        let sink = process::sink(sh(script)).unwrap();
        let id = sink.id();
        let zeros = ends::read("/dev/zero").unwrap();
        let report = watched(|| pipeline(zeros).to(sink).run().unwrap());
        bounded(&report);
        reaped(id);

        let mut sink = process::sink(sh(script)).unwrap();
        let (said, finished) = watched(move || {
            let said = write_until_refused(&mut sink).to_string();
            (said, sink.finish())
        });
        assert_eq!(said, "no more is wanted", "{script}");
        finished.unwrap();
    }
}

#[test]
fn a_child_that_stops_reading_because_it_failed_has_failed() {
    let script = "head -c 100 > /dev/null; echo full >&2; exit 5";
    let sink = process::sink(sh(script)).unwrap();
    let id = sink.id();
    let zeros = ends::read("/dev/zero").unwrap();
    let failure = watched(|| pipeline(zeros).to(sink).run().unwrap_err());
    assert_eq!(code(&failure.error), 5, "and not a broken pipe");
    assert_eq!(failure.error.others().count(), 0, "{failure:?}");
    bounded(&failure.report);
    reaped(id);
}

#[test]
fn a_child_that_closes_its_input_and_runs_on_has_broken_the_pipe() {
    let sink = process::sink(sh("exec <&-; exec sleep 1000")).unwrap();
    let id = sink.id();
    let zeros = ends::read("/dev/zero").unwrap();
    let failure = watched(|| pipeline(zeros).to(sink).run().unwrap_err());
    let kind = ErrorKind::Io(io::ErrorKind::BrokenPipe);
    assert_eq!(failure.error.kind(), kind);
    assert!(
        failure
            .to_string()
            .starts_with("failed to write to `sh -c exec <&-;"),
        "{failure}"
    );
    bounded(&failure.report);
    reaped(id);
}

#[test]
fn a_reader_that_has_enough_ends_its_child() {
    let mut source = process::source(sh("yes; exit 9")).unwrap();
    let id = source.id();
    source = source.chunk_bytes(1024);
    let sink = process::sink(sh("head -c 10 > /dev/null")).unwrap();
    let report = watched(|| pipeline(source).to(sink).run().unwrap());
    bounded(&report);
    reaped(id);
}

#[test]
fn a_child_that_nobody_uses_is_gone_with_its_halves() {
    let source = process::source(idle()).unwrap();
    let sink = process::sink(idle()).unwrap();
    let halves = process::stage(idle()).unwrap();
    let ids = [source.id(), sink.id(), halves.sink.id()];
    assert_eq!(halves.sink.id(), halves.source.id());
    watched(move || drop((source, sink, halves)));
    ids.into_iter().for_each(reaped);
    let halves = process::stage(idle()).unwrap();
    let id = halves.source.id();
    watched(move || {
        drop(halves.source);
        drop(halves.sink);
    });
    reaped(id);
}
