//! A token, and a panic, wherever a thread may wait for a child: it is killed and reaped.

use std::fs;
use std::process::Command;
use std::time::Duration;

use highwater::process::{self, Spawn};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, Out, Readable, Source, Writable, fs as ends, pipeline,
};

use crate::process::kin::{idle, printed, reaped, runs, sh, sh_with};
use crate::support::{Folder, bounded, interrupted, until, watched};

/// The two arms of a token.
const ARMS: [fn(&CancelToken); 2] = [|token| token.stop(), |token| token.abort("enough")];

#[track_caller]
fn is_cancelled(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:#}");
}

#[test]
fn a_read_that_a_child_says_nothing_to_is_ended() {
    // One that is silent, and one that has closed its standard output and runs on.
    for script in ["exec sleep 1000", "exec >&-; exec sleep 1000"] {
        for (number, arm) in ARMS.into_iter().enumerate() {
            let source = process::source(sh(script)).unwrap();
            let id = source.id();
            let token = CancelToken::new();
            let run = pipeline(source).cancel_with(&token).to(Vec::new());
            match interrupted("futex", move || run.run(), || arm(&token)) {
                Ok(report) => assert!(number == 0 && report.was_stopped()),
                Err(failure) if number == 1 => is_cancelled(&failure.error),
                Err(failure) => panic!("{failure:?}"),
            }
            reaped(id);
        }
    }
}

#[test]
fn a_write_that_a_child_does_not_read_is_ended() {
    let sink = process::sink(idle()).unwrap();
    let id = sink.id();
    let token = CancelToken::new();
    let run = pipeline(ends::read("/dev/zero").unwrap()).cancel_with(&token);
    let run = run.to(sink);
    let call = move || run.run().unwrap_err();
    let failure = interrupted("poll", call, || token.abort("enough"));
    is_cancelled(&failure.error);
    assert_eq!(failure.report.bytes(), 64 << 10, "what the pipe has taken");
    assert!(failure.undelivered.weight() > 0);
    bounded(&failure.report);
    reaped(id);
}

#[test]
fn a_wait_for_a_child_that_does_not_exit_is_ended() {
    let sink = process::sink(idle()).unwrap();
    let id = sink.id();
    let token = CancelToken::new();
    let run = pipeline(&b"few"[..]).cancel_with(&token).to(sink);
    let call = move || run.run().unwrap_err();
    let failure = interrupted("poll", call, || token.abort("enough"));
    is_cancelled(&failure.error);
    reaped(id);

    // One that was asked for the same by hand.
    let sink = process::sink(idle()).unwrap();
    let id = sink.id();
    let mut out = Writable::from_sink(sink, highwater::HighWaterMark::bytes(1024));
    let token = CancelToken::new();
    out.cancel_with(&token);
    out.write(Bytes::from_static(b"few")).unwrap();
    out.end();
    let error = interrupted(
        "futex",
        move || out.finish().unwrap_err(),
        || token.abort("enough"),
    );
    is_cancelled(&error);
    reaped(id);
}

#[test]
fn a_stop_lets_through_what_is_buffered_and_kills() {
    let folder = Folder::new();
    let copy = folder.path("copy");
    let source = process::source(sh("yes; exit 9")).unwrap();
    let sink = process::sink(sh_with("cat > \"$0\"", &copy)).unwrap();
    let ids = [source.id(), sink.id()];
    let token = CancelToken::new();
    let stopper = token.clone();
    let run = pipeline(source)
        .cancel_with(&token)
        .progress(move |progress| {
            if progress.bytes > 1 << 20 {
                stopper.stop();
            }
        })
        .to(sink);
    let report = watched(|| run.run().unwrap());
    assert!(report.was_stopped());
    let got = fs::read(&copy).unwrap();
    assert_eq!(got.len() as u64, report.bytes(), "confirmed, and arrived");
    bounded(&report);
    ids.into_iter().for_each(reaped);
}

#[test]
fn a_panic_of_a_neighbour_kills_both_sides() {
    let source = process::source(Command::new("yes")).unwrap();
    let sink = process::sink(idle()).unwrap();
    let ids = [source.id(), sink.id()];
    let afraid = |_: Bytes, _: &mut Out<'_, Bytes>| -> Result<(), Error> { panic!("afraid") };
    let run = pipeline(source).through(afraid).to(sink);
    let failure = watched(|| run.run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::Panicked);
    bounded(&failure.report);
    ids.into_iter().for_each(reaped);
}

#[test]
fn a_sink_that_is_broken_off_does_not_take_what_it_got_for_everything() {
    let folder = Folder::new();
    let done = folder.path("done");
    for _ in 0..20 {
        // It says so, once it has seen the end of its input.
        let script = "while read line; do :; done; echo > \"$0\"";
        let sink = process::sink(sh_with(script, &done)).unwrap();
        let id = sink.id();
        let mut out = Writable::from_sink(sink, highwater::HighWaterMark::bytes(1024));
        out.write(Bytes::from_static(b"half\n")).unwrap();
        until("it has got that", || out.confirmed() == 5);
        watched(move || drop(out));
        reaped(id);
        assert!(!done.exists());
    }
}

#[test]
fn a_child_is_asked_first_if_it_has_time() {
    let folder = Folder::new();
    let bye = folder.path("bye");
    let script = "trap 'echo bye > \"$0\"; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let polite = Spawn::new(sh_with(script, &bye)).grace(Duration::from_secs(60));
    let mut source = polite.source().unwrap();
    assert_eq!(source.read().unwrap().unwrap(), "up\n");
    let id = source.id();
    watched(move || drop(source));
    reaped(id);
    assert!(bye.exists());

    let deaf = "trap '' TERM; echo up; exec sleep 1000";
    let deaf = Spawn::new(sh(deaf)).grace(Duration::from_millis(50));
    let mut source = deaf.source().unwrap();
    assert_eq!(source.read().unwrap().unwrap(), "up\n");
    let id = source.id();
    watched(move || drop(source));
    reaped(id);
}

#[test]
fn a_group_is_ended_with_its_leader() {
    let spawn = Spawn::new(sh("sleep 30 & echo $!; wait")).group();
    let source = spawn.source().unwrap();
    let id = source.id();
    let mut lines = Readable::from_source(source, highwater::HighWaterMark::bytes(1024));
    let child = printed(&lines.next().unwrap().unwrap());
    assert!(runs(&child));
    watched(move || drop(lines));
    reaped(id);
    until("it is ended too", || !runs(&child));
}
