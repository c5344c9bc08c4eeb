//! When a stream counts as finished, and who is told what when it is not.

use std::time::Duration;

use highwater::stage::operators::PassThrough;
use highwater::stream::duplex_pair;
use highwater::{
    CancelToken, Duplex, Error, ErrorKind, HighWaterMark, Out, Readable, Transform, Writable,
    channel,
};

use crate::node::parts::{Ending, Keeper, Log, Logged, Maker, bytes, kaboom};
use crate::support::{Gate, in_time, task};

// test-stream-writable-end-cb-error.js: each `end(cb)` gets the error of the write.
#[test]
fn everyone_who_waits_for_the_finish_is_told_the_error_of_the_write() {
    let cause = kaboom();
    let log = Log::default();
    let sink = Keeper::new(&log).failing_after(0, &cause);
    let mut out = Writable::from_sink(sink, HighWaterMark::bytes(8));
    out.write(bytes("asd")).unwrap();
    assert_eq!(out.high_water_mark(), 8);
    out.end();
    let first = out.wait_finish().unwrap_err();
    out.end();
    assert!(out.wait_finish().unwrap_err().is_same(&first));
    assert!(out.error().unwrap().is_same(&first));
    assert_eq!(first.kind(), ErrorKind::Failed);
    assert!(first.to_string().contains("kaboom"), "{first}");
    assert!(out.len() <= 3);
    assert!(out.finish().err().unwrap().is_same(&first));
    assert_eq!(log.count("write"), 1);
}

// test-stream-writable-end-cb-error.js: and that of `final`.
// test-stream-writable-final-throw.js: also one that throws.
#[test]
fn a_sink_that_cannot_finish_fails_its_stream() {
    for panics in [false, true] {
        let log = Log::default();
        let sink = Keeper::new(&log).ending(if panics {
            Ending::Panics
        } else {
            Ending::Fails(kaboom())
        });
        let kept = sink.kept();
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(8));
        out.write(bytes("test")).unwrap();
        assert_eq!(out.len().max(4), 4);
        let failure = out.wait_finish().unwrap_err();
        let (kind, said) = if panics {
            (ErrorKind::Panicked, "the sink broke at the end")
        } else {
            (ErrorKind::Failed, "kaboom")
        };
        assert_eq!(failure.kind(), kind);
        assert!(failure.to_string().contains(said), "{failure}");
        assert!(!out.is_finished());
        assert!(out.finish().err().unwrap().is_same(&failure));
        assert_eq!(kept.chunks(), ["test"]);
        assert_eq!(log.count("finish"), 1);
        assert_eq!(log.count("finished"), 0);
    }
}

// test-stream-write-final.js: `final` takes its time.
// test-stream-writable-final-async.js: so does an asynchronous one.
#[test]
fn a_stream_is_finished_when_its_sink_has_finished_and_not_before() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let sink = Keeper::new(&log).ending(Ending::Waits(gate.clone()));
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(8));
        out.write(bytes("test")).unwrap();
        out.end();
        gate.until_arrived(1);
        assert_eq!((out.len(), out.confirmed()), (0, 4), "all was written");
        assert!(!out.is_finished());
        let too_early = out.wait_finish_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(too_early.kind(), ErrorKind::TimedOut);
        let waiting = task(move || out.finish());
        waiting.until_parked();
        gate.open(1);
        drop(waiting.join().unwrap());
        let order = ["write", "written", "finish", "finished", "sink dropped"];
        assert_eq!(log.entries(), order);
    });
}

// test-stream-writable-final-destroy.js: a destroy while `final` runs.
#[test]
fn a_destroy_while_the_sink_finishes_is_no_finish() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let sink = Keeper::<u8>::new(&log).ending(Ending::Waits(gate.clone()));
        let mut out = Writable::from_sink(sink, HighWaterMark::items(1));
        out.write(1).unwrap();
        out.end();
        gate.until_arrived(1);
        let cause = kaboom();
        assert!(out.destroy(cause.clone()).is_empty());
        gate.open(1);
        assert!(out.wait_finish().unwrap_err().is_same(&cause));
        assert!(!out.is_finished());
        assert_eq!(out.len(), 0);
    });
}

/// A stage whose flush says something, and which says what it does while it does it.
struct Spoken(Log);

impl Transform<u8, u8> for Spoken {
    fn transform(&mut self, chunk: u8, out: &mut Out<'_, u8>) -> Result<(), Error> {
        self.0.note(format!("transform {chunk}"));
        out.push(chunk)?;
        self.0.note(format!("transformed {chunk}"));
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, u8>) -> Result<(), Error> {
        self.0.note("flush");
        out.push(0)?;
        self.0.note("flushed");
        Ok(())
    }
}

