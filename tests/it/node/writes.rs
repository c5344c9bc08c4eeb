//! What a write does, and what it answers.

use bytes::Bytes;
use highwater::state::{Batching, Event, Marks, Misuse, SinkRequest, WritableState};
use highwater::{Error, ErrorKind, HighWaterMark, Writable, WriteError};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::node::parts::{Ending, Keeper, Log, bytes, filler};
use crate::support::{Gate, in_time, task};

/// How many chunks are written, of 1 byte, 2 bytes, and so on.
const CHUNKS: usize = 50;

fn pause(turns: u8) {
    (0..turns).for_each(|_| std::thread::yield_now());
}

/// Writes the chunks at one pace to a sink of another.
fn written_in_order(high: usize, low: usize, paces: Vec<(u8, u8)>) {
    let (tell, told) = std::sync::mpsc::channel();
    let mut sink_pauses = paces.clone().into_iter().map(|(_, sink)| sink);
    let each = move |chunk: Bytes| {
        pause(sink_pauses.next().unwrap_or(0));
        tell.send(chunk).map_err(Error::other)
    };
    let mark = HighWaterMark::bytes(high).low(low).unwrap();
    let mut out = Writable::from_fn(each, mark);
    for (at, (writer, _)) in paces.iter().enumerate() {
        pause(*writer);
        out.write(filler(at + 1)).unwrap();
        assert!(out.len() < high + at + 1, "{} buffered", out.len());
    }
    out.wait_finish().unwrap();
    assert_eq!(out.confirmed(), (CHUNKS * (CHUNKS + 1) / 2) as u64);
    drop(out.finish().unwrap());
    let lens: Vec<usize> = told.iter().map(|chunk| chunk.len()).collect();
    assert_eq!(lens, Vec::from_iter(1..=CHUNKS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // test-stream2-writable.js: it writes 50 chunks fast, slowly, and with callbacks.
    #[test]
    fn fifty_chunks_arrive_in_order_whatever_the_mark_and_the_pace(
        high in 1..=200_usize,
        part in 0.0..1.0,
        paces in vec((0..8_u8, 0..8_u8), CHUNKS),
    ) {
        let low = (high as f64 * part) as usize;
        in_time(move || written_in_order(high, low, paces));
    }
}

// test-stream2-writable.js: "write backpressure" counts 17 drains.
#[test]
fn a_writer_of_fifty_chunks_that_heeds_the_mark_of_fifty_bytes_waits_for_seventeen_drains() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let sink = Keeper::new(&log).gated(&gate);
        let kept = sink.kept();
        let mark = HighWaterMark::bytes(50).low(0).unwrap();
        let mut out = Writable::from_sink(sink, mark);
        let (mut drains, mut waiting) = (0, 0);
        for len in 1..=CHUNKS {
            waiting += 1;
            if !out.write(filler(len)).unwrap().reached() || len == CHUNKS {
                continue;
            }
            assert!((50..50 + len).contains(&out.len()), "{}", out.len());
            assert!(out.needs_drain());
            gate.open(std::mem::take(&mut waiting));
            out.wait_drain().unwrap();
            assert_eq!(out.len(), 0, "it drains at the low mark, which is 0");
            drains += 1;
        }
        assert_eq!(drains, 17);
        gate.open(waiting);
        let _ = out.finish().unwrap();
        let lens: Vec<usize> = kept.chunks().iter().map(Bytes::len).collect();
        assert_eq!(lens, Vec::from_iter(1..=CHUNKS));
    });
}

// test-stream2-writable.js: "end(chunk) two times is an error". In Node it destroys the stream.
#[test]
fn a_write_after_the_end_is_refused_and_what_came_before_it_arrives() {
    let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(64));
    let cork = out.cork();
    out.write(bytes("this is the end")).unwrap();
    assert_eq!(out.len(), 15);
    drop(cork);
    out.end();
    let refused = out.write(bytes("and so is this")).unwrap_err();
    assert!(matches!(&refused, WriteError::Ended(chunk) if chunk == "and so is this"));
    assert_eq!(refused.to_string(), "write after end");
    assert_eq!(out.finish().unwrap(), b"this is the end");
}

// test-stream2-writable.js: "dont end while writing", "finish does not come before write cb".
#[test]
fn a_stream_is_not_finished_before_its_last_write_is_done() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let mut out = Writable::from_sink(Keeper::new(&log).gated(&gate), HighWaterMark::items(4));
        for item in 0..3 {
            out.write(item).unwrap();
        }
        out.end();
        for written in 0..3 {
            gate.until_arrived(written + 1);
            assert!(!out.is_finished());
            assert_eq!(log.count("finish"), 0);
            assert!(out.len() >= 3 - written && out.len() <= 4);
            gate.open(1);
        }
        drop(out.finish().unwrap());
        let once = ["write", "written"];
        let all = [
            &once[..],
            &once,
            &once,
            &["finish", "finished", "sink dropped"],
        ];
        assert_eq!(log.entries(), all.concat());
    });
}

