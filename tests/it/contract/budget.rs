//! Rule 19: one hard number over many streams, whatever their marks allow.

use std::io;

use bytes::Bytes;
use highwater::stream::channel_within;
use highwater::{Budget, CancelToken, ErrorKind, HighWaterMark, WriteSink, lines, pipeline};

use crate::support::hostile::{Scripted, Step, pattern};
use crate::support::stages::{CHUNK, Gated, HIGH, source};
use crate::support::{Gate, in_time, task, until_still};

fn chunk(bytes: usize) -> Bytes {
    Bytes::from(vec![7; bytes])
}

#[test]
fn a_chunk_is_charged_until_its_last_slice_is_dropped() {
    let budget = Budget::new(100);
    let (mut writer, mut reader) = channel_within(HighWaterMark::bytes(1_000), &budget);
    assert!(!writer.write(chunk(30)).unwrap().reached());
    assert!(!writer.write(chunk(40)).unwrap().reached());
    assert_eq!((budget.used(), budget.peak()), (70, 70));
    let first = reader.next().unwrap().unwrap();
    let slice = first.slice(5..6);
    drop(first);
    assert_eq!(budget.used(), 70, "a slice of it is still there");
    drop(slice);
    assert_eq!(budget.used(), 40);
    drop(reader);
    assert_eq!((budget.used(), budget.peak()), (0, 70));
}

#[test]
fn a_writer_waits_for_room_in_the_budget_and_not_just_in_its_buffer() {
    in_time(|| {
        let budget = Budget::new(100);
        let mark = HighWaterMark::bytes(1_000);
        let (mut one, one_read) = channel_within(mark, &budget);
        let (mut other, mut other_read) = channel_within(mark, &budget);
        assert!(one.write(chunk(60)).is_ok());
        assert!(other.write(chunk(40)).is_ok());
        assert!(one.try_write(chunk(1)).unwrap_err().is_full());
        let blocked = task(move || one.write(chunk(30)).map(|_| one).unwrap());
        blocked.until_parked();
        // It is the other stream that makes the room.
        drop(other_read.next());
        let one = blocked.join();
        assert_eq!(budget.used(), 90);
        assert!(budget.peak() <= budget.capacity());
        drop((one, one_read, other, other_read));
        assert_eq!(budget.used(), 0);
    });
}

// Nothing waits for ever, whoever has used the budget up.
#[test]
fn an_empty_buffer_takes_one_chunk_whether_it_can_be_charged_or_not() {
    in_time(|| {
        let budget = Budget::new(100);
        let mark = HighWaterMark::bytes(1_000);
        let (mut hoard, hoard_read) = channel_within(mark, &budget);
        assert!(hoard.write(chunk(100)).is_ok());
        let (mut writer, mut reader) = channel_within(mark, &budget);
        for _ in 0..100 {
            assert!(writer.try_write(chunk(50)).is_ok());
            assert!(
                writer.try_write(chunk(50)).unwrap_err().is_full(),
                "a second one"
            );
            assert_eq!(reader.next().unwrap().unwrap().len(), 50);
        }
        // One that is larger than the whole budget goes through as well.
        assert!(writer.try_write(chunk(5_000)).is_ok());
        assert_eq!(reader.next().unwrap().unwrap().len(), 5_000);
        // And a read that is longer than what may be charged.
        let long = task(move || reader.read_n(1_000).unwrap().unwrap().len());
        for _ in 0..20 {
            assert!(writer.write(chunk(50)).is_ok());
        }
        assert_eq!(long.join(), 1_000);
        assert_eq!((budget.used(), budget.peak()), (100, 100));
        drop((hoard, hoard_read));
    });
}