// test-stream-transform-final.js: 1, 4 and 7, each through all of it before the next one.
#[test]
fn a_chunk_is_through_its_transform_before_the_next_one_and_the_flush_comes_last() {
    let log = Log::default();
    let mut stage = Spoken(log.clone());
    let mut push = |chunk| {
        log.note(format!("data {chunk}"));
        Ok(())
    };
    let mut out = Out::new(&mut push);
    for chunk in [1, 4, 7] {
        stage.transform(chunk, &mut out).unwrap();
    }
    stage.flush(&mut out).unwrap();
    let each = |n: u8| {
        [
            format!("transform {n}"),
            format!("data {n}"),
            format!("transformed {n}"),
        ]
    };
    let flush = ["flush", "data 0", "flushed"].map(str::to_owned);
    assert_eq!(log.entries(), [each(1), each(4), each(7), flush].concat());
}

// test-stream-transform-final.js: finish, the end of the flush and the end, in this order.
#[test]
fn a_transform_has_finished_writing_while_it_flushes_and_ends_after() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let mark = HighWaterMark::items(4);
        let mut stage = Duplex::over(Logged::new(&log).gated(&gate), mark, mark);
        for chunk in [1, 4, 7] {
            stage.write(chunk).unwrap();
        }
        stage.end();
        gate.open(3);
        assert!((&mut stage).take(3).map(Result::unwrap).eq([1, 4, 7]));
        gate.until_arrived(4);
        stage.writable().wait_finish().unwrap();
        assert_eq!(log.count("flushed"), 0);
        let at_end = task(move || (stage.next(), stage));
        at_end.until_parked();
        gate.open(1);
        let (end, mut stage) = at_end.join();
        assert!(end.is_none());
        assert_eq!(log.count("flushed"), 1);
        assert!(stage.readable().peak() <= 4);
        drop(stage);
        assert_eq!(log.entries().last().unwrap(), "stage dropped");
    });
}

// test-stream-finished.js: of a readable, a writable, a transform, and of a stream that was over
// long before.
#[test]
fn a_stream_that_went_well_says_so_to_whoever_asks_and_however_late() {
    let (mut writer, mut reader) = channel(HighWaterMark::items(1));
    writer.write(1).unwrap();
    writer.end();
    assert_eq!(reader.next().unwrap().unwrap(), 1);
    assert!(reader.next().is_none());
    assert!(reader.error().is_none());
    assert_eq!(reader.peak(), 1);
    drop(reader);
    for _ in 0..2 {
        writer.wait_finish().unwrap();
        writer.wait_finish_timeout(Duration::ZERO).unwrap();
    }
    writer.finish().unwrap();

    let mark = HighWaterMark::items(1);
    let mut stage: Duplex<u8> = Duplex::over(PassThrough, mark, mark);
    stage.end();
    assert!(stage.next().is_none());
    stage.writable().wait_finish().unwrap();
    assert!(stage.next().is_none());
}

// test-stream-finished.js: 'file-does-not-exist'.
#[cfg(unix)]
#[test]
fn a_file_that_is_not_there_is_not_found() {
    let failure = highwater::fs::read("file-does-not-exist").err().unwrap();
    let not_found = ErrorKind::Io(std::io::ErrorKind::NotFound);
    assert_eq!(failure.kind(), not_found);
}

// test-stream-finished.js: 'close' without an end, or in front of what was not read.
#[test]
fn a_stream_that_is_closed_before_its_end_says_so_to_both_sides() {
    let (mut writer, mut reader) = channel(HighWaterMark::items(4));
    writer.write("asd").unwrap();
    drop(writer);
    assert_eq!(reader.next().unwrap().unwrap(), "asd");
    let failure = reader.next().unwrap().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::PrematureClose);
    assert!(reader.next().is_none());
    assert_eq!(reader.peak(), 1);

    let (mut writer, reader) = channel(HighWaterMark::items(4));
    writer.write("asd").unwrap();
    writer.end();
    drop(reader);
    let failure = writer.wait_finish().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Closed);
    assert!(writer.finish().unwrap_err().is_same(&failure));
}

// test-stream-finished.js: "Don't invoke until destroy has completed."
#[test]
fn a_destroyed_stream_is_not_closed_before_its_sink_is_out_of_its_call() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let mut out = Writable::from_sink(Keeper::new(&log).gated(&gate), HighWaterMark::items(1));
        out.write(1).unwrap();
        gate.until_arrived(1);
        drop(out.destroy(kaboom()));
        assert!(!out.is_closed());
        let too_early = out.wait_finish_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(too_early.kind(), ErrorKind::TimedOut);
        assert_eq!(log.entries(), ["write"]);
        gate.open(1);
        assert_eq!(out.wait_finish().unwrap_err().to_string(), "kaboom");
        assert!(out.is_closed());
        assert_eq!(out.len(), 0);
    });
}

