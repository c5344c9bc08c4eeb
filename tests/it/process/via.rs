//! A child as a stage of one pipeline.

use std::process::Command;

use highwater::process::{self, Halves};
use highwater::stream::ReceiverSource;
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, Out, Pipeline, ReadSource, channel,
    fs as ends, pipeline,
};

use crate::process::kin::{code, reaped, sh};
use crate::support::{bounded, pattern, watched};

/// A pipeline through a child, and the number of that.
fn via(before: Pipeline<'static, Bytes>, command: Command) -> (Pipeline<'static, Bytes>, u32) {
    let Halves { sink, source } = process::stage(command).unwrap();
    let id = sink.id();
    let mark = HighWaterMark::bytes(64 << 10);
    (before.high_water_mark(mark).via(sink, source), id)
}

#[test]
fn what_goes_in_comes_out_of_the_pipeline() {
    watched(|| {
        let bytes = pattern((10 << 20) + 3);
        let (begun, first) = via(pipeline(bytes.clone()), Command::new("gzip"));
        let mut unpack = Command::new("gzip");
        unpack.arg("-d");
        let (begun, second) = via(begun.map(|chunk| chunk), unpack);
        let (report, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert!(sink.into_inner() == bytes);
        assert_eq!(report.stages().len(), 6, "{report}");
        bounded(&report);
        reaped(first);
        reaped(second);
    });
}

#[test]
fn a_child_that_fails_is_the_cause_wherever_it_shows_first() {
    watched(|| {
        for script in ["exit 3", "head -c 10; exit 3", "head -c 99 >&2; exit 3"] {
            let zeros = ends::read("/dev/zero").unwrap();
            let (begun, id) = via(pipeline(zeros), sh(script));
            let failure = begun.to(Vec::new()).run().unwrap_err();
            assert_eq!(code(&failure.error), 3, "{script}");
            assert_eq!(failure.error.others().count(), 0, "an echo was shown");
            bounded(&failure.report);
            reaped(id);
        }
    });
}

// It has read a line, and whatever comes before it may be silent, or endless.
#[test]
fn a_child_that_has_had_enough_stops_what_is_before_it() {
    watched(|| {
        let head = || {
            let mut head = Command::new("head");
            head.args(["-n", "1"]);
            head
        };
        let (sender, receiver) = crossbeam_channel::unbounded();
        sender.send(Bytes::from_static(b"line\n")).unwrap();
        let (begun, id) = via(pipeline(ReceiverSource::new(receiver)), head());
        let (_, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert_eq!(sink.into_inner(), b"line\n");
        reaped(id);

        let (mut writer, reader) = channel(HighWaterMark::bytes(64));
        assert!(writer.write(Bytes::from_static(b"line\n")).is_ok());
        let (begun, id) = via(reader.into_pipeline().map(|chunk| chunk), head());
        let (_, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert_eq!(sink.into_inner(), b"line\n");
        reaped(id);

        let lines = ReadSource::new(std::io::repeat(b'\n'), "lines");
        let (begun, id) = via(pipeline(lines), head());
        let (_, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert_eq!(sink.into_inner(), b"\n");
        reaped(id);
    });
}

#[test]
fn a_failure_beside_the_child_ends_it_and_is_the_cause() {
    watched(|| {
        let fails = |_: Bytes, _: &mut Out<'_, Bytes>| Err(Error::other("the stage failed"));
        let (begun, id) = via(pipeline(pattern(100)).through(fails), Command::new("cat"));
        let failure = begun.to(Vec::new()).run().unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Failed);
        assert_eq!(failure.error.stage(), Some("transform"));
        assert_eq!(failure.error.others().count(), 0, "an echo was shown");
        reaped(id);

        let zeros = ends::read("/dev/zero").unwrap();
        let (begun, id) = via(pipeline(zeros), Command::new("cat"));
        let failure = begun.through(fails).to(Vec::new()).run().unwrap_err();
        assert_eq!(failure.error.stage(), Some("transform"));
        assert_eq!(failure.error.others().count(), 0, "an echo was shown");
        bounded(&failure.report);
        reaped(id);
    });
}

#[test]
fn a_token_ends_a_child_that_is_silent() {
    watched(|| {
        for stops in [true, false] {
            let (sender, receiver) = crossbeam_channel::unbounded::<Bytes>();
            let token = CancelToken::new();
            let (begun, id) = via(pipeline(ReceiverSource::new(receiver)), Command::new("cat"));
            let (tell, told) = std::sync::mpsc::channel();
            let ready = begun.cancel_with(&token).for_each(move |chunk| {
                tell.send(chunk).unwrap();
            });
            let running = std::thread::spawn(move || ready.run());
            sender.send(Bytes::from_static(b"heard")).unwrap();
            assert_eq!(told.recv().unwrap(), "heard");
            if stops {
                token.stop();
                assert_eq!(running.join().unwrap().unwrap().bytes(), 5);
            } else {
                token.abort("enough");
                let failure = running.join().unwrap().unwrap_err();
                assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
            }
            reaped(id);
        }
    });
}
