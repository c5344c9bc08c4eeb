//! What becomes of a source when whoever reads has enough, breaks off, or is told to.

use highwater::state::{Marks, Misuse, ReadableState, Reads};
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Readable, channel};

use crate::node::parts::{Log, Maker, bytes, kaboom};
use crate::support::{Gate, in_time, task, until};

// test-readable-from-iterator-closing.js: `break` runs the generator's `finally`.
#[test]
fn an_endless_iterator_is_dropped_when_its_reader_breaks_off() {
    struct Endless(Log);
    impl Iterator for Endless {
        type Item = char;
        fn next(&mut self) -> Option<char> {
            self.0.note("next");
            Some('a')
        }
    }
    impl Drop for Endless {
        fn drop(&mut self) {
            self.0.note("finally");
        }
    }

    in_time(|| {
        let log = Log::default();
        let mut stream = Readable::from_iter(Endless(log.clone()), HighWaterMark::items(1));
        let first = stream
            .by_ref()
            .map(Result::unwrap)
            .find(|chunk| *chunk == 'a');
        assert!(first.is_some());
        assert_eq!(log.count("finally"), 0);
        assert_eq!(stream.peak(), 1);
        drop(stream);
        assert_eq!(log.count("finally"), 1, "a drop waits for it");
        assert!((1..=2).contains(&log.count("next")), "the mark is 1");
    });
}

// test-readable-from-iterator-closing.js: a generator that throws, or whose value is an error.
#[test]
fn a_source_that_fails_is_not_read_again_and_let_go() {
    let log = Log::default();
    let source = Maker::new(&log, |n| match n {
        0 => Ok(Some('a')),
        _ => Err(kaboom()),
    });
    let mut stream = Readable::from_source(source, HighWaterMark::items(4));
    assert_eq!(stream.next().unwrap().unwrap(), 'a');
    let failure = stream.next().unwrap().unwrap_err();
    assert!(failure.to_string().contains("kaboom"), "{failure}");
    assert!(stream.next().is_none());
    assert!(stream.try_next().unwrap_err().is_same(&failure));
    assert!(stream.peak() <= 1);
    drop(stream);
    assert_eq!(log.entries(), ["read", "read", "source dropped"]);
}

// test-readable-from-iterator-closing.js: "closeStreamWhileNextIsPending".
#[test]
fn a_source_that_is_being_read_is_let_go_when_that_is_over() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let let_in = gate.clone();
        let source = Maker::new(&log, move |_| {
            let_in.pass();
            Ok(Some('a'))
        });
        let mut stream = Readable::from_source(source, HighWaterMark::items(1));
        gate.open(1);
        assert_eq!(stream.next().unwrap().unwrap(), 'a');
        gate.until_arrived(2);
        let dropping = task(move || drop(stream));
        dropping.until_parked();
        assert_eq!(log.count("source dropped"), 0);
        gate.open(1);
        dropping.join();
        assert_eq!(log.entries(), ["read", "read", "source dropped"]);
    });
}

// test-readable-from-iterator-closing.js: "closeAfterNullYielded", three chunks and the end.
#[test]
fn a_source_that_has_ended_is_let_go_while_its_stream_is_still_held() {
    in_time(|| {
        let log = Log::default();
        let source = Maker::new(&log, |n| Ok((n < 3).then_some('a')));
        let mut stream = Readable::from_source(source, HighWaterMark::items(1));
        assert_eq!(stream.by_ref().map(Result::unwrap).count(), 3);
        until("it is let go", || log.count("source dropped") == 1);
        assert_eq!(log.count("read"), 4);
        assert_eq!(stream.peak(), 1);
    });
}

