//! What holds between two slices: progress, a limit, a cancel, a timeout, a look from outside.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use highwater::report::Monitor;
use highwater::{
    Budget, CancelToken, ErrorKind, HighWaterMark, IntoSource, fs as ends, net, pipeline,
    pipeline_of,
};

use crate::kernel::ends::{Place, pair, path, taker};
use crate::support::{Folder, SLICE_BYTES, bounded, interrupted, pattern, until, watched};

#[test]
fn progress_grows_slice_by_slice_and_ends_exactly() {
    let bytes = pattern(5 * SLICE_BYTES + 3);
    for to in [Place::File, Place::Tcp] {
        let folder = Folder::new();
        let (tell, told) = channel();
        let source = Place::File.source(&folder, &bytes);
        let (sink, arrived) = to.sink(&folder, bytes.len());
        let run = pipeline(source)
            .progress(move |progress| tell.send((progress.bytes, progress.total)).unwrap())
            .to(sink);
        let report = watched(move || run.run().unwrap());
        assert!(arrived.bytes() == bytes);
        let seen: Vec<_> = told.iter().collect();
        let total = bytes.len() as u64;
        assert!(seen.iter().all(|(_, of)| *of == Some(total)));
        assert!(seen.len() > bytes.len() / SLICE_BYTES);
        assert!(seen.windows(2).all(|two| two[0].0 < two[1].0));
        let step = |two: &[(u64, _)]| two[1].0 - two[0].0 <= SLICE_BYTES as u64;
        assert!(seen.windows(2).all(step));
        assert_eq!(seen.last().unwrap().0, total);
        assert_eq!(report.stages()[1].chunks, seen.len() as u64);
        bounded(&report);
    }
}

#[test]
fn a_limit_holds_and_comes_in_no_lumps() {
    let bytes = pattern(3 << 20);
    for to in [Place::File, Place::Tcp] {
        let folder = Folder::new();
        let (tell, told) = channel();
        let source = Place::File.source(&folder, &bytes);
        let (sink, arrived) = to.sink(&folder, bytes.len());
        let run = pipeline(source)
            .limit(10 << 20)
            .progress(move |progress| tell.send(progress.bytes).unwrap())
            .to(sink);
        let began = Instant::now();
        let report = watched(move || run.run().unwrap());
        assert!(began.elapsed() >= Duration::from_millis(300), "{report}");
        assert!(arrived.bytes() == bytes);
        let seen: Vec<_> = told.iter().collect();
        assert!(seen.windows(2).all(|two| two[1] - two[0] <= 1 << 20));
        assert!(!path(&report).starts_with("buffered"), "{report}");
        assert_eq!(report.bottleneck(), "limit");
        bounded(&report);
    }
}

#[test]
fn a_budget_and_a_mark_leave_it_be() {
    let bytes = pattern(SLICE_BYTES);
    let mark = HighWaterMark::bytes(8192);
    for of_its_own in [false, true] {
        let folder = Folder::new();
        let budget = Budget::new(1 << 20);
        let source = Place::Tcp.source(&folder, &bytes);
        let (sink, arrived) = Place::Tcp.sink(&folder, bytes.len());
        let start = match of_its_own {
            true => pipeline_of(source, mark),
            false => pipeline(source).high_water_mark(mark),
        };
        let run = start.budget(&budget).to(sink);
        let report = watched(move || run.run().unwrap());
        assert!(arrived.bytes() == bytes);
        assert_eq!(path(&report), "splice");
        // What is in the pipe counts against the mark, for it is on its way.
        let buffer = report.stages()[1].buffer.unwrap();
        assert!(buffer.peak > 0 && buffer.peak <= 8192, "{buffer:?}");
        assert_eq!(budget.peak(), 0);
    }
}

/// Reads what is left, if there ever is an end, or as far as a reset lets it.
fn remains(mut peer: TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    // A reset is what an abort gives.
    let _ = peer.read_to_end(&mut got);
    got
}

/// Waits until something has gone through, and the sink takes no more.
fn until_blocked(monitor: &Monitor) {
    until("the sink is waited for", || {
        let seen = monitor.snapshot();
        seen.bytes() > 0 && seen.stages()[0].blocked > Duration::ZERO
    });
}

#[test]
fn an_abort_reaches_a_sink_that_is_stalled_and_gives_back_what_it_held() {
    let bytes = pattern(32 << 20);
    let (from, mut feeder) = pair();
    let (to, peer) = pair();
    let fed = std::thread::spawn({
        let bytes = bytes.clone();
        // It ends with a reset, when what it writes to is gone.
        move || feeder.write_all(&bytes).is_ok()
    });
    let token = CancelToken::new();
    let start = pipeline(from).cancel_with(&token);
    let monitor = start.monitor();
    let run = start.to(to);
    let failure = interrupted(
        "poll",
        move || run.run().unwrap_err(),
        move || {
            until_blocked(&monitor);
            token.abort("enough");
        },
    );
    assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
    assert_eq!(path(&failure.report), "splice");
    bounded(&failure.report);
    // What it has confirmed and what it gives back is one piece of what was sent.
    let confirmed = failure.report.bytes() as usize;
    assert!(confirmed > 0);
    let held = failure.undelivered.concat();
    assert!(held == bytes[confirmed..confirmed + held.len()]);
    let got = remains(peer);
    assert!(got.len() <= confirmed && got == bytes[..got.len()]);
    assert!(!fed.join().unwrap());
}

