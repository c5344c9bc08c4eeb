//! What a child says, passed on to a standard error of every kind.

use std::fs::File;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use highwater::process::Spawn;
use highwater::{CancelToken, ErrorKind, pipeline};

use crate::descriptors::kinds::{Kind, Way, flags};
use crate::descriptors::ways::case;
use crate::support::{alone, bounded, interrupted, watched};

const LINES: usize = 40_000;

fn loud() -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", &format!("yes loud | head -n {LINES} >&2; echo data")]);
    sh
}

/// Runs something while the standard error of this process is that of such a kind.
fn with_stderr<R>(kind: Kind, blocks: bool, run: impl FnOnce(File) -> R) -> R {
    let old = rustix::stdio::stderr().try_clone_to_owned().unwrap();
    let (ours, peer) = kind.pair(Way::Out, blocks);
    let before = flags(&ours);
    rustix::stdio::dup2_stderr(&ours).unwrap();
    let outcome = run(peer);
    rustix::stdio::dup2_stderr(&old).unwrap();
    assert_eq!(flags(&ours), before);
    outcome
}

#[test]
fn every_byte_is_passed_on_to_every_kind_of_standard_error() {
    alone(|| {
        for kind in Kind::ALL {
            for blocks in [true, false] {
                let case = case(Way::Out, kind, blocks, "pass_stderr");
                let (report, got) = with_stderr(kind, blocks, |peer| {
                    let eaten =
                        thread::spawn(move || crate::descriptors::whole::eat(peer, LINES * 5));
                    let source = Spawn::new(loud()).pass_stderr().source().unwrap();
                    let run = pipeline(source).to(Vec::new());
                    let (report, data) = watched(move || run.run_into().unwrap());
                    assert_eq!(data.into_inner(), b"data\n");
                    (report, watched(move || eaten.join().unwrap()))
                });
                bounded(&report);
                assert!(got == b"loud\n".repeat(LINES), "{case}: {}", got.len());
            }
        }
    });
}

#[test]
fn an_abort_ends_a_child_that_says_more_than_is_taken() {
    alone(|| {
        for kind in Kind::ALL {
            for blocks in [true, false] {
                let case = case(Way::Out, kind, blocks, "pass_stderr");
                let (token, (tell, told)) = (CancelToken::new(), channel());
                let held = token.clone();
                let failure = with_stderr(kind, blocks, |peer| {
                    let failure = interrupted(
                        "futex",
                        move || {
                            let mut endless = Command::new("sh");
                            endless.args(["-c", "yes loud >&2"]);
                            let source = Spawn::new(endless).pass_stderr().source().unwrap();
                            let run = pipeline(source).cancel_with(&held).to(Vec::new());
                            run.run().unwrap_err()
                        },
                        || {
                            tell.send(Instant::now()).unwrap();
                            token.abort("enough of it");
                        },
                    );
                    drop(peer);
                    failure
                });
                let took: Duration = told.recv().unwrap().elapsed();
                assert_eq!(failure.error.kind(), ErrorKind::Cancelled, "{case}");
                bounded(&failure.report);
                println!("{case} took {took:.1?}");
            }
        }
    });
}
