//! Rule 22: a limit on the rate is a limit at every moment.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use highwater::stage::{Collect, Retry};
use highwater::stream::{ReceiverSource, concat, take_bytes};
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Pipeline, ReadSource, Readable, Source, fs,
    pipeline, pipeline_of, process,
};

use crate::contract::reports::assert_adds_up;
use crate::support::hostile::pattern;
use crate::support::{in_time, task, until};

/// What may pass in so long, and the twentieth of a second that is allowed beyond.
fn allowed(per_second: u64, since: Instant) -> usize {
    (per_second as f64 * (since.elapsed().as_secs_f64() + 0.05)) as usize + 1
}

/// Runs a pipeline that is fed only after a silence, and watches what comes out of it.
fn no_burst_after_a_silence(
    what: &str,
    begun: Pipeline<'static, Bytes>,
    per_second: u64,
    feed: impl FnOnce(&[u8]) + Send + 'static,
) {
    let (all, silence) = (per_second as usize / 4, Duration::from_millis(300));
    let (tell, told) = mpsc::channel::<Bytes>();
    let monitor = begun.monitor();
    let ready = begun.limit(per_second).for_each(move |chunk| {
        tell.send(chunk).unwrap();
    });
    let running = task(move || ready.run().unwrap());
    until("it has waited for a while", || {
        let report = monitor.snapshot();
        report
            .stages()
            .first()
            .is_some_and(|source| source.waiting > silence)
    });
    let bytes = pattern(all);
    let fed = bytes.clone();
    let began = Instant::now();
    let feeder = task(move || feed(&fed));
    let mut got = Vec::new();
    for chunk in told {
        got.extend_from_slice(&chunk);
        let most = allowed(per_second, began);
        assert!(got.len() <= most, "{what}: {} of {most}", got.len());
    }
    assert!(got == bytes, "{what}");
    feeder.join();
    let report = running.join();
    assert_eq!(report.bytes(), all as u64, "{what}");
    let high = report.stages()[1].buffer.unwrap().high_water_mark;
    let piece = per_second as usize / 40;
    assert!(report.stages()[1].buffer.unwrap().peak <= high + piece);
    assert_adds_up(&report);
}

#[test]
fn what_a_silence_saved_is_not_spent_in_a_burst() {
    in_time(|| {
        let (mut peer, socket) = UnixStream::pair().unwrap();
        let feed = move |bytes: &[u8]| peer.write_all(bytes).unwrap();
        no_burst_after_a_silence("a socket", pipeline(socket), 1 << 20, feed);

        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut child = Command::new("cat");
        child.stdin(reader);
        let source = process::source(child).unwrap();
        let feed = move |bytes: &[u8]| writer.write_all(bytes).unwrap();
        no_burst_after_a_silence("a child", pipeline(source), 1 << 20, feed);

        for own_thread in [true, false] {
            let (mut out, readable) = highwater::channel(HighWaterMark::bytes(1 << 20));
            let begun = match own_thread {
                true => pipeline(readable),
                false => readable.into_pipeline(),
            };
            let feed = move |bytes: &[u8]| {
                for chunk in bytes.chunks(1_000) {
                    let _ = out.write(Bytes::copy_from_slice(chunk)).unwrap();
                }
                out.end();
            };
            no_burst_after_a_silence("a stream", begun, 1 << 20, feed);
        }
    });
}

// What held the pipeline up before is no silence of its source, and saves nothing either.
#[test]
fn what_a_slow_sink_has_saved_is_not_spent_in_a_burst() {
    const PER_SECOND: u64 = 1 << 20;
    in_time(|| {
        let bytes = pattern(PER_SECOND as usize / 4);
        let (sender, receiver) = crossbeam_channel::bounded::<Bytes>(0);
        let begun = pipeline(bytes.clone()).high_water_mark(HighWaterMark::bytes(1_000));
        let monitor = begun.monitor();
        let ready = begun
            .limit(PER_SECOND)
            .to(highwater::stream::SenderSink::new(sender));
        let running = task(move || ready.run().unwrap());
        until("the sink has waited for a while", || {
            let report = monitor.snapshot();
            let waited =
                |sink: &highwater::report::StageReport| sink.waiting > Duration::from_millis(300);
            report.stages().last().is_some_and(waited)
        });
        let began = Instant::now();
        let mut got = Vec::new();
        // What was on its way by then is no burst: the mark, a piece, and what the sink had in hand.
        let under_way = 1_000 + 3 * (PER_SECOND as usize / 40);
        for chunk in receiver {
            got.extend_from_slice(&chunk);
            assert!(got.len() <= allowed(PER_SECOND, began) + under_way);
        }
        assert!(got == bytes);
        let report = running.join();
        assert_eq!(report.bytes(), bytes.len() as u64);
        let buffer = report.stages()[1].buffer.unwrap();
        assert!(buffer.peak <= 1_000 + PER_SECOND as usize / 40);
        assert_adds_up(&report);
    });
}

