//! A writable that is torn down in the middle of something.

use highwater::state::{Batching, Event, Marks, Misuse, SinkRequest, WritableState};
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Writable, channel};

use crate::node::parts::{Keeper, Log, bytes, kaboom};
use crate::support::{Gate, in_time, task};

// test-stream-write-destroy.js: with something queued or not, ended or not.
#[test]
fn a_destroyed_machine_completes_what_is_in_flight_and_never_begins_what_is_queued() {
    for queues in [false, true] {
        for ends in [false, true] {
            let marks = Marks::new(1, 0).unwrap();
            let mut state: WritableState<&str, Misuse> =
                WritableState::new(marks, |text| text.len(), Batching::One);
            let mut drains = 0;
            assert!(state.write("abc").unwrap().reached());
            assert!(matches!(state.next_request(), Some(SinkRequest::Write(_))));
            drains += usize::from(state.complete().contains(Event::Drain));
            assert_eq!(drains, 1);

            if queues {
                assert!(state.write("def").unwrap().reached());
                assert!(matches!(state.next_request(), Some(SinkRequest::Write(_))));
            }
            if ends {
                state.end_with("ghi").unwrap();
            } else {
                assert!(state.write("ghi").unwrap().reached());
            }
            let in_flight = state.next_request().is_some();
            assert_eq!(in_flight, !queues, "one at a time");
            assert_eq!(state.len(), if queues { 6 } else { 3 });

            let given_back = state.destroy(None);
            let expected: &[&str] = if queues { &["ghi"] } else { &[] };
            assert!(given_back.iter().eq(expected));
            assert!(state.next_request().is_none(), "not while one is running");
            drains += usize::from(state.complete().contains(Event::Drain));
            assert_eq!(drains, 1, "nobody writes on");
            assert_eq!(state.len(), 0);
            assert!(matches!(state.next_request(), Some(SinkRequest::Release)));
            assert!(!state.released().contains(Event::Finish));
            assert!(state.next_request().is_none());
        }
    }
}

// test-stream-write-destroy.js: the same, of a stream with its thread.
#[test]
fn a_destroyed_stream_completes_what_is_in_flight_and_gives_back_what_is_queued() {
    in_time(|| {
        for queues in [false, true] {
            for ends in [false, true] {
                let (log, gate) = (Log::default(), Gate::new());
                let sink = Keeper::new(&log).gated(&gate);
                let kept = sink.kept();
                let mut out = Writable::from_sink(sink, HighWaterMark::bytes(9));
                out.write(bytes("abc")).unwrap();
                gate.open(1);
                out.flush().unwrap();

                out.write(bytes("def")).unwrap();
                gate.until_arrived(2);
                if queues {
                    out.write(bytes("ghi")).unwrap();
                }
                if ends {
                    out.end();
                }
                assert_eq!(out.len(), if queues { 6 } else { 3 });
                let given_back = out.destroy(kaboom());
                let expected: &[&str] = if queues { &["ghi"] } else { &[] };
                assert!(given_back.iter().eq(expected));
                gate.open(9);
                let failure = out.wait_finish().unwrap_err();
                assert_eq!(failure.to_string(), "kaboom");
                assert_eq!(kept.chunks(), ["abc", "def"]);
                assert_eq!(out.confirmed(), 6, "what was in flight did arrive");
                assert_eq!(log.count("finish"), 0);
            }
        }
    });
}

// test-stream-writable-destroy.js: `_destroy` gets the error, and cannot swallow it here.
// test-stream-destroy-event-order.js: the error is told before the close.
#[test]
fn a_sink_learns_why_its_stream_is_destroyed_before_it_is_let_go() {
    for writes in [false, true] {
        let log = Log::default();
        let mut out = Writable::from_sink(Keeper::new(&log), HighWaterMark::items(1));
        if writes {
            out.write(1).unwrap();
            out.flush().unwrap();
        }
        let cause = kaboom();
        assert!(out.destroy(cause.clone()).is_empty());
        assert!(out.error().unwrap().is_same(&cause));
        assert!(out.wait_finish().unwrap_err().is_same(&cause));
        assert!(out.is_closed());
        assert!(!out.is_finished());
        assert_eq!(out.len(), 0);
        drop(out);
        let entries = log.entries();
        let last = entries.iter().rev().take(2).rev();
        assert!(last.eq(["fail: kaboom", "sink dropped"]), "{entries:?}");
        assert_eq!(log.count("finish"), 0);
        assert_eq!(log.count("written"), usize::from(writes));
    }
}

// test-stream-writable-destroy.js: "double error case".
#[test]
fn the_first_error_that_a_writable_is_destroyed_with_stays() {
    let log = Log::default();
    let mut out: Writable<u8, _> = Writable::from_sink(Keeper::new(&log), HighWaterMark::items(1));
    let first = Error::new(ErrorKind::Failed, "kaboom 1");
    let second = Error::new(ErrorKind::Failed, "kaboom 2");
    drop(out.destroy(first.clone()));
    drop(out.destroy(second.clone()));
    assert!(out.error().unwrap().is_same(&first));
    assert!(first.others().eq_by_identity(&second));
    assert!(out.finish().err().unwrap().is_same(&first));
    assert_eq!(log.entries(), ["fail: kaboom 1", "sink dropped"]);
}

/// Says whether it is this error, and no other.
trait EqByIdentity {
    fn eq_by_identity(self, error: &Error) -> bool;
}

impl<'a, I: Iterator<Item = &'a Error>> EqByIdentity for I {
    fn eq_by_identity(mut self, error: &Error) -> bool {
        self.next().is_some_and(|first| first.is_same(error)) && self.next().is_none()
    }
}

