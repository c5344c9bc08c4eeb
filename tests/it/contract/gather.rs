//! Many sources into one stream, a source that is opened again, and a second sink: rules 12 to 16.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use highwater::stage::{Collect, CollectBytes, Retry};
use highwater::stream::{ReceiverSource, SenderSink, concat, merge};
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Out, ReadSource, Readable, WriteSink, channel,
    pipeline,
};

use crate::support::hostile::{Pattern, Scripted, Step, pattern};
use crate::support::stages::{CHUNK, Gated, HIGH, assert_bounded, source};
use crate::support::{Gate, in_time, task, until};

#[test]
fn merged_sources_keep_their_own_order() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        for sources in 0..5_usize {
            let streams = (0..sources)
                .map(|source| Readable::from_iter((0..500).map(move |n| (source, n)), mark));
            let mut merged = merge(streams, mark);
            let mut next = vec![0; sources];
            for item in merged.by_ref() {
                let (source, n) = item.unwrap();
                assert_eq!(n, next[source]);
                next[source] += 1;
            }
            assert_eq!(next, vec![500; sources]);
            assert!(merged.peak() <= 4 + sources, "{} buffered", merged.peak());
        }
    });
}

// Rules 12 and 14: whatever the others wait for.
#[test]
fn the_first_source_that_fails_ends_all() {
    in_time(|| {
        let (sender, silent) = crossbeam_channel::bounded(1);
        sender.send(Bytes::from_static(b"first")).unwrap();
        let (mut writer, failing) = channel(HighWaterMark::bytes(8));
        let sources: Vec<Box<dyn highwater::Source<Bytes>>> =
            vec![Box::new(ReceiverSource::new(silent)), Box::new(failing)];
        let mut merged = merge(sources, HighWaterMark::bytes(8));
        assert_eq!(merged.next().unwrap().unwrap(), "first");
        writer.fail(Error::other("broken"));
        let error = merged.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        drop(merged);
        assert!(
            sender.send(Bytes::new()).is_err(),
            "the other source lives on"
        );
    });
}

// Rules 11, 15 and 16.
#[test]
fn merged_sources_are_let_go_with_their_reader_and_by_a_token() {
    in_time(|| {
        for drops in [true, false] {
            let channels: Vec<_> = (0..3)
                .map(|_| crossbeam_channel::bounded::<u8>(1))
                .collect();
            let receivers = channels
                .iter()
                .map(|(_, receiver)| ReceiverSource::new(receiver.clone()));
            let mut merged = merge(receivers, HighWaterMark::items(2));
            assert!(merged.try_next().is_err(), "nothing was sent");
            let token = CancelToken::new();
            merged.cancel_with(&token);
            if drops {
                drop(merged);
            } else {
                let reading = task(move || merged.next());
                reading.until_parked();
                token.stop();
                assert!(reading.join().is_none());
            }
        }
    });
}

#[test]
fn sources_are_read_one_after_the_other() {
    in_time(|| {
        let parts = || {
            [300, 0, 700].map(|end| ReadSource::new(Pattern::new(end, [Step::Move(CHUNK)]), "part"))
        };
        let begun = pipeline(concat(parts())).high_water_mark(HighWaterMark::bytes(HIGH));
        let (report, sink) = begun.to(Vec::new()).run_into().unwrap();
        assert!(sink.into_inner() == [pattern(300), pattern(700)].concat());
        assert_bounded(&report);
        let [first, _, last] = parts();
        let broken = Pattern::new(99, [Step::Fail(io::ErrorKind::InvalidData)]);
        let broken = [first, ReadSource::new(broken, "broken"), last];
        let failure = pipeline(concat(broken)).to(Vec::new()).run().unwrap_err();
        assert_eq!(failure.error.stage(), Some("broken"));
        assert_eq!(failure.report.bytes(), 300);
    });
}

