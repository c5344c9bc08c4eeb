//! Streams that are read into others: who waits for whom, and who ends whom.

use bytes::Bytes;
use highwater::stage::Collect;
use highwater::stage::operators::PassThrough;
use highwater::stream::{HalfOpen, duplex_pair};
use highwater::{
    CancelToken, Duplex, Error, ErrorKind, HighWaterMark, Out, Readable, Writable, channel,
    pipeline, pipeline_of,
};

use crate::node::parts::{Keeper, Log, Maker, bytes, filler};
use crate::support::{Gate, in_time, task, until};

// test-stream-pipe-deadlock.js: a source that is over, into a sink that is full.
// test-stream-pipe-needDrain.js: at a mark of 1.
#[test]
fn a_source_that_has_ended_is_piped_into_a_sink_that_is_full() {
    in_time(|| {
        for (high, full, more) in [(1000, 1000, 100), (1, 3, 3)] {
            let (mut writer, source) = channel(HighWaterMark::bytes(high));
            writer.write(filler(more)).unwrap();
            writer.end();
            let gate = Gate::new();
            let sink = Keeper::new(&Log::default()).gated(&gate);
            let kept = sink.kept();
            let mut dest = Writable::from_sink(sink, HighWaterMark::bytes(high));
            assert!(dest.write(filler(full)).unwrap().reached());
            assert!(dest.needs_drain());
            gate.until_arrived(1);

            let piping = task(move || source.pipe_to(dest).map(drop));
            piping.until_parked();
            assert_eq!(gate.arrived(), 1, "it waits for the drain");
            assert_eq!(writer.len(), 0, "with the chunk in its hand");
            gate.open(2);
            piping.join().unwrap();
            writer.finish().unwrap();
            let lens: Vec<usize> = kept.chunks().iter().map(Bytes::len).collect();
            assert_eq!(lens, [full, more]);
        }
    });
}

/// More than any mark here.
const LARGE: usize = 560_000;

// test-stream-pipe-await-drain.js: of three sinks one is fast and two never call back.
#[test]
fn of_three_sinks_the_slowest_paces_all() {
    in_time(|| {
        let reads = Log::default();
        let source = Maker::new(&reads, |n| Ok((n < 2).then(|| filler(LARGE))));
        let fast = Keeper::new(&Log::default());
        let got = fast.kept();
        let gates = [Gate::new(), Gate::new()];
        let slow = gates
            .each_ref()
            .map(|gate| Keeper::new(&Log::default()).gated(gate));
        let [second, third] = slow;
        let others = [second.kept(), third.kept()];
        let begun = pipeline(source)
            .high_water_mark(HighWaterMark::bytes(16 * 1024))
            .tee(second)
            .tee(third);
        let running = task(move || begun.to(fast).run().unwrap());

        gates.iter().for_each(|gate| gate.until_arrived(1));
        until("the fast one has the first chunk", || {
            got.chunks().len() == 1
        });
        running.until_parked();
        assert_eq!(got.chunks().len(), 1, "it waits for both");
        gates[0].open(2);
        gates[0].until_arrived(2);
        running.until_parked();
        assert_eq!(got.chunks().len(), 1, "it waits for the other one");
        assert_eq!(gates[1].arrived(), 1);
        gates[1].open(2);
        let report = running.join();
        assert_eq!(got.chunks(), [filler(LARGE), filler(LARGE)]);
        assert!(others.iter().all(|other| other.chunks() == got.chunks()));
        assert_eq!(reads.count("read"), 3);
        for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
            assert!(buffer.peak < 16 * 1024 + LARGE, "{buffer:?}");
        }
    });
}

// test-stream-pipe-multiple-pipes.js: five sinks, of which four are taken off the pipe.
#[test]
fn five_sinks_get_each_chunk_once_until_they_have_enough() {
    in_time(|| {
        let input = Bytes::from_static(&[1, 2, 3, 4, 5]);
        let made = input.clone();
        let source = Maker::new(&Log::default(), move |n| match n {
            0 => Ok(Some(made.clone())),
            _ => Ok((n <= 50).then(|| bytes("something else"))),
        });
        let mut begun = pipeline(source).high_water_mark(HighWaterMark::bytes(16));
        let mut kept = Vec::new();
        for _ in 0..4 {
            let sink = Keeper::new(&Log::default()).failing_after(1, &Error::enough());
            kept.push(sink.kept());
            begun = begun.tee(sink);
        }
        let last = Keeper::new(&Log::default());
        let all = last.kept();
        let report = begun.to(last).run().unwrap();
        assert!(kept.iter().all(|kept| kept.chunks() == [input.clone()]));
        assert_eq!(all.chunks()[0], input);
        let rest = &all.chunks()[1..];
        assert_eq!(rest.len(), 50);
        assert!(rest.iter().all(|chunk| chunk == "something else"));
        for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
            assert!(buffer.peak < 16 + 14, "{buffer:?}");
        }
    });
}

