//! A child that does not end well is the cause of what follows, and says how it ended.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use highwater::process::{self, Spawn};
use highwater::{ErrorKind, Sink, Source, fs as ends, pipeline};

use crate::process::kin::{code, failed, idle, reaped, sh};
use crate::support::{Folder, bounded, pattern, watched};

#[test]
fn an_exit_status_fails_the_stream_behind_the_data() {
    for status in [1, 3, 255] {
        let script = format!("head -c 100000 /dev/zero; exit {status}");
        let source = process::source(sh(&script)).unwrap();
        let id = source.id();
        let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
        assert_eq!(failure.report.bytes(), 100_000);
        assert_eq!(code(&failure.error), status);
        assert_eq!(
            failure.to_string(),
            format!("failed to run `sh -c {script}`: exit status: {status}")
        );
        bounded(&failure.report);
        reaped(id);
    }
    let sink = process::sink(sh("cat > /dev/null; exit 7")).unwrap();
    let failure = watched(|| pipeline(pattern(100_000)).to(sink).run().unwrap_err());
    assert_eq!(code(&failure.error), 7);
    assert_eq!(failure.report.bytes(), 100_000, "its pipe had taken that");
    let failure = pipeline(process::source(Command::new("false")).unwrap());
    assert_eq!(code(&failure.to(Vec::new()).run().unwrap_err().error), 1);
}

#[test]
fn a_signal_fails_the_stream_and_is_named() {
    for (script, number, said) in [
        ("kill -9 $$", 9, "signal: 9 (SIGKILL)"),
        ("kill -TERM $$", 15, "signal: 15 (SIGTERM)"),
    ] {
        let source = process::source(sh(script)).unwrap();
        let failure = watched(|| pipeline(source).to(Vec::new()).run().unwrap_err());
        assert_eq!(failed(&failure.error).status.signal(), Some(number));
        assert!(failure.to_string().ends_with(said), "{failure}");

        let sink = process::sink(sh(script)).unwrap();
        let zeros = ends::read("/dev/zero").unwrap();
        let failure = watched(|| pipeline(zeros).to(sink).run().unwrap_err());
        assert_eq!(failed(&failure.error).status.signal(), Some(number));
        bounded(&failure.report);
    }
}

#[test]
fn a_child_that_cannot_be_started_is_named() {
    let missing = || Command::new("no-such-program");
    let errors = [
        process::source(missing()).unwrap_err(),
        process::sink(missing()).unwrap_err(),
        process::stage(missing()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::NotFound));
        assert_eq!(error.to_string(), "failed to start `no-such-program`");
    }
    let folder = Folder::new();
    let text = folder.file("text", b"no program");
    let error = process::source(Command::new(&text)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::PermissionDenied));
    assert_eq!(error.stage(), text.to_str());
}

#[test]
fn a_name_is_one_short_line() {
    let sink = process::sink(idle()).unwrap();
    assert_eq!(sink.name(), "sleep 1000");
    let script = format!("exit 0\n# {}", "\u{e9}".repeat(100));
    let source = process::source(sh(&script)).unwrap();
    let name = source.name().into_owned();
    assert!(name.starts_with("sh -c exit 0 # \u{e9}\u{e9}"), "{name}");
    assert!(name.ends_with("\u{e9}..."), "{name}");
    assert_eq!(name.chars().count(), 63);
}

#[test]
fn a_failed_child_is_told_again_and_no_byte_is_made_of_it() {
    let mut source = process::source(sh("exit 3")).unwrap();
    let first = source.read().unwrap_err();
    let second = source.read().unwrap_err();
    assert!(first.is_same(&second));
    let mut sink = process::sink(sh("exit 3")).unwrap();
    let first = sink.finish().unwrap_err();
    assert!(first.is_same(&sink.finish().unwrap_err()));
}

#[test]
fn what_the_command_says_of_its_other_streams_holds() {
    let folder = Folder::new();
    let file = std::fs::File::open(folder.file("in", b"from a file")).unwrap();
    let mut cat = Command::new("cat");
    cat.stdin(file);
    let source = Spawn::new(cat).source().unwrap();
    let (report, got) = watched(|| pipeline(source).to(Vec::new()).run_into().unwrap());
    assert_eq!(got.into_inner(), b"from a file");
    bounded(&report);
}
