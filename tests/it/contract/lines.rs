//! Rules 6, 9, 12, 13, 15 and 19, for lines in a pipeline: each is a chunk that weighs one more
//! than its bytes.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use highwater::Batch;
use highwater::lines::{self, Prefix};
use highwater::{
    CancelToken, Error, ErrorKind, HighWaterMark, Pipeline, ReadSource, Sink, Source, pipeline,
};

use crate::support::hostile::{Scripted, Step};
use crate::support::stages::{
    At, CHUNK, Counting, Gated, HIGH, Interruptible, assert_bounded, same,
};
use crate::support::{Gate, in_time, task, until};

/// So many lines, the longest of which weigh less than a chunk. Some are empty.
fn log(count: usize) -> Vec<String> {
    (0..count).map(|number| "x".repeat(number % 9)).collect()
}

fn text(lines: &[String]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect()
}

fn chunks(text: Vec<u8>) -> ReadSource<Cursor<Vec<u8>>> {
    ReadSource::new(Cursor::new(text), "log").chunk_bytes(CHUNK)
}

fn lines_of(source: impl Source<Bytes> + 'static) -> Pipeline<'static, Bytes> {
    pipeline(source)
        .high_water_mark(HighWaterMark::bytes(HIGH))
        .through_with(lines::lines(), lines::mark(HIGH))
}

/// Keeps every line, and fails at one.
#[derive(Default)]
struct Kept {
    lines: Vec<Bytes>,
    fails_at: Option<usize>,
}

impl Sink<Bytes> for Kept {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        if self.fails_at == Some(self.lines.len()) {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        self.lines.extend(batch.pop().map(|line| line.chunk));
        Ok(())
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        "kept".into()
    }
}

// Rules 6 and 9.
#[test]
fn every_line_arrives_also_an_empty_one() {
    in_time(|| {
        let (report, sink) = lines_of(chunks(text(&log(500))))
            .to(Kept::default())
            .run_into()
            .unwrap();
        assert_eq!(sink.lines, log(500));
        assert_eq!(report.stages()[1].name, "lines | kept");
        assert_bounded(&report);
    });
}

// Rule 9.
#[test]
fn lines_that_end_again_are_the_file_that_they_were() {
    in_time(|| {
        let (report, sink) = lines_of(chunks(text(&log(500))))
            .through(lines::append_end("\n"))
            .to(Vec::new())
            .run_into()
            .unwrap();
        assert!(sink.into_inner() == text(&log(500)));
        assert_bounded(&report);
    });
}

// Rules 1 and 17: a mark whose unit is not bytes, before a sink that counts them.
#[test]
fn frames_are_written_to_the_byte_whatever_they_weigh() {
    in_time(|| {
        for most in [1, 3, usize::MAX] {
            let script = [Step::Move(most), Step::Interrupt];
            let sink = highwater::WriteSink::new(Scripted::new(script), "disk");
            let (report, sink) = lines_of(chunks(text(&log(2500))))
                .to(sink)
                .run_into()
                .unwrap();
            assert_eq!(sink.into_inner().written, log(2500).concat().as_bytes());
            assert_bounded(&report);
        }
        let (_, sink) = lines_of(chunks(vec![b'\n'; 3000]))
            .to(Vec::new())
            .run_into()
            .unwrap();
        assert_eq!(sink.into_inner(), b"");
    });
}

// Rule 9: a stream without data has no line, and one without a last end has a last line.
#[test]
fn an_end_without_data_is_no_line() {
    in_time(|| {
        for (input, expected) in [
            ("", vec![]),
            ("\n", vec![""]),
            ("a\n\nb", vec!["a", "", "b"]),
        ] {
            let ready = lines_of(chunks(input.into())).to(Kept::default());
            let (report, sink) = ready.run_into().unwrap();
            assert_eq!(sink.lines, expected);
            assert_bounded(&report);
        }
    });
}

// Rule 19.
#[test]
fn lines_hold_no_more_than_their_marks_while_the_sink_stands_still() {
    const ALL: usize = 4000;
    in_time(|| {
        let gate = Gate::new();
        let read = Arc::new(AtomicUsize::new(0));
        let watched = Counting {
            inner: chunks(text(&log(ALL))),
            read: Arc::clone(&read),
            announce: |_| {},
        };
        let sink = Gated {
            inner: Kept::default(),
            gate: gate.clone(),
        };
        let before = lines_of(watched);
        let monitor = before.monitor();
        let ready = before.to(sink);
        let running = task(move || ready.run_into().unwrap());
        until("the source is held up", || {
            let report = monitor.snapshot();
            let source = report.stages().first();
            source.is_some_and(|source| !source.blocked.is_zero())
        });
        // The buffer, the lines that are staged for the sink, the chunk that is taken apart, and
        // the beginning of a line.
        let most = (HIGH + CHUNK) + HIGH + 2 * CHUNK;
        let read = read.load(Ordering::SeqCst);
        assert!(read <= most, "{read} read");
        gate.open(ALL);
        let (report, sink) = running.join();
        assert_eq!(sink.inner.lines, log(ALL));
        assert_bounded(&report);
    });
}

// Rule 12: what the error has cut off is no line.
#[test]
fn an_error_of_the_source_comes_behind_the_lines_before_it() {
    in_time(|| {
        let mut left = vec!["one\ntw", "o\nthr"].into_iter();
        let failing = ReadSource::new(
            crate::support::hostile::Pattern::new(0, [Step::Fail(io::ErrorKind::ConnectionReset)]),
            "peer",
        );
        let source = First {
            before: std::iter::from_fn(move || left.next().map(Bytes::from)),
            then: failing,
        };
        let (seen, kept) = crossbeam_channel::unbounded();
        let failure = lines_of(source)
            .to(highwater::stream::SenderSink::new(seen))
            .run()
            .unwrap_err();
        assert_eq!(failure.error.stage(), Some("peer"));
        assert_eq!(failure.error.offset(), Some(11));
        assert_eq!(failure.error.others().count(), 0, "an echo was shown");
        assert_eq!(kept.try_iter().collect::<Vec<_>>(), ["one", "two"]);
        assert_bounded(&failure.report);
    });
}

/// Some chunks, and then what another source gives.
struct First<I, S> {
    before: I,
    then: S,
}

impl<I: Iterator<Item = Bytes> + Send, S: Source<Bytes>> Source<Bytes> for First<I, S> {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        match self.before.next() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.then.read(),
        }
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.then.name()
    }
}