#[test]
fn a_stop_lets_through_what_was_read() {
    let bytes = pattern(32 << 20);
    let (from, mut feeder) = pair();
    let (to, peer) = pair();
    let fed = std::thread::spawn({
        let bytes = bytes.clone();
        move || feeder.write_all(&bytes).is_ok()
    });
    let token = CancelToken::new();
    let start = pipeline(from).cancel_with(&token);
    let monitor = start.monitor();
    let run = start.to(to);
    let got = std::sync::Arc::new(std::sync::OnceLock::new());
    let took = std::sync::Arc::clone(&got);
    let report = interrupted(
        "poll",
        move || run.run().unwrap(),
        move || {
            until_blocked(&monitor);
            token.stop();
            took.set(taker(peer)).unwrap();
        },
    );
    assert!(report.was_stopped());
    bounded(&report);
    let got = std::sync::Arc::into_inner(got).unwrap();
    let got = got.into_inner().unwrap().join().unwrap();
    assert_eq!(got.len() as u64, report.bytes());
    assert!(got == bytes[..got.len()]);
    assert!(!fed.join().unwrap());
}

#[test]
fn both_arms_reach_a_source_that_says_nothing() {
    for stops in [true, false] {
        let folder = Folder::new();
        let (from, mut feeder) = pair();
        feeder.write_all(b"a little").unwrap();
        let (sink, arrived) = Place::File.sink(&folder, 8);
        let token = CancelToken::new();
        let run = pipeline(from).cancel_with(&token).to(sink);
        let outcome = interrupted(
            "poll",
            move || run.run(),
            move || match stops {
                true => token.stop(),
                false => token.abort("enough"),
            },
        );
        match outcome {
            Ok(report) => assert!(stops && report.was_stopped() && path(&report) == "splice"),
            Err(failure) => {
                assert!(!stops);
                assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
                assert_eq!(failure.report.bytes(), 8);
            }
        }
        assert_eq!(arrived.bytes(), b"a little");
        drop(feeder);
    }
}

#[test]
fn a_token_that_was_used_before_moves_nothing() {
    let folder = Folder::new();
    let source = Place::File.source(&folder, &pattern(100));
    let (sink, arrived) = Place::File.sink(&folder, 0);
    let token = CancelToken::new();
    token.abort("before");
    let failure = pipeline(source).cancel_with(&token).to(sink).run();
    assert_eq!(failure.unwrap_err().report.bytes(), 0);
    assert_eq!(arrived.bytes(), b"");
}

#[test]
fn a_peer_that_moves_nothing_is_given_up_on_either_side() {
    let folder = Folder::new();
    let listener = net::listen("127.0.0.1:0").unwrap();
    let connect = || {
        let address = listener.local_addr().unwrap().to_string();
        let within = Duration::from_millis(100);
        net::connect(address).idle_timeout(within).open().unwrap()
    };
    let (silent, _peer) = (connect(), listener.accept().unwrap());
    let (sink, _arrived) = Place::File.sink(&folder, 0);
    let run = pipeline(silent.into_source()).to(sink);
    let failure = watched(move || run.run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert_eq!(failure.error.operation(), Some("read from"));
    assert_eq!(path(&failure.report), "splice");

    let (deaf, _peer) = (connect(), listener.accept().unwrap());
    let bytes = pattern(32 << 20);
    let source = Place::File.source(&folder, &bytes);
    let run = pipeline(source).to(deaf);
    let failure = watched(move || run.run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert_eq!(failure.error.operation(), Some("write to"));
    assert_eq!(failure.error.offset(), Some(failure.report.bytes()));
    assert_eq!(path(&failure.report), "sendfile");
}

#[test]
fn it_is_seen_from_outside_while_it_runs() {
    let folder = Folder::new();
    let from = folder.file("from", &pattern(4 * SLICE_BYTES));
    let start = pipeline(ends::read(from).unwrap());
    let monitor = start.monitor();
    let (tell, told) = channel();
    let watched = monitor.clone();
    assert_eq!(monitor.snapshot().path(), None);
    let run = start
        .progress(move |_| tell.send(watched.snapshot()).unwrap())
        .to(ends::create(folder.path("to")).unwrap());
    let report = run.run().unwrap();
    for (number, seen) in told.iter().enumerate() {
        assert_eq!(seen.bytes(), ((number + 1) * SLICE_BYTES) as u64);
        assert_eq!(path(&seen), "copy_file_range");
    }
    assert_eq!(monitor.snapshot().path(), report.path());
    bounded(&report);
}

#[test]
fn the_report_says_which_side_was_waited_for() {
    let folder = Folder::new();
    let (from, mut feeder) = pair();
    let (sink, _arrived) = Place::File.sink(&folder, 2);
    let run = pipeline(from.into_source()).to(sink);
    let report = interrupted(
        "poll",
        move || run.run().unwrap(),
        move || feeder.write_all(b"ok").unwrap(),
    );
    assert_eq!(report.bytes(), 2);
    let [source, sink] = report.stages() else {
        panic!("{report}");
    };
    assert!(sink.starved > Duration::ZERO, "{report}");
    assert_eq!(source.blocked, Duration::ZERO, "{report}");
}