// Many pipelines whose sinks stand still hold no more together than the budget, and a chunk each.
#[test]
fn pipelines_that_share_a_budget_hold_no_more_than_that_together() {
    in_time(|| {
        const PIPELINES: usize = 4;
        const ALL: usize = 5_000;
        let budget = Budget::new(10 * CHUNK);
        let running: Vec<_> = (0..PIPELINES)
            .map(|_| {
                let gate = Gate::new();
                let sink = Gated {
                    inner: WriteSink::new(Vec::new(), "memory"),
                    gate: gate.clone(),
                };
                let begun = pipeline(source(ALL, [Step::Move(CHUNK)]));
                let monitor = begun.monitor();
                let ready = begun
                    .high_water_mark(HighWaterMark::bytes(10 * HIGH))
                    .buffered(HighWaterMark::bytes(10 * HIGH))
                    .budget(&budget)
                    .to(sink);
                (gate, monitor, task(move || ready.run_into().unwrap()))
            })
            .collect();
        for (gate, _, running) in &running {
            gate.until_arrived(1);
            running.until_parked();
        }
        let read = || -> usize {
            let reports = running.iter().map(|(_, monitor, _)| monitor.snapshot());
            reports
                .map(|report| report.stages()[0].bytes as usize)
                .sum()
        };
        let last = until_still("every source is held up", read);
        assert!(budget.peak() <= budget.capacity());
        // For each pipeline two buffers, a source and a stage that have a chunk in hand each.
        let most = budget.capacity() + PIPELINES * 4 * CHUNK;
        assert!(last <= most, "{last} read, and {most} allowed");
        for (gate, _, _) in &running {
            gate.open(ALL);
        }
        for (_, _, running) in running {
            let (report, sink) = running.join();
            assert!(sink.inner.into_inner() == pattern(ALL));
            assert_eq!(report.bytes(), ALL as u64);
        }
        assert_eq!(budget.used(), 0);
        assert!(budget.peak() <= budget.capacity());
    });
}

// What a stage keeps of a chunk is charged for the whole of it: also a line.
#[test]
fn what_a_stage_cuts_out_of_a_chunk_holds_its_charge() {
    in_time(|| {
        let budget = Budget::new(100 * CHUNK);
        let kept = pipeline(&b"one\ntwo\nthree\n"[..])
            .budget(&budget)
            .through_with(lines::lines(), lines::mark(HIGH))
            .readable()
            .to_vec(9)
            .unwrap();
        assert_eq!(kept, ["one", "two", "three"]);
        assert!(budget.used() >= 14, "{budget:?}");
        drop(kept);
        assert_eq!(budget.used(), 0);
    });
}

// Rules 12, 14 and 15: a wait for the budget ends with the stream, however that ends.
#[test]
fn a_writer_that_waits_for_the_budget_is_told_the_end() {
    in_time(|| {
        for ends in ["the reader goes", "a token", "a timeout"] {
            let budget = Budget::new(50);
            let (mut hoard, hoard_read) = channel_within(HighWaterMark::bytes(100), &budget);
            assert!(hoard.write(chunk(50)).is_ok());
            let (mut writer, reader) = channel_within(HighWaterMark::bytes(100), &budget);
            assert!(writer.write(chunk(10)).is_ok());
            let token = CancelToken::new();
            writer.cancel_with(&token);
            if ends == "a timeout" {
                let refused = writer.write_timeout(chunk(10), std::time::Duration::from_millis(1));
                assert_eq!(refused.unwrap_err().into_chunk().len(), 10);
            } else {
                let blocked = task(move || writer.write(chunk(10)).unwrap_err());
                blocked.until_parked();
                match ends {
                    "a token" => token.abort("enough"),
                    _ => drop(reader),
                }
                let (back, error) = blocked.join().into_parts();
                assert_eq!(back.len(), 10);
                let expected = match ends {
                    "a token" => ErrorKind::Cancelled,
                    _ => ErrorKind::Closed,
                };
                assert_eq!(error.kind(), expected);
            }
            assert_eq!(budget.used(), 50);
            drop((hoard, hoard_read));
            assert_eq!(budget.used(), 0, "{ends}");
        }
    });
}

// Rule 18: what a failed pipeline gives back is charged for as long as it is kept.
#[test]
fn a_pipeline_that_fails_lets_go_of_the_budget_with_what_it_gives_back() {
    in_time(|| {
        let budget = Budget::new(100 * CHUNK);
        let full = Step::Fail(io::ErrorKind::StorageFull);
        let failure = pipeline(source(usize::MAX, [Step::Move(CHUNK)]))
            .high_water_mark(HighWaterMark::bytes(HIGH))
            .budget(&budget)
            .to(WriteSink::new(Scripted::until(25, full), "broken"))
            .run()
            .unwrap_err();
        assert_eq!(failure.report.bytes(), 25);
        // Save for the one that was let into an empty buffer, and the one in the source's hand.
        assert!(budget.used() + 2 * CHUNK >= failure.undelivered.weight());
        drop(failure);
        assert_eq!(budget.used(), 0);
    });
}