#[test]
fn a_stream_that_a_pipeline_begins_with_is_limited_too() {
    const PER_SECOND: u64 = 1_000;
    in_time(|| {
        let mark = HighWaterMark::items(200);
        let (mut out, readable) = highwater::channel(mark);
        (0..100_u32).for_each(|n| assert!(out.write(n).is_ok()));
        out.end();
        let began = Instant::now();
        let mut seen = 0;
        let report = readable
            .into_pipeline()
            .limit(PER_SECOND)
            .for_each(move |n| {
                assert_eq!(n, seen);
                seen += 1;
                assert!(seen as usize <= allowed(PER_SECOND, began), "{seen}");
            })
            .run()
            .unwrap();
        assert_eq!(report.bytes(), 100);
        assert_eq!(report.bottleneck(), "limit", "{report}");
        assert!(report.stages()[1].buffer.unwrap().peak <= 100);
        assert_adds_up(&report);
    });
}

/// Every source of bytes, of 300 bytes.
fn byte_sources(file: &Path) -> Vec<(&'static str, Box<dyn Source<Bytes>>)> {
    let opened = || fs::read(file).unwrap();
    let (mut peer, socket) = UnixStream::pair().unwrap();
    peer.write_all(&pattern(300)).unwrap();
    let mut cat = Command::new("cat");
    cat.arg(file);
    let socket = highwater::IntoSource::into_source(socket);
    let memory = highwater::IntoSource::into_source(pattern(300));
    let reader = || ReadSource::new(std::io::Cursor::new(pattern(300)), "reader");
    let child = process::source(cat).unwrap();
    vec![
        ("memory", Box::new(memory)),
        ("a reader", Box::new(reader())),
        ("a file", Box::new(opened())),
        (
            "a range of a file",
            Box::new(opened().range(0..300).unwrap()),
        ),
        ("a socket", Box::new(socket)),
        ("a child", Box::new(child)),
        ("the first bytes", Box::new(take_bytes(reader(), 300))),
        ("one after the other", Box::new(concat([reader()]))),
        (
            "one that is opened again",
            Box::new(Retry::new(move |_| Ok(reader()))),
        ),
    ]
}

#[test]
fn a_low_rate_comes_in_pieces_and_not_in_lumps() {
    in_time(|| {
        let name = format!("highwater-limit-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, pattern(300)).unwrap();
        for (what, source) in byte_sources(&file) {
            // What the rate gives for a fortieth of a second.
            let (per_second, piece) = (4_000, 100);
            let (tell, told) = mpsc::channel::<Bytes>();
            let report = pipeline(source)
                .limit(per_second)
                .for_each(move |chunk| {
                    tell.send(chunk).unwrap();
                })
                .run()
                .unwrap();
            let chunks: Vec<_> = told.iter().collect();
            assert!(chunks.concat() == pattern(300), "{what}");
            assert!(chunks.iter().all(|chunk| chunk.len() <= piece), "{what}");
            assert!(report.stages()[1].buffer.unwrap().peak <= 300, "{what}");
        }
        std::fs::remove_file(file).unwrap();
        let began = Instant::now();
        let (_, got) = pipeline(vec![7; 3])
            .limit(20)
            .to(Vec::new())
            .run_into()
            .unwrap();
        assert_eq!(got.into_inner(), [7; 3]);
        assert!(began.elapsed() >= Duration::from_millis(150));
    });
}

#[test]
fn a_record_is_not_cut_by_a_limit() {
    in_time(|| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        (0..3).for_each(|n| sender.send(Bytes::from(vec![n; 100])).unwrap());
        drop(sender);
        let (_, got) = pipeline_of(ReceiverSource::new(receiver), HighWaterMark::bytes(64))
            .limit(1_000)
            .to(Collect::at_most(3))
            .run_into()
            .unwrap();
        let sizes: Vec<_> = got.into_vec().iter().map(Bytes::len).collect();
        assert_eq!(sizes, [100, 100, 100]);
    });
}

