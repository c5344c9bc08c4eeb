//! What is left when it is over: no thread, no descriptor, and no child, dead or alive.

use std::collections::BTreeSet;
use std::process::{self as std_process, Command};
use std::{fs, thread};

use highwater::process::{self, Halves, Spawn};
use highwater::{CancelToken, ErrorKind, Readable, Writable, fs as ends, pipeline};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::kin::{idle, sh};
use crate::support::{alone, bounded, interrupted, listed, pattern, until, watched};

/// The children of this process, with those that nobody has reaped.
fn children() -> BTreeSet<String> {
    let own = std_process::id().to_string();
    let parent = |id: &String| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let rest = stat.rsplit(") ").next().unwrap_or_default().to_owned();
        rest.split(' ').nth(1) == Some(&own)
    };
    listed("/proc").into_iter().filter(parent).collect()
}

fn all() -> [BTreeSet<String>; 3] {
    [
        listed("/proc/self/fd"),
        listed("/proc/self/task"),
        children(),
    ]
}

#[test]
fn no_thread_no_descriptor_and_no_child_outlives_its_halves() {
    alone(|| {
        let scenarios: [(&str, fn()); 9] = [
            ("children that end well", well),
            ("children that fail", failing),
            ("children that have enough", enough),
            ("children that cannot be started", refused),
            ("children that nobody uses", unused),
            ("cancels", cancels),
            ("panics", panics),
            ("halves dropped early", dropped),
            ("a stage", stage),
        ];
        for (what, scenario) in scenarios {
            let before = all();
            scenario();
            // Reaped children are gone, at once. The kernel forgets a thread a moment after.
            assert_eq!(before[2], children(), "{what}");
            until(what, || before == all());
        }
    });
}

#[test]
fn a_child_that_there_are_no_descriptors_for_is_refused_and_leaves_nothing() {
    alone(|| {
        let (mut refused, mut started) = (0, 0);
        for spare in 0..20 {
            let before = all();
            let outcome = with_spare_descriptors(spare, || process::stage(idle()));
            match outcome {
                Ok(halves) => {
                    started += 1;
                    drop(halves);
                }
                Err(error) => {
                    refused += 1;
                    assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
                    assert_eq!(error.to_string(), "failed to start `sleep 1000`");
                }
            }
            assert_eq!(before[2], children(), "with {spare} to spare");
            until("nothing is left", || before == all());
        }
        assert!(refused > 5 && started > 5, "{refused} and {started}");
    });
}

/// Does something while the process may open only so many descriptors more, and the one by which
/// it is seen which it has.
fn with_spare_descriptors<R>(spare: usize, act: impl FnOnce() -> R) -> R {
    let open = listed("/proc/self/fd");
    let mut free = (0..).filter(|fd: &u64| !open.contains(&fd.to_string()));
    let usual = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: free.nth(spare),
        ..usual
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let outcome = act();
    setrlimit(Resource::Nofile, usual).unwrap();
    outcome
}

fn well() {
    let source = process::source(sh("head -c 1000000 /dev/zero")).unwrap();
    let sink = process::sink(sh("cat > /dev/null")).unwrap();
    bounded(&pipeline(source).to(sink).run().unwrap());
}

fn failing() {
    let source = process::source(sh("echo no >&2; exit 1")).unwrap();
    let sink = process::sink(idle()).unwrap();
    bounded(&pipeline(source).to(sink).run().unwrap_err().report);
    let zeros = ends::read("/dev/zero").unwrap();
    let sink = process::sink(sh("kill -9 $$")).unwrap();
    bounded(&pipeline(zeros).to(sink).run().unwrap_err().report);
}

fn enough() {
    let source = process::source(Command::new("yes")).unwrap();
    let sink = process::sink(sh("head -n 1 > /dev/null")).unwrap();
    bounded(&pipeline(source).to(sink).run().unwrap());
}

fn refused() {
    process::source(Command::new("no-such-program")).unwrap_err();
    process::sink(Command::new("no-such-program")).unwrap_err();
    process::stage(Command::new("no-such-program")).unwrap_err();
    let large = Spawn::new(idle()).pipe_bytes(usize::MAX);
    large.stage().unwrap_err();
}

fn unused() {
    drop(process::source(idle()).unwrap());
    drop(process::sink(idle()).unwrap());
    drop(process::stage(idle()).unwrap());
    drop(pipeline(process::source(idle()).unwrap()));
}

fn cancels() {
    let token = CancelToken::new();
    let zeros = ends::read("/dev/zero").unwrap();
    let sink = process::sink(idle()).unwrap();
    let run = pipeline(zeros).cancel_with(&token).to(sink);
    let call = move || run.run().unwrap_err();
    bounded(&interrupted("poll", call, || token.abort("enough")).report);

    let token = CancelToken::new();
    let source = process::source(idle()).unwrap();
    let run = pipeline(source).cancel_with(&token).to(Vec::new());
    bounded(&interrupted(
        "futex",
        move || run.run().unwrap(),
        || token.stop(),
    ));
}

fn panics() {
    let spawn = Spawn::new(sh("echo boo >&2; exec sleep 1000"));
    let source = spawn.stderr_lines(|_| panic!("afraid")).source().unwrap();
    bounded(&pipeline(source).to(Vec::new()).run().unwrap_err().report);
    let panicked = thread::spawn(|| {
        let _source = process::source(idle()).unwrap();
        let _sink = process::sink(idle()).unwrap();
        panic!("afraid");
    });
    panicked.join().unwrap_err();
}

/// Streams with threads in them that are blocked in the kernel.
fn dropped() {
    watched(|| {
        let mark = highwater::HighWaterMark::bytes(64 << 10);
        let mut out = Writable::from_sink(process::sink(idle()).unwrap(), mark);
        let chunk = highwater::Bytes::from(pattern(64 << 10));
        while out.try_write(chunk.clone()).is_ok() {}
        until("its pipe is full", || out.confirmed() > 0);
        let mut input = Readable::from_source(process::source(idle()).unwrap(), mark);
        let brief = std::time::Duration::from_millis(1);
        assert!(input.next_timeout(brief).is_err());
        drop(input);
        drop(out);
    });
}

fn stage() {
    let Halves { sink, source } = process::stage(Command::new("cat")).unwrap();
    let feeder = thread::spawn(move || pipeline(pattern(1 << 20)).to(sink).run().unwrap());
    bounded(&pipeline(source).to(Vec::new()).run().unwrap());
    bounded(&feeder.join().unwrap());
}