// test-stream-writable-destroy.js: a write, and an end, after a destroy.
#[test]
fn after_a_destroy_a_write_is_refused_and_an_end_is_no_finish() {
    let log = Log::default();
    let (mut writer, reader) = channel(HighWaterMark::items(1));
    let cause = kaboom();
    drop(writer.destroy(cause.clone()));
    let refused = writer.clone().write("asd").unwrap_err();
    assert_eq!(refused.into_chunk(), "asd");
    let refused = writer.write("asd").unwrap_err();
    assert_eq!(refused.into_chunk(), "asd");
    writer.end();
    assert!(writer.finish().unwrap_err().is_same(&cause));
    assert_eq!(reader.len(), 0);

    let mut out = Writable::from_sink(Keeper::new(&log), HighWaterMark::items(1));
    drop(out.destroy(cause.clone()));
    assert_eq!(out.write("asd").unwrap_err().into_chunk(), "asd");
    out.end();
    assert!(out.finish().err().unwrap().is_same(&cause));
    assert_eq!(log.entries(), ["fail: kaboom", "sink dropped"]);
}

// test-stream-writable-destroy.js: one write corked and let go, one corked and kept.
#[test]
fn a_destroy_gives_back_what_a_cork_held_back() {
    let log = Log::default();
    let sink = Keeper::new(&log);
    let kept = sink.kept();
    let mut out = Writable::from_sink(sink, HighWaterMark::items(4));
    let cork = out.cork();
    out.write("let go").unwrap();
    drop(cork);
    out.flush().unwrap();

    let cork = out.cork();
    out.write("kept").unwrap();
    assert_eq!(out.len(), 1);
    let given_back = out.destroy(kaboom());
    assert!(given_back.iter().eq(&["kept"]));
    assert_eq!(out.write("late").unwrap_err().into_chunk(), "late");
    drop(cork);
    assert!(out.finish().is_err());
    assert_eq!(kept.chunks(), ["let go"]);
    assert_eq!(log.count("fail: kaboom"), 1);
}

// test-stream-writable-destroy.js: `this.destroy()` in `_write`, which then calls back.
#[test]
fn a_stream_that_its_own_sink_aborts_is_not_finished() {
    let token = CancelToken::new();
    let aborts = token.clone();
    let each = move |_: u8| {
        aborts.abort("asd");
        Ok(())
    };
    let mut out = Writable::from_fn(each, HighWaterMark::items(4));
    out.cancel_with(&token);
    let cork = out.cork();
    out.write(1).unwrap();
    out.write(2).unwrap();
    assert_eq!(out.len(), 2);
    drop(cork);
    let failure = out.wait_finish().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Cancelled);
    assert!(!out.is_finished());
    assert_eq!(out.confirmed(), 1, "the call that ran is the last");
    assert!(out.take_undelivered().iter().eq(&[2]));
}

// test-stream-writable-destroy.js: "Call end(cb) after finish & destroy".
#[test]
fn a_destroy_after_the_finish_changes_nothing() {
    let log = Log::default();
    let mut out = Writable::from_sink(Keeper::new(&log), HighWaterMark::items(1));
    out.write(1).unwrap();
    out.wait_finish().unwrap();
    assert!(out.destroy(kaboom()).is_empty());
    out.end();
    assert!(out.is_finished());
    assert!(out.error().is_none());
    assert_eq!(out.len(), 0);
    let _ = out.finish().unwrap();
    assert_eq!(log.count("finished"), 1);
}

// test-stream-writable-destroy.js: "Call buffered write callback with error".
#[test]
fn a_write_that_fails_gives_back_what_was_queued_behind_it() {
    let cause = kaboom();
    let log = Log::default();
    let sink = Keeper::new(&log).failing_after(1, &cause);
    let mut out = Writable::from_sink(sink, HighWaterMark::items(4));
    let cork = out.cork();
    for item in 1..=3 {
        out.write(item).unwrap();
    }
    assert_eq!(out.len(), 3);
    drop(cork);
    let failure = out.wait_finish().unwrap_err();
    assert_eq!(failure.kind(), cause.kind());
    assert_eq!(out.confirmed(), 1);
    let undelivered = out.take_undelivered();
    assert!(
        undelivered.iter().eq(&[2, 3]),
        "in order, with the one that failed"
    );
    assert_eq!(log.count("write"), 2);
    assert_eq!(log.count("finish"), 0);
}

// test-stream-pipeline-queued-end-in-destroy.js: a sink that ends itself while it is destroyed.
#[test]
fn an_end_in_the_middle_of_a_destroy_does_not_make_a_finish_of_it() {
    let marks = Marks::new(1, 0).unwrap();
    let mut state: WritableState<&str, Misuse> =
        WritableState::new(marks, |text| text.len(), Batching::One);
    assert!(state.write("foo").unwrap().reached());
    assert!(matches!(state.next_request(), Some(SinkRequest::Write(_))));
    drop(state.destroy(None));
    state.end();
    assert!(state.complete().is_empty());
    assert!(matches!(state.next_request(), Some(SinkRequest::Release)));
    assert!(!state.released().contains(Event::Finish));
    assert!(!state.is_finished());

    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let sink = Keeper::new(&log).gated(&gate);
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(16));
        out.write(bytes("foo")).unwrap();
        gate.until_arrived(1);
        out.write(bytes("queued")).unwrap();
        assert_eq!(out.len(), 9);
        assert_eq!(out.destroy(kaboom()).weight(), 6);
        out.end();
        let ending = task(move || out.finish().err().unwrap());
        ending.until_parked();
        gate.open(1);
        assert_eq!(ending.join().to_string(), "kaboom");
        assert_eq!(log.count("finish"), 0);
    });
}