// test-stream-readable-destroy.js: 'error' and 'close', and no 'end'.
// test-stream-destroy-event-order.js: the error comes first.
#[test]
fn a_destroyed_readable_tells_its_error_and_no_end() {
    let (mut writer, mut reader) = channel(HighWaterMark::items(2));
    writer.write(1).unwrap();
    writer.end();
    let cause = kaboom();
    reader.destroy(cause.clone());
    assert!(reader.error().unwrap().is_same(&cause));
    assert!(writer.is_closed());
    assert!(reader.next().unwrap().unwrap_err().is_same(&cause));
    assert!(reader.try_next().unwrap_err().is_same(&cause));
    assert_eq!((reader.len(), reader.peak()), (0, 1));
    assert!(writer.finish().unwrap_err().is_same(&cause));
}

// test-stream-readable-destroy.js: the second `destroy(err)` is not heard of.
#[test]
fn the_first_error_that_a_readable_is_destroyed_with_stays() {
    let (mut writer, mut reader) = channel(HighWaterMark::items(2));
    let first = Error::new(ErrorKind::Failed, "kaboom 1");
    reader.destroy(first.clone());
    reader.destroy(Error::new(ErrorKind::Failed, "kaboom 2"));
    assert!(reader.next().unwrap().unwrap_err().is_same(&first));
    let later: Vec<String> = first.others().map(Error::to_string).collect();
    assert_eq!(later, ["kaboom 2"]);
    assert_eq!(writer.write(1).unwrap_err().into_chunk(), 1);
    assert_eq!(reader.len(), 0);
}

// test-stream-readable-destroy.js: `destroy()` and then `push('hi')`.
#[test]
fn what_is_pushed_after_a_destroy_comes_back() {
    let (mut writer, mut reader) = channel(HighWaterMark::bytes(8));
    let cause = kaboom();
    reader.destroy(cause.clone());
    let refused = writer.write(bytes("hi")).unwrap_err();
    assert!(refused.cause().unwrap().is_same(&cause));
    assert_eq!(refused.into_chunk(), "hi");
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
    assert_eq!(reader.peak(), 0);

    let log = Log::default();
    let source = Maker::new(&log, |n| Ok(Some(n)));
    let mut stream = Readable::from_source(source, HighWaterMark::items(2));
    stream.destroy(cause.clone());
    assert!(stream.next().unwrap().unwrap_err().is_same(&cause));
    drop(stream);
    assert_eq!(log.entries(), ["source dropped"]);
}

// test-stream-error-once.js: two pushes after the end, and two writes after it.
#[test]
fn an_error_is_told_once() {
    let marks = Marks::new(4, 0).unwrap();
    let mut state: ReadableState<&str, Misuse> =
        ReadableState::new(marks, |text| text.len(), Reads::Items);
    state.push_end();
    assert_eq!(state.push("h"), Err("h"));
    assert_eq!(state.push("h"), Err("h"));
    assert_eq!(state.len(), 0);
    let _ = state.next_pull();
    let told = state.released();
    assert!(told.contains(highwater::state::Event::Error));
    assert!(state.released().is_empty());

    let (mut writer, mut reader) = channel(HighWaterMark::items(1));
    writer.write(1).unwrap();
    writer.fail(kaboom());
    assert_eq!(reader.peak(), 1);
    let told: Vec<_> = reader.by_ref().take(4).map(|next| next.is_err()).collect();
    assert_eq!(told, [false, true], "an iterator tells it once");
}

// test-stream-add-abort-signal.js: a stream under a signal.
#[test]
fn a_signal_that_is_given_to_a_stream_ends_it() {
    in_time(|| {
        for before in [true, false] {
            let (mut writer, mut reader) = channel(HighWaterMark::items(1));
            let token = CancelToken::new();
            let abort = || token.abort(kaboom());
            if before {
                abort();
                reader.cancel_with(&token);
                let failure = reader.next().unwrap().unwrap_err();
                assert_eq!(failure.kind(), ErrorKind::Cancelled);
            } else {
                reader.cancel_with(&token);
                let reading = task(move || (reader.next(), reader));
                reading.until_parked();
                abort();
                let (told, ended) = reading.join();
                assert_eq!(told.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
                reader = ended;
            }
            assert!(writer.write(1).unwrap_err().is_closed());
            assert_eq!(reader.len(), 0);
            assert!(reader.next().is_none());
        }
    });
}