// Rules 12 and 18.
#[test]
fn a_failed_sink_ends_the_lines_and_gives_back_whole_ones() {
    in_time(|| {
        for at in [0, 1, 100] {
            let sink = Kept {
                fails_at: Some(at),
                ..Kept::default()
            };
            let failure = lines_of(chunks(text(&log(4000))))
                .to(sink)
                .run()
                .unwrap_err();
            assert_eq!(failure.error.stage(), Some("kept"));
            assert_eq!(failure.error.others().count(), 0, "an echo was shown");
            assert_bounded(&failure.report);
            let given_back: Vec<_> = failure.undelivered.into_iter().collect();
            assert_eq!(given_back, log(4000)[at..at + given_back.len()]);
        }
    });
}

// Rule 12, of the lines themselves.
#[test]
fn a_line_over_the_limit_fails_the_pipeline_where_the_line_begins() {
    in_time(|| {
        let failure = pipeline(chunks(b"one\ntwo\nthree and more\nfour\n".to_vec()))
            .high_water_mark(HighWaterMark::bytes(HIGH))
            .through_with(lines::lines().max_bytes(5), lines::mark(HIGH))
            .to(Kept::default())
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(failure.error.offset(), Some(8));
        assert_eq!(
            failure.error.to_string(),
            "failed to transform in `lines`: over the limit of 5 bytes: a line that begins at byte 8"
        );
        assert_eq!(failure.report.bytes(), 8, "what came before has arrived");
        assert_bounded(&failure.report);

        let cut_off = pipeline(chunks(b"\x03one\x05fo".to_vec()))
            .through_with(lines::frames(Prefix::U8), lines::mark(HIGH))
            .to(Kept::default())
            .run()
            .unwrap_err();
        assert_eq!(cut_off.error.stage(), Some("frames"));
        assert_eq!(cut_off.error.offset(), Some(4));
        assert_eq!(cut_off.report.bytes(), 4, "the frame before it has arrived");
    });
}

// Rule 13.
#[test]
fn a_panic_behind_the_lines_is_that_stages_error() {
    in_time(|| {
        let failure = lines_of(chunks(text(&log(4000))))
            .through_with(same(At::Panics(7)), lines::mark(HIGH))
            .to(Kept::default())
            .run()
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::Panicked);
        assert_eq!(failure.error.stage(), Some("transform"));
        assert_eq!(failure.error.others().count(), 0, "an echo was shown");
        assert_bounded(&failure.report);
    });
}

// Rule 15.
#[test]
fn lines_that_are_blocked_can_be_stopped_and_aborted() {
    in_time(|| {
        for aborts in [true, false] {
            let token = CancelToken::new();
            let gate = Gate::new();
            let sink = Interruptible {
                inner: Kept::default(),
                gate: gate.clone(),
            };
            let ready = lines_of(chunks(text(&log(4000))))
                .cancel_with(&token)
                .to(sink);
            let running = task(move || ready.run_into());
            gate.until_arrived(1);
            running.until_parked();
            if aborts {
                token.abort("the user went home");
                let failure = running.join().map(|(report, _)| report).unwrap_err();
                assert!(failure.error.is_same(&token.cause().unwrap()));
                assert_eq!(failure.report.bytes(), 0);
                assert_bounded(&failure.report);
            } else {
                token.stop();
                gate.open(4000);
                let (report, sink) = running.join().unwrap();
                assert!(report.was_stopped());
                let arrived = sink.inner.lines;
                // The last may be the beginning of one.
                let whole = arrived.len().saturating_sub(1);
                assert_eq!(arrived[..whole], log(4000)[..whole]);
                assert_bounded(&report);
            }
        }
    });
}
