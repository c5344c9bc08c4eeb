//! Who waits for whom where the kernel copies, and how a limit holds there.

use std::io::Write;
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use highwater::report::Monitor;
use highwater::{IntoSource, pipeline};

use crate::kernel::ends::{Place, pair, path, taker};
use crate::support::{Folder, SLICE_BYTES, bounded, interrupted, pattern, until, watched};

/// So long that what else a busy machine does is little beside it.
const HELD_UP: Duration = Duration::from_millis(200);

fn until_waited(monitor: &Monitor, stage: usize) {
    until("it has waited for a while", || {
        let stages = monitor.snapshot();
        let waited = stages.stages().get(stage).map(|stage| stage.waiting);
        waited.is_some_and(|waited| waited > HELD_UP)
    });
}

#[test]
fn an_idle_source_is_waited_for_and_is_no_bottleneck() {
    let folder = Folder::new();
    let (from, mut feeder) = pair();
    let (sink, _arrived) = Place::File.sink(&folder, 2);
    let start = pipeline(from.into_source());
    let monitor = start.monitor();
    let run = start.to(sink);
    let report = interrupted(
        "poll",
        move || run.run().unwrap(),
        move || {
            until_waited(&monitor, 0);
            feeder.write_all(b"ok").unwrap();
        },
    );
    assert_eq!(path(&report), "splice");
    let [source, sink] = report.stages() else {
        panic!("{report}");
    };
    assert!(source.busy < source.waiting, "{report}");
    assert!(sink.starved > HELD_UP && sink.busy < HELD_UP, "{report}");
    assert!(sink.waiting < HELD_UP, "{report}");
    assert_eq!(report.bottleneck(), "waits for its source");
    bounded(&report);
}

#[test]
fn a_peer_that_takes_nothing_is_the_bottleneck_and_the_mark_is_what_may_be_on_its_way() {
    let bytes = pattern(32 << 20);
    let (from, mut feeder) = pair();
    let (to, peer) = pair();
    let fed = std::thread::spawn({
        let bytes = bytes.clone();
        move || feeder.write_all(&bytes).unwrap()
    });
    let start = pipeline(from);
    let monitor = start.monitor();
    let run = start.to(to);
    let report = interrupted(
        "poll",
        move || run.run().unwrap(),
        move || {
            until_waited(&monitor, 1);
            assert!(taker(peer).join().unwrap() == bytes);
        },
    );
    fed.join().unwrap();
    assert_eq!(path(&report), "splice");
    let [source, sink] = report.stages() else {
        panic!("{report}");
    };
    assert!(
        source.blocked > HELD_UP && source.busy < HELD_UP,
        "{report}"
    );
    assert!(
        sink.waiting > HELD_UP && sink.busy < sink.waiting,
        "{report}"
    );
    assert_eq!(report.bottleneck(), sink.name);
    assert!(
        report.to_string().ends_with("(waits for its peer)"),
        "{report}"
    );
    let buffer = sink.buffer.unwrap();
    assert_eq!(buffer.high_water_mark, SLICE_BYTES);
    assert!(buffer.peak <= SLICE_BYTES, "{report}");
    assert!(!report.to_string().contains("a chunk"), "{report}");
    bounded(&report);
}

#[test]
fn what_a_silence_saved_is_not_spent_in_a_burst() {
    const PER_SECOND: u64 = 1 << 20;
    for to in [Place::File, Place::Tcp] {
        let bytes = pattern(PER_SECOND as usize / 4);
        let folder = Folder::new();
        let (from, mut feeder) = pair();
        let (sink, arrived) = to.sink(&folder, bytes.len());
        let began = Arc::<OnceLock<Instant>>::default();
        let since = Arc::clone(&began);
        let start = pipeline(from.into_source())
            .limit(PER_SECOND)
            .progress(move |progress| {
                let since = since.get().unwrap().elapsed().as_secs_f64();
                let most = (PER_SECOND as f64 * (since + 0.05)) as u64 + 1;
                assert!(progress.bytes <= most, "{} of {most}", progress.bytes);
            });
        let monitor = start.monitor();
        let run = start.to(sink);
        let fed = bytes.clone();
        let report = interrupted(
            "poll",
            move || run.run().unwrap(),
            move || {
                until_waited(&monitor, 0);
                began.set(Instant::now()).unwrap();
                feeder.write_all(&fed).unwrap();
            },
        );
        assert!(arrived.bytes() == bytes);
        assert_eq!(path(&report), "splice");
        bounded(&report);
    }
}

#[test]
fn a_low_rate_comes_in_pieces_and_not_in_lumps() {
    let bytes = pattern(1_000);
    for to in [Place::File, Place::Tcp] {
        let folder = Folder::new();
        let (tell, told) = channel();
        let source = Place::File.source(&folder, &bytes);
        let (sink, arrived) = to.sink(&folder, bytes.len());
        let run = pipeline(source)
            .limit(10_000)
            .progress(move |progress| tell.send(progress.bytes).unwrap())
            .to(sink);
        let began = Instant::now();
        let report = watched(move || run.run().unwrap());
        assert!(began.elapsed() >= Duration::from_millis(100), "{report}");
        assert!(arrived.bytes() == bytes);
        let seen: Vec<_> = told.iter().collect();
        assert!(seen[0] <= 250 && seen.windows(2).all(|two| two[1] - two[0] <= 250));
        assert!(!path(&report).starts_with("buffered"), "{report}");
        assert_eq!(report.bottleneck(), "limit");
        bounded(&report);
    }
}