// test-stream-pipe-multiple-pipes.js: the one that is taken off last.
#[test]
fn a_second_sink_gets_what_was_passed_on_before_the_first_had_enough() {
    in_time(|| {
        for buffered in [false, true] {
            let (log, gate) = (Log::default(), Gate::new());
            let mark = HighWaterMark::items(8);
            let second = Keeper::new(&log).gated(&gate);
            let kept = second.kept();
            let mut begun = pipeline_of(Readable::from_iter(1.., mark), mark).tee(second);
            if buffered {
                begun = begun.buffered(mark);
            }
            let ready = begun.take(3).to(Collect::at_most(3));
            let running = task(move || ready.run_into().unwrap());
            gate.until_arrived(1);
            running.until_parked();
            assert!(!running.is_finished(), "it waits for both");
            gate.open(1_000);
            let (report, first) = running.join();
            assert_eq!(first.into_vec(), [1, 2, 3]);
            let kept = kept.chunks();
            assert!(kept.iter().copied().eq(1..=kept.len()), "{kept:?}");
            assert!(kept.len() >= 3 && (buffered || kept.len() == 3), "{kept:?}");
            assert_eq!(log.count("finished"), 1);
            for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
                assert!(buffer.peak <= 8, "{buffer:?}");
            }
        }
    });
}

// test-stream-pipe-await-drain-push-while-write.js: 32, 33 and 34 KiB, of which the last is pushed
// while the first is being written.
#[test]
fn a_chunk_that_is_pushed_while_another_one_is_written_comes_behind_those_before_it() {
    const KIB: usize = 1024;
    let (mut source, mut reader) = channel(HighWaterMark::bytes(128 * KIB));
    let mut feedback = source.clone();
    source.write(filler(32 * KIB)).unwrap();
    source.write(filler(33 * KIB)).unwrap();
    source.end();
    let mut written = Vec::new();
    while let Some(chunk) = reader.next().transpose().unwrap() {
        if chunk.len() == 32 * KIB {
            feedback.try_write(filler(34 * KIB)).unwrap();
            feedback.end();
        }
        written.push(chunk.len() / KIB);
    }
    assert_eq!(written, [32, 33, 34]);
    assert!(reader.peak() <= 99 * KIB);

    // Where there is no room for it, it comes back: a wait would be for itself.
    let (mut source, mut reader) = channel(HighWaterMark::bytes(16 * KIB));
    let mut feedback = source.clone();
    source.write(filler(33 * KIB)).unwrap();
    assert!(feedback.try_write(filler(34 * KIB)).unwrap_err().is_full());
    assert_eq!(reader.next().unwrap().unwrap().len(), 33 * KIB);
    feedback.try_write(filler(34 * KIB)).unwrap();
    assert_eq!(reader.peak(), 34 * KIB);
}

// test-stream-await-drain-writers-in-synchronously-recursion-write.js: two pass-throughs at a mark
// of 1, and who reads sends two more at the second of two.
#[test]
fn who_reads_may_write_what_comes_round_to_it() {
    in_time(|| {
        let mark = HighWaterMark::bytes(1);
        let (mut encode, encoded) = channel(mark);
        let mut decode = encoded
            .through(PassThrough, mark)
            .through(PassThrough, mark);
        let nothing = decode.try_next().unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let mut send = |byte: u8| encode.write(Bytes::from(vec![byte])).map(drop);
        send(1).unwrap();
        send(2).unwrap();
        let mut got = Vec::new();
        while got.len() < 4 {
            got.extend_from_slice(&decode.next().unwrap().unwrap());
            if got.len() == 2 {
                send(3).unwrap();
                send(4).unwrap();
            }
        }
        encode.end();
        assert!(decode.next().is_none());
        assert_eq!(got, [1, 2, 3, 4]);
        assert_eq!(decode.peak(), 1);
    });
}

// test-stream2-finish-pipe-error.js: the sink is ended at once.
#[test]
fn a_pipe_into_a_sink_that_was_ended_is_an_error_and_lets_its_source_go() {
    in_time(|| {
        let (reads, writes) = (Log::default(), Log::default());
        let endless = Maker::new(&reads, |_| Ok(Some(filler(16))));
        let source = Readable::from_source(endless, HighWaterMark::bytes(16));
        let mut dest = Writable::from_sink(Keeper::new(&writes), HighWaterMark::bytes(16));
        dest.end();
        let failure = source.pipe_to(dest).err().unwrap();
        assert_eq!(failure.kind(), ErrorKind::Ended);
        assert_eq!(reads.count("source dropped"), 1);
        assert!(
            (1..=2).contains(&reads.count("read")),
            "the mark is a chunk"
        );
        assert_eq!(writes.entries(), ["finish", "finished", "sink dropped"]);
    });
}