#[test]
fn the_highest_rate_holds_nothing_up() {
    in_time(|| {
        let bytes = pattern(1 << 20);
        let run = pipeline(bytes.clone()).limit(u64::MAX).to(Vec::new());
        let (report, got) = run.run_into().unwrap();
        assert!(got.into_inner() == bytes);
        assert_ne!(report.bottleneck(), "limit", "{report}");
        let buffer = report.stages()[1].buffer.unwrap();
        assert!(buffer.peak <= buffer.high_water_mark + highwater::mark::READ_BYTES);
    });
}

#[test]
fn what_a_limit_holds_for_ages_is_ended_by_a_token() {
    in_time(|| {
        for own_thread in [true, false] {
            let mark = HighWaterMark::weighed(1 << 50, |_: &u8| 1 << 40);
            let (mut out, readable) = highwater::channel(mark);
            (0..3).for_each(|n| assert!(out.write(n).is_ok()));
            out.end();
            let begun = match own_thread {
                true => pipeline_of(readable, mark),
                false => readable.into_pipeline(),
            };
            let token = CancelToken::new();
            let monitor = begun.monitor();
            let ready = begun.limit(1).cancel_with(&token).to(Collect::at_most(3));
            let running = task(move || ready.run().unwrap_err());
            until("the first has passed", || {
                monitor.snapshot().bytes() == 1 << 40
            });
            running.until_parked();
            token.abort("too slow");
            let failure = running.join();
            assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
            assert_eq!(failure.report.bytes(), 1 << 40);
            assert_eq!(failure.report.bottleneck(), "limit");
        }
    });
}

/// Counts its reads, and whether it was told why it is read no more.
struct Unread {
    reads: Arc<AtomicUsize>,
    told: mpsc::Sender<ErrorKind>,
}

impl Source<Bytes> for Unread {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Bytes::from_static(b"read")))
    }

    fn fail(&mut self, cause: &Error) {
        self.told.send(cause.kind()).unwrap();
    }
}

#[test]
fn a_limit_of_nothing_is_an_error_before_anything_is_read() {
    in_time(|| {
        let reads = Arc::<AtomicUsize>::default();
        let (told, tells) = mpsc::channel();
        let unread = || Unread {
            reads: Arc::clone(&reads),
            told: told.clone(),
        };
        let refused = |error: &Error| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(
                error.to_string().contains("a limit of 0 a second"),
                "{error}"
            );
        };
        let failure = pipeline(unread())
            .limit(0)
            .to(Vec::new())
            .run()
            .unwrap_err();
        refused(&failure.error);
        assert_eq!(failure.report.bytes(), 0);
        assert_eq!(tells.recv().unwrap(), ErrorKind::InvalidInput);

        let mut readable = pipeline(unread()).limit(0).readable();
        refused(&readable.next().unwrap().unwrap_err());
        drop(readable);

        let readable = Readable::from_source(unread(), HighWaterMark::bytes(1));
        let failure = readable.into_pipeline().limit(0).to(Vec::new()).run();
        refused(&failure.unwrap_err().error);

        let failure = pipeline(fs::read("/dev/null").unwrap())
            .limit(0)
            .to(fs::append("/dev/null").unwrap())
            .run();
        refused(&failure.unwrap_err().error);
        assert_eq!(reads.load(Ordering::SeqCst), 0);

        // The last one told counts.
        let report = pipeline(&b"read"[..])
            .limit(0)
            .limit(1_000)
            .to(Vec::new())
            .run();
        assert_eq!(report.unwrap().bytes(), 4);
    });
}