/// A reader of the pattern from some place on, which breaks after so many bytes.
fn breaks_after(bytes: usize, from: usize, end: usize) -> ReadSource<impl io::Read + Send> {
    let rest = io::Cursor::new(pattern(end).split_off(from));
    let taken = io::Read::take(rest, bytes as u64);
    let broken = Pattern::new(end, [Step::Fail(io::ErrorKind::ConnectionReset)]);
    let whole = from + bytes >= end;
    let tail: Box<dyn io::Read + Send> = if whole {
        Box::new(io::empty())
    } else {
        Box::new(broken)
    };
    ReadSource::new(io::Read::chain(taken, tail), "flaky").chunk_bytes(CHUNK)
}

#[test]
fn a_source_is_opened_again_where_it_broke_off() {
    in_time(|| {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let source = Retry::new(move |offset| {
            // Every second time it cannot even be opened.
            if count.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            Ok(breaks_after(77, offset as usize, 1_000))
        });
        let begun = pipeline(source.pause(Duration::ZERO).attempts(3));
        let (report, sink) = begun
            .high_water_mark(HighWaterMark::bytes(HIGH))
            .to(Vec::new())
            .run_into()
            .unwrap();
        assert!(sink.into_inner() == pattern(1_000));
        assert_eq!(opened.load(Ordering::SeqCst), 25);
        assert_bounded(&report);
    });
}

#[test]
fn a_source_that_goes_on_failing_fails_with_its_last_error() {
    in_time(|| {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let refuses = move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Err::<ReadSource<io::Empty>, _>(
                io::Error::from(io::ErrorKind::ConnectionRefused).into(),
            )
        };
        let source = Retry::new(refuses.clone())
            .pause(Duration::ZERO)
            .attempts(4);
        let failure = pipeline(source).to(Vec::new()).run().unwrap_err();
        let refused = ErrorKind::Io(io::ErrorKind::ConnectionRefused);
        assert_eq!(failure.error.kind(), refused);
        assert_eq!(opened.load(Ordering::SeqCst), 4);
        let picky = Retry::new(refuses).when(|error| error.kind() == ErrorKind::TimedOut);
        assert!(pipeline(picky).to(Vec::new()).run().is_err());
        assert_eq!(opened.load(Ordering::SeqCst), 5, "it was tried again");
    });
}

// Rule 15: between two attempts, and in one.
#[test]
fn a_source_that_is_tried_again_can_be_cancelled() {
    in_time(|| {
        let (sender, silent) = crossbeam_channel::bounded(1);
        for waits in [true, false] {
            let silent = silent.clone();
            let tried = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&tried);
            let source = Retry::new(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                if waits {
                    return Err(Error::other("not now"));
                }
                Ok(ReceiverSource::new(silent.clone()))
            });
            let token = CancelToken::new();
            let begun = pipeline(source.pause(Duration::from_secs(3_600))).cancel_with(&token);
            let running = task(move || begun.to(Vec::new()).run());
            until("it was opened", || tried.load(Ordering::SeqCst) == 1);
            token.abort("enough");
            let failure = running.join().unwrap_err();
            assert_eq!(failure.error.kind(), ErrorKind::Cancelled);
        }
        drop(sender);
    });
}

// Rule 19: the slower of two sinks paces both.
#[test]
fn a_second_sink_that_stands_still_holds_the_first_up() {
    in_time(|| {
        const ALL: usize = 20_000;
        let gate = Gate::new();
        let second = Gated {
            inner: WriteSink::new(Vec::new(), "second"),
            gate: gate.clone(),
        };
        let begun = pipeline(source(ALL, [Step::Move(CHUNK)]));
        let monitor = begun.monitor();
        let ready = begun
            .high_water_mark(HighWaterMark::bytes(HIGH))
            .tee(second)
            .to(Vec::new());
        let running = task(move || ready.run_into().unwrap());
        gate.until_arrived(1);
        running.until_parked();
        let read = monitor.snapshot().stages()[0].bytes as usize;
        assert!(read <= 2 * (HIGH + CHUNK) + 2 * CHUNK, "{read} read");
        gate.open(ALL);
        let (report, sink) = running.join();
        assert!(sink.into_inner() == pattern(ALL));
        assert_bounded(&report);
        assert_eq!(report.stages()[1].name, "second");
        assert_eq!(report.stages()[1].bytes, ALL as u64);
    });
}