// test-stream2-finish-pipe-error.js: and while it is piped into.
#[test]
fn a_pipe_into_a_sink_that_somebody_else_stops_is_an_error_and_no_wait_without_end() {
    in_time(|| {
        let (reads, gate, token) = (Log::default(), Gate::new(), CancelToken::new());
        let endless = Maker::new(&reads, |_| Ok(Some(filler(16))));
        let source = Readable::from_source(endless, HighWaterMark::bytes(16));
        let sink = Keeper::new(&Log::default()).gated(&gate);
        let kept = sink.kept();
        let dest = Writable::from_sink(sink, HighWaterMark::bytes(16));
        dest.cancel_with(&token);
        let piping = task(move || source.pipe_to(dest).err().unwrap());
        gate.until_arrived(1);
        piping.until_parked();
        token.stop();
        gate.open(2);
        assert_eq!(piping.join().kind(), ErrorKind::Cancelled);
        assert_eq!(
            kept.chunks(),
            [filler(16)],
            "what was buffered, and no more"
        );
        assert_eq!(reads.count("source dropped"), 1);
        assert!(
            reads.count("read") <= 3,
            "one written, one in hand, one ahead"
        );
    });
}

// test-stream-pipeline-queued-end-in-destroy.js: its source breaks off while the sink is writing.
#[test]
fn a_pipeline_whose_source_breaks_off_does_not_finish_its_sink() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let (mut writer, reader) = channel(HighWaterMark::bytes(16));
        let ready = pipeline(reader).to(Keeper::new(&log).gated(&gate));
        writer.write(bytes("foo")).unwrap();
        let running = task(move || ready.run().unwrap_err());
        gate.until_arrived(1);
        drop(writer);
        gate.open(1);
        let failure = running.join();
        assert_eq!(failure.error.kind(), ErrorKind::PrematureClose);
        assert_eq!(failure.report.bytes(), 3);
        assert_eq!(log.count("finish"), 0);
        let failed = log
            .entries()
            .into_iter()
            .filter(|entry| entry.starts_with("fail"));
        assert_eq!(failed.count(), 1, "and it is told why");
    });
}

// test-stream-duplex-end.js: `allowHalfOpen`, true and false, and of one that has ended before.
#[test]
fn a_duplex_that_reads_an_end_stays_open_or_ends_as_it_was_told() {
    let mark = HighWaterMark::items(1);
    for (policy, ends_first) in [
        (HalfOpen::Stays, false),
        (HalfOpen::Ends, false),
        (HalfOpen::Ends, true),
    ] {
        let (here, mut there) = duplex_pair::<u8, u8, _, _>(mark, mark);
        let mut here = here.half_open(policy);
        here.write(1).unwrap();
        if ends_first {
            here.end();
        }
        there.end();
        assert_eq!(here.writable().is_ended(), ends_first);
        assert!(here.next().is_none());
        let ended = policy == HalfOpen::Ends;
        assert_eq!(here.writable().is_ended(), ended);
        assert_eq!(there.next().unwrap().unwrap(), 1);
        if !ended {
            here.write(2).unwrap();
            assert_eq!(there.next().unwrap().unwrap(), 2);
            here.end();
        }
        assert!(there.next().is_none());
        assert_eq!(there.readable().peak(), 1);
    }
    assert_eq!(HalfOpen::default(), HalfOpen::Stays);
}

// test-stream-duplex-readable-end.js: a transform that ends its readable half at the first of five
// chunks, of which Node reads two.
#[test]
fn a_transform_that_has_enough_ends_what_is_behind_it_and_stops_what_is_before_it() {
    in_time(|| {
        let reads = Log::default();
        let source = Maker::new(&reads, |n| Ok((n < 5).then(|| filler(20_000))));
        let mark = HighWaterMark::bytes(16 * 1024);
        let enough =
            |_: Bytes, _: &mut Out<'_, Bytes>| -> Result<(), Error> { Err(Error::enough()) };
        let mut dest = Readable::from_source(source, mark).through(enough, mark);
        assert!(dest.next().is_none());
        assert!(dest.error().is_none());
        assert_eq!(dest.peak(), 0);
        drop(dest);
        assert!(
            (1..=2).contains(&reads.count("read")),
            "{:?}",
            reads.entries()
        );
        assert_eq!(reads.count("source dropped"), 1);

        let mut both = Duplex::over(enough, mark, mark);
        both.write(filler(20_000)).unwrap();
        assert!(both.next().is_none());
        until("its writer is told", || both.writable().is_closed());
        let refused = both.writable().wait_drain();
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Closed);
    });
}
