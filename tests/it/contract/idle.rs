//! Sources that have nothing to give: they wait, and hold nothing up.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;

use bytes::Bytes;
use highwater::stage::{Retry, waiting};
use highwater::stream::{BranchPolicy, ReceiverSource, merge};
use highwater::{HighWaterMark, Pipeline, ReadSource, Readable, broadcast, fs, pipeline, process};

use crate::contract::bottlenecks::{HELD_UP, until_held_up};
use crate::contract::reports::assert_adds_up;
use crate::support::{in_time, task};

const WAITS_FOR_SOURCE: &str = "waits for its source";

/// Runs a pipeline whose source has nothing to give, and then has what `feed` gives it.
#[track_caller]
pub(crate) fn an_idle_source_is_no_bottleneck(
    what: &str,
    begun: Pipeline<'static, Bytes>,
    feed: impl FnOnce(),
) {
    let monitor = begun.monitor();
    let ready = begun.to(Vec::new());
    let running = task(move || ready.run_into().unwrap());
    until_held_up(&monitor, <[_]>::first, |source| source.waiting);
    let meanwhile = monitor.snapshot();
    assert_eq!(
        meanwhile.bottleneck(),
        WAITS_FOR_SOURCE,
        "{what}: {meanwhile}"
    );
    feed();
    let (report, sink) = running.join();
    assert_eq!(sink.into_inner(), b"at last", "{what}");
    let [source, .., sink] = report.stages() else {
        panic!("{what}: {report}");
    };
    assert!(source.busy < source.waiting, "{what}: {report}");
    assert!(sink.starved > HELD_UP, "{what}: {report}");
    assert!(sink.busy < sink.starved, "{what}: {report}");
    assert_eq!(report.bottleneck(), WAITS_FOR_SOURCE, "{what}: {report}");
    let told = format!("bottleneck: none, {WAITS_FOR_SOURCE} ({})", source.name);
    assert!(report.to_string().ends_with(&told), "{what}: {report}");
    assert!(sink.buffer.is_none_or(|buffer| buffer.peak <= 7), "{what}");
    assert_adds_up(&report);
}

#[test]
fn a_source_that_waits_for_data_is_no_bottleneck() {
    in_time(|| {
        let (mut peer, socket) = UnixStream::pair().unwrap();
        let feed = move || peer.write_all(b"at last").unwrap();
        an_idle_source_is_no_bottleneck("a socket", pipeline(socket), feed);

        let (sender, receiver) = crossbeam_channel::bounded(1);
        let feed = move || sender.send(Bytes::from_static(b"at last")).unwrap();
        an_idle_source_is_no_bottleneck(
            "a receiver",
            pipeline(ReceiverSource::new(receiver)),
            feed,
        );

        let mut writer = broadcast(HighWaterMark::bytes(64));
        let branch = writer.subscribe(BranchPolicy::Slowest);
        let feed = move || {
            let _ = writer.write("at last".into()).unwrap();
            writer.end();
        };
        an_idle_source_is_no_bottleneck("a branch", pipeline(branch), feed);

        for own_thread in [true, false] {
            let (mut out, readable) = highwater::channel(HighWaterMark::bytes(64));
            let begun = match own_thread {
                true => pipeline(readable),
                false => readable.into_pipeline(),
            };
            let feed = move || {
                let _ = out.write("at last".into()).unwrap();
                out.end();
            };
            an_idle_source_is_no_bottleneck("a readable", begun, feed);
        }

        let (mut peer, socket) = UnixStream::pair().unwrap();
        let merged = merge([socket], HighWaterMark::bytes(64));
        let feed = move || peer.write_all(b"at last").unwrap();
        an_idle_source_is_no_bottleneck("a merge", pipeline(merged), feed);

        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let mut told = false;
        let own = move || {
            waiting(|| receiver.recv()).unwrap();
            Ok((!std::mem::replace(&mut told, true)).then(|| Bytes::from_static(b"at last")))
        };
        let readable = Readable::from_fn(own, HighWaterMark::bytes(64));
        let feed = move || (0..2).for_each(|_| sender.send(()).unwrap());
        an_idle_source_is_no_bottleneck("a closure", pipeline(readable), feed);
    });
}

#[test]
fn a_pipe_and_a_child_that_say_nothing_are_no_bottleneck() {
    in_time(|| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut child = Command::new("cat");
        child.stdin(reader);
        let source = process::source(child).unwrap();
        let feed = move || writer.write_all(b"at last").unwrap();
        an_idle_source_is_no_bottleneck("a child", pipeline(source), feed);

        let path = std::env::temp_dir().join(format!("highwater-idle-{}", std::process::id()));
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let feed = {
            let path = path.clone();
            move || std::fs::write(path, "at last").unwrap()
        };
        an_idle_source_is_no_bottleneck("a FIFO", pipeline(fs::read(&path).unwrap()), feed);
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn a_source_that_waits_to_be_opened_again_is_no_bottleneck() {
    in_time(|| {
        let mut opened = 0;
        let source = Retry::new(move |_| {
            opened += 1;
            match opened {
                1 => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
                _ => Ok(ReadSource::new(&b"again"[..], "again")),
            }
        });
        let report = pipeline(source.pause(HELD_UP))
            .to(Vec::new())
            .run()
            .unwrap();
        assert_eq!(report.bytes(), 5);
        assert!(report.stages()[0].waiting >= HELD_UP, "{report}");
        assert_eq!(report.bottleneck(), WAITS_FOR_SOURCE);
        assert!(report.stages()[1].buffer.unwrap().peak <= 5);
        assert_adds_up(&report);
    });
}