// test-stream-finished.js: `{ readable: true, writable: false }` of a duplex that never finishes.
#[test]
fn one_half_of_a_duplex_ends_while_the_other_one_does_not() {
    let mark = HighWaterMark::items(1);
    let (mut here, mut there) = duplex_pair::<u8, u8, _, _>(mark, mark);
    here.write(1).unwrap();
    here.end();
    there.end();
    assert!(here.next().is_none(), "what was written to us has ended");
    let writing = here.writable();
    let not_yet = writing.wait_finish_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(not_yet.kind(), ErrorKind::TimedOut, "nobody has read it");
    assert_eq!(writing.len(), 1);
    assert_eq!(there.next().unwrap().unwrap(), 1);
    assert!(there.next().is_none());
    here.writable().wait_finish().unwrap();
}

// test-stream-finished.js: a pass-through that is ended and that nobody reads.
#[test]
fn what_nobody_reads_is_not_finished() {
    let mark = HighWaterMark::items(1);
    let mut stage = Duplex::over(PassThrough, mark, mark);
    stage.write(1).unwrap();
    stage.end();
    // The half that is written to finishes, for the stage has taken everything, as Node's 'finish'
    // says. The whole does not: its end is behind what nobody has read.
    stage.writable().wait_finish().unwrap();
    assert_eq!(stage.readable().len(), 1);
    assert_eq!(stage.next().unwrap().unwrap(), 1);
    assert!(stage.next().is_none());
}

// test-stream-finished.js: its signal ends the wait.
#[test]
fn an_abort_ends_the_wait_for_a_finish_that_never_comes() {
    in_time(|| {
        let (mut writer, reader) = channel(HighWaterMark::items(1));
        let token = CancelToken::new();
        writer.cancel_with(&token);
        writer.write(1).unwrap();
        let waiting = task(move || writer.finish().unwrap_err());
        waiting.until_parked();
        assert_eq!(reader.len(), 1);
        token.abort("enough");
        assert_eq!(waiting.join().kind(), ErrorKind::Cancelled);
        assert_eq!(reader.error().unwrap().kind(), ErrorKind::Cancelled);
    });
}

// test-stream-finished.js: the regression with a duplex that reads out of a pass-through.
#[test]
fn three_chunks_of_a_stream_that_was_over_before_go_through_another_one() {
    let mark = HighWaterMark::bytes(64);
    let mut response = Duplex::over(PassThrough, mark, mark);
    for chunk in ["chunk 1", "chunk 2", "chunk 3"] {
        response.write(bytes(chunk)).unwrap();
    }
    response.end();
    let (response, _writing) = response.split();
    let mut hello = response.through(PassThrough, mark);
    let mut all = Vec::new();
    for chunk in &mut hello {
        all.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(all, b"chunk 1chunk 2chunk 3");
    assert!(hello.peak() <= 21);
}

// test-stream-auto-destroy.js: a readable, a writable and a transform, each let go once.
#[test]
fn what_is_over_is_let_go_once_and_after_its_end() {
    let log = Log::default();
    let made = ["hello", "world"];
    let source = Maker::new(&log, move |n| Ok(made.get(n).copied()));
    let mut reader = Readable::from_source(source, HighWaterMark::items(1));
    assert_eq!(reader.by_ref().map(Result::unwrap).count(), 2);
    assert_eq!(reader.peak(), 1);
    drop(reader);
    assert_eq!(log.entries(), ["read", "read", "read", "source dropped"]);

    let log = Log::default();
    let mut out = Writable::from_sink(Keeper::new(&log), HighWaterMark::items(1));
    for chunk in made {
        out.write(chunk).unwrap();
        assert!(out.len() <= 1);
    }
    out.end();
    drop(out);
    let end = ["finish", "finished", "sink dropped"];
    assert_eq!(log.entries()[4..], end);

    let log = Log::default();
    let mark = HighWaterMark::items(2);
    let mut stage = Duplex::over(Logged::new(&log), mark, mark);
    for chunk in made {
        stage.write(chunk).unwrap();
    }
    stage.end();
    assert!(stage.by_ref().map(Result::unwrap).eq(made));
    assert!(stage.readable().peak() <= 2);
    drop(stage);
    let all = [
        "transform",
        "transform",
        "flush",
        "flushed",
        "stage dropped",
    ];
    assert_eq!(log.entries(), all);
}