// test-stream2-writable.js: "finish is emitted if last chunk is empty". As in Node the sink gets that
// chunk too: it was written.
// test-stream-write-final.js: it ends with one too.
#[test]
fn a_stream_whose_last_chunk_is_empty_finishes() {
    let log = Log::default();
    let mut out = Writable::from_sink(Keeper::new(&log), HighWaterMark::bytes(1));
    out.write(filler(1)).unwrap();
    out.write(Bytes::new()).unwrap();
    assert!(out.len() <= 1);
    drop(out.finish().unwrap());
    assert_eq!(
        log.entries(),
        [
            "write",
            "written",
            "write",
            "written",
            "finish",
            "finished",
            "sink dropped"
        ]
    );
}

// test-stream-writable-write-error.js: each way to fail has a code, in the callback first.
#[test]
fn a_refused_write_says_why_and_gives_its_chunk_back() {
    let gate = Gate::new();
    let full = || {
        let sink = Keeper::new(&Log::default()).gated(&gate);
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(3));
        assert!(out.write(bytes("abc")).unwrap().reached());
        out
    };
    let mut out = full();
    let refused = out.try_write(bytes("asd")).unwrap_err();
    assert!(matches!(&refused, WriteError::Full(chunk) if chunk == "asd"));
    let refused = out.write_timeout(bytes("asd"), std::time::Duration::ZERO);
    assert!(matches!(refused.unwrap_err(), WriteError::TimedOut(chunk) if chunk == "asd"));
    assert_eq!(out.len(), 3, "neither has been taken");
    out.end();
    assert!(matches!(out.write(bytes("asd")), Err(WriteError::Ended(chunk)) if chunk == "asd"));
    gate.open(1);
    let _ = out.finish().unwrap();

    let mut out = full();
    let cause = Error::other("kaboom");
    drop(out.destroy(cause.clone()));
    for _ in 0..2 {
        let refused = out.write(bytes("asd")).unwrap_err();
        assert!(refused.is_closed() || matches!(refused, WriteError::Ended(_)));
        assert_eq!(refused.into_chunk(), "asd");
    }
    assert!(out.error().unwrap().is_same(&cause));
    gate.open(1);
    assert!(out.finish().err().unwrap().is_same(&cause));
}

// test-stream-write-drain.js: it ends with a drain still due, which must not be told.
#[test]
fn a_drain_is_not_told_after_the_end() {
    let marks = Marks::new(1, 0).unwrap();
    let mut state: WritableState<&str, Misuse> =
        WritableState::new(marks, |text| text.len(), Batching::One);
    assert!(state.write("asd").unwrap().reached());
    assert!(matches!(state.next_request(), Some(SinkRequest::Write(_))));
    assert!(state.needs_drain());
    state.end();
    assert!(!state.needs_drain());
    assert_eq!(state.len(), 3);
    assert!(!state.complete().contains(Event::Drain));
    assert!(matches!(state.next_request(), Some(SinkRequest::Final)));
    assert!(state.complete().contains(Event::Finish));

    // Nor does whoever waits for it wait for ever, or go on to write.
    let gate = Gate::new();
    let sink = Keeper::new(&Log::default()).gated(&gate);
    let mut out = Writable::from_sink(sink, HighWaterMark::bytes(1));
    assert!(out.write(bytes("asd")).unwrap().reached());
    out.end();
    assert_eq!(out.wait_drain().unwrap_err().kind(), ErrorKind::Ended);
    gate.open(1);
    let _ = out.finish().unwrap();
}

// test-stream-writable-needdrain-state.js: it looks before, in the middle of and after a write.
#[test]
fn a_stream_needs_a_drain_from_the_write_that_fills_it_until_its_sink_is_done() {
    in_time(|| {
        let gate = Gate::new();
        let sink = Keeper::new(&Log::default()).gated(&gate);
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(1));
        assert!(!out.needs_drain());
        assert!(out.write(bytes("asdasd")).unwrap().reached());
        assert!(out.needs_drain());
        gate.until_arrived(1);
        assert!(out.needs_drain(), "the sink has it in hand");
        assert_eq!(out.len(), 6);
        let waiting = task(move || out.wait_drain().map(|()| out));
        waiting.until_parked();
        gate.open(1);
        let out = waiting.join().unwrap();
        assert!(!out.needs_drain());
        assert_eq!(out.len(), 0);
        let _ = out.finish().unwrap();
    });
}

// test-stream-writable-end-multiple.js: in Node an `end` after the finish is an error.
#[test]
fn an_end_may_be_called_again_before_and_after_the_finish() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let sink = Keeper::new(&log).ending(Ending::Waits(gate.clone()));
        let kept = sink.kept();
        let mut out = Writable::from_sink(sink, HighWaterMark::bytes(64));
        let cork = out.cork();
        out.write(bytes("testing ended state")).unwrap();
        assert_eq!(out.len(), 19);
        drop(cork);
        out.end();
        out.end();
        gate.until_arrived(1);
        out.end();
        assert!(!out.is_finished());
        gate.open(1);
        out.wait_finish().unwrap();
        assert!(out.is_finished());
        out.end();
        out.wait_finish().unwrap();
        let _ = out.finish().unwrap();
        assert_eq!(log.count("finish"), 1);
        assert_eq!(kept.chunks(), ["testing ended state"]);
    });
}