// Rules 12 and 13, for a second sink, also while the source is silent.
#[test]
fn a_second_sink_that_fails_fails_the_pipeline() {
    in_time(|| {
        for buffered in [false, true] {
            let (sender, receiver) = crossbeam_channel::unbounded();
            sender.send(Bytes::from_static(b"first")).unwrap();
            let second = WriteSink::new(
                Scripted::until(2, Step::Fail(io::ErrorKind::StorageFull)),
                "second",
            );
            let mut begun = pipeline(ReceiverSource::new(receiver)).tee(second);
            if buffered {
                begun = begun.buffered(HighWaterMark::bytes(HIGH));
            }
            let failure = begun.to(CollectBytes::at_most(99)).run().unwrap_err();
            assert_eq!(failure.error.stage(), Some("second"));
            assert_eq!(failure.error.offset(), Some(2));
            assert_eq!(failure.error.others().count(), 0, "an echo was shown");
            drop(sender);
        }
    });
}

// Rule 12: the second sink is told the cause, and not just that its writer went away.
#[test]
fn a_second_sink_is_told_why_its_pipeline_failed() {
    in_time(|| {
        for behind in [false, true] {
            let (mut writer, mut reader) = channel(HighWaterMark::items(100));
            let (told, cause) = std::sync::mpsc::channel();
            let second = Told {
                writer: Some(writer.clone()),
                told,
            };
            let fails = |chunk: Bytes, out: &mut Out<'_, Bytes>| {
                out.push(chunk)?;
                Err(Error::other("the stage failed"))
            };
            let mut begun = pipeline(source(usize::MAX, [Step::Move(CHUNK)])).tee(second);
            if behind {
                begun = begun.buffered(HighWaterMark::bytes(HIGH));
            }
            let failure = begun.through(fails).to(Vec::new()).run().unwrap_err();
            writer.end();
            assert!(cause.recv().unwrap().is_same(&failure.error));
            drop(reader.next());
        }
    });

    struct Told {
        writer: Option<highwater::Writable<Bytes>>,
        told: std::sync::mpsc::Sender<Error>,
    }

    impl highwater::Sink<Bytes> for Told {
        fn write(&mut self, batch: &mut highwater::Batch<Bytes>) -> Result<(), Error> {
            drop(batch.pop());
            Ok(())
        }

        fn fail(&mut self, cause: &Error) {
            if let Some(mut writer) = self.writer.take() {
                writer.end();
            }
            self.told.send(cause.clone()).unwrap();
        }
    }
}

#[test]
fn a_second_sink_that_has_had_enough_is_left_out() {
    in_time(|| {
        /// Takes one chunk.
        struct One(SenderSink<Bytes>, bool);

        impl highwater::Sink<Bytes> for One {
            fn write(&mut self, batch: &mut highwater::Batch<Bytes>) -> Result<(), Error> {
                self.1 = true;
                self.0.write(batch)
            }

            fn is_done(&self) -> bool {
                self.1
            }
        }

        let (sender, receiver) = crossbeam_channel::unbounded();
        let begun = pipeline(source(1_000, [Step::Move(CHUNK)]));
        let both = begun
            .high_water_mark(HighWaterMark::bytes(HIGH))
            .tee(One(SenderSink::new(sender), false));
        let (report, sink) = both.to(Vec::new()).run_into().unwrap();
        assert!(sink.into_inner() == pattern(1_000));
        assert!(receiver.iter().count() >= 1);
        assert_bounded(&report);
    });
}

#[test]
fn a_merge_of_pipelines_is_a_source_of_another() {
    in_time(|| {
        let mark = HighWaterMark::items(4);
        let doubled = (0..3).map(|n| {
            let numbers = Readable::from_iter((0..100).map(move |i| 100 * n + i), mark);
            numbers.into_pipeline().map(|n: u32| 2 * n).readable()
        });
        let (_, all) = merge(doubled, mark)
            .into_pipeline()
            .to(Collect::at_most(300))
            .run_into()
            .unwrap();
        let mut all = all.into_vec();
        all.sort_unstable();
        assert_eq!(all, (0..300).map(|n| 2 * n).collect::<Vec<_>>());
    });
}
